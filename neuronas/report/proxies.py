"""Tables of proxies, and of how well they rank."""

from __future__ import annotations

from collections.abc import Sequence

from neuronas.report.tables import Column, Row, Table, number


def proxies_table(rows: Sequence[Row], caption: str | None = None) -> Table:
    """Return proxies, a row per network; a log-score of None is minus infinity."""
    columns = (
        Column("network", "network"),
        Column("naswot", "NASWOT", _log_score),
        Column("sahd", "SAHD", _log_score),
        Column("sahd_code", "SAHD (code)", _log_score),
        Column("synflow", "log SynFlow", _log_score),
        Column("spikes", "spikes", number),
        Column("parameters", "parameters", number),
        Column("macs", "MACs", number),
        Column("size_cpu_ms", "size (CPU ms)", number),
        Column("build_cpu_ms", "build (CPU ms)", number),
        Column("forward_cpu_ms", "forward (CPU ms)", number),
        Column("synflow_cpu_ms", "SynFlow (CPU ms)", number),
    )
    return Table(columns, rows, caption=caption)


def fidelities_table(rows: Sequence[Row]) -> Table:
    """Return how well scores rank networks as longer training does."""
    columns = (
        Column("score", "score"),
        Column("networks", "networks", number),
        Column("tau", "tau", _tau),
        Column("tau_error", "±", _tau),
        Column("partial_tau", "tau given parameters", _tau),
        Column("partial_error", "±", _tau),
        Column("tau_top_half", "tau in the top half", _tau),
        Column("cpu_s", "median CPU (s)", number),
        Column("failed", "without score", number),
    )
    return Table(columns, rows)


def _tau(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _log_score(value: float | None) -> str:
    return "-inf" if value is None else number(value)
