"""The gateway at 10,000 trials."""

from __future__ import annotations

import re
import time
import warnings
from pathlib import Path

import pytest

from tests.service.large import large_study
from tests.service.processes import served
from tests.service.test_serve import get

pytestmark = pytest.mark.soak


def test_a_study_of_ten_thousand_trials_stays_usable(tmp_path):
    url = f"sqlite:///{tmp_path}/neuronas.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        large_study(url, "large", 10_000)
    with served(url, "--no-auth") as server:

        def seconds(path: str) -> float:
            begin = time.monotonic()
            assert get(f"{server.address}{path}")
            return time.monotonic() - begin

        cold = seconds("/api/studies/1")
        warm = max(seconds("/api/studies/1") for _ in range(3))
        later = max(seconds("/api/studies/1?after=10000") for _ in range(3))
        metrics = max(seconds("/metrics") for _ in range(3))
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        memory, peak = (
            int(re.search(rf"{name}:\s*(\d+)", status)[1]) / 1e3 for name in ("VmRSS", "VmHWM")
        )
        print(  # noqa: T201 - what README and CONTRIBUTING state
            f"page {warm:.2f} s warm, {cold:.1f} s cold, {later:.2f} s without trials; "
            f"metrics {metrics:.2f} s; memory {memory:.0f} MB, at most {peak:.0f} MB"
        )
        assert warm <= 6
        assert later <= 2
        assert metrics <= 1
        assert peak <= 1500
