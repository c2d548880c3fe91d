"""Who may look: a token with each request, or a session that a login with it began."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from neuronas.service.gateway.exchange import Request, Response, redirect, text
from neuronas.service.gateway.login_page import login_page

SESSION_SECONDS = 7 * 24 * 3600
_FAILURES = 5
_WINDOW_SECONDS = 60.0
_ADDRESSES = 10_000
_PAGES = re.compile(r"/dashboard(/[A-Za-z0-9_/-]*)?")


class Attempts:
    """Wrong tokens by address: five within a minute, and the address waits.

    Args:
        clock: Seconds since any fixed time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def must_wait(self, address: str) -> bool:
        """Return whether an address gave too many wrong tokens."""
        with self._lock:
            return len(self._recent(address)) >= _FAILURES

    def add(self, address: str) -> None:
        """Note a wrong token; of very many addresses, the oldest are forgotten."""
        with self._lock:
            self._failed[address] = [*self._recent(address), self._clock()]
            self._failed.move_to_end(address)
            while len(self._failed) > _ADDRESSES:
                self._failed.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._clock() - _WINDOW_SECONDS
        return [failed for failed in self._failed.get(address, ()) if failed > since]


class Authentication:
    """The gate: a request passes with the token, or with a session's cookie.

    The cookie holds when the session ends and a digest of that which only the token's holder can
    make, so no session is kept here, and a new token ends all of them.

    Args:
        token: The token.
        attempts: Memory of wrong tokens.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        token: str,
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token = token.encode()
        self._attempts = attempts or Attempts()
        self._clock = clock
        # Cookies know no ports: a name of its own per token lets two gateways share a host.
        self._cookie = f"neuronas-{self._digest('cookie')[:12]}"

    def refusal(self, request: Request) -> Response | None:
        """Return what to answer to a request that may not pass; None if it may."""
        cookie = request.cookie(self._cookie)
        if cookie is not None and self._is_session(cookie):
            return None
        scheme, _, given = request.header("Authorization").partition(" ")
        if scheme.lower() == "bearer":
            return self._refused_token(request, given.strip())
        if request.wants_page and not request.path.startswith("/api"):
            return login_page(HTTPStatus.UNAUTHORIZED, onward=request.path)
        return _unauthorized("no token: send it as 'Authorization: Bearer TOKEN', or log in")

    def login(self, request: Request) -> Response:
        """Answer a form with a token: on to the page that was asked for, with a session."""
        form = request.form()
        onward = form.get("onward", "")
        refused = self._refused_token(request, form.get("token", ""))
        if refused is None:
            ends = int(self._clock()) + SESSION_SECONDS
            session = f"{ends}.{self._digest(f'session {ends}')}"
            cookie = f"{self._cookie}={session}; Path=/; Max-Age={SESSION_SECONDS}"
            headers = {"Set-Cookie": f"{cookie}; HttpOnly; SameSite=Strict"}
            return redirect(onward if _PAGES.fullmatch(onward) else "/dashboard", headers)
        if refused.status is HTTPStatus.UNAUTHORIZED:
            return login_page(refused.status, onward=onward, problem="That is not the token.")
        return refused

    def _refused_token(self, request: Request, given: str) -> Response | None:
        if self._attempts.must_wait(request.address):
            wait = str(int(_WINDOW_SECONDS))
            return text(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many wrong tokens from here; wait {wait} s",
                {"Retry-After": wait},
            )
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token):
            return None
        self._attempts.add(request.address)
        return _unauthorized("wrong token")

    def _is_session(self, cookie: str) -> bool:
        ends, _, digest = cookie.partition(".")
        if not re.fullmatch("[0-9]{1,12}", ends) or int(ends) < self._clock():
            return False
        return hmac.compare_digest(digest.encode(), self._digest(f"session {ends}").encode())

    def _digest(self, purpose: str) -> str:
        return hmac.new(self._token, purpose.encode(), hashlib.sha256).hexdigest()


def _unauthorized(why: str) -> Response:
    return text(HTTPStatus.UNAUTHORIZED, why, {"WWW-Authenticate": 'Bearer realm="neuronas"'})
