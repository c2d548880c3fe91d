"""Compilation of the model's arithmetic, so that a million networks take no loop in Python.

Compiled functions read and fill in records: NumPy values with named numbers, described by a class
with annotations and passed by reference. A number is a float where it belongs to the chip, and
``LANES`` floats where it belongs to as many networks, side by side: a loop over lanes becomes the
processor's vector instructions if it branches on nothing that differs between them. From Python,
records come as arrays: those that stand alone are taken over field by field at each call.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
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

_LINE_BYTES = 64

LANES = 32
"""Networks that are costed side by side: four vectors of an AVX-512 processor, eight of AVX2."""

Lanes = Floats
"""A number of each of ``LANES`` networks."""


def compiled(function: F) -> F:
    """Return a function that compiled functions call; it becomes part of each of them.

    Division by zero gives infinity, as in NumPy; operations keep their order, so that a network's
    cost has the same digits alone and in a batch.
    """
    options = {"error_model": "numpy", "forceinline": True}
    return cast(F, _NJIT(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


class CompiledOnce(event.Listener):
    """A function that is compiled at its first call; its machine code is kept on disk.

    It is kept beside the source, or where ``NUMBA_CACHE_DIR`` says. Numba looks at the function's
    own file and at its closure for whether the code is still right, not at what it calls: a
    function is to have :func:`digest_of_sources` in its closure. Where code cannot be kept or read
    (no such folder, a full disk, a damaged file), the process compiles its own.

    Args:
        function: Fills in arrays and does nothing else.
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        try:
            self._compiled = self._jit(cache=True)
        except RuntimeError as error:
            _LOG.warning(
                "compiled code of the hardware model cannot be kept (%s); name a folder that can "
                "be written to as NUMBA_CACHE_DIR",
                error,
            )
            self._compiled = self._jit()
        _REGISTER("numba:compile", self)

    def __call__(self, *arguments: object) -> None:
        """Call the function."""
        try:
            self._compiled(*arguments)
        except Exception as error:  # noqa: BLE001 - damaged code raises anything
            _LOG.warning(
                "compiled code of the hardware model cannot be kept or read (%s); delete it, %s, "
                "or name a folder that can be written to as NUMBA_CACHE_DIR",
                str(error) or type(error).__name__,
                Path(self._compiled.stats.cache_path) / "*.nb*",
            )
            if not self._compiled.signatures:  # not read; else only not kept
                self._compiled = self._jit()
            self._compiled(*arguments)

    def on_start(self, event: event.Event) -> None:
        """Say what is waited for."""
        if event.data["dispatcher"] is self._compiled:
            _LOG.warning("compiling the hardware model for this processor, some 10 seconds")

    def on_end(self, event: event.Event) -> None:
        """Say nothing: what was waited for comes now."""

    def _jit(self, **options: bool) -> Any:  # noqa: ANN401 - numba has no types
        return _NJIT(error_model="numpy", nogil=True, **options)(self._function)


def digest_of_sources(*constants: float) -> int:
    """Return a number that changes when the source of any compiled function does.

    Args:
        constants: Those of other packages, which become part of the code.
    """
    found = hashlib.sha256(repr(constants).encode())
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


def records(*wanted: tuple[type, int]) -> list[NDArray[Any]]:
    """Return records of zeros, so many of each description, one after the other in memory."""
    kinds = [(record_type(description), count) for description, count in wanted]
    room, offset, found = aligned(sum(kind.itemsize * n for kind, n in kinds) // 8), 0, []
    for kind, count in kinds:
        found.append(np.ndarray(count, kind, room, offset))
        offset += kind.itemsize * count
    return found


def aligned(*shape: int) -> Floats:
    """Return zeros whose first one begins a line of the cache, as vectors that are read want."""
    spare = _LINE_BYTES // 8
    numbers = np.zeros(math.prod(shape) + spare)
    first = -numbers.__array_interface__["data"][0] % _LINE_BYTES // 8
    return numbers[first : len(numbers) - spare + first].reshape(shape)


def record(description: type, **values: float) -> NDArray[Any]:
    """Return one record with these numbers, ``(1,)``."""
    (found,) = records((description, 1))
    found[0] = tuple(values[name] for name in found.dtype.names or ())
    return found


def numbers_of(found: NDArray[Any], part: str | None = None) -> Floats:
    """Return the numbers of records of lanes, or of a part of them, without a copy.

    Shape ``(count, numbers, LANES)``.
    """
    shape = (len(found), found.itemsize // (8 * LANES), LANES)
    numbers: Floats = np.ndarray(shape, np.float64, found)
    if part is None:
        return numbers
    fields: Any = found.dtype.fields
    kind, offset = fields[part][:2]
    first = offset // (8 * LANES)
    return numbers[:, first : first + kind.itemsize // (8 * LANES)]
