"""Batches: scaled, cropped and mirrored, many samples at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuronas.config import AugmentConfig
from neuronas.training import Split
from neuronas.training.data import Scaling
from neuronas.training.data.augmenting import crop_and_flip
from tests.training.data.layouts import numbered

IMAGES = numbered((50, 2, 5, 4))
SPLIT = Split(IMAGES, np.arange(50) % 7, Scaling(255.0, (0.5, 0.25), (0.5, 2.0)))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("chosen", [slice(3, 9), np.array([4, 4, 49, 0])])
def test_a_batch_is_scaled_by_channel(chosen):
    images, labels = SPLIT.batch(chosen)
    expected = IMAGES[chosen] / 255.0
    expected[:, 0] = (expected[:, 0] - 0.5) / 0.5
    expected[:, 1] = (expected[:, 1] - 0.25) / 2.0
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-6, atol=1e-6)
    assert labels.tolist() == SPLIT.labels[chosen].tolist()


def test_a_batch_is_a_copy(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = Split(np.load(tmp_path / "images.npy", mmap_mode="r"), SPLIT.labels)
    images, labels = mapped.batch(slice(0, 4))
    images += 1
    labels += 1
    assert np.array_equal(mapped.images, IMAGES)
    assert np.array_equal(mapped.labels, np.arange(50) % 7)


def crops(image: torch.Tensor, augment: AugmentConfig) -> set[bytes]:
    """Return all that a sample can become."""
    height, width = image.shape[-2:]
    border = augment.crop
    padded = torch.nn.functional.pad(image, (border,) * 4)
    found = set()
    for top in range(2 * border + 1):
        for left in range(2 * border + 1):
            cut = padded[..., top : top + height, left : left + width].contiguous()
            found.add(cut.numpy().tobytes())
            if augment.flip:
                found.add(cut.flip(-1).contiguous().numpy().tobytes())
    return found


@given(
    st.builds(AugmentConfig, crop=st.integers(0, 3), flip=st.booleans()),
    st.integers(0, 1000),
    st.sampled_from([(6, 1, 3, 4), (4, 3, 5, 5), (3, 2, 2, 4, 3)]),
)
def test_each_sample_becomes_one_of_its_own_crops_all_planes_alike(augment, seed, shape):
    images = torch.from_numpy(numbered(shape, seed))
    before = images.clone()
    found = crop_and_flip(images, augment, seeded(seed))
    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert torch.equal(images, before)
    for image, changed in zip(images, found, strict=True):
        assert changed.contiguous().numpy().tobytes() in crops(image, augment)


def test_every_place_and_both_sides_come_about_equally_often():
    image = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3)
    augment = AugmentConfig(crop=1, flip=True)
    found = crop_and_flip(image.expand(9000, 1, 3, 3), augment, seeded())
    kinds, counts = np.unique(found.reshape(9000, 9).numpy(), axis=0, return_counts=True)
    assert len(kinds) == 18
    assert counts.min() > 400
    assert counts.max() < 600


def test_what_is_random_is_decided_by_the_generator():
    augment = AugmentConfig(crop=2, flip=True)
    first, again, other = (SPLIT.batch(slice(None), augment, seeded(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_border_is_black_not_the_mean():
    black = Split(np.zeros((40, 1, 3, 3), dtype=np.uint8), np.zeros(40), Scaling(255.0, (0.4,)))
    assert np.unique(black.batch(slice(None), AugmentConfig(crop=2), seeded())[0]).size == 1


def test_without_a_generator_nothing_is_random():
    with pytest.raises(ValueError, match="generator"):
        SPLIT.batch(slice(None), AugmentConfig(flip=True))


def test_some_samples_are_scaled_as_all():
    some = SPLIT.take(np.array([3, 1]))
    assert torch.equal(some.batch(slice(None))[0], SPLIT.batch(np.array([3, 1]))[0])
    assert len(some) == 2
