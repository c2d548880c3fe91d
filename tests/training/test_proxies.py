"""Proxies without training: against definitions written out, and where they are not defined."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from neuronas.architecture import Networks, Workload
from neuronas.config import NeuronConfig
from neuronas.errors import ConfigError
from neuronas.network import LIF, quantize_weight
from neuronas.training.proxies import (
    GROUPS,
    noise_frames,
    noise_images,
    score_proxies,
    spike_scores,
    synflow,
    training_images,
)
from neuronas.training.proxies.spikes import _Kernels, log_determinant
from tests.strategies import CHAIN, DEAD_ENDS, NOTHING, WIRE, architecture
from tests.training.examples import DEEP, TINY, built

LOGS = ("naswot", "sahd", "sahd_code")


def recorded(network: nn.Module, images: torch.Tensor) -> list[np.ndarray]:
    """Return the spikes of each LIF layer, shape ``(T, B, N)``, batch norm on this batch."""
    spikes: list[np.ndarray] = []
    handles = [
        lif.register_forward_hook(
            lambda _, __, s: spikes.append(s.flatten(2).numpy().astype(float))
        )
        for lif in network.lif_layers().values()
    ]
    with torch.no_grad():
        network.train()(images)
    for handle in handles:
        handle.remove()
    return spikes


def naive(spikes: list[np.ndarray]) -> dict[str, float]:
    """Return the scores pair by pair, as their papers write them."""
    samples = spikes[0].shape[1]
    kernels = {name: np.zeros((samples, samples)) for name in LOGS}
    codes = [step for layer in spikes for step in layer]
    for code in codes:
        neurons = code.shape[1]
        for i in range(samples):
            for j in range(samples):
                hamming = float(np.sum(code[i] != code[j]))
                p, q = float(code[i].mean()), float(code[j].mean())
                expected = neurons * (p * (1 - q) + (1 - p) * q)
                rescaled = 0.5 * neurons / expected * hamming if expected else 0.0
                kernels["naswot"][i, j] += neurons - hamming
                kernels["sahd"][i, j] += neurons - rescaled
                kernels["sahd_code"][i, j] += neurons - 0.5 / (expected + 1e-3) * hamming
    kernels["sahd_code"] /= len(codes)
    found = {name: float(np.linalg.slogdet(kernel)[1]) for name, kernel in kernels.items()}
    return found | {"spikes": sum(float(code.sum()) for code in codes) / samples}


def kernels_of(spikes: np.ndarray) -> dict[str, float]:
    """Return the log-determinants of spikes, shape ``(T, B, N)``."""
    kernels = _Kernels.zeros(spikes.shape[1], torch.device("cpu"))
    kernels.record(None, None, torch.from_numpy(spikes.astype(np.float32)))
    values = (kernels.hamming, kernels.rescaled, kernels.published / kernels.codes)
    return dict(zip(LOGS, map(log_determinant, values), strict=True))


def random_spikes(steps: int = 3, samples: int = 6, neurons: int = 40) -> np.ndarray:
    return np.random.default_rng(0).random((steps, samples, neurons)) < 0.3


# Kernels.


def test_scores_are_the_papers_definitions_written_out(few_digits):
    images = few_digits.train.batch(slice(12))[0]
    found = asdict(spike_scores(built(DEEP), images))
    assert found == pytest.approx(naive(recorded(built(DEEP), images)), rel=1e-9)
    assert all(math.isfinite(value) for value in found.values())


def test_the_order_of_neurons_samples_and_steps_does_not_matter():
    spikes, generator = random_spikes(), np.random.default_rng(1)
    expected = pytest.approx(kernels_of(spikes), rel=1e-9)
    for axis in range(3):
        assert kernels_of(generator.permutation(spikes, axis=axis)) == expected


def test_twice_the_neurons_double_the_kernels_but_not_the_published_distances():
    spikes = random_spikes()
    one, two = kernels_of(spikes), kernels_of(np.concatenate([spikes, spikes], axis=2))
    samples = spikes.shape[1]
    for name in ("naswot", "sahd"):
        assert two[name] == pytest.approx(one[name] + samples * math.log(2), rel=1e-9)
    assert two["sahd_code"] < one["sahd_code"] + 0.5 * samples * math.log(2)


@pytest.mark.parametrize("value", [False, True], ids=["silent", "always firing"])
def test_codes_that_are_all_equal_are_minus_infinity(value):
    assert set(kernels_of(np.full((2, 5, 9), value)).values()) == {-math.inf}


def test_two_samples_that_nothing_tells_apart_are_minus_infinity():
    spikes = random_spikes(samples=40)
    assert all(math.isfinite(score) for score in kernels_of(spikes).values())
    spikes[:, 7] = spikes[:, 31]
    assert set(kernels_of(spikes).values()) == {-math.inf}


def test_every_time_step_is_used():
    """Codes that differ in one step alone are told apart, whichever it is."""
    for step in range(3):
        spikes = np.zeros((3, 5, 40), dtype=bool)
        spikes[step] = random_spikes(steps=1, samples=5)[0]
        assert all(math.isfinite(score) for score in kernels_of(spikes).values())


# Networks.


@pytest.mark.parametrize("threshold", [100.0, 0.5], ids=["silent", "firing"])
def test_a_network_that_is_silent_is_minus_infinity_one_that_fires_is_not(threshold):
    network = TINY.model_copy(update={"threshold": threshold})
    found = score_proxies(network, noise_images((1, 8, 8), 8, 0), 0).proxies
    silent = threshold == 100.0
    assert (found.spikes == 0) == silent
    assert all((getattr(found, name) == -math.inf) == silent for name in LOGS)
    assert math.isfinite(found.synflow)


def test_a_network_that_is_not_connected_is_minus_infinity():
    network = architecture(cell_a=NOTHING)
    found = score_proxies(network, noise_images((1, 8, 8), 8, 0), 0)
    assert {getattr(found.proxies, name) for name in (*LOGS, "synflow")} == {-math.inf}
    assert found.proxies.spikes == 0
    assert found.proxies.parameters > 0


def test_equal_networks_have_equal_proxies_at_equal_seed():
    images = noise_images((1, 8, 8), 16, 0)
    one, same, other = (
        score_proxies(architecture(cell_a=cell), images, seed).proxies
        for cell, seed in ((WIRE, 3), (DEAD_ENDS, 3), (WIRE, 4))
    )
    assert one == same
    assert one.naswot != other.naswot
    assert (one.parameters, one.macs) == (other.parameters, other.macs)


def test_the_network_is_left_as_it_was(few_digits):
    network = built(DEEP).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    spike_scores(network, few_digits.train.batch(slice(8))[0])
    synflow(network, (1, 8, 8))
    assert not network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.track_running_stats and not norm.training for norm in norms)
    assert not [m for m in network.modules() if isinstance(m, LIF) and m._forward_hooks]


def test_size_is_that_of_the_layer_table():
    workload = Workload.of(Networks.of([DEEP]))
    scored = score_proxies(DEEP, noise_images((1, 8, 8), 8, 0), 0)
    found = scored.proxies
    assert found.parameters == int(workload.total_parameters()[0])
    assert found.macs == int((workload.macs * workload.steps).sum())
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(asdict(found))
    assert set(scored.cpu_s) == {*GROUPS, "build"}


# SynFlow.


def test_synflow_of_a_chain_is_its_flow_times_its_layers():
    """Each weight layer of a chain carries all of R, so the sum is the number of layers times R."""
    network = architecture(cell_a=WIRE, cell_b=WIRE, channels=3, pool=1)
    module = built(network)
    x = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    for layer in (module.stem[0], module.reduction[0]):
        weight = quantize_weight(layer.weight, layer.bits).detach().abs().double()
        x = nn.functional.conv2d(x, weight, padding=1)
    x = nn.functional.avg_pool2d(x, 2).flatten(1)
    head = quantize_weight(module.head.weight, module.head.bits).detach().abs().double()
    flow = float((x @ head.T).sum())
    assert synflow(module, (1, 8, 8)) == pytest.approx(math.log(3 * flow), rel=1e-9)


def test_synflow_sees_neither_signs_nor_time_steps_nor_neurons():
    module = built(DEEP)
    expected = synflow(module, (1, 8, 8))
    later = built(DEEP.model_copy(update={"time_steps": 5, "threshold": 9.0, "decay": 0.5}))
    assert synflow(later, (1, 8, 8)) == pytest.approx(expected, rel=1e-12)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.neg_()
    assert synflow(module, (1, 8, 8)) == pytest.approx(expected, rel=1e-12)


def test_synflow_is_finite_in_wide_networks_and_minus_infinity_where_nothing_flows():
    chain = "0303 0030 0003 0000"
    wide = architecture(cell_a=chain, cell_b=chain, channels=64, ratio=4, time_steps=1)
    module = built(wide)
    assert math.isfinite(synflow(module, (1, 8, 8)))
    nn.init.zeros_(module.stem[0].weight)
    assert synflow(module, (1, 8, 8)) == -math.inf


# Images.


def test_images_are_drawn_by_seed_from_the_training_split_without_repetition(digits):
    images = training_images(digits.train, 50, 1)
    assert images.shape == (50, 1, 8, 8)
    assert np.array_equal(images, training_images(digits.train, 50, 1))
    assert not np.array_equal(images, training_images(digits.train, 50, 2))
    whole = training_images(digits.train, len(digits.train), 0)
    assert sorted(map(bytes, whole)) == sorted(
        map(bytes, digits.train.batch(slice(None))[0].numpy())
    )
    with pytest.raises(ConfigError, match="allowed: 2 to 1077"):
        training_images(digits.train, 1078, 0)


def test_noise_has_the_scale_of_a_datasets_images():
    images = noise_images((1, 8, 8), 500, 0)
    assert images.dtype == np.float32
    assert abs(images.mean()) < 0.02
    assert abs(images.std() - 1) < 0.02


def test_one_image_or_another_shape_is_refused_in_words():
    with pytest.raises(ConfigError, match="samples: found 1"):
        score_proxies(TINY, noise_images((1, 8, 8), 1, 0), 0)
    with pytest.raises(ConfigError, match=r"input_shape: found \[1, 8, 8\].*\[1, 9, 8\]"):
        score_proxies(TINY, noise_images((1, 9, 8), 4, 0), 0)


@pytest.mark.parametrize("coding", ["rate", "latency"])
def test_networks_that_read_spikes_are_scored_too(coding):
    network = architecture(coding=coding, time_steps=3)
    scored = score_proxies(network, noise_images((1, 8, 8), 16, 0), 0).proxies
    plain = score_proxies(architecture(time_steps=3), noise_images((1, 8, 8), 16, 0), 0).proxies
    assert scored.synflow == plain.synflow  # whose input is ones
    assert math.isfinite(scored.naswot)
    assert scored.spikes != plain.spikes


EVENTS = architecture(input_shape=(2, 8, 8), coding="events", time_steps=3)


def test_networks_of_event_frames_are_scored_as_the_papers_define():
    frames = noise_frames((2, 8, 8), 3, 16, 0)
    found = score_proxies(EVENTS, frames, 0).proxies
    expected = naive(recorded(built(EVENTS, 0), torch.from_numpy(frames)))
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9)
    assert all(math.isfinite(value) for value in asdict(found).values())
    still = architecture(input_shape=(2, 8, 8), time_steps=3)  # synflow's input is ones anyway
    assert found.synflow == score_proxies(still, noise_images((2, 8, 8), 4, 0), 0).proxies.synflow
    assert found.macs > score_proxies(still, noise_images((2, 8, 8), 4, 0), 0).proxies.macs


def test_every_frame_is_read():
    frames = noise_frames((2, 8, 8), 3, 16, 0)
    scores = {score_proxies(EVENTS, frames[:, order], 0).proxies.naswot for order in PERMUTED}
    assert len(scores) == len(PERMUTED)


PERMUTED = ([0, 1, 2], [1, 0, 2], [2, 1, 0])


@pytest.mark.parametrize("batch_norm", ["per_step", "tdbn"])
@pytest.mark.parametrize("cell", [CHAIN, "0303 0030 0002 3000"], ids=["forward", "backward"])
def test_networks_of_event_frames_are_scored_whatever_their_cells_and_norms(cell, batch_norm):
    neuron = NeuronConfig(batch_norm=batch_norm)
    network = EVENTS.model_copy(update={"neuron": neuron})
    network = network.model_validate(network.model_dump() | {"cell_a": cell})
    found = score_proxies(network, noise_frames((2, 8, 8), 3, 16, 0), 0).proxies
    assert all(math.isfinite(value) for value in asdict(found).values())


def test_another_number_of_frames_is_refused_in_words():
    with pytest.raises(
        ConfigError,
        match=r"time_steps, input_shape: found \[3, 2, 8, 8\]; the samples have \[2, 2, 8, 8\]",
    ):
        score_proxies(EVENTS, noise_frames((2, 8, 8), 2, 4, 0), 0)


def test_noise_of_events_is_counts_one_per_pixel_and_sample():
    frames = noise_frames((2, 8, 8), 4, 300, 0)
    assert frames.shape == (300, 4, 2, 8, 8)
    assert frames.dtype == np.float32
    assert frames.min() == 0
    assert np.array_equal(frames, frames.round())
    assert abs(frames.sum(axis=1).mean() - 1) < 0.02


@pytest.mark.parametrize("cell", ["0303 0030 0002 3000", "0030 0003 0300 0000"])
def test_what_leads_backward_carries_flow(cell):
    network = architecture(cell_a=cell, time_steps=3)
    scored = score_proxies(network, noise_images((1, 8, 8), 16, 0), 0).proxies
    assert math.isfinite(scored.synflow)
    assert math.isfinite(scored.naswot)


def test_rounded_currents_do_not_change_what_flows():
    rounded = architecture(neuron=NeuronConfig(current_bits=8))
    found = [synflow(built(network), (1, 8, 8)) for network in (rounded, architecture())]
    assert found[0] == found[1]


@pytest.mark.parametrize("coding", ["direct", "rate"])
def test_equal_seeds_give_equal_proxies(coding):
    network, images = architecture(coding=coding, time_steps=3), noise_images((1, 8, 8), 16, 0)
    assert score_proxies(network, images, 4).proxies == score_proxies(network, images, 4).proxies
