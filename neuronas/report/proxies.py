"""Tables of what is known of networks without training them."""

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


def _log_score(value: float | None) -> str:
    return "-inf" if value is None else number(value)
