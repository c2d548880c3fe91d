"""How far a study is, as its listeners are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from neuronas.config import StudyConfig
from neuronas.searching.objectives import best_so_far
from neuronas.searching.stop_rules import seconds_left
from neuronas.storage import Repository


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


@dataclass(slots=True)
class Reporter:
    """Tells a listener what happened, with how far the study is.

    Attributes:
        config: The study.
        repository: Our tables.
        listener: Is told.
        train_seconds: Of each network that this process trained newly.
    """

    config: StudyConfig
    repository: Repository
    listener: Listener
    train_seconds: list[float] = field(default_factory=list)

    def __call__(self, message: str, train_seconds: float | None = None) -> None:
        """Tell what happened.

        Args:
            message: What.
            train_seconds: Time of a training that has just ended, if it is new.
        """
        if train_seconds is not None:
            self.train_seconds.append(train_seconds)
        name = self.config.name
        record = self.repository.study(name)
        counts, front = record.counts, self.repository.front(name)
        known = self.train_seconds
        left = seconds_left(record, sum(known) / len(known)) if known else None
        self.listener(
            Progress(
                trained=counts["trained"],
                target=record.target_trials,
                reused=counts["reused"],
                pruned=counts["pruned"],
                failed=counts["failed"],
                exceeded=counts["exceeded"],
                drawn=record.drawn,
                rejected=record.rejected,
                front_size=len(front),
                hypervolume=self.repository.hypervolume(name),
                best=best_so_far(self.config.objectives, front),
                seconds_left=left,
                message=message,
            )
        )
