"""What is refused whoever asks: verbs that write, other sites' pages, odd paths and names."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from neuronas.service.gateway.exchange import Request, Response, reason

READING = ("GET", "HEAD", "OPTIONS")
LOGIN = "/login"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_PATH = re.compile(r"(/[A-Za-z0-9_.~-]*)+")
_DOTS = re.compile(r"(^|/)\.\.?(/|$)")

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self' 'unsafe-eval'",  # the dashboard's plots are compiled in the browser
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_SECURITY = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A form's Origin is sent as 'null' where there is never a referrer.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address to listen at."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """What is refused before anybody asks who it is.

    Args:
        hosts: Names by which the gateway is reached, beside addresses, ``localhost`` and this
            machine's own name; a page of another site may let its own name lead here.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        names = {"localhost", socket.gethostname(), socket.getfqdn(), *hosts}
        self._hosts = {name.lower().rstrip(".") for name in names}

    def refusal(self, request: Request) -> Response | None:
        """Return what to answer to a request that nobody may send; None for another."""
        if not self._is_ours(request.header("Host")):
            return reason(
                HTTPStatus.FORBIDDEN,
                "unknown Host; name it with 'neuronas serve --allow-host NAME'",
            )
        if _is_of_another_site(request):
            return reason(HTTPStatus.FORBIDDEN, "sent by a page of another site")
        if not _PATH.fullmatch(request.path) or _DOTS.search(request.path):
            return reason(HTTPStatus.NOT_FOUND, "no such path")
        allowed = (*READING, "POST") if request.path == LOGIN else READING
        if request.method not in allowed:
            refused = reason(HTTPStatus.METHOD_NOT_ALLOWED, "studies can only be read here")
            return Response(
                refused.status, refused.body, {**refused.headers, "Allow": ", ".join(allowed)}
            )
        if request.method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, (), {"Allow": ", ".join(allowed)})
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower().rstrip(".")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._hosts
        return True  # an address leads to itself only


def _is_of_another_site(request: Request) -> bool:
    origin = request.header("Origin")
    if origin:
        try:
            return urlsplit(origin).netloc.lower() != request.header("Host").lower()
        except ValueError:
            return True
    if request.header("Sec-Fetch-Site") not in ("cross-site", "same-site"):
        return False
    # To follow a link to a page is no request by the page that the link stands on.
    followed = request.header("Sec-Fetch-Mode") == "navigate"
    return not (followed and request.method == "GET" and not request.path.startswith("/api"))


def secured(path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a response, with those that keep browsers from harm.

    No other site may read an answer, whatever the dashboard says.

    Args:
        path: Path of the request.
        headers: What the response says; its own policy holds, unless it is the dashboard's.
    """
    kept = {
        name: value
        for name, value in headers.items()
        if not name.lower().startswith("access-control-")
    }
    caching = "no-cache" if path.startswith(("/static/", "/favicon")) else "no-store"
    return {**_SECURITY, "Cache-Control": caching, **kept}
