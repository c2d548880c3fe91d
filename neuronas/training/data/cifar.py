"""CIFAR-10 and CIFAR-100, binary version: records of label bytes and 3x32x32 pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuronas.config import DATASETS
from neuronas.errors import DatasetError
from neuronas.sources import SOURCES, remedy
from neuronas.training.data.parts import Part, Parts, Reading, check_part
from neuronas.training.data.records import read_records

_FILES = {
    "cifar10": ([f"data_batch_{number}.bin" for number in range(1, 6)], "test_batch.bin"),
    "cifar100": (["train.bin"], "test.bin"),
}
_LABEL_BYTES = {"cifar10": 1, "cifar100": 2}
"""The last one is the class; CIFAR-100's first is one of 20 coarse classes."""


def cifar(name: str, folder: Path) -> Reading:
    """Return the reading of a folder with the binary version of ``cifar10`` or ``cifar100``.

    Raises:
        DatasetError: A file is absent.
    """
    batches, test = _FILES[name]
    paths = [folder / file for file in (*batches, test)]
    for path in paths:
        if not path.is_file():
            raise DatasetError(f"{name}: no {path.name} in {folder}. {remedy(name, SOURCES[name])}")

    def decode() -> Parts:
        *train, last = (_part(name, path) for path in paths)
        return Parts(_joined(train), test=last, held_out=DATASETS[name].validation_samples)

    return Reading(paths, decode)


def _part(name: str, path: Path) -> Part:
    info, labels = DATASETS[name], _LABEL_BYTES[name]
    record = labels + math.prod(info.input_shape)
    records = read_records(path, record, "records")
    images = records[:, labels:].reshape(-1, *info.input_shape)
    part = Part(images, records[:, labels - 1].astype(np.int64))
    check_part(part, path, info)
    return part


def _joined(parts: Sequence[Part]) -> Part:
    images = np.concatenate([part.images[:] for part in parts])
    return Part(images, np.concatenate([part.labels for part in parts]))
