"""The Slurm engine without Slurm: scripts, options, what squeue says. With it: ``tests/soak``."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time

import pytest

from neuronas.errors import ConfigError, EngineError
from neuronas.service.engines import State, WorkerStatus, new_pool
from neuronas.service.engines.slurm import SlurmEngine
from neuronas.service.engines.slurm.commands import explained
from neuronas.service.engines.slurm.queue import workers_in
from neuronas.service.engines.slurm.script import render

COMMENT = "neuronas:0123456789abcdef"


def script(folder, workers=4, command=("neuronas",), **fields):
    return render(new_pool("demo", "slurm", folder, workers=workers, **fields), command, workers)


def directives(text):
    prefix = "#SBATCH --"
    return [line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix)]


def test_what_was_asked_for_stands_in_the_script(tmp_path):
    found = directives(script(tmp_path, threads=2, gpus=1, memory_mib=16384, limit_minutes=480))
    assert {
        "job-name=neuronas-demo",
        "array=0-3",
        "cpus-per-task=2",
        "mem=16384M",
        "gres=gpu:1",
        "time=480",
        "requeue",
        "open-mode=append",
        "signal=B:USR1@300",
        f'output="{tmp_path}/cluster/demo/slurm/logs/%A_%a.log"',
    } <= set(found)


def test_what_was_not_asked_for_is_left_to_slurm(tmp_path):
    keys = {line.partition("=")[0] for line in directives(script(tmp_path))}
    assert keys & {"mem", "gres", "time", "partition", "account", "licenses"} == set()


def test_options_of_sbatch_are_passed_on_and_come_before_ours(tmp_path):
    options = {"licenses": "vivado:1", "exclusive": "", "cpus-per-task": "8"}
    found = directives(script(tmp_path, options=options))
    assert {"licenses=vivado:1", "exclusive", "cpus-per-task=8"} <= set(found)
    assert "cpus-per-task=1" not in found


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("output", "elsewhere", "--option output: set or ruled out by neuronas"),
        ("wrap", "date", "--option wrap: set or ruled out"),
        ("Partition", "gpu", "allowed: a long option of sbatch"),
        ("-p", "gpu", "allowed: a long option of sbatch"),
        ("partition", "gpu\n#SBATCH --wrap=date", "--option partition: found 'gpu"),
        ("partition", "gpu; date", "no spaces and quotes"),
        ("partition", "$(date)", "no spaces and quotes"),
        ("comment", "mine", "--option comment: set or ruled out"),
    ],
)
def test_an_option_that_could_break_the_script_is_refused(tmp_path, key, value, told):
    with pytest.raises(ConfigError) as refused:
        script(tmp_path, options={key: value})
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["../x", "a b", "a;b", "-x", "", "a\nb", "a\n", "$x", "x" * 101])
def test_a_name_that_no_study_has_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="NAME: found"):
        new_pool(name, "slurm", tmp_path, workers=1)


def test_folders_are_quoted_for_slurm_and_the_shell(tmp_path):
    odd = tmp_path / "it's 100% $HOME `x`"
    text = script(odd, data_dir=odd / "data", command=("/odd path/python", "-m", "neuronas"))
    assert f'output="{str(odd).replace("%", "%%")}/cluster/demo/slurm/logs/%A_%a.log"' in text
    command = next(line for line in text.splitlines() if line.endswith(" &"))
    assert shlex.split(command.removesuffix(" &")) == [
        *("/odd path/python", "-m", "neuronas", "worker", "demo"),
        *("--checkpoint-dir", str(odd), "--data-dir", str(odd / "data"), "--threads", "1"),
        "--drain-seconds=240",
    ]
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_a_folder_that_slurm_cannot_take_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"allowed|which Slurm cannot take"):
        script(tmp_path / name)


def test_a_worker_with_a_short_limit_drains_later(tmp_path):
    text = script(tmp_path, limit_minutes=1)
    assert "signal=B:USR1@15" in directives(text)
    assert "--drain-seconds=12 &" in text


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Return the file that a program in the place of scontrol writes its arguments to."""
    told = tmp_path / "requeued"
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{told}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    return told


@pytest.mark.parametrize(
    ("code", "restarts", "again"),
    [(0, 0, False), (75, 0, True), (75, 50, False), (78, 0, False), (137, 3, True), (1, 0, False)],
)
def test_the_script_queues_a_worker_again_by_its_exit_code(
    tmp_path, scontrol, monkeypatch, code, restarts, again
):
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    text = script(tmp_path, command=("sh", "-c", f"exit {code}"))
    assert subprocess.run(["bash"], input=text, text=True, check=False).returncode == code
    assert scontrol.exists() == again
    if again:
        assert scontrol.read_text() == "requeue 7_3\n"


@pytest.mark.parametrize(
    ("number", "code", "again"),
    [
        (signal.SIGTERM, 0, False),
        (signal.SIGUSR1, 0, True),
        (signal.SIGUSR1, 78, False),
    ],
)
def test_the_script_drains_its_worker_and_queues_it_again_before_the_time_limit(
    tmp_path, scontrol, number, code, again
):
    started = tmp_path / "started"
    worker = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), sys.exit({code})))\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "while True: time.sleep(0.05)"
    )
    file = tmp_path / "script"
    file.write_text(script(tmp_path, command=(sys.executable, "-c", worker)))
    with subprocess.Popen(["bash", file]) as running:
        while not started.exists():
            time.sleep(0.01)
        running.send_signal(number)
        assert running.wait(timeout=10) == code
    assert scontrol.exists() == again


def test_a_stop_after_the_time_limits_notice_tells_the_worker_nothing_new(tmp_path, scontrol):
    started = tmp_path / "started"
    worker = (
        "import pathlib, signal, sys, time\n"
        "told = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: told.append(1))\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "while not told: time.sleep(0.05)\n"
        "time.sleep(0.5); sys.exit(len(told) - 1)"
    )
    file = tmp_path / "script"
    file.write_text(script(tmp_path, command=(sys.executable, "-c", worker)))
    with subprocess.Popen(["bash", file]) as running:
        while not started.exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0
    assert not scontrol.exists()


@pytest.mark.parametrize("line", ["trap 'again=yes; tell' USR1\n", "worker=$!\n"])
def test_a_stop_before_the_worker_listens_loses_nothing(tmp_path, scontrol, line):
    text = script(tmp_path, command=("sh", "-c", "exec sleep 60"))
    assert line in text
    # Not at once: a child that has not begun its command yet still has the script's traps.
    told = text.replace(line, f"{line}sleep 0.2; kill -TERM $$\n")
    assert subprocess.run(["bash"], input=told, text=True, check=False).returncode == 0
    assert not scontrol.exists()


def row(*fields):
    return "".join(f"{field:128}|" for field in fields) + "\n"


def test_squeues_rows_become_workers():
    text = (
        row("11", "1", "PENDING", "", "Licenses", "0", "1", "0", COMMENT)
        + row("2", "0", "RUNNING", "n1", "None", "3", "1", "0", f"site; {COMMENT}")
        + row("2", "1", "RUNNING", "n1", "None", "0", "0", "0", COMMENT)
        + row("2", "2", "FAILED", "n2", "NonZeroExitCode", "0", "1", str(78 << 8), COMMENT)
        + row("2", "3", "TIMEOUT", "n2", "TimeLimit", "0", "1", "0", COMMENT)
        + row("2", "4", "COMPLETED", "n2", "None", "0", "1", "0:0", COMMENT)
        + row("2", "5", "FAILED", "n2", "NonZeroExitCode", "0", "1", "3:0", COMMENT)
        + row("2", "10", "COMPLETING", "n2", "None", "0", "1", "0", COMMENT)
        + row("9", "0", "RUNNING", "n2", "None", "0", "1", "0", "neuronas:another")
    )
    mismatch = "exit code 78: versions or data differ from the study's"
    assert workers_in(text, COMMENT) == [
        WorkerStatus("2_0", State.RUNNING, "n1", "", 3),
        WorkerStatus("2_1", State.STOPPING, "n1", "", 0),
        WorkerStatus("2_2", State.ENDED, "n2", mismatch, 0),
        WorkerStatus("2_3", State.ENDED, "n2", "timeout: TimeLimit", 0),
        WorkerStatus("2_4", State.ENDED, "n2", "done", 0),
        WorkerStatus("2_5", State.ENDED, "n2", "exit code 3", 0),
        WorkerStatus("2_10", State.STOPPING, "n2", "", 0),
        WorkerStatus("11_1", State.WAITING, None, "Licenses", 0),
    ]


def test_another_format_is_an_error_of_the_engine():
    with pytest.raises(EngineError, match="not of the format asked for"):
        workers_in("JOBID PARTITION NAME\n", COMMENT)


def test_without_slurm_it_is_said_where_to_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"no squeue on this machine; .* login node"):
        SlurmEngine(("neuronas",)).status(new_pool("demo", "slurm", tmp_path, workers=1))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("sbatch: error: invalid partition specified: x", "no such partition"),
        ("Batch job submission failed: Job violates accounting/QOS policy", "a limit of your"),
        ("slurm_load_jobs error: Unable to contact slurm controller", "does not answer"),
        ("sbatch: error: something else", "sbatch failed and said: sbatch: error: something else"),
        ("", "sbatch failed and said: nothing"),
    ],
)
def test_what_slurm_says_is_put_plainly(said, told):
    found = explained("sbatch", said)
    assert told in found
    assert said in found


def test_variables_of_sbatch_do_not_come_before_the_script(tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(f'#!/bin/sh\nenv > "{seen}"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    ours = {"SBATCH_ARRAY_INX", "SBATCH_JOB_NAME", "SBATCH_TIMELIMIT", "SBATCH_NO_REQUEUE"}
    for name in (*ours, "SBATCH_ACCOUNT", "NEURONAS_STORAGE"):
        monkeypatch.setenv(name, "outside")
    engine = SlurmEngine(("neuronas",))
    engine.submit(new_pool("demo", "slurm", tmp_path, workers=1, limit_minutes=60))
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert "SBATCH_ACCOUNT" in names
    assert names & {*ours, "NEURONAS_STORAGE"} == set()
