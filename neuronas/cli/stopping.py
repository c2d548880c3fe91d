"""How commands that run for long end when the user stops them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from neuronas import interrupts
from neuronas.cli.options import say


@contextmanager
def stopped_by_user(what_next: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command with 130, after it has said how to go on."""
    with interrupts.caught():
        try:
            yield
        except KeyboardInterrupt as stop:
            for note in getattr(stop, "__notes__", ()):
                say(note)
            say(f"stopped; {what_next}")
            raise typer.Exit(130) from None
