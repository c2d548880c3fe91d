"""A study file against the study of its name in the database."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from neuronas.config import IMMUTABLE_SECTIONS, StudyConfig, validate
from neuronas.errors import ConfigError, StudyLockedError
from neuronas.records import StudyRecord
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.survey import reference_point
from neuronas.storage import Repository, require_unused_name, resolve_url

if TYPE_CHECKING:
    import numpy as np

NOT_SEARCHED = "not searched"


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
    """Store a study that is not there yet, with nothing searched.

    Raises:
        ConfigError: The study is stored with other content.
    """
    stored = repository.find_study(config.name)
    if stored is not None:
        require_same(config, stored, accept_changes=False)
        return
    source = generator(config.search.seed, Stream.SURVEY)
    region.draw(source, lambda _: True)  # as a search does, so that it would store the same
    create(config, config.search.trials, repository, region, source)
    repository.update_study(config.name, state=NOT_SEARCHED)


def create(
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


def wanted_trials(config: StudyConfig, stored: StudyRecord | None, trials: int | None) -> int:
    """Return the networks asked for: now, else the most that the file or an earlier call did."""
    if trials is not None:
        return trials
    return max(config.search.trials, stored.target_trials if stored else 0)


def is_asked_more(asked: StudyRecord, stored: StudyRecord) -> bool:
    """Return whether other limits are asked for, so that the study tells by which one it stops."""
    other = asked.config.search.stop != stored.config.search.stop
    return other or asked.target_trials > stored.target_trials


def _other_question(config: StudyConfig, stored: StudyRecord) -> list[str]:
    """Return a line per difference that makes trials incomparable."""
    return [
        line for line in config.differences(stored.config) if line.startswith(IMMUTABLE_SECTIONS)
    ]


def require_same(config: StudyConfig, stored: StudyRecord, *, accept_changes: bool) -> None:
    """Raise ConfigError if a study file asks another question, or differs without leave."""
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


def require_nobody(repository: Repository, name: str) -> None:
    """Raise StudyLockedError if a living worker searches a study."""
    living = [worker for worker in repository.workers(name) if worker.alive]
    if living:
        raise StudyLockedError(
            f"study '{name}' is being searched by {len(living)} workers with its stored settings, "
            f"such as process {living[0].pid} on {living[0].host}; stop them before you change "
            f"the settings: neuronas stop {name}"
        )
