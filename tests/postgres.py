"""A throw-away PostgreSQL server, and a pgbouncer before it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

_DEBIAN = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
PASSWORD = "s3cret/pass@word"

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
shared_buffers = 32MB
max_connections = 60
timezone = 'Asia/Kolkata'
log_min_messages = fatal
"""


def absent(what: str) -> None:
    """Skip a test because a program is not there; in CI that is an error."""
    reason = f"{what} is not installed"
    if "CI" in os.environ:
        pytest.fail(f"{reason}; CI must not skip this: .ci/run installs it")
    pytest.skip(reason)


def program(name: str) -> str | None:
    """Return the newest PostgreSQL program of a name, or None."""
    found = shutil.which(name)
    if found is not None:
        return found
    by_version = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(by_version[-1]) if by_version else None


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def account() -> dict[str, Any]:
    """Return how to start a process as who a server accepts: it refuses root."""
    if os.geteuid() != 0:
        return {}
    return {"user": _ACCOUNT, "group": _ACCOUNT, "extra_groups": []}


def _run(command: list[str]) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "cwd": "/", "timeout": 60}
    subprocess.run(command, check=True, **quiet, **account())


@dataclass
class Server:
    """A running server in a folder of its own.

    Attributes:
        folder: Its data.
        port: Where it listens, on 127.0.0.1.
    """

    folder: Path
    port: int

    def url(self, database: str) -> str:
        """Return the storage URL of one of its databases, with the password."""
        return f"postgresql://neuronas:s3cret%2Fpass%40word@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement by itself."""
        where = {"host": "127.0.0.1", "port": self.port, "user": "neuronas", "dbname": database}
        with psycopg.connect(**where, password=PASSWORD, autocommit=True) as connection:
            connection.execute(statement)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._control("start", "-o", f"-p {self.port} -k {self.folder}", "-l", "/dev/null")

    def stop(self) -> None:
        """Stop the server at once, cutting every connection."""
        self._control("stop", "-m", "fast")

    def _control(self, *arguments: str) -> None:
        control = program("pg_ctl")
        assert control is not None
        _run([control, "-D", str(self.folder), "-w", *arguments])


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that the server's account may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="neuronas-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        if os.geteuid() == 0:
            shutil.chown(path, _ACCOUNT)
        yield path


@contextmanager
def server(place: Path) -> Iterator[Server]:
    """Run a server in an empty folder of :func:`folder`."""
    initdb = program("initdb")
    if initdb is None:
        absent("PostgreSQL")
    secret, data = place / "password", place / "data"
    secret.write_text(PASSWORD)
    command = [initdb, "-D", str(data), "-U", "neuronas", "-A", "scram-sha-256", "--no-sync"]
    command += ["--pwfile", str(secret), "--no-locale", "-E", "UTF8"]
    _run(command)
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(SETTINGS)
    running = Server(data, free_port())
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def database(on: Server, name: str, like: str = "template1") -> Iterator[str]:
    """Create a database for as long as the context lasts; give its storage URL.

    Args:
        on: The server.
        name: Name of the database.
        like: Database that it is a copy of, to which nobody may be connected; empty by default.
    """
    on.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY wal_log')
    try:
        yield on.url(name)
    finally:
        on.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def pgbouncer(on: Server, place: Path, *, connections: int) -> Iterator[int]:
    """Run pgbouncer in transaction mode before a server; give its port.

    Args:
        on: The server.
        place: An empty folder of :func:`folder`.
        connections: Connections with the server per database.
    """
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if binary is None:
        absent("pgbouncer")
    port = free_port()
    (place / "users.txt").write_text(f'"neuronas" "{PASSWORD}"\n')
    (place / "pgbouncer.ini").write_text(
        f"""[databases]
* = host=127.0.0.1 port={on.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {place}/users.txt
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
query_wait_timeout = 20
"""
    )
    process = subprocess.Popen(
        [binary, "-q", str(place / "pgbouncer.ini")],
        cwd="/",
        **account(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while True:
        assert process.poll() is None, "pgbouncer ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, "pgbouncer does not answer"
            time.sleep(0.02)
        else:
            return
