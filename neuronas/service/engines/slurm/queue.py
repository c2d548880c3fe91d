"""What ``squeue`` says of a pool's jobs; it needs no accounting database."""

from __future__ import annotations

from neuronas.errors import EngineError
from neuronas.service.engines.protocol import State, WorkerStatus

_FIELDS = (
    "ArrayJobID",
    "ArrayTaskID",
    "State",
    "NodeList",
    "Reason",
    "RestartCnt",
    "Requeue",
    "exit_code",
    "Comment",
)
_WIDTH = 128  # Slurm cuts off what is longer, and pads what is shorter
FORMAT = ",".join(f"{field}:{_WIDTH}|" for field in _FIELDS)
"""For ``squeue --Format``."""

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "SUSPENDED"}
_STOPPING = {"COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED"}
_EXIT_CODES = {
    75: "the database was away for too long",
    78: "versions or data differ from the study's",
}


def workers_in(text: str, comment: str) -> list[WorkerStatus]:
    """Return the jobs with a comment, in the order of their submission.

    A worker that was told to stop is one that Slurm shall not start anew.

    Args:
        text: Output of ``squeue --noheader --array --Format`` with :data:`FORMAT`.
        comment: What the pool's jobs carry.

    Raises:
        EngineError: The output is not of that format.
    """
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != len(_FIELDS) + 1:
            raise EngineError(
                f"squeue answered a line that is not of the format asked for: {line.strip()!r}; "
                "neuronas is tested with Slurm 22.05"
            )
        row = dict(zip(_FIELDS, fields, strict=False))
        # Sites may add to comments.
        if comment in row["Comment"] and row["ArrayTaskID"].isdigit():
            found.append(_worker(row))
    return sorted(found, key=_submission)


def _submission(worker: WorkerStatus) -> list[int]:
    return [int(number) for number in worker.id.split("_")]


def _worker(row: dict[str, str]) -> WorkerStatus:
    state = _state(row)
    return WorkerStatus(
        id=f"{row['ArrayJobID']}_{row['ArrayTaskID']}",
        state=state,
        machine=row["NodeList"] or None,
        reason=_ending(row) if state is State.ENDED else _reason(row["Reason"]),
        restarts=int(row["RestartCnt"] or 0),
    )


def _state(row: dict[str, str]) -> State:
    state, may_restart = row["State"], row["Requeue"] != "0"
    if state in _WAITING:
        return State.WAITING
    if state in _STOPPING:
        return State.STOPPING
    if state == "RUNNING":
        return State.RUNNING if may_restart else State.STOPPING
    return State.ENDED


def _reason(reason: str) -> str:
    return "" if reason == "None" else reason


def _ending(row: dict[str, str]) -> str:
    state = row["State"].lower()
    if state == "completed":
        return "done"
    code = _exit_code(row["exit_code"])
    if state != "failed" or not code:
        return state if row["Reason"] in ("None", "") else f"{state}: {row['Reason']}"
    told = _EXIT_CODES.get(code)
    return f"exit code {code}" + (f": {told}" if told else "")


def _exit_code(text: str) -> int | None:
    """Return a job's exit code, None where a signal ended it.

    Args:
        text: As ``CODE:SIGNAL``, or as one number of which the code is the second byte.
    """
    code, separator, _ = text.partition(":")
    if not code.isdigit():
        return None
    return int(code) if separator else int(code) >> 8
