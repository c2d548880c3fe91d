"""The cache of decoded datasets: when it is used, when it is made anew, and by whom."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from neuronas.config import OwnDataset
from neuronas.errors import DatasetError
from neuronas.training import Dataset, load_dataset
from neuronas.training.data import arrays
from neuronas.training.data.assembling import Allocate
from neuronas.training.data.cache import cache_root, cached
from tests.training.data.layouts import assert_equal, message_of, numbered, splits

SHAPE = (1, 4, 4)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NEURONAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def mine(tmp_path) -> OwnDataset:
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=numbered((60, *SHAPE)), y_train=np.arange(60) % 3)
    return OwnDataset.model_validate({"npz": str(path), "shape": list(SHAPE), "classes": 3})


@pytest.fixture
def never_read(monkeypatch):
    """Return what makes reading the source a failure from then on."""

    def forbid() -> None:
        monkeypatch.setattr(arrays, "_read", lambda _: pytest.fail("the source was read again"))

    return forbid


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_a_dataset_is_decoded_once_and_then_memory_mapped(cache, mine, never_read):
    first = load_dataset(mine)
    never_read()
    assert_equal(load_dataset(mine), first)
    assert len(entries(cache)) == 1
    for split in splits(first):
        assert isinstance(split.images, np.memmap)
        assert not split.images.flags.writeable


def test_a_source_that_changed_is_decoded_again(cache, mine):
    first = load_dataset(mine)
    images = numbered((60, *SHAPE))
    images[3, 0, 3, 3] ^= 1  # of the same size
    np.savez(mine.path, x_train=images, y_train=np.arange(60) % 3)
    assert load_dataset(mine).description != first.description
    assert len(entries(cache)) == 2


def test_an_entry_does_not_serve_another_number_of_classes(mine):
    load_dataset(mine)
    changed = mine.model_copy(update={"classes": 4})
    assert "without a training sample: 3;" in message_of(changed)


@pytest.mark.parametrize(
    "name", ["train-images.npy", "validation-images.npy", "test-labels.npy", "about.json"]
)
@pytest.mark.parametrize("kept", [None, 0, 20, 140])
def test_a_damaged_entry_is_made_anew(cache, mine, name, kept):
    first = load_dataset(mine)
    expected = [np.array(split.images) for split in splits(first)]
    (entry,) = entries(cache)
    if kept is None:
        (entry / name).unlink()
    else:
        content = (entry / name).read_bytes()[:kept]
        (entry / name).unlink()  # the memory map of the old one stays whole
        (entry / name).write_bytes(content)
    again = load_dataset(mine)
    assert again.description == first.description
    for split, images in zip(splits(again), expected, strict=True):
        assert np.array_equal(split.images, images)
    assert entries(cache) == [entry]


def _load(mine: OwnDataset, answers: object) -> None:
    answers.put(load_dataset(mine).train.images.sum())


def test_two_processes_that_make_it_at_once_both_have_it(cache, mine):
    context = get_context("spawn")
    answers = context.Queue()
    processes = [context.Process(target=_load, args=(mine, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    found = {answers.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert found == {load_dataset(mine).train.images.sum()}
    assert len(entries(cache)) == 1


def _begin(begun: object) -> None:
    def make(allocate: Allocate) -> Dataset:
        allocate("train", (10, *SHAPE), np.dtype(np.uint8))
        begun.set()
        time.sleep(600)
        raise AssertionError

    cached("begun", "key", make)


def test_what_a_killed_process_left_is_swept_and_what_a_live_one_makes_is_not(cache, mine):
    context = get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_begin, args=(begun,))
    process.start()
    assert begun.wait(60)
    (making,) = entries(cache)
    first = load_dataset(mine)
    assert making in entries(cache)
    assert (making / "new" / "train-images.npy").exists()
    process.kill()
    process.join(60)
    assert making.exists()
    shutil.rmtree(next(path for path in entries(cache) if path != making))
    assert_equal(load_dataset(mine), first)
    assert making not in entries(cache)
    assert len(entries(cache)) == 1


@pytest.mark.parametrize(("days", "there"), [(1, True), (8, False)])
def test_a_folder_without_a_lock_is_swept_when_it_is_old(cache, mine, days, there):
    left = cache / ".neuronas-digits-0123-abc"
    (left / "new").mkdir(parents=True)
    past = time.time() - days * 24 * 3600
    for path in (left / "new", left):
        os.utime(path, (past, past))
    load_dataset(mine)
    assert left.exists() == there


def test_a_folder_of_somebody_else_is_never_swept(cache, mine):
    notes = cache / ".my-notes" / "thesis.txt"
    notes.parent.mkdir(parents=True)
    notes.touch()
    for path in (notes, notes.parent):
        os.utime(path, (0, 0))
    load_dataset(mine)
    assert notes.exists()


def test_without_locks_on_the_file_system_only_what_is_old_is_swept(cache, mine, monkeypatch):
    def absent(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    left = cache / ".neuronas-digits-0123-abc"
    left.mkdir(parents=True)
    (left / "lock").touch()
    monkeypatch.setattr("fcntl.flock", absent)
    load_dataset(mine)
    assert left.exists()
    assert len(entries(cache)) == 2


def test_nothing_is_left_of_a_dataset_that_is_damaged(cache, mine):
    mine.path.write_bytes(mine.path.read_bytes()[:-20])
    message_of(mine)
    assert entries(cache) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path, mine, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEURONAS_CACHE_DIR", str(tmp_path / "file"))
    message = message_of(mine)
    assert message.startswith(str(tmp_path / "file" / "datasets"))
    assert "NEURONAS_CACHE_DIR" in message


def test_no_room_for_the_cache_is_told_and_leaves_nothing(cache, mine, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert "No space left on device; free space" in message_of(mine)
    assert entries(cache) == []


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("NEURONAS_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_root() == tmp_path / "mine"
    monkeypatch.delenv("NEURONAS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "neuronas"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "neuronas"


def test_in_another_process_splits_are_memory_mapped_as_here_and_parts_of_them_copied(cache, mine):
    whole = load_dataset(mine)
    again = pickle.loads(pickle.dumps(whole))
    assert_equal(again, whole)
    assert isinstance(again.train.images, np.memmap)
    assert whole.train.images.tobytes() not in pickle.dumps(whole.train)
    part = whole.train.take(slice(3, 9))
    assert np.array_equal(pickle.loads(pickle.dumps(part)).images, part.images)


def test_in_another_process_a_cache_that_was_deleted_meanwhile_is_told(cache, mine):
    content = pickle.dumps(load_dataset(mine))
    shutil.rmtree(cache)
    with pytest.raises(DatasetError, match=r"cannot be read again .*; start again"):
        pickle.loads(content)
