"""Model ``cim`` by hand: mapping, signals, schedules, wrong input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuronas.architecture import chain
from neuronas.config import Kind, NeuronConfig
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import Activity, Chip, estimate
from neuronas.hardware.cim.settings import SCHEDULES
from tests.hardware.plain import MODEL, RRAM, SERIAL, Plain, chip, close, cost, workload
from tests.strategies import architecture

# By hand


CONV = {"channels": [64, 64], "kernel": [3], "side": [32], "weight_bits": [4]}
"""One crossbar of 64 x 64 per kernel position, in PEs of 2 x 2 crossbars."""


def figures(on: Chip = RRAM, network: Plain = CONV, **changes: object) -> dict[str, float]:
    found = MODEL.explain(replace(workload(network, 1), **changes), on)
    return {name: float(values[0]) for name, values in found.figures.items()}


def test_a_convolution_lies_on_a_crossbar_per_kernel_position():
    found = figures()
    assert found["pe"] == 9
    assert found["crossbars"] == 9 * 4
    assert found["replicas"] == 4  # the PE has room for 2 x 2 copies
    assert found["conversions"] == 32 * 32 * 9 * (64 + 1)  # and one reference column
    assert found["lossless_adc_bits"] == 10  # 64 rows of up to 15


def test_im2col_lays_all_rows_below_one_another():
    found = figures(chip(mapping="im2col"))
    assert found["pe"] == np.ceil(9 / 4)  # 576 rows in PEs of 4 x 4 crossbars
    assert found["conversions"] == 32 * 32 * 9 * (64 + 1)


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({"signed_weights": "offset", "cell_bits": 4}, 64 + 1),
        ({"signed_weights": "twos_complement", "cell_bits": 4}, 64),
        ({"signed_weights": "twos_complement", "cell_bits": 1}, 256),
        ({"signed_weights": "differential", "cell_bits": 4}, 128),  # 3 bits a side
        ({"signed_weights": "differential", "cell_bits": 1}, 384),
    ],
)
def test_signs_decide_how_many_columns_a_weight_takes(settings, columns):
    assert figures(chip(**settings))["conversions"] == 32 * 32 * 9 * columns


def test_few_weight_bits_need_few_converter_bits():
    assert figures(network=CONV | {"weight_bits": [2]})["lossless_adc_bits"] == 8


def test_fewer_active_rows_take_more_reads_of_smaller_sums():
    found = figures(chip(active_rows=16))
    assert found["conversions"] == 4 * 32 * 32 * 9 * (64 + 1)
    assert found["lossless_adc_bits"] == 8


@pytest.mark.parametrize(
    ("levels", "reads", "settings"),
    [
        (2, 1, {}),
        (5, 3, {}),  # spikes averaged over 2 x 2
        (5, 4, {"pooled_reads": "binary"}),
        (256, 8, {}),
        (256, 8, {"pooled_reads": "binary"}),
        (0, 6, {"current_bits": 6}),
    ],
)
def test_an_input_is_read_as_often_as_its_signal_has_planes(levels, reads, settings):
    found = figures(chip(**settings), levels=np.array([[levels]]))
    assert found["conversions"] == reads * 32 * 32 * 9 * (64 + 1)


def test_groups_are_matrices_of_their_own():
    table = chain(
        kind=Kind.CONV, in_channels=64, out_channels=64, height=8, width=8, kernel=3, groups=64
    )
    found = MODEL.explain(table, RRAM)
    assert found.figures["pe"][0] == 64
    assert found.figures["conversions"][0] == 8 * 8 * 64 * (1 + 1)


def test_a_static_stem_is_computed_once_and_its_spikes_at_every_step():
    network = architecture(channels=8, time_steps=1)
    energies = [
        estimate(network.model_copy(update={"time_steps": t})).to_json()["layers"] for t in (1, 5)
    ]
    stem = [{row["layer"]: row for row in rows}["stem"] for rows in energies]
    assert stem[0]["conversions"] == stem[1]["conversions"]
    reduction = [{row["layer"]: row for row in rows}["reduction"] for rows in energies]
    assert reduction[1]["conversions"] == 5 * reduction[0]["conversions"]


def test_skipping_empty_reads_saves_conversions_in_proportion():
    on = chip(skip_zero_rows=True)
    table = workload(CONV, 1)
    full, half = (
        MODEL.cost(table, on, activity=Activity(0.1, zero)).energy_pj[0] for zero in (0.0, 0.5)
    )
    assert half < full
    ignored = MODEL.cost(table, RRAM, activity=Activity(0.1, 0.5)).energy_pj[0]
    assert ignored == cost(CONV, time_steps=1).energy_pj[0]


@pytest.mark.parametrize(
    ("setting", "dear", "cheap", "part"),
    [
        ("decay", "multiplier", "shift", "LIF updates"),
        ("rescaling", "multiplier", "shift", "rescaling"),
        ("rescaling", "shift", "shared", "rescaling"),
    ],
)
def test_each_way_of_scaling_has_its_cost(setting, dear, cheap, part):
    network = architecture(cell_a="0301 0013 0002 0000", cell_b="0301 0013 0002 0000", channels=8)

    def energy(option: str) -> float:
        found = estimate(network, chip=chip(**{setting: option})).explanation
        return found.energy_pj.by_component()[part]

    assert energy(dear) > energy(cheap) >= 0


def test_batch_norm_folds_for_free_into_one_convolution_before_one_lif():
    chained = architecture(cell_a="0300 0030 0003 0000", cell_b="0300 0030 0003 0000", channels=8)
    found = estimate(chained).explanation
    assert found.energy_pj.by_component()["rescaling"] == 0
    meeting = chained.model_copy(
        update={"cell_a": architecture(cell_a="0303 0030 0003 0000").cell_a}
    )
    found = estimate(meeting).explanation
    assert found.energy_pj.by_component()["rescaling"] > 0


def test_maximum_pooling_of_currents_costs_comparators():
    def energy(kind: Kind, levels: int) -> float:
        table = chain(
            kind=kind,
            in_channels=8,
            out_channels=8,
            height=8,
            width=8,
            kernel=3,
            levels=levels,
            neurons=False,
        )
        parts = MODEL.explain(table, chip(current_bits=8)).energy_pj.by_component()
        return parts["node sums and pooling"]

    assert energy(Kind.MAXPOOL, 0) == energy(Kind.AVGPOOL, 0) > energy(Kind.AVGPOOL, 2) > 0


def test_a_skip_waits_in_a_memory_for_the_slower_branch():
    beside = architecture(cell_a="0301 0030 0003 0000", cell_b="0001 0000 0000 0000", channels=8)
    found = estimate(beside).explanation
    height, width = beside.input_shape[1:]
    assert found.memory_bits["waiting currents"] == 8 * height * width * 8
    alone = architecture(cell_a="0001 0000 0000 0000", cell_b="0001 0000 0000 0000", channels=8)
    assert estimate(alone).explanation.memory_bits["waiting currents"] == 0


# Schedules


NETWORK = {
    "channels": [16, 32, 64, 16],
    "kernel": [3, 3, 3],
    "side": [32, 16, 8],
    "weight_bits": [4, 4, 4],
}


def steps_of(network: Plain, schedule: str) -> np.ndarray:
    """Return the time of one step of each layer."""
    found = MODEL.explain(workload(network, 1), chip(schedule="layer-serial"))
    return found.latency_ns.by_layer()


def test_schedules_are_the_sums_and_maxima_that_they_say():
    steps, time = steps_of(NETWORK, "layer-serial"), 5
    found = {s: cost(NETWORK, chip(schedule=s), time_steps=time) for s in SCHEDULES}
    assert found["layer-serial"].latency_ns[0] == close(time * steps.sum(), 1e-6)
    assert found["step-serial"].latency_ns[0] == close(time * steps.sum(), 1e-2)
    pipelined = found["pipelined"]
    expected = steps.sum() + (time - 1) * steps.max()
    assert pipelined.latency_ns[0] == close(expected, 1e-2)
    assert pipelined.interval_ns[0] == close(time * steps.max(), 1e-2)
    assert found["row-streaming"].latency_ns[0] < pipelined.latency_ns[0]


def test_branches_of_a_cell_run_at_the_same_time_where_the_schedule_allows_it():
    both = architecture(cell_a="0303 0030 0003 0000", cell_b="0001 0000 0000 0000", channels=8)
    chain_only = both.model_copy(
        update={"cell_a": architecture(cell_a="0300 0030 0003 0000").cell_a}
    )
    parallel = {s: estimate(both, chip=chip(schedule=s)).latency_ns for s in SERIAL}
    alone = {s: estimate(chain_only, chip=chip(schedule=s)).latency_ns for s in SERIAL}
    assert parallel["layer-serial"] > 1.05 * alone["layer-serial"]
    assert parallel["step-serial"] == close(alone["step-serial"], 1e-2)


def test_each_schedule_keeps_its_own_membranes_and_buffers():
    found = {
        s: MODEL.explain(workload(NETWORK, 4), chip(schedule=s)).memory_bits for s in SCHEDULES
    }
    neurons = [32 * 32 * 32, 64 * 16 * 16, 16 * 8 * 8]
    inputs = [16 * 32 * 32, 32 * 16 * 16, 64 * 8 * 8]
    bits = 12
    assert found["layer-serial"]["membrane potentials"] == bits * max(neurons)
    assert found["step-serial"]["membrane potentials"] == bits * sum(neurons)
    assert found["layer-serial"]["spike store"] == 3 * (inputs[0] + neurons[0])
    assert found["step-serial"]["spike store"] == 0
    assert found["step-serial"]["input buffers"] == sum(inputs)
    assert found["pipelined"]["input buffers"] == 2 * sum(inputs)
    assert found["row-streaming"]["input buffers"] == 3 * (16 * 32 + 32 * 16 + 64 * 8)


def test_a_chip_of_fixed_size_says_who_does_not_fit():
    table = workload(NETWORK, 1)
    tiles = MODEL.cost(table, RRAM).num_tiles[0]
    assert MODEL.cost(table, chip(tiles=int(tiles))).fits[0]
    assert not MODEL.cost(table, chip(tiles=int(tiles) - 1)).fits[0]


# Wrong input


def test_floating_point_weights_are_refused_with_their_layer():
    network = architecture(channels=4)
    bits = network.weight_bits.model_copy(update={"reduction": 16})
    with pytest.raises(HardwareModelError, match="reduction: weight_bits is 16, floating point"):
        estimate(network.model_copy(update={"weight_bits": bits}))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"adc_bits": 0}, "settings.adc_bits: found 0"),
        ({"rows": -1}, "settings.rows: found -1"),
        ({"schedule": "fast"}, "settings.schedule: found 'fast'; allowed: layer-serial"),
        ({"device": "sram"}, "cell_bits: an SRAM cell stores 1 bit, found 4"),
        ({"adc": "comparator"}, "adc_bits: a comparator gives 1 bit, found 4"),
        ({"columns_per_adc": 128}, "columns_per_adc: found 128, more than columns"),
        ({"active_rows": 65}, "active_rows: found 65, more than rows"),
        ({"node_nm": 14.0}, "settings.node_nm: found 14.0"),
    ],
)
def test_impossible_settings_are_told(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        chip(**settings)


def test_a_constant_that_is_not_there_is_named():
    constants = {k: v for k, v in RRAM.constants.items() if k != "energy_sar_bit"}
    with pytest.raises(HardwareModelError, match="no constant 'energy_sar_bit'"):
        cost(CONV, replace(RRAM, constants=constants))


def test_a_constant_from_a_node_out_of_range_is_refused():
    constant = RRAM.constants["area_adder_bit"].model_copy(update={"node_nm": 130.0})
    constants = RRAM.constants | {"area_adder_bit": constant}
    with pytest.raises(HardwareModelError, match="node_nm is 130 nm; constants are scaled"):
        cost(CONV, replace(chip(node_nm=22.0), constants=constants))


def test_a_chip_of_another_model_is_refused():
    with pytest.raises(HardwareModelError, match="describes model 'spikesim', not 'cim'"):
        cost(CONV, Chip.of("spikesim-65nm-rram"))


def test_an_unknown_choice_is_refused():
    with pytest.raises(HardwareModelError, match="'adc_bits' is no choice per network"):
        MODEL.cost(workload(CONV), RRAM, choices={"adc_bits": np.array([4])})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("columns_per_adc", 0, "0; allowed: 1 to 65536"),
        ("pe_per_tile", -1, "-1; allowed: 0 to 65536"),
        ("columns", np.inf, "inf; allowed: 1 to 65536"),
        ("columns", np.nan, "nan; allowed: 1 to 65536"),
        ("mapping", 2, "2; allowed: 0 to 1"),
        ("schedule", 4, "4; allowed: 0 to 3"),
    ],
)
def test_a_choice_that_cannot_be_is_told_with_its_network(name, value, told):
    choices = {"columns": np.array([64]), name: np.array([value])}
    with pytest.raises(HardwareModelError, match=f"^network 0: {name} is {told}$"):
        MODEL.cost(workload(CONV), RRAM, choices=choices)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.full(7, 64), r"shape \(7,\) of int64"),
        (np.full((1, 2), 64), r"shape \(1, 2\) of int64"),
        (np.array(["wide"]), r"shape \(1,\) of <U4"),
    ],
)
def test_choices_that_are_no_number_for_each_network_are_told(values, told):
    allowed = "allowed: a number for all 1 networks, or one for each"
    with pytest.raises(HardwareModelError, match=f"^choice 'columns': found {told}; {allowed}$"):
        MODEL.cost(workload(CONV), RRAM, choices={"columns": values})


def test_columns_that_fill_all_turns_on_the_adders_take_no_turn_more():
    # 48 columns, 11 of them to a converter: adders of 8 * 48 / 11 columns, 55 turns for 1,920.
    turns = chip(columns=48, columns_per_adc=11, cell_bits=4, signed_weights="offset")

    def latency_ns(outputs: int) -> float:
        layer = {"channels": [1024, outputs], "kernel": [3], "side": [8], "weight_bits": [4]}
        return cost(layer, turns).latency_ns[0]

    # What wires take grows with the chip by less than a millionth; a turn is a thousandth.
    assert latency_ns(1920) == close(latency_ns(1919), rel=1e-6)
    assert latency_ns(1921) > latency_ns(1920) * 1.001


# Backward edges


FEEDBACK = {"cell_a": "0301 0030 0002 3000", "cell_b": "0001 0000 0000 0000", "channels": 8}


def test_an_edge_that_leads_backward_needs_steps_in_order():
    network = architecture(**FEEDBACK)
    for schedule in set(SCHEDULES) - {"step-serial"}:
        with pytest.raises(
            HardwareModelError,
            match=f"cell_a.3->0: leads backward.*'{schedule}' cannot wait for; allowed: schedule",
        ):
            estimate(network, chip=chip(schedule=schedule))
    backward = estimate(network, chip=chip(schedule="step-serial"))
    forward = architecture(**FEEDBACK | {"cell_a": "0301 0030 0002 0000"})
    without = estimate(forward, chip=chip(schedule="step-serial"))
    for quantity in ("energy_pj", "area_um2", "latency_ns", "parameters"):
        assert getattr(backward, quantity) > getattr(without, quantity), quantity
    rows = {row["layer"]: row for row in backward.to_json()["layers"]}
    assert rows["cell_a.3->0"]["macs"] == 9 * 8 * 8 * 8 * 8


def test_what_leads_backward_waits_in_a_memory_for_the_next_step():
    network = architecture(**FEEDBACK | {"cell_a": "0300 0030 0003 1000"})
    found = estimate(network, chip=chip(schedule="step-serial")).explanation
    height, width = network.input_shape[1:]
    assert found.memory_bits["waiting currents"] == 8 * height * width * 8


def test_in_a_single_time_step_nothing_leads_backward():
    network = architecture(**FEEDBACK, time_steps=1)
    forward = architecture(**FEEDBACK | {"cell_a": "0301 0030 0002 0000"}, time_steps=1)
    assert estimate(network).energy_pj == estimate(forward).energy_pj


def test_currents_that_are_rounded_have_the_bits_of_the_chip():
    network = architecture(cell_a="0301 0030 0002 0000", neuron=NeuronConfig(current_bits=6))
    with pytest.raises(
        HardwareModelError, match=r"neuron\.current_bits is 6, but settings\.current"
    ):
        estimate(network)
    rounded = estimate(network, chip=chip(current_bits=6))
    plain = network.model_copy(update={"neuron": NeuronConfig()})
    assert rounded.energy_pj == estimate(plain, chip=chip(current_bits=6)).energy_pj
