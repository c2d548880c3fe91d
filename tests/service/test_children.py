"""Several workers of one machine: how they are started, and what is made of their ends."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from neuronas.errors import NeuronasError
from neuronas.service.children import Children, gpu_names

CHILD = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
told = {{
    "arguments": sys.argv[1:],
    "storage": os.environ.get("NEURONAS_STORAGE"),
    "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
    "session": os.getsid(0) == os.getpid(),
}}
def drained(number, frame):
    (Path("{folder}") / f"{{os.getpid()}}.signal").write_text(signal.Signals(number).name)
    sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, drained)
part = Path("{folder}") / f"{{os.getpid()}}.part"
part.write_text(json.dumps(told))
part.rename(part.with_suffix(".json"))
time.sleep({seconds})
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Let a script take the place of the worker; return where it tells what it saw."""

    def instead(seconds: float = 0.0) -> Path:
        script = tmp_path / "python"
        script.write_text(CHILD.format(python=sys.executable, folder=tmp_path, seconds=seconds))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr("neuronas.service.children.sys.executable", str(script))
        return tmp_path

    return instead


def told(folder: Path, count: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 30
    while len(found := sorted(folder.glob("*.json"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [json.loads(path.read_text()) for path in found]


URL = "postgresql://me:secret@host/database"


def test_options_are_passed_on_and_the_url_is_in_no_command_line(worker):
    folder = worker()
    options = {"--threads": 2, "--device": None, "--data-dir": Path("a b")}
    children = Children("tiny", URL, options)
    children.start(2)
    assert children.wait() == 0
    for found in told(folder, 2):
        assert found["arguments"] == [
            *("-m", "neuronas", "worker", "tiny", "--threads=2", "--data-dir=a b")
        ]
        assert (found["storage"], found["session"]) == (URL, True)


def test_each_gpu_gets_a_worker(worker):
    folder = worker()
    children = Children("tiny", URL, {})
    children.start_on_gpus(["0", "GPU-1a"])
    assert children.wait() == 0
    assert {found["gpu"] for found in told(folder, 2)} == {"0", "GPU-1a"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_are_passed_on_and_handled_as_before_afterwards(worker, number):
    folder = worker(60)
    before = signal.getsignal(number)
    children = Children("tiny", URL, {})

    def send() -> None:
        told(folder, 2)
        os.kill(os.getpid(), number)

    with children.signals_passed_on():
        children.start(2)
        sender = threading.Thread(target=send)
        sender.start()
        assert children.wait() == 0
        sender.join()
    assert [path.read_text() for path in folder.glob("*.signal")] == [number.name] * 2
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("scripts", "code"),
    [
        (["exit 0", "exit 0"], 0),
        (["exit 0", "exit 5", "exit 1"], 5),
        (["exit 75", "exit 5"], 75),
        (["exit 75", "exit 78", "exit 0", "kill -9 $$"], 78),
        (["exit 0", "kill -9 $$"], 128 + signal.SIGKILL),
        ([], 0),
    ],
)
def test_the_exit_code_that_tells_most_is_given(scripts, code):
    children = Children("tiny", URL, {})
    for script in scripts:
        children._command = ["/bin/sh", "-c", script]
        children.start(1)
    said: list[str] = []
    assert children.wait(said.append) == code
    bad = [script for script in scripts if script != "exit 0"]
    assert len(said) == len(bad)
    assert all(re.fullmatch(r"a worker \(process \d+\) ended with \d+; .*", s) for s in said)


def test_who_is_asked_to_end_before_it_begins_ends_well(worker):
    worker(60)
    children = Children("tiny", URL, {})
    children.signal(signal.SIGTERM)
    children.start(2)
    assert children.wait() == 0


def test_gpus_are_named_once_each():
    assert gpu_names("0, 1") == ["0", "1"]
    assert gpu_names("GPU-8a56-4d,MIG-1") == ["GPU-8a56-4d", "MIG-1"]
    for wrong in ("", ",", "0,", "0,0", "0;1", "0 1", "$(x)", "-", "0,--all"):
        with pytest.raises(NeuronasError, match="allowed: numbers or UUIDs, each once, such as"):
            gpu_names(wrong)
