"""The layer table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import (
    EDGES,
    SLOT_INDEX,
    SLOTS,
    Networks,
    Signal,
    Workload,
    canonical_cells,
)
from neuronas.config import OPERATION_INDEX, Kind
from tests.strategies import (
    CHAIN,
    DEAD_ENDS,
    NOTHING,
    WIRE,
    all_cells,
    architecture,
    architectures,
    batches,
    networks_of_cells,
    whole_cells,
)

COLUMNS = [f.name for f in dataclasses.fields(Workload) if f.name not in {"slots", "time_steps"}]
SPATIAL = {c for c in COLUMNS if c.endswith(("_height", "_width"))}


def workload(*members) -> Workload:
    return Workload.of(Networks.of(members))


def assert_equal(left: Workload, right: Workload) -> None:
    for column in [*COLUMNS, "time_steps"]:
        assert np.array_equal(getattr(left, column), getattr(right, column)), column


def columns(table: Workload, index) -> Workload:
    values = {name: getattr(table, name)[:, index] for name in COLUMNS}
    return dataclasses.replace(table, time_steps=table.time_steps[index], **values)


@given(batches())
def test_a_batch_is_its_members_one_by_one(members):
    together = workload(*members)
    for index, member in enumerate(members):
        assert_equal(workload(member), columns(together, slice(index, index + 1)))


@given(batches(), st.randoms(use_true_random=False))
def test_a_permuted_batch_is_the_permuted_table(members, random):
    order = list(range(len(members)))
    random.shuffle(order)
    networks = Networks.of(members)
    assert_equal(Workload.of(networks.take(np.array(order))), columns(workload(*members), order))


@given(whole_cells())
def test_a_threshold_that_is_the_networks_own_leaves_no_trace(network):
    networks = Networks.of([network])
    assert_equal(Workload.of(networks, dead_edges=True), Workload.of(networks.canonical()))


@given(architectures())
def test_dead_edges_leave_no_trace(network):
    assert_equal(workload(network), workload(network.canonical()))


@given(architectures())
def test_a_layer_that_a_network_lacks_is_all_zeros(network):
    table = workload(network)
    absent = table.kind == Kind.NONE
    assert absent[SLOT_INDEX["classifier.hidden"], 0] == (network.hidden == 0)
    for column in set(COLUMNS) - SPATIAL:
        assert not getattr(table, column)[absent].any(), column


@given(architectures())
def test_neurons_stand_exactly_where_a_convolution_or_the_classifier_reads_spikes(network):
    table = workload(network)
    kind = {slot.name: Kind(int(k)) for slot, k in zip(SLOTS, table.kind[:, 0], strict=True)}
    for cell in ("cell_a", "cell_b"):
        for node in range(3):
            reads = [kind[f"{cell}.{s}->{t}"] for s, t in EDGES if s == node]
            assert (kind[f"{cell}.lif{node}"] == Kind.LIF) == (Kind.CONV in reads)
    assert kind["reduction.lif"] == kind["classifier.lif"] == Kind.LIF
    spikes = table.signal[table.kind == Kind.CONV]
    first = Signal.SPIKE if network.coding in {"rate", "latency"} else Signal.IMAGE
    assert list(spikes) == [first] + [Signal.SPIKE] * (len(spikes) - 1)
    assert (kind["classifier.head_lif"] == Kind.LIF) == (network.coding == "latency")
    assert not table.neurons[table.kind != Kind.LIF].any()


def test_layers_are_in_execution_order():
    assert [slot.name for slot in SLOTS if slot.name.startswith("cell_a")] == [
        "cell_a.lif0",
        "cell_a.0->1",
        "cell_a.0->2",
        "cell_a.lif1",
        "cell_a.1->2",
        "cell_a.0->3",
        "cell_a.1->3",
        "cell_a.lif2",
        "cell_a.2->3",
    ]
    places = [SLOT_INDEX[n] for n in ("stem", "cell_a.2->3", "reduction", "cell_b.0->1")]
    assert places == sorted(places)
    assert [slot.name for slot in SLOTS[-2:]] == ["classifier.head", "classifier.head_lif"]


def hand_made() -> Workload:
    """Return the table of a network whose every number is worked out below by hand."""
    return workload(
        architecture(
            input_shape=(3, 9, 6),
            classes=7,
            cell_a="0310 0004 0002 0000",
            cell_b=DEAD_ENDS,
            channels=4,
            ratio=3,
            pool=2,
            hidden=5,
            weight_bits={"stem": 8, "cell_a": 4, "reduction": 2, "cell_b": 3, "classifier": 16},
        )
    )


HAND_MADE_COLUMNS = (
    "kind",
    "signal",
    "in_channels",
    "out_channels",
    "kernel",
    "weights",
    "parameters",
    "macs",
    "neurons",
)
HAND_MADE = {
    "stem": (Kind.CONV, Signal.IMAGE, 3, 4, 3, 108, 116, 108 * 54, 0),
    "cell_a.lif0": (Kind.LIF, Signal.CURRENT, 4, 4, 0, 0, 0, 0, 4 * 54),
    "cell_a.0->1": (Kind.CONV, Signal.SPIKE, 4, 4, 3, 144, 152, 144 * 54, 0),
    "cell_a.0->2": (Kind.SKIP, Signal.CURRENT, 4, 4, 0, 0, 0, 0, 0),
    "cell_a.1->3": (Kind.AVGPOOL, Signal.CURRENT, 4, 4, 3, 0, 0, 0, 0),
    "cell_a.lif2": (Kind.LIF, Signal.CURRENT, 4, 4, 0, 0, 0, 0, 4 * 54),
    "cell_a.2->3": (Kind.CONV, Signal.SPIKE, 4, 4, 1, 16, 24, 16 * 54, 0),
    "reduction.lif": (Kind.LIF, Signal.CURRENT, 4, 4, 0, 0, 8, 0, 4 * 54),
    "reduction": (Kind.CONV, Signal.SPIKE, 4, 12, 3, 432, 456, 432 * 54, 0),
    "reduction.pool": (Kind.AVGPOOL, Signal.CURRENT, 12, 12, 2, 0, 0, 0, 0),
    "cell_b.0->3": (Kind.SKIP, Signal.CURRENT, 12, 12, 0, 0, 0, 0, 0),
    "classifier.lif": (Kind.LIF, Signal.CURRENT, 12, 12, 0, 0, 24, 0, 12 * 12),
    "classifier.pool": (Kind.AVGPOOL, Signal.SPIKE, 12, 12, 2, 0, 0, 0, 0),
    "classifier.hidden": (Kind.LINEAR, Signal.LEVEL, 24, 5, 0, 120, 120, 120, 0),
    "classifier.hidden_lif": (Kind.LIF, Signal.CURRENT, 5, 5, 0, 0, 0, 0, 5),
    "classifier.head": (Kind.LINEAR, Signal.SPIKE, 5, 7, 0, 35, 42, 35, 0),
}


def test_a_small_network_has_exactly_the_layers_worked_out_by_hand():
    table = hand_made()
    present = table.names(table.kind[:, 0] != Kind.NONE)
    found = {
        name: tuple(
            int(getattr(table, column)[SLOT_INDEX[name], 0]) for column in HAND_MADE_COLUMNS
        )
        for name in present
    }
    assert found == HAND_MADE


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        ("stem", [(9, 6), (9, 6), (9, 6)]),
        ("cell_a.2->3", [(9, 6), (9, 6), (9, 6)]),
        ("reduction", [(9, 6), (9, 6), (9, 6)]),
        ("reduction.pool", [(9, 6), (4, 3), (4, 3)]),
        ("cell_b.0->3", [(4, 3), (4, 3), (4, 3)]),
        ("classifier.pool", [(4, 3), (2, 1), (2, 1)]),
        ("classifier.head", [(1, 1), (1, 1), (1, 1)]),
    ],
)
def test_feature_maps_are_halved_by_the_reduction_and_pooled_before_the_classifier(layer, sizes):
    table, row = hand_made(), SLOT_INDEX[layer]
    found = [
        (
            int(getattr(table, f"{what}_height")[row, 0]),
            int(getattr(table, f"{what}_width")[row, 0]),
        )
        for what in ("in", "out", "pooled")
    ]
    assert found == sizes


def test_memory_counts_weights_with_their_bits_and_the_rest_with_32():
    table = hand_made()
    weights = 108 * 8 + (144 + 16) * 4 + 432 * 2 + (120 + 35) * 16
    rest = 8 + 8 + 8 + 8 + 24 + 24 + 7
    assert table.total_parameters().tolist() == [942]
    assert table.parameter_bits().tolist() == [weights + 32 * rest] == [7632]


def test_without_pooling_and_hidden_layer_the_head_reads_spikes():
    table = workload(architecture(pool=1, hidden=0))
    head, pool = SLOT_INDEX["classifier.head"], SLOT_INDEX["classifier.pool"]
    assert table.kind[pool, 0] == Kind.NONE
    assert table.signal[head, 0] == Signal.SPIKE
    assert table.in_channels[head, 0] == 16 * 4 * 4


SPIKENAS = {"channels": 128, "ratio": 2, "pool": 2, "hidden": 1024}


def test_parameters_of_the_spikenas_macro_architecture_without_and_with_convolutions():
    cells = np.zeros((2, 6), dtype=np.int64)
    cells[1] = OPERATION_INDEX["conv3x3"]
    table = Workload.of(networks_of_cells(cells, **SPIKENAS))
    assert table.total_parameters().tolist() == [17_179_620, 21_607_908]


def test_parameters_equal_those_of_every_trained_network_without_dead_edges(reference_data):
    with np.load(reference_data("spikenas_bench_cifar10.npz")) as bench:
        operations, published = bench["operations"], bench["parameters"]
    theirs = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    names = ("zeroize", "skip", "conv3x3", "conv3x3", "conv3x3")
    alphabet = np.array([OPERATION_INDEX[name] for name in names])
    cells = alphabet[operations[:, [theirs.index(edge) for edge in EDGES]]]
    own_canonical = (canonical_cells(cells) == cells).all(axis=1)
    assert np.count_nonzero(own_canonical) == 9445  # one of them has no edge at all
    table = Workload.of(networks_of_cells(cells[own_canonical], **SPIKENAS))
    assert np.array_equal(table.total_parameters(), published[own_canonical])


def test_all_cells_fit_into_one_batch():
    table = Workload.of(networks_of_cells(all_cells()))
    assert len(table) == 15_625
    assert table.kind.shape == (len(SLOTS), 15_625)


@pytest.mark.parametrize(("cell", "kind"), [(CHAIN, Kind.CONV), (WIRE, Kind.NONE), (NOTHING, 0)])
def test_an_edge_has_the_kind_of_its_operation(cell, kind):
    table = workload(architecture(cell_a=cell))
    assert table.kind[SLOT_INDEX["cell_a.0->1"], 0] == kind


def test_convolutions_of_one_threshold_share_the_neurons_of_their_node():
    def neurons(cell: str, **changes: object) -> int:
        table = workload(architecture(cell_a=cell, **changes))
        return int(table.neurons[SLOT_INDEX["cell_a.lif0"], 0])

    one = neurons("0003 0000 0000 0000")
    assert one == 8 * 8 * 8
    assert neurons("0aab 00b0 000c 0000") == 2 * one
    assert neurons("0abc 00b0 000c 0000") == 3 * one
    assert neurons("03b5 00b0 000c 0000") == one  # the network's own threshold is 1.0, too
    assert neurons("03b5 00b0 000c 0000", threshold=0.7) == 2 * one


def test_parameters_are_those_of_spikenas_bench(reference_data):
    """All 15,625 cells of its macro-architecture (IEEE TAI 2025), dead edges included."""
    bench = np.load(reference_data("spikenas_bench_cifar10.npz"))
    edges = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    names = ("zeroize", "skip", "conv3x3_th0.5", "conv3x3_th1.0", "conv3x3_th1.5")
    alphabet = np.array([OPERATION_INDEX[name] for name in names])
    ours = alphabet[bench["operations"]][:, [edges.index(edge) for edge in EDGES]]
    networks = networks_of_cells(ours, channels=128, hidden=1024, votes=10, classes=10)
    table = Workload.of(networks, dead_edges=True)
    assert np.array_equal(table.total_parameters(), bench["parameters"])
