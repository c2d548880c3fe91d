"""Layer tables of plain networks: what they hold, and what cannot be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import Layer, Signal, Workload, chain, workload_of_layers
from neuronas.config import Kind
from neuronas.errors import ConfigError, WorkloadError

COLUMNS = [f.name for f in dataclasses.fields(Workload) if f.name not in {"slots", "time_steps"}]
SIZES = st.integers(1, 40)


def conv(**changes: object) -> Layer:
    values = {"kind": "conv", "in_channels": 6, "out_channels": 8, "height": 9, "width": 5}
    return Layer.model_validate(values | {"kernel": 3} | changes)


HEAD = Layer(kind="linear", in_channels=32, out_channels=10, weight_bits=8, neurons=False)


@st.composite
def any_layer(draw: st.DrawFn) -> Layer:
    groups = draw(st.integers(1, 3))
    return Layer(
        kind=draw(st.sampled_from(["conv", "avgpool", "maxpool"])),
        in_channels=groups * draw(SIZES),
        out_channels=groups * draw(SIZES),
        height=draw(SIZES),
        width=draw(SIZES),
        kernel=draw(st.integers(1, 5)),
        stride=draw(st.integers(1, 3)),
        groups=groups,
        weight_bits=draw(st.sampled_from([2, 4, 8, 16])),
        levels=draw(st.sampled_from([0, 2, 5, 256])),
        neurons=draw(st.booleans()),
    )


NETWORKS = st.lists(st.lists(any_layer(), min_size=1, max_size=4), min_size=1, max_size=4)


def column(table: Workload, name: str, network: int = 0) -> list[int]:
    return getattr(table, name)[:, network].tolist()


# What a table holds


def test_a_plain_network_is_worked_out_by_hand():
    layers = [
        conv(levels=256, pool=2),
        conv(in_channels=8, stride=2, groups=2, levels=5, weight_bits=2),
        Layer(kind="maxpool", in_channels=8, out_channels=8, height=5, width=3, kernel=2, stride=2),
        HEAD,
    ]
    table = workload_of_layers([layers], 4)
    assert [slot.name for slot in table.slots] == ["layer0", "layer1", "layer2", "layer3"]
    assert [slot.after for slot in table.slots] == [(), ("layer0",), ("layer1",), ("layer2",)]
    assert column(table, "kind") == [Kind.CONV, Kind.CONV, Kind.MAXPOOL, Kind.LINEAR]
    assert column(table, "in_height") == [9, 9, 5, 1]
    assert column(table, "out_height") == [9, 5, 3, 1]
    assert column(table, "out_width") == [5, 3, 2, 1]
    assert column(table, "pooled_height") == [4, 5, 3, 1]
    assert column(table, "pooled_width") == [2, 3, 2, 1]
    assert column(table, "weights") == [9 * 6 * 8, 9 * 4 * 8, 0, 320]
    assert column(table, "parameters") == column(table, "weights")
    assert column(table, "weight_bits") == [4, 2, 0, 8]
    assert column(table, "macs") == [9 * 6 * 8 * 45, 9 * 4 * 8 * 15, 0, 320]
    assert column(table, "neurons") == [8 * 45, 8 * 15, 8 * 6, 0]
    assert column(table, "groups")[:3] == [1, 2, 0]
    assert column(table, "levels") == [256, 5, 2, 2]
    assert column(table, "signal") == [Signal.LEVEL, Signal.LEVEL, Signal.SPIKE, Signal.SPIKE]
    assert column(table, "steps") == [4, 4, 4, 4]
    assert table.time_steps.tolist() == [4]
    assert table.parameter_bits().tolist() == [432 * 4 + 288 * 2 + 320 * 8]


def test_in_a_row_nothing_joins_waits_or_is_rescaled():
    table = workload_of_layers([[conv(), conv(in_channels=8)]])
    for name in ("adds", "waits", "rescaled"):
        assert not getattr(table, name).any(), name


def test_an_input_without_levels_is_a_current():
    table = workload_of_layers([[conv(levels=0)]])
    assert column(table, "signal") == [Signal.CURRENT]
    assert column(table, "levels") == [0]


def test_a_depthwise_convolution_has_a_kernel_per_channel():
    table = workload_of_layers([[conv(in_channels=8, groups=8)]])
    assert column(table, "weights") == [9 * 8]
    assert column(table, "macs") == [9 * 8 * 45]


def test_arrays_broadcast_to_layers_and_networks():
    table = chain(
        kind=Kind.CONV,
        in_channels=[[3, 3, 1], [4, 8, 2]],
        out_channels=[[4], [8]],
        height=8,
        width=[[8], [4]],
        kernel=[1, 3, 5],
        time_steps=[2, 4, 6],
    )
    assert table.kind.shape == (2, 3)
    assert table.in_channels.tolist() == [[3, 3, 1], [4, 8, 2]]
    assert table.out_width.tolist() == [[8] * 3, [4] * 3]
    assert table.weights.tolist() == [[12, 9 * 12, 25 * 4], [32, 9 * 64, 25 * 16]]
    assert table.steps.tolist() == [[2, 4, 6]] * 2
    assert table.time_steps.tolist() == [2, 4, 6]
    assert len(table) == 3


def test_one_number_of_time_steps_is_that_of_every_network():
    for steps in (5, [5], [5, 5]):
        table = workload_of_layers([[conv()], [conv()]], steps)
        assert table.time_steps.tolist() == [5, 5]
        assert table.steps.tolist() == [[5, 5]]


@given(NETWORKS, st.integers(1, 9))
def test_a_batch_is_its_networks_one_by_one_and_what_they_lack_is_zero(networks, steps):
    together = workload_of_layers(networks, steps)
    for index, layers in enumerate(networks):
        alone = workload_of_layers([layers], steps)
        for name in COLUMNS:
            values = getattr(together, name)[:, index]
            assert np.array_equal(values[: len(layers)], getattr(alone, name)[:, 0]), name
            assert not values[len(layers) :].any(), name


@given(NETWORKS)
def test_arrays_and_layers_give_the_same_table(networks):
    depth = min(map(len, networks))
    cut = [layers[:depth] for layers in networks]
    arrays = {
        name: [[getattr(layers[row], name) for layers in cut] for row in range(depth)]
        for name in Layer.model_fields
        if name != "kind"
    }
    kinds = [[Kind[layers[row].kind.upper()] for layers in cut] for row in range(depth)]
    table, found = workload_of_layers(cut, 3), chain(kind=kinds, time_steps=3, **arrays)
    for name in [*COLUMNS, "time_steps"]:
        assert np.array_equal(getattr(table, name), getattr(found, name)), name
    assert table.slots == found.slots


# Layers that a network does not have


@pytest.mark.parametrize(
    "absent",
    [{"in_channels": 0}, {"out_channels": 0}, {"kind": Kind.NONE}],
    ids=["no inputs", "no outputs", "no kind"],
)
def test_a_layer_of_no_kind_or_without_channels_is_none(absent):
    values = {"kind": Kind.CONV, "in_channels": 3, "out_channels": 4, "kernel": 3}
    rows = {name: [[values[name]], [absent.get(name, values[name])]] for name in values}
    table = chain(**rows, height=8, width=8, time_steps=2)
    for name in COLUMNS:
        assert column(table, name)[1] == 0, name
    assert column(table, "kind") == [Kind.CONV, Kind.NONE]
    assert table.total_parameters().tolist() == [9 * 3 * 4]


def test_an_absent_layer_may_have_a_kernel_and_a_size_of_zero():
    nothing = {"height": 0, "width": 0, "kernel": 0, "stride": 0, "groups": 0, "weight_bits": 0}
    table = chain(kind=Kind.NONE, in_channels=0, out_channels=0, **nothing)
    assert not any(getattr(table, name).any() for name in COLUMNS)


def test_columns_that_all_networks_share_have_no_stride():
    table = chain(
        kind=Kind.CONV,
        in_channels=[[3, 3], [8, 16]],
        out_channels=[[8, 16], [8, 8]],
        height=8,
        width=[[8, 8], [8, 8]],
        kernel=[[3, 3], [1, 5]],
        time_steps=[4, 4],
    )
    shared = {name for name in COLUMNS if getattr(table, name).strides[1] == 0}
    differing = {"in_channels", "out_channels", "kernel", "weights", "parameters", "macs"}
    assert shared == set(COLUMNS) - differing - {"neurons"}


# What cannot be


SOUND = {"kind": Kind.CONV, "in_channels": 6, "out_channels": 8, "height": 9, "width": 5}


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("height", -1, "1 or more"),
        ("height", 0, "1 or more"),
        ("width", 0, "1 or more"),
        ("kernel", 0, "1 or more"),
        ("stride", 0, "1 or more"),
        ("pool", 0, "1 or more"),
        ("groups", 0, "1 or more"),
        ("weight_bits", 0, "1 or more"),
        ("in_channels", -2, "0 or more"),
        ("out_channels", -2, "0 or more"),
        ("levels", -1, "0 or more"),
        ("kind", 99, "a known kind"),
        ("kind", -1, "a known kind"),
        ("kind", Kind.LIF, "a known kind"),
        ("groups", 4, "a divisor of in_channels"),
        ("groups", 3, "a divisor of out_channels"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_network_layer_and_field(field, value, allowed):
    good = SOUND.get(field, 1)
    columns = SOUND | {field: [[good, good, good], [good, good, value]]}
    with pytest.raises(WorkloadError) as caught:
        chain(**columns)
    assert str(caught.value) == (f"network 2, layer1: {field} is {int(value)}; allowed: {allowed}")
    assert isinstance(caught.value, ConfigError)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("field", ["height", "kernel", "in_channels", "levels"])
def test_a_layer_that_a_network_lacks_may_not_have_negative_values(field):
    with pytest.raises(WorkloadError, match=rf"network 0, layer0: {field} is -1; allowed: "):
        chain(**SOUND | {"kind": Kind.NONE, field: -1})


def test_groups_that_do_not_divide_the_channels_are_told_with_their_layer():
    with pytest.raises(WorkloadError) as caught:
        workload_of_layers([[conv()], [conv(), conv(in_channels=8, out_channels=9, groups=2)]])
    assert str(caught.value) == (
        "network 1, layer1: groups is 2; allowed: a divisor of out_channels"
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"kind": "lif"}, "kind"),
        ({"in_channels": 0}, "in_channels"),
        ({"kernel": 0}, "kernel"),
        ({"height": -1}, "height"),
        ({"weight_bits": 9}, "weight_bits"),
        ({"levels": -1}, "levels"),
        ({"neurons": 1}, "neurons"),
        ({"padding": 1}, "padding"),
    ],
)
def test_a_layer_is_checked_as_it_is_made(changes, key):
    with pytest.raises(ValueError, match=rf"1 validation error for Layer\n{key}\n"):
        conv(**changes)


def test_a_linear_layer_has_no_kernel_stride_or_groups_as_in_the_family():
    table = workload_of_layers([[HEAD]])
    for name in ("kernel", "stride", "groups"):
        assert column(table, name) == [0], name
    assert column(table, "weights") == [320]


@pytest.mark.parametrize("field", ["kernel", "stride", "groups", "height", "width"])
def test_a_linear_layer_has_no_size_but_one(field):
    wrong = HEAD.model_copy(update={field: 2})
    with pytest.raises(WorkloadError) as caught:
        workload_of_layers([[conv(), wrong]])
    assert str(caught.value) == (f"network 0, layer1: {field} is 2; allowed: 1 for a linear layer")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": 6}, "pool is 6; allowed: at most the width of the map that is pooled"),
        (
            {"stride": 2, "pool": 4},
            "pool is 4; allowed: at most the width of the map that is pooled",
        ),
        (
            {"kernel": 7, "same": False},
            "kernel is 7; allowed: at most the map's width",
        ),
    ],
    ids=["pool", "pool after stride", "kernel"],
)
def test_what_is_larger_than_its_feature_map_is_told(changes, message):
    with pytest.raises(WorkloadError) as caught:
        workload_of_layers([[conv(**changes)]])
    assert str(caught.value) == f"network 0, layer0: {message}"


def test_a_pool_as_large_as_its_feature_map_leaves_one_position():
    table = workload_of_layers([[conv(width=9, stride=2, pool=5)]])
    assert column(table, "pooled_height") == column(table, "pooled_width") == [1]


@pytest.mark.parametrize("steps", [0, -1, [3, 0]])
def test_time_steps_are_one_or_more(steps):
    with pytest.raises(WorkloadError, match=r"time_steps: found (0|-1); allowed: 1 or more"):
        workload_of_layers([[conv()], [conv()]], steps)


def test_time_steps_are_as_many_as_networks():
    with pytest.raises(WorkloadError, match="time_steps: found 3 values for 2 networks"):
        workload_of_layers([[conv()], [conv()]], [1, 2, 3])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kernel": 2.5}, "kernel: found 2.5; allowed: integers"),
        ({"height": float("nan")}, "height: found nan; allowed: integers"),
        ({"time_steps": 1.5}, "time_steps: found 1.5; allowed: integers"),
        ({"width": "8"}, "width: found '8'; allowed: integers"),
    ],
)
def test_numbers_that_are_not_whole_are_told(changes, told):
    with pytest.raises(WorkloadError) as caught:
        chain(**SOUND | changes)
    assert str(caught.value) == told


def test_whole_numbers_may_be_floats():
    assert column(chain(**SOUND | {"kernel": 3.0}), "kernel") == [3]


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        ([], "networks: found none; allowed: one or more"),
        ([[conv()], []], "network 1: has no layers; allowed: one or more"),
    ],
    ids=["none", "without layers"],
)
def test_networks_without_layers_are_none(networks, told):
    with pytest.raises(WorkloadError) as caught:
        workload_of_layers(networks)
    assert str(caught.value) == told
