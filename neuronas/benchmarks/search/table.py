"""Trained cells of SpikeNAS-Bench (IEEE TAI 2025), as parsed from its public training logs."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import EDGES
from neuronas.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OPERATIONS = ("zeroize", "skip", "conv3x3_th0.5", "conv3x3_th1.0", "conv3x3_th1.5")
"""Our name of each of their operations, in their order."""

RATES = 16
"""Columns of spike rates: 6 edges of each cell, the layers of ``FIRING``, the mean of all."""

FIRING = {"reduction.lif": 12, "classifier.lif": 13, "classifier.hidden_lif": 14}
"""The column of each LIF layer outside the cells."""

_THEIR_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_LAST_EPOCHS = 3
_SHAPES = {
    "operations": (len(EDGES),),
    "epochs": (),
    "training_time_s": (),
    "firing_rate": (RATES,),
    "validation_accuracy": (None,),
}


@dataclass(frozen=True, slots=True)
class TrainedCells:
    """N trainings of networks whose two cells are equal.

    Attributes:
        operations: Operation of each edge, in the order of ``EDGES``, as its place in
            ``OPERATIONS``, shape ``(N, 6)``.
        epochs: Epochs trained, shape ``(N,)``.
        accuracy: Validation accuracy, mean of the last three epochs, in [0, 1], shape ``(N,)``.
        seconds: Wall time of each training, shape ``(N,)``.
        rates: Spikes per neuron and time step, NaN where there is no such layer, ``(N, 16)``:
            convolutions of both cells in the order of ``EDGES``, ``FIRING``, the mean.
        curves: Validation accuracy after each epoch, in [0, 1], NaN behind the last, ``(N, E)``.
    """

    operations: Ints
    epochs: Ints
    accuracy: Floats
    seconds: Floats
    rates: Floats
    curves: Floats

    def __len__(self) -> int:
        return len(self.epochs)

    def take(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> TrainedCells:
        """Return some of the trainings."""
        return TrainedCells(
            self.operations[chosen],
            self.epochs[chosen],
            self.accuracy[chosen],
            self.seconds[chosen],
            self.rates[chosen],
            self.curves[chosen],
        )

    def accuracy_at(self, training: int, epochs: int) -> float:
        """Return a training's validation accuracy after some epochs: of its last up to three."""
        return float(self.curves[training, max(0, epochs - _LAST_EPOCHS) : epochs].mean())


def read_table(path: Path) -> TrainedCells:
    """Return the trainings in an npz file with the arrays of SpikeNAS-Bench.

    Raises:
        ConfigError: The file is absent or none, an array is missing or of another shape, or a
            value cannot be.
    """
    arrays = _arrays(path)
    problems = [
        f"{name}: not in the file; it needs {', '.join(_SHAPES)}"
        for name in _SHAPES
        if name not in arrays
    ]
    if not problems:
        problems = _wrong_shapes(arrays) or _wrong_values(arrays)
    if problems:
        raise ConfigError(problems, source=str(path))
    rates = arrays["firing_rate"].astype(np.float64)
    return TrainedCells(
        operations=arrays["operations"][:, [_THEIR_EDGES.index(e) for e in EDGES]].astype(np.int64),
        epochs=arrays["epochs"].astype(np.int64),
        accuracy=_last_epochs(arrays) / 100,
        seconds=arrays["training_time_s"].astype(np.float64),
        rates=np.where(rates < 0, np.nan, rates),
        curves=arrays["validation_accuracy"].astype(np.float64) / 100,
    )


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ConfigError("not an npz file but a single array", source=str(path))
            return {name: file[name] for name in _SHAPES if name in file.files}
    except FileNotFoundError:
        raise ConfigError(
            "no such file; it is made of the public logs of SpikeNAS-Bench, CONTRIBUTING.md says "
            "where tests look for it",
            source=str(path),
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(path)) from None
    except (ValueError, EOFError, zipfile.BadZipFile):
        # NumPy's own words would advise to load it unsafely.
        raise ConfigError(
            "not an npz file of numbers, or a damaged one; make it anew", source=str(path)
        ) from None


def _wrong_shapes(arrays: dict[str, NDArray[np.generic]]) -> list[str]:
    rows = len(arrays["epochs"]) if arrays["epochs"].ndim else 0
    wanted = {name: (rows, *shape) for name, shape in _SHAPES.items()}
    problems = [
        f"{name}: found shape {array.shape}; allowed: "
        f"({', '.join('any' if n is None else str(n) for n in wanted[name])})"
        for name, array in arrays.items()
        if array.ndim != len(wanted[name])
        or any(n not in {None, m} for n, m in zip(wanted[name], array.shape, strict=True))
    ]
    problems += [
        f"{name}: found values of type {array.dtype}; allowed: numbers"
        for name, array in arrays.items()
        if array.dtype.kind not in "iuf"
    ]
    return problems


def _wrong_values(arrays: dict[str, NDArray[np.generic]]) -> list[str]:
    epochs, curves = arrays["epochs"], arrays["validation_accuracy"]
    if not ((epochs >= _LAST_EPOCHS) & (epochs <= curves.shape[1])).all():  # type: ignore[operator]
        return [f"epochs: allowed: {_LAST_EPOCHS} to {curves.shape[1]}, the columns of the curves"]
    within = {
        "operations": (arrays["operations"], 0, len(OPERATIONS) - 1),
        "validation_accuracy: at the end": (_last_epochs(arrays), 0, 100),
        "training_time_s": (arrays["training_time_s"], 0, np.finfo(np.float64).max),
        "firing_rate": (arrays["firing_rate"], -1, 1),
    }
    return [
        f"{name}: found {values[wrong][0]!s} in row {np.argwhere(wrong)[0][0]}; allowed: "
        f"{low} to {high}"
        for name, (values, low, high) in within.items()
        if (wrong := ~((values >= low) & (values <= high))).any()  # type: ignore[operator]
    ]


def _last_epochs(arrays: dict[str, NDArray[np.generic]]) -> Floats:
    """Return the mean validation accuracy of the last epochs, in percent."""
    last = arrays["epochs"].astype(np.int64)[:, None] - np.arange(1, _LAST_EPOCHS + 1)
    found = np.take_along_axis(arrays["validation_accuracy"].astype(np.float64), last, axis=1)
    return np.asarray(found.mean(axis=1))
