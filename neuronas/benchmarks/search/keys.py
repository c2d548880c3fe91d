"""What simulated searches are known by: all that decides them, so that no stale one is taken."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from neuronas import searching
from neuronas.benchmarks import search
from neuronas.benchmarks.search.bench import Bench, Plan
from neuronas.searching.samplers import SAMPLERS

OPTUNA_SAMPLERS = frozenset({"random", "tpe", "nsga2", "nsga3", "gp"})
"""Samplers that are not run again when only those of our own changed."""

COMMON = ("objectives.py", "region.py", "samplers.py", "seeds.py", "simulation.py")
ALL = ("*.py",)
SIMULATION = ("bench.py", "classes.py", "costs.py", "measures.py", "region.py")


class Keys:
    """What runs are known by: everything that decides them.

    Args:
        bench: The benchmark.
        data: File of the trained cells.
    """

    def __init__(self, bench: Bench, data: Path) -> None:
        self._problems = {name: problem.digest for name, problem in bench.problems.items()}
        known = [data.read_bytes(), version("optuna").encode(), *_sources(search, SIMULATION)]
        digests = {names: _digest([*known, *_sources(searching, names)]) for names in (COMMON, ALL)}
        self._code = {
            sampler: digests[COMMON if sampler in OPTUNA_SAMPLERS else ALL] for sampler in SAMPLERS
        }

    def of(self, plan: Plan, seed: int) -> str:
        """Return the key of one run."""
        return (
            f"{plan.problem} {self._problems[plan.problem]} {plan.sampler} "
            f"{self._code[plan.sampler]} {plan.workers} {plan.trainings} {seed}"
        )


def _sources(package: ModuleType, patterns: tuple[str, ...]) -> list[bytes]:
    folder = Path(next(iter(package.__path__)))
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return [path.read_bytes() for path in paths]


def _digest(parts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
