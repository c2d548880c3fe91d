"""What holds for the ``spikesim`` model on any network."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import Networks, Slot, Workload
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware import Chip, Cost, Estimate, LayerList, SpikeSim, estimate
from tests.strategies import (
    DEAD_ENDS,
    WIRE,
    architecture,
    architectures,
    batches,
    connected_cells,
    layer_lists,
)

CHIP = Chip.preset("spikesim-65nm")
TOTALS = ("energy_pj", "latency_ns", "area_um2", "num_pe", "num_tiles")
PER_LAYER = ("layer_energy_pj", "layer_latency_ns", "layer_area_um2", "layer_pe", "not_modelled")


def cost(*members) -> Cost:
    return SpikeSim().cost(Workload.of(Networks.of(members)), CHIP)


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
    found = costed(layers)
    assert found.energy_pj == close(math.fsum(found.cost.layer_energy_pj[:, 0]))
    assert found.latency_ns == close(math.fsum(found.cost.layer_latency_ns[:, 0]))
    assert found.area_um2 == close(math.fsum(found.cost.layer_area_um2[:, 0]))
    assert found.cost.num_pe[0] == found.cost.layer_pe[:, 0].sum()


@given(layer_lists(kernels="mixed"))
def test_the_area_is_the_sum_of_its_components(layers):
    found = costed(layers)
    assert found.area_um2 == close(math.fsum(a[0] for a in found.cost.area_parts_um2.values()))


@given(batches(cell=connected_cells()))
def test_totals_of_a_batch_are_the_sums_of_its_layers(members):
    found = cost(*members)
    assert found.energy_pj == close(found.layer_energy_pj.sum(axis=0))
    assert found.latency_ns == close(found.layer_latency_ns.sum(axis=0))
    assert found.area_um2 == close(found.layer_area_um2.sum(axis=0))
    assert found.area_um2 == close(np.sum(list(found.area_parts_um2.values()), axis=0))


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
    before, after = costed(layers).cost, costed(changed(layers, **{side: channels})).cost
    slack = 1 + 1e-12
    for total in TOTALS:
        assert getattr(before, total)[0] <= getattr(after, total)[0] * slack, total


@given(batches(cell=connected_cells()))
def test_a_batch_costs_what_its_members_cost_one_by_one(members):
    together = cost(*members)
    for index, member in enumerate(members):
        alone = cost(member)
        for total in (*TOTALS, "parameters", "memory_bits"):
            assert getattr(together, total)[index] == close(getattr(alone, total)[0]), total
        for table in PER_LAYER:
            assert getattr(together, table)[:, index] == close(getattr(alone, table)[:, 0]), table


def test_an_empty_batch_has_no_costs():
    nobody = Networks.of([architecture()]).take(slice(0, 0))
    found = SpikeSim().cost(Workload.of(nobody), CHIP)
    assert found.energy_pj.shape == found.area_um2.shape == found.latency_ns.shape == (0,)


@given(architectures(cell=connected_cells()))
def test_dead_edges_cost_nothing(network):
    found, canonical = cost(network), cost(network.canonical())
    for quantity in (*TOTALS, *PER_LAYER):
        assert np.array_equal(getattr(found, quantity), getattr(canonical, quantity)), quantity


@given(layer_lists(kernels="mixed"), st.data())
def test_absent_layers_cost_nothing_wherever_they_stand(layers, data):
    workload = layers.workload()
    places = data.draw(st.lists(st.integers(0, len(workload.slots)), min_size=1, max_size=6))
    padded = add_absent_layers(workload, places)
    plain, found = SpikeSim().cost(workload, CHIP), SpikeSim().cost(padded, CHIP)
    for total in TOTALS:
        assert getattr(found, total) == close(getattr(plain, total)), total
    absent = padded.kind[:, 0] == Kind.NONE
    assert np.count_nonzero(absent) == len(places)
    for table in PER_LAYER:
        assert not getattr(found, table)[absent].any(), table
        assert getattr(found, table)[~absent] == close(getattr(plain, table)), table


@given(layer_lists())
def test_equal_kernels_given_per_layer_are_one_kernel_for_all(layers):
    per_layer = changed(layers, kernel_size=layers.kernel_size * len(layers.in_ch_list))
    one, other = costed(layers).cost, costed(per_layer).cost
    for quantity in (*TOTALS, *PER_LAYER):
        assert np.array_equal(getattr(one, quantity), getattr(other, quantity)), quantity


@given(layer_lists(kernels="mixed"))
def test_a_layers_energy_depends_on_its_own_kernel_only(layers):
    found = costed(layers).cost.layer_energy_pj[:, 0]
    for place, kernel in enumerate(layers.kernel_size):
        uniform = costed(changed(layers, kernel_size=kernel))
        assert found[place] == uniform.cost.layer_energy_pj[place, 0]


def test_crossbars_are_charged_per_kernel_and_empty_places_with_the_largest():
    layers = LayerList(
        in_ch_list=[64, 64],
        out_ch_list=[64, 128],
        in_dim_list=[8, 8],
        out_dim_list=[8, 8],
        kernel_size=[3, 1],
        time_steps=1,
    )
    found = costed(layers)  # one PE of 3x3, two of 1x1, five places of the tile are empty
    crossbars = 1 * 9 + 2 * 1 + 5 * 9
    assert found.cost.num_tiles.tolist() == [1]
    assert found.cost.area_parts_um2["crossbars"][0] == close(crossbars * 26.2144)


def test_the_last_convolution_does_not_overlap_whatever_follows_it():
    by_hand = {"stem": 0.75 * 8 * 64, "cell_a.0->3": 0.75 * 8 * 64, "reduction": 16 * 16}
    network = architecture(cell_a="0003 0000 0000 0000", cell_b=DEAD_ENDS, time_steps=2)
    found = estimate(network)
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
    found = costed(layers).cost.layer_latency_ns[:, 0] / (26 * 1000 / 250)
    assert found.tolist() == close([3, 5, 3])  # of 3.75, 5.25 and all 3


def test_what_is_not_modelled_names_linear_pooling_and_skip_layers():
    network = architecture(cell_a="0310 0004 0002 0000", cell_b=WIRE, hidden=5)
    found = estimate(network)
    assert found.not_modelled == [
        "cell_a.0->2",
        "cell_a.1->3",
        "cell_b.0->3",
        "classifier.pool",
        "classifier.hidden",
        "classifier.head",
    ]
    assert SpikeSim().leaves_out[0] == "linear, pooling and skip layers"


@given(batches(cell=connected_cells()))
def test_a_layer_is_costed_or_named_as_not_modelled_or_has_only_neurons(members):
    workload = Workload.of(Networks.of(members))
    found = SpikeSim().cost(workload, CHIP)
    costed = found.layer_energy_pj > 0
    neurons_or_nothing = np.isin(workload.kind, (Kind.LIF, Kind.NONE))
    assert (costed.astype(int) + found.not_modelled + neurons_or_nothing == 1).all()


def test_bits_and_spike_rates_leave_the_cost_alone_but_not_the_memory():
    few, many = (architecture(weight_bits={"stem": bits}) for bits in (2, 8))
    assert cost(few).energy_pj == cost(many).energy_pj
    assert cost(many).memory_bits - cost(few).memory_bits == 6 * 9 * 8
    assert "weight bits" in SpikeSim().leaves_out


def test_a_chip_of_another_model_is_refused():
    stranger = replace(CHIP, name="other", model="cim")
    with pytest.raises(HardwareModelError) as caught:
        estimate(architecture(), chip=stranger)
    assert str(caught.value) == "chip 'other' describes model 'cim', not 'spikesim'"


def test_a_chip_without_a_constant_that_the_model_needs_is_refused_by_its_name():
    rest = {name: c for name, c in CHIP.constants.items() if name != "energy_adc"}
    with pytest.raises(HardwareModelError, match="energy_adc"):
        estimate(architecture(), chip=replace(CHIP, constants=rest))
