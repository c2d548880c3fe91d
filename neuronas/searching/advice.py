"""What to do where trainings fail in a row: it depends on why they failed."""

from __future__ import annotations

from collections.abc import Iterable

_LEARNING = "training.learning_rate first, then space.time_steps and space.threshold"
_MEMORY = (
    "training.batch_size, space.channels and space.time_steps, which decide what a training takes; "
    "training.memory_limit_mb, or what else takes memory on this machine"
)
_ADVICE = {
    "too large": _MEMORY,
    "out of memory": _MEMORY,
    "out of time": "training.wall_seconds, or training.epochs and training.samples",
    "crashed": "what its process wrote above, and whether torch works on this machine",
}


def advice(reasons: Iterable[str]) -> str:
    """Return what to check in a study whose candidates failed for these reasons."""
    found = dict.fromkeys(_ADVICE.get(reason, _LEARNING) for reason in reasons)
    return "\n".join(f"Check {what}." for what in found)
