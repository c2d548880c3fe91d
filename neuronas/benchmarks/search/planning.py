"""What is run: samplers, workers, seeds and trainings of the whole and of the quick benchmark."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from neuronas.benchmarks.search.bench import Plan
from neuronas.benchmarks.search.problems import PROBLEMS, ProblemConfig
from neuronas.config import RANKED_SAMPLERS
from neuronas.errors import ConfigError
from neuronas.searching.choosing import SAMPLER_NAMES

SLOW = "gp"
"""Takes a hundred times longer than the others, so it is run less."""

_SLOW_PROBLEMS = ("a", "b")
_WORKERS = (1, 8)


def plans(
    problems: Iterable[str], samplers: Sequence[str], seeds: int | None, *, quick: bool
) -> list[Plan]:
    """Return what to run.

    Args:
        problems: Names of problems.
        samplers: Names of samplers; all where empty, and then ``gp`` on problems of the user's own
            and on (a) and (b) alone, and not when quick.
        seeds: Seeds of each; 30, or 4 when quick, where None; of ``gp`` a third.
        quick: Whether to stop at 60 trainings.

    Raises:
        ConfigError: There is no such sampler, or it scores untrained networks.
    """
    for name in samplers:
        check_sampler(name)
    names = list(problems)
    count = seeds or (4 if quick else 30)
    fast = [name for name in samplers or SAMPLER_NAMES if name != SLOW]
    found = _cross(names, fast, _WORKERS, 60 if quick else 200, count)
    if SLOW in samplers or (not samplers and not quick):
        own = [n for n in names if n in _SLOW_PROBLEMS or n not in PROBLEMS or SLOW in samplers]
        found += _cross(own, [SLOW], _WORKERS[:1], 60 if quick else 100, -(-count // 3))
    return found


def check_sampler(name: str) -> None:
    """Raise what is wrong with the name of a sampler.

    Raises:
        ConfigError: There is no such sampler, or it scores untrained networks.
    """
    if name not in SAMPLER_NAMES:
        raise ConfigError(
            f"--sampler: {_refusal(name)}; allowed: {', '.join(sorted(SAMPLER_NAMES))}"
        )


def problem_named(text: str) -> ProblemConfig:
    """Return a problem of the benchmark by name, or that of a file.

    Raises:
        ConfigError: It is neither, or the file is wrong.
    """
    if text in PROBLEMS:
        return PROBLEMS[text]
    path = Path(text)
    if not path.suffix and not path.exists():
        raise ConfigError(
            f"--problem: there is no '{text}'; allowed: {', '.join(PROBLEMS)}, or a YAML or JSON "
            "file with objectives, satisfied_share or budget, and reference_accuracy"
        )
    return ProblemConfig.from_file(path)


def _refusal(sampler: str) -> str:
    """Return why there is no benchmark of a sampler."""
    if sampler in RANKED_SAMPLERS:
        return (
            f"'{sampler}' ranks untrained networks by a proxy, and of the recorded trainings no "
            "proxy is known; search a study with it instead"
        )
    return f"there is no '{sampler}'"


def _cross(
    problems: Iterable[str],
    samplers: Iterable[str],
    workers: Iterable[int],
    trainings: int,
    seeds: int,
) -> list[Plan]:
    """Return a plan per combination of problem, number of workers and sampler."""
    return [
        Plan(problem, sampler, count, trainings, seeds)
        for problem, count, sampler in itertools.product(problems, workers, samplers)
    ]
