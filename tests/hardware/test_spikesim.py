"""What holds for the ``spikesim`` model on any network."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from neuronas.architecture import Networks, Slot, Workload
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware import (
    Activity,
    Chip,
    Cost,
    Estimate,
    Explanation,
    LayerList,
    estimate,
    hardware_model,
)
from tests.strategies import (
    DEAD_ENDS,
    WIRE,
    architecture,
    architectures,
    batches,
    connected_cells,
    layer_lists,
)

CHIP = Chip.of("spikesim-65nm-rram")
MODEL = hardware_model("spikesim")
PARTED = ("energy_pj", "latency_ns", "area_um2")
TABLE = Workload.of(Networks.of([architecture()]))
TOTALS = (*PARTED, "interval_ns", "num_pe", "num_tiles", "parameters", "memory_bits", "fits")


class OtherSettings(BaseModel):
    """Settings of another model's chip."""


def cost(*members) -> Cost:
    return MODEL.cost(Workload.of(Networks.of(members)), CHIP)


def explained(network) -> Explanation:
    return MODEL.explain(Workload.of(Networks.of([network])), CHIP)


def per_layer(found: Explanation) -> dict[str, np.ndarray]:
    """Return everything that is told of each layer, shape ``(L,)`` each."""
    parts = {
        f"{quantity}, {component}": values
        for quantity in PARTED
        for component, values in getattr(found, quantity).layers.items()
    }
    return parts | found.figures | {"not modelled": found.not_modelled}


def assert_equal(one: Explanation, other: Explanation) -> None:
    for total in TOTALS:
        assert getattr(one.cost, total) == getattr(other.cost, total), total
    before, after = per_layer(one), per_layer(other)
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert np.array_equal(values, after[name]), name


def costed(layers: LayerList) -> Estimate:
    return estimate(layers, chip=CHIP)


def close(value: object) -> object:
    return pytest.approx(value, rel=1e-12, abs=0)


def changed(layers: LayerList, **changes: object) -> LayerList:
    return LayerList.model_validate(layers.model_dump() | changes)


def add_absent_layers(workload: Workload, places: list[int]) -> Workload:
    """Return the table with layers of kind NONE, all zeros, before the rows ``places``."""
    slots = list(workload.slots)
    for place in sorted(places, reverse=True):
        slots.insert(place, Slot("absent"))
    tables = {
        f.name: np.insert(getattr(workload, f.name), places, 0, axis=0)
        for f in fields(workload)
        if f.name not in {"slots", "time_steps"}
    }
    return replace(workload, slots=tuple(slots), **tables)


@given(layer_lists(kernels="mixed"))
def test_totals_are_the_sums_of_their_layers(layers):
    found = costed(layers).explanation
    for quantity in PARTED:
        parts, total = getattr(found, quantity), getattr(found.cost, quantity)[0]
        assert total == close(math.fsum(parts.by_layer())), quantity
        assert total == close(parts.total()), quantity
        assert parts.shared == {}
    assert found.cost.num_pe[0] == found.figures["pe"].sum()


@given(layer_lists(kernels="mixed"))
def test_totals_are_the_sums_of_their_components(layers):
    found = costed(layers).explanation
    for quantity in PARTED:
        sums = getattr(found, quantity).by_component()
        assert getattr(found.cost, quantity)[0] == close(math.fsum(sums.values())), quantity
        assert list(sums.values()) == sorted(sums.values(), reverse=True)


@given(batches(cell=connected_cells()))
def test_totals_of_a_batch_are_the_sums_of_the_layers_of_each_member(members):
    batch = cost(*members)
    for index, member in enumerate(members):
        found = explained(member)
        for quantity in PARTED:
            parts, total = getattr(found, quantity), getattr(batch, quantity)[index]
            assert total == close(math.fsum(parts.by_layer())), quantity
            assert total == close(math.fsum(parts.by_component().values())), quantity
        assert batch.num_pe[index] == found.figures["pe"].sum()


@given(layer_lists(), st.integers(2, 12))
def test_energy_and_latency_are_proportional_to_the_time_steps_and_area_ignores_them(layers, times):
    once = costed(changed(layers, time_steps=1))
    often = costed(changed(layers, time_steps=times))
    assert often.energy_pj == close(times * once.energy_pj)
    assert often.latency_ns == close(times * once.latency_ns)
    assert often.area_um2 == once.area_um2


@given(layer_lists(), st.data())
def test_more_channels_never_cost_less(layers, data):
    side = data.draw(st.sampled_from(["in_ch_list", "out_ch_list"]))
    place = data.draw(st.integers(0, len(layers.in_ch_list) - 1))
    channels = list(getattr(layers, side))
    channels[place] += data.draw(st.integers(1, 300))
    before = costed(layers).explanation.cost
    after = costed(changed(layers, **{side: channels})).explanation.cost
    slack = 1 + 1e-12
    for total in TOTALS:
        assert getattr(before, total)[0] <= getattr(after, total)[0] * slack, total


@given(batches(cell=connected_cells()))
def test_a_batch_costs_what_its_members_cost_one_by_one(members):
    together = cost(*members)
    for index, member in enumerate(members):
        alone = cost(member)
        for total in TOTALS:
            assert getattr(together, total)[index] == getattr(alone, total)[0], total


@given(architectures(cell=connected_cells()))
def test_an_explained_cost_is_the_cost(network):
    found, batch = explained(network).cost, cost(network, network)
    for total in TOTALS:
        assert getattr(found, total)[0] == getattr(batch, total)[1], total


def test_an_empty_batch_has_no_costs():
    nobody = Networks.of([architecture()]).take(slice(0, 0))
    found = MODEL.cost(Workload.of(nobody), CHIP)
    assert {getattr(found, total).shape for total in TOTALS} == {(0,)}


@given(architectures(cell=connected_cells()))
def test_dead_edges_cost_nothing(network):
    found, canonical = explained(network), explained(network.canonical())
    assert_equal(found, canonical)


@given(layer_lists(kernels="mixed"), st.data())
def test_absent_layers_cost_nothing_wherever_they_stand(layers, data):
    workload = layers.workload()
    places = data.draw(st.lists(st.integers(0, len(workload.slots)), min_size=1, max_size=6))
    padded = add_absent_layers(workload, places)
    plain, found = MODEL.explain(workload, CHIP), MODEL.explain(padded, CHIP)
    for total in TOTALS:
        assert getattr(found.cost, total) == close(getattr(plain.cost, total)), total
    absent = padded.kind[:, 0] == Kind.NONE
    assert np.count_nonzero(absent) == len(places)
    before = per_layer(plain)
    for name, values in per_layer(found).items():
        assert not values[absent].any(), name
        assert values[~absent] == close(before[name]), name


@given(layer_lists())
def test_equal_kernels_given_per_layer_are_one_kernel_for_all(layers):
    one_each = changed(layers, kernel_size=layers.kernel_size * len(layers.in_ch_list))
    assert_equal(costed(layers).explanation, costed(one_each).explanation)


@given(layer_lists(kernels="mixed"))
def test_a_layers_energy_depends_on_its_own_kernel_only(layers):
    found = costed(layers).explanation.energy_pj.by_layer()
    for place, kernel in enumerate(layers.kernel_size):
        uniform = costed(changed(layers, kernel_size=kernel)).explanation
        assert found[place] == uniform.energy_pj.by_layer()[place]


def test_crossbars_are_charged_per_kernel_and_empty_places_with_the_largest():
    layers = LayerList(
        in_ch_list=[64, 64],
        out_ch_list=[64, 128],
        in_dim_list=[8, 8],
        out_dim_list=[8, 8],
        kernel_size=[3, 1],
        time_steps=1,
    )
    found = costed(
        layers
    ).explanation  # one PE of 3x3, two of 1x1, five places of the tile are empty
    crossbars = 1 * 9 + 2 * 1 + 5 * 9
    assert found.cost.num_tiles.tolist() == [1]
    assert found.area_um2.by_component()["crossbars"] == close(crossbars * 26.2144)


def test_the_last_convolution_does_not_overlap_whatever_follows_it():
    by_hand = {"stem": 0.75 * 8 * 64, "cell_a.0->3": 0.75 * 8 * 64, "reduction": 16 * 64}
    network = architecture(cell_a="0003 0000 0000 0000", cell_b=DEAD_ENDS, time_steps=2)
    found = estimate(network, chip=CHIP)
    rows = {row["layer"]: row["latency_ns"] for row in found.to_json()["layers"]}
    read_ns = 26 * 1000 / 250
    assert {name: rows[name] for name in by_hand} == close(
        {name: outputs * read_ns * 2 for name, outputs in by_hand.items()}
    )
    assert found.latency_ns == close(sum(by_hand.values()) * read_ns * 2)


def test_an_overlap_is_rounded_down_to_whole_outputs():
    layers = LayerList(
        in_ch_list=[1, 1, 1],
        out_ch_list=[5, 7, 3],
        in_dim_list=[3, 3, 3],
        out_dim_list=[1, 1, 1],
        kernel_size=3,
        time_steps=1,
    )
    found = costed(layers).explanation.latency_ns.by_layer() / (26 * 1000 / 250)
    assert found.tolist() == close([3, 5, 3])  # of 3.75, 5.25 and all 3


def test_what_is_not_modelled_names_linear_pooling_and_skip_layers():
    network = architecture(cell_a="0310 0004 0002 0000", cell_b=WIRE, hidden=5)
    found = estimate(network, chip=CHIP)
    assert found.not_modelled == [
        "cell_a.0->2",
        "cell_a.1->3",
        "reduction.pool",
        "cell_b.0->3",
        "classifier.pool",
        "classifier.hidden",
        "classifier.head",
    ]
    assert MODEL.leaves_out[0] == "linear, pooling and skip layers"


@given(batches(cell=connected_cells()))
def test_a_layer_is_costed_or_named_as_not_modelled_or_has_only_neurons(members):
    for member in members:
        workload = Workload.of(Networks.of([member]))
        found = MODEL.explain(workload, CHIP)
        costed = found.energy_pj.by_layer() > 0
        neurons_or_nothing = np.isin(workload.kind[:, 0], (Kind.LIF, Kind.NONE))
        assert (costed.astype(int) + found.not_modelled + neurons_or_nothing == 1).all()


def test_bits_and_spike_rates_leave_the_cost_alone_but_not_the_memory():
    few, many = (architecture(weight_bits={"stem": bits}) for bits in (2, 8))
    assert cost(few).energy_pj == cost(many).energy_pj
    assert cost(many).memory_bits - cost(few).memory_bits == 6 * 9 * 8
    assert {"weight bits", "spike rates"} <= set(MODEL.leaves_out)
    silent, busy = (MODEL.cost(TABLE, CHIP, activity=Activity(rate)) for rate in (0.0, 1.0))
    for total in TOTALS:
        assert getattr(silent, total) == getattr(busy, total), total


def test_the_scripts_settings_are_fixed():
    assert MODEL.choices == {}


def test_a_chip_of_another_model_is_refused():
    stranger = replace(CHIP, name="other", model="cim", settings=OtherSettings())
    for told in (MODEL.cost, MODEL.explain):
        with pytest.raises(HardwareModelError) as caught:
            told(TABLE, stranger)
        assert str(caught.value) == "chip 'other' describes model 'cim', not 'spikesim'"


def test_a_chip_without_a_constant_that_the_model_needs_is_refused_by_its_name():
    rest = {name: c for name, c in CHIP.constants.items() if name != "energy_adc"}
    with pytest.raises(HardwareModelError, match="energy_adc"):
        estimate(architecture(), chip=replace(CHIP, constants=rest))
