"""Reaping where no worker does it: all studies of a database, now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neuronas.errors import StorageError
from neuronas.records import CandidateState
from neuronas.storage import Figures, Reaper, Repository, existing_study, translated_errors

EVERY_SECONDS = 60.0


@contextmanager
def reaping(
    url: str, say: Callable[[str], None], *, every_seconds: float = EVERY_SECONDS
) -> Iterator[None]:
    """Take trials away from dead workers of any study, while the context lasts.

    Workers do so themselves; this is for when none is left.

    Args:
        url: Storage URL of a database that has studies.
        say: Told of each trial, and of a database that is away.
        every_seconds: Time between two looks.
    """
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(every_seconds):
            try:
                for message in reap_all(url):
                    say(message)
            except StorageError as error:
                say(f"dead workers could not be looked for: {error}")

    thread = threading.Thread(target=look, name="reaper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def reap_all(url: str) -> Iterator[str]:
    """Take the trials of dead workers away; yield what was done."""
    with Figures(url) as figures:
        studies = figures.of_studies()
    with translated_errors(url), Repository(url) as repository:
        for study in studies:
            shared = (
                existing_study(url, study.name) if study.states[CandidateState.RUNNING] else None
            )
            if shared is not None:
                for number in Reaper(repository, shared).reap():
                    yield f"trial {number} of '{study.name}' was taken away from a dead worker"
