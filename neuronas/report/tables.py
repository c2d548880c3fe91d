"""Tables: rows with full-precision values, and how people see them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table as RichTable

Format = Literal["table", "json", "csv"]
Row = Mapping[str, Any]
Cell = Callable[[Any], str]

_NO_WRAP_WIDTH = 1000


def text(value: object) -> str:
    """Return a value as it is, nothing for None."""
    return "" if value is None else str(value)


def percent(value: float | None) -> str:
    """Return a share in percent."""
    return "" if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Return a number with four digits; whole ones from a thousand on with all."""
    if value is None:
        return ""
    thousand = 1000
    if value == int(value) and abs(value) >= thousand:
        return f"{int(value):,}"
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in JSON and CSV, its title on screen, and how a cell is written.

    Attributes:
        deviation: Key of what stands behind a ± on screen; in CSV it is a column of its own.
        on_screen: Whether people see it; in CSV it is in any case.
    """

    key: str
    title: str
    cell: Cell = text
    deviation: str | None = None
    on_screen: bool = True

    @property
    def keys(self) -> list[str]:
        """Its keys in CSV."""
        return [self.key] if self.deviation is None else [self.key, self.deviation]

    def shown(self, row: Row) -> str:
        """Return its cell of a row, as people see it."""
        value, deviation = row.get(self.key), self.deviation and row.get(self.deviation)
        return self.cell(value) + ("" if deviation is None else f" ± {self.cell(deviation)}")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with full-precision values, and how to show them."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    title: str | None = None
    caption: str | None = None

    def render(self, form: Format, *, width: int | None = None) -> str:
        """Return the table as text.

        Args:
            form: ``table`` for people, ``json`` and ``csv`` with full precision and units in keys.
            width: Columns of the terminal; lines are never broken when None.
        """
        if form == "json":
            return json.dumps(list(self.rows), indent=2) + "\n"
        if form == "csv":
            return self._csv()
        return self._screen(width)

    def _csv(self) -> str:
        out = io.StringIO()
        keys = [key for column in self.columns for key in column.keys]
        writer = csv.DictWriter(out, keys, extrasaction="ignore")
        writer.writeheader()
        written = {c.key: c.cell for c in self.columns}
        for row in self.rows:
            # A list is one cell, as people see it.
            lists = {k: written[k](row[k]) for k in keys if isinstance(row.get(k), list)}
            writer.writerow({**row, **lists})
        return out.getvalue()

    def _screen(self, width: int | None) -> str:
        out = io.StringIO()
        console = Console(file=out, width=width or _NO_WRAP_WIDTH, highlight=False)
        if self.title:
            console.print(self.title)
        table = RichTable(box=None, pad_edge=False)
        columns = [column for column in self.columns if column.on_screen]
        for column in columns:
            numeric = column.cell is not text
            table.add_column(
                column.title,
                justify="right" if numeric else "left",
                no_wrap=numeric,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*(column.shown(row) for column in columns))
        console.print(table)
        if self.caption:
            console.print(self.caption)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
