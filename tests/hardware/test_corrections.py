"""The corrections of SpikeSim's script: each by hand, and that it changes nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import Layer, Networks, Workload, workload_of_layers
from neuronas.errors import ConfigError
from neuronas.hardware import Chip, Explanation, estimate, hardware_model
from neuronas.hardware.spikesim import CORRECTIONS, Correction
from tests.strategies import architecture, batches, connected_cells, layer_lists

CHIP = Chip.of("spikesim-65nm-rram")
MODEL = hardware_model("spikesim")
QUANTITIES = ("energy_pj", "latency_ns", "area_um2")
NAMES = tuple(CORRECTIONS)
READ_NS = 26 * 1000 / 250
SUBSETS = st.lists(st.sampled_from(NAMES), unique=True)
every_correction = pytest.mark.parametrize("name", NAMES)


def conv(channels: int, outputs: int, side: int, kernel: int = 3, pool: int = 1) -> Layer:
    return Layer(
        kind="conv",
        in_channels=channels,
        out_channels=outputs,
        height=side,
        width=side,
        kernel=kernel,
        pool=pool,
    )


SIX = (
    conv(3, 64, 8),
    conv(64, 130, 8, pool=2),
    conv(130, 64, 4, kernel=1),
    conv(64, 64, 4),
    conv(64, 300, 4),
    conv(300, 70, 4, pool=2),
)
"""Six convolutions on side 128: 1 + 2 + 2 + 1 + 3 + 3 = 12 PEs, 2 tiles, 4 places empty."""
HEAD = Layer(kind="linear", in_channels=280, out_channels=10, neurons=False)
WITH_HEAD = (*SIX, HEAD)
STEPS = 3


def table(*layers: Layer) -> Workload:
    return workload_of_layers([layers], STEPS)


def chip_with(*names: Correction, **settings: object) -> Chip:
    changes = {"xbar_size": 128, "corrections": tuple(names)} | settings
    return replace(CHIP, settings=CHIP.settings.model_copy(update=changes))


def explained(*names: Correction, layers=SIX, **settings: object) -> Explanation:
    return MODEL.explain(table(*layers), chip_with(*names, **settings))


def parts(found: Explanation) -> dict[tuple[str, str], list[float]]:
    """Return the share of every layer in every component of every quantity."""
    return {
        (quantity, component): values.tolist()
        for quantity in QUANTITIES
        for component, values in getattr(found, quantity).layers.items()
    }


def changes(before: Explanation, after: Explanation) -> set[tuple[str, str]]:
    old, new = parts(before), parts(after)
    assert old.keys() == new.keys()
    return {part for part in old if old[part] != new[part]}


def component(found: Explanation, quantity: str, name: str) -> np.ndarray:
    return getattr(found, quantity).layers[name]


def close(value: object) -> object:
    return pytest.approx(value, rel=1e-12, abs=0)


def energy(*names: str) -> set[tuple[str, str]]:
    return {("energy_pj", name) for name in names}


def area(*names: str) -> set[tuple[str, str]]:
    return {("area_um2", name) for name in names}


LATENCY = {("latency_ns", "pe cycles")}
ENERGY = {part for part in parts(explained()) if part[0] == "energy_pj"}
AREA = {part for part in parts(explained()) if part[0] == "area_um2"}
CHANGED = {
    "classifier": ENERGY | LATENCY | AREA - area("neuron memory"),  # it is the seventh layer
    "sizes_before_pooling": ENERGY | LATENCY | area("neuron memory"),
    "cycle_per_position": LATENCY,
    "adc_rounds": energy("crossbars", "ADCs", "multiplexers"),
    "adcs_per_crossbar": energy("ADCs", "multiplexers") | area("ADCs", "multiplexers"),
    "crossbar_size": energy("crossbars") | area("crossbars"),
    "neuron_updates": energy("neurons"),
    "tile_buffer_per_tile": energy("tile buffers"),
    "all_membranes": area("neuron memory"),
    "spike_inputs": area("input memory"),
}


def test_every_correction_explains_itself_and_is_tested_here():
    assert set(CORRECTIONS) == set(get_args(Correction)) == set(CHANGED)
    assert all(what.strip() for what in CORRECTIONS.values())


@every_correction
def test_a_correction_changes_what_it_says_and_nothing_else(name):
    layers = WITH_HEAD if name == "classifier" else SIX
    before, after = explained(layers=layers), explained(name, layers=layers)
    assert changes(before, after) == CHANGED[name]


@every_correction
def test_a_correction_changes_the_totals_that_its_parts_belong_to(name):
    before, after = (explained(*names, layers=WITH_HEAD).cost for names in ((), (name,)))
    for quantity in QUANTITIES:
        changed = getattr(before, quantity)[0] != getattr(after, quantity)[0]
        assert changed == any(part[0] == quantity for part in CHANGED[name]), quantity
    assert after.parameters == before.parameters
    assert after.memory_bits == before.memory_bits
    if name != "classifier":
        assert (after.num_pe, after.num_tiles) == (before.num_pe, before.num_tiles)


ONE_SIDE = tuple(layer.model_copy(update={"pool": 1}) for layer in SIX)
NEUTRAL = {
    "classifier": (SIX, {}),
    "sizes_before_pooling": (ONE_SIDE, {}),
    "cycle_per_position": ((conv(3, 1, 8), conv(1, 1, 8)), {}),
    "adc_rounds": (SIX, {"xbar_size": 64}),
    "adcs_per_crossbar": (tuple(conv(3, 64, 8, kernel=1) for _ in range(3)), {}),
    "crossbar_size": (SIX, {"xbar_size": 64}),
    "tile_buffer_per_tile": (SIX, {"pe_per_tile": 1}),
    "all_membranes": (SIX[:5], {}),
}


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_correction_changes_nothing_where_the_script_does_not_err(name):
    layers, settings = NEUTRAL[name]
    before, after = (explained(*n, layers=layers, **settings) for n in ((), (name,)))
    assert changes(before, after) == set()


# Each by hand


def test_the_classifier_is_a_layer_of_one_position():
    before, after = explained(layers=WITH_HEAD), explained("classifier", layers=WITH_HEAD)
    pes = [1, 2, 2, 1, 3, 3, 3]
    assert after.figures["pe"].tolist() == pes
    assert after.cost.num_pe.tolist() == [15]
    assert after.not_modelled.tolist() == [False] * 7
    assert before.not_modelled.tolist() == [False] * 6 + [True]

    *convolutions, head = after.energy_pj.by_layer()
    assert convolutions == before.energy_pj.by_layer()[:6].tolist()
    adcs, c = 16, CHIP.value
    cycle = c("energy_htree") + c("energy_memory_fetch") + c("energy_neuron")
    cycle += adcs * (c("energy_rram_crossbar") + adcs * (c("energy_adc") + c("energy_mux")))
    cycle += adcs * (16 * c("energy_subtractor") + c("energy_temporary_buffer"))
    cycle += c("energy_tile_buffer")
    assert head == close(3 * STEPS * cycle)

    last_alone, overlapping = 70 * 4, math.floor(0.75 * 70 * 4)
    latency = after.latency_ns.by_layer() / (READ_NS * STEPS)
    assert before.latency_ns.by_layer()[5] / (READ_NS * STEPS) == close(last_alone)
    assert latency[5:].tolist() == close([overlapping, 10])
    state = c("membrane_bits") * c("area_state_bit")
    assert component(after, "area_um2", "input memory")[6] == close(280 * state)


def test_the_classifier_of_the_family_is_mapped_too():
    workload = Workload.of(Networks.of([architecture(hidden=5)]))
    found = MODEL.explain(workload, chip_with("classifier"))
    assert workload.names(found.not_modelled) == [
        "reduction.pool",
        "cell_b.0->3",
        "classifier.pool",
    ]
    assert found.cost.num_pe[0] == explained_network("hidden", 5).cost.num_pe[0] + 2


def explained_network(name: str, value: object) -> Explanation:
    workload = Workload.of(Networks.of([architecture(**{name: value})]))
    return MODEL.explain(workload, chip_with())


def test_sizes_before_pooling_count_the_positions_that_are_computed():
    before, after = explained(), explained("sizes_before_pooling")
    pooled = np.array([1, 4, 1, 1, 1, 4])
    assert after.energy_pj.by_layer() == close(pooled * before.energy_pj.by_layer())
    outputs = np.array([64 * 64, 130 * 64, 64 * 16, 64 * 16, 300 * 16, 70 * 16])
    overlapped = [*np.floor(0.75 * outputs[:5]), outputs[5]]
    assert after.latency_ns.by_layer() == close(np.array(overlapped) * READ_NS * STEPS)
    memory = component(after, "area_um2", "neuron memory")
    assert memory == close(np.array([*outputs[:5], 0]) * 22 * 0.7391)


def test_the_family_pools_in_layers_of_their_own_so_its_positions_are_those_before_pooling():
    """The reduction's 8x8, not 4x4, as the feasibility of the budget v1 was worked out."""
    workload = Workload.of(Networks.of([architecture()]))
    script, mended = (
        MODEL.explain(workload, chip_with(*names)) for names in ((), ("sizes_before_pooling",))
    )
    assert parts(script) == parts(mended)


def test_a_cycle_per_position_takes_a_position_for_all_its_channels():
    positions = [64, 16, 16, 16, 16, 4]
    overlapped = [*(math.floor(0.75 * count) for count in positions[:5]), positions[5]]
    found = explained("cycle_per_position").latency_ns.by_layer()
    assert found == close(np.array(overlapped) * READ_NS * STEPS)
    assert found.sum() < explained().latency_ns.by_layer().sum()


@pytest.mark.parametrize(("side", "factor"), [(32, 8 / 4), (128, 8 / 16), (256, 8 / 32)])
def test_adc_rounds_are_as_many_as_columns_share_an_adc(side, factor):
    before, after = (explained(*n, xbar_size=side) for n in ((), ("adc_rounds",)))
    for name in ("crossbars", "ADCs", "multiplexers"):
        old, new = (component(found, "energy_pj", name) for found in (before, after))
        assert new == close(factor * old), name


def test_adcs_per_crossbar_are_as_many_as_kernel_positions():
    before, after = explained(), explained("adcs_per_crossbar")
    kernel_areas, pes = np.array([9, 9, 1, 9, 9, 9]), np.array([1, 2, 2, 1, 3, 3])
    for name, constant in (("ADCs", "area_adc"), ("multiplexers", "area_mux")):
        old, new = (component(found, "energy_pj", name) for found in (before, after))
        assert new == close(kernel_areas * old), name
        one_set = 16 * CHIP.value(constant)
        assert component(before, "area_um2", name).sum() == close(2 * 8 * one_set)
        crossbars = (pes * kernel_areas).sum() + 4 * 9
        assert component(after, "area_um2", name).sum() == close(crossbars * one_set)


@pytest.mark.parametrize(("side", "factor"), [(32, 1 / 4), (128, 4), (256, 16)])
@pytest.mark.parametrize("device", ["rram", "sram"])
def test_area_and_read_of_a_crossbar_grow_with_its_cells(side, factor, device):
    settings = {"xbar_size": side, "device": device}
    before, after = (explained(*n, **settings) for n in ((), ("crossbar_size",)))
    for quantity in ("energy_pj", "area_um2"):
        old, new = (component(found, quantity, "crossbars") for found in (before, after))
        assert new == close(factor * old), quantity


def test_a_neuron_is_updated_once_per_step():
    outputs = np.array([64 * 64, 130 * 16, 64 * 16, 64 * 16, 300 * 16, 70 * 4])
    after = component(explained("neuron_updates"), "energy_pj", "neurons")
    assert after == close(outputs * STEPS * 1.274)
    before = component(explained(), "energy_pj", "neurons")
    pes, positions = np.array([1, 2, 2, 1, 3, 3]), np.array([64, 16, 16, 16, 16, 4])
    assert before == close(pes * positions * STEPS * 4 * 1.274)


def test_neurons_are_counted_before_pooling_where_sizes_are():
    found = explained("neuron_updates", "sizes_before_pooling")
    assert component(found, "energy_pj", "neurons")[1] == close(130 * 64 * STEPS * 1.274)


@pytest.mark.parametrize("pe_per_tile", [2, 8])
def test_the_pes_of_a_tile_share_an_access_to_its_buffer(pe_per_tile):
    before, after = (
        component(explained(*n, pe_per_tile=pe_per_tile), "energy_pj", "tile buffers")
        for n in ((), ("tile_buffer_per_tile",))
    )
    assert after == close(before / pe_per_tile)


def test_all_membranes_are_stored():
    outputs = np.array([64 * 64, 130 * 16, 64 * 16, 64 * 16, 300 * 16, 70 * 4])
    before = component(explained(), "area_um2", "neuron memory")
    after = component(explained("all_membranes"), "area_um2", "neuron memory")
    assert after == close(outputs * 22 * 0.7391)
    assert before.tolist() == [*after[:5].tolist(), 0]


def test_a_head_has_no_neurons_to_update_or_store():
    corrections = ("classifier", "neuron_updates", "all_membranes")
    found = explained(*corrections, layers=WITH_HEAD)
    firing = explained(*corrections, layers=(*SIX, HEAD.model_copy(update={"neurons": True})))
    for quantity, name, each in (
        ("energy_pj", "neurons", STEPS * 1.274),
        ("area_um2", "neuron memory", 22 * 0.7391),
    ):
        assert component(found, quantity, name)[6] == 0
        assert component(firing, quantity, name)[6] == close(10 * each)


def test_the_hidden_layer_of_the_family_has_the_neurons_of_the_row_behind_it():
    workload = Workload.of(Networks.of([architecture(hidden=5)]))
    names = [slot.name for slot in workload.slots]
    hidden, head = names.index("classifier.hidden"), names.index("classifier.head")
    chip = chip_with("classifier", "neuron_updates", "all_membranes")
    found = MODEL.explain(workload, chip)
    updates = component(found, "energy_pj", "neurons")
    memory = component(found, "area_um2", "neuron memory")
    assert updates[[hidden, head]].tolist() == close([5 * 4 * 1.274, 0])
    assert memory[[hidden, head]].tolist() == close([5 * 22 * 0.7391, 0])


def test_a_mapped_classifier_is_not_among_what_is_left_out():
    for names, effect in (
        ((), "linear, pooling and skip layers"),
        (("classifier",), "pooling and skip layers"),
    ):
        found = estimate(architecture(), chip=chip_with(*names)).to_json()
        assert found["not_modelled"]["effects"] == [effect, "weight bits", "spike rates"]
        assert ("classifier.head" in found["not_modelled"]["layers"]) == (not names)


def test_corrections_are_kept_in_one_order_and_not_twice():
    one, other = (
        Chip.of({"base": "spikesim-65nm-rram", "settings": {"corrections": names}})
        for names in (["adc_rounds", "classifier"], ["classifier", "adc_rounds"])
    )
    assert one.settings.corrections == ("classifier", "adc_rounds")
    assert one.to_json() == other.to_json()
    with pytest.raises(
        ConfigError, match=r"settings\.corrections: found .*; names adc_rounds twice"
    ):
        Chip.of({"base": "spikesim-65nm-rram", "settings": {"corrections": ["adc_rounds"] * 2}})


def test_a_spike_is_one_bit():
    before, after = (
        component(explained(*n), "area_um2", "input memory") for n in ((), ("spike_inputs",))
    )
    assert after == close(before / 22)
    assert after[0] == close(3 * 64 * 0.7391)


# Together


def test_no_correction_is_made_by_default():
    assert CHIP.settings.corrections == ()
    assert changes(explained(), MODEL.explain(table(*SIX), chip_with())) == set()


def test_corrections_do_not_depend_on_their_order():
    one, other = explained(*NAMES, layers=WITH_HEAD), explained(*NAMES[::-1], layers=WITH_HEAD)
    assert changes(one, other) == set()


@given(layer_lists(kernels="mixed"), SUBSETS)
def test_parts_of_a_corrected_cost_add_up_to_its_totals(layers, names):
    chip = layers.on(chip_with(*names), None)
    found = MODEL.explain(layers.workload(), chip)
    for quantity in QUANTITIES:
        whole, total = getattr(found, quantity), getattr(found.cost, quantity)[0]
        assert total == close(math.fsum(whole.by_layer())), quantity
        assert total == close(math.fsum(whole.by_component().values())), quantity
        assert all((values >= 0).all() for values in whole.layers.values())


@given(batches(cell=connected_cells()), SUBSETS)
def test_a_batch_is_corrected_as_its_members_one_by_one(members, names):
    chip = chip_with(*names)
    together = MODEL.cost(Workload.of(Networks.of(members)), chip)
    for index, member in enumerate(members):
        found = MODEL.explain(Workload.of(Networks.of([member])), chip)
        for quantity in QUANTITIES:
            total = getattr(together, quantity)[index]
            assert total == getattr(found.cost, quantity)[0], quantity
            assert total == close(getattr(found, quantity).total()), quantity
