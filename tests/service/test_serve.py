"""``neuronas serve`` as a process: what it says, how it ends, and what a browser sees of it."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.cli.conftest import folder, run  # noqa: F401 - fixtures
from tests.service.browser import browser
from tests.service.processes import served

INFEASIBLE = 14
"""Of the 60 trials of ``large``."""
GREY = "#cccccc"

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, token: str = "", **headers: str) -> bytes:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with direct.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_well(url, tmp_path, number):
    file = tmp_path / "token"
    with served(url, "--token-file", str(file)) as server:
        assert server.token == file.read_text().strip()
        assert json.loads(get(f"{server.address}/health"))["status"] == "ok"
        assert b"neuronas_trials{" in get(f"{server.address}/metrics", server.token)
        with pytest.raises(HTTPError, match="401"):
            get(f"{server.address}/metrics")
        for path in ("/static/%2e%2e/index.html", "/static/..%2findex.html"):
            with pytest.raises(HTTPError, match="404"):
                get(f"{server.address}{path}", server.token)
        server.process.send_signal(number)
        _, talk = server.process.communicate(timeout=60)
        assert server.process.returncode == 0
        assert talk.endswith("stopped\n")
    with served(url, "--token-file", str(file)) as server:
        assert (server.token, server.login) == ("", server.address)  # told once


def test_what_is_wrong_is_said_in_a_line(url, run, folder):  # noqa: F811
    done = run("serve", "--storage", "sqlite:///absent.db")
    assert done.code == 5
    assert "no database at" in done.err
    assert not (folder / "absent.db.token").exists()
    (folder / "readable").write_text("a-token-that-others-read")
    done = run("serve", "--storage", url, "--token-file", "readable")
    assert done.code == 3
    assert "chmod 600 readable" in done.err
    done = run("serve", "--storage", url, "--no-auth", "--host", "0.0.0.0")
    assert done.code == 3
    assert "other machines would reach the studies" in done.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--storage", url, "--no-auth", "--port", port)
    assert done.code == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.err
    done = run("serve", "--storage", url, "--token-file", "token", "--host", "192.0.2.1")
    assert done.code == 1
    assert "192.0.2.1 cannot be used" in done.err


def test_a_browser_logs_in_and_sees_the_front_and_a_trial(url, tmp_path):
    token_file = str(tmp_path / "token")
    with (
        browser(tmp_path / "profile") as window,
        served(url, "--token-file", token_file) as server,
    ):
        page = f"{server.address}/dashboard/studies/1"
        window.open(page)
        window.wait_for("return document.querySelector('input[name=token]') !== null")
        window.run(
            "document.querySelector('input[name=token]').value = arguments[0];"
            "document.querySelector('button').click()",
            server.token,
        )
        window.wait_for("return location.pathname === '/dashboard/studies/1'")
        window.errors()  # the 401 of the login page
        traces = window.wait_for(
            "const plot = document.querySelector('#graph-pareto-front.js-plotly-plot');"
            "return plot && plot.data.map(t => [(t.x || []).length, t.marker.color])"
        )
        assert [INFEASIBLE, GREY] in traces
        assert sum(points for points, _ in traces) == 60
        window.open(f"{page}/trials?numbers=3")
        text = window.wait_for(
            "return document.body.innerText.includes('Trial 3 (') && document.body.innerText"
        )
        assert '"energy_uj": 0.5' in text
        assert window.errors() == []

        window.open("about:blank")
        window.open(server.login)
        window.wait_for("return location.pathname === '/dashboard' && location.hash === ''")
        window.wait_for("return document.body.innerText.includes('large')")
