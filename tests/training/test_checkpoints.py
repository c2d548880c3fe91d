"""Weights on disk: whole or not at all, and never another network's."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest
import torch

from neuronas.errors import StorageError
from neuronas.training.checkpoints import load_weights, save_weights
from tests.training.examples import DEEP, TINY, built


@pytest.fixture
def no_space(monkeypatch):
    """Return what makes the disk full."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda: monkeypatch.setattr(os, "fsync", full)


def message_of(caught: pytest.ExceptionInfo[StorageError]) -> str:
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_weights_come_back_as_they_were_written(tmp_path):
    network, other = built(DEEP, seed=1).eval(), built(DEEP, seed=2).eval()
    name, digest = save_weights(network, tmp_path / "a" / "b", "stem")
    load_weights(other, tmp_path / "a" / "b" / name, digest)
    before, after = network.state_dict(), other.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    images = torch.ones(2, 1, 8, 8)
    assert torch.equal(network(images), other(images))


def test_the_name_ends_with_a_part_of_the_contents_digest(tmp_path):
    name, digest = save_weights(built(TINY), tmp_path, "abc-e1-s2")
    assert name == f"abc-e1-s2-{digest[:8]}.safetensors"
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_networks_file_is_not_replaced_and_the_same_networks_is_the_same_file(tmp_path):
    names = [save_weights(built(TINY, seed=seed), tmp_path, "same")[0] for seed in (1, 2, 1)]
    assert names[0] == names[2] != names[1]
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_full_disk_is_told_what_to_do_and_leaves_nothing_behind(tmp_path, no_space):
    no_space()
    with pytest.raises(StorageError) as caught:
        save_weights(built(TINY), tmp_path, "stem")
    message = message_of(caught)
    assert str(tmp_path) in message
    assert "No space left on device" in message
    assert "--checkpoint-dir" in message
    assert "resume" in message
    assert not list(tmp_path.iterdir())


def test_a_full_disk_harms_no_earlier_weights(tmp_path, no_space):
    network = built(TINY)
    name, digest = save_weights(network, tmp_path, "stem")
    no_space()
    with pytest.raises(StorageError):
        save_weights(network, tmp_path, "stem")
    load_weights(built(TINY, seed=3), tmp_path / name, digest)


def test_a_folder_that_cannot_be_made_is_told_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        save_weights(built(TINY), tmp_path / "file" / "study", "stem")
    assert "--checkpoint-dir" in message_of(caught)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_damaged_weights_are_refused(tmp_path, damage):
    name, digest = save_weights(built(TINY), tmp_path, "stem")
    path = tmp_path / name
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    path.write_bytes({"flipped": flipped, "cut": content[:-9], "empty": b""}[damage])
    network = built(TINY, seed=2)
    before = network.head.weight.clone()
    with pytest.raises(StorageError) as caught:
        load_weights(network, path, digest)
    assert f"{path} are damaged" in message_of(caught)
    assert torch.equal(network.head.weight, before)


def test_absent_weights_are_asked_for(tmp_path):
    with pytest.raises(StorageError) as caught:
        load_weights(built(TINY), tmp_path / "gone.safetensors", "0" * 64)
    message = message_of(caught)
    assert str(tmp_path / "gone.safetensors") in message
    assert "--checkpoint-dir" in message


@pytest.mark.parametrize("other", [DEEP, TINY.model_copy(update={"channels": 4})], ids=["a", "b"])
def test_weights_of_another_architecture_do_not_fit(tmp_path, other):
    name, digest = save_weights(built(other), tmp_path, "stem")
    with pytest.raises(StorageError) as caught:
        load_weights(built(TINY), tmp_path / name, digest)
    assert "do not fit the network" in message_of(caught)


def test_a_file_that_holds_no_weights_does_not_fit(tmp_path):
    path = tmp_path / "text.safetensors"
    path.write_bytes(b"not weights at all")
    with pytest.raises(StorageError, match="do not fit"):
        load_weights(built(TINY), path, hashlib.sha256(path.read_bytes()).hexdigest())
