"""Every block of the README that a reader would type is run here."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from neuronas.config import SearchConfig, StudyConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder where the README's own study was searched by its own commands."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "mine.yaml").write_text(blocks("yaml")[0])
    for name, content in zip(("script", "layers", "genotype"), blocks("json"), strict=True):
        (folder / f"{name}.json").write_text(content)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "neuronas", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEURONAS_")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.soak
def test_the_readmes_study_is_checked_searched_from_python_and_queried_in_sql(folder):
    assert "rejected: energy_uj" in run(folder, "check", "mine.yaml").stdout
    python = subprocess.run(
        [sys.executable, "-c", blocks("python")[1]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert python.returncode == 0, python.stderr
    *front, cost, accuracy = python.stdout.splitlines()
    assert front
    *totals, left_out = cost.split(maxsplit=3)
    assert all(float(total) > 0 for total in totals)
    assert left_out == "[]"  # our own model covers every layer
    assert float(accuracy) > 0.8
    database = sqlite3.connect(folder / "neuronas.db")
    accurate, candidates = (database.execute(query).fetchall() for query in blocks("sql"))
    database.close()
    assert {row[0] for row in candidates} == {"mine"}
    assert {row[1]: row[2] for row in candidates}["complete"] >= 6
    assert all(row[3] <= 0.1 for row in accurate)
    listed = run(folder, "list").stdout
    assert "mine" in listed
    assert "finished" in listed


@pytest.mark.soak
def test_final_weights_are_loaded_as_the_readme_says(folder):
    done = run(folder, "search", "mine.yaml")
    trial = done.stdout.splitlines()[2].split()[0]
    final = run(folder, "train", "mine", trial, "--epochs", "2", "--seeds", "1", "--format", "json")
    (folder / "final.json").write_text(final.stdout)
    python = subprocess.run(
        [sys.executable, "-c", blocks("python")[2]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert python.returncode == 0, python.stderr
    (found,) = json.loads(final.stdout)
    assert float(python.stdout) == found["runs"][0]["test_accuracy"]


def test_the_readmes_own_loop_over_the_hardware_aware_sampler_runs(folder):
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(blocks("python")[0], found)
    assert len(found["study"].trials) == 5
    assert all(trial.values for trial in found["study"].trials)


def test_every_sampler_is_in_the_readmes_table():
    (table,) = re.findall(r"^\| `sampler` \|.*\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    named = {name for row in table.splitlines() for name in re.findall("`([a-z0-9-]+)`", row)}
    assert set(get_args(SearchConfig.model_fields["sampler"].annotation)) <= named


def test_the_defaults_in_the_readme_are_those_of_the_code():
    for section in ("space", "hardware", "training", "search"):
        (row,) = re.findall(rf"^\| `{section}` \| (.*) \|$", README, flags=re.MULTILINE)
        said = yaml.safe_load("{" + row.replace("`", "") + "}")
        assert StudyConfig.model_validate({"name": "a", "dataset": "digits", section: said}) == (
            StudyConfig(name="a", dataset="digits")
        )


def test_the_readmes_layers_and_list_in_the_scripts_names_are_estimated(folder):
    for name in ("layers.json", "genotype.json"):
        assert "num_pe" in run(folder, "estimate", name).stdout
    assert "num_pe" in run(folder, "estimate", "script.json", "--model", "spikesim").stdout


def test_every_command_is_named_in_the_readme():
    found = run(ROOT, "--help").stdout
    commands = re.findall(r"^  ([a-z]+) ", found.split("Commands:")[1], flags=re.MULTILINE)
    assert len(commands) >= 10
    for command in commands:
        assert re.search(rf"(neuronas |`){command}\b", README), command


def test_the_readme_runs_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z]+)", README):
        assert f"\n{target}:" in makefile, target
    assert shutil.which("make")
