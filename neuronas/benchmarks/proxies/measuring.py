"""Measuring: every score of every network, one network after the other."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from neuronas.architecture import Architecture, training_digest
from neuronas.benchmarks.proxies.data import fashion_14
from neuronas.benchmarks.proxies.networks import networks
from neuronas.benchmarks.proxies.state import Measured, Reading, State
from neuronas.config import TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.network import build_network
from neuronas.training import RECIPE, Dataset, Split, score, train, train_in_rungs
from neuronas.training.failures import check_layers
from neuronas.training.proxies import (
    BUILD,
    GROUPS,
    one_thread,
    score_proxies,
    training_images,
    warm_up,
)

RUNGS = (1, 2, 4, 8)
LONG = 8
"""Epochs of the training that all scores are to predict."""

SAMPLES = 128
"""Images of a proxy's batch."""

BRIEF_SEED, LONG_SEED = 1, 2
_SETTINGS = TrainingConfig()


@dataclass(frozen=True, slots=True)
class Step:
    """How far the benchmark is.

    Attributes:
        done: Networks measured, of those asked for.
        networks: Networks asked for.
        seconds_left: At the pace so far; None before the first network of this run.
    """

    done: int
    networks: int
    seconds_left: float | None


def bench_proxies(
    count: int,
    path: Path,
    *,
    data_dir: Path | None = None,
    listener: Callable[[Step], None] = lambda _: None,
) -> list[Measured]:
    """Return the first ``count`` networks measured; what the file has is not run again.

    The file is written after each network, so that a kill costs one network at most. Where a
    scheme was added since, it alone is run.

    Args:
        count: How many networks.
        path: File of the state.
        data_dir: Folder with Fashion-MNIST's files; its usual place when None.
        listener: Told after each network.

    Raises:
        ConfigError: The file is of another benchmark.
        DatasetError: Fashion-MNIST's files are absent or damaged.
        NeuronasError: The file cannot be written.
    """
    data = fashion_14(data_dir)
    state = State.read(path, protocol(data))
    state.write(path)  # what cannot be written is told before hours are spent
    wanted = {training_digest(a, {})[:16]: a for a in itertools.islice(networks(), count)}
    missing = [key for key in wanted if not _complete(state.networks.get(key))]
    listener(Step(count - len(missing), count, None))
    started = time.monotonic()
    with one_thread():
        for number, key in enumerate(missing, start=1):
            if number == 1:
                warm_up(wanted[key], data.train.batch(slice(SAMPLES))[0].numpy())
            state.networks[key] = measure(wanted[key], data, state.networks.get(key))
            state.write(path)
            pace = (time.monotonic() - started) / number
            left = len(missing) - number
            listener(Step(count - left, count, pace * left))
    return [state.networks[key] for key in wanted]


def protocol(data: Dataset) -> str:
    """Return in words what is measured and how, but for the schemes, which may be added."""
    return (
        f"{RECIPE}, batch {_SETTINGS.batch_size}, rate {_SETTINGS.learning_rate}, "
        f"rungs {'/'.join(map(str, RUNGS))}, long {LONG}, seeds {BRIEF_SEED} and {LONG_SEED}, "
        f"{SAMPLES} samples, {data.description}"
    )


def measure(architecture: Architecture, data: Dataset, known: Measured | None = None) -> Measured:
    """Return every score of a network.

    Args:
        architecture: The network.
        data: Images; validation for brief training, test for longer training.
        known: What was measured before; only what it lacks is run.
    """
    rungs = dict(known.rungs) if known else {}
    for name, scheme in SCHEMES.items():
        if not rungs.keys() >= set(_rung_names(name)):
            rungs |= dict(zip(_rung_names(name), scheme(architecture, data), strict=True))
    if known:
        return known.model_copy(update={"rungs": rungs})
    return Measured(
        genotype=architecture,
        proxies=_proxies(architecture, data),
        rungs=rungs,
        long=_trained(architecture, data.train, data.test, LONG, LONG_SEED),
    )


def _complete(known: Measured | None) -> bool:
    names = [rung for scheme in SCHEMES for rung in _rung_names(scheme)]
    return known is not None and known.rungs.keys() >= set(names)


def _rung_names(scheme: str) -> list[str]:
    return [f"{scheme} {epochs}" for epochs in RUNGS]


def _proxies(architecture: Architecture, data: Dataset) -> dict[str, Reading]:
    images = training_images(data.train, SAMPLES, BRIEF_SEED)
    scored = score_proxies(architecture, images, BRIEF_SEED)
    values = asdict(scored.proxies)
    readings: dict[str, Reading] = {}
    for group, names in GROUPS.items():
        cpu_s = scored.cpu_s[group] + (scored.cpu_s[BUILD] if group != "size" else 0.0)
        for name in names:
            value = None if values[name] == -math.inf else float(values[name])
            readings[name] = Reading(score=value, cpu_s=cpu_s)
    return readings


Scheme = Callable[[Architecture, Dataset], list[Reading]]
"""A way of training briefly: validation accuracy at each of ``RUNGS``, and the processor seconds
that a network has taken until then, earlier rungs included."""


def _restart(architecture: Architecture, data: Dataset) -> list[Reading]:
    """Train anew for each rung, with a complete learning-rate schedule of its own."""
    readings: list[Reading] = []
    spent = 0.0
    for epochs in RUNGS:
        rung = _trained(architecture, data.train, data.validation, epochs, BRIEF_SEED)
        spent += rung.cpu_s
        readings.append(rung.model_copy(update={"cpu_s": spent}))
    return readings


def _continue(architecture: Architecture, data: Dataset) -> list[Reading]:
    """Train once, each rung on a branch of its own on which the learning rate falls."""
    readings: list[Reading] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(BRIEF_SEED)
        started = time.process_time()
        try:
            network = build_network(architecture)
            for branch in train_in_rungs(network, data.train, _SETTINGS, BRIEF_SEED, RUNGS):
                result = score(branch, data.validation)
                check_layers(result.spike_rates)
                cpu_s = time.process_time() - started
                readings.append(Reading(score=result.accuracy, cpu_s=cpu_s))
        except TrainingFailedError as error:
            spent = time.process_time() - started
            failed = Reading(score=None, cpu_s=spent, failure=error.reason)
            readings += [failed] * (len(RUNGS) - len(readings))
    return readings


SCHEMES: dict[str, Scheme] = {"restart": _restart, "continue": _continue}
"""Ways of training briefly, by the name under which their rungs are reported."""


def _trained(
    architecture: Architecture, training: Split, held_out: Split, epochs: int, seed: int
) -> Reading:
    """Return the accuracy on held-out images of a network trained from scratch."""
    accuracy: float | None = None
    failure: str | None = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        started = time.process_time()
        try:
            network = build_network(architecture)
            train(network, training, _SETTINGS.model_copy(update={"epochs": epochs}), seed)
            result = score(network, held_out)
            check_layers(result.spike_rates)
            accuracy = result.accuracy
        except TrainingFailedError as error:
            failure = error.reason
    return Reading(score=accuracy, cpu_s=time.process_time() - started, failure=failure)
