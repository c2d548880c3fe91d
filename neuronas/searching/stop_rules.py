"""When a study stops: what is counted of it, against what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from neuronas.config import StopConfig
from neuronas.records import Standing, StudyRecord


@dataclass(frozen=True, slots=True)
class StopRule:
    """One rule, and how far a study is by it.

    Attributes:
        key: Key of the study file that sets it.
        counted: What is counted, for people.
        value: How much of it there is.
        limit: At how much the study stops; None without a limit.
    """

    key: str
    counted: str
    value: float
    limit: float | None

    @property
    def holds(self) -> bool:
        """Whether it stops the study."""
        return self.limit is not None and self.value >= self.limit


def stop_rules(study: StudyRecord) -> tuple[StopRule, ...]:
    """Return all rules of a study, in the order in which the first that holds is named."""
    standing = Standing(
        state=study.state,
        target_trials=study.target_trials,
        trained=study.counts["trained"],
        running=study.counts["running"],
        paused=study.counts["paused"],
        epochs=study.epochs,
        wall_seconds=study.wall_seconds,
        since_gain=study.since_gain,
    )
    return rules(study.config.search.stop, standing)


def rules(stop: StopConfig, standing: Standing) -> tuple[StopRule, ...]:
    """Return the same, of what a study file says of stopping and of how far the study is."""
    return (
        StopRule("search.trials", "networks trained", standing.trained, standing.target_trials),
        StopRule("search.stop.epochs", "epochs trained", standing.epochs, stop.epochs),
        StopRule(
            "search.stop.wall_seconds", "seconds searched", standing.wall_seconds, stop.wall_seconds
        ),
        StopRule(
            "search.stop.no_gain",
            "networks trained since the last gain in hypervolume",
            standing.since_gain,
            stop.no_gain,
        ),
    )


def holding_rule(study: StudyRecord) -> StopRule | None:
    """Return the first rule that stops a study; None while it may go on."""
    return next((rule for rule in stop_rules(study) if rule.holds), None)


def seconds_left(study: StudyRecord, seconds_per_network: float) -> float:
    """Return how long one process takes until a rule stops a study, ``no_gain`` left out.

    Args:
        study: The study.
        seconds_per_network: Mean time of a training.
    """
    stop, trained = study.config.search.stop, study.counts["trained"]
    networks: list[float] = [study.target_trials - trained]
    if stop.epochs is not None and study.epochs:
        networks.append((stop.epochs - study.epochs) * trained / study.epochs)
    seconds = [min(networks) * seconds_per_network]
    if stop.wall_seconds is not None:
        seconds.append(stop.wall_seconds - study.wall_seconds)
    return max(0.0, min(seconds))
