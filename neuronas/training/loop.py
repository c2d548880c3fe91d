"""Brief training: with a complete learning-rate schedule, which may pause, or in branches."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from neuronas import interrupts
from neuronas.config import TrainingConfig
from neuronas.network import SpikingNetwork
from neuronas.training.data import Split
from neuronas.training.descent import Descent
from neuronas.training.failures import counted_epochs
from neuronas.training.measuring import estimate_batch_norm

RECIPE = "adamw-onecycle-4"
"""Version of this training recipe; part of the training digest."""

_WARM_UP = 0.3
"""Share of the steps in which the learning rate rises; that of ``OneCycleLR``."""

_DECAY = 0.25
"""Share of a rung's steps in which the learning rate of its branch falls."""


def train(network: SpikingNetwork, data: Split, settings: TrainingConfig, seed: int) -> None:
    """Train a network in place: AdamW, one learning-rate cycle, clipped gradients.

    Half-way, a network whose classifier reads no spike, or nothing but spikes, or that is still at
    chance, is given up. Earlier would be too early: the cycle starts slowly, and a hidden layer
    often fires only after a few epochs.

    Args:
        network: The network.
        data: Training split.
        settings: Epochs, batch size, learning rate, augmentation.
        seed: Decides the order of the samples, and how they are augmented.

    Raises:
        TrainingFailedError: For one of the reasons in :mod:`~neuronas.training.failures`.
    """
    cycle = Cycle.of(network, data, settings, seed)
    cycle.train_to(settings.epochs)
    cycle.finished()


@dataclass(slots=True)
class Cycle:
    """A training with one learning-rate cycle, which may pause behind any epoch.

    Attributes:
        descent: The network on its way.
        schedule: Of the learning rate, over all epochs.
        done: Epochs so far.
    """

    descent: Descent
    schedule: torch.optim.lr_scheduler.OneCycleLR
    done: int = 0

    @classmethod
    def of(cls, network: SpikingNetwork, data: Split, settings: TrainingConfig, seed: int) -> Cycle:
        """Return the training of a fresh network; arguments as for :func:`train`."""
        descent = Descent.of(network, data, settings, seed)
        steps = settings.epochs * len(descent.batches())
        descent.watch.warm_up = round(_WARM_UP * steps)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            descent.optimizer,
            max_lr=settings.learning_rate,
            total_steps=steps + 1,
            pct_start=_WARM_UP,
        )
        return cls(descent, schedule)

    def train_to(self, epochs: int) -> None:
        """Train until so many epochs are done, or one more where this process is drained.

        Errors as for :func:`train`.
        """
        whole = self.descent.settings.epochs
        with counted_epochs(lambda: self.descent.taken * whole / (self.schedule.total_steps - 1)):
            while self.done < epochs:
                for batch in self.descent.batches():
                    self.descent.step(batch, self.done)
                    self.schedule.step()
                self.done += 1
                if self.done == (whole + 1) // 2:
                    self.descent.judge()
                if interrupts.is_draining():
                    break

    def finished(self) -> SpikingNetwork:
        """Return the network with the batch-norm statistics of its weights; nothing goes on."""
        estimate_batch_norm(self.descent.network, self.descent.data)
        return self.descent.network

    def state(self) -> dict[str, Any]:
        """Return all that going on depends on, torch's own random generators included."""
        live = {
            "descent": self.descent.state(),
            "schedule": self.schedule.state_dict(),
            "done": self.done,
        }
        return copy.deepcopy(live)

    def take_up(self, state: dict[str, Any]) -> None:
        """Go back to where a training of the same network, data, settings and seed paused."""
        self.descent.take_up(state["descent"])
        self.schedule.load_state_dict(state["schedule"])
        self.done = state["done"]


def train_in_rungs(
    network: SpikingNetwork,
    data: Split,
    settings: TrainingConfig,
    seed: int,
    rungs: Sequence[int],
) -> Iterator[SpikingNetwork]:
    """Train a network once, and yield a finished copy of it at each rung.

    The learning rate warms up and stays; at a rung's end it falls to zero, with the square root of
    the steps as in arXiv 2405.18392, on a branch: a copy that is yielded, while the network itself
    goes on at the full rate. The branch's steps count towards its rung, so a rung of 4 epochs has
    seen as much as 4 epochs of :func:`train`.

    Args:
        network: The network.
        data: Training split.
        settings: Batch size, learning rate, augmentation; epochs are those of the rungs.
        seed: Decides the order of the samples, and how they are augmented.
        rungs: Epochs, rising.

    Raises:
        TrainingFailedError: As :func:`train`; networks are judged at each rung.
    """
    stable = Descent.of(network, data, settings, seed)
    order = list(itertools.chain.from_iterable(stable.batches() for _ in range(rungs[-1])))
    per_epoch = len(order) // rungs[-1]
    stable.watch.warm_up = round(_WARM_UP * rungs[0] * per_epoch)
    for rung in rungs:
        last = rung * per_epoch
        fork = max(stable.taken, last - max(1, round(_DECAY * last)))
        for batch in order[stable.taken : fork]:
            risen = min(1.0, (stable.taken + 1) / (stable.watch.warm_up + 1))
            _set_rate(stable, settings.learning_rate * risen)
            stable.step(batch, stable.taken // per_epoch)
        branch = stable.branch()
        for place, batch in enumerate(order[fork:last], start=1):
            _set_rate(branch, settings.learning_rate * (1 - math.sqrt(place / (last - fork + 1))))
            branch.step(batch, branch.taken // per_epoch)
        branch.judge()
        yield branch.network


def _set_rate(descent: Descent, rate: float) -> None:
    for group in descent.optimizer.param_groups:
        group["lr"] = rate
