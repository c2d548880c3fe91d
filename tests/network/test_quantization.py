"""Quantized weights: what the forward pass sees and what the gradient sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from neuronas.architecture import BIT_WIDTHS
from neuronas.network import QuantizedConv2d, QuantizedLinear, quantize_weight
from neuronas.network.folding import fire
from neuronas.network.lif import LIF, spikes_again
from neuronas.network.quantization import RoundedCurrents, SpikeConv2d

INTEGERS = [bits for bits in BIT_WIDTHS if bits <= 8]
EVEN = [bits for bits in INTEGERS if bits > 2]


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def weights(draw: st.DrawFn) -> Tensor:
    """Weights of a linear layer or of a convolution, each channel of its own magnitude."""
    kernel = draw(st.sampled_from([(), (1, 1), (3, 3)]))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 6)), *kernel)
    drawn = randn(draw(st.integers(0, 2**31)), *shape)
    exponents = draw(st.lists(st.integers(-12, 6), min_size=len(drawn), max_size=len(drawn)))
    magnitudes = 2.0 ** torch.tensor(exponents, dtype=torch.float32)
    return drawn * magnitudes.view(-1, *[1] * (drawn.dim() - 1))


def numpy_reference(weight: np.ndarray, bits: int) -> np.ndarray:
    largest = 2 ** (bits - 1) - 1
    quantized = np.zeros_like(weight)
    for channel, values in enumerate(weight):
        magnitude = np.abs(values).max()
        if magnitude > 0:
            scale = magnitude / largest
            quantized[channel] = np.clip(np.rint(values / scale), -largest, largest) * scale
    return quantized


@settings(max_examples=25)
@given(weights(), st.sampled_from(EVEN))
def test_a_channel_has_few_evenly_spaced_levels_up_to_its_own_largest_weight(weight, bits):
    quantized = quantize_weight(weight, bits).double()
    largest = 2 ** (bits - 1) - 1
    assert quantized.shape == weight.shape
    for channel, values in zip(weight.double(), quantized, strict=True):
        magnitude = channel.abs().max()
        levels = values / magnitude * largest
        assert values.unique().numel() <= 2**bits - 1
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
        assert levels.abs().max().round() == largest
        nearest = (0.5 + 1e-4) * magnitude / largest
        assert ((values - channel).abs() <= nearest).all()


@settings(max_examples=20)
@given(weights(), st.sampled_from(INTEGERS))
def test_levels_are_symmetric(weight, bits):
    assert torch.equal(quantize_weight(-weight, bits), -quantize_weight(weight, bits))


@settings(max_examples=20)
@given(weights(), st.sampled_from(INTEGERS))
def test_channels_do_not_see_each_other(weight, bits):
    apart = torch.cat([quantize_weight(channel[None], bits) for channel in weight])
    assert torch.equal(quantize_weight(weight, bits), apart)


@settings(max_examples=25)
@given(weights(), st.sampled_from(BIT_WIDTHS))
def test_what_is_quantized_stays_as_it_is(weight, bits):
    once = quantize_weight(weight, bits)
    torch.testing.assert_close(quantize_weight(once, bits), once, rtol=1e-6, atol=0)


@settings(max_examples=25)
@given(weights(), st.sampled_from(BIT_WIDTHS))
def test_the_gradient_goes_straight_through(weight, bits):
    weight.requires_grad_()
    upstream = randn(5, *weight.shape)
    (slope,) = torch.autograd.grad(quantize_weight(weight, bits), weight, upstream)
    assert torch.equal(slope, upstream)


@pytest.mark.parametrize("bits", EVEN)
@pytest.mark.parametrize("shape", [(8, 16), (8, 4, 3, 3)])
def test_integers_are_those_of_numpy(bits, shape):
    weight = randn(bits, *shape)
    expected = numpy_reference(weight.numpy().astype(np.float64), bits)
    quantized = quantize_weight(weight, bits).numpy()
    np.testing.assert_allclose(quantized, expected, rtol=1e-6, atol=1e-9)


def test_two_bits_are_three_values_worked_out_by_hand():
    # Mean magnitude 0.5, so 0 within 0.35; the mean of 1.0, 0.5, 0.4 and 0.9 beyond.
    weight = torch.tensor([[-1.0, -0.5, 0.1, 0.4, 0.9, 0.1]])
    torch.testing.assert_close(
        quantize_weight(weight, 2), torch.tensor([[-0.7, -0.7, 0, 0.7, 0.7, 0]])
    )


def test_hardly_any_three_values_are_nearer_to_gaussian_weights_than_the_ternary_ones():
    """The rule is the optimum for Gaussian weights; a search over all thresholds finds little."""
    for channel in randn(3, 4, 1000):
        values = quantize_weight(channel[None], 2)[0]
        sizes = channel.abs().sort(descending=True).values.double()
        kept = sizes.cumsum(0) ** 2 / torch.arange(1, len(sizes) + 1)
        least = sizes.square().sum() - kept.max()
        error = (values.double() - channel.double()).square().sum()
        assert least * (1 - 1e-6) <= error <= 1.1 * least


@pytest.mark.parametrize("bits", EVEN)
@pytest.mark.parametrize("shape", [(8, 16), (8, 4, 3, 3)])
def test_integers_are_those_of_brevitas_to_the_last_bit(bits, shape):
    import brevitas.nn

    weight = randn(bits, *shape)
    theirs = (
        brevitas.nn.QuantLinear(16, 8, bias=False, weight_bit_width=bits, **_per_channel())
        if len(shape) == 2
        else brevitas.nn.QuantConv2d(4, 8, 3, bias=False, weight_bit_width=bits, **_per_channel())
    )
    with torch.no_grad():
        theirs.weight.copy_(weight)
    assert torch.equal(quantize_weight(weight, bits), theirs.quant_weight().value)


def _per_channel() -> dict[str, object]:
    from brevitas.quant import Int8WeightPerChannelFloat

    return {"weight_quant": Int8WeightPerChannelFloat}


@pytest.mark.parametrize("bits", BIT_WIDTHS)
def test_a_channel_of_zeros_stays_zero_and_passes_the_gradient(bits):
    weight = torch.tensor([[0.0, 0.0], [1.0, -1.0]], requires_grad=True)
    quantized = quantize_weight(weight, bits)
    assert quantized.tolist() == [[0, 0], [1, -1]]
    quantized.sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[1, 1], [1, 1]]


@settings(max_examples=20)
@given(weights())
def test_16_bits_are_half_precision(weight):
    expected = weight.numpy().astype(np.float16).astype(np.float32)
    assert np.array_equal(quantize_weight(weight, 16).numpy(), expected)


def test_32_bits_are_the_weights_themselves():
    weight = randn(0, 3, 4)
    assert torch.equal(quantize_weight(weight, 32), weight)


@pytest.mark.parametrize("bits", INTEGERS)
def test_weights_that_are_not_finite_are_not_hidden(bits):
    weight = torch.tensor([[torch.nan, 1.0], [1.0, -1.0]])
    quantized = quantize_weight(weight, bits)
    assert quantized[0].isnan().any()
    assert quantized[1].tolist() == [1, -1]


@pytest.mark.parametrize("bits", BIT_WIDTHS)
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_uses_quantized_weights_and_keeps_the_map(bits, kernel):
    conv = QuantizedConv2d(2, 3, kernel, bits)
    x = randn(1, 2, 2, 5, 4)
    expected = F.conv2d(x, quantize_weight(conv.weight, bits), padding="same")
    torch.testing.assert_close(conv(x), expected)
    assert conv(x).shape == (2, 3, 5, 4)
    assert conv.bias is None


@pytest.mark.parametrize("bits", BIT_WIDTHS)
def test_a_linear_layer_keeps_its_bias_in_full_precision(bits):
    linear = QuantizedLinear(6, 3, bits, bias=True)
    assert torch.equal(linear(torch.zeros(1, 6))[0], linear.bias)
    x = randn(1, 4, 6)
    expected = x @ quantize_weight(linear.weight, bits).T + linear.bias
    torch.testing.assert_close(linear(x), expected)
    assert QuantizedLinear(6, 3, bits, bias=False).bias is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_convolution_of_spikes_learns_as_any_other(dtype):
    plain, spiking = (kind(2, 3, 3, 32) for kind in (QuantizedConv2d, SpikeConv2d))
    spiking.load_state_dict(plain.state_dict())
    spikes = (randn(1, 4, 2, 5, 4) > 0).to(dtype)
    slopes = []
    for conv in (plain.to(dtype), spiking.to(dtype)):
        x = spikes.clone().requires_grad_()
        y = conv(x)
        slopes.append(torch.autograd.grad(y, [x, conv.weight], torch.ones_like(y)))
    for found, expected in zip(*slopes, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_convolutions_of_neurons_learn_as_any_other(dtype):
    convs = [SpikeConv2d(3, 4, kernel, 32).to(dtype) for kernel in (3, 1)]
    lif = LIF(decay=0.25, threshold=0.3)
    drawn = randn(1, 5, 2, 3, 6, 4).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    slopes = []
    for packs in (True, False):
        for conv in convs:
            conv.packs = packs
        current = drawn.to(dtype).requires_grad_()
        spikes = fire(lif, current, 5)
        again = spikes_again(spikes)
        assert again is not None
        assert torch.equal(again().view_as(spikes), spikes)
        assert 0 < spikes.float().mean() < 1
        ys = [conv(spikes) for conv in convs]
        inputs = [current, *(conv.weight for conv in convs)]
        total = sum(y.square().sum() for y in ys)
        first = torch.autograd.grad(total, inputs, retain_graph=True)
        slopes += [first, torch.autograd.grad(total, inputs)]
    for found in slopes[1:]:
        assert all(torch.equal(a, b) for a, b in zip(slopes[0], found, strict=True))


def test_spikes_are_told_from_no_other_tensors():
    lif = LIF(decay=0.25, threshold=0.3)
    spikes = lif(randn(1, 5, 2, 3).requires_grad_())
    assert spikes_again(2 * spikes) is None
    assert spikes_again(spikes.detach()) is None
    with torch.no_grad():
        assert spikes_again(lif(randn(1, 5, 2, 3))) is None


def test_a_convolution_takes_no_memory_to_keep_spikes_of_neurons():
    conv, lif = SpikeConv2d(3, 4, 3, 4), LIF(decay=0.25, threshold=0.3)
    spikes = fire(lif, randn(1, 10, 3, 6, 6).requires_grad_(), 5)
    held = torch._C._WeakTensorRef(spikes)
    y = conv(spikes)
    del spikes
    assert held.expired()
    y.sum().backward()


@given(st.integers(2, 16), st.floats(0.1, 3), st.integers(0, 1000))
def test_currents_take_even_steps_up_to_8_thresholds(bits, threshold, seed):
    currents = 6 * threshold * randn(seed, 200)
    rounded = RoundedCurrents(bits, threshold)(currents).double()
    step = 8 * threshold / 2 ** (bits - 1)
    levels = rounded / step
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-2)
    assert rounded.abs().max() <= 8 * threshold * (1 + 1e-6)
    inside = currents.abs() < 8 * threshold - step
    assert ((rounded - currents).abs()[inside] <= step * 0.501 + 1e-6 * threshold).all()


def test_gradients_pass_where_no_current_saturates():
    currents = torch.tensor([0.3, -7.0, 20.0], requires_grad=True)
    RoundedCurrents(8, 1.0)(currents).sum().backward()
    assert currents.grad is not None
    assert currents.grad.tolist() == [1, 1, 0]
