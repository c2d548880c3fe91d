"""CIFAR-10 and CIFAR-100 in the binary version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronas.training import load_dataset
from tests.training.data.layouts import inputs, message_of, numbered, numbers, sizes, splits

SHAPE = (3, 32, 32)


def record(labels: np.ndarray, images: np.ndarray) -> bytes:
    return np.hstack([labels.astype(np.uint8), images.reshape(len(images), -1)]).tobytes()


def ten(folder: Path) -> Path:
    """Write 100 training images in five files and 20 test images; the class is number % 10."""
    images = numbered((120, *SHAPE))
    labels = np.arange(120)[:, None] % 10
    folder.mkdir(parents=True, exist_ok=True)
    for batch in range(5):
        part = slice(20 * batch, 20 * batch + 20)
        (folder / f"data_batch_{batch + 1}.bin").write_bytes(record(labels[part], images[part]))
    (folder / "test_batch.bin").write_bytes(record(labels[100:], images[100:]))
    return folder


@pytest.fixture
def ten_images(tmp_path, sized) -> Path:
    sized("cifar10", 80, 20, 20)
    return ten(tmp_path / "files")


def test_cifar10_is_read_from_its_six_files(ten_images):
    dataset = load_dataset("cifar10", ten_images)
    assert sizes(dataset) == [80, 20, 20]
    assert sorted(numbers(dataset.train) + numbers(dataset.validation)) == list(range(100))
    assert numbers(dataset.test) == list(range(100, 120))
    original = numbered((120, *SHAPE))
    for split in splits(dataset):
        assert np.array_equal(split.images, original[numbers(split)])
        assert split.labels.tolist() == [number % 10 for number in numbers(split)]
    assert np.bincount(dataset.validation.labels).tolist() == [2] * 10


def test_each_channel_has_mean_0_and_deviation_1_over_the_training_split(ten_images):
    found = inputs(load_dataset("cifar10", ten_images).train)
    assert np.abs(found.mean(axis=(0, 2, 3))).max() < 1e-5
    assert np.abs(found.std(axis=(0, 2, 3)) - 1).max() < 1e-5


@pytest.mark.parametrize("inside", ["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_the_folder_that_the_archive_unpacks_to_is_found(tmp_path, sized, inside):
    sized("cifar10", 80, 20, 20)
    ten(tmp_path / inside)
    assert sizes(load_dataset("cifar10", tmp_path)) == [80, 20, 20]


def test_the_classes_of_cifar100_are_the_fine_ones(tmp_path, sized):
    sized("cifar100", 100, 100, 100)
    images, fine = numbered((200, *SHAPE)), np.arange(200) % 100
    labels = np.stack([fine // 5, fine], axis=1)
    (tmp_path / "train.bin").write_bytes(record(labels, images))
    (tmp_path / "test.bin").write_bytes(record(labels[:100], images[:100]))
    dataset = load_dataset("cifar100", tmp_path)
    assert dataset.test.labels.tolist() == list(range(100))
    assert sorted(dataset.train.labels) == list(range(100))


def test_a_file_that_is_not_there_is_named_with_where_to_get_it(ten_images):
    (ten_images / "data_batch_4.bin").unlink()
    message = message_of("cifar10", ten_images)
    assert f"no data_batch_4.bin in {ten_images}" in message
    assert "neuronas data fetch cifar10" in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "0 bytes are no whole number of records of 3073"),
        (bytes(3072), "3,072 bytes are no whole number of records of 3073"),
        (bytes([10]) + bytes(3072), "has labels from 10 to 10, expected 0 to 9"),
    ],
)
def test_a_damaged_file_is_named(ten_images, content, told):
    path = ten_images / "data_batch_2.bin"
    path.write_bytes(content)
    message = message_of("cifar10", ten_images)
    assert message.startswith(str(path))
    assert told in message
    assert "get it again" in message or "damaged" in message


def test_a_file_that_is_cut_between_two_records_is_told(ten_images):
    path = ten_images / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[: 3073 * 7])
    message = message_of("cifar10", ten_images)
    assert message.startswith(str(ten_images))
    assert "cifar10 has 87 samples to train" in message
    assert "cut short" in message
