"""LIF neurons: all time steps at once equal snntorch's, step by step."""

from __future__ import annotations

import pytest
import snntorch
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from snntorch import surrogate
from torch import Tensor

from neuronas.network import LIF
from tests.network.examples import living

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
STEPS = st.integers(1, 7)
SEEDS = st.integers(0, 2**31)


def stepped(current: Tensor, decay: float, threshold: float) -> tuple[Tensor, Tensor]:
    """Return spikes and membrane potentials of ``snntorch.Leaky``, one step after the other."""
    leaky = snntorch.Leaky(
        beta=decay,
        threshold=threshold,
        reset_mechanism="zero",
        spike_grad=surrogate.atan(alpha=2.0),
    )
    snntorch.SpikingNeuron.instances.remove(leaky)
    membrane = torch.zeros_like(current[0])
    spikes, membranes = [], []
    for step in current:
        fired, membrane = leaky((1 - decay) * step, membrane)
        spikes.append(fired)
        membranes.append(membrane)
    return torch.stack(spikes), torch.stack(membranes)


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradient(spikes: Tensor, current: Tensor, weights: Tensor) -> Tensor:
    (found,) = torch.autograd.grad((spikes * weights).sum(), current)
    return found


@settings(max_examples=25)
@given(STEPS, SHAPES, st.floats(0, 1, exclude_max=True), st.floats(0, 3, exclude_min=True), SEEDS)
def test_spikes_and_gradients_are_those_of_snntorch(steps, shape, decay, threshold, seed):
    current = (3 * randn(seed, steps, *shape)).requires_grad_()
    expected, membranes = stepped(current, decay, threshold)
    # Rounding decides at the threshold itself: ours rounds once where snntorch rounds twice.
    assume(bool(((membranes - threshold).abs() > 2e-6).all()))
    spikes = LIF(decay, threshold)(current)
    assert torch.equal(spikes, expected)
    weights = randn(seed + 1, steps, *shape)
    torch.testing.assert_close(
        gradient(spikes, current, weights),
        gradient(expected, current, weights),
        rtol=1e-5,
        atol=2e-6,
    )


@settings(max_examples=25)
@given(STEPS, st.integers(0, 8), SEEDS)
def test_a_potential_that_just_reaches_the_threshold_does_not_fire_in_either(steps, eighths, seed):
    generator = torch.Generator().manual_seed(seed)
    quarters = torch.randint(-8, 9, (steps, 40), generator=generator) / 4  # exact in float32
    threshold = (eighths + 1) / 8
    expected, membranes = stepped(quarters, 0.5, threshold)
    assert torch.equal(LIF(0.5, threshold)(quarters), expected)
    assert not expected[membranes == threshold].any()


def test_spikes_are_those_worked_out_by_hand():
    current = torch.tensor([[1.5], [1.5], [4.0], [1.5], [-9.0], [9.0], [2.0]])
    # u = 0.75; 0.375 + 0.75 = 1.125 fires; reset, 2.0 fires; reset, 0.75; -4.125;
    # -2.0625 + 4.5 = 2.4375 fires; reset, 1.0 is not above 1.
    assert LIF(0.5, 1.0)(current).flatten().tolist() == [0, 1, 1, 0, 0, 1, 0]


def test_the_input_is_left_as_it_was_and_calls_do_not_see_each_other():
    lif, current = LIF(0.5, 1.0), 2 * randn(0, 5, 30)
    before = current.clone()
    first = lif(current)
    lif(5 + current)
    assert torch.equal(lif(current), first)
    assert torch.equal(current, before)


@pytest.mark.parametrize("steps", [1, 4])
def test_channels_last_gives_the_same_and_stays_channels_last(steps):
    folded = 2 * randn(3, steps * 2, 3, 4, 5)
    weights = randn(4, steps, 2, 3, 4, 5)
    lif = LIF(0.25, 0.5)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        current = folded.contiguous(memory_format=layout).requires_grad_()
        spikes = lif(current.view(steps, 2, 3, 4, 5))
        assert spikes.flatten(0, 1).is_contiguous(memory_format=layout)
        results.append((spikes, gradient(spikes, current, weights)))
    (spikes, slope), (same_spikes, same_slope) = results
    assert spikes.sum() > 0
    assert torch.equal(spikes, same_spikes)
    torch.testing.assert_close(slope, same_slope, rtol=1e-6, atol=1e-7)


def test_a_current_that_is_not_a_number_is_silent_in_the_spikes_and_visible_in_the_gradient():
    """NaN is above no threshold: such a neuron never fires, so the loss alone cannot show it."""
    current = torch.full((4, 2), 2.0)
    current[1, 0] = torch.nan
    current.requires_grad_()
    spikes = LIF(0.5, 0.9)(current)
    assert spikes.tolist() == [[1, 1], [0, 1], [0, 1], [0, 1]]
    slope = gradient(spikes, current, torch.ones_like(spikes))
    assert slope[1:, 0].isnan().all()
    assert slope[:, 1].isfinite().all()


def test_neurons_that_are_gone_are_kept_nowhere():
    LIF(0.5, 1.0)
    before = living()
    for _ in range(300):
        LIF(0.5, 1.0)(torch.ones(2, 3))
    assert living() == before


def test_a_neuron_still_is_snntorchs():
    lif = LIF(0.25, 0.5)
    assert isinstance(lif, snntorch.Leaky)
    assert (float(lif.beta), float(lif.threshold)) == (0.25, 0.5)
    assert lif.reset_mechanism == "zero"
    assert not list(lif.parameters())
