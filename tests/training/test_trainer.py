"""One candidate's training: reproducible, contained, and kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from neuronas.architecture import training_digest
from neuronas.config import AugmentConfig, OwnDataset, StudyConfig, TrainingConfig
from neuronas.errors import DatasetError, TrainingFailedError
from neuronas.records import EvaluationKey
from neuronas.training import Trainer, load_dataset, score, trainer
from neuronas.training.checkpoints import load_weights
from neuronas.training.proxies import score_proxies, training_images
from tests.training.examples import DEEP, KEY, TINY, built


def test_an_evaluation_says_what_was_measured_with_what(make_trainer, few_digits):
    evaluation = make_trainer().evaluate(DEEP, KEY)
    assert evaluation.key == KEY
    assert evaluation.test_accuracy is None
    assert evaluation.train_seconds > 0
    assert list(evaluation.spike_rates) == list(built(DEEP).lif_layers())
    provenance = evaluation.provenance
    assert (provenance.device, provenance.threads) == ("cpu", 1)
    assert provenance.split == few_digits.description
    assert provenance.versions["torch"] == torch.__version__
    assert set(provenance.versions) == {"neuronas", "torch", "snntorch", "optuna", "numpy"}


def test_what_is_measured_belongs_to_the_weights_that_are_kept(make_trainer, few_digits):
    maker = make_trainer()
    evaluation = maker.evaluate(DEEP, KEY)
    network = built(DEEP, seed=99)
    load_weights(network, maker.checkpoint_dir / evaluation.weights_path, evaluation.weights_sha256)
    result = score(network, few_digits.validation)
    assert result.accuracy == evaluation.validation_accuracy
    assert result.spike_rates == evaluation.spike_rates


def test_weights_are_kept_in_the_studys_folder_under_a_name_that_tells_which(make_trainer):
    maker = make_trainer(folder="my.study")
    evaluation = maker.evaluate(TINY, KEY)
    assert evaluation.weights_path.parent == Path("my.study")
    name = f"0123456789abcdef-e1-s5-{evaluation.weights_sha256[:8]}.safetensors"
    assert evaluation.weights_path.name == name
    content = (maker.checkpoint_dir / evaluation.weights_path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == evaluation.weights_sha256


def test_the_score_of_an_untrained_network_is_its_sahd_on_training_samples(
    make_trainer, few_digits
):
    maker = make_trainer()
    images = training_images(few_digits.train, 128, seed=3)
    assert maker.untrained_score(DEEP, 3) == score_proxies(DEEP, images, 3).proxies.sahd
    assert maker.untrained_score(DEEP, 3) != maker.untrained_score(DEEP, 4)
    assert maker.scoring_context()["samples"] == 128


def test_fewer_training_samples_are_scored_on_where_there_are_no_more(make_trainer):
    maker = make_trainer(dataset=load_dataset("digits", samples=40))
    assert maker.scoring_context()["samples"] == 40
    assert maker.untrained_score(DEEP, 0) > -np.inf


def test_scoring_that_does_not_fit_into_memory_is_refused(make_trainer):
    with (
        patch("neuronas.training.trainer.available_bytes", lambda: 1_000),
        pytest.raises(TrainingFailedError, match=r"too large: scoring takes some .* MB"),
    ):
        make_trainer().untrained_score(DEEP, 0)


def test_equal_seeds_give_equal_networks_and_other_seeds_others(make_trainer):
    maker = make_trainer()
    torch.manual_seed(1)
    first = maker.evaluate(DEEP, KEY)
    torch.manual_seed(2)
    torch.rand(5)
    again = maker.evaluate(DEEP, KEY)
    other = maker.evaluate(DEEP, replace(KEY, seed=6))
    assert again.weights_sha256 == first.weights_sha256
    assert again.weights_path == first.weights_path
    assert again.validation_accuracy == first.validation_accuracy
    assert again.spike_rates == first.spike_rates
    assert other.weights_sha256 != first.weights_sha256
    assert other.spike_rates != first.spike_rates


def test_edges_on_no_path_change_nothing_that_is_measured(make_trainer):
    dead_ends = TINY.model_copy(
        update={"cell_b": ("conv3x3", "conv3x3", "zeroize", "skip") + ("zeroize",) * 2}
    )
    assert dead_ends.canonical() == TINY
    first, second = (make_trainer().evaluate(network, KEY) for network in (TINY, dead_ends))
    assert first.weights_sha256 == second.weights_sha256


@pytest.fixture
def torch_state():
    """Return what reads torch's global state; its thread count is put back afterwards."""
    threads = torch.get_num_threads()
    torch.manual_seed(11)
    yield lambda: (torch.get_num_threads(), torch.get_rng_state().tolist())
    torch.set_num_threads(threads)


def test_an_evaluation_leaves_torch_as_it_was(make_trainer, torch_state):
    before = torch_state()
    make_trainer().evaluate(TINY, KEY)
    assert torch_state() == before


def test_a_failed_evaluation_leaves_torch_as_it_was(make_trainer, monkeypatch, torch_state):
    seen = []

    def fail(*_: object) -> None:
        seen.append(torch.get_num_threads())
        torch.rand(3)
        raise TrainingFailedError("non-finite", "here")

    monkeypatch.setattr(trainer.Cycle, "train_to", fail)
    before = torch_state()
    with pytest.raises(TrainingFailedError):
        make_trainer(threads=2).evaluate(TINY, KEY)
    assert torch_state() == before
    assert seen == [2]


def test_testing_a_network_leaves_torch_as_it_was(trained, torch_state):
    before = torch_state()
    trained.trainer.test_accuracy(TINY, trained.evaluation)
    assert torch_state() == before


def test_test_accuracy_is_the_score_of_the_kept_weights_on_the_test_split(trained, digits):
    network = built(TINY, seed=4)
    path = trained.trainer.checkpoint_dir / trained.evaluation.weights_path
    load_weights(network, path, trained.evaluation.weights_sha256)
    found = trained.trainer.test_accuracy(TINY, trained.evaluation)
    assert found == score(network, digits.test).accuracy
    assert found > 0.7


def test_training_sees_neither_validation_nor_test_images(make_trainer, few_digits):
    shuffled = replace(
        few_digits,
        validation=replace(few_digits.validation, images=16 - few_digits.validation.images),
        test=replace(few_digits.test, images=np.full(few_digits.test.images.shape, np.nan)),
    )
    first = make_trainer().evaluate(TINY, KEY)
    second = make_trainer(dataset=shuffled).evaluate(TINY, KEY)
    assert first.weights_sha256 == second.weights_sha256
    assert first.validation_accuracy != second.validation_accuracy


# Failures.

LINUX = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4000000 bytes. Error code 12 (Cannot allocate memory)"
)
WINDOWS = "DefaultCPUAllocator: not enough memory: you tried to allocate 4000000 bytes."
CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB\nGPU 0 has a total capacity of 1 GiB"


def raising(error: BaseException):
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError(LINUX), id="torch on Linux"),
        pytest.param(RuntimeError(WINDOWS), id="torch on Windows"),
        pytest.param(RuntimeError(CUDA), id="CUDA"),
        pytest.param(MemoryError("Unable to allocate 8.00 GiB for an array"), id="numpy"),
        pytest.param(MemoryError(), id="Python, which says nothing"),
    ],
)
def test_running_out_of_memory_fails_this_candidate(make_trainer, monkeypatch, error):
    monkeypatch.setattr(trainer.Cycle, "train_to", raising(error))
    with pytest.raises(TrainingFailedError) as caught:
        make_trainer().evaluate(TINY, KEY)
    assert caught.value.reason == "out of memory"
    assert "\n" not in str(caught.value)
    assert str(error).partition("\n")[0] in str(caught.value)


def test_torchs_own_message_on_this_machine_is_recognized(make_trainer, monkeypatch):
    monkeypatch.setattr(
        trainer.Cycle, "train_to", lambda *_: torch.empty(10**15)
    )  # beyond any address
    with pytest.raises(TrainingFailedError) as caught:
        make_trainer().evaluate(TINY, KEY)
    assert caught.value.reason == "out of memory"


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("no")], ids=str)
def test_any_other_error_is_not_taken_for_a_candidates_failure(make_trainer, monkeypatch, error):
    monkeypatch.setattr(trainer.Cycle, "train_to", raising(error))
    with pytest.raises(type(error), match=str(error)):
        make_trainer().evaluate(TINY, KEY)


def test_a_dead_network_keeps_no_weights(make_trainer, tmp_path):
    silent = TINY.model_copy(update={"threshold": 100.0})
    with pytest.raises(TrainingFailedError) as caught:
        make_trainer().evaluate(silent, KEY)
    assert caught.value.reason == "dead network"
    assert not list(tmp_path.rglob("*.safetensors"))


# What a trainer is made of.


def test_a_trainer_of_a_study_has_its_data_and_settings(tmp_path):
    study = StudyConfig(
        name="mine", dataset="digits", training=TrainingConfig(samples=200, epochs=2, batch_size=16)
    )
    made = Trainer.of(study, data_dir=None, checkpoint_dir=tmp_path, threads=2)
    assert made.settings == study.training
    assert (made.folder, made.checkpoint_dir, made.threads) == ("mine", tmp_path, 2)
    assert made.dataset.description == load_dataset("digits", samples=200).description


def test_a_trainer_trains_on_the_users_own_data(tmp_path, few_digits):
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=few_digits.train.images * 15, y_train=few_digits.train.labels)
    study = StudyConfig(
        name="mine",
        dataset=OwnDataset(npz=str(path), shape=[1, 8, 8], classes=10),
        training=TrainingConfig(epochs=1, batch_size=16, augment=AugmentConfig(crop=1)),
    )
    made = Trainer.of(study, data_dir=None, checkpoint_dir=tmp_path, threads=1)
    evaluation = made.evaluate(TINY, KEY)
    assert evaluation.provenance.split == made.dataset.description
    assert "own 1x8x8 in 10 classes, stratified split 1, 86/21/21" in evaluation.provenance.split


def test_a_trainer_of_a_study_without_its_data_says_so(tmp_path):
    study = StudyConfig(name="mine", dataset="mnist")
    with pytest.raises(DatasetError, match="--data-dir"):
        Trainer.of(study, data_dir=tmp_path, checkpoint_dir=tmp_path, threads=1)


def augmented(**how: object) -> TrainingConfig:
    return TrainingConfig(epochs=1, batch_size=32, augment=AugmentConfig(**how))


def test_what_changes_the_accuracy_changes_the_training_digest(make_trainer, digits):
    def digest(**changes: object) -> str:
        return training_digest(TINY, make_trainer(**changes).context())

    same = {digest(), digest(settings=TrainingConfig(epochs=9, batch_size=32)), digest(threads=2)}
    other = {
        digest(dataset=digits),
        digest(settings=TrainingConfig(epochs=1, batch_size=33)),
        digest(settings=TrainingConfig(epochs=1, batch_size=32, learning_rate=0.02)),
        digest(settings=augmented(crop=2)),
        digest(settings=augmented(flip=True)),
    }
    assert len(same) == 1
    assert len(other - same) == 5


def test_networks_that_were_trained_before_there_was_augmentation_are_still_known(make_trainer):
    assert set(make_trainer().context()) == {"recipe", "data", "batch_size", "learning_rate"}


def test_an_evaluations_epochs_are_those_trained(make_trainer):
    key = EvaluationKey(KEY.digest, 2, KEY.seed)
    twice = make_trainer(settings=TrainingConfig(epochs=2, batch_size=32)).evaluate(TINY, key)
    once = make_trainer().evaluate(TINY, KEY)
    assert "-e2-" in twice.weights_path.name
    assert twice.weights_sha256 != once.weights_sha256
