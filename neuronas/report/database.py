"""What a database is and holds, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuronas.report.tables import Column, Row, Table

if TYPE_CHECKING:
    from neuronas.storage import DatabaseStatus


def database_table(status: DatabaseStatus) -> Table:
    """Return everything that is known of a database, one quantity a row."""
    rows: list[Row] = [
        {"quantity": "database", "value": status.url},
        {"quantity": "kind", "value": f"{status.kind} {status.version}"},
        {"quantity": "schema", "value": status.schema},
        {"quantity": "newest schema", "value": status.newest_schema},
        {"quantity": "Optuna's schema", "value": status.optuna_schema},
        {"quantity": "newest of Optuna's", "value": status.newest_optuna_schema},
        {"quantity": "size [MB]", "value": status.size_bytes / 1e6},
        {"quantity": "studies", "value": status.studies},
        {"quantity": "trials", "value": status.trials},
    ]
    return Table((Column("quantity", "quantity"), Column("value", "value")), rows)
