"""Where networks are trained, and in which precision."""

from __future__ import annotations

import pytest
import torch

from neuronas.config import AugmentConfig, StudyConfig, TrainingConfig
from neuronas.errors import ConfigError
from neuronas.records import EvaluationKey
from neuronas.training import Trainer
from neuronas.training.devices import chosen_device, chosen_precision
from tests.strategies import architecture

CUDA = torch.cuda.is_available()
KEY = EvaluationKey("cd" * 32, 1, 3)


def test_cuda_is_chosen_where_it_is_available():
    assert chosen_device(None) == ("cuda" if CUDA else "cpu")
    assert chosen_device("cpu") == "cpu"


def test_a_device_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match="device: found 'tpu'; allowed: cpu, cuda"):
        chosen_device("tpu")
    if not CUDA:
        with pytest.raises(ConfigError, match="this torch finds no CUDA device here"):
            chosen_device("cuda")


@pytest.mark.parametrize(
    ("able", "precision"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": False, "avx2": True}, "fp32"), ({}, "fp32")],
)
def test_auto_is_bf16_where_the_processor_has_instructions_for_it(monkeypatch, able, precision):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    assert chosen_precision("auto", "cpu") == precision
    assert [chosen_precision(given, "cpu") for given in ("fp32", "bf16")] == ["fp32", "bf16"]


def test_trainings_tell_the_precision_that_auto_has_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True})
    study = StudyConfig(name="auto", dataset="digits", training={"precision": "auto"})
    trainer = Trainer.of(study, data_dir=None, checkpoint_dir=tmp_path, threads=1, device="cpu")
    assert trainer.context()["precision"] == "bf16"


def test_bf16_is_another_training_and_fp32_the_usual_one(make_trainer):
    usual = make_trainer()
    halved = make_trainer(settings=TrainingConfig(epochs=1, batch_size=32, precision="bf16"))
    assert halved.context() == {**usual.context(), "precision": "bf16"}
    accuracies = {t.evaluate(architecture(), KEY).validation_accuracy for t in (usual, halved)}
    assert all(0 < accuracy <= 1 for accuracy in accuracies)


@pytest.mark.skipif(not CUDA, reason="no CUDA device is here")
@pytest.mark.parametrize("coding", ["direct", "rate", "latency"])
def test_cuda_trains_what_the_cpu_evaluates(make_trainer, coding):
    trainer = make_trainer(device="cuda")
    network = architecture(coding=coding, cell_a="0301 0043 0002 3000")
    evaluation = trainer.evaluate(network, KEY)
    assert evaluation.provenance.device == "cuda"
    assert evaluation.peak_memory_bytes > 0
    here = make_trainer().test_accuracy(network, evaluation)
    assert abs(here - trainer.test_accuracy(network, evaluation)) < 0.05


def test_an_augmentation_without_effect_is_no_other_training(make_trainer):
    idle = TrainingConfig(epochs=1, batch_size=32, augment=AugmentConfig())
    assert make_trainer(settings=idle).context() == make_trainer().context()
    flipped = idle.model_copy(update={"augment": AugmentConfig(flip=True)})
    assert "augment" in make_trainer(settings=flipped).context()
