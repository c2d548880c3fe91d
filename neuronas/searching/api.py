"""Starting, resuming and feeding searches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from neuronas.architecture import Architecture
from neuronas.config import IMMUTABLE_SECTIONS, RANKED_SAMPLERS, StudyConfig, validate
from neuronas.errors import ConfigError
from neuronas.records import FrontEvent, StudyRecord, Trial
from neuronas.searching.choosing import make_sampler
from neuronas.searching.loop import FINISHED, RUNNING, SearchLoop
from neuronas.searching.objectives import directions
from neuronas.searching.progress import Listener, Progress
from neuronas.searching.ranked import RankedSampler, Ranking
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.stop_rules import holding_rule
from neuronas.searching.survey import reference_point
from neuronas.searching.warm_start import TakenOver, taken_over
from neuronas.storage import (
    Repository,
    enqueue,
    is_waiting,
    open_optuna_study,
    require_unused_name,
    resolve_url,
    study_lock,
    translated_errors,
)

if TYPE_CHECKING:
    import numpy as np

    from neuronas.training import Trainer

CHECKPOINT_VARIABLE = "NEURONAS_CHECKPOINT_DIR"
DEFAULT_CHECKPOINT_DIR = "checkpoints"
NOT_SEARCHED = "not searched"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search left in its database.

    Attributes:
        storage: URL of the database.
        study: The study, with its counts.
        front: Trials on the Pareto front, by number.
        hypervolume: Of the front, in [0, 1].
        history: Who entered the front and who left it, oldest first.
    """

    storage: str = field(repr=False)  # there may be a password in it
    study: StudyRecord
    front: list[Trial]
    hypervolume: float
    history: list[FrontEvent]


def search(
    config: StudyConfig,
    *,
    storage: str | None = None,
    trials: int | None = None,
    checkpoint_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    threads: int = 1,
    device: str | None = None,
    accept_changes: bool = False,
    listener: Listener | None = None,
) -> SearchResult:
    """Search a study until it has as many newly trained networks as asked for.

    A rule of its ``search.stop`` may stop it before.

    An existing study goes on where it stands; nothing is ever overwritten. Networks that were
    trained before in this database, with the same data, settings and seed, are reused and do not
    count.

    Args:
        config: The study.
        storage: Storage URL; else the study's, else ``NEURONAS_STORAGE``, else
            ``sqlite:///neuronas.db``.
        trials: Newly trained networks in all; else the most that the study's file or an earlier
            call asked for.
        checkpoint_dir: Folder of weights; else ``NEURONAS_CHECKPOINT_DIR``, else ``checkpoints``.
        data_dir: Folder with the dataset's files, where it needs any.
        threads: Threads of torch. More help large networks only. Equal seeds give equal results
            at equal thread counts.
        device: ``cpu`` or ``cuda``; CUDA where it is available when None.
        accept_changes: Go on although the stored study differs, as :func:`accepted` says.
        listener: Is told of progress after each trial.

    Returns:
        The study and its Pareto front, with test accuracy.

    Raises:
        ConfigError: The study is stored with other content.
        InfeasibleSpaceError: No network of the space fits the budget.
        DatasetError: The dataset's files are not there.
        StorageError: The database cannot be used, or a live process searches this study.
        RepeatedFailureError: Five candidates failed in a row.

    Example:
        >>> import neuronas, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> study = neuronas.StudyConfig(
        ...     name="tiny", dataset="digits", space={"channels": [2, 4], "time_steps": 1},
        ...     training={"epochs": 1, "samples": 128}, search={"trials": 2},
        ... )
        >>> result = neuronas.search(
        ...     study, storage=f"sqlite:///{folder}/db", checkpoint_dir=folder, threads=1
        ... )
        >>> result.study.counts["trained"], len(result.front) >= 1
        (2, True)
    """
    url = resolve_url(storage, config.storage)
    if accept_changes:
        config = accepted(config, storage=url)
    region = FeasibleRegion.of(config)
    source = generator(config.search.seed, Stream.SURVEY)
    region.draw(source, lambda _: True)  # raises if nothing fits, before anything is created
    with (
        translated_errors(url),
        Repository(url, create=True) as repository,
        study_lock(url, config.name),
    ):
        stored = repository.find_study(config.name)
        if stored is not None:
            _require_same(config, stored, accept_changes=accept_changes)
        target = _target(config, stored, trials)
        asked = stored and replace(stored, config=config, target_trials=target)
        if asked is None or not _is_done(url, asked):
            trainer = study_trainer(config, checkpoint_dir, data_dir, threads, device)
            known = taken_over(config, repository, region.space, trainer.context())
            if stored is None:
                _create(config, target, repository, region, source)
            else:
                repository.update_study(
                    config.name, config=config, target_trials=target, state=RUNNING
                )
            _loop(config, repository, region, trainer, known, listener or _ignore).run()
        elif stored is not None and _is_asked_more(asked, stored):
            repository.update_study(config.name, config=config, target_trials=target)
        return _result(config.name, repository)


def resume(
    name: str,
    *,
    storage: str | None = None,
    trials: int | None = None,
    checkpoint_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    threads: int = 1,
    device: str | None = None,
    listener: Listener | None = None,
) -> SearchResult:
    """Go on with a stored study; arguments, returns and errors as for :func:`search`."""
    url = resolve_url(storage)
    with Repository(url) as repository:
        stored = repository.study(name)
    return search(
        stored.config,
        storage=url,
        trials=stored.target_trials if trials is None else trials,
        checkpoint_dir=checkpoint_dir,
        data_dir=data_dir,
        threads=threads,
        device=device,
        listener=listener,
    )


def enqueue_candidate(
    name: str,
    architecture: Architecture,
    *,
    chip: Mapping[str, int | str] | None = None,
    storage: str | None = None,
) -> None:
    """Queue one network, to be taken up next by whoever searches the study.

    It need not fit the budget: then its trial ends pruned, with its cost stored. It is taken up
    even where the study has as many networks as asked for.

    Args:
        name: The study.
        architecture: The network.
        chip: Chip settings that the study searches; of what is not given, its first option.
        storage: Storage URL.

    Raises:
        GenotypeError: The network is not in the study's space, or not connected.
        StorageError: There is no such study.
    """
    url = resolve_url(storage)
    with translated_errors(url), Repository(url) as repository:
        config = repository.study(name).config
        architecture.check()
        region = FeasibleRegion.of(config)
        values = region.space.values(region.space.encode(architecture, chip)[0])
        study = open_optuna_study(url, name, directions(config.objectives))
        enqueue(study, values)


def accepted(config: StudyConfig, *, storage: str | None = None) -> StudyConfig:
    """Return the study that goes on when its changes are accepted.

    Changed training and search settings hold from the next trial on. Another question (dataset,
    space, hardware, budget, objectives, reference accuracy) makes trials incomparable, so it goes
    on as a study of its own, ``NAME-2`` or the next free number; networks that the database has
    trained are reused there.

    Raises:
        StorageError: The database cannot be used.
    """
    url, name = resolve_url(storage, config.storage), config.name
    with Repository(url, create=True) as repository:
        for number in count(2):
            stored = repository.find_study(config.name)
            if stored is None or not _other_question(config, stored):
                return config
            content = config.model_dump() | {"name": f"{name}-{number}"}
            config = validate(StudyConfig, content, source=None).read_from(config.origin)
    raise AssertionError  # count() does not end


def require_stored(config: StudyConfig, repository: Repository, region: FeasibleRegion) -> None:
    """Store a study that is not there yet, with nothing searched; its lock must be held.

    Raises:
        ConfigError: The study is stored with other content.
    """
    stored = repository.find_study(config.name)
    if stored is not None:
        _require_same(config, stored, accept_changes=False)
        return
    source = generator(config.search.seed, Stream.SURVEY)
    region.draw(source, lambda _: True)  # as a search does, so that it would store the same
    _create(config, config.search.trials, repository, region, source)
    repository.update_study(config.name, state=NOT_SEARCHED)


def load_result(url: str, name: str) -> SearchResult:
    """Return a stored study and its front.

    Raises:
        StorageError: There is no such study, or the database cannot be used.
    """
    with Repository(url) as repository:
        return _result(name, repository)


def _result(name: str, repository: Repository) -> SearchResult:
    return SearchResult(
        repository.url,
        repository.study(name),
        repository.front(name),
        repository.hypervolume(name),
        repository.history(name),
    )


def _create(
    config: StudyConfig,
    target: int,
    repository: Repository,
    region: FeasibleRegion,
    source: np.random.Generator,
) -> None:
    """Store a new study; ``source`` draws what its hypervolume is measured from."""
    require_unused_name(repository.url, config.name)
    accuracy = config.search.reference_accuracy
    reference = reference_point(region, source, config.objectives, accuracy)
    repository.create_study(config, target, reference)


def _loop(
    config: StudyConfig,
    repository: Repository,
    region: FeasibleRegion,
    trainer: Trainer,
    known: TakenOver,
    listener: Listener,
) -> SearchLoop:
    """Return the search of a stored study, ready to run."""
    region.take_tally()  # what was drawn so far proposed nothing
    sampler: GatedSampler
    if config.search.sampler in RANKED_SAMPLERS:
        ranking = Ranking(config, region, repository, trainer)
        sampler = RankedSampler(region, config.search.seed, ranking.best_first)
    else:
        sampler = make_sampler(
            config.search.sampler,
            region,
            config.search.seed,
            config.objectives,
            repository.study(config.name).reference,
            known.networks,
        )
    study = open_optuna_study(repository.url, config.name, directions(config.objectives), sampler)
    opening = f"searching; {known.message}" if config.search.warm_start else "searching"
    return SearchLoop(config, repository, study, sampler, trainer, listener, opening)


def _ignore(_: Progress) -> None:
    """Listen to nothing."""


def weights_folder(checkpoint_dir: str | Path | None) -> Path:
    """Return the folder of weights: as given, else from the environment, else the default."""
    return Path(checkpoint_dir or os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT_DIR)


def study_trainer(
    config: StudyConfig,
    checkpoint_dir: str | Path | None,
    data_dir: str | Path | None,
    threads: int,
    device: str | None,
) -> Trainer:
    """Return the trainer of a study's networks; arguments as for :func:`search`."""
    from neuronas.training import Trainer  # loads torch, which queueing a network does not need

    return Trainer.of(
        config,
        data_dir=None if data_dir is None else Path(data_dir),
        checkpoint_dir=weights_folder(checkpoint_dir),
        threads=threads,
        device=device,
    )


def _target(config: StudyConfig, stored: StudyRecord | None, trials: int | None) -> int:
    """Return the networks asked for: now, else the most that the file or an earlier call did."""
    if trials is not None:
        return trials
    return max(config.search.trials, stored.target_trials if stored else 0)


def _is_done(url: str, asked: StudyRecord) -> bool:
    """Return whether nothing is left to do, so that neither data nor torch is needed."""
    if asked.state != FINISHED or holding_rule(asked) is None:
        return False
    return not is_waiting(open_optuna_study(url, asked.name, directions(asked.config.objectives)))


def _is_asked_more(asked: StudyRecord, stored: StudyRecord) -> bool:
    """Return whether other limits are asked for, so that the study tells by which one it stops."""
    other = asked.config.search.stop != stored.config.search.stop
    return other or asked.target_trials > stored.target_trials


def _other_question(config: StudyConfig, stored: StudyRecord) -> list[str]:
    """Return a line per difference that makes trials incomparable."""
    return [
        line for line in config.differences(stored.config) if line.startswith(IMMUTABLE_SECTIONS)
    ]


def _require_same(config: StudyConfig, stored: StudyRecord, *, accept_changes: bool) -> None:
    other = _other_question(config, stored)
    if other:
        raise ConfigError(
            [
                f"study '{config.name}' is stored with another question:",
                *other,
                "their trials would not be comparable. Go on as a study of its own with "
                "--accept-changes, or give the file another 'name'; networks that this database "
                "has trained are reused there",
            ]
        )
    differences = config.differences(stored.config)
    if differences and not accept_changes:
        raise ConfigError(
            [
                f"study '{config.name}' is stored with other settings:",
                *differences,
                "use the stored settings with 'neuronas resume', or go on with the file's with "
                "--accept-changes",
            ]
        )
