"""What holds for model ``cim`` on any network and chip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import GROUPS, Networks, Workload, chain
from neuronas.config import OPERATIONS, Kind
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import Activity, Chip, Cost, estimate, hardware_model
from neuronas.hardware.cim.settings import MAPPINGS, SCHEDULES
from tests.strategies import architecture, architectures

MODEL = hardware_model("cim")
RRAM = Chip.of("rram-32nm")
SERIAL = ("layer-serial", "step-serial")


def chip(base: str = "rram-32nm", **settings: object) -> Chip:
    return Chip.of({"base": base, "settings": settings})


KERNELS = (1, 2, 3, 5, 7)
Plain = dict[str, list[int]]
"""One layer per entry: channels out, kernel, side of the map, weight bits."""


@st.composite
def plain_networks(draw) -> Plain:
    depth = draw(st.integers(1, 5))

    def some(values: st.SearchStrategy[int], count: int = depth) -> list[int]:
        return draw(st.lists(values, min_size=count, max_size=count))

    return {
        "channels": some(st.integers(1, 40) | st.integers(1, 1500), depth + 1),
        "kernel": some(st.sampled_from(KERNELS)),
        "side": some(st.sampled_from([1, 4, 8, 16, 32])),
        "weight_bits": some(st.integers(2, 8)),
    }


@st.composite
def chips(draw) -> Chip:
    options = {
        "mapping": MAPPINGS,
        "schedule": SCHEDULES,
        "signed_weights": ("offset", "differential", "twos_complement"),
        "rows": (32, 64, 128),
        "columns": (32, 64, 128),
        "columns_per_adc": (1, 8, 16),
        "cell_bits": (1, 2, 4),
        "pe_per_tile": (None, 4, 9),
    }
    return chip(**{name: draw(st.sampled_from(values)) for name, values in options.items()})


def workload(network: Plain, time_steps: int = 4, order: list[int] | None = None) -> Workload:
    layers = range(len(network["kernel"])) if order is None else order
    channels = network["channels"]

    def column(values: list[int]) -> np.ndarray:
        return np.array([[values[layer]] for layer in layers])

    return chain(
        kind=np.full((len(network["kernel"]), 1), Kind.CONV),
        in_channels=column(channels[:-1]),
        out_channels=column(channels[1:]),
        height=column(network["side"]),
        width=column(network["side"]),
        kernel=column(network["kernel"]),
        weight_bits=column(network["weight_bits"]),
        time_steps=[time_steps],
    )


def cost(network: Plain, on: Chip = RRAM, time_steps: int = 4, rate: float = 0.1) -> Cost:
    return MODEL.cost(workload(network, time_steps), on, activity=Activity(rate))


def not_less(more: Cost, less: Cost, *quantities: str) -> None:
    for name in quantities or ("area_um2", "energy_pj"):
        falls = getattr(more, name) < getattr(less, name) * (1 - 1e-12)
        assert not falls.any(), f"{name} of networks {np.flatnonzero(falls)}"


def close(value: float, rel: float = 1e-9) -> object:
    return pytest.approx(value, rel=rel, abs=0)


# What must hold for any network


@given(plain_networks(), st.sampled_from(SERIAL))
def test_energy_and_latency_are_affine_in_time_where_not_pipelined(network, schedule):
    on = chip(schedule=schedule)
    one, two, seven = (cost(network, on, time_steps=t) for t in (1, 2, 7))
    for name in ("energy_pj", "latency_ns"):
        first, second, last = (getattr(c, name)[0] for c in (one, two, seven))
        assert last == close(first + 6 * (second - first))


@given(plain_networks(), chips(), st.data())
def test_more_channels_never_cost_less(network, on, data):
    layer = data.draw(st.integers(0, len(network["kernel"])))
    wider = network | {"channels": list(network["channels"])}
    wider["channels"][layer] += data.draw(st.integers(1, 200))
    not_less(cost(wider, on), cost(network, on))


@given(plain_networks(), chips(), st.data())
def test_more_weight_bits_never_cost_less(network, on, data):
    layer = data.draw(st.integers(0, len(network["kernel"]) - 1))
    finer = network | {"weight_bits": list(network["weight_bits"])}
    finer["weight_bits"][layer] = data.draw(st.integers(network["weight_bits"][layer], 8))
    not_less(cost(finer, on), cost(network, on))


@given(plain_networks(), st.integers(2, 32), st.integers(2, 32), st.sampled_from(SCHEDULES))
def test_more_membrane_bits_never_cost_less(network, bits, other, schedule):
    less, more = sorted((bits, other))
    few, many = (chip(membrane_bits=b, schedule=schedule) for b in (less, more))
    not_less(cost(network, many), cost(network, few))


@given(plain_networks(), st.integers(1, 12), st.integers(1, 12), st.sampled_from(["sar", "flash"]))
def test_more_adc_bits_never_cost_less(network, bits, other, adc):
    less, more = sorted((bits, other))
    few, many = (chip(adc=adc, adc_bits=b) for b in (less, more))
    not_less(cost(network, many), cost(network, few))


@given(plain_networks(), st.floats(0, 1), st.floats(0, 1))
def test_more_spikes_never_cost_less_energy_and_nothing_else(network, rate, other):
    less, more = sorted((rate, other))
    quiet, busy = cost(network, rate=less), cost(network, rate=more)
    not_less(busy, quiet, "energy_pj")
    assert busy.latency_ns[0] == quiet.latency_ns[0]
    assert busy.area_um2[0] == quiet.area_um2[0]


@given(plain_networks(), st.randoms(use_true_random=False))
def test_the_order_of_layers_matters_neither_to_crossbars_nor_to_serial_time(network, random):
    order = list(range(len(network["kernel"])))
    random.shuffle(order)
    here, there = (MODEL.explain(workload(network, order=o), RRAM) for o in (sorted(order), order))
    for part in ("crossbars", "converters", "drivers and multiplexers"):
        areas = (found.area_um2.by_component()[part] for found in (here, there))
        assert next(areas) == close(next(areas))
    assert here.cost.latency_ns[0] == close(there.cost.latency_ns[0])


@given(architectures(), st.sampled_from(SCHEDULES), st.sampled_from(["kernel", "im2col"]))
def test_parts_of_any_network_of_the_family_add_up_and_are_finite(network, schedule, mapping):
    table = Workload.of(Networks.of([network]))
    wide = table.weight_bits > 8
    table = replace(table, weight_bits=np.where(wide, 8, table.weight_bits))
    found = MODEL.explain(table, chip(schedule=schedule, mapping=mapping))
    for name in ("energy_pj", "latency_ns", "area_um2"):
        whole = float(getattr(found.cost, name)[0])
        assert np.isfinite(whole)
        assert getattr(found, name).total() == close(whole)
        assert (getattr(found, name).by_layer() >= 0).all()
    assert found.cost.interval_ns[0] <= found.cost.latency_ns[0] * (1 + 1e-9)


@given(architectures(), st.integers(0, 3), st.integers(0, 1), st.sampled_from([4, 8, 16]))
def test_choices_per_network_are_the_settings_of_a_chip(network, schedule, mapping, sharing):
    bits = dict.fromkeys(("stem", "cell_a", "reduction", "cell_b", "classifier"), 4)
    network = network.model_copy(update={"weight_bits": type(network.weight_bits)(**bits)})
    table = Workload.of(Networks.of([network]))
    chosen = MODEL.cost(
        table,
        RRAM,
        choices={
            "schedule": np.array([schedule]),
            "mapping": np.array([mapping]),
            "columns_per_adc": np.array([sharing]),
            "columns": np.array([128]),
            "pe_per_tile": np.array([4]),
        },
    )
    settings = {
        "schedule": SCHEDULES[schedule],
        "mapping": ("kernel", "im2col")[mapping],
        "columns_per_adc": sharing,
        "columns": 128,
        "pe_per_tile": 4,
    }
    built = MODEL.cost(table, chip(**settings))
    for name in ("energy_pj", "latency_ns", "interval_ns", "area_um2", "num_tiles"):
        assert getattr(chosen, name)[0] == getattr(built, name)[0], name


# What must hold for many networks


PAIRS = 10_000
UNLIKE: tuple[dict[str, object], ...] = (
    {"base": "rram-32nm"},
    {"base": "rram-22nm", "rows": 32, "cell_bits": 1, "signed_weights": "differential"},
    {"base": "rram-32nm", "rows": 128, "cell_bits": 2, "signed_weights": "twos_complement"},
    {"base": "rram-65nm", "rows": 128, "cell_bits": 1},
    {"base": "sram-32nm", "rows": 32},
    {"base": "sram-32nm", "rows": 64, "signed_weights": "twos_complement"},
)
Batch = dict[str, np.ndarray]
"""As ``Plain``, a column per network, with kinds, groups, and what channels are multiples of."""


def random_batch(draw: np.random.Generator, *, plain: bool) -> Batch:
    shape = (4, PAIRS)
    linear = draw.random(shape) < (0 if plain else 0.2)
    unit = np.ones(PAIRS, dtype=int) if plain else draw.choice([1, 2, 3, 16, 64], size=PAIRS)
    several = (1500 ** draw.random((5, PAIRS))).astype(int)
    return {
        "kind": np.where(linear, Kind.LINEAR, Kind.CONV),
        "channels": np.maximum(several // unit, 1) * unit,
        "kernel": np.where(linear, 1, draw.choice(KERNELS, size=shape)),
        "side": np.where(linear, 1, draw.choice([1, 4, 8, 16, 32], size=shape)),
        "weight_bits": draw.integers(2, 9, size=shape),
        "groups": np.where(linear | (draw.random(shape) < 0.5), 1, unit),
        "unit": unit,
    }


def grown(batch: Batch, draw: np.random.Generator) -> Batch:
    """Return networks with more channels in one place or in all, or more bits of one layer."""
    network, where, more = np.arange(PAIRS), draw.integers(0, 3, size=PAIRS), dict(batch)
    wider = draw.choice([1, 2, 20, 300], size=PAIRS) * batch["unit"]
    channels, bits = batch["channels"].copy(), batch["weight_bits"].copy()
    channels[draw.integers(0, 5, size=PAIRS), network] += wider * (where == 0)
    channels += wider * (where == 1)
    layer, finer = draw.integers(0, 4, size=PAIRS), draw.integers(1, 7, size=PAIRS)
    bits[layer, network] += finer * (where == 2)
    more["channels"], more["weight_bits"] = channels, np.minimum(bits, 8)
    return more


def table_of(batch: Batch) -> Workload:
    return chain(
        kind=batch["kind"],
        in_channels=batch["channels"][:-1],
        out_channels=batch["channels"][1:],
        height=batch["side"],
        width=batch["side"],
        kernel=batch["kernel"],
        weight_bits=batch["weight_bits"],
        groups=batch["groups"],
        time_steps=[4],
    )


def random_family(draw: np.random.Generator) -> Networks:
    return Networks(
        input_shape=(3, 16, 16),
        classes=10,
        cell_a=draw.integers(0, len(OPERATIONS), size=(PAIRS, 6)),
        cell_b=draw.integers(0, len(OPERATIONS), size=(PAIRS, 6)),
        channels=(300 ** draw.random(PAIRS)).astype(int),
        decay=np.full(PAIRS, 0.25),
        threshold=np.ones(PAIRS),
        weight_bits=draw.integers(2, 9, size=(PAIRS, len(GROUPS))),
        **{
            name: draw.choice(values, size=PAIRS)
            for name, values in {
                "ratio": [1, 2, 3],
                "pool": [1, 2, 4],
                "hidden": [0, 1, 30],
                "time_steps": [1, 4],
            }.items()
        },
    )


def grown_family(networks: Networks, draw: np.random.Generator) -> Networks:
    """Return networks with more channels, or more bits of one group."""
    wider = draw.random(PAIRS) < 0.5
    bits = networks.weight_bits.copy()
    group, finer = draw.integers(0, len(GROUPS), size=PAIRS), draw.integers(1, 7, size=PAIRS)
    bits[np.arange(PAIRS), group] += finer * ~wider
    return replace(
        networks,
        channels=networks.channels + wider * draw.choice([1, 2, 20, 200], size=PAIRS),
        weight_bits=np.minimum(bits, 8),
    )


def all_not_less(
    more: Workload, less: Workload, settings: dict[str, object], draw: np.random.Generator
) -> None:
    """Check pairs of networks on a chip whose choices differ between the pairs."""
    own = {name: value for name, value in settings.items() if name != "base"}
    on = chip(str(settings["base"]), columns=128, **own)
    choices = {
        "mapping": draw.integers(0, len(MAPPINGS), size=PAIRS),
        "schedule": draw.integers(0, len(SCHEDULES), size=PAIRS),
        "columns": draw.choice([32, 64, 128], size=PAIRS),
        "columns_per_adc": draw.choice([1, 8, 16], size=PAIRS),
        "pe_per_tile": draw.choice([0, 1, 4, 9, 64], size=PAIRS),
    }
    not_less(*(MODEL.cost(w, on, choices=choices) for w in (more, less)))


@pytest.mark.parametrize("settings", UNLIKE)
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "with groups and linear layers"])
def test_none_of_many_networks_costs_less_when_it_grows(settings, plain):
    draw = np.random.default_rng(0)
    less = random_batch(draw, plain=plain)
    all_not_less(table_of(grown(less, draw)), table_of(less), settings, draw)


@pytest.mark.parametrize(("rows", "kernel", "small"), [(64, 2, 16), (32, 3, 3), (32, 5, 1)])
def test_a_small_matrix_that_grows_makes_no_tile_smaller(rows, kernel, small):
    network = {
        "channels": [small, 440, 1474, 1459],
        "kernel": [kernel] * 3,
        "side": [8] * 3,
        "weight_bits": [4, 8, 8],
    }
    wider = network | {"channels": [small + 1, *network["channels"][1:]]}
    on = chip("sram-32nm", rows=rows, pe_per_tile=4)
    not_less(cost(wider, on), cost(network, on))


@pytest.mark.parametrize("settings", UNLIKE)
def test_none_of_many_networks_of_the_family_costs_less_when_it_grows(settings):
    draw = np.random.default_rng(0)
    less = random_family(draw)
    more = grown_family(less, draw)
    all_not_less(Workload.of(more), Workload.of(less), settings, draw)


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
