"""What makes a training hopeless, each with its name.

A loss that is not a number is looked for before anything else: networks with such weights never
fire, and would be called dead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from neuronas.errors import TrainingFailedError

NON_FINITE = "non-finite"
DIVERGED = "diverged"
DEAD = "dead network"
SATURATED = "saturated network"
AT_CHANCE = "at chance"

JUDGED_SAMPLES = 1024
"""Training samples, at most, on which a network is judged while it is trained."""

_DIVERGED_LOSS = 3.0
"""Times the loss of guessing, ``ln(classes)``."""

_DIVERGED_STEPS = 10
_SATURATED_RATE = 0.95
_CHANCE_STEPS = 100
"""Steps before which a network may still be at chance."""

_STANDARD_ERRORS = 3.0


@contextmanager
def counted_epochs(trained: Callable[[], float]) -> Iterator[None]:
    """Let failures know how many epochs were trained until then."""
    try:
        yield
    except TrainingFailedError as failure:
        failure.epochs = trained()
        raise


@dataclass(slots=True)
class Watch:
    """Looks at each step of one training.

    Attributes:
        classes: Classes of the data.
        warm_up: Steps in which the loss may be of any size.
    """

    classes: int
    warm_up: int = 0
    _taken: int = 0
    _above: int = 0

    def step(self, loss: Tensor, norm: Tensor, epoch: int) -> None:
        """Look at the loss and the gradient's norm of one step.

        Raises:
            TrainingFailedError: ``non-finite``, or ``diverged``: ten steps in a row behind the
                warm-up with a loss above three times that of guessing.
        """
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise TrainingFailedError(
                NON_FINITE, f"loss {float(loss)}, gradient norm {float(norm)} in epoch {epoch + 1}"
            )
        self._taken += 1
        limit = _DIVERGED_LOSS * math.log(self.classes)
        above = self._taken > self.warm_up and float(loss) > limit
        self._above = self._above + 1 if above else 0
        if self._above == _DIVERGED_STEPS:
            raise TrainingFailedError(
                DIVERGED,
                f"loss {float(loss):.3g} in epoch {epoch + 1}, for {_DIVERGED_STEPS} steps above "
                f"{limit:.3g}, {_DIVERGED_LOSS:g} times that of guessing; learning rate too high?",
            )


def check_layers(spike_rates: Mapping[str, float]) -> None:
    """Raise a TrainingFailedError where spikes carry nothing to the classifier.

    ``dead network``: the last layer never fires. ``saturated network``: what the classifier reads
    fires nearly always. Layers before may do either: currents pass them by.
    """
    layers = [name for name in spike_rates if name.endswith("lif")]
    if spike_rates[layers[-1]] == 0.0:
        silent = [name for name, rate in spike_rates.items() if rate == 0.0]
        raise TrainingFailedError(
            DEAD, f"no neuron of {layers[-1]} fires (silent layers: {', '.join(silent)})"
        )
    # Output neurons are read by their first spike only: they may go on firing.
    read = [name for name in layers if name != "classifier.head_lif"][-1]
    if spike_rates[read] > _SATURATED_RATE:
        raise TrainingFailedError(
            SATURATED, f"{spike_rates[read]:.1%} of the neurons of {read} fire at each step"
        )


def check_progress(accuracy: float, *, samples: int, classes: int, steps: int) -> None:
    """Raise a TrainingFailedError where a network still knows nothing of its training samples.

    ``at chance``: it is no better than drawing classes with equal probability, by three standard
    errors. Before 100 steps it may be; and where some classes are frequent, naming the most
    frequent one may be the way to start.

    Args:
        accuracy: On training samples, in [0, 1].
        samples: How many those were.
        classes: Classes of the data.
        steps: That it was trained for.
    """
    chance = 1 / classes
    needed = chance + _STANDARD_ERRORS * math.sqrt(chance * (1 - chance) / samples)
    if steps >= _CHANCE_STEPS and chance < 1 and accuracy <= needed:
        raise TrainingFailedError(
            AT_CHANCE,
            f"{accuracy:.1%} of {samples} training samples after {steps} steps; guessing gives "
            f"{chance:.1%}",
        )
