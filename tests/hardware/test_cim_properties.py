"""What holds for model ``cim`` on any network and chip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import GROUPS, Networks, Workload, chain
from neuronas.config import CODINGS, OPERATIONS, Kind
from neuronas.hardware import Chip, Cost
from neuronas.hardware.cim import arithmetic
from neuronas.hardware.cim.settings import MAPPINGS, SCHEDULES
from tests.hardware.plain import MODEL, RRAM, SERIAL, Plain, chip, close, cost, workload
from tests.strategies import architectures

KERNELS = (1, 2, 3, 5, 7)


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


@given(
    st.integers(1, 2**16),
    st.integers(1, 2**30) | st.integers(1, 2**8),
    st.integers(0, 2**16),
)
def test_parts_that_hold_a_whole_are_counted_exactly_without_a_division(parts, count, missing):
    whole = count * parts - missing % parts
    share_of, over = (function.py_func for function in (arithmetic.share_of, arithmetic.over))
    assert over(float(whole), share_of(float(parts))) == count


@given(st.floats(1e-12, 1e15))
def test_an_inverse_fifth_root_is_one_to_fifteen_digits(number):
    root = arithmetic.inverse_fifth_root.py_func(number)
    assert root == pytest.approx(number**-0.2, rel=1e-15, abs=0)


def test_nothing_times_its_inverse_fifth_root_is_nothing():
    assert 0.0 * arithmetic.inverse_fifth_root.py_func(0.0) == 0.0


BASES = ("rram-32nm", "rram-22nm", "rram-65nm", "sram-32nm")
COLUMNS = (8, 16, 32, 48, 64, 100, 128, 256, 512, 2048)
SETTINGS: dict[str, Sequence[object]] = {
    "rows": (1, 2, 3, 8, 16, 32, 48, 64, 100, 128, 256, 512),
    "active_rows": (None, None, None, 1, 2, 3, 8, 16, 64),
    "cell_bits": range(1, 9),
    "signed_weights": ("offset", "differential", "twos_complement"),
    "adc": ("sar", "flash"),
    "adc_bits": range(1, 13),
    "membrane_bits": range(2, 33),
    "current_bits": range(2, 33),
    "decay": ("shift", "multiplier"),
    "rescaling": ("shared", "shift", "multiplier"),
    "pooled_reads": ("bit_planes", "binary"),
    "skip_zero_rows": (True, False),
}
CHOICES: dict[str, Sequence[object]] = {
    "mapping": range(len(MAPPINGS)),
    "schedule": range(len(SCHEDULES)),
    "columns": COLUMNS,
    "columns_per_adc": (1, 2, 3, 8),
    "pe_per_tile": (0, 1, 2, 4, 9, 64),
}
Draw = Callable[[Sequence[object]], object]


def any_chip(draw: Draw) -> Chip:
    """Return a chip with settings drawn from all that are allowed, where they agree."""
    base = str(draw(BASES))
    drawn = {name: draw(values) for name, values in SETTINGS.items()}
    if drawn["active_rows"] is not None:
        drawn["active_rows"] = min(drawn["active_rows"], drawn["rows"])
    if base.startswith("sram"):
        drawn["cell_bits"] = 1
    return chip(base, columns=max(COLUMNS), **drawn)


@st.composite
def chips(draw) -> Chip:
    found = any_chip(lambda values: draw(st.sampled_from(values)))
    chosen = {name: draw(st.sampled_from(values)) for name, values in CHOICES.items()}
    named = {
        "mapping": MAPPINGS[chosen["mapping"]],
        "schedule": SCHEDULES[chosen["schedule"]],
        "pe_per_tile": chosen["pe_per_tile"] or None,
    }
    return with_settings(found, **chosen | named)


def with_settings(on: Chip, **settings: object) -> Chip:
    return replace(on, settings=on.settings.model_copy(update=settings))


def not_less(more: Cost, less: Cost, *quantities: str) -> None:
    for name in quantities or ("area_um2", "energy_pj"):
        falls = getattr(more, name) < getattr(less, name) * (1 - 1e-12)
        assert not falls.any(), f"{name} of networks {np.flatnonzero(falls)}"


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


@given(plain_networks(), chips(), st.integers(2, 32), st.integers(2, 32))
def test_more_membrane_bits_never_cost_less(network, on, bits, other):
    less, more = sorted((bits, other))
    few, many = (with_settings(on, membrane_bits=b) for b in (less, more))
    not_less(cost(network, many), cost(network, few))


@given(plain_networks(), chips(), st.integers(1, 12), st.integers(1, 12))
def test_more_adc_bits_never_cost_less(network, on, bits, other):
    less, more = sorted((bits, other))
    few, many = (with_settings(on, adc_bits=b) for b in (less, more))
    not_less(cost(network, many), cost(network, few))


@given(plain_networks(), chips(), st.floats(0, 1), st.floats(0, 1))
def test_more_spikes_never_cost_less_energy_and_nothing_else(network, on, rate, other):
    less, more = sorted((rate, other))
    quiet, busy = cost(network, on, rate=less), cost(network, on, rate=more)
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


PAIRS, SEEDS = 10_000, 20
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
        "levels": np.full(shape, 2) if plain else draw.choice([0, 2, 5, 10, 256], size=shape),
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
        levels=batch["levels"],
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
        votes=draw.integers(1, 4, size=PAIRS),
        coding=draw.integers(0, len(CODINGS), size=PAIRS),
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


def all_not_less(more: Workload, less: Workload, draw: np.random.Generator) -> None:
    """Check pairs of networks on a chip whose choices differ between the pairs."""
    on = any_chip(lambda values: values[draw.integers(len(values))])
    choices = {name: draw.choice(values, size=PAIRS) for name, values in CHOICES.items()}
    not_less(*(MODEL.cost(w, on, choices=choices) for w in (more, less)))


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "with groups and linear layers"])
def test_none_of_many_networks_costs_less_when_it_grows(seed, plain):
    draw = np.random.default_rng(seed)
    less = random_batch(draw, plain=plain)
    all_not_less(table_of(grown(less, draw)), table_of(less), draw)


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


def test_a_layer_that_outgrows_a_crossbar_of_many_columns_takes_no_less_area():
    network = {"channels": [3, 1], "kernel": [3], "side": [8], "weight_bits": [4]}
    on = chip(rows=32, columns=2048, columns_per_adc=32)
    not_less(cost(network | {"channels": [4, 1]}, on), cost(network, on))


def test_a_linear_layer_that_grows_beside_wide_adders_makes_no_wires_cheaper():
    def network(features: int) -> Workload:
        return chain(
            kind=np.array([[Kind.CONV], [Kind.LINEAR]]),
            in_channels=np.array([[1], [features]]),
            out_channels=np.array([[1], [1]]),
            height=1,
            width=1,
            kernel=np.array([[4], [1]]),
            weight_bits=4,
            time_steps=[1],
        )

    shared = {"columns": 32, "columns_per_adc": 32, "adc": "flash", "adc_bits": 2}
    on = chip("sram-32nm", rows=3, pe_per_tile=1, **shared)
    not_less(MODEL.cost(network(21), on), MODEL.cost(network(1), on))


def test_a_linear_layer_that_grows_beside_a_wide_pool_makes_no_wires_cheaper():
    def network(features: int) -> Workload:
        return chain(
            kind=np.array([[Kind.CONV], [Kind.AVGPOOL], [Kind.LINEAR]]),
            in_channels=np.array([[1], [101], [features]]),
            out_channels=np.array([[1], [101], [1]]),
            height=np.array([[1], [17], [1]]),
            width=np.array([[1], [17], [1]]),
            kernel=1,
            levels=np.array([[2], [65536], [2]]),
            weight_bits=4,
            time_steps=[1],
        )

    on = chip("sram-32nm", rows=11, adc_bits=1, schedule="pipelined")
    not_less(MODEL.cost(network(45), on), MODEL.cost(network(43), on))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_none_of_many_networks_of_the_family_costs_less_when_it_grows(seed):
    draw = np.random.default_rng(seed)
    less = random_family(draw)
    more = grown_family(less, draw)
    all_not_less(Workload.of(more), Workload.of(less), draw)
