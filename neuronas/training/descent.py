"""The steps that every training scheme is made of."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neuronas import interrupts
from neuronas.config import TrainingConfig
from neuronas.network import SpikingNetwork
from neuronas.training.data import Split
from neuronas.training.failures import JUDGED_SAMPLES, Watch, check_layers, check_progress
from neuronas.training.measuring import estimate_batch_norm, score, spread

_WEIGHT_DECAY = 1e-4
_GRADIENT_NORM = 1.0


@dataclass(slots=True)
class Descent:
    """A network on its way: AdamW with clipped gradients; others set the learning rate.

    Attributes:
        network: Is trained in place.
        optimizer: Of its weights.
        data: Training split.
        settings: Batch size, augmentation.
        generator: Decides the order of samples, and how they are augmented.
        watch: Ends a hopeless training.
        taken: Steps so far.
    """

    network: SpikingNetwork
    optimizer: torch.optim.Optimizer
    data: Split
    settings: TrainingConfig
    generator: torch.Generator
    watch: Watch
    taken: int = 0

    @classmethod
    def of(
        cls, network: SpikingNetwork, data: Split, settings: TrainingConfig, seed: int
    ) -> Descent:
        """Return the descent of a fresh network, without a warm-up until one is set."""
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        classes = network.head.out_features // network.votes
        generator = torch.Generator().manual_seed(seed)
        return cls(network, optimizer, data, settings, generator, Watch(classes))

    def batches(self) -> list[Tensor]:
        """Return the indices of an epoch's batches, in a new order each time."""
        order = torch.randperm(len(self.data), generator=self.generator)
        parts = torch.split(order, self.settings.batch_size)
        return [part for part in parts if len(part) > 1]  # batch norm needs two samples

    def step(self, batch: Tensor, epoch: int) -> None:
        """Take one step.

        Raises:
            TrainingFailedError: ``non-finite`` or ``diverged``.
            KeyboardInterrupt: The user stopped the training.
        """
        interrupts.check()
        self.network.train()
        images, labels = self.data.batch(batch.numpy(), self.settings.augment, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        device = self.network.device
        loss = F.cross_entropy(self.network(images.to(device)), labels.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        self.watch.step(loss.detach(), norm, epoch)
        self.optimizer.step()
        self.taken += 1

    def judge(self) -> None:
        """Look at the network as it is, on training samples.

        Raises:
            TrainingFailedError: ``dead network``, ``saturated network`` or ``at chance``.
        """
        estimate_batch_norm(self.network, self.data)
        seen = spread(self.data, JUDGED_SAMPLES)
        found = score(self.network, seen)
        check_layers(found.spike_rates)
        check_progress(
            found.accuracy, samples=len(seen), classes=self.watch.classes, steps=self.taken
        )

    def state(self) -> dict[str, Any]:
        """Return all that further steps depend on, torch's own random generators included."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if self.network.device.type == "cuda" else [],
            "watch": asdict(self.watch),
            "taken": self.taken,
        }

    def take_up(self, state: dict[str, Any]) -> None:
        """Go back to a state of the same network's descent."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
        self.watch = Watch(**state["watch"])
        self.taken = state["taken"]

    def branch(self) -> Descent:
        """Return a copy that goes on by itself, but for the generator."""
        network, optimizer = copy.deepcopy((self.network, self.optimizer))
        return replace(self, network=network, optimizer=optimizer, watch=copy.copy(self.watch))
