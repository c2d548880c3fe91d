"""The columns of the layer table that say how often a layer computes and what its outputs meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from neuronas.architecture import (
    EDGE_NAMES,
    EDGES,
    SLOT_INDEX,
    SLOTS,
    Architecture,
    Networks,
    Workload,
)
from neuronas.config import OPERATIONS, Kind
from tests.strategies import (
    CHAIN,
    DEAD_ENDS,
    WIRE,
    all_cells,
    architecture,
    architectures,
    feedback_cells,
    networks_of_cells,
)

T = 5
JOINS = ("steps", "adds", "rescaled", "waits")
KINDS = {op.name: op.kind for op in OPERATIONS}
AROUND = {"cell_a": ("stem", "reduction.lif"), "cell_b": ("reduction", "classifier.lif")}


def workload(network: Architecture) -> Workload:
    return Workload.of(Networks.of([network]))


def value(table: Workload, column: str, layer: str) -> int:
    return int(getattr(table, column)[SLOT_INDEX[layer], 0])


def edge_rows(cell: str) -> list[int]:
    return [SLOT_INDEX[f"{cell}.{name}"] for name in EDGE_NAMES]


BY_HAND = {
    "convolutions in a row": (CHAIN, (0, 0), {"0->1": "T000", "1->2": "T000", "2->3": "T000"}),
    "a skip": (WIRE, (1, 1), {"0->3": "1000"}),
    "a skip and dead ends": (DEAD_ENDS, (1, 1), {"0->3": "1000"}),
    "skips in a row": (
        "0100 0010 0001 0000",
        (1, 1),
        {"0->1": "1000", "1->2": "1000", "2->3": "1000"},
    ),
    "a convolution behind what never changes": (
        "0100 0040 0003 0000",
        (1, 0),
        {"0->1": "1000", "1->2": "1000", "2->3": "T000"},
    ),
    "a pooling behind a convolution": (
        "0200 0004 0000 0000",
        (0, 1),
        {"0->1": "T010", "1->3": "T000"},
    ),
    "every edge a convolution": (
        "0333 0033 0003 0000",
        (0, 0),
        {
            "0->1": "T000",
            "0->2": "T010",
            "1->2": "T110",
            "0->3": "T010",
            "1->3": "T110",
            "2->3": "T110",
        },
    ),
    "every edge, all kinds": (
        "0143 0031 0004 0000",
        (1, 1),
        {
            "0->1": "1000",
            "0->2": "1001",
            "1->2": "T110",
            "0->3": "T010",
            "1->3": "1101",
            "2->3": "T101",
        },
    ),
    "a current past a convolution": (
        "0013 0000 0001 0000",
        (1, 1),
        {"0->2": "1000", "0->3": "T010", "2->3": "1101"},
    ),
    "a convolution that a skip and a convolution read": (
        "0300 0031 0003 0000",
        (0, 1),
        {"0->1": "T010", "1->2": "T000", "1->3": "T001", "2->3": "T110"},
    ),
}
"""Per cell: whether the layers before and behind it are rescaled, and per live edge, as in
``JOINS``: steps in cell A, adds, rescaled, waits."""


@pytest.mark.parametrize("case", BY_HAND)
def test_a_cell_is_worked_out_by_hand(case):
    cell, ends, expected = BY_HAND[case]
    table = workload(architecture(cell_a=cell, cell_b=cell, time_steps=T))
    found = {
        name: [value(table, column, f"cell_a.{name}") for column in JOINS] for name in EDGE_NAMES
    }
    dead = {name: [0, 0, 0, 0] for name in EDGE_NAMES}
    live = {name: [T if c == "T" else int(c) for c in code] for name, code in expected.items()}
    assert found == dead | live
    for before_and_behind in AROUND.values():
        assert tuple(value(table, "rescaled", layer) for layer in before_and_behind) == ends


@pytest.mark.parametrize("case", BY_HAND)
def test_in_cell_b_nothing_is_still_and_all_else_is_as_in_cell_a(case):
    cell, _, expected = BY_HAND[case]
    table = workload(architecture(cell_a=cell, cell_b=cell, time_steps=T))
    steps = {name: value(table, "steps", f"cell_b.{name}") for name in EDGE_NAMES}
    assert steps == dict.fromkeys(EDGE_NAMES, 0) | dict.fromkeys(expected, T)
    for column in ("adds", "rescaled", "waits"):
        rows = getattr(table, column)
        assert np.array_equal(rows[edge_rows("cell_a")], rows[edge_rows("cell_b")]), column


def test_the_cells_do_not_see_each_other():
    table = workload(architecture(cell_a=CHAIN, cell_b=WIRE, time_steps=T))
    layers = ("stem", "reduction.lif", "reduction", "classifier.lif")
    assert [value(table, "rescaled", layer) for layer in layers] == [0, 0, 1, 1]


def test_outside_the_cells_only_the_stem_computes_once():
    table = workload(architecture(time_steps=T, hidden=3))
    absent = {"classifier.head_lif": 0}
    outside = [slot.name for slot in SLOTS if not slot.name.startswith("cell")]
    steps = {name: value(table, "steps", name) for name in outside}
    assert steps == dict.fromkeys(outside, T) | {"stem": 1} | absent
    for column in ("adds", "waits"):
        assert not any(value(table, column, name) for name in outside), column
    within = {"stem", "reduction.lif", "reduction", "classifier.lif"}
    assert not any(value(table, "rescaled", name) for name in outside if name not in within)


# What an input element can be


@pytest.mark.parametrize(
    ("pool", "hidden", "expected"),
    [
        (2, 0, {"classifier.head": 5}),
        (3, 0, {"classifier.head": 10}),
        (1, 0, {"classifier.head": 2}),
        (4, 6, {"classifier.hidden": 17, "classifier.head": 2}),
        (1, 6, {"classifier.hidden": 2, "classifier.head": 2}),
    ],
)
def test_the_classifier_reads_spikes_or_their_averages(pool, hidden, expected):
    table = workload(architecture(pool=pool, hidden=hidden))
    found = {name: value(table, "levels", name) for name in ("classifier.hidden", *expected)}
    assert found == {"classifier.hidden": 0} | expected
    assert value(table, "levels", "classifier.pool") == (2 if pool > 1 else 0)


def test_an_input_is_an_image_spikes_or_a_current():
    table = workload(architecture(cell_a="0143 0031 0004 0000", cell_b=WIRE))
    spikes = ("cell_a.1->2", "cell_a.0->3", "reduction", "classifier.pool")
    currents = ("cell_a.lif0", "cell_a.0->1", "cell_a.0->2", "cell_a.1->3", "cell_a.2->3")
    currents += ("reduction.lif", "reduction.pool", "cell_b.0->3", "classifier.lif")
    levels = {"stem": 256} | dict.fromkeys(spikes, 2) | dict.fromkeys(currents, 0)
    assert {name: value(table, "levels", name) for name in levels} == levels


def test_no_convolution_is_grouped():
    table = workload(architecture(cell_a="0143 0031 0004 0000", hidden=3))
    assert np.array_equal(table.groups, table.kind == Kind.CONV)


# Which place reads which


def test_every_place_reads_places_before_it():
    for row, slot in enumerate(SLOTS):
        assert all(SLOT_INDEX[name] < row for name in slot.after), slot.name
    assert [slot.name for slot in SLOTS if not slot.after] == ["stem"]


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("cell_a.lif0", ("stem",)),
        ("cell_a.0->3", ("cell_a.lif0",)),
        ("cell_a.lif1", ("cell_a.0->1",)),
        ("cell_a.lif2", ("cell_a.0->2", "cell_a.1->2")),
        ("cell_a.2->3", ("cell_a.lif2",)),
        ("reduction.lif", ("cell_a.0->3", "cell_a.1->3", "cell_a.2->3")),
        ("reduction", ("reduction.lif",)),
        ("reduction.pool", ("reduction",)),
        ("cell_b.lif0", ("reduction.pool",)),
        ("classifier.lif", ("cell_b.0->3", "cell_b.1->3", "cell_b.2->3")),
        ("classifier.hidden", ("classifier.pool",)),
        ("classifier.head", ("classifier.hidden_lif",)),
    ],
)
def test_a_place_reads_the_places_that_lead_to_it(name, after):
    assert SLOTS[SLOT_INDEX[name]].after == after


# Any network


def expected_joins(cell: tuple[str, ...], steps: int, *, still_input: bool) -> list[list[int]]:
    """Return steps, adds, rescaled and waits of each edge, by following the edges of one cell."""
    live = {edge: KINDS[name] for edge, name in zip(EDGES, cell, strict=True)}
    live = {edge: kind for edge, kind in live.items() if kind != Kind.NONE}

    def into(node: int) -> list[tuple[int, int]]:
        return [edge for edge in live if edge[1] == node]

    def still(edge: tuple[int, int]) -> bool:
        if live[edge] == Kind.CONV:
            return False
        return still_input if edge[0] == 0 else all(still(e) for e in into(edge[0]))

    def joins(edge: tuple[int, int]) -> list[int]:
        if edge not in live:
            return [0, 0, 0, 0]
        others = into(edge[1])
        currents_read_it = any(live[e] != Kind.CONV for e in live if e[0] == edge[1])
        is_conv, alone = live[edge] == Kind.CONV, len(others) == 1
        return [
            1 if still(edge) else steps,
            int(edge != min(others)),
            int(is_conv and not (alone and not currents_read_it)),
            int(not is_conv and not alone),
        ]

    return [joins(edge) for edge in EDGES]


@given(architectures())
def test_the_joins_of_any_cell_follow_from_its_edges(network):
    table, live = workload(network), network.canonical()
    for name, still in (("cell_a", network.coding == "direct"), ("cell_b", False)):
        cell = getattr(live, name)
        expected = expected_joins(cell, network.time_steps, still_input=still)
        rows = edge_rows(name)
        found = [[int(getattr(table, c)[row, 0]) for c in JOINS] for row in rows]
        assert found == expected
        currents = [
            edge
            for edge, operation in zip(EDGES, cell, strict=True)
            if KINDS[operation] not in {Kind.NONE, Kind.CONV}
        ]
        before, behind = AROUND[name]
        assert value(table, "rescaled", before) == any(source == 0 for source, _ in currents)
        assert value(table, "rescaled", behind) == any(target == 3 for _, target in currents)


@given(architectures())
def test_a_layer_computes_once_or_at_every_step(network):
    table = workload(network)
    present = table.kind != Kind.NONE
    spiking = present & np.isin(table.kind, (Kind.CONV, Kind.LINEAR, Kind.LIF))
    spiking[SLOT_INDEX["stem"]] = False
    assert set(table.steps[present].tolist()) <= {1, network.time_steps}
    assert (table.steps[spiking] == network.time_steps).all()
    for column in ("adds", "rescaled", "waits"):
        assert set(getattr(table, column).ravel().tolist()) <= {0, 1}, column


def test_of_the_edges_into_a_node_all_but_the_first_add():
    table = Workload.of(networks_of_cells(all_cells(), time_steps=T))
    for cell in AROUND:
        live, adds = (values[edge_rows(cell)] for values in (table.kind != 0, table.adds))
        for node in (1, 2, 3):
            into = [edge for edge, (_, target) in enumerate(EDGES) if target == node]
            expected = np.maximum(live[into].sum(axis=0) - 1, 0)
            assert np.array_equal(adds[into].sum(axis=0), expected)
        assert not adds[~live].any()


def test_only_currents_wait_and_only_convolutions_in_a_cell_are_rescaled():
    table = Workload.of(networks_of_cells(all_cells(), time_steps=T))
    for cell in AROUND:
        rows = edge_rows(cell)
        kinds = table.kind[rows]
        assert set(kinds[table.waits[rows] == 1].tolist()) == {Kind.SKIP, Kind.AVGPOOL}
        assert set(kinds[table.rescaled[rows] == 1].tolist()) == {Kind.CONV}


# Backward edges


def test_where_a_backward_edge_arrives_nothing_is_still_and_scales_meet():
    table = Workload.of(
        Networks.of([architecture(cell_a="0100 0030 0003 1000", cell_b=CHAIN, time_steps=T)])
    )
    found = {
        name: [int(getattr(table, column)[table.row(f"cell_a.{name}"), 0]) for column in JOINS]
        for name in ("0->1", "1->2", "2->3", "3->0", "2->0")
    }
    assert found == {
        "0->1": [T, 0, 0, 0],
        "1->2": [T, 0, 0, 0],
        "2->3": [T, 0, 1, 0],  # its batch norm does not fold: a current leaves its node
        "3->0": [T, 1, 0, 1],
        "2->0": [0, 0, 0, 0],
    }
    assert int(table.rescaled[table.row("stem"), 0]) == 1
    plain = workload(architecture(cell_a="0100 0030 0003 0000", cell_b=CHAIN, time_steps=T))
    assert value(plain, "steps", "cell_a.0->1") == 1


@given(architectures(cell=feedback_cells()))
def test_a_network_with_backward_edges_is_its_member_of_a_batch(network):
    other = network.model_copy(update={"cell_a": ("skip",) * 6, "cell_b": ("skip",) * 6})
    together, alone = workload_of(network, other), workload_of(network)
    for column in ("macs", "neurons", "parameters", *JOINS):
        theirs = getattr(together, column)[:, 0]
        if len(theirs) == len(getattr(alone, column)):
            assert np.array_equal(theirs, getattr(alone, column)[:, 0]), column
        assert theirs.sum() == getattr(alone, column).sum(), column


def workload_of(*members: Architecture) -> Workload:
    return Workload.of(Networks.of(members))
