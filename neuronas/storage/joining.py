"""Optuna's session in a transaction of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as sa
from optuna.storages import RDBStorage
from sqlalchemy.orm import Query, Session
from sqlalchemy.sql import operators


class _Lookup(Query[Any]):
    """A query that needs no statement where it asks for a row that is known by its key.

    Optuna looks a trial up before each of its writes, 24 times where it has 15 parameters.
    """

    def with_for_update(self, **options: Any) -> Self:  # noqa: ANN401 - SQLAlchemy's signature
        # The row may have changed since it was read.
        return super().with_for_update(**options).execution_options(populate_existing=True)

    def one_or_none(self) -> Any:  # noqa: ANN401 - likewise
        session = self.session
        known = session.known if isinstance(session, _Joined) else None
        again = self.get_execution_options().get("populate_existing", False)
        asked = None if known is None or again else self._row()
        if known is None or asked is None:
            return super().one_or_none()
        row = session.get(*asked)
        known.append(row)
        return row

    def _row(self) -> tuple[type[Any], object] | None:
        """Return the entity and key of the row that is asked for; None if it is something else."""
        (first, *others), criterion = self.column_descriptions, self.whereclause
        entity = first["entity"]
        if others or first["expr"] is not entity or not isinstance(entity, type):
            return None
        if not isinstance(criterion, sa.BinaryExpression) or criterion.operator is not operators.eq:
            return None
        column, value = criterion.left, criterion.right
        if not isinstance(column, sa.Column) or not isinstance(value, sa.BindParameter):
            return None
        keys = [(key.table.name, key.name) for key in sa.inspect(entity).primary_key]
        return (entity, value.value) if keys == [(column.table.name, column.name)] else None


class _Joined(Session):
    """Optuna's session in a transaction of ours, which Optuna does not end.

    Attributes:
        known: Rows that were looked up while writes are put together; else None.
    """

    known: list[object] | None = None

    def commit(self) -> None:
        """Send what was written, unless more is to come."""
        if self.known is None:
            super().commit()

    def rollback(self) -> None:
        """Forget what was not sent yet, as where a trial turns out to be finished."""
        super().close()

    def close(self) -> None:
        """Forget what was read, unless more is to come."""
        if self.known is None:
            super().close()

    def send(self) -> None:
        """Send what was put together, and forget what was read."""
        self.known = None
        try:
            self.flush()
        finally:
            super().close()


@contextmanager
def joined(rows: RDBStorage, connection: sa.Connection) -> Iterator[None]:
    """Let all that this thread writes to Optuna's tables be part of a transaction.

    Args:
        rows: Optuna's storage.
        connection: In whose transaction.
    """
    sessions = rows.scoped_session
    sessions.remove()
    # Without autoflush, nothing is sent earlier than Optuna would commit it.
    session = _Joined(
        connection,
        join_transaction_mode="rollback_only",
        autoflush=False,
        query_cls=_Lookup,
    )
    sessions.registry.set(session)
    try:
        yield
    finally:
        sessions.remove()


@contextmanager
def together(rows: RDBStorage) -> Iterator[None]:
    """Send several writes to one trial as few statements, at the end; nothing reads them before.

    Outside of :func:`joined`, Optuna writes as ever.
    """
    session = rows.scoped_session()
    if not isinstance(session, _Joined):
        yield
        return
    session.known = []
    try:
        yield
    except BaseException:
        session.known = None
        session.rollback()
        raise
    session.send()
