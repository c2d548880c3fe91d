"""Images as spikes, and first spikes as scores."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from snntorch import spikegen
from torch import Tensor

from neuronas.errors import DatasetError
from neuronas.network.coding import encode, first_spike_scores
from tests.network.examples import built
from tests.strategies import architecture


def images(low: float = 0.0, high: float = 1.0, count: int = 2) -> Tensor:
    drawn = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return low + (high - low) * drawn


def test_rate_coding_fires_as_often_as_a_pixel_is_bright():
    torch.manual_seed(0)
    still = torch.tensor([0.0, 0.2, 0.9, 1.0]).view(1, 1, 2, 2).expand(50, 1, 2, 2)
    spikes = encode(still, "rate", 200, (0.0, 1.0))
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    rates = spikes.mean(dim=(0, 1)).flatten()
    torch.testing.assert_close(rates, torch.tensor([0.0, 0.2, 0.9, 1.0]), atol=0.02, rtol=0)


@pytest.mark.parametrize("coding", ["rate", "latency"])
@pytest.mark.parametrize("bounds", [(-0.42, 2.82), (0.0, 255.0), (3.0, -1.0)])
def test_images_are_scaled_by_the_bounds_and_never_clipped(coding, bounds):
    unit = images()
    scaled = bounds[0] + (bounds[1] - bounds[0]) * unit
    coded = []
    for image, ends in ((unit, (0.0, 1.0)), (scaled, bounds)):
        torch.manual_seed(1)
        coded.append(encode(image, coding, 6, ends))
    assert (coded[0] != coded[1]).float().mean() < 0.01  # but for rounding
    with pytest.raises(DatasetError, match="coding by spikes would clip them"):
        encode(scaled + 2 * (bounds[1] - bounds[0]), coding, 6, bounds)
    with pytest.raises(DatasetError):
        encode(torch.full_like(unit, torch.nan), coding, 6, bounds)


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), st.integers(1, 12))
def test_latency_coding_fires_once_and_the_earlier_the_brighter(pixels, steps):
    still = torch.tensor(pixels).view(1, 1, 2, 2)
    spikes = encode(still, "latency", steps, (0.0, 1.0))[:, 0].flatten(1)
    assert spikes.shape == (steps, 4)
    lit = still.flatten() >= 0.01
    assert torch.equal(spikes.sum(dim=0), lit.float())
    expected = ((steps - 1) * (1 - still.flatten())).round()
    assert torch.equal(spikes.argmax(dim=0)[lit].float(), expected[lit])


def test_latency_coding_is_snntorchs_and_no_image_sees_another():
    expected = spikegen.latency(
        images(), num_steps=5, threshold=0.01, clip=True, normalize=True, linear=True
    )
    assert torch.equal(encode(images(), "latency", 5, (0.0, 1.0)), expected)
    dark = torch.cat([images() / 9, images()])
    assert torch.equal(encode(dark, "latency", 5, (0.0, 1.0))[:, 2:], expected)


def test_scores_are_how_early_the_first_spike_comes():
    spikes = torch.tensor([[0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1]]).float()[:, None]
    assert first_spike_scores(spikes).tolist() == [[2, 3, 0, 1]]


def test_gradients_reach_every_step_up_to_the_first_spike():
    spikes = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(4, 1, 1).requires_grad_()
    first_spike_scores(spikes).sum().backward()
    assert spikes.grad is not None
    assert spikes.grad.flatten().tolist() == [4 - 2, 3 - 2, 2 - 1, 0]


def test_direct_coding_computes_the_stem_once_and_others_at_every_step():
    for coding, calls in (("direct", 2), ("rate", 2 * 5), ("latency", 2 * 5)):
        module = built(architecture(coding=coding, time_steps=5))
        seen = []
        module.stem.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))  # noqa: B023
        module.bounds = (0.0, 1.0)
        module(images())
        assert seen == [calls]


def test_votes_are_averaged_class_by_class():
    module = built(architecture(votes=3, classes=4))
    heard = []
    module.head.register_forward_hook(lambda _m, _i, outputs: heard.append(outputs))
    found = module(images())
    expected = heard[0].view(4, 2, 4, 3).mean(dim=(0, 3))
    torch.testing.assert_close(found, expected)
    assert module.head.out_features == 12


def test_event_frames_reach_the_stem_in_the_order_of_time():
    module = built(architecture(coding="events", time_steps=3))
    frames = torch.arange(2 * 3.0).view(2, 3, 1, 1, 1).expand(2, 3, 1, 8, 8)
    seen = []
    module.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, 0, 0, 0]))
    assert module(frames).shape == (2, 10)
    assert seen[0].tolist() == [0, 3, 1, 4, 2, 5]
    for wrong in (frames[:, :2], frames[:, 0]):
        with pytest.raises(DatasetError, match="event frames have the shape"):
            module(wrong)
