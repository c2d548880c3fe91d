"""The gateway as one WSGI application: the dashboard behind its guard, health and metrics."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

import optuna_dashboard

from neuronas import __version__
from neuronas.errors import StorageError
from neuronas.service.gateway.authentication import Authentication
from neuronas.service.gateway.exchange import Request, Response, data, reason, redirect
from neuronas.service.gateway.guard import LOGIN, Guard, secured
from neuronas.service.gateway.login_page import login_page
from neuronas.service.gateway.metrics import Metrics
from neuronas.service.gateway.read_only_storage import ReadOnlyStorage
from neuronas.service.gateway.study_details import StudyDetails
from neuronas.storage import Figures

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_logger = logging.getLogger("neuronas.gateway")

_STUDY = re.compile(r"/api/studies/([0-9]{1,9})")
_IMPORTANCES = re.compile(r"/api/studies/([0-9]{1,9})/param_importances")
_AFTER = re.compile(r"[0-9]{1,9}")
_DASHBOARDS = re.compile(
    r"/dashboard(/.*)?|/static/[A-Za-z0-9_.-]+|/favicon\.ico|/api/studies|/csv/[0-9]{1,9}"
)
_NOT_OFFERED = {
    "artifact_is_available": False,
    "llm_is_available": False,
    "plotlypy_is_available": False,
    "allow_unsafe": False,
}


class Gateway:
    """Studies in a browser, for those who have the token; nothing can be changed through it.

    Args:
        url: Storage URL of a database that has studies.
        authentication: Who may look; None lets everybody, which only a server that this machine
            alone reaches may do.
        hosts: Names by which it is reached, beside this machine's own.

    Raises:
        NeuronasError: There is no database, or the installed dashboard is another one.
    """

    def __init__(
        self, url: str, authentication: Authentication | None, hosts: Iterable[str] = ()
    ) -> None:
        self._figures = Figures(url)
        self._metrics = Metrics(self._figures)
        self._storage = ReadOnlyStorage(url)
        self._details = StudyDetails(self._storage)
        self._dashboard = optuna_dashboard.wsgi(self._storage)
        self._authentication = authentication
        self._guard = Guard(hosts)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI does."""
        request = Request(environ)
        response = self._answer(request)
        start_response(response.line, list(secured(request.path, response.headers).items()))
        return () if request.method == "HEAD" else response.body

    def close(self) -> None:
        """Close all connections to the database."""
        self._storage.close()
        self._figures.close()

    def _answer(self, request: Request) -> Response:
        refused = self._guard.refusal(request)
        if refused is not None:
            return refused
        if request.path == "/health":
            return self._health()
        if request.path == LOGIN:
            return self._login(request)
        if self._authentication is not None:
            refused = self._authentication.refusal(request)
            if refused is not None:
                return refused
        try:
            return self._routed(request)
        except StorageError as error:
            _logger.warning("%s", error)
            return reason(HTTPStatus.SERVICE_UNAVAILABLE, "the database cannot be reached")

    def _health(self) -> Response:
        try:
            self._figures.check()
        except StorageError as error:
            _logger.warning("%s", error)
            state, status = "database away", HTTPStatus.SERVICE_UNAVAILABLE
        else:
            state, status = "ok", HTTPStatus.OK
        return data(status, {"status": state, "version": __version__})

    def _login(self, request: Request) -> Response:
        if self._authentication is None:
            return redirect("/dashboard")
        if request.method == "POST":
            return self._authentication.login(request)
        return login_page(HTTPStatus.OK)

    def _routed(self, request: Request) -> Response:
        path = request.path
        if path == "/":
            return redirect("/dashboard")
        if path == "/metrics":
            return self._metrics.response()
        if path == "/api/meta":
            return data(HTTPStatus.OK, _NOT_OFFERED)
        if found := _STUDY.fullmatch(path):
            return self._study(int(found[1]), request)
        if found := _IMPORTANCES.fullmatch(path):
            return self._importances(int(found[1]), request)
        if _DASHBOARDS.fullmatch(path):
            return self._of_dashboard(request)
        return reason(HTTPStatus.NOT_FOUND, "no such path")

    def _study(self, study_id: int, request: Request) -> Response:
        after = request.query().get("after", "0")
        if not _AFTER.fullmatch(after):
            return reason(HTTPStatus.BAD_REQUEST, "after: allowed: a number from 0 on")
        return self._details.response(study_id, int(after))

    def _importances(self, study_id: int, request: Request) -> Response:
        if not self._details.has_parameters(study_id):  # the dashboard would divide by zero
            return reason(HTTPStatus.NOT_FOUND, f"study_id={study_id} has no parameters yet")
        return self._of_dashboard(request)

    def _of_dashboard(self, request: Request) -> Response:
        """Return what the dashboard itself answers.

        Raises:
            StorageError: The database was away meanwhile.
        """
        status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, dict[str, str]()

        def start_response(line: str, fields: list[tuple[str, str]], _: object = None) -> None:
            nonlocal status, headers
            status, headers = HTTPStatus(int(line.split(" ", 1)[0])), dict(fields)

        # Its static files fail without the one header, and stay open after a bad other one.
        environ = {"HTTP_ACCEPT_ENCODING": "", **request.environ}
        environ.pop("HTTP_RANGE", None)
        body = self._dashboard(environ, start_response)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self._figures.check()
        headers.pop("Content-Security-Policy", None)  # ours says more
        return Response(status, body, headers)
