"""Requests to a WSGI application in this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOKEN = "a-token-of-these-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    application,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = BEARER,
    query: str = "",
    body: bytes = b"",
    address: str = "127.0.0.1",
) -> Answer:
    """Send a request; a ``Host`` that is ours is added."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    for name, value in {"Host": "localhost:8080", **headers}.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    got: list[tuple[str, list[tuple[str, str]]]] = []
    parts = application(environ, lambda status, fields, _=None: got.append((status, fields)))
    content = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    ((line, fields),) = got
    return Answer(int(line.split()[0]), dict(fields), content)
