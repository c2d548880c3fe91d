"""Running Slurm's commands, and saying in plain words why they fail."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

from neuronas.errors import EngineError

_TIMEOUT_SECONDS = 120
_PLAIN = (
    (r"invalid partition", "there is no such partition; sinfo lists them"),
    (r"invalid account", "there is no such account, or it may not use this partition"),
    (r"invalid qos", "there is no such quality of service, or the account may not use it"),
    (
        r"configuration is not available|memory specification can not",
        "no node has what a worker asks for; sinfo -o '%n %c %m %G' lists cores, MB and GPUs",
    ),
    (r"generic resource", "there is no such device; sinfo -o '%n %G' lists them"),
    (r"license", "there is no such licence, or not as many; scontrol show licenses lists them"),
    (r"feature", "no node has what --option constraint asks for; sinfo -o '%n %f' lists it"),
    (r"reservation", "there is no such reservation, or it may not be used by you"),
    (r"array specification", "Slurm allows fewer workers in one array; submit some, then scale"),
    (r"time limit", "the time limit is longer than allowed; sinfo -o '%P %l' lists limits"),
    (r"qos|limit|policy|exceed", "a limit of your account, or of what you may queue, is reached"),
    (r"unrecognized option|invalid option", "this Slurm knows no such option"),
    (
        r"contact slurm controller|connection refused|timed out",
        "Slurm's controller does not answer; try again later",
    ),
    (r"configuration file|parse_file", "this machine's Slurm has no configuration"),
)


def run(
    *command: str, script: str | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Return what one of Slurm's commands prints.

    Args:
        command: The command and its arguments.
        script: What it reads.
        environment: All of its environment; this process's where None.

    Raises:
        EngineError: The command is not here, fails, or does not answer.
    """
    try:
        done = subprocess.run(
            command,
            input=script,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        raise EngineError(
            f"no {command[0]} on this machine; run this where Slurm's commands are, such as a "
            "login node, or use --engine local"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{command[0]} does not answer: {error}") from None
    if done.returncode:
        raise EngineError(explained(command[0], done.stderr))
    return done.stdout


def explained(command: str, message: str) -> str:
    """Return why a command failed, in plain words, and what it said itself."""
    said = " ".join(message.split()) or "nothing"
    for pattern, plain in _PLAIN:
        if re.search(pattern, said, flags=re.IGNORECASE):
            return f"{plain} ({said})"
    return f"{command} failed and said: {said}"
