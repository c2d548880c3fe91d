"""A request as the gateway reads it, and its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import WSGIEnvironment

_FORM_BYTES = 4096
_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Request:
    """What came in, as WSGI tells it.

    Attributes:
        environ: The WSGI environment, which the dashboard is handed, too.
    """

    environ: WSGIEnvironment

    @property
    def method(self) -> str:
        """The verb, in capitals."""
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        """The path, unquoted, without a slash at its end; bytes beyond ASCII as Latin-1."""
        return str(self.environ.get("PATH_INFO", "")).rstrip("/") or "/"

    @property
    def address(self) -> str:
        """Where it came from."""
        return str(self.environ.get("REMOTE_ADDR", ""))

    @property
    def wants_page(self) -> bool:
        """Whether a browser asks for a page, rather than a program for data."""
        return "text/html" in self.header("Accept")

    def header(self, name: str) -> str:
        """Return a header, empty where it is absent."""
        return str(self.environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))

    def query(self) -> dict[str, str]:
        """Return the fields of the query."""
        return _fields(str(self.environ.get("QUERY_STRING", "")))

    def form(self) -> dict[str, str]:
        """Return the fields of a short form in the body; nothing of a long one."""
        length = str(self.environ.get("CONTENT_LENGTH") or "0")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > _FORM_BYTES:
            return {}
        body: bytes = self.environ["wsgi.input"].read(int(length))
        return _fields(body.decode("latin-1"))

    def cookie(self, name: str) -> str | None:
        """Return a cookie; None if it is absent."""
        try:
            cookies = SimpleCookie(self.header("Cookie"))
        except CookieError:
            return None
        return cookies[name].value if name in cookies else None


def _fields(encoded: str) -> dict[str, str]:
    try:
        found = parse_qs(encoded, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:  # more of them
        return {}
    return {name: values[0] for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back.

    Attributes:
        status: Status.
        body: Parts of the body.
        headers: Headers.
    """

    status: HTTPStatus
    body: Iterable[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The status as WSGI wants it."""
        return f"{self.status.value} {self.status.phrase}"


def page(status: HTTPStatus, content: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that is HTML."""
    return _whole(status, content, "text/html; charset=utf-8", headers)


def text(status: HTTPStatus, content: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that is plain text, of one line or more."""
    return _whole(status, f"{content}\n", "text/plain; charset=utf-8", headers)


def data(status: HTTPStatus, content: Mapping[str, Any]) -> Response:
    """Return a response that is JSON."""
    return _whole(status, json.dumps(content), "application/json", None)


def reason(status: HTTPStatus, why: str) -> Response:
    """Return a refusal as the dashboard's page reads it."""
    return data(status, {"reason": why})


def redirect(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that sends a browser to another page of the gateway."""
    return Response(HTTPStatus.SEE_OTHER, (), {"Location": path, **(headers or {})})


def _whole(
    status: HTTPStatus, content: str, kind: str, headers: Mapping[str, str] | None
) -> Response:
    body = content.encode()
    return Response(
        status,
        (body,),
        {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})},
    )
