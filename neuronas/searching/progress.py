"""How far a study is, as its listeners are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is.

    Attributes:
        trained, target: Networks newly trained, and asked for.
        reused, pruned, failed: Trials that ended so.
        exceeded: Those of the trained and reused ones that broke a budget when measured.
        drawn, rejected: Genotypes drawn, and turned away before they became trials.
        front_size, hypervolume: The Pareto front; hypervolume in [0, 1].
        best: Of a study with one objective its best value so far, by name.
        seconds_left: At most, estimated; None before the first training of this process.
        message: What happened last.
    """

    trained: int
    target: int
    reused: int
    pruned: int
    failed: int
    exceeded: int
    drawn: int
    rejected: int
    front_size: int
    hypervolume: float
    best: Mapping[str, float]
    seconds_left: float | None
    message: str


Listener = Callable[[Progress], None]
