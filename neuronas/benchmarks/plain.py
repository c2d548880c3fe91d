"""The reference network as a user of another library writes it, to compare with.

One module holds the topology of ``reference.json``; a ``Library`` brings the layers. With snntorch
each time step goes through the whole network, as in its tutorials; with spikingjelly, in
multi-step mode, each layer takes all time steps at once. Maps are NCHW, torch's default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from neuronas.architecture import Architecture

ATAN_ALPHA = 2.0


@dataclass(frozen=True, slots=True)
class Library:
    """Layers of a library; the arguments of all but ``neuron`` are those of ``torch.nn``."""

    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    pool: Callable[..., nn.Module]
    linear: Callable[..., nn.Module]
    neuron: Callable[[], nn.Module]


class SteppedLeaky(nn.Module):
    """``snntorch.Leaky`` that keeps its potential between time steps.

    Our neurons charge with ``(1 - decay) * x``. Threshold and slope are divided by ``1 - decay``
    instead: the same spikes and gradients, without a multiplication per step.
    """

    def __init__(self, decay: float, threshold: float) -> None:
        super().__init__()
        gain = 1 - decay
        self.leaky = snntorch.Leaky(
            beta=decay,
            threshold=threshold / gain,
            reset_mechanism="zero",
            spike_grad=surrogate.atan(alpha=ATAN_ALPHA * gain),
        )
        snntorch.SpikingNeuron.instances.remove(self.leaky)  # else it is never freed
        self.potential: Tensor | None = None

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of one time step."""
        if self.potential is None:
            self.potential = torch.zeros_like(current)
        spikes: Tensor
        spikes, self.potential = self.leaky(current, self.potential)
        return spikes


class _Convolution(nn.Module):
    def __init__(self, library: Library, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.lif = library.neuron()
        self.conv = library.conv(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = library.norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(self.lif(x)))
        return y


class _Cell(nn.Module):
    def __init__(self, library: Library, channels: int) -> None:
        super().__init__()
        self.first = _Convolution(library, channels, channels, 3)
        self.second = _Convolution(library, channels, channels, 3)
        self.third = _Convolution(library, channels, channels, 1)
        self.pool = library.pool(3, stride=1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.second(self.first(x)) + x
        y: Tensor = self.third(inner) + self.pool(x)
        return y


class PlainNetwork(nn.Module):
    """The reference network; each layer is called once per call.

    Args:
        architecture: For its sizes and numbers; cells are those of the reference network.
        library: Where the layers come from.
    """

    def __init__(self, architecture: Architecture, library: Library) -> None:
        super().__init__()
        channels, wide = architecture.channels, architecture.channels * architecture.ratio
        images, height, width = architecture.input_shape
        pixels = (height // 2 // architecture.pool) * (width // 2 // architecture.pool)
        self.stem = library.conv(images, channels, 3, padding=1, bias=False)
        self.stem_norm = library.norm(channels)
        self.cell_a = _Cell(library, channels)
        self.reduction_norm = library.norm(channels)
        self.reduction = _Convolution(library, channels, wide, 3)
        self.reduction_pool = library.pool(2)
        self.cell_b = _Cell(library, wide)
        self.classifier_norm = library.norm(wide)
        self.classifier_lif = library.neuron()
        self.pool = library.pool(architecture.pool)
        self.head = library.linear(wide * pixels, architecture.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the head's output, ``(..., classes)`` of ``(..., C, H, W)``."""
        x = self.cell_a(self.stem_norm(self.stem(x)))
        x = self.reduction_pool(self.reduction(self.reduction_norm(x)))
        x = self.classifier_lif(self.classifier_norm(self.cell_b(x)))
        y: Tensor = self.head(self.pool(x).flatten(-3))
        return y


class SnntorchNetwork(nn.Module):
    """The reference network with snntorch's neurons, stepped over time as a whole."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        decay, threshold = architecture.decay, architecture.threshold
        self.time_steps = architecture.time_steps
        library = Library(
            nn.Conv2d,
            nn.BatchNorm2d,
            nn.AvgPool2d,
            nn.Linear,
            lambda: SteppedLeaky(decay, threshold),
        )
        self.step = PlainNetwork(architecture, library)

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs' mean over time, ``(B, classes)`` of ``(B, C, H, W)``."""
        for module in self.step.modules():
            if isinstance(module, SteppedLeaky):
                module.potential = None
        return torch.stack([self.step(images) for _ in range(self.time_steps)]).mean(dim=0)


class SpikingjellyNetwork(nn.Module):
    """The reference network of spikingjelly's layers in multi-step mode.

    Raises:
        ImportError: spikingjelly, or something that it needs, is not installed.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        from spikingjelly.activation_based import functional, layer, neuron
        from spikingjelly.activation_based import surrogate as slopes

        def lif() -> Any:  # noqa: ANN401 - the library has no types
            return neuron.LIFNode(
                tau=1 / (1 - architecture.decay),
                v_threshold=architecture.threshold,
                v_reset=0.0,
                surrogate_function=slopes.ATan(alpha=ATAN_ALPHA),
                detach_reset=True,
            )

        library = Library(layer.Conv2d, layer.BatchNorm2d, layer.AvgPool2d, layer.Linear, lif)
        self.time_steps = architecture.time_steps
        self.network = PlainNetwork(architecture, library)
        self.reset: Callable[[nn.Module], None] = functional.reset_net
        functional.set_step_mode(self.network, "m")

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs' mean over time, ``(B, classes)`` of ``(B, C, H, W)``."""
        self.reset(self.network)
        y: Tensor = self.network(images.repeat(self.time_steps, 1, 1, 1, 1)).mean(dim=0)
        return y
