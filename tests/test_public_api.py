"""The public API: what there is, what importing it costs, and that its examples run."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

import neuronas

HEAVY = {
    "alembic",
    "numpy",
    "optuna",
    "pydantic",
    "rich",
    "safetensors",
    "sklearn",
    "snntorch",
    "sqlalchemy",
    "torch",
    "typer",
    "yaml",
}


def imported_by(code: str) -> set[str]:
    """Return the packages that a piece of code imports, in a process of its own."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_all_is_sorted_and_complete():
    assert neuronas.__all__ == sorted(neuronas.__all__)
    assert {"load_study", "search", "estimate", "build_network"} <= set(neuronas.__all__)


@pytest.mark.parametrize("name", neuronas.__all__)
def test_every_public_name_is_there_and_explains_itself(name):
    found = getattr(neuronas, name)
    assert found.__name__ == name
    assert found.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'neuronas' has no attribute 'serch'"):
        neuronas.serch  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    assert imported_by("import neuronas; dir(neuronas)") & HEAVY == set()


def test_reading_a_study_and_costing_a_network_import_no_torch():
    code = "import neuronas; neuronas.load_study, neuronas.estimate, neuronas.Architecture"
    assert imported_by(code) & {"torch", "snntorch", "optuna", "sqlalchemy", "sklearn"} == set()


def test_the_version_is_the_installed_packages():
    assert neuronas.__version__ == version("neuronas")


@pytest.mark.parametrize("name", ["build_network", "estimate", "load_study", "search"])
def test_the_example_of_a_function_runs(name):
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(neuronas, name), name)
    assert example.examples
    result = doctest.DocTestRunner(verbose=False).run(example)
    assert (result.attempted, result.failed) == (len(example.examples), 0)


@pytest.mark.parametrize("policy", [None, "ACTIVE"])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(policy):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {} if policy is None else {"OMP_WAIT_POLICY": policy}
    script = "import os, neuronas; print(os.environ['OMP_WAIT_POLICY'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (policy or "PASSIVE")
