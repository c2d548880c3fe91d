"""What simulated searches are known by: all that decides them, so that no stale one is taken."""

from __future__ import annotations

import ast
import hashlib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from neuronas import searching
from neuronas.benchmarks import search
from neuronas.benchmarks.search.bench import Bench, Plan
from neuronas.searching.choosing import SAMPLER_NAMES

OPTUNA_SAMPLERS = frozenset({"random", "tpe", "nsga2", "nsga3", "gp"})
"""Samplers that are not run again when only those of our own changed."""

SIMULATION = ("bench.py", "classes.py", "costs.py", "measures.py", "region.py")
"""What of the benchmark decides a run beside what a problem's digest holds."""


class Keys:
    """What runs are known by: everything that decides them.

    Args:
        bench: The benchmark.
        data: File of the trained cells.
    """

    def __init__(self, bench: Bench, data: Path) -> None:
        self._problems = {name: problem.digest for name, problem in bench.problems.items()}
        known = [data.read_bytes(), version("optuna").encode()]
        known += [(_folder(search) / name).read_bytes() for name in SIMULATION]
        folder = _folder(searching)
        optunas = _digest([*known, *(path.read_bytes() for path in common_modules(folder))])
        others = _digest([*known, *(path.read_bytes() for path in sorted(folder.glob("*.py")))])
        self._code = {
            name: optunas if name in OPTUNA_SAMPLERS else others for name in SAMPLER_NAMES
        }

    def of(self, plan: Plan, seed: int) -> str:
        """Return the key of one run."""
        return (
            f"{plan.problem} {self._problems[plan.problem]} {plan.sampler} "
            f"{self._code[plan.sampler]} {plan.workers} {plan.trainings} {seed}"
        )


def common_modules(folder: Path) -> list[Path]:
    """Return the modules of ``searching`` that decide what every sampler does.

    That is ``samplers``, but not what it imports, and all that the others import of the package.
    """
    found: set[Path] = set()
    left = [folder / f"{name}.py" for name in ("region", "seeds", "simulation")]
    while left:
        path = left.pop()
        if path not in found and path.is_file():
            found.add(path)
            left += [folder / f"{name}.py" for name in _imported(path)]
    return sorted(found | {folder / "samplers.py"})


def _imported(path: Path) -> list[str]:
    """Return the modules of ``searching`` that a module imports at its top."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == searching.__name__:
                names += [alias.name for alias in node.names]
            elif node.module.startswith(f"{searching.__name__}."):
                names.append(node.module.split(".")[2])
    return names


def _folder(package: ModuleType) -> Path:
    return Path(next(iter(package.__path__)))


def _digest(parts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
