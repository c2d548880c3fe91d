"""Running commands in this process, as a terminal would see them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from neuronas.cli import main
from tests.searching.fakes import FakeEvaluator, evaluated_by, without_fsync

STUDY = """\
dataset: digits
space: {channels: [2, 4, 8], time_steps: [1, 2]}
hardware: {model: spikesim, chip: spikesim-65nm-rram}
budget: {area_mm2: 0.8, latency_ms: 0.2, energy_uj: 0.25}
search: {sampler: random, trials: 6, seed: 1}
"""


_VARIABLES = ("NEURONAS_STORAGE", "NEURONAS_STORAGE_FILE", "NEURONAS_CHECKPOINT_DIR")


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, its data and its talk."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working folder, with no setting of ours in the environment."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in ``folder``."""

    def command(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, out, err)

    return command


@pytest.fixture
def study(folder: Path) -> Path:
    """Return a study file, named ``tiny``."""
    path = folder / "tiny.yaml"
    path.write_text(textwrap.dedent(STUDY))
    return path


@pytest.fixture
def evaluator() -> Iterator[FakeEvaluator]:
    """Let searches train with an evaluator that answers at once."""
    fake = FakeEvaluator()
    with evaluated_by(fake), without_fsync():
        yield fake


@pytest.fixture(scope="session")
def _searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search ``tiny`` to its end, once; return the folder with its database."""
    folder = tmp_path_factory.mktemp("searched")
    path = folder / "tiny.yaml"
    path.write_text(textwrap.dedent(STUDY))
    with pytest.MonkeyPatch.context() as patch, evaluated_by(FakeEvaluator()), without_fsync():
        for name in _VARIABLES:
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main(["search", str(path)])
    assert not ended.value.code
    assert not (folder / "neuronas.db-wal").exists()  # all is in the one file that is copied
    return folder


@pytest.fixture
def searched(folder: Path, study: Path, evaluator: FakeEvaluator, _searched: Path) -> FakeEvaluator:
    """Have ``tiny`` searched to its end in ``folder``, and return an evaluator for what follows."""
    shutil.copy(_searched / "neuronas.db", folder)
    return evaluator
