"""Copies of a whole database, made while others use it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from neuronas.errors import StorageError
from neuronas.storage.database import create_engine
from neuronas.storage.faults import translated_errors
from neuronas.storage.urls import is_sqlite, parse_url, passwords, shown_url, sqlite_path


def back_up(url: str, file: Path) -> None:
    """Copy a database as it is at one moment into a file that only this user can read.

    Args:
        url: Storage URL.
        file: A file that is not there yet; it is whole, or empty if this process is killed.

    Raises:
        StorageError: The file is there or cannot be written, or the copy cannot be made.
    """
    with _new_file(file) as partial, translated_errors(url):
        if is_sqlite(url):
            _copy_sqlite(sqlite_path(url), partial)
        else:
            _dump_postgresql(url, partial)


@contextmanager
def _new_file(file: Path) -> Iterator[Path]:
    """Reserve a file; give another one that takes its place once it is whole."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise StorageError(
            f"{file}: is there already; a backup never overwrites a file: give another name"
        ) from None
    except OSError as error:
        raise StorageError(f"{file}: cannot be written: {error.strerror}") from None
    partial = file
    try:
        descriptor, name = tempfile.mkstemp(".partial", f"{file.name}.", file.absolute().parent)
        partial = Path(name)
        os.close(descriptor)
        yield partial
        _keep(partial)
        partial.replace(file)
    except BaseException as error:
        for path in {partial, file}:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"{file}: cannot be written: {error.strerror}") from error
        raise


def _keep(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _copy_sqlite(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _dump_postgresql(url: str, dump: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise StorageError(
            "pg_dump is not installed here; install PostgreSQL's client programs (Debian: "
            "postgresql-client), or run pg_dump where they are"
        )
    _require_direct(url)
    parsed = parse_url(url).set(drivername="postgresql")
    hidden = passwords(url)
    bare = shown_url(parsed.render_as_string(hide_password=False))
    done = subprocess.run(
        [program, "--format=custom", "--no-password", f"--file={dump}", f"--dbname={bare}"],
        env={**os.environ, **({"PGPASSWORD": hidden[0]} if hidden else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StorageError(f"{bare}: pg_dump failed: {' '.join(done.stderr.split())}")


def _require_direct(url: str) -> None:
    """Refuse a pooler: pg_dump sets up its session, which the next client would get like that."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            told = None if driver is None else driver.info.backend_pid
            if told != connection.scalar(sa.func.pg_backend_pid()):
                raise StorageError(
                    f"{shown_url(url)}: is a pooler such as pgbouncer, through which pg_dump must "
                    "not work; give the URL of the server itself"
                )
    finally:
        engine.dispose()
