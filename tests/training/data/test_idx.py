"""MNIST and Fashion-MNIST: four IDX files, whole, absent or damaged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuronas.config import DATASETS
from neuronas.sources import SOURCES
from neuronas.training import load_dataset
from tests.training.data.layouts import assert_equal, inputs, message_of, sizes, splits
from tests.training.examples import idx

DEBIAN = SOURCES["fashion_mnist"].packaged


def fashion_arrays() -> dict[str, np.ndarray]:
    """Return 120 training and 30 test images, their labels in their first pixel."""
    generator = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 120), ("t10k", 30)):
        labels = np.arange(count) % 10
        images = generator.integers(0, 256, (count, 28, 28))
        images[:, 0, 0] = labels
        images[:, 0, 1] = np.arange(count)
        arrays[f"{part}-images-idx3-ubyte"] = images
        arrays[f"{part}-labels-idx1-ubyte"] = labels
    return arrays


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path, sized) -> Write:
    """Return what writes the four files; ``changed`` replaces the content of some."""
    for name in ("fashion_mnist", "mnist"):
        sized(name, 100, 20, 30)

    def write_files(*, zipped: bool = True, **changed: bytes) -> Path:
        for name, values in fashion_arrays().items():
            content = changed.get(name.replace("-", "_"), idx(values))
            path = tmp_path / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content) if zipped else content)
        return tmp_path

    return write_files


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_from_its_official_files(write, zipped):
    dataset = load_dataset("fashion_mnist", write(zipped=zipped))
    assert sizes(dataset) == [100, 20, 30]
    assert abs(inputs(dataset.train).mean()) < 1e-5
    assert abs(inputs(dataset.train).std() - 1) < 1e-5
    images = fashion_arrays()["train-images-idx3-ubyte"]
    seen = []
    for split in splits(dataset):
        assert split.images.shape == (len(split), 1, 28, 28)
        pixels = split.images
        assert np.array_equal(pixels[:, 0, 0, 0], split.labels)
        assert np.ptp(np.bincount(split.labels)) == 0
        numbers = pixels[:, 0, 0, 1].astype(int)
        seen.append(set(numbers))
        if split is not dataset.test:
            assert np.array_equal(pixels[:, 0], images[numbers])
    assert not seen[0] & seen[1]
    assert seen[2] == set(range(30))


def test_zipped_and_plain_files_are_the_same_data(write):
    zipped = load_dataset("fashion_mnist", write(zipped=True))
    for path in list(write(zipped=False).glob("*.gz")):
        path.unlink()
    assert_equal(load_dataset("fashion_mnist", write(zipped=False)), zipped)


def test_other_content_under_the_same_names_is_another_dataset(write):
    """MNIST's files have the names and shapes of Fashion-MNIST's."""
    first = load_dataset("fashion_mnist", write()).description
    images = fashion_arrays()["t10k-images-idx3-ubyte"]
    images[0, 5, 5] ^= 1
    changed = load_dataset("fashion_mnist", write(t10k_images_idx3_ubyte=idx(images)))
    assert changed.description != first


def test_a_folder_that_is_not_there_is_told_how_to_get_the_data(tmp_path, monkeypatch):
    source = replace(SOURCES["fashion_mnist"], packaged=tmp_path / "no package")
    monkeypatch.setitem(SOURCES, "fashion_mnist", source)
    message = message_of("fashion_mnist", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in message
    assert "neuronas data fetch fashion_mnist" in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "--data-dir" in message


def test_one_file_that_is_not_there_is_named(write):
    folder = write()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "no t10k-labels-idx1-ubyte.gz in" in message_of("fashion_mnist", folder)


IMAGES = idx(fashion_arrays()["train-images-idx3-ubyte"])
ZIPPED = gzip.compress(IMAGES)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(IMAGES[:3], id="within the magic number"),
        pytest.param(IMAGES[:9], id="within the sizes"),
        pytest.param(IMAGES[:16], id="after the sizes"),
        pytest.param(IMAGES[:-1], id="one byte short"),
        pytest.param(IMAGES + b"\0", id="one byte long"),
        pytest.param(b"\1" + IMAGES[1:], id="no zero first"),
        pytest.param(b"\0\0\x0d" + IMAGES[3:], id="floats"),
        pytest.param(b"<html>404 Not Found</html>", id="a web page"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_not_a_whole_idx_file_is_named(write, content, zipped):
    folder = write(zipped=zipped, train_images_idx3_ubyte=content)
    message = message_of("fashion_mnist", folder)
    assert message.startswith(f"{folder / 'train-images-idx3-ubyte'}")
    assert message.endswith("get it again")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(ZIPPED[: len(ZIPPED) // 2], id="cut in half"),
        pytest.param(ZIPPED[:-4], id="without its length"),
        pytest.param(ZIPPED[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(ZIPPED[:10] + b"\xff" * 8 + ZIPPED[18:], id="overwritten in the middle"),
        pytest.param(IMAGES, id="not zipped"),
    ],
)
def test_a_damaged_gzip_file_is_named(write, content):
    folder = write()
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    message = message_of("fashion_mnist", folder)
    assert message.startswith(str(path))
    assert message.endswith("get it again")


def test_images_and_labels_that_do_not_belong_together_are_counted(write):
    labels = fashion_arrays()["t10k-labels-idx1-ubyte"][:-1]
    message = message_of("fashion_mnist", write(t10k_labels_idx1_ubyte=idx(labels)))
    assert "t10k has 30 images but 29 labels" in message


def test_mnist_is_read_from_the_same_layout(write):
    fashion = load_dataset("fashion_mnist", write())
    mnist = load_dataset("mnist", write())
    assert mnist.description == fashion.description.replace("fashion_mnist", "mnist")
    assert np.array_equal(mnist.train.images, fashion.train.images)


def test_a_set_that_is_whole_but_smaller_than_the_official_one_is_refused(write, sized):
    sized("mnist", 100, 20, 31)
    message = message_of("mnist", write())
    assert "mnist has 120 samples to train and 30 to test here, officially 120 and 31" in message
    assert "neuronas data fetch mnist" in message


def test_labels_of_no_class_are_told(write):
    labels = fashion_arrays()["t10k-labels-idx1-ubyte"]
    labels[3] = 10
    message = message_of("fashion_mnist", write(t10k_labels_idx1_ubyte=idx(labels)))
    assert "t10k has labels from 0 to 10, expected 0 to 9" in message


def test_images_of_another_size_are_told(write):
    images = fashion_arrays()["t10k-images-idx3-ubyte"][:, :20]
    message = message_of("fashion_mnist", write(t10k_images_idx3_ubyte=idx(images)))
    assert "t10k has images of 1x20x28, expected 1x28x28" in message


@pytest.mark.skipif(
    not DEBIAN.is_dir(),
    reason=f"no {DEBIAN}; apt-get install dataset-fashion-mnist",
)
def test_the_real_fashion_mnist_has_the_sizes_and_balance_that_studies_are_told():
    dataset, info = load_dataset("fashion_mnist"), DATASETS["fashion_mnist"]
    assert sizes(dataset) == [info.train_samples, 10_000, 10_000]
    assert dataset.description == (
        "fashion_mnist, stratified split 1, 50000/10000/10000, sha256 a64cc0dca83e19f4"
    )
    for split, each in zip(splits(dataset), (5000, 1000, 1000), strict=True):
        assert split.images.shape[1:] == info.input_shape
        assert np.bincount(split.labels).tolist() == [each] * 10
    assert abs(inputs(dataset.train).mean()) < 1e-3
    assert abs(inputs(dataset.train).std() - 1) < 1e-3
    assert isinstance(dataset.train.images, np.memmap)
