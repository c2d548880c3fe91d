"""Trainings that pause at rungs: they come to what they would have come to in one go."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from neuronas import interrupts
from neuronas.config import AugmentConfig, TrainingConfig
from neuronas.errors import CheckpointError
from neuronas.records import EvaluationKey, Rung, TrainingPausedError
from tests.training.examples import DEEP, KEY, TINY

LONGER = replace(KEY, epochs=4)
RATE = TINY.model_copy(update={"coding": "rate"})


def in_pauses(maker, network, *rungs: int, key: EvaluationKey = LONGER):
    """Train a network to its end, pausing at each rung; return its evaluation and its rungs."""
    found: list[Rung] = []
    for epochs in rungs:
        found.append(maker.train_to_rung(network, key, epochs, found[-1] if found else None))
    return maker.evaluate(network, key, found[-1]), found


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        (DEEP, {}),
        (DEEP.model_copy(update={"cell_a": DEEP.cell_b}), {"augment": AugmentConfig(crop=1)}),
        (RATE, {}),
        (TINY, {"isolate": True}),
    ],
    ids=["plain", "augmented", "random spikes", "process of its own"],
)
def test_a_network_trained_in_pauses_is_the_one_trained_in_one_go(make_trainer, network, changes):
    maker = make_trainer(settings=TrainingConfig(batch_size=32, **changes))
    straight = maker.evaluate(network, LONGER)
    paused, rungs = in_pauses(maker, network, 1, 2, 3)
    assert paused.weights_sha256 == straight.weights_sha256
    assert paused.validation_accuracy == straight.validation_accuracy
    assert paused.spike_rates == straight.spike_rates
    assert [rung.epochs for rung in rungs] == [1, 2, 3]
    times = [rung.train_seconds for rung in rungs] + [paused.train_seconds]
    assert times == sorted(times)


def test_a_rung_is_the_same_however_it_was_reached(make_trainer):
    maker = make_trainer()
    _, (_, second) = in_pauses(maker, DEEP, 1, 2)
    at_once = maker.train_to_rung(DEEP, LONGER, 2)
    assert at_once.checkpoint_sha256 == second.checkpoint_sha256
    assert at_once.validation_accuracy == second.validation_accuracy


def test_a_rungs_file_tells_whose_it_is_and_is_removed(make_trainer):
    maker = make_trainer(folder="my.study")
    rung = maker.train_to_rung(TINY, LONGER, 2)
    name = f"0123456789abcdef-e4-s5-r2-{rung.checkpoint_sha256[:8]}.checkpoint"
    assert rung.checkpoint_path == Path("my.study") / name
    maker.forget(rung.checkpoint_path)
    maker.forget(rung.checkpoint_path)
    assert list((maker.checkpoint_dir / "my.study").iterdir()) == []


def test_an_absent_or_damaged_checkpoint_is_told(make_trainer):
    maker = make_trainer()
    rung = maker.train_to_rung(TINY, LONGER, 1)
    (maker.checkpoint_dir / rung.checkpoint_path).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="is damaged"):
        maker.evaluate(TINY, LONGER, rung)
    maker.forget(rung.checkpoint_path)
    with pytest.raises(CheckpointError, match="is absent"):
        maker.train_to_rung(TINY, LONGER, 2, rung)


def test_only_old_half_written_files_are_swept(make_trainer):
    maker = make_trainer(folder="test")
    maker.sweep()  # there is no folder yet
    rung = maker.train_to_rung(TINY, LONGER, 1)
    folder = (maker.checkpoint_dir / rung.checkpoint_path).parent
    old, young = folder / "a.safetensors.x.partial", folder / "b.safetensors.y.partial"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    maker.sweep()
    assert {path.name for path in folder.iterdir()} == {young.name, rung.checkpoint_path.name}


def drained(maker, network, key: EvaluationKey, since: Rung | None = None) -> Rung:
    """Train on until this process notices that it is drained, which it is from the start."""
    with interrupts.draining(600):
        interrupts.drain()
        with pytest.raises(TrainingPausedError) as paused:
            maker.evaluate(network, key, since)
    return paused.value.rung


@pytest.mark.parametrize(
    ("isolate", "epochs"), [(False, 4), (True, 40)], ids=["here", "process of its own"]
)
def test_a_drained_training_goes_on_to_what_it_would_have_been(make_trainer, isolate, epochs):
    settings = TrainingConfig(epochs=epochs, batch_size=32, isolate=isolate)
    maker, key = make_trainer(settings=settings), replace(KEY, epochs=epochs)
    straight = maker.evaluate(TINY, key)
    first = drained(maker, TINY, key)
    assert 1 <= first.epochs < epochs
    on = maker.evaluate(TINY, key, first)
    assert on.weights_sha256 == straight.weights_sha256
    assert on.validation_accuracy == straight.validation_accuracy
    assert on.spike_rates == straight.spike_rates


def test_a_training_that_is_drained_in_its_last_epoch_ends(make_trainer):
    maker = make_trainer(settings=TrainingConfig(epochs=4, batch_size=32))
    almost = maker.train_to_rung(TINY, LONGER, 3)
    with interrupts.draining(600):
        interrupts.drain()
        assert maker.evaluate(TINY, LONGER, almost).key == LONGER


def test_a_drained_training_pauses_before_its_rung(make_trainer):
    maker = make_trainer(settings=TrainingConfig(epochs=4, batch_size=32))
    with interrupts.draining(600):
        interrupts.drain()
        assert maker.train_to_rung(TINY, LONGER, 3).epochs == 1
