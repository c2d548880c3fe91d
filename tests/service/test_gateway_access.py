"""Who the gateway lets in, and what it refuses to everybody."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from neuronas.service.gateway import Authentication, Gateway
from neuronas.service.gateway.authentication import SESSION_SECONDS, Attempts
from tests.service.requests import BEARER, BROWSER, TOKEN, ask

WRITES = [
    ("POST", "/api/studies"),
    ("DELETE", "/api/studies/1"),
    ("POST", "/api/studies/1/rename"),
    ("PUT", "/api/studies/1/note"),
    ("PUT", "/api/studies/1/1/note"),
    ("POST", "/api/studies/1/preference"),
    ("POST", "/api/trials/1/tell"),
    ("POST", "/api/trials/1/user-attrs"),
    ("POST", "/api/artifacts/1/1"),
    ("POST", "/incompatible-rdb-schema"),
    ("PATCH", "/dashboard"),
    ("TRACE", "/"),
]


@pytest.fixture
def now() -> list[float]:
    """Return the time, which a test may change."""
    return [1000.0]


@pytest.fixture
def lone(url, now):
    """Return a gateway of its own, with its own clock and memory of wrong tokens."""
    clock = lambda: now[0]  # noqa: E731
    application = Gateway(url, Authentication(TOKEN, Attempts(clock), clock))
    yield application
    application.close()


def login(application, token: str = TOKEN, onward: str = "", **headers: str):
    body = urlencode({"token": token, "onward": onward}).encode()
    return ask(application, "/login", method="POST", headers=BROWSER | headers, body=body)


def session(answer) -> dict[str, str]:
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_nothing_is_written_with_the_token_or_without(gateway, method, path):
    for headers in (BEARER, {}):
        answer = ask(gateway, path, method=method, headers=headers)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert len(ask(gateway, "/api/studies").json["study_summaries"]) == 1


@pytest.mark.parametrize("path", ["/api/studies", "/api/studies/1", "/metrics", "/csv/1", "/api/x"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Cookie": "a=b;;\x00"}])
def test_without_a_token_data_are_refused(gateway, path, headers):
    answer = ask(gateway, path, headers=headers)
    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


def test_a_browser_without_a_session_is_shown_the_login_page(gateway):
    for path in ("/", "/dashboard/studies/1", "/static/bundle.js"):
        answer = ask(gateway, path, headers=BROWSER)
        assert answer.status == 401
        assert 'name="token"' in answer.text
    assert (
        ask(gateway, "/api/studies", headers=BROWSER).headers["Content-Type"][:10] == "text/plain"
    )


def test_login_goes_on_to_the_page_that_was_asked_for(lone, now):
    answer = login(lone, onward="/dashboard/studies/1")
    assert (answer.status, answer.headers["Location"]) == (303, "/dashboard/studies/1")
    cookie = answer.headers["Set-Cookie"]
    assert re.search(r"; HttpOnly; SameSite=Strict$", cookie)
    assert TOKEN not in cookie
    assert ask(lone, "/api/studies", headers=session(answer)).status == 200
    assert ask(lone, "/dashboard", headers=BROWSER | session(answer)).status == 200
    now[0] += SESSION_SECONDS + 1
    assert ask(lone, "/api/studies", headers=session(answer)).status == 401


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/x", "\r\nX: y"])
def test_login_leads_nowhere_else(gateway, onward):
    assert login(gateway, onward=onward).headers["Location"] == "/dashboard"


def test_a_session_cannot_be_made_up(gateway):
    name, _, value = session(login(gateway))["Cookie"].partition("=")
    ends, _, digest = value.partition(".")
    for forged in (f"{int(ends) + 1}.{digest}", f"{ends}.", f"{ends}.{'0' * 64}", digest, ""):
        assert ask(gateway, "/api/studies", headers={"Cookie": f"{name}={forged}"}).status == 401


def test_after_five_wrong_tokens_an_address_waits_a_minute(lone, now):
    wrong = {"Authorization": "Bearer wrong"}
    statuses = [ask(lone, "/metrics", headers=wrong).status for _ in range(4)]
    page = login(lone, "wrong")
    assert (statuses, page.status) == ([401] * 4, 401)
    assert "That is not the token" in page.text
    refused = login(lone)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert ask(lone, "/metrics", address="10.0.0.7").status == 200
    now[0] += 61
    assert login(lone).status == 303


def test_long_forms_are_not_read(gateway):
    body = b"x" * 5000 + b"&token=" + TOKEN.encode()
    assert ask(gateway, "/login", method="POST", headers={}, body=body).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:8080"},
        {"Host": ""},
        {"Host": "localhost:8080@evil.example"},
    ],
)
def test_other_sites_and_names_are_refused(gateway, headers):
    assert ask(gateway, "/api/studies", headers=BEARER | headers).status == 403
    assert login(gateway, **(headers | {"Sec-Fetch-Mode": "navigate"})).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"},
        {"Host": "127.0.0.1"},
        {"Host": "[::1]:8080"},
        {"Host": "LOCALHOST:9000"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_our_own_names_pages_and_links_to_them_are_not(gateway, headers):
    assert ask(gateway, "/dashboard", headers=BEARER | headers).status == 200


def test_a_named_host_is_known(url):
    application = Gateway(url, None, ["studies.lab.example"])
    headers = {"Host": "studies.lab.example"}
    assert ask(application, "/api/studies", headers=headers).status == 200
    application.close()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../index.html",
        "/static/..",
        "/static/%2e%2e/index.html",
        "/static/..\\index.html",
        "/static//etc/passwd",
        "/dashboard/../../etc/passwd",
        "/static/bundle.js\x00.txt",
        "/static/\xc3\xa4",
        "static",
        "/artifacts/1/1/0",
        "/incompatible-rdb-schema",
    ],
)
def test_odd_paths_lead_nowhere(gateway, path):
    assert ask(gateway, path).status == 404


@pytest.mark.parametrize(
    "path", ["/dashboard", "/static/bundle.js", "/api/studies", "/metrics", "/health", "/login"]
)
def test_every_answer_tells_browsers_to_be_careful(gateway, path):
    headers = ask(gateway, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_options_and_head_have_no_body(gateway):
    options = ask(gateway, "/api/studies", method="OPTIONS", headers={})
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    head = ask(gateway, "/api/studies/1", method="HEAD")
    assert (head.status, head.body) == (200, b"")
