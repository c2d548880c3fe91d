"""``neuronas db``: what a database is, bringing it to this version, copying it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from neuronas.cli.options import JsonFormat, NestedFormat, Storage, say, write, write_table

app = typer.Typer(help="The database: what it is, bringing it to this version, copying it.")


@app.command()
def status(storage: Storage = None, form: NestedFormat = JsonFormat.TABLE) -> None:
    """Show what the database is, its schema and size, how many studies and trials it holds."""
    from neuronas.report import database_table
    from neuronas.storage import database_status, resolve_url

    found = database_status(resolve_url(storage))
    if form is JsonFormat.JSON:
        write(json.dumps(asdict(found) | {"is_current": found.is_current}, indent=2) + "\n")
    else:
        write_table(database_table(found), form)
    if not found.is_current:
        say("an older version wrote it: neuronas db upgrade")


@app.command()
def upgrade(storage: Storage = None) -> None:
    """Bring the database to this version; an SQLite file is copied before.

    First stop all searches and workers of an older version: they would go on with tables that
    they do not know.
    """
    from neuronas.storage import database_status, resolve_url, upgrade_database

    url = resolve_url(storage)
    before = database_status(url)
    copy = upgrade_database(url)
    if before.is_current:
        say(f"schema {before.schema} is this version's; nothing to do")
        return
    said = f"; as it was before, it is in {copy}" if copy is not None else ""
    say(f"schema {before.schema} is now {before.newest_schema}{said}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.", show_default=False)],
    storage: Storage = None,
) -> None:
    """Copy the database into a new file, while others use it.

    Of SQLite the copy is a database itself; of PostgreSQL it is for pg_restore. Weights are files
    in the checkpoint folder, and not in it.
    """
    from neuronas.storage import back_up_database, resolve_url

    back_up_database(resolve_url(storage), file)
    say(f"the database is copied to {file}, {file.stat().st_size / 1e6:,.3g} MB")
