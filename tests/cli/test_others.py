"""The other workers of a search."""

from __future__ import annotations

import sys
import time

from neuronas.cli.others import Others


def test_a_worker_that_dies_is_told_of_while_the_search_goes_on(tmp_path, monkeypatch, capsys):
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\nexit 5\n")
    dying.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(dying))
    told = ""
    with Others("tiny", "sqlite:///tiny.db", 2, {}) as others:
        others.start()
        deadline = time.monotonic() + 60
        while "ended with 5" not in told and time.monotonic() < deadline:
            time.sleep(0.02)
            told += capsys.readouterr().err
        assert told.endswith("ended with 5; none replaces it\n")
