"""The database's clock: leases expire by it, whatever the clocks of workers say."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now_s(FunctionElement[float]):  # noqa: N801 - as SQLAlchemy names its functions
    """The time in seconds since 1970."""

    type = Double()
    inherit_cache = True


@compiles(now_s, "sqlite")
def _sqlite(*_: Any, **__: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def _postgresql(*_: Any, **__: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
