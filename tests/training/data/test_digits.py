"""Digits: sizes, balance and what never changes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from neuronas.config import DATASETS
from neuronas.errors import NeuronasError
from neuronas.training import Split, load_dataset
from tests.training.data.layouts import assert_equal, inputs, splits


def rows(split: Split) -> list[bytes]:
    """Return one value per sample, equal for equal images."""
    return [image.tobytes() for image in split.images]


def test_digits_have_the_sizes_and_shapes_that_studies_are_told(digits):
    info = DATASETS["digits"]
    assert [len(split) for split in splits(digits)] == [1077, 360, 360]
    assert len(digits.train) == info.train_samples
    for split in splits(digits):
        assert split.images.shape == (len(split), *info.input_shape)
        assert (inputs(split).dtype, split.labels.dtype) == (np.float32, np.int64)
        assert set(split.labels) == set(range(info.classes))


def test_splits_of_digits_are_disjoint_and_complete(digits):
    original = load_digits().images.reshape(-1, 64)
    found = np.concatenate([split.images for split in splits(digits)]).reshape(-1, 64)
    assert sorted(map(tuple, found)) == sorted(map(tuple, original.astype(int)))


def test_classes_have_the_same_share_in_each_split(digits):
    shares = [np.bincount(split.labels, minlength=10) / len(split) for split in splits(digits)]
    assert np.ptp(shares, axis=0).max() < 0.01


def test_training_images_have_mean_0_and_deviation_1_and_the_others_are_scaled_alike(digits):
    assert abs(inputs(digits.train).mean()) < 1e-5
    assert abs(inputs(digits.train).std() - 1) < 1e-5
    extremes = {(float(inputs(s).min()), float(inputs(s).max())) for s in splits(digits)}
    assert len(extremes) == 1


def test_digits_are_the_same_every_time(digits):
    np.random.seed(3)  # noqa: NPY002 - the global state must not matter
    assert_equal(load_dataset("digits"), digits)


def test_kept_samples_are_a_stratified_part_of_the_training_split(digits, few_digits):
    assert len(few_digits.train) == 128
    assert set(rows(few_digits.train)) <= set(rows(digits.train))
    counts = np.bincount(few_digits.train.labels, minlength=10)
    assert counts.min() >= 12
    assert counts.max() <= 14
    for kept, whole in zip(splits(few_digits)[1:], splits(digits)[1:], strict=True):
        assert np.array_equal(kept.images, whole.images)
    assert_equal(load_dataset("digits", samples=128), few_digits)


def test_keeping_samples_changes_the_description_keeping_all_does_not(digits, few_digits):
    assert load_dataset("digits", samples=1077).description == digits.description
    descriptions = {d.description for d in (digits, few_digits, load_dataset("digits", None, 500))}
    assert len(descriptions) == 3


@pytest.mark.parametrize("samples", [2, 9, 10, 1067, 1068, 1076])
def test_any_number_of_samples_that_a_study_may_ask_for_is_kept_or_refused_in_words(samples):
    try:
        kept = load_dataset("digits", samples=samples)
    except NeuronasError:
        assert samples < 10  # not one of each class
    else:
        assert len(kept.train) == samples


def test_digits_are_what_they_were_when_stored_networks_were_trained(digits):
    """The description is part of every training digest: changed, all would be trained anew."""
    assert digits.description == (
        "digits, stratified split 1, 1077/360/360, sha256 ec147f7577058f9f"
    )
    assert digits.train.scaling.mean == (0.3046811521053314,)
    assert digits.train.scaling.deviation == (0.37565454840660095,)
