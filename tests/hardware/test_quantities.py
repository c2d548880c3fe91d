"""Spikes and synaptic operations, by hand; and what is derived of a chip's cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import Networks, Workload
from neuronas.hardware import Activations, Activity, LayerList, estimate, measured_activity
from tests.strategies import architecture

SMALL = architecture(
    cell_a="0001 0000 0000 0000",
    cell_b="0001 0000 0000 0000",
    input_shape=(1, 4, 4),
    classes=3,
    channels=2,
    ratio=2,
    pool=2,
    time_steps=5,
    weight_bits={"stem": 8, "reduction": 4, "classifier": 2},
)
"""Stem, a skip, LIF, reduction, pooling, a skip, LIF, pooling, head."""

STEM = 9 * 1 * 2 * 16  # multiply-accumulates, of a static image: once
REDUCTION = 9 * 2 * 4 * 16
HEAD = 4 * 3  # 4 channels of 1 x 1 to 3 classes, from means of 2 x 2 spikes
NEURONS = {"reduction.lif": 2 * 16, "classifier.lif": 4 * 4}


def activations(network, rates: float | dict[str, float]) -> Activations:
    workload = Workload.of(Networks.of([network]))
    if isinstance(rates, float):
        return Activations.of(workload, Activity(rates))
    columns = {name: np.array([rate]) for name, rate in rates.items()}
    return Activations.of(workload, measured_activity(workload, columns))


def test_spikes_and_operations_of_a_small_network_by_hand():
    found = activations(SMALL, 0.1)
    assert found.spikes == pytest.approx(5 * 0.1 * (32 + 16))
    reduction, head = 5 * 0.1 * REDUCTION, 5 * 0.4 * HEAD
    assert found.synops == pytest.approx(STEM + reduction + head)
    assert found.bit_synops == pytest.approx(8 * STEM + 4 * reduction + 2 * head)


def test_each_layers_own_rate_counts_for_its_spikes_and_its_readers_operations():
    found = activations(SMALL, {"reduction.lif": 0.5, "classifier.lif": 0.05})
    assert found.spikes == pytest.approx(5 * (0.5 * 32 + 0.05 * 16))
    assert found.synops == pytest.approx(STEM + 5 * (0.5 * REDUCTION + 0.2 * HEAD))


def test_one_rate_for_all_layers_is_that_rate_for_each():
    alike = activations(SMALL, dict.fromkeys(NEURONS, 0.2))
    one = activations(SMALL, 0.2)
    for name in ("spikes", "synops", "bit_synops"):
        assert getattr(alike, name) == pytest.approx(getattr(one, name))


def test_a_mean_of_spikes_is_not_zero_more_often_than_always():
    all_fire = activations(SMALL, 0.9)
    assert all_fire.synops == pytest.approx(STEM + 5 * (0.9 * REDUCTION + HEAD))


@given(
    st.fixed_dictionaries(dict.fromkeys(NEURONS, st.floats(0, 1))),
    st.sampled_from(sorted(NEURONS)),
    st.floats(0, 1),
)
def test_more_spikes_are_never_fewer_operations(rates, layer, more):
    least = activations(SMALL, rates)
    most = activations(SMALL, rates | {layer: max(rates[layer], more)})
    for name in ("spikes", "synops", "bit_synops"):
        assert getattr(most, name) >= getattr(least, name)


def test_a_network_does_the_same_alone_and_in_a_batch():
    networks = [architecture(channels=c, time_steps=t) for c, t in ((3, 1), (8, 4), (5, 7))]
    together = Activations.of(Workload.of(Networks.of(networks)), Activity(0.137))
    for place, network in enumerate(networks):
        alone = activations(network, 0.137)
        for name in ("spikes", "synops", "bit_synops"):
            assert getattr(together, name)[place] == getattr(alone, name)[0]


def test_rates_of_what_layers_read_do_not_tell_how_many_spikes_there_are():
    workload = Workload.of(Networks.of([SMALL]))
    activity = measured_activity(workload, {n: np.array([0.1]) for n in NEURONS})
    with pytest.raises(ValueError, match="firing_rate is needed"):
        Activations.of(workload, replace(activity, firing_rate=None))


@pytest.mark.parametrize("chip", ["spikesim-65nm-rram", "rram-32nm"])
@given(rate=st.floats(0, 1))
def test_the_energy_delay_product_is_one_and_every_model_counts_the_same_spikes(chip, rate):
    found = estimate(SMALL, chip=chip, spike_rate=rate)
    shown = found.quantities
    assert shown["edp_uj_ms"] == shown["energy_uj"] * shown["latency_ms"]
    assert shown["throughput_per_s"] == pytest.approx(1e9 / found.to_json()["interval_ns"])
    assert shown["spikes"] == activations(SMALL, rate).spikes[0]


def test_measured_rates_change_spikes_on_every_chip_and_energy_where_it_depends_on_them():
    for chip, depends in (("spikesim-65nm-rram", False), ("rram-32nm", True)):
        low, high = (
            estimate(SMALL, chip=chip, spike_rate=dict.fromkeys(NEURONS, rate)).quantities
            for rate in (0.05, 0.5)
        )
        assert high["spikes"] == pytest.approx(10 * low["spikes"])
        assert (high["energy_uj"] > low["energy_uj"]) == depends
        assert high["area_mm2"] == low["area_mm2"]


def test_bits_that_are_made_up_are_told_in_no_quantity():
    convolution = LayerList(
        in_ch_list=[3],
        out_ch_list=[4],
        in_dim_list=[8],
        out_dim_list=[8],
        kernel_size=3,
        time_steps=2,
    )
    shown = estimate(convolution, chip="spikesim-65nm-rram").to_json()["quantities"]
    assert [name for name, value in shown.items() if value is None] == [
        "memory_bytes",
        "bit_synops",
    ]
