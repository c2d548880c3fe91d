"""The user's own arrays in an .npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronas.config import OwnDataset
from neuronas.training import load_dataset
from neuronas.training.data import assembling
from tests.training.data.layouts import inputs, message_of, numbered, numbers, sizes, splits

SHAPE = (2, 4, 3)


def own(path: Path, **changed: object) -> OwnDataset:
    content = {"npz": str(path), "shape": list(SHAPE), "classes": 3} | changed
    return OwnDataset.model_validate(content)


@pytest.fixture
def saved(tmp_path):
    """Return what writes an .npz of 36 samples in 3 classes, changed as asked."""

    def save(**changed: object) -> Path:
        arrays = {"x_train": numbered((36, *SHAPE)), "y_train": np.arange(36) % 3} | changed
        path = tmp_path / "mine.npz"
        np.savez(path, **{name: each for name, each in arrays.items() if each is not None})
        return path

    return save


def test_missing_parts_are_split_off_by_class(saved):
    dataset = load_dataset(own(saved()))
    assert sizes(dataset) == [24, 6, 6]
    found = [number for split in splits(dataset) for number in numbers(split)]
    assert sorted(found) == list(range(36))
    for split in splits(dataset):
        assert np.array_equal(split.images, numbered((36, *SHAPE))[numbers(split)])
        assert np.array_equal(split.labels, np.array(numbers(split)) % 3)
        assert np.ptp(np.bincount(split.labels)) == 0


def test_parts_that_are_given_are_kept(saved):
    test = {"x_test": numbered((5, *SHAPE), seed=1), "y_test": np.zeros(5, dtype=np.int8)}
    dataset = load_dataset(own(saved(**test)))
    assert sizes(dataset) == [30, 6, 5]
    assert np.array_equal(dataset.test.images, test["x_test"])
    validation = {"x_validation": numbered((7, *SHAPE)), "y_validation": np.arange(7) % 3}
    assert sizes(load_dataset(own(saved(**test, **validation)))) == [36, 7, 5]


def test_floats_are_taken_as_they_are_and_normalised_by_channel(saved):
    floats = np.random.default_rng(0).normal(5.0, 3.0, (36, *SHAPE)).astype(np.float32)
    dataset = load_dataset(own(saved(x_train=floats)))
    assert dataset.train.images.dtype == np.float32
    found = inputs(dataset.train)
    assert np.abs(found.mean(axis=(0, 2, 3))).max() < 1e-5
    assert np.abs(found.std(axis=(0, 2, 3)) - 1).max() < 1e-5


def test_how_much_is_read_at_once_changes_nothing(saved, monkeypatch):
    path = saved()
    first = load_dataset(own(path))
    for values in (1, 24 * 5, 24 * 36):
        monkeypatch.setattr(assembling, "_CHUNK_VALUES", values)
        path.touch()  # else the cache has it
        again = load_dataset(own(path))
        assert again.description == first.description
        assert np.array_equal(again.train.images, first.train.images)
        assert again.train.scaling.mean == pytest.approx(first.train.scaling.mean, rel=1e-12)


def test_the_description_tells_the_content_not_the_name(saved):
    path = saved()
    first = load_dataset(own(path))
    renamed = path.rename(path.with_name("other.npz"))
    assert load_dataset(own(renamed)).description == first.description
    images = numbered((36, *SHAPE))
    images[7, 1, 1, 1] ^= 1
    assert load_dataset(own(saved(x_train=images))).description != first.description


LABELS = np.arange(36) % 3


def with_nan(image: int) -> np.ndarray:
    images = numbered((36, *SHAPE)).astype(np.float32)
    images[image, 1, 2, 0] = np.nan
    return images


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"x_train": None}, "has no array 'x_train'; it has y_train"),
        ({"y_train": None}, "has x_train but no y_train"),
        ({"y_train": LABELS[:-1]}, "x_train has 36 images but 35 labels"),
        ({"y_train": LABELS + 1}, "y_train has labels from 1 to 3, expected 0 to 2; number"),
        ({"y_train": LABELS - 1}, "y_train has labels from -1 to 1, expected 0 to 2; number"),
        ({"y_train": LABELS % 2}, "of classes 0 to 2, 1 without a training sample: 2;"),
        ({"y_test": LABELS}, "has y_test but no x_test; add its images"),
        ({"x_val": LABELS}, "unknown array 'x_val'; it has x_train, y_train, x_val; allowed: x_tr"),
        ({"x_val": LABELS}, "did you mean 'x_validation'?"),
        (
            {"x_train": None, "y_train": None, "images": LABELS, "labels": LABELS},
            "unknown array 'images'; it has images, labels; allowed: x_train, y_train, ",
        ),
        ({"y_train": LABELS * 1.0}, "y_train has shape (36,) and type float64"),
        ({"y_train": LABELS[:, None]}, "y_train has shape (36, 1)"),
        ({"x_train": numbered((36, 2, 3, 4))}, "x_train has images of 2x3x4, expected 2x4x3; corr"),
        ({"x_train": np.zeros((36, *SHAPE))}, "type float64; allowed: uint8, float32"),
        ({"x_train": with_nan(7)}, "train image 7, counted from 0, holds values that are not fin"),
        ({"x_train": np.zeros((36, *SHAPE), dtype=np.uint8)}, "channel 0 has the same value"),
        ({"x_test": np.zeros((1, *SHAPE), dtype=np.float32), "y_test": [0]}, "differ in type"),
        ({"x_train": np.array([{}] * 36)}, "no .npz file of plain arrays"),
    ],
)
def test_wrong_arrays_are_told_with_file_and_array(saved, changed, told):
    path = saved(**changed)
    message = message_of(own(path))
    assert message.startswith(str(path))
    assert told in message


@pytest.mark.parametrize("count", [1, 5])
def test_too_few_samples_to_split_are_told(saved, count):
    path = saved(x_train=numbered((count, *SHAPE)), y_train=LABELS[:count])
    assert "too few to hold out test and validation" in message_of(own(path))


def test_a_class_that_is_held_out_whole_is_told(saved):
    path = saved(x_train=numbered((12, *SHAPE)), y_train=np.arange(12))
    assert "4 without a training sample" in message_of(own(path, classes=12))


def test_a_folder_is_no_npz_file(tmp_path):
    message = message_of(own(tmp_path))
    assert message.startswith(f"{tmp_path}: is a folder")
    assert "say 'images:'" in message


def test_a_class_with_one_sample_cannot_be_split(saved):
    message = message_of(own(saved(y_train=np.array([2] + [0, 1] * 17 + [0]))))
    assert "class 2 has one sample only" in message


@pytest.mark.parametrize("kept", [0, 40, 500, -30])
def test_a_damaged_file_is_named(saved, kept):
    path = saved()
    path.write_bytes(path.read_bytes()[:kept])
    message = message_of(own(path))
    assert message.startswith(f"{path}: damaged")
    assert "numpy.savez" in message


def test_a_file_of_one_array_is_no_npz_file(tmp_path):
    path = tmp_path / "one.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert message_of(own(path)).startswith(f"{path}: one array, no .npz file")


def test_a_file_that_is_not_there_is_told_how_to_write_it(tmp_path):
    message = message_of(own(tmp_path / "none.npz"))
    assert "no such file; write it with numpy.savez" in message
    assert "dataset.npz" in message
