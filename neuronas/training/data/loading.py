"""From what a study file names to a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from neuronas.config import (
    DATASET_PLUGINS,
    DATASETS,
    OwnDataset,
    load_plugin,
    named_dataset,
)
from neuronas.errors import DatasetError, NeuronasError
from neuronas.sources import SOURCES, data_root, require, require_known
from neuronas.training.data.arrays import own_arrays
from neuronas.training.data.assembling import SPLIT_VERSION, assemble, in_memory, stratified
from neuronas.training.data.cache import cache_key, cached
from neuronas.training.data.cifar import cifar
from neuronas.training.data.events import n_mnist
from neuronas.training.data.idx import mnist_like
from neuronas.training.data.parts import Part, Parts, Reading, check_part
from neuronas.training.data.pictures import own_pictures, tiny_imagenet
from neuronas.training.data.splits import Dataset

_IMAGES: dict[str, Callable[[str, Path], Reading]] = {
    "cifar10": cifar,
    "cifar100": cifar,
    "fashion_mnist": mnist_like,
    "mnist": mnist_like,
    "tiny_imagenet": tiny_imagenet,
}
_EVENTS: dict[str, Callable[[str, Path, int], Reading]] = {"n_mnist": n_mnist}


def load_dataset(
    dataset: str | OwnDataset,
    data_dir: Path | None = None,
    samples: int | None = None,
    *,
    time_steps: int | None = None,
) -> Dataset:
    """Return a dataset, as study files name it.

    What is decoded from files is kept in the cache and memory-mapped from there.

    Args:
        dataset: A name, or the user's own.
        data_dir: Folder with the dataset's files, or with a folder of its name; the usual places
            when None.
        samples: Training samples to keep, the same stratified ones every time; all when None.
        time_steps: Frames of a sample of events; images take none.

    Raises:
        DatasetError: Files are absent, damaged or not the official ones, or the cache cannot be
            written; the message says what to do.
        ConfigError: The name is unknown, or the package that brings it cannot be loaded.
    """
    name = dataset if isinstance(dataset, str) else dataset.name
    whole = _named(dataset, data_dir, time_steps) if isinstance(dataset, str) else _own(dataset)
    if samples is None or samples == len(whole.train):
        return whole
    if samples > len(whole.train):
        raise DatasetError(
            f"{name}: training.samples is {samples}, but the training split has only "
            f"{len(whole.train)} images (beside {len(whole.validation)} for validation and "
            f"{len(whole.test)} for test); lower it in the study file, or leave it out"
        )
    kept, _ = stratified(whole.train.labels, len(whole.train) - samples, name)
    description = f"{whole.description}, {samples} kept"
    return replace(whole, description=description, train=whole.train.take(kept))


def _named(name: str, data_dir: Path | None, time_steps: int | None) -> Dataset:
    if name == "digits":
        return assemble(name, _digits(), in_memory, name)
    require_known(name)
    if name not in DATASETS:
        classes = named_dataset(name).classes
        return assemble(name, _brought(name, data_dir), in_memory, name, classes)
    folder = require(name, SOURCES[name], data_dir)
    if name in _IMAGES:
        return _decoded(name, name, _IMAGES[name](name, folder), folder)
    if time_steps is None:
        raise DatasetError(f"{name}: is made of events; say into how many time_steps to bin them")
    title = f"{name}, {time_steps} frames of counts"
    return _decoded(name, title, _EVENTS[name](name, folder, time_steps), folder)


def _own(own: OwnDataset) -> Dataset:
    reading = own_arrays(own) if own.npz is not None else own_pictures(own)
    title = f"own {'x'.join(map(str, own.shape))} in {own.classes} classes"
    return _decoded("own", title, reading, own.path, own.classes)


def _decoded(
    name: str, title: str, reading: Reading, where: Path, classes: int | None = None
) -> Dataset:
    def parts() -> Parts:
        found = reading.decode()
        _check_official(name, found, where)
        return found

    transforms = {"title": title, "split": SPLIT_VERSION, "sizes": repr(DATASETS.get(name))}
    key = cache_key(reading.files, transforms)
    return cached(
        name, key, lambda allocate: assemble(title, parts(), allocate, str(where), classes)
    )


def _check_official(name: str, parts: Parts, folder: Path) -> None:
    """Raise a DatasetError if a part of an official dataset has not its official size."""
    info = DATASETS.get(name)
    if info is None or parts.test is None:
        return
    found = (len(parts.train.labels), len(parts.test.labels))
    expected = ((info.train_samples or 0) + (info.validation_samples or 0), info.test_samples)
    if found != expected:
        raise DatasetError(
            f"{folder}: {name} has {found[0]:,} samples to train and {found[1]:,} "
            f"to test here, officially {expected[0]:,} and {expected[1]:,}; files are missing or "
            f"cut short, get them again ('neuronas data fetch {name}')"
        )


def _digits() -> Parts:
    bunch = load_digits()
    images = bunch.images[:, None].astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    held_out = DATASETS["digits"].test_samples or 0
    rest, test = stratified(labels, held_out, "digits")
    train, out = (Part(images[rows], labels[rows]) for rows in (rest, test))
    return Parts(train, test=out, divisor=16.0, held_out=held_out)


def _brought(name: str, data_dir: Path | None) -> Parts:
    """Return the parts that another package reads."""
    info = named_dataset(name)
    folder = data_dir or data_root() / name
    try:
        parts = load_plugin(DATASET_PLUGINS, name).read(folder)
    except NeuronasError:
        raise
    except Exception as error:  # whatever another package's reader raises
        why = str(error) or type(error).__name__
        raise DatasetError(f"{name}: its package cannot read it from {folder}: {why}") from error
    if not isinstance(parts, Parts):
        raise DatasetError(
            f"{name}: its package gives {type(parts).__name__} instead of "
            "neuronas.training.data.Parts; it is not made for this version"
        )
    for part in (parts.train, parts.validation, parts.test):
        if part is not None:
            check_part(part, name, info)
    return parts
