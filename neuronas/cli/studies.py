"""Stored studies: ``list``, ``status``, ``front``, ``history``, ``show`` and ``enqueue``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import (
    Format,
    JsonFormat,
    Name,
    NestedFormat,
    OutputFormat,
    Storage,
    say,
    write,
    write_table,
    write_tables,
)

if TYPE_CHECKING:
    from neuronas.hardware import Estimate
    from neuronas.records import CostRecord, StudyRecord, Trial
    from neuronas.storage import Repository


def _summary(repository: Repository, study: StudyRecord) -> tuple[StudyRecord, str, float, int]:
    state = study.state
    if state == "running" and not repository.is_searched(study.name):
        state = "interrupted"
    return study, state, repository.hypervolume(study.name), len(repository.front(study.name))


def list_studies(storage: Storage = None, form: Format = OutputFormat.TABLE) -> None:
    """List the studies of a database."""
    from neuronas.report import studies_table
    from neuronas.storage import Repository, resolve_url

    with Repository(resolve_url(storage)) as repository:
        studies = [_summary(repository, study) for study in repository.studies()]
    write_table(studies_table(studies), form)


def status(
    name: Annotated[
        str | None, typer.Argument(help="Name of a study; all of them without.")
    ] = None,
    storage: Storage = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Show how far a study is: what was trained, reused, rejected and why."""
    from neuronas.report import status_json, status_table
    from neuronas.storage import Repository, queued, resolve_url

    if name is None:
        list_studies(storage, form)
        return
    with Repository(resolve_url(storage)) as repository:
        workers = sum(worker.alive for worker in repository.workers(name))
        waiting = queued(repository.url, name)
        summary = (*_summary(repository, repository.study(name)), waiting, workers)
    if form is OutputFormat.JSON:
        write(json.dumps(status_json(*summary), indent=2) + "\n")
    else:
        write_table(status_table(*summary), form)


def front(name: Name, storage: Storage = None, form: Format = OutputFormat.TABLE) -> None:
    """Print a study's Pareto front, with test accuracy once the study is finished."""
    from neuronas.report import front_table
    from neuronas.storage import Repository, resolve_url

    with Repository(resolve_url(storage)) as repository:
        table = front_table(repository.study(name), repository.front(name))
    write_table(table, form)


def history(name: Name, storage: Storage = None, form: Format = OutputFormat.TABLE) -> None:
    """Print how a study's front came about: which trial entered and left it, and when."""
    from neuronas.report import history_table
    from neuronas.storage import Repository, resolve_url

    with Repository(resolve_url(storage)) as repository:
        table = history_table(repository.study(name), repository.history(name))
    write_table(table, form)


def show(
    name: Name,
    trial: Annotated[int, typer.Argument(help="Number of a trial.", show_default=False)],
    storage: Storage = None,
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Show one trial: its genotype, its evaluation, what each component and each layer costs."""
    from neuronas.errors import StorageError
    from neuronas.storage import Repository, resolve_url

    with Repository(resolve_url(storage)) as repository:
        study = repository.study(name)
        found = repository.find_trial(name, trial)
        if found is None:
            numbers = [t.candidate.trial_number for t in repository.trials(name)]
            span = f"0 to {max(numbers)}" if numbers else "none yet"
            raise StorageError(f"study '{name}' has no trial {trial}; trials there: {span}")
    estimates = {"cost": _estimate(study, found, found.cost)}
    if found.measured_cost is not None and found.evaluation is not None:
        rates = found.evaluation.spike_rates
        estimates["measured_cost"] = estimates["cost"] and _estimate(
            study, found, found.measured_cost, rates
        )
    if form is JsonFormat.JSON:
        write(json.dumps(_trial_json(found, estimates), indent=2) + "\n")
    else:
        _write_trial(found, list(estimates.values())[-1])


def _estimate(
    study: StudyRecord, trial: Trial, cost: CostRecord, rates: Mapping[str, float] | None = None
) -> Estimate | None:
    """Return a cost of a trial by component; None, and say why, if it is not what is stored.

    Args:
        study: The study.
        trial: The trial.
        cost: What is stored.
        rates: Spike rates that it was computed at; the assumed ones where None.
    """
    from neuronas.errors import NeuronasError
    from neuronas.searching import candidate_estimate

    try:
        found = candidate_estimate(study.config, trial.candidate, spike_rate=rates)
    except NeuronasError as error:
        say(f"what each component costs cannot be shown: {error}")
        return None
    stored = (cost.energy_pj, cost.latency_ns, cost.area_um2)
    now = (found.energy_pj, found.latency_ns, found.area_um2)
    if not all(isclose(old, new) for old, new in zip(stored, now, strict=True)):
        say(
            "what each component costs is not shown: the hardware model has changed since this "
            "trial was costed. 'neuronas estimate' costs its genotype anew"
        )
        return None
    return found


def _trial_json(trial: Trial, estimates: Mapping[str, Estimate | None]) -> dict[str, object]:
    from dataclasses import asdict

    def parts(name: str) -> dict[str, object]:
        found = estimates.get(name)
        known = found.to_json() if found is not None else {}
        return {key: known.get(key) for key in ("energy_parts_pj", "latency_parts_ns")}

    evaluation = None
    if trial.evaluation is not None:
        evaluation = asdict(trial.evaluation) | {
            "weights_path": trial.evaluation.weights_path.as_posix()
        }
    return {
        "trial": trial.candidate.trial_number,
        "state": trial.state,
        "reason": trial.reason,
        "newly_trained": trial.newly_trained,
        "retry_of": trial.candidate.retry_of,
        "genotype": trial.candidate.architecture.to_json(),
        "chip": dict(trial.candidate.chip),
        "training_digest": trial.candidate.training_digest,
        "deployment_digest": trial.candidate.deployment_digest,
        "feasible_probability": trial.candidate.feasible_probability,
        "cost": asdict(trial.cost) | parts("cost"),
        "measured_cost": trial.measured_cost
        and asdict(trial.measured_cost) | parts("measured_cost"),
        "evaluation": evaluation,
    }


def _write_trial(trial: Trial, estimate: Estimate | None) -> None:
    from neuronas.report import cost_tables, layers_table

    write("\n".join(_trial_lines(trial)) + "\n\n")
    write_tables(
        [layers_table(trial.known_cost.layers)] if estimate is None else cost_tables(estimate)
    )
    write("\n" + json.dumps(trial.candidate.architecture.to_json()) + "\n")


def _trial_lines(trial: Trial) -> list[str]:
    """Return what is known of a trial beside its tables, a line per fact."""
    cost = trial.known_cost
    lines = [f"trial {trial.candidate.trial_number}: {trial.state}"]
    if trial.candidate.chip:
        lines.append("chip: " + ", ".join(f"{k} {v}" for k, v in trial.candidate.chip.items()))
    if trial.reason:
        lines.append(f"reason: {trial.reason}")
    if trial.evaluation is not None:
        rates = ", ".join(f"{n} {r:.3f}" for n, r in trial.evaluation.spike_rates.items())
        lines += [
            f"validation accuracy: {trial.evaluation.validation_accuracy:.2%}",
            f"spike rates: {rates}",
            f"weights: {trial.evaluation.weights_path}, in the checkpoint folder",
        ]
        if trial.evaluation.zero_inputs is not None:
            silent = ", ".join(f"{n} {r:.3f}" for n, r in trial.evaluation.zero_inputs.items())
            lines.insert(-1, f"share of positions where no channel fires: {silent}")
        if trial.evaluation.peak_memory_bytes is not None:
            megabytes = trial.evaluation.peak_memory_bytes / 1e6
            taken = f"{trial.evaluation.train_seconds:.3g} s, {megabytes:.3g} MB"
            lines.insert(-1, f"training took: {taken}")
        if trial.evaluation.test_accuracy is not None:
            lines.insert(2, f"test accuracy: {trial.evaluation.test_accuracy:.2%}")
    if trial.candidate.feasible_probability is not None:
        stated = f"{trial.candidate.feasible_probability:.1%}"
        lines.append(f"probability of staying within every budget, as stated: {stated}")
    if trial.measured_cost is not None:
        lines.append(f"cost at assumed spike rates: {_totals(trial.cost)}")
    at_measured = " at measured spike rates" if trial.measured_cost is not None else ""
    lines.append(f"cost{at_measured}: {_totals(cost)}")
    if cost.constraints:
        constraints = ", ".join(f"{name} {value:+.1%}" for name, value in cost.constraints.items())
        lines.append(f"against the budget (negative fits): {constraints}")
    effects = ", ".join(cost.not_modelled["effects"])
    lines.append(f"cost by model '{cost.model}' on chip '{cost.chip}', not modelled: {effects}")
    return lines


def _totals(cost: CostRecord) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in cost.quantities.items())


def enqueue(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(
            help="Genotype JSON, or what 'show --format json' prints.", show_default=False
        ),
    ],
    storage: Storage = None,
) -> None:
    """Queue one network, to be taken up next by a search of the study."""
    from neuronas.architecture import Architecture
    from neuronas.config import read_yaml
    from neuronas.errors import ConfigError
    from neuronas.searching import enqueue_candidate
    from neuronas.storage import resolve_url, storage_option

    content = read_yaml(file)
    architecture = Architecture.from_json(content, source=str(file))
    chip = content.get("chip") or {}
    if not isinstance(chip, dict):
        raise ConfigError("chip: expected a mapping of settings to values", source=str(file))
    url = resolve_url(storage)
    enqueue_candidate(name, architecture, chip=chip, storage=url)
    say(f"queued; it is taken up first by: neuronas resume {name}{storage_option(url)}")
