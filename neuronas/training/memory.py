"""Memory of a training: predicted before it, there for it, measured during it."""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from neuronas.architecture import Architecture, Networks, Signal, Workload
from neuronas.config import Kind
from neuronas.errors import TrainingFailedError
from neuronas.training.measuring import EVALUATION_BATCH

TOO_LARGE = "too large"
OUT_OF_MEMORY = "out of memory"

_FLOAT = 4
_PER_PARAMETER = 5
"""Weight, quantized weight, gradient, and two averages of AdamW."""

_PASSING, _PASSING_FEEDBACK = 5.0, 10.0
"""Maps of the largest size that come and go beside what the backward pass keeps: measured."""

_NOT_REUSED = 0.75
"""Share of freed memory that the allocator does not use again."""

_ANYWAY = 32_000_000
"""Bytes that torch takes for the smallest network."""

_CGROUPS = (
    ("sys/fs/cgroup", "memory.max", "memory.current", ""),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
)
"""Folder, limit, use, and begin of the names in ``memory.stat`` of both versions."""

Elements = NDArray[np.int64]


def predicted_bytes(architecture: Architecture, batch_size: int) -> int:
    """Return the memory that training a network takes, beyond what the process has.

    A training step keeps activations for its backward pass; a batch of the evaluation keeps none,
    but may be larger. Of what the lesser of both has freed, the allocator gives only a part to the
    other.

    Over twelve networks (8 to 32 channels, 4 to 8 time steps, images of 8x8 to 32x32, with and
    without backward edges) and batches of 32 and 128 this was 0.9 to 1.9 times what was measured.

    Args:
        architecture: The network.
        batch_size: Samples of a training step.
    """
    network = Networks.of([architecture.canonical()])
    table = Workload.of(network)
    largest = int(np.maximum(_inputs(table), _outputs(table)).max())
    passing = _PASSING_FEEDBACK if network.feedback else _PASSING
    step = batch_size * (_kept(table) + passing * largest)
    evaluation = EVALUATION_BATCH * passing * largest
    parameters = int(table.total_parameters()[0]) * _PER_PARAMETER
    elements = max(step, evaluation) + _NOT_REUSED * min(step, evaluation) + parameters
    return int(_FLOAT * elements) + _ANYWAY


def _inputs(table: Workload) -> Elements:
    """Return the elements that each layer reads of a sample, over all time steps."""
    return np.asarray(table.in_channels * table.in_height * table.in_width * table.steps)


def _outputs(table: Workload) -> Elements:
    """Return the elements that each layer writes of a sample, over all time steps."""
    return np.asarray(table.out_channels * table.out_height * table.out_width * table.steps)


def _kept(table: Workload) -> int:
    """Return the elements that the backward pass needs of a sample.

    A batch norm keeps what a convolution writes, neurons their potential, from which spikes are
    computed again, the batch norm before some neurons its input, a pooling its input (of the
    greatest value also where it was, in numbers twice as long), a linear layer both ends.
    """
    read, written = _inputs(table), _outputs(table)
    normalized = (table.kind == Kind.LIF) & (table.parameters > 0)
    image = table.signal == Signal.IMAGE
    return int(
        written[table.kind == Kind.CONV].sum()
        + read[(table.kind == Kind.CONV) & image].sum()
        + written[table.kind == Kind.LIF].sum()
        + read[normalized].sum()
        + read[table.kind == Kind.AVGPOOL].sum()
        + 3 * read[table.kind == Kind.MAXPOOL].sum()
        + (read + written)[table.kind == Kind.LINEAR].sum()
    )


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory that this process may still take: of the machine, and of its container.

    Args:
        root: Where ``proc`` and ``sys`` are.

    Returns:
        None where the system does not say.
    """
    found = [_field(root / "proc/meminfo", "MemAvailable")]
    found += [_free_of_group(root / folder, *names) for folder, *names in _CGROUPS]
    return min((free for free in found if free is not None), default=None)


def _free_of_group(folder: Path, limit: str, used: str, prefix: str) -> int | None:
    """Return what a control group has left; None where there is no limit."""
    try:
        left = int((folder / limit).read_text()) - int((folder / used).read_text())
        counted = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # Cached files count as used, but make room.
        cached = sum(int(counted[f"{prefix}{kind}_file"]) for kind in ("active", "inactive"))
    except (OSError, ValueError, KeyError):  # no such group, or its limit is the word 'max'
        return None
    return max(0, left + cached)


def require_memory(architecture: Architecture, batch_size: int, limit: int | None) -> None:
    """Refuse a network whose training would not fit.

    It is not trained with smaller batches instead: batch norm would see others than were asked
    for, and its accuracy would be compared with those of networks that were trained as asked.

    Args:
        architecture: The network.
        batch_size: Samples of a training step.
        limit: Bytes that it may take; what is there when None.

    Raises:
        TrainingFailedError: ``too large``.
    """
    allowed = available_bytes() if limit is None else limit
    needed = predicted_bytes(architecture, batch_size)
    if allowed is not None and needed > allowed:
        whose = "is left" if limit is None else "is allowed"
        raise TrainingFailedError(
            TOO_LARGE,
            f"training takes some {needed / 1e6:,.0f} MB at a batch size of {batch_size}, "
            f"{allowed / 1e6:,.0f} MB {whose}",
        )


@dataclass(slots=True)
class Peak:
    """The most memory that a process had above what it started with.

    Attributes:
        bytes: None until it is measured, and where the system cannot say.
    """

    bytes: int | None = None


@contextmanager
def measured_peak(device: str = "cpu") -> Iterator[Peak]:
    """Measure the most memory that is taken in the block, beyond what was before.

    On CUDA that of the device, as torch counts it; else that of the process. Freed memory is given
    back to the system first: what a network before it has left would hide what this one takes.
    Pages of memory-mapped data count where they are touched first.
    """
    peak = Peak()
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated() - start
        return
    _give_back()
    before = _restarted_peak()
    yield peak
    highest = _field(Path("/proc/self/status"), "VmHWM")
    if before is not None and highest is not None:
        peak.bytes = max(0, highest - before)


def _give_back() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def _restarted_peak() -> int | None:
    """Let the system forget the highest memory so far, and return that of now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # no Linux, or not allowed
        return None
    return resident_bytes()


def resident_bytes(pid: int | None = None) -> int | None:
    """Return the resident memory of a process, this one when None; None where it is not known."""
    return _field(Path(f"/proc/{pid or 'self'}/status"), "VmRSS")


def _field(path: Path, name: str) -> int | None:
    """Return a field of a file of the system, in bytes."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found.group(1)) * 1024
