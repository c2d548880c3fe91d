"""Starting, resuming and feeding searches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuronas.architecture import Architecture
from neuronas.config import RANKED_SAMPLERS, StudyConfig
from neuronas.errors import StorageError
from neuronas.files import require_writable
from neuronas.records import FrontEvent, StudyRecord, Trial
from neuronas.searching.choosing import make_sampler
from neuronas.searching.environment import environment_of, other_build, require_same_environment
from neuronas.searching.inheriting import inherit
from neuronas.searching.loop import FINISHED, RUNNING, SearchLoop
from neuronas.searching.objectives import directions
from neuronas.searching.progress import Listener, Reporter
from neuronas.searching.ranked import RankedSampler, Ranking
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.spool import Spool
from neuronas.searching.stop_rules import holding_rule
from neuronas.searching.stored import (
    accepted,
    create,
    is_asked_more,
    require_nobody,
    require_same,
    wanted_trials,
)
from neuronas.searching.warm_start import TakenOver, taken_over
from neuronas.searching.work import DEFAULT_WORK, Work
from neuronas.storage import (
    Ledger,
    Repository,
    enqueue,
    is_retry,
    next_waiting,
    open_study,
    resolve_url,
    translated_errors,
)

if TYPE_CHECKING:
    from neuronas.training import Trainer

CHECKPOINT_VARIABLE = "NEURONAS_CHECKPOINT_DIR"
DEFAULT_CHECKPOINT_DIR = "checkpoints"
SPOOL = "untold"
"""Subfolder of the weights' folder for results that the database does not have yet."""


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
    parent: str | None = None,
    listener: Listener | None = None,
    work: Work = DEFAULT_WORK,
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
        parent: A study whose trained networks a new one takes over, as far as they fit; the one
            that :func:`accepted` goes on from.
        listener: Is told of progress after each trial.
        work: How this process takes part, beside others that search the study at the same time.

    Returns:
        The study and its Pareto front, with test accuracy.

    Raises:
        ConfigError: The study is stored with other content.
        InfeasibleSpaceError: No network of the space fits the budget.
        DatasetError: The dataset's files are not there.
        StorageError: The database cannot be used.
        StudyLockedError: The study's settings are to change while others search it.
        EnvironmentMismatchError: Others search it with other packages or data.
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
        parent, config = parent or config.name, accepted(config, storage=url)
    region = FeasibleRegion.of(config)
    source = generator(config.search.seed, Stream.SURVEY)
    region.draw(source, lambda _: True)  # raises if nothing fits, before anything is created
    with (
        translated_errors(url),
        Repository(url, create=True, patience_seconds=work.patience_seconds) as repository,
    ):
        stored = repository.find_study(config.name)
        if stored is not None:
            require_same(config, stored, accept_changes=accept_changes)
            if config.digest() != stored.config.digest():
                require_nobody(repository, config.name)
        target = wanted_trials(config, stored, trials)
        asked = stored
        if stored is not None and not work.joins:
            asked = replace(stored, config=config, target_trials=target)
        if asked is None or not _is_done(url, asked):
            trainer = study_trainer(config, checkpoint_dir, data_dir, threads, device)
            _require_weights_folder(weights_folder(checkpoint_dir))
            known = taken_over(config, repository, region.space, trainer.context())
            if stored is None:
                create(config, target, repository, region, source)
                if parent is not None and repository.find_study(parent) is not None:
                    inherit(config, parent, repository, region, trainer.context())
            elif not work.joins:
                # What is not changed is left: another process may change it at this moment.
                repository.update_study(
                    config.name,
                    config=None if config == stored.config else config,
                    target_trials=None if target == stored.target_trials else target,
                    state=RUNNING,
                )
            spool = weights_folder(checkpoint_dir) / SPOOL
            _run(config, repository, region, trainer, known, spool, listener, work)
        elif stored is not None and is_asked_more(asked, stored):
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
    work: Work = DEFAULT_WORK,
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
        work=work,
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
        shared = open_study(url, name, directions(config.objectives))
        enqueue(shared.study, values)


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


def _run(
    config: StudyConfig,
    repository: Repository,
    region: FeasibleRegion,
    trainer: Trainer,
    known: TakenOver,
    spool: Path,
    listener: Listener | None,
    work: Work,
) -> None:
    """Search a stored study."""
    region.take_tally()  # what was drawn so far proposed nothing
    sampler = _sampler(config, repository, region, trainer, known)
    name = config.name
    warning = _agree(name, repository, trainer.context(), only=work.joins)
    shared = open_study(
        repository.url,
        name,
        directions(config.objectives),
        sampler,
        patience_seconds=work.patience_seconds,
    )
    with repository.joined(name, work.origin, lease_seconds=work.lease_seconds) as worker:
        work.on_join()
        report = Reporter(config, repository, listener, work.log, worker.id)
        if warning is not None:
            report(warning)
        SearchLoop(
            config,
            repository,
            Ledger(repository, shared, worker, work.lease_seconds),
            sampler,
            trainer,
            Spool(spool, repository, name, repository.study(name).created_at.isoformat()),
            report,
            f"searching; {known.message}" if config.search.warm_start else "searching",
            work.max_trials,
            work.max_seconds,
        ).run()


def _agree(
    name: str, repository: Repository, context: Mapping[str, object], *, only: bool
) -> str | None:
    """Make sure that all workers have the same packages and data, or be the first to say which.

    Returns:
        A warning where they are alike, but not the same.
    """
    study, found = repository.study(name), environment_of(context)
    if only or repository.is_searched(name):
        require_same_environment(study, found)
        if study.environment:
            return other_build(study, found)
    if study.environment != found:
        repository.update_study(name, environment=found)
    return None


def _sampler(
    config: StudyConfig,
    repository: Repository,
    region: FeasibleRegion,
    trainer: Trainer,
    known: TakenOver,
) -> GatedSampler:
    if config.search.sampler in RANKED_SAMPLERS:
        ranking = Ranking(config, region, repository, trainer)
        return RankedSampler(region, config.search.seed, ranking.best_first)
    return make_sampler(
        config.search.sampler,
        region,
        config.search.seed,
        config.objectives,
        repository.study(config.name).reference,
        known.networks,
    )


def weights_folder(checkpoint_dir: str | Path | None) -> Path:
    """Return the folder of weights: as given, else from the environment, else the default."""
    return Path(checkpoint_dir or os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT_DIR)


def _require_weights_folder(folder: Path) -> None:
    """Raise StorageError if weights could not be written, before hours of training."""
    try:
        require_writable(folder)
    except OSError as error:
        raise StorageError(
            f"{folder}: weights cannot be written there ({error.strerror}); free space, or name "
            "another folder with --checkpoint-dir"
        ) from None


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


def _is_done(url: str, asked: StudyRecord) -> bool:
    """Return whether nothing is left to do, so that neither data nor torch is needed."""
    if asked.state != FINISHED or holding_rule(asked) is None:
        return False
    shared = open_study(url, asked.name, directions(asked.config.objectives))
    waiting = next_waiting(shared.trials())
    return waiting is None or is_retry(waiting.user_attrs)
