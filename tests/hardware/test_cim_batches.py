"""Model ``cim`` on any batch: its size, its members, and how its arrays lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from neuronas.architecture import Networks, Slot, Workload, chain
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware import Activity, Cost
from neuronas.hardware.cim.compiled import LANES
from neuronas.hardware.cim.model import CHUNK
from tests.hardware.mixed import (
    CHIP,
    COUNT,
    LAYERS,
    MODEL,
    Columns,
    digits,
    generator,
    mixed_choices,
    mixed_family,
    mixed_networks,
    rates,
)

MEMBERS = (0, 31, 32, CHUNK - 1, CHUNK, COUNT - 1)
"""Networks at the borders of lanes and of what is costed at once."""


def member(w: Workload, index: int) -> Workload:
    """Return one network, as arrays of its own."""
    arrays = {
        f.name: getattr(w, f.name)[..., index : index + 1].copy()
        for f in fields(Workload)
        if f.name != "slots"
    }
    return Workload(slots=w.slots, **arrays)


def assert_the_same_alone(w: Workload, alone: Callable[[int], Workload]) -> None:
    """Check that members of a batch cost what they cost alone, to the last bit."""
    choices, activity = mixed_choices(), rates(len(w.slots), COUNT)
    together = MODEL.cost(w, CHIP, activity=activity, choices=choices)
    for index in MEMBERS:
        own = slice(index, index + 1)
        single = MODEL.cost(
            alone(index),
            CHIP,
            activity=Activity(activity.spike_rate[:, own], activity.zero_rows[:, own]),
            choices={name: values[own] for name, values in choices.items()},
        )
        assert digits(single) == digits(together, index), index


# Batches


def test_a_network_costs_alone_what_it_costs_in_a_batch():
    w = mixed_networks()
    assert_the_same_alone(w, lambda index: member(w, index))


def test_a_network_of_the_family_costs_alone_what_it_costs_in_a_batch():
    networks = mixed_family()
    assert_the_same_alone(
        Workload.of(networks), lambda index: Workload.of(Networks.of([networks[index]]))
    )


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1])
def test_a_batch_may_have_any_size(count):
    w = mixed_networks(count)
    few = MODEL.cost(w, CHIP)
    assert [len(values) for values in digits(few).values()] == [count] * len(fields(Cost))
    if count:
        assert digits(MODEL.cost(member(w, count - 1), CHIP)) == digits(few, count - 1)


# Arrays


def plain_networks(count: int = LANES + 8) -> Workload:
    """Return networks that share most columns, each column an array with every number."""
    draw = generator()
    channels = draw.integers(1, 200, size=(LAYERS + 1, count))
    w = chain(
        kind=Kind.CONV,
        in_channels=channels[:-1],
        out_channels=channels[1:],
        height=draw.choice([4, 8, 16], size=(LAYERS, 1)),
        width=8,
        kernel=draw.choice([1, 3, 5], size=(LAYERS, 1)),
        weight_bits=draw.integers(2, 9, size=(1, count)),
        time_steps=draw.integers(1, 9, size=count),
    )
    return replace(w, **{name: values.copy() for name, values in columns_of(w).items()})


def columns_of(w: Workload) -> Columns:
    return {f.name: getattr(w, f.name) for f in fields(Workload) if f.name != "slots"}


def read_only(values: np.ndarray) -> np.ndarray:
    found = values.copy()
    found.flags.writeable = False
    return found


def backwards(values: np.ndarray) -> np.ndarray:
    turned = (slice(None, None, -1),) * values.ndim
    return values[turned].copy()[turned]


def every_other(values: np.ndarray) -> np.ndarray:
    return np.repeat(values, 2, axis=-1)[..., ::2]


def one_for_all_networks(values: np.ndarray) -> np.ndarray:
    """Return an array without a stride where all networks have the same."""
    shared = (values == values[..., :1]).all()
    return np.broadcast_to(values[..., :1], values.shape) if shared else values


def one_for_all_layers(values: np.ndarray) -> np.ndarray:
    shared = (values == values[:1]).all()
    return np.broadcast_to(values[:1], values.shape) if shared else values


def one_column(values: np.ndarray) -> np.ndarray:
    shared = values.ndim == 2 and (values == values[:, :1]).all()
    return values[:, :1] if shared else values


@pytest.mark.parametrize(
    "laid_out",
    [
        read_only,
        np.asfortranarray,
        backwards,
        every_other,
        one_for_all_networks,
        one_for_all_layers,
        one_column,
    ],
)
def test_how_arrays_lie_in_memory_does_not_matter(laid_out, caplog):
    w, activity = plain_networks(), rates(LAYERS, LANES + 8)
    choices = mixed_choices(len(w))
    expected = digits(MODEL.cost(w, CHIP, activity=activity, choices=choices))
    caplog.clear()
    found = MODEL.cost(
        replace(w, **{name: laid_out(values) for name, values in columns_of(w).items()}),
        CHIP,
        activity=Activity(laid_out(activity.spike_rate), laid_out(activity.zero_rows)),
        choices={name: laid_out(values) for name, values in choices.items()},
    )
    assert digits(found) == expected
    assert not caplog.records  # nothing was compiled for it


@pytest.mark.parametrize("shape", [(), (LAYERS, 1), (LANES + 8,), (LAYERS, LANES + 8)])
def test_spike_rates_may_be_those_of_all_layers_or_networks(shape):
    w = plain_networks()
    given = generator().random(shape)
    whole = np.broadcast_to(given, (LAYERS, len(w))).copy()
    found = MODEL.cost(w, CHIP, activity=Activity(given, given))
    assert digits(found) == digits(MODEL.cost(w, CHIP, activity=Activity(whole, whole)))


@pytest.mark.parametrize("other", ["layer5", "layer2", "nowhere"])
def test_a_layer_that_waits_for_none_before_it_is_told_with_both_names(other):
    w = plain_networks()
    slots = tuple(Slot(s.name, after=(other,)) if s.name == "layer2" else s for s in w.slots)
    with pytest.raises(HardwareModelError, match=f"layer2: waits for '{other}', which is no layer"):
        MODEL.cost(replace(w, slots=slots), CHIP)
