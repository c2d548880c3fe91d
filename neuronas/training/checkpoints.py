"""Weights on disk: one safetensors file per evaluation, written whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from neuronas.errors import StorageError
from neuronas.files import write_whole
from neuronas.network import SpikingNetwork


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
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}-{digest[:8]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise StorageError(
            f"weights cannot be written to {path}: {error.strerror}; free space or name another "
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
