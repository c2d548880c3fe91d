"""The workers of a study on an engine, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from neuronas.report.tables import Column, Table
from neuronas.service.engines import WorkerStatus


def workers_table(workers: Sequence[WorkerStatus], asked_for: int, logs: Path) -> Table:
    """Return one row per worker, and how many there are of each state.

    Args:
        workers: As their engine knows them.
        asked_for: Workers that should be there.
        logs: Folder of their logs.
    """
    rows = [
        {
            "worker": worker.id,
            "state": worker.state.value,
            "machine": worker.machine,
            "reason": worker.reason or None,
            "restarts": worker.restarts,
        }
        for worker in workers
    ]
    columns = tuple(Column(key, key) for key in ("worker", "state", "machine", "reason"))
    states = Counter(worker.state.value for worker in workers)
    counted = ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
    return Table(
        (*columns, Column("restarts", "restarts")),
        rows,
        caption=f"Workers: {counted}; asked for: {asked_for}. Logs: {logs}",
    )
