"""How good a candidate is: train it briefly, keep its weights, say what was measured."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch

from neuronas.architecture import Architecture
from neuronas.config import AugmentConfig, StudyConfig, TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.files import sweep_partial
from neuronas.network import Precision, SpikingNetwork, build_network, keep_freed_memory
from neuronas.records import (
    Evaluation,
    EvaluationKey,
    Provenance,
    Rung,
    TrainingPausedError,
)
from neuronas.training.checkpoints import (
    load_state,
    load_weights,
    remove_state,
    save_state,
    save_weights,
)
from neuronas.training.data import Dataset, load_dataset
from neuronas.training.devices import chosen_device, chosen_precision, forked_generators
from neuronas.training.failures import check_layers, counted_epochs
from neuronas.training.isolation import Limits, run_isolated
from neuronas.training.loop import RECIPE, Cycle
from neuronas.training.measuring import score
from neuronas.training.memory import (
    OUT_OF_MEMORY,
    TOO_LARGE,
    Peak,
    available_bytes,
    measured_peak,
    require_memory,
)
from neuronas.training.post_training import quantized_after
from neuronas.training.proxies import scoring_bytes, spike_scores, training_images

PACKAGES = ("neuronas", "torch", "snntorch", "optuna", "numpy")
SCORED_SAMPLES = 128
"""Training samples that untrained networks are scored on, as in ``neuronas proxy``."""

Result = TypeVar("Result")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains candidates of one study on one machine.

    Attributes:
        dataset: Data with its splits.
        settings: Epochs, batch size, learning rate, augmentation.
        checkpoint_dir: Folder of all studies' weights.
        folder: Subfolder of this study's weights.
        threads: Threads of torch. Equal seeds give equal networks at equal thread counts.
        device: Where networks are trained: ``cpu`` or ``cuda``.
    """

    dataset: Dataset
    settings: TrainingConfig
    checkpoint_dir: Path
    folder: str
    threads: int
    device: str = "cpu"

    @classmethod
    def of(
        cls,
        study: StudyConfig,
        *,
        data_dir: Path | None,
        checkpoint_dir: Path,
        threads: int,
        device: str | None = None,
    ) -> Trainer:
        """Return the trainer of a study.

        Args:
            study: The study.
            data_dir: Folder with the dataset's files; its usual place when None.
            checkpoint_dir: Folder of all studies' weights.
            threads: Threads of torch.
            device: ``cpu`` or ``cuda``; when None, CUDA where it is available.

        Raises:
            DatasetError: Its data is not there.
            ConfigError: There is no such device.
        """
        frames = study.space.time_steps[0] if study.dataset_info.event_frames else None
        dataset = load_dataset(study.dataset, data_dir, study.training.samples, time_steps=frames)
        found = chosen_device(device)
        return cls(dataset, study.training, checkpoint_dir, study.name, threads, found)

    @property
    def precision(self) -> Precision:
        """In which precision networks are trained here: what the study says, or ``auto`` chose."""
        return chosen_precision(self.settings.precision, self.device)

    def context(self) -> Mapping[str, Any]:
        """Return what, besides the network, decides its accuracy; for the training digest."""
        context: dict[str, Any] = {
            "recipe": RECIPE,
            "data": self.dataset.description,
            "batch_size": self.settings.batch_size,
            "learning_rate": self.settings.learning_rate,
        }
        # Left out where usual: networks that were trained before there was a choice count on.
        augment = self.settings.augment or AugmentConfig()
        if augment != AugmentConfig():
            context["augment"] = augment.model_dump()
        if self.precision != "fp32":
            context["precision"] = self.precision
        return context

    def evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None = None
    ) -> Evaluation:
        """Return the evaluation of a network that is trained to its end.

        It is the same, but for the time that it takes, whether the training paused or not.

        Args:
            architecture: The network.
            key: Its training.
            since: Where that paused; from its start when None.

        Raises:
            TrainingFailedError: This candidate cannot be trained; others may.
            TrainingPausedError: This process is drained; the training can go on later.
            CheckpointError: The paused training's state is absent or damaged.
            StorageError: Its weights cannot be written.
        """
        return self._limited(architecture, Trainer._evaluate, key, since)

    def train_to_rung(
        self, architecture: Architecture, key: EvaluationKey, epochs: int, since: Rung | None = None
    ) -> Rung:
        """Return where a training is that pauses behind some epochs; else as :meth:`evaluate`.

        Where this process is drained, it pauses earlier.
        """
        return self._limited(architecture, Trainer._train_to_rung, key, since, epochs)

    def _limited(
        self,
        architecture: Architecture,
        task: Callable[..., Result],
        *arguments: Any,  # noqa: ANN401 - whatever the task takes
    ) -> Result:
        """Train within the memory and time that a candidate may take."""
        megabytes = self.settings.memory_limit_mb
        limit = None if megabytes is None else megabytes * 1_000_000
        left = torch.cuda.mem_get_info()[0] if self.device == "cuda" else None
        require_memory(architecture, self.settings.batch_size, left if limit is None else limit)
        if not self.settings.isolate:
            return task(self, architecture, *arguments)
        # What is watched is the process's memory; on CUDA tensors are elsewhere.
        watched = limit if self.device == "cpu" else None
        limits = Limits(watched, self.settings.wall_seconds)
        return run_isolated(task, self, architecture, *arguments, limits=limits)

    def _evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None
    ) -> Evaluation:
        started = time.perf_counter()
        with self._torch(key.seed), reported_memory(), measured_peak(self.device) as peak:
            cycle = self._cycle(architecture, key, since)
            cycle.train_to(key.epochs)
            paused = self._paused(cycle) if cycle.done < key.epochs else None
            if paused is None:
                network = cycle.finished()
                result = score(network, self.dataset.validation)
                with counted_epochs(lambda: key.epochs):
                    check_layers(result.spike_rates)
        if paused is not None:
            raise TrainingPausedError(self._rung(key, paused, since, started, peak))
        file, digest = save_weights(network, self.checkpoint_dir / self.folder, _stem(key))
        return Evaluation(
            key=key,
            validation_accuracy=result.accuracy,
            test_accuracy=None,
            spike_rates=result.spike_rates,
            zero_inputs=result.zero_inputs,
            train_seconds=time.perf_counter() - started + (since.train_seconds if since else 0.0),
            peak_memory_bytes=_larger(peak.bytes, since),
            weights_path=Path(self.folder) / file,
            weights_sha256=digest,
            provenance=self._provenance(),
        )

    def _train_to_rung(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None, epochs: int
    ) -> Rung:
        started = time.perf_counter()
        with self._torch(key.seed), reported_memory(), measured_peak(self.device) as peak:
            cycle = self._cycle(architecture, key, since)
            cycle.train_to(epochs)
            paused = self._paused(cycle)
        return self._rung(key, paused, since, started, peak)

    def _paused(self, cycle: Cycle) -> tuple[int, dict[str, Any], float]:
        """Return epochs, state and accuracy of a training that pauses."""
        state = cycle.state()
        return cycle.done, state, score(cycle.finished(), self.dataset.validation).accuracy

    def _rung(
        self,
        key: EvaluationKey,
        paused: tuple[int, dict[str, Any], float],
        since: Rung | None,
        started: float,
        peak: Peak,
    ) -> Rung:
        """Write the state of a training that pauses."""
        epochs, state, accuracy = paused
        stem = f"{_stem(key)}-r{epochs}"
        file, digest = save_state(state, self.checkpoint_dir / self.folder, stem)
        return Rung(
            key=key,
            epochs=epochs,
            validation_accuracy=accuracy,
            train_seconds=time.perf_counter() - started + (since.train_seconds if since else 0.0),
            peak_memory_bytes=_larger(peak.bytes, since),
            checkpoint_path=Path(self.folder) / file,
            checkpoint_sha256=digest,
        )

    def forget(self, checkpoint: Path) -> None:
        """Remove a paused training's state, by its path in the checkpoint folder, if it is there.

        Raises:
            StorageError: It cannot be removed.
        """
        remove_state(self.checkpoint_dir / checkpoint)

    def sweep(self) -> None:
        """Remove what killed processes left half-written in this study's folder."""
        sweep_partial(self.checkpoint_dir / self.folder)

    def _cycle(self, architecture: Architecture, key: EvaluationKey, since: Rung | None) -> Cycle:
        """Return a training at its start, or where it paused."""
        settings = self.settings.model_copy(update={"epochs": key.epochs})
        network = self._built(architecture)
        cycle = Cycle.of(network, self.dataset.train, settings, key.seed)
        if since is not None:
            path = self.checkpoint_dir / since.checkpoint_path
            cycle.take_up(load_state(path, since.checkpoint_sha256))
        return cycle

    def test_accuracy(self, architecture: Architecture, evaluation: Evaluation) -> float:
        """Return the accuracy of a trained network on the test split.

        Raises:
            StorageError: Its weights are absent or damaged.
        """
        with self._torch(evaluation.key.seed):
            network = self._loaded(architecture, evaluation)
            return score(network, self.dataset.test).accuracy

    def quantized_accuracy(self, architecture: Architecture, twin: Evaluation) -> float:
        """Return the accuracy on the test split of a network that is quantized after training.

        Args:
            architecture: The network, with the weight bits to quantize to.
            twin: Evaluation of the same network, trained with weights of 32 bits.

        Raises:
            StorageError: Its weights are absent or damaged.
        """
        with self._torch(twin.key.seed):
            network = self._loaded(architecture.full_precision(), twin)
            quantized = quantized_after(network, architecture.weight_bits, self.dataset.train)
            return score(quantized, self.dataset.test).accuracy

    def scoring_context(self) -> Mapping[str, Any]:
        """Return what, besides the network and the seed, decides its score without training."""
        return {
            "score": "sahd",
            "data": self.dataset.description,
            "samples": self._scored_samples,
            "precision": self.precision,
        }

    def untrained_score(self, architecture: Architecture, seed: int) -> float:
        """Return SAHD of a freshly drawn network on a batch of training samples.

        Higher is better; minus infinity where it is silent or tells two samples not apart.

        Args:
            architecture: The network.
            seed: Decides its weights and the samples.

        Raises:
            TrainingFailedError: Scoring it does not fit into memory.
        """
        needed = scoring_bytes(architecture, self._scored_samples)
        left = torch.cuda.mem_get_info()[0] if self.device == "cuda" else available_bytes()
        if left is not None and needed > left:
            taken = f"scoring takes some {needed / 1e6:,.0f} MB, {left / 1e6:,.0f} MB is left"
            raise TrainingFailedError(TOO_LARGE, taken)
        with self._torch(seed), reported_memory():
            network = self._built(architecture)
            images = training_images(self.dataset.train, self._scored_samples, seed)
            return spike_scores(network, torch.from_numpy(images).to(self.device)).sahd

    @property
    def _scored_samples(self) -> int:
        return min(SCORED_SAMPLES, len(self.dataset.train))

    def _loaded(self, architecture: Architecture, evaluation: Evaluation) -> SpikingNetwork:
        network = self._built(architecture)
        path = self.checkpoint_dir / evaluation.weights_path
        load_weights(network, path, evaluation.weights_sha256)
        return network

    def _built(self, architecture: Architecture) -> SpikingNetwork:
        network = build_network(architecture)
        if architecture.coding in {"rate", "latency"}:
            black, white = self.dataset.bounds()
            network.bounds = black.to(self.device), white.to(self.device)
        network.precision = self.precision
        return network.to(self.device)

    def _provenance(self) -> Provenance:
        return Provenance(
            device=self.device,
            threads=self.threads,
            split=self.dataset.description,
            versions={package: version(package) for package in PACKAGES},
        )

    @contextmanager
    def _torch(self, seed: int) -> Iterator[None]:
        """Set threads and seed for one candidate, and put torch back as it was."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        keep_freed_memory()
        try:
            with forked_generators(self.device):
                torch.manual_seed(seed)
                yield
        finally:
            torch.set_num_threads(threads)


def _stem(key: EvaluationKey) -> str:
    return f"{key.digest[:16]}-e{key.epochs}-s{key.seed}"


def _larger(peak_bytes: int | None, since: Rung | None) -> int | None:
    """Return the peak of a training, of which that before a pause is known."""
    before = None if since is None else since.peak_memory_bytes
    return max((peak for peak in (peak_bytes, before) if peak is not None), default=None)


@contextmanager
def reported_memory() -> Iterator[None]:
    """Turn running out of memory into a failure of this candidate alone."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error).lower()
        if not isinstance(error, MemoryError) and not any(o in message for o in _NO_MEMORY):
            raise
        gc.collect()
        detail = str(error).partition("\n")[0] or "no memory left for Python"
        raise TrainingFailedError(OUT_OF_MEMORY, detail) from None
