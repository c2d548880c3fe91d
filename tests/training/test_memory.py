"""Memory: predicted, measured, refused, and given back."""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from neuronas.architecture import Architecture
from neuronas.benchmarks.proxies import networks
from neuronas.config import TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.network import SpikingNetwork, keep_freed_memory
from neuronas.training.measuring import EVALUATION_BATCH
from neuronas.training.memory import (
    available_bytes,
    measured_peak,
    predicted_bytes,
    require_memory,
    resident_bytes,
)
from tests.strategies import architecture
from tests.training.examples import KEY, TINY, built

FRESH = multiprocessing.get_context("forkserver")
FRESH.set_forkserver_preload(["tests.training.examples"])
CHAIN = "0300 0030 0003 0000"
POOLS = "0344 0044 0004 0000"


def step(network: SpikingNetwork, shape: tuple[int, ...], batch: int) -> None:
    """Take a training step, and evaluate a batch."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters())
    loss = F.cross_entropy(network(torch.randn(batch, *shape)), torch.zeros(batch).long())
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        network(torch.randn(EVALUATION_BATCH, *shape))


def peak_of_a_step(network: Architecture, shape: tuple[int, ...], batch: int) -> int | None:
    torch.set_num_threads(1)
    keep_freed_memory()
    step(built(TINY), TINY.input_shape, 2)  # a first training also loads what torch needs for it
    with measured_peak() as peak:
        step(built(network), shape, batch)
    return peak.bytes


def test_the_measured_peak_is_what_a_block_takes_whatever_was_freed_before():
    elsewhere = 4e6  # other threads of the process, and pages that come in whole blocks
    for megabytes in (160, 40, 160):
        with measured_peak() as peak:
            np.ones(megabytes * 125_000)
        assert peak.bytes == pytest.approx(megabytes * 1e6, rel=0.05, abs=elsewhere)


@pytest.mark.parametrize("cell", [CHAIN, POOLS, "0300 0030 0003 3000"])
@pytest.mark.parametrize("batch", [32, 128])
def test_a_training_takes_about_what_is_predicted(cell, batch):
    shape = (1, 20, 20)
    network = architecture(input_shape=shape, cell_a=cell, cell_b=CHAIN, channels=8, time_steps=4)
    # In a process of its own: what other tests have freed here hides what a training takes.
    with ProcessPoolExecutor(1, FRESH) as process:
        peak_bytes = process.submit(peak_of_a_step, network, shape, batch).result()
    # 1.1 to 1.7 here; 2.02 was seen once, where a network of 32 samples took 170 MB and not 200.
    assert 0.7 < predicted_bytes(network, batch) / peak_bytes < 2.5


def test_more_of_anything_takes_more_memory():
    base = architecture(cell_a=CHAIN, cell_b=CHAIN)
    changes = [{"channels": 16}, {"time_steps": 8}, {"input_shape": (1, 16, 16)}, {"hidden": 4096}]
    for change in changes:
        larger = base.model_copy(update=change)
        assert predicted_bytes(larger, 64) > predicted_bytes(base, 64), change
    assert predicted_bytes(base, 4096) > predicted_bytes(base, 64)


def test_a_network_that_takes_more_than_is_allowed_is_refused_before_it_is_built(make_trainer):
    huge = TINY.model_copy(update={"channels": 4096, "time_steps": 256})
    with pytest.raises(TrainingFailedError, match="is left") as caught:
        make_trainer().evaluate(huge, KEY)
    assert caught.value.reason == "too large"
    tight = TrainingConfig(epochs=1, batch_size=32, memory_limit_mb=10)
    with pytest.raises(TrainingFailedError, match="at a batch size of 32, 10 MB is allowed"):
        make_trainer(settings=tight).evaluate(TINY, KEY)


def test_memory_that_is_left_is_the_machines_or_its_containers(tmp_path):
    assert available_bytes(tmp_path) is None
    require_memory(TINY, 10**9, limit=10**18)

    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:    3000 kB\n")
    assert available_bytes(tmp_path) == 3000 * 1024
    write("sys/fs/cgroup/memory.max", "max\n")
    write("sys/fs/cgroup/memory.current", "900\n")
    write("sys/fs/cgroup/memory.stat", "anon 300\ninactive_file 400\nactive_file 200\n")
    assert available_bytes(tmp_path) == 3000 * 1024
    write("sys/fs/cgroup/memory.max", "1000\n")
    assert available_bytes(tmp_path) == 1000 - 900 + 400 + 200


def test_an_evaluation_says_what_memory_its_training_took(make_trainer, few_digits):
    evaluation = make_trainer().evaluate(TINY, KEY)
    assert 0 < evaluation.peak_memory_bytes < 500_000_000


@pytest.mark.soak
def test_three_hundred_candidates_in_one_process_leave_its_memory_as_it_was():
    sizes = []
    for network in itertools.islice(networks(), 300):
        small = network.model_copy(update={"channels": 4})
        step(built(small), small.input_shape, batch=16)
        sizes.append(resident_bytes())
    first, last = np.median(sizes[50:100]), np.median(sizes[250:])
    assert last == pytest.approx(first, rel=0.05)
    assert max(sizes[100:]) < 1.05 * max(sizes[:100])
