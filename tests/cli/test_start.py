"""Starting commands: help, versions, what is imported for what, usage errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import neuronas
from neuronas.config import DATASETS
from tests.strategies import architecture

COMMANDS = [
    "search",
    "resume",
    "enqueue",
    "history",
    "list",
    "status",
    "front",
    "show",
    "train",
    "check",
    "estimate",
    "compare",
    "proxy",
    "serve",
    "worker",
    "stop",
    "delete",
    "compare-studies",
    "chips",
    "cluster",
    "ablate",
    "bench",
    "data",
    "db",
]

BENCHES = (["bench", "lif"], ["bench", "training"])

IMPORTED = """
import json, sys
from neuronas.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
finally:
    json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stderr)
"""


def imported(*arguments: object) -> set[str]:
    """Return the packages that a command imports, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr[done.stderr.index('["') :]))


def test_help_imports_nothing_heavy():
    heavy = {"torch", "optuna", "sqlalchemy", "alembic", "snntorch", "numpy", "sklearn"}
    assert imported("--help") & heavy == set()
    assert imported("search", "--help") & heavy == set()


def test_hardware_commands_import_neither_torch_nor_optuna_nor_sqlalchemy(study, folder):
    network = folder / "network.json"
    network.write_text(json.dumps(architecture().to_json()))
    heavy = {"torch", "optuna", "sqlalchemy", "snntorch", "sklearn"}
    assert imported("check", study, "--candidates", 100) & heavy == set()
    assert imported("estimate", network, "--model", "spikesim") & heavy == set()


def test_looking_at_studies_imports_no_torch(searched):
    for command in (["status", "tiny"], ["show", "tiny", 0]):
        assert imported(*command) & {"torch", "snntorch", "sklearn"} == set()


def test_the_help_lists_every_command(run):
    done = run("--help")
    assert done.code == 0
    listed = re.findall(r"^  ([a-z-]+)  ", done.out.split("Commands:")[1], flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize(
    "command", [*([name] for name in COMMANDS), ["bench", "lif"], ["bench", "training"]]
)
def test_every_command_explains_itself_and_each_option(run, command):
    done = run(*command, "--help")
    assert done.code == 0
    assert f"Usage: neuronas {' '.join(command)}" in done.out
    sections = re.split(r"^(?:Options|Arguments|Commands):$", done.out, flags=re.MULTILINE)
    assert len(sections[0].strip().splitlines()) >= 2
    for block in re.split(r"\n  (?=\S)", "\n".join(sections[1:])):
        entry = block.strip()
        if entry:
            assert re.search(r"\S(  +|\n +)\S", entry), entry


@pytest.mark.parametrize(
    "command", ["search", "resume", "list", "status", "history", "front", "show", "train"]
)
def test_every_command_on_stored_studies_takes_a_storage(run, command):
    assert "NEURONAS_STORAGE" in run(command, "--help").out


def test_no_command_shows_the_help(run):
    done = run()
    assert done.code == 2
    assert "Usage: neuronas" in done.out + done.err


def test_the_version_is_the_packages(run):
    assert run("--version").out == f"neuronas {neuronas.__version__}\n"


def test_python_m_neuronas_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "neuronas", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"neuronas {neuronas.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serch"], "No such command 'serch'"),
        (["search"], "Missing argument 'study'"),
        (["search", "a.yaml", "--trials", "0"], "Invalid value for '--trials'"),
        (["search", "a.yaml", "--trails", "3"], "No such option: --trails"),
        (["front", "tiny", "--format", "xml"], "Invalid value for '--format'"),
        (["show", "tiny", "first"], "Invalid value for 'trial'"),
        (["check", "a.yaml", "--candidates", "-1"], "Invalid value for '--candidates'"),
    ],
)
def test_a_usage_error_ends_with_2_and_says_what_is_wrong(run, arguments, told):
    done = run(*arguments)
    assert done.code == 2
    assert told.lower() in done.err.lower()
    assert done.out == ""


@pytest.mark.parametrize("command", ["search", "check"])
def test_a_study_file_that_is_not_there_is_told_the_nearest_name(run, study, command):
    done = run(command, study.with_name("tinny.yaml"))
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {study.with_name('tinny.yaml')}:\n")
    assert f"did you mean {study}?" in done.err


@pytest.mark.parametrize("command", ["search", "check"])
def test_a_wrong_study_file_is_told_file_key_found_and_allowed(run, study, command):
    study.write_text(study.read_text().replace("digits", "digit").replace("space", "spaces"))
    done = run(command, study)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {study}:\n")
    allowed = ", ".join(DATASETS)
    assert f"dataset: found 'digit'; allowed: {allowed}; did you mean 'digits'?" in done.err
    assert "spaces: unknown key; allowed: budget, dataset, " in done.err
    assert "did you mean 'space'?" in done.err
    assert "Traceback" not in done.err
    assert not Path("neuronas.db").exists()


def piped(study: Path, reader: str) -> subprocess.CompletedProcess[str]:
    command = f"set -o pipefail; {sys.executable} -m neuronas check {study} --format json {reader}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


def test_a_reader_that_goes_away_is_no_error():
    done = piped(Path(neuronas.__file__).parents[1] / "studies" / "digits.yaml", "| true")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_output_is_told_in_one_line():
    done = piped(Path(neuronas.__file__).parents[1] / "studies" / "digits.yaml", "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_widths_that_are_no_numbers_are_a_wrong_use(run):
    done = run("bench", "training", "--channels", "16,x")
    assert done.code == 2
    assert "such as 16,32" in done.err
