"""What this process sends to its databases: statements and commits, counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import event


@dataclass(slots=True)
class Traffic:
    """What was sent.

    Attributes:
        statements: Statements, one for all rows that are sent together; ``BEGIN`` and ``COMMIT``
            are none.
        commits: Commits.
    """

    statements: int = 0
    commits: int = 0


@contextmanager
def counted_traffic() -> Iterator[Traffic]:
    """Count what is sent while the context lasts, by Optuna and by us."""
    traffic = Traffic()

    def on_statement(*sent: object) -> None:
        traffic.statements += not str(sent[2]).startswith("BEGIN")

    def on_commit(_connection: sa.Connection) -> None:
        traffic.commits += 1

    event.listen(sa.Engine, "before_cursor_execute", on_statement)
    event.listen(sa.Engine, "commit", on_commit)
    try:
        yield traffic
    finally:
        event.remove(sa.Engine, "before_cursor_execute", on_statement)
        event.remove(sa.Engine, "commit", on_commit)
