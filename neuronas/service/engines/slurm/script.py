"""The script of a job array, each task of which runs one worker."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from neuronas.errors import ConfigError
from neuronas.service.engines.pool import URL_FILE_VARIABLE, URL_VARIABLE, Pool

MAX_RESTARTS = 50
"""So often is a task started anew after its worker died or gave the database up."""

_NOTICE_SECONDS = 300
"""So long before its time limit a worker is told to drain."""
_SHARE_TO_DRAIN = 0.8
"""Of that time; what is left is for giving the network back, and for Slurm's own delays."""
_KEY = re.compile(r"[a-z][a-z-]*[a-z]")
_VALUE = re.compile(r"[A-Za-z0-9_.,:;=@%+/()&|*!<>~\[\]{}-]*")
_REFUSED = {
    *("array", "chdir", "comment", "job-name", "nodes", "ntasks", "open-mode", "output"),
    *("parsable", "requeue", "signal"),
    *("clusters", "error", "export", "export-file", "get-user-env", "input", "no-requeue"),
    *("ntasks-per-node", "quiet", "test-only", "uid", "verbose", "wait", "wrap"),
    *("help", "usage", "version"),
}
"""Options of sbatch that are set by us, would break what we rely on, or submit nothing."""

_BODY = """
# The database's URL stands in a file that only its owner reads.
unset {url_variable}
export {url_file_variable}={url_file}

# TERM is "stop", USR1 "the time limit is near": the worker drains, and after USR1 starts again.
worker=
again=
stopped=
told=
tell() {{
  [ -z "$worker" ] || [ -n "$told" ] && return  # a second signal would end it at once
  told=yes
  kill -TERM "$worker"
}}
trap 'stopped=yes; tell' TERM
trap 'again=yes; tell' USR1
{command} &
worker=$!
[ -z "$again$stopped" ] || tell  # a signal came before there was a worker
while kill -0 "$worker" 2>/dev/null; do wait "$worker"; done
wait "$worker"
code=$?
# Told before it could listen: it held nothing yet.
[ -n "$told" ] && [ "$code" -eq 143 ] && code=0
# 75: the database was away for too long; above 128: killed. Those are tried again, but not forever.
if [ "$code" -eq 75 ] || [ "$code" -gt 128 ]; then
  [ "${{SLURM_RESTART_COUNT:-0}}" -lt {max_restarts} ] && again=yes
elif [ "$code" -ne 0 ]; then
  again=
fi
if [ -n "$again" ] && [ -z "$stopped" ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


def render(pool: Pool, command: Sequence[str], workers: int) -> str:
    """Return the script of an array of workers; it holds no secret.

    Args:
        pool: What the workers are.
        command: What comes before ``worker NAME ...``.
        workers: Tasks of the array.

    Raises:
        ConfigError: An option is none that may be given, or a path cannot stand in a script.
    """
    lines = [
        f"#SBATCH --{key}={value}" if value else f"#SBATCH --{key}"
        for key, value in directives(pool, workers).items()
    ]
    drain = f"--drain-seconds={_notice_seconds(pool) * _SHARE_TO_DRAIN:g}"
    body = _BODY.format(
        url_variable=URL_VARIABLE,
        url_file_variable=URL_FILE_VARIABLE,
        url_file=shlex.quote(str(pool.url_file)),
        command=shlex.join([*command, *pool.worker_arguments(), drain]),
        max_restarts=MAX_RESTARTS,
    )
    return "\n".join(["#!/bin/bash", *lines, body])


def directives(pool: Pool, workers: int) -> Mapping[str, str]:
    """Return the options of sbatch by name; what was asked for comes before our defaults.

    Raises:
        ConfigError: As for :func:`render`.
    """
    _check_options(pool.options)
    asked = {"cpus-per-task": str(pool.threads)}
    if pool.memory_mib is not None:
        asked["mem"] = f"{pool.memory_mib}M"
    if pool.gpus:
        asked["gres"] = f"gpu:{pool.gpus}"
    if pool.limit_minutes is not None:
        asked["time"] = str(pool.limit_minutes)
    return {
        "job-name": job_name(pool),
        "comment": comment(pool),
        "array": f"0-{workers - 1}",
        "nodes": "1",
        "ntasks": "1",
        **asked,
        **pool.options,
        "requeue": "",
        "open-mode": "append",
        "signal": f"B:USR1@{_notice_seconds(pool)}",
        "chdir": _quoted(pool.working_dir),
        "output": _quoted(pool.logs, "%A_%a.log"),
    }


def job_name(pool: Pool) -> str:
    """Return the name of a pool's jobs."""
    return f"neuronas-{pool.study}"


def comment(pool: Pool) -> str:
    """Return what tells a pool's jobs from others of that name."""
    return f"neuronas:{pool.id}"


def _notice_seconds(pool: Pool) -> int:
    """Return how long before its time limit a worker is told to drain."""
    if pool.limit_minutes is None:
        return _NOTICE_SECONDS
    return min(_NOTICE_SECONDS, pool.limit_minutes * 60 // 4)


def _quoted(folder: Path, pattern: str = "") -> str:
    text = str(folder)
    wrong = [character for character in '"\\' if character in text]
    if wrong:
        raise ConfigError(
            f"{text}: found {' '.join(wrong)} in a folder's name, which Slurm cannot take; choose "
            "another --checkpoint-dir or working folder"
        )
    return f'"{text.replace("%", "%%")}/{pattern}"' if pattern else f'"{text}"'


def _check_options(options: Mapping[str, str]) -> None:
    problems = [problem for key, value in options.items() if (problem := _problem(key, value))]
    if problems:
        raise ConfigError(problems)


def _problem(key: str, value: str) -> str | None:
    if not _KEY.fullmatch(key):
        return (
            f"--option {key}: found '{key}'; allowed: a long option of sbatch without its dashes, "
            "such as partition=gpu"
        )
    if key in _REFUSED:
        return f"--option {key}: set or ruled out by neuronas; leave it away"
    if not _VALUE.fullmatch(value):
        return (
            f"--option {key}: found {value!r}; allowed: letters, digits and the characters of "
            "Slurm's lists and expressions, no spaces and quotes"
        )
    return None
