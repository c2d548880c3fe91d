"""Bringing a database to this version's schema, with Alembic."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from neuronas.errors import StorageError
from neuronas.storage.advisory import CREATION_KEY, wait_in
from neuronas.storage.tables import VERSION_TABLE
from neuronas.storage.urls import shown_url

_MIGRATIONS = Path(__file__).parent / "migrations"
_OPTUNAS_VERSION_TABLE = "alembic_version"


def prepare(engine: sa.Engine, *, create: bool) -> None:
    """Make sure that a database has our tables with this version's schema.

    An older schema is upgraded in an SQLite file, which is one user's on one machine. On a server
    others may be working with it by an older version, so there it takes ``neuronas db upgrade``.

    Args:
        engine: The database.
        create: Create our tables if there are none.

    Raises:
        StorageError: There are none, or their schema is newer, or older on a server.
    """
    current = known_revision(engine)
    if current == newest_revision():
        return
    if current is None and not create:
        raise StorageError(f"{_shown(engine)} holds no study of neuronas")
    if current is not None and engine.dialect.name == "postgresql":
        raise StorageError(
            f"{_shown(engine)} has schema {current}, this neuronas has {newest_revision()}; stop "
            "all searches and workers of an older version, then run 'neuronas db upgrade'"
        )
    upgrade(engine)


def upgrade(engine: sa.Engine) -> None:
    """Create our tables, or bring them to this version's schema, in one transaction.

    Raises:
        StorageError: The database was written by a newer neuronas.
    """
    if known_revision(engine) == newest_revision():
        return
    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            wait_in(connection, CREATION_KEY)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def known_revision(engine: sa.Engine) -> str | None:
    """Return the schema revision of the database; None if it has none of our tables.

    Raises:
        StorageError: The database was written by a newer neuronas.
    """
    current = revision(engine)
    known = {script.revision for script in _scripts().walk_revisions()}
    if current is not None and current not in known:
        raise StorageError(
            f"the database has schema {current}, which this neuronas does not know; it was "
            "written by a newer version: upgrade neuronas"
        )
    return current


def newest_revision() -> str:
    """Return this version's schema revision."""
    newest = _scripts().get_current_head()
    assert newest is not None  # there are migrations
    return newest


def revision(engine: sa.Engine) -> str | None:
    """Return the schema revision of the database; None if it has none of our tables."""
    return _revision(engine, VERSION_TABLE)


def optuna_revision(engine: sa.Engine) -> str | None:
    """Return the revision of Optuna's tables; None unless all of them are there."""
    return _revision(engine, _OPTUNAS_VERSION_TABLE)


def _revision(engine: sa.Engine, table: str) -> str | None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": table})
        return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _shown(engine: sa.Engine) -> str:
    return shown_url(engine.url.render_as_string(hide_password=False))
