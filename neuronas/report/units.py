"""Units of what is shown: one for a whole column, named in its header, or a value's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neuronas.hardware import UNITS
from neuronas.report.tables import Column, number

_TITLES = {
    "edp_uj_ms": "energy-delay product",
    "throughput_per_s": "throughput",
    "synops": "SynOps",
    "bit_synops": "Bit-SynOps",
}

USUAL = ("energy_uj", "latency_ms", "area_mm2", "memory_bytes", "parameters")
"""The quantities of ``UNITS`` that people see in any case, in the order of tables."""

ORDERED = (*USUAL, *(name for name in UNITS if name not in USUAL))
"""All of them, in the order of tables."""


def quantity_name(name: str) -> str:
    """Return a quantity of ``UNITS`` as headers name it."""
    return _TITLES.get(name, name.rsplit("_", 1)[0] if UNITS[name] else name)


def quantity_title(name: str) -> str:
    """Return a quantity of ``UNITS`` and its unit, as headers name them."""
    unit, title = UNITS[name], quantity_name(name)
    return f"{title} ({unit})" if unit else title


def quantity_columns(asked: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return a column per quantity of ``UNITS``; beside the usual, people see what is asked for."""
    shown = {*USUAL, *asked}
    return tuple(
        Column(name, quantity_title(name), number, on_screen=name in shown) for name in ORDERED
    )


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its prefix.

    Attributes:
        symbol: As written.
        size: Of it, in J, s or m².
        least: From how many of it on it is taken.
    """

    symbol: str
    size: float
    least: float = 1.0


_PREFIXES = {"": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_UNITS = {
    **{base: [Unit(prefix + base, size) for prefix, size in _PREFIXES.items()] for base in "Js"},
    "m²": [Unit("mm²", 1e-6, 0.01), Unit("µm²", 1e-12)],  # a million apart: 0.01 mm² reads better
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What some values are.

    Attributes:
        name: Name in headers.
        base: ``J``, ``s`` or ``m²``.
        size: Of the unit that the values are in, in ``base``.
    """

    name: str
    base: str
    size: float

    def unit(self, values: Iterable[float]) -> Unit:
        """Return the unit in which the largest of some values reads well."""
        largest = max(values, default=0.0) * self.size
        units = _UNITS[self.base]
        if not largest:
            return units[0]
        return next((u for u in units if largest >= u.size * u.least), units[-1])

    def written(self, value: float, unit: Unit | None = None) -> str:
        """Return one value with a unit, its own where none is given."""
        unit = unit or self.unit([value])
        return f"{number(value * self.size / unit.size)} {unit.symbol}"

    def column(self, key: str, unit: Unit) -> Column:
        """Return the column of such values, all in one unit."""

        def cell(value: float | None) -> str:
            return number(None if value is None else value * self.size / unit.size)

        return Column(key, f"{self.name} ({unit.symbol})", cell)


ENERGY_PJ = Quantity("energy", "J", 1e-12)
LATENCY_NS = Quantity("latency", "s", 1e-9)
AREA_UM2 = Quantity("area", "m²", 1e-12)
