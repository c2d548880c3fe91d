"""How a process takes part in a search that others may take part in, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neuronas.searching.progress import Event
from neuronas.storage import LEASE_SECONDS, Origin


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """How a process takes part in a search.

    Attributes:
        origin: Where it comes from.
        max_trials: Networks that it trains newly at most; None for what the study asks for.
        max_seconds: Time after which it begins no other network.
        lease_seconds: For how long it may give no sign of life before its candidate is given to
            others.
        patience_seconds: For how long it waits for a database that is away.
        joins: Whether it only joins: what the study asks for stays as it is, and packages and
            data must be those that it was begun with.
        log: Told what happens.
        on_join: Called once the study is there and this process has joined it.
    """

    origin: Origin | None = None
    max_trials: int | None = None
    max_seconds: float | None = None
    lease_seconds: float = LEASE_SECONDS
    patience_seconds: float = 0.0
    joins: bool = False
    log: Callable[[Event], None] | None = None
    on_join: Callable[[], None] = _nothing


DEFAULT_WORK = Work()
