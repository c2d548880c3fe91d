"""The token that opens the gateway: made once, kept in a file that its owner alone reads."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from neuronas.errors import ConfigError
from neuronas.storage import is_sqlite, sqlite_path

TOKEN_VARIABLE = "NEURONAS_TOKEN"
_ALLOWED = re.compile(r"[!-~]{16,256}")
_WHAT_IS_ALLOWED = "16 to 256 visible ASCII characters"


@dataclass(frozen=True, slots=True)
class Token:
    """The token and where it came from.

    Attributes:
        value: The token; it is never shown with the rest of the object.
        origin: The file that it is in, or the environment's variable.
        made: Whether it was made now.
    """

    value: str
    origin: str
    made: bool = False

    def __repr__(self) -> str:
        """Return where it came from, so that no log of this object tells the token."""
        return f"Token(origin={self.origin!r})"


def find_token(url: str, file: Path | None = None) -> Token:
    """Return the token: of a file, else of ``NEURONAS_TOKEN``, else of the usual file.

    Args:
        url: Storage URL, which says where the usual file is: beside an SQLite database, otherwise
            in the user's state folder.
        file: The file that the user named; like the usual one, it is made if it is not there.

    Raises:
        ConfigError: The token is too short, or its file cannot be read or made, or others may
            read it.
    """
    given = os.environ.get(TOKEN_VARIABLE)
    if file is None and given:
        return Token(_checked(given, TOKEN_VARIABLE), TOKEN_VARIABLE)
    return _of_file(file or _usual_file(url))


def _usual_file(url: str) -> Path:
    if is_sqlite(url):
        database = sqlite_path(url)
        return database.with_name(f"{database.name}.token")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "neuronas"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_made(folder, error) from None
    return folder / "gateway.token"


def _of_file(path: Path) -> Token:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Token(_read(path), str(path))
    except OSError as error:
        raise _not_made(path, error) from None
    value = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask
        file.write(f"{value}\n")
    return Token(value, str(path), made=True)


def _not_made(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot be made ({error.strerror}); name another file with --token-file, or set "
        f"{TOKEN_VARIABLE}",
        source=str(path),
    )


def _read(path: Path) -> str:
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode) or mode & 0o077:
                raise ConfigError(
                    f"is not a file that its owner alone may read (mode {mode & 0o777:03o}); run "
                    f"'chmod 600 {path}', and replace the token if others may have read it",
                    source=str(path),
                )
            return _checked(file.read(1024).strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read ({getattr(error, 'strerror', None) or 'not a text'}); name another "
            "file with --token-file",
            source=str(path),
        ) from None


def _checked(value: str, origin: str) -> str:
    if not _ALLOWED.fullmatch(value):
        raise ConfigError(
            f"holds no token; allowed: {_WHAT_IS_ALLOWED}. A file that is removed is made anew",
            source=origin,
        )
    return value
