"""The chip of a study: what its file says of it, and what a candidate costs on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from neuronas.config import StudyConfig
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import Chip, Estimate, SpikeRates, estimate, require_usable
from neuronas.records import Candidate


def chip_of(study: StudyConfig) -> Chip:
    """Return the chip of a study.

    Raises:
        ConfigError: It cannot be, its model cannot cost a network on it, or it is none of the
            study's hardware model.
    """
    origin = study.origin
    try:
        chip = Chip.of(study.hardware.chip)
    except ConfigError as error:
        key = f"hardware.chip: {origin.chip}: " if origin.chip else "hardware.chip."
        problems = [f"{key}{problem}" for problem in error.problems]
        raise ConfigError(problems, source=origin.study) from None
    if chip.model != study.hardware.model:
        raise ConfigError(
            f"hardware.chip: '{chip.name}' describes hardware model '{chip.model}', but "
            f"hardware.model is '{study.hardware.model}'",
            source=origin.study,
        )
    try:
        require_usable(chip)
    except HardwareModelError as error:
        raise ConfigError(f"hardware.chip: {error}", source=origin.study) from None
    return chip


@contextmanager
def told_of(study: StudyConfig) -> Iterator[None]:
    """Name a study's file in errors of what it says, where they name none."""
    try:
        yield
    except ConfigError as error:
        source = error.source or study.origin.study
        raise type(error)(error.problems, source=source) from None


def candidate_estimate(
    study: StudyConfig, candidate: Candidate, *, spike_rate: SpikeRates | None = None
) -> Estimate:
    """Return what a candidate of a study costs, taken apart.

    Args:
        study: The study.
        candidate: Its network and what it chose on the chip.
        spike_rate: Measured spike rates; what the search assumes where None.

    Raises:
        ConfigError: The chip of the study cannot be any more.
        HardwareModelError: Likewise; its preset or its model may have gone.
    """
    chip = chip_of(study).changed(candidate.chip)
    rate = study.hardware.spike_rate if spike_rate is None else spike_rate
    return estimate(candidate.architecture, chip=chip, spike_rate=rate)
