"""One study, killed again and again at random moments."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.integration.processes import Study, finished

KILLS = 8


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_study_survives_kill_after_kill(tmp_path, seed):
    moments = random.Random(seed)
    study = Study.of(tmp_path, trials=60)
    kills, before = 0, ([], [], {})
    for attempt in range(KILLS):
        process = study.resume() if attempt % 2 else study.search()
        done = sum(study.states().values())
        more = moments.randint(1, 3)
        while process.poll() is None and sum(study.states().values()) < done + more:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.2))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        study.check_nothing_changed_since(before)
        before = study.snapshot()
    assert kills >= KILLS // 2

    front = finished(study.resume())
    study.check_nothing_changed_since(before)
    study.check_finished()
    assert front
