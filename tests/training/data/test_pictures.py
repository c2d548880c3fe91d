"""Image files: Tiny-ImageNet's folders, and the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuronas.config import OwnDataset
from neuronas.training import load_dataset
from tests.training.data.layouts import message_of, numbered, save_image, sizes, splits

# Tiny-ImageNet: three classes of 4x5 pixels.

WNIDS = ["n03", "n01", "n02"]
SMALL = (3, 4, 5)


@pytest.fixture
def tiny(tmp_path, sized) -> Path:
    """Write six training images of each class and two of ``val``, in the official folders."""
    sized("tiny_imagenet", 12, 6, 6, input_shape=SMALL, classes=3)
    folder = tmp_path / "tiny-imagenet-200"
    for wnid in WNIDS:
        for number in range(6):
            pixels = np.full(SMALL, 40 * number + int(wnid[1:]), dtype=np.uint8)
            save_image(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", pixels)
    lines = []
    for number in range(6):
        wnid = WNIDS[number % 3]
        pixels = np.full(SMALL, 100 + int(wnid[1:]), dtype=np.uint8)
        save_image(folder / "val" / "images" / f"val_{number}.JPEG", pixels)
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t3\t3\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (folder / "test" / "images").mkdir(parents=True)
    return tmp_path


def test_tiny_imagenet_is_read_from_its_own_folders(tiny):
    dataset = load_dataset("tiny_imagenet", tiny)
    assert sizes(dataset) == [12, 6, 6]
    for split in splits(dataset):
        assert split.images.shape[1:] == SMALL
        # The writer's grey is 1 more than a multiple of 20 in class 0, 2 in class 1, 3 in class 2.
        grey = split.images.reshape(len(split), -1)[:, 0].astype(int)
        assert (grey % 20 - 1).tolist() == split.labels.tolist()


def test_a_grey_image_among_the_coloured_is_read_as_grey_in_colour(tiny):
    grey = tiny / "tiny-imagenet-200" / "val" / "images" / "val_0.JPEG"
    save_image(grey, np.full((1, 4, 5), 77, dtype=np.uint8))
    first = load_dataset("tiny_imagenet", tiny).test.images[0]
    assert first.shape == SMALL
    assert np.ptp(first) == 0
    assert first[0, 0, 0] == 77


def test_an_image_that_is_listed_but_absent_is_named(tiny):
    path = tiny / "tiny-imagenet-200" / "val" / "images" / "val_3.JPEG"
    path.unlink()
    assert message_of("tiny_imagenet", tiny) == (
        f"{path}: cannot be read: No such file or directory; put it there again"
    )


def test_a_class_without_its_folder_is_named(tiny):
    folder = tiny / "tiny-imagenet-200" / "train" / "n02"
    folder.rename(tiny / "away")
    message = message_of("tiny_imagenet", tiny)
    assert message.startswith(str(folder))
    assert "put it there again" in message


def test_missing_training_images_are_counted(tiny):
    (tiny / "tiny-imagenet-200" / "train" / "n02" / "images" / "n02_5.JPEG").unlink()
    assert "has 17 samples to train" in message_of("tiny_imagenet", tiny)


def test_annotations_that_are_cut_short_are_told(tiny):
    path = tiny / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    path.write_text(path.read_text()[:-20])
    message = message_of("tiny_imagenet", tiny)
    assert message.startswith(f"{path}: line 6 names no class of wnids.txt")


def test_annotations_that_are_absent_are_told(tiny):
    path = tiny / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    path.unlink()
    message = message_of("tiny_imagenet", tiny)
    assert f"no {path}" in message
    assert "neuronas data fetch tiny_imagenet" in message


# The user's own folder.

COLOUR = (3, 6, 5)


def own(folder: Path, **changed: object) -> OwnDataset:
    content = {"images": str(folder), "shape": list(COLOUR), "classes": 2} | changed
    return OwnDataset.model_validate(content)


def fill(folder: Path, count: int, shape: tuple[int, ...] = COLOUR) -> Path:
    for number, pixels in enumerate(numbered((count, *shape))):
        save_image(folder / ("cat", "dog")[number % 2] / f"{number:02}.png", pixels)
    return folder


@pytest.fixture
def pets(tmp_path) -> Path:
    fill(tmp_path / "pets" / "train", 24)
    return tmp_path / "pets"


def test_a_folder_of_images_is_split_by_class_the_same_every_time(pets):
    dataset = load_dataset(own(pets))
    assert sizes(dataset) == [16, 4, 4]
    found = np.concatenate([split.images for split in splits(dataset)])
    assert sorted(found[:, 0, 0, 0]) == list(range(24))
    assert np.array_equal(found[np.argsort(found[:, 0, 0, 0])], numbered((24, *COLOUR)))
    for split in splits(dataset):
        assert np.array_equal(split.labels, split.images[:, 0, 0, 0] % 2)
        assert np.ptp(np.bincount(split.labels)) == 0
    assert "own 3x6x5 in 2 classes, stratified split 1, 16/4/4, sha256 " in dataset.description


def test_parts_that_are_there_are_kept(pets):
    fill(pets / "test", 6)
    assert sizes(load_dataset(own(pets))) == [20, 4, 6]
    fill(pets / "validation", 8)
    assert sizes(load_dataset(own(pets))) == [24, 8, 6]


def test_grey_images_have_one_channel(tmp_path):
    fill(tmp_path / "train", 12, (1, 6, 5))
    dataset = load_dataset(own(tmp_path, shape=[1, 6, 5]))
    assert dataset.train.images.shape == (8, 1, 6, 5)


def test_an_image_of_another_size_is_named_with_its_size(pets):
    path = pets / "train" / "cat" / "00.png"
    save_image(path, np.zeros((3, 5, 6), dtype=np.uint8))
    message = message_of(own(pets))
    assert message.startswith(f"{path}: has 6x5 pixels (width x height), expected 5x6")


def test_an_image_with_transparency_is_refused(pets):
    path = pets / "train" / "cat" / "00.png"
    Image.new("RGBA", (5, 6)).save(path)
    assert message_of(own(pets)).startswith(f"{path}: has pixels of Pillow's mode RGBA")


@pytest.mark.parametrize("kept", [0, 10, 60, -20])
def test_a_damaged_image_is_named(pets, kept):
    path = pets / "train" / "dog" / "01.png"
    path.write_bytes(path.read_bytes()[:kept])
    message = message_of(own(pets))
    assert message.startswith(f"{path}: damaged, or no image")


def test_a_folder_without_train_is_told_the_layout(tmp_path):
    assert "put the images into train/CLASS/" in message_of(own(tmp_path))
    assert "no such folder; name a folder" in message_of(own(tmp_path / "nowhere"))
    (tmp_path / "mine.npz").touch()
    assert "is a file; name a folder" in message_of(own(tmp_path / "mine.npz"))


def test_another_number_of_classes_than_stated_is_told(pets):
    message = message_of(own(pets, classes=3))
    assert "has 2 folders of classes, the study file says 3" in message
    assert "dataset.classes" in message


def test_a_class_without_images_is_named(pets):
    (pets / "validation" / "cat").mkdir(parents=True)
    message = message_of(own(pets))
    assert message.startswith(f"{pets / 'validation' / 'cat'}: has no images")
