"""The progress of a search on stderr: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neuronas.cli.options import say

if TYPE_CHECKING:
    from neuronas.searching import Progress


def _left(seconds: float | None) -> str:
    if seconds is None:
        return "--:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary(progress: Progress) -> str:
    """Return the counts of a search on one line."""
    front = f"front {progress.front_size}, hypervolume {progress.hypervolume:.3f}"
    if progress.best:
        front = ", ".join(f"best {name} {value:.4g}" for name, value in progress.best.items())
    return (
        f"{progress.trained}/{progress.target} trained, {progress.reused} reused, "
        f"{progress.rejected:,} rejected, {progress.pruned} pruned, "
        f"{progress.exceeded} exceeded, {progress.failed} failed | "
        f"{front} | "
        f"{_left(progress.seconds_left)} left"
    )


@contextmanager
def shown_progress() -> Iterator[Callable[[Progress], None]]:
    """Give a listener that shows progress as long as the context lasts."""
    if not sys.stderr.isatty():
        yield lambda progress: say(f"{summary(progress)} | {progress.message}")
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("starting") as status:

        def show(progress: Progress) -> None:
            if progress.message.startswith(("trial", "space", "scored")):
                console.print(progress.message)
            scoring = progress.message.startswith("scoring")
            status.update(progress.message if scoring else summary(progress))

        yield show
