"""User attributes of Optuna trials, by which samplers learn what no value says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronas.errors import NeuronasError

COST = "cost"
"""Cost per quantity at the assumed spike rates, in the units of budgets; set when proposed."""

MEASURED = "measured"
"""What training measured, set when told: a mapping that has the three below.

A study of one's own may have them as user attributes, as studies of earlier versions do; a
database takes two statements for each attribute.
"""

MEASURED_COST = "cost"
"""Cost per quantity at the spike rates that training measured."""

SPIKE_RATES = "spike_rates"
"""Spikes per neuron and time step that training measured, by layer."""

TRAINED_ACCURACY = "accuracy"
"""Validation accuracy in [0, 1] of a network that was trained to the end."""

RUNGS = "rungs"
"""Validation accuracy at each rung at which training paused, by its epochs, which are text."""

REASON = "reason"
"""Why the trial was pruned or failed."""

FEASIBLE_PROBABILITY = "feasible_probability"
"""The probability of staying within every budget once spike rates are measured, in [0, 1].

A sampler may state it of what it proposes, in ``sample_relative``:
``trial.set_user_attr(FEASIBLE_PROBABILITY, p)`` on the ``FrozenTrial`` that it is given.
"""


def feasible_probability(attributes: Mapping[str, Any]) -> float | None:
    """Return what a sampler stated of a trial; None where it stated nothing.

    Raises:
        NeuronasError: It is no probability.
    """
    stated = attributes.get(FEASIBLE_PROBABILITY)
    if stated is None:
        return None
    if not isinstance(stated, float | int) or not 0 <= stated <= 1:
        raise NeuronasError(
            f"the sampler stated {FEASIBLE_PROBABILITY} {stated!r}; allowed: a number in [0, 1]"
        )
    return float(stated)
