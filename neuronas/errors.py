"""Errors that neuronas raises on purpose; each says what, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class NeuronasError(Exception):
    """Base of every error of this package.

    Attributes:
        exit_code: Exit status of the command line when this error ends it.
    """

    exit_code: ClassVar[int] = 1


class ConfigError(NeuronasError):
    """A study file, a genotype or a command's input is wrong.

    Attributes:
        source: File (or other origin) of the wrong input; None when it came from Python.
        problems: One line per problem, each with its key path.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, problems: str | Sequence[str], *, source: str | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        body = "\n".join(f"  {problem}" for problem in self.problems)
        return body.lstrip() if self.source is None else f"{self.source}:\n{body}"


class GenotypeError(ConfigError):
    """An architecture is malformed, not connected, or outside the search space."""


class WorkloadError(ConfigError):
    """A layer table holds a value that cannot be; the message names layer and field."""


class InfeasibleSpaceError(NeuronasError):
    """No candidate of the search space fits the budget.

    Attributes:
        binding: Name of the budget that the nearest candidate misses by most.
        nearest: Genotype (JSON values) of the nearest candidate.
        violations: ``cost / budget - 1`` of the nearest candidate, per budget.
    """

    exit_code: ClassVar[int] = 4

    def __init__(
        self,
        message: str,
        *,
        binding: str | None = None,
        nearest: dict[str, object] | None = None,
        violations: dict[str, float] | None = None,
    ) -> None:
        super().__init__(message)
        self.binding = binding
        self.nearest = nearest
        self.violations = violations or {}


class SpaceExhaustedError(NeuronasError):
    """Every feasible network of the search space that could be found was already proposed."""


class HardwareModelError(NeuronasError):
    """A hardware model cannot cost a network, or a chip's description is wrong."""

    exit_code: ClassVar[int] = 3


class StorageError(NeuronasError):
    """The database cannot be reached, read or written."""

    exit_code: ClassVar[int] = 5


class StorageUnavailableError(StorageError):
    """The database cannot be used now: it is away, busy or full of connections; try again."""


class LeaseLostError(StorageError):
    """A worker has lost its trial: its lease expired, and the candidate was queued again."""


class EnvironmentMismatchError(NeuronasError):
    """A worker has other packages or data than the study's other workers."""

    exit_code: ClassVar[int] = 78


class CheckpointError(StorageError):
    """The state of a paused training is absent or damaged; it can be trained from its start."""


class StudyLockedError(StorageError):
    """Another live process already works on this study."""


class DatasetError(NeuronasError):
    """A dataset's files are absent or damaged."""

    exit_code: ClassVar[int] = 6


class TrainingFailedError(NeuronasError):
    """One candidate could not be trained; the study goes on.

    Attributes:
        reason: ``non-finite``, ``diverged``, ``dead network``, ``saturated network``,
            ``at chance``, ``too large``, ``out of memory``, ``out of time`` or ``crashed``.
        detail: What was seen.
        epochs: Epochs that it was trained; None where that is not known.
    """

    exit_code: ClassVar[int] = 7

    def __init__(self, reason: str, detail: str, epochs: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.epochs = epochs

    def __reduce__(self) -> tuple[type[TrainingFailedError], tuple[str, str, float | None]]:
        """Return how to make it again in another process."""
        return type(self), (self.reason, self.detail, self.epochs)


class EngineError(NeuronasError):
    """An engine is not there, cannot be reached, or refuses what it is asked for."""

    exit_code: ClassVar[int] = 8


class RepeatedFailureError(NeuronasError):
    """Several candidates failed in a row, so the cause is the study, not a candidate."""

    exit_code: ClassVar[int] = 7
