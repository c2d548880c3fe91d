"""Spike rates of a network: one for all layers, or one per layer that fires."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path

import numpy as np

from neuronas.architecture import Signal, Workload
from neuronas.config import read_yaml
from neuronas.errors import ConfigError
from neuronas.hardware.cost import DEFAULT_SPIKE_RATE, Activity, Floats

SpikeRates = float | Mapping[str, float]
"""Spikes per neuron and time step: one number, or one per layer that fires, by its name.

``input`` is the rate of an image that is coded by spikes. A convolution may be named, too, where it
reads another rate than its node's mean.
"""

_INPUT = "input"


def read_rates(text: str | None) -> SpikeRates:
    """Return the spike rates that a command line gives: nothing, a number, or a JSON file.

    A file is a mapping of layer names to rates, or what ``neuronas show --format json`` prints of
    a trained trial.

    Raises:
        ConfigError: Neither a rate nor a file with rates.
    """
    if text is None:
        return DEFAULT_SPIKE_RATE
    try:
        rate = float(text)
    except ValueError:
        return _rates_in(Path(text))
    return _checked(rate, "--spike-rate", None)


def _rates_in(path: Path) -> dict[str, float]:
    content = read_yaml(path)
    for key in ("evaluation", "spike_rates"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise ConfigError("expected a mapping of layers to spike rates", source=str(path))
    return {str(name): _checked(rate, str(name), str(path)) for name, rate in content.items()}


def _checked(rate: object, key: str, source: str | None) -> float:
    number = isinstance(rate, Real) and not isinstance(rate, bool)
    if not number or not 0 <= rate <= 1:  # type: ignore[operator]
        raise ConfigError(f"{key}: found {rate!r}; allowed: a number in [0, 1]", source=source)
    return float(rate)  # type: ignore[arg-type]


def activity_of(workload: Workload, rates: SpikeRates) -> Activity:
    """Return what the data does to the one network of a workload.

    A layer reads spikes at the rate of the neurons before it.

    Raises:
        ConfigError: A rate is outside [0, 1], a layer is named that does not fire, or one that
            does is not named.
    """
    if not isinstance(rates, Mapping):
        return Activity(spike_rate=_checked(rates, "spike_rate", None))
    rates = {name: _checked(rate, f"spike_rate: {name}", None) for name, rate in rates.items()}
    rows = list(enumerate(workload.slots))
    firing = [slot.name for row, slot in rows if workload.neurons[row, 0] > 0]
    reading = [slot.name for row, slot in rows if workload.signal[row, 0] == Signal.SPIKE]
    if workload.signal[0, 0] == Signal.SPIKE:
        firing.insert(0, _INPUT)
    wrong = [name for name in rates if name not in {*firing, *reading}]
    absent = [name for name in firing if name not in rates]
    if wrong or absent:
        problem = f"'{wrong[0]}' does not fire" if wrong else f"none is given for '{absent[0]}'"
        raise ConfigError(f"spike rates: {problem}; layers that fire: {', '.join(firing)}")
    return measured_activity(workload, {n: np.array([r]) for n, r in rates.items()})


def measured_activity(workload: Workload, rates: Mapping[str, Floats]) -> Activity:
    """Return what the data does to networks whose neurons fire at known rates.

    Args:
        workload: N networks.
        rates: Per layer, and for ``input``, spikes per neuron and time step, shape ``(N,)``; NaN
            where a network lacks the layer. Neurons whose rate is not given hand on what they
            read.
    """
    unknown = np.full(len(workload), np.nan)
    table, fired = np.zeros((2, *workload.kind.shape))
    handed_on: dict[str, Floats] = {}
    fires = workload.neurons > 0
    # An image is no spikes: its bit planes are as full as the cost model takes them to be.
    coded = rates.get(_INPUT, unknown)
    first = np.where(np.isnan(coded), 1.0, coded)
    for row, slot in enumerate(workload.slots):
        before = [handed_on[name] for name in slot.after] or [first]
        read = np.max(before, axis=0)
        given = rates.get(slot.name, unknown)
        own = np.where(np.isnan(given), read, given)
        table[row] = np.where(fires[row], read, own)
        fired[row] = np.where(fires[row], own, 0.0)
        handed_on[slot.name] = np.where(fires[row], own, read)
    return Activity(np.minimum(table, 1.0), firing_rate=fired)
