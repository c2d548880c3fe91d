"""The sampler of a study, by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuronas.searching.hardware_aware import HardwareAwareSampler
from neuronas.searching.history import Trained
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import SAMPLERS, GatedSampler

HARDWARE_AWARE = "hardware-aware"
SAMPLER_NAMES = (HARDWARE_AWARE, *SAMPLERS)
"""Samplers that learn from trainings alone."""


def make_sampler(
    name: str,
    region: FeasibleRegion,
    seed: int,
    objectives: Sequence[str],
    reference: Mapping[str, float],
    elsewhere: Sequence[Trained] = (),
) -> GatedSampler:
    """Return a sampler for one study.

    Args:
        name: Name in study files, one of ``SAMPLER_NAMES``.
        region: Where it proposes.
        seed: The study's seed.
        objectives: Of the study, in the order of its values.
        reference: Worst value per objective, from which hypervolume is measured.
        elsewhere: Networks that other studies trained, for ``HARDWARE_AWARE``.
    """
    if name == HARDWARE_AWARE:
        return HardwareAwareSampler(region, seed, objectives, reference, elsewhere)
    return GatedSampler(region, seed, SAMPLERS[name])
