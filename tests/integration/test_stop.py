"""A search that a batch system ends stops in good order."""

from __future__ import annotations

import signal
import time

import pytest

from tests.integration.processes import Study
from tests.searching.fakes import rows

TRAINED = "SELECT count(*) AS n FROM neuronas_candidates WHERE state = 'complete'"


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)]
)
def test_a_stopped_search_says_how_to_go_on(tmp_path, number):
    study = Study.of(tmp_path, 50)
    process = study.search()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        line = process.stderr.readline()
        if line.startswith("1/50"):
            break
    process.send_signal(number)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing is lost. Go on with: neuronas resume tiny" in talk
    assert rows(study.url, TRAINED)[0]["n"] >= 1
    running = "SELECT count(*) AS n FROM neuronas_candidates WHERE state = 'running'"
    assert rows(study.url, running)[0]["n"] == 0
