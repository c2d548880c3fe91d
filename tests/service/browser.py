"""Chromium without a screen, driven through chromedriver's own protocol (W3C WebDriver)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage "
    "--window-size=1400,1600"
)
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """One window of a browser."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, url: str) -> None:
        _send("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, and return what it returns."""
        body = {"script": script, "args": list(arguments)}
        return _send("POST", f"{self._session}/execute/sync", body)

    def wait_for(self, script: str, seconds: float = 60.0) -> Any:
        """Return what a script returns, once that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self.run(script):
                return found
            time.sleep(0.1)
        text = self.run("return location.href + ': ' + document.body.innerText.slice(0, 2000)")
        raise AssertionError(f"never true: {script}\n{text}")

    def errors(self) -> list[str]:
        """Return what the console was told of errors since the last call."""
        found = _send("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in found if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(_send("GET", f"{self._session}/screenshot")))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own; without one, skip, which CI does not allow."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        if "CI" in os.environ:
            pytest.fail("CI needs chromium and chromedriver (.ci/run installs them)")
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    driver = subprocess.Popen(
        [programs[1], "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        address = f"http://127.0.0.1:{_port(driver)}"
        options = {
            "binary": programs[0],
            "args": [*_FLAGS.split(), f"--user-data-dir={folder}"],
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        body = {"capabilities": {"alwaysMatch": wanted}}
        session = f"{address}/session/{_send('POST', f'{address}/session', body)['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _send("DELETE", session)
    finally:
        driver.terminate()
        driver.communicate(timeout=30)


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if "started successfully on port" in line:
            return int(line.rstrip(".\n").rsplit(" ", 1)[1])
    raise AssertionError("chromedriver ended by itself")


def _send(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with _LOCAL.open(request, timeout=90) as answer:
        return json.load(answer)["value"]
