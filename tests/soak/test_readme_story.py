"""README's "From a laptop to a cluster", word by word, on Slurm and PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
WAIT_FOR_WORKERS = """\
until neuronas cluster status mine {engine} --format csv | grep -qE ",(running|ended),"
do sleep 1
done"""


def commands() -> list[str]:
    """Return the commands of the section, one after the other."""
    section = README.split("\n## From a laptop to a cluster\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks if block[0] != "$" for line in block.splitlines()]


def as_here(command: str, server: postgres.Server) -> str:
    """Return a command with this place's names, and an end where it would wait for a person."""
    known = postgres.PASSWORD.replace("/", "%2F").replace("@", "%40")
    for word, here in (
        ("HOST:5432", f"127.0.0.1:{server.port}"),
        ("HOST", "127.0.0.1"),
        ("USER", "neuronas"),
        ("PASSWORD", known),
    ):
        command = re.sub(rf"\b{word}\b", here, command)
    if command == "neuronas serve":
        return "timeout -s INT 8 neuronas serve --port 0 --token-file token || [ $? = 124 ]"
    if command.startswith("neuronas compare-studies"):
        return f"neuronas search other.yaml\n{command}"
    if command.startswith("neuronas delete"):
        return f"echo other | {command}"
    if command.startswith("neuronas worker"):
        return f"{command} --max-trials 1"
    if command.startswith("neuronas cluster submit") and "--dry-run" not in command:
        engine = "--engine local" if "local" in command else ""
        return f"{command}\n{WAIT_FOR_WORKERS.format(engine=engine)}"
    return command


def test_the_story_can_be_followed_word_by_word(slurm_lab, postgres_server, tmp_path):
    study = re.findall(r"^```yaml\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "mine.yaml").write_text(study)
    (tmp_path / "other.yaml").write_text(study.replace("trials: 6", "trials: 2"))
    script = [as_here(command, postgres_server) for command in commands()]
    assert len(script) >= 20
    environment = {k: v for k, v in os.environ.items() if k != "NEURONAS_STORAGE"} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PGPORT": str(postgres_server.port),
        "PGPASSWORD": postgres.PASSWORD,
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["bash", "-ex"],
        input="\n".join(script),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "all workers of 'mine' on slurm ended\n" in done.stderr
    assert "all workers of 'mine' on local ended\n" in done.stderr
    assert (tmp_path / "studies.dump").stat().st_size > 0
