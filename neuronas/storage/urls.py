"""Storage URLs: where they come from, what is allowed, and how they are shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import sqlalchemy as sa

from neuronas.errors import StorageError

DEFAULT_URL = "sqlite:///neuronas.db"
URL_VARIABLE = "NEURONAS_STORAGE"
FILE_VARIABLE = "NEURONAS_STORAGE_FILE"

_POSTGRESQL = "postgresql+psycopg"
_DRIVERS = ("sqlite", "postgresql", _POSTGRESQL)


def resolve_url(given: str | None, from_file: str | None = None) -> str:
    """Return the storage URL: what was given, else the study file's, the environment's, default.

    Args:
        given: What the user gave: a URL, or ``@FILE`` for a file that holds it.
        from_file: The same, from a study file.

    Raises:
        StorageError: A file that should hold the URL cannot be read, or by too many.
    """
    named = os.environ.get(FILE_VARIABLE)
    url = given or from_file or os.environ.get(URL_VARIABLE) or (f"@{named}" if named else "")
    return _read_secret(Path(url[1:])) if url.startswith("@") else url or DEFAULT_URL


def _read_secret(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            content = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise StorageError(f"{path}: cannot be read as the storage URL's file: {reason}") from None
    # As PostgreSQL has it for keys: a secret that a cluster mounts is root's and its group's.
    allowed = 0o740 if status.st_uid == 0 else 0o700
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~allowed:
        raise StorageError(
            f"{path}: holds the storage URL, but has mode {mode:04o}, so that others can use it; "
            f"run: chmod 600 {path}"
        )
    if not content or len(content.split()) > 1:
        raise StorageError(f"{path}: expected one line with the storage URL and nothing else")
    return content


def parse_url(url: str) -> sa.URL:
    """Return a storage URL in parts, with the driver that we use.

    Raises:
        StorageError: It is none of a database that we can use.
    """
    if _is_ambiguous(url):
        raise StorageError(
            f"storage: found '{shown_url(url)}' with more than one '@'; in a user name or password "
            "'@' is written %40, '/' %2F, ':' %3A and '%' %25"
        )
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise _not_allowed(url) from None
    name = parsed.database or ""
    in_memory = parsed.drivername == "sqlite" and name.startswith((":memory:", "file:"))
    if parsed.drivername not in _DRIVERS or not name or in_memory:
        raise _not_allowed(url)
    return parsed if parsed.drivername == "sqlite" else parsed.set(drivername=_POSTGRESQL)


def _is_ambiguous(url: str) -> bool:
    """Return whether nobody can tell where a password ends."""
    return not url.startswith("sqlite") and url.partition("?")[0].count("@") > 1


def _not_allowed(url: str) -> StorageError:
    return StorageError(
        f"storage: found '{shown_url(url)}'; allowed: sqlite:///FILE, such as {DEFAULT_URL}, or "
        "postgresql://USER@HOST/DATABASE"
    )


def is_sqlite(url: str) -> bool:
    """Return whether a storage URL is that of an SQLite file; StorageError if it is none."""
    return parse_url(url).drivername == "sqlite"


def sqlite_path(url: str) -> Path:
    """Return the database file of the storage URL of an SQLite file."""
    return Path(str(parse_url(url).database))


def driver_url(url: str) -> str:
    """Return a storage URL as SQLAlchemy takes it, its password in it."""
    return parse_url(url).render_as_string(hide_password=False)


def passwords(url: str) -> list[str]:
    """Return what must never be shown of a URL."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return []
    hidden = (parsed.password, *(parsed.query.get(name) for name in _SECRET_OPTIONS))
    return [str(secret) for secret in hidden if secret]


_SECRET_OPTIONS = ("password", "sslpassword")


def shown_url(url: str) -> str:
    """Return a storage URL without its password, to be printed."""
    kind, separator, _ = url.partition("://")
    hidden = f"{kind}://..." if separator else url  # a password may stand anywhere in the rest
    if _is_ambiguous(url):
        return hidden
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return hidden
    if not passwords(url):
        return url
    bare = parsed.difference_update_query(_SECRET_OPTIONS)
    return sa.URL.create(
        bare.drivername, bare.username, None, bare.host, bare.port, bare.database, bare.query
    ).render_as_string()


def storage_option(url: str) -> str:
    """Return what to write after a command so that it uses this database, without a password."""
    if not passwords(url):
        return f" --storage {url}"
    if url in (os.environ.get(URL_VARIABLE), _from_environment_file()):
        return ""
    return " --storage @FILE, where FILE (mode 0600) holds the URL"


def _from_environment_file() -> str | None:
    named = os.environ.get(FILE_VARIABLE)
    return _read_secret(Path(named)) if named else None
