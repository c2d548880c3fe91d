"""Datasets: fixed splits, and files that are absent or damaged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from neuronas.config import DATASETS
from neuronas.errors import DatasetError, NeuronasError
from neuronas.training import Dataset, Split, load_dataset
from neuronas.training.datasets import FASHION_MNIST_DEBIAN
from tests.training.examples import idx


def splits(dataset: Dataset) -> tuple[Split, Split, Split]:
    return dataset.train, dataset.validation, dataset.test


def assert_equal(left: Dataset, right: Dataset) -> None:
    assert left.description == right.description
    for mine, yours in zip(splits(left), splits(right), strict=True):
        assert np.array_equal(mine.images, yours.images)
        assert np.array_equal(mine.labels, yours.labels)


def rows(split: Split) -> list[bytes]:
    """Return one value per sample, equal for equal images up to rounding."""
    return [np.round(image, 3).tobytes() for image in split.images]


def test_digits_have_the_sizes_and_shapes_that_studies_are_told(digits):
    info = DATASETS["digits"]
    assert [len(split) for split in splits(digits)] == [1077, 360, 360]
    assert len(digits.train) == info.train_samples
    for split in splits(digits):
        assert split.images.shape == (len(split), *info.input_shape)
        assert (split.images.dtype, split.labels.dtype) == (np.float32, np.int64)
        assert set(split.labels) == set(range(info.classes))


def test_splits_of_digits_are_disjoint_and_complete(digits):
    original = load_digits().images.reshape(-1, 64)
    scale = digits.train.images.max() - digits.train.images.min()
    lowest = digits.train.images.min()
    found = np.concatenate([split.images for split in splits(digits)]).reshape(-1, 64)
    restored = np.round((found - lowest) / scale * 16).astype(int)
    assert sorted(map(tuple, restored)) == sorted(map(tuple, original.astype(int)))


def test_classes_have_the_same_share_in_each_split(digits):
    shares = [np.bincount(split.labels, minlength=10) / len(split) for split in splits(digits)]
    assert np.ptp(shares, axis=0).max() < 0.01


def test_training_images_have_mean_0_and_deviation_1_and_the_others_are_scaled_alike(digits):
    assert abs(digits.train.images.mean()) < 1e-5
    assert abs(digits.train.images.std() - 1) < 1e-5
    extremes = {(float(s.images.min()), float(s.images.max())) for s in splits(digits)}
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


# Fashion-MNIST, from files in the official layout.


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
def write(tmp_path) -> Write:
    """Return what writes the four files; ``changed`` replaces the content of some."""

    def write_files(*, zipped: bool = True, **changed: bytes) -> Path:
        for name, values in fashion_arrays().items():
            content = changed.get(name.replace("-", "_"), idx(values))
            path = tmp_path / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content) if zipped else content)
        return tmp_path

    return write_files


def message_of(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load_dataset("fashion_mnist", folder)
    assert caught.value.exit_code == 6
    return str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_from_its_official_files(write, zipped):
    dataset = load_dataset("fashion_mnist", write(zipped=zipped))
    assert [len(split) for split in splits(dataset)] == [100, 20, 30]
    assert abs(dataset.train.images.mean()) < 1e-5
    assert abs(dataset.train.images.std() - 1) < 1e-5
    images = fashion_arrays()["train-images-idx3-ubyte"]
    step = (dataset.train.images.max() - dataset.train.images.min()) / 255  # has black and white
    seen = []
    for split in splits(dataset):
        assert split.images.shape == (len(split), 1, 28, 28)
        pixels = np.round((split.images - dataset.train.images.min()) / step).astype(int)
        assert np.array_equal(pixels[:, 0, 0, 0], split.labels)
        assert np.ptp(np.bincount(split.labels)) == 0
        numbers = pixels[:, 0, 0, 1]
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


def test_a_folder_that_is_not_there_is_told_how_to_get_the_data(tmp_path):
    message = message_of(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "--data-dir" in message


def test_one_file_that_is_not_there_is_named(write):
    folder = write()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "no t10k-labels-idx1-ubyte.gz in" in message_of(folder)


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
    message = message_of(folder)
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
    message = message_of(folder)
    assert message.startswith(str(path))
    assert message.endswith("get it again")


def test_images_and_labels_that_do_not_belong_together_are_counted(write):
    labels = fashion_arrays()["t10k-labels-idx1-ubyte"][:-1]
    message = message_of(write(t10k_labels_idx1_ubyte=idx(labels)))
    assert "t10k has 30 images but 29 labels" in message


@pytest.mark.skipif(
    not FASHION_MNIST_DEBIAN.is_dir(),
    reason=f"no {FASHION_MNIST_DEBIAN}; apt-get install dataset-fashion-mnist",
)
def test_the_real_fashion_mnist_has_the_sizes_and_balance_that_studies_are_told():
    dataset, info = load_dataset("fashion_mnist"), DATASETS["fashion_mnist"]
    assert [len(split) for split in splits(dataset)] == [info.train_samples, 10_000, 10_000]
    assert len(dataset.train) == 50_000
    for split, each in zip(splits(dataset), (5000, 1000, 1000), strict=True):
        assert split.images.shape[1:] == info.input_shape
        assert np.bincount(split.labels).tolist() == [each] * 10
    assert abs(dataset.train.images.mean()) < 1e-3
    assert abs(dataset.train.images.std() - 1) < 1e-3
