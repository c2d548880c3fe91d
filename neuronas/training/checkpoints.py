"""Weights and states of paused trainings on disk: files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from neuronas.errors import CheckpointError, StorageError
from neuronas.files import write_whole
from neuronas.network import SpikingNetwork

SUFFIX = "checkpoint"
"""Of the files of paused trainings."""


def save_weights(network: SpikingNetwork, folder: Path, stem: str) -> tuple[str, str]:
    """Write a network's weights.

    Args:
        network: The network.
        folder: Where to; created if needed.
        stem: Begin of the file's name. The name ends with a part of its content's digest, so that
            a file is never replaced by another network's.

    Returns:
        Name of the file in ``folder``, and its SHA-256.

    Raises:
        StorageError: The file cannot be written.
    """
    content = save({name: value.cpu().contiguous() for name, value in network.state_dict().items()})
    return _written("weights", content, folder, stem, "safetensors")


def _written(what: str, content: bytes, folder: Path, stem: str, suffix: str) -> tuple[str, str]:
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}-{digest[:8]}.{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise StorageError(
            f"{what} cannot be written to {path}: {error.strerror}; free space or name another "
            "folder with --checkpoint-dir, then resume"
        ) from None
    return path.name, digest


def load_weights(network: SpikingNetwork, path: Path, sha256: str) -> None:
    """Read weights into a network.

    Raises:
        StorageError: The file is absent, or not the one that was written.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise StorageError(
            f"weights {path} are absent; name the folder that has them with --checkpoint-dir"
        ) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StorageError(f"weights {path} are damaged: their SHA-256 is not the stored one")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise StorageError(f"weights {path} do not fit the network: {error}") from None


def save_state(state: dict[str, Any], folder: Path, stem: str) -> tuple[str, str]:
    """Write the state of a paused training; arguments, returns and errors as of weights."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return _written("a checkpoint", buffer.getvalue(), folder, stem, SUFFIX)


def load_state(path: Path, sha256: str) -> dict[str, Any]:
    """Return the state of a paused training, on the CPU.

    Raises:
        CheckpointError: The file is absent, or not the one that was written.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckpointError(f"checkpoint {path} is absent") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"checkpoint {path} is damaged: its SHA-256 is not the stored one")
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def remove_state(path: Path) -> None:
    """Remove the state of a paused training, if it is there.

    Raises:
        StorageError: It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"checkpoint {path} cannot be removed: {error.strerror}") from None
