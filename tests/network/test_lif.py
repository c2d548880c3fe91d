"""LIF neurons: all time steps at once equal snntorch's, step by step."""

from __future__ import annotations

import pytest
import snntorch
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from snntorch import surrogate
from torch import Tensor

from neuronas.config import NeuronConfig
from neuronas.network import LIF
from neuronas.network.lif import Membrane
from tests.network.examples import living

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
STEPS = st.integers(1, 7)
SEEDS = st.integers(0, 2**31)


def snntorchs(lif: LIF) -> snntorch.Leaky:
    """Return snntorch's own neuron with the settings of ours."""
    surrogates = {
        "atan": surrogate.atan(alpha=lif.neuron.slope),
        "fast_sigmoid": surrogate.fast_sigmoid(slope=lif.neuron.slope),
        "sigmoid": surrogate.sigmoid(slope=lif.neuron.slope),
    }
    leaky = snntorch.Leaky(
        beta=float(lif.beta.detach()),
        threshold=float(lif.threshold.detach()),
        learn_beta="decay" in lif.neuron.learned,
        learn_threshold="threshold" in lif.neuron.learned,
        reset_mechanism=lif.neuron.reset,
        spike_grad=surrogates[lif.neuron.surrogate],
    )
    snntorch.SpikingNeuron.instances.remove(leaky)
    return leaky


def stepped(current: Tensor, leaky: snntorch.Leaky) -> tuple[Tensor, Tensor]:
    """Return spikes and membrane potentials, one step after the other."""
    membrane = torch.zeros_like(current[0])
    spikes, membranes = [], []
    for step in current:
        fired, membrane = leaky((1 - leaky.beta) * step, membrane)
        spikes.append(fired)
        membranes.append(membrane)
    return torch.stack(spikes), torch.stack(membranes)


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradient(spikes: Tensor, current: Tensor, weights: Tensor) -> Tensor:
    (found,) = torch.autograd.grad((spikes * weights).sum(), current)
    return found


NEURONS = st.builds(
    NeuronConfig,
    reset=st.sampled_from(["zero", "subtract"]),
    surrogate=st.sampled_from(["atan", "fast_sigmoid", "sigmoid"]),
    slope=st.floats(0.5, 5),
    learned=st.sampled_from([(), ("decay",), ("threshold",), ("decay", "threshold")]),
)


@settings(max_examples=60)
@given(STEPS, SHAPES, st.floats(0, 0.99), st.floats(0.01, 3), NEURONS, SEEDS)
def test_spikes_and_gradients_are_those_of_snntorch(steps, shape, decay, threshold, neuron, seed):
    current = (3 * randn(seed, steps, *shape)).requires_grad_()
    lif = LIF(decay, threshold, neuron)
    leaky = snntorchs(lif)
    expected, membranes = stepped(current, leaky)
    # Rounding decides at the threshold itself: ours rounds once where snntorch rounds twice.
    assume(bool(((membranes - threshold).abs() > 2e-6).all()))
    spikes = lif(current)
    assert torch.equal(spikes, expected)
    weights = randn(seed + 1, steps, *shape)
    ours, theirs = (
        torch.autograd.grad((out * weights).sum(), [current, *neurons.parameters()])
        for out, neurons in ((spikes, lif), (expected, leaky))
    )
    assert len(ours) == 1 + len(neuron.learned)
    for found, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-5, atol=5e-6 * max(1, current[0].numel()))


@settings(max_examples=40)
@given(STEPS, SHAPES, NEURONS, st.booleans(), SEEDS)
def test_one_call_and_stepping_are_the_same_neuron(steps, shape, neuron, detach, seed):
    neuron = neuron.model_copy(update={"detach_reset": detach})
    lif, current = LIF(0.5, 0.7, neuron), (3 * randn(seed, steps, *shape)).requires_grad_()
    assume(bool(((stepped(current, snntorchs(lif))[1] - 0.7).abs() > 2e-6).all()))
    membrane = Membrane()
    single = torch.cat([lif(step[None], membrane) for step in current])
    together = lif(current)
    assert torch.equal(single, together)
    weights = randn(seed + 1, steps, *shape)
    ours, theirs = (
        torch.autograd.grad((out * weights).sum(), [current, *lif.parameters()])
        for out in (together, single)
    )
    for found, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-5, atol=5e-6 * max(1, current[0].numel()))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_only_a_reset_that_is_not_detached_carries_gradients(reset):
    current = torch.tensor([[2.0], [0.5]], requires_grad=True)
    slopes = []
    for detach in (True, False):
        lif = LIF(0.5, 0.9, NeuronConfig(reset=reset, detach_reset=detach))
        slopes.append(gradient(lif(current)[1:], current, torch.ones(1, 1)))
    assert slopes[0][0] != slopes[1][0]
    assert slopes[0][1] == slopes[1][1]


@pytest.mark.parametrize("name", ["atan", "fast_sigmoid", "sigmoid"])
def test_gradients_are_finite_however_far_from_the_threshold(name):
    """snntorch's own sigmoid gives NaN at -3.5 already (its issue #427)."""
    current = torch.tensor([[-1e30], [-100.0], [-4.0], [50.0]], requires_grad=True)
    lif = LIF(0.5, 1.0, NeuronConfig(surrogate=name))
    assert gradient(lif(current), current, torch.ones(4, 1)).isfinite().all()


def test_what_is_learned_stays_within_bounds():
    lif = LIF(0.5, 1.0, NeuronConfig(learned=("decay", "threshold")))
    with torch.no_grad():
        lif.beta.fill_(1.5)
        lif.threshold.fill_(-2.0)
    assert float(lif.decay().detach()) == pytest.approx(0.99)
    assert float(lif.firing_threshold().detach()) == pytest.approx(0.01)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_not_one_of_a_million_spikes_differs_from_snntorchs(reset):
    current = 2 * randn(1, 8, 125_000)
    lif = LIF(0.25, 1.0, NeuronConfig(reset=reset))
    expected, membranes = stepped(current, snntorchs(lif))
    apart = (membranes - 1.0).abs() > 2e-6
    differing = (lif(current) != expected) & apart.cummin(dim=0).values
    assert int(differing.sum()) == 0
    assert expected.sum() > 100_000


@settings(max_examples=25)
@given(STEPS, st.integers(0, 8), SEEDS)
def test_a_potential_that_just_reaches_the_threshold_does_not_fire_in_either(steps, eighths, seed):
    generator = torch.Generator().manual_seed(seed)
    quarters = torch.randint(-8, 9, (steps, 40), generator=generator) / 4  # exact in float32
    threshold = (eighths + 1) / 8
    lif = LIF(0.5, threshold)
    expected, membranes = stepped(quarters, snntorchs(lif))
    assert torch.equal(lif(quarters), expected)
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
