"""Running: every sampler on every problem, seed by seed, in one or more processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronas.benchmarks.search.bench import Bench, Plan
from neuronas.benchmarks.search.keys import Keys
from neuronas.benchmarks.search.processes import done_in_processes
from neuronas.benchmarks.search.state import Run, State


@dataclass(frozen=True, slots=True)
class Step:
    """How far the benchmark is: runs done, of all, and the seconds left at the pace so far."""

    done: int
    runs: int
    seconds_left: float | None


def run_all(
    bench: Bench,
    plans: Sequence[Plan],
    *,
    data: Path,
    state: Path | None = None,
    processes: int = 1,
    listener: Callable[[Step], None] = lambda _: None,
) -> dict[Plan, list[Run]]:
    """Return the runs of every plan, those of seed 0 first; what the state has is not run again.

    Args:
        bench: The benchmark.
        plans: What to run.
        data: File of the trained cells.
        state: File that is written after each run; none where None.
        processes: Runs at once.
        listener: Told after each run.

    Raises:
        ConfigError: The state's file is none.
        NeuronasError: It cannot be written, or a process died.
    """
    kept = State.read(state)
    kept.write(state)  # what cannot be written is told before an hour is spent
    keys = Keys(bench, data)
    wanted = {
        keys.of(plan, seed): (plan, seed)
        # Seeds go round, so that what is stopped early has some of every sampler.
        for seed in range(max((plan.seeds for plan in plans), default=0))
        for plan in plans
        if seed < plan.seeds
    }
    missing = {key: run for key, run in wanted.items() if key not in kept.runs}
    done, started = len(wanted) - len(missing), time.monotonic()
    listener(Step(done, len(wanted), None))
    with done_in_processes(_Runner(bench), missing, processes) as finished:
        for number, (key, run) in enumerate(finished, start=1):
            kept.runs[key] = run
            kept.write(state)
            pace = (time.monotonic() - started) / number
            listener(Step(done + number, len(wanted), pace * (len(missing) - number)))
    return {plan: [kept.runs[keys.of(plan, seed)] for seed in range(plan.seeds)] for plan in plans}


@dataclass(frozen=True, slots=True)
class _Runner:
    bench: Bench

    def __call__(self, task: tuple[Plan, int]) -> Run:
        return self.bench.run(*task)
