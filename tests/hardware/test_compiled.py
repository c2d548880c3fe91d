"""The machine code of model ``cim``: what it computes, and what is kept of it on disk."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
import pytest

from neuronas.architecture import Workload
from neuronas.hardware.cim import compiled
from neuronas.hardware.cim.batch import cost_networks
from neuronas.hardware.cim.compiled import CompiledOnce, digest_of_sources
from tests.hardware.mixed import (
    CHIP,
    MODEL,
    digits,
    mixed_choices,
    mixed_family,
    mixed_networks,
    rates,
)


def some_costs() -> list[dict[str, list[object]]]:
    """Return what a few networks cost."""
    family = Workload.of(mixed_family(2))
    return [
        digits(MODEL.cost(w, CHIP, activity=rates(len(w.slots), n), choices=mixed_choices(n)))
        for w, n in ((mixed_networks(5), 5), (family, 2))
    ]


def test_machine_code_does_what_python_does():
    code = "import json, tests.hardware.test_compiled as t; print(json.dumps(t.some_costs()))"
    interpreted = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    for python, machine in zip(json.loads(interpreted.stdout), some_costs(), strict=True):
        for name, values in machine.items():
            assert python[name] == pytest.approx(values, rel=1e-12, abs=0), name


def test_a_change_of_a_source_or_a_constant_changes_the_digest(tmp_path, monkeypatch):
    folder = tmp_path / "cim"
    shutil.copytree(Path(compiled.__file__).parent, folder, ignore=lambda *_: ["__pycache__"])
    before = digest_of_sources(1.0, 2.0)
    monkeypatch.setattr(compiled, "__file__", str(folder / "compiled.py"))
    assert digest_of_sources(1.0, 2.0) == before
    assert digest_of_sources(1.0, 2.5) != before
    sources = sorted(folder.glob("*.py"))
    assert {"batch.py", "mapping.py", "timing.py"} <= {path.name for path in sources}
    found = {before}
    for path in sources:
        path.write_bytes(path.read_bytes() + b"# changed\n")
        found.add(digest_of_sources(1.0, 2.0))
    assert len(found) == len(sources) + 1


def compare(cache: Path) -> subprocess.CompletedProcess[str]:
    """Run ``neuronas compare`` with machine code kept in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "neuronas", "compare"],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "NUMBA_DISABLE_JIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


Compared = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Compared:
    """A folder with machine code, and the process that compiled it."""
    cache = tmp_path_factory.mktemp("machine") / "code"
    return cache, compare(cache)


def kept(cache: Path, ending: str) -> Path:
    (found,) = cache.rglob(f"*.{ending}")
    return found


@pytest.mark.soak
def test_the_first_process_compiles_and_says_so_the_second_does_not(first):
    cache, compiling = first
    assert compiling.returncode == 0
    assert "compiling the hardware model" in compiling.stderr
    again = compare(cache)
    assert (again.returncode, again.stdout, again.stderr) == (0, compiling.stdout, "")


def code_of_model() -> str:
    """Return the model's compiled code, as LLVM writes it."""
    some_costs()
    (code,) = cost_networks._compiled.inspect_llvm().values()
    return code


@pytest.mark.soak
def test_loops_over_networks_gather_nothing_and_take_no_powers(tmp_path):
    """A tenth of the time went into gathering one of two numbers, another into powers."""
    code = "import tests.hardware.test_compiled as t; print(t.code_of_model())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "llvm.pow" not in done.stdout
    if "fmul <8 x double>" not in done.stdout:
        pytest.skip("only processors with AVX-512 would gather")
    assert "masked.gather" not in done.stdout


@pytest.mark.soak
@pytest.mark.parametrize(("ending", "left"), [("nbi", 0), ("nbc", 1000)])
def test_damaged_machine_code_stops_no_command(first, tmp_path, ending, left):
    cache, whole = first
    damaged = kept(shutil.copytree(cache, tmp_path / "cache"), ending)
    os.truncate(damaged, left)
    done = compare(tmp_path / "cache")
    assert (done.returncode, done.stdout) == (0, whole.stdout)
    assert "compiled code of the hardware model cannot be kept or read" in done.stderr
    assert f"delete it, {damaged.parent}" in done.stderr


@pytest.mark.soak
def test_a_folder_that_cannot_be_made_stops_no_command(first, tmp_path):
    (tmp_path / "file").touch()
    done = compare(tmp_path / "file" / "below")
    assert (done.returncode, done.stdout) == (0, first[1].stdout)


FILL = """
def fill(numbers):
    for i in range(len(numbers)):
        numbers[i] = i + 1.0
"""


@pytest.fixture
def fill(tmp_path, monkeypatch) -> FunctionType:
    """A function that is compiled in no time, with a folder of its own for machine code."""
    source = tmp_path / "filling.py"
    source.write_text(FILL)
    description = importlib.util.spec_from_file_location("filling", source)
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return module.fill


def fills(function: CompiledOnce) -> bool:
    numbers = np.zeros(3)
    function(numbers)
    return numbers.tolist() == [1, 2, 3]


def test_machine_code_is_read_where_it_was_kept(fill, tmp_path, caplog):
    assert fills(CompiledOnce(fill))
    assert "compiling" in caplog.text
    caplog.clear()
    assert fills(CompiledOnce(fill))
    assert not caplog.records
    kept(tmp_path / "cache", "nbc").unlink()
    assert fills(CompiledOnce(fill))
    assert "compiling" in caplog.text


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "last byte lost": lambda code: code[:-1],
    "most lost": lambda code: code[:30],
    "all lost": lambda code: b"",
    "zeros": lambda code: bytes(len(code)),
    "no text where text was": lambda code: code.replace(b"numba", b"\xff\xfe\xff\xfe\xff"),
    "names of nothing": lambda code: code.replace(b"numba", b"mumba"),
}


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_any_damage_to_machine_code_costs_time_only(fill, tmp_path, caplog, ending, damage):
    assert fills(CompiledOnce(fill))
    file = kept(tmp_path / "cache", ending)
    file.write_bytes(damage(file.read_bytes()))
    caplog.clear()
    function = CompiledOnce(fill)
    assert fills(function)
    assert "cannot be kept or read" in caplog.text
    caplog.clear()
    assert fills(function)
    assert not caplog.records


def test_where_no_folder_can_be_written_to_the_process_compiles_its_own(
    fill, tmp_path, caplog, monkeypatch
):
    blocked = tmp_path / "__pycache__"
    blocked.touch()  # even root makes no folder below a file
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(blocked / "cache"))
    for home in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(home, str(blocked / "home"))
    assert fills(CompiledOnce(fill))
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_a_folder_that_goes_away_stops_nothing(fill, tmp_path, caplog):
    function = CompiledOnce(fill)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").touch()
    assert fills(function)
    assert "cannot be kept or read" in caplog.text


def test_code_that_cannot_be_kept_is_compiled_once(fill, tmp_path, caplog):
    function = CompiledOnce(fill)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").symlink_to(tmp_path / "no" / "folder")
    assert fills(function)
    assert "cannot be kept or read" in caplog.text
    assert caplog.text.count("compiling the hardware model") == 1
