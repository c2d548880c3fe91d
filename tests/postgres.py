"""A throw-away PostgreSQL server, and a pgbouncer before it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


def as_account(*command: str) -> list[str]:
    """Return a command as that of an account which the server accepts: it refuses root."""
    return ["runuser", "-u", _ACCOUNT, "--", *command] if os.geteuid() == 0 else list(command)


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
        command = as_account(control, "-D", str(self.folder), "-w", *arguments)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run a server in an empty folder whose parents everybody may enter."""
    initdb = program("initdb")
    if initdb is None:
        absent("PostgreSQL")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
        shutil.chown(secret, _ACCOUNT)
    data = folder / "data"
    command = [initdb, "-D", str(data), "-U", "neuronas", "-A", "scram-sha-256", "--no-sync"]
    command += ["--pwfile", str(secret), "--no-locale", "-E", "UTF8"]
    subprocess.run(as_account(*command), check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(SETTINGS)
    running = Server(data, free_port())
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def database(on: Server, name: str) -> Iterator[str]:
    """Create an empty database for as long as the context lasts; give its storage URL."""
    on.execute(f'CREATE DATABASE "{name}" STRATEGY wal_log')
    try:
        yield on.url(name)
    finally:
        on.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def pgbouncer(on: Server, folder: Path, *, connections: int) -> Iterator[int]:
    """Run pgbouncer in transaction mode before a server; give its port.

    Args:
        on: The server.
        folder: An empty folder whose parents everybody may enter.
        connections: Connections with the server per database.
    """
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if binary is None:
        absent("pgbouncer")
    port = free_port()
    (folder / "users.txt").write_text(f'"neuronas" "{PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""[databases]
* = host=127.0.0.1 port={on.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
query_wait_timeout = 20
"""
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, _ACCOUNT)
    process = subprocess.Popen(
        as_account(binary, "-q", str(folder / "pgbouncer.ini")),
        cwd="/",
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
