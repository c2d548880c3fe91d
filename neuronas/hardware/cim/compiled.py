"""Compilation of the model's arithmetic, so that a million networks take no loop in Python.

Compiled functions read and fill in records: NumPy values with named numbers, described by a class
with annotations and passed by reference. A number is a float where it belongs to the chip, and
``LANES`` floats where it belongs to as many networks, side by side: their loops over lanes become
the processor's vector instructions, for they branch on nothing that differs between lanes.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import numba
import numpy as np
from numba.core import event
from numpy.typing import NDArray

from neuronas.hardware.cost import Floats

_NJIT: Any = numba.njit  # its types leave some of its options out
_REGISTER: Any = event.register
_LOG = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., object])
R = TypeVar("R")

_LINE_BYTES = 64

LANES = 32
"""Networks that are costed side by side: two vectors of an AVX-512 processor, four of AVX2."""

Lanes = Floats
"""A number of each of ``LANES`` networks."""


def compiled(function: F) -> F:
    """Return a function that compiled functions call; it becomes part of each of them.

    Division by zero gives infinity, as in NumPy; operations keep their order, so that a network's
    cost has the same digits alone and in a batch.
    """
    options = {"error_model": "numpy", "forceinline": True}
    return cast(F, _NJIT(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def compiled_once(function: F) -> F:
    """Return the function compiled at its first call; its machine code is kept on disk.

    It is kept beside the source, or where ``NUMBA_CACHE_DIR`` says. Numba looks at the function's
    own file and at its closure for whether the code is still right, not at what it calls: a
    function is to have :func:`digest_of_sources` in its closure.
    """
    options = {"error_model": "numpy", "nogil": True}
    try:
        found = _NJIT(**options, cache=True)(function)
    except RuntimeError as error:  # nowhere to keep it
        _LOG.warning("%s; NUMBA_CACHE_DIR can name a folder that can be written to", error)
        found = _NJIT(**options)(function)
    _REGISTER("numba:compile", _Notice(found))
    return cast(F, found)


class _Notice(event.Listener):
    """Says what is waited for while a function is compiled."""

    def __init__(self, function: object) -> None:
        self._function = function

    def on_start(self, event: event.Event) -> None:
        if event.data["dispatcher"] is self._function:
            _LOG.warning("compiling the hardware model for this processor: once, some 10 seconds")

    def on_end(self, event: event.Event) -> None:
        """Say nothing: what was waited for comes now."""


def digest_of_sources() -> int:
    """Return a number that changes when the source of any compiled function does."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return int.from_bytes(found.digest()[:6], "big")


@cache
def record_type(description: type) -> np.dtype[Any]:
    """Return the type of a record of floats, lanes and other records, as annotations say."""
    fields = [(name, *_field(kind)) for name, kind in get_type_hints(description).items()]
    return np.dtype((np.record, fields))


def _field(kind: object) -> tuple[Any, ...]:
    if kind is float:
        return (np.float64,)
    return (np.float64, (LANES,)) if kind == Lanes else (record_type(cast(type, kind)),)


def records(description: type, count: int) -> NDArray[Any]:
    """Return records of zeros."""
    kind = record_type(description)
    return aligned(count * kind.itemsize // 8).view(kind)


def aligned(*shape: int) -> Floats:
    """Return zeros whose first one begins a line of the cache, as vectors that are read want."""
    spare = _LINE_BYTES // 8
    numbers = np.zeros(math.prod(shape) + spare)
    first = -numbers.ctypes.data % _LINE_BYTES // 8
    return numbers[first : len(numbers) - spare + first].reshape(shape)


def record(description: type[R], **values: float) -> R:
    """Return a record with these numbers, zeros elsewhere."""
    found = records(description, 1)
    for name, value in values.items():
        found[name] = value
    return cast(R, found[0])


def numbers_of(found: NDArray[Any]) -> Floats:
    """Return the numbers of records of lanes, ``(count, numbers, LANES)``: the same memory."""
    return found.view(np.float64).reshape(len(found), -1, LANES)
