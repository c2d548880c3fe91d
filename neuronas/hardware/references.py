"""Networks to compare with: VGG9, and SNASNet's macro-architecture at two widths."""

from __future__ import annotations

from neuronas.architecture import EDGE_NAMES, Architecture, Layer, WeightBits
from neuronas.config import BitWidth
from neuronas.hardware.costing import Network
from neuronas.hardware.layer_list import Layers

WEIGHT_BITS: BitWidth = 8
TIME_STEPS = 5

_VGG9_CHANNELS = ((64, 64), (128, 128), (256, 256, 256))
_ORDER = ("0->1", "1->2", "2->3", "0->3", "1->3", "0->2")
"""The edges of a cell in the order in which convolutions are added; up to 3 are a chain."""


def vgg9() -> Layers:
    """Return the VGG9 of SpikeSim's script (arXiv 2210.12899), with its classifier, for CIFAR-10.

    Seven 3x3 convolutions; average pooling by 2 behind the second, fourth and seventh; linear
    layers 4096 to 1024 to 10.
    """
    layers: list[Layer] = []
    channels, side = 3, 32
    for block in _VGG9_CHANNELS:
        for index, width in enumerate(block):
            layers.append(
                Layer(
                    kind="conv",
                    in_channels=channels,
                    out_channels=width,
                    height=side,
                    width=side,
                    kernel=3,
                    pool=2 if index + 1 == len(block) else 1,
                    weight_bits=WEIGHT_BITS,
                    levels=256 if not layers else 2,
                    static=not layers,
                )
            )
            channels = width
        side //= 2
    features = channels * side**2
    for outputs in (1024, 10):
        layers.append(
            Layer(
                kind="linear",
                in_channels=features,
                out_channels=outputs,
                weight_bits=WEIGHT_BITS,
                neurons=outputs != 10,  # noqa: PLR2004 - the head's classes
            )
        )
        features = outputs
    return Layers(layers=layers, time_steps=TIME_STEPS)


def snasnet(channels: int, convolutions: int, *, weight_bits: int = WEIGHT_BITS) -> Architecture:
    """Return SNASNet's macro-architecture (arXiv 2201.10355) for CIFAR-10.

    Args:
        channels: Channels C of cell A; cell B has 2C.
        convolutions: 3x3 convolutions per cell, 0 to 6; without any, a skip joins input and
            output.
        weight_bits: Bits of all weights.

    Returns:
        Five time steps, pooling 2, a hidden layer of 1024, both cells alike.
    """
    operations = dict.fromkeys(EDGE_NAMES, "zeroize")
    chosen = ("0->3",) if convolutions == 1 else _chain(convolutions)
    operations |= dict.fromkeys(chosen, "conv3x3")
    if not convolutions:
        operations["0->3"] = "skip"
    bits = WeightBits.model_validate(dict.fromkeys(WeightBits.model_fields, weight_bits))
    cell = tuple(operations[edge] for edge in EDGE_NAMES)
    return Architecture(
        input_shape=(3, 32, 32),
        classes=10,
        cell_a=cell,
        cell_b=cell,
        channels=channels,
        hidden=1024,
        time_steps=TIME_STEPS,
        weight_bits=bits,
    )


def _chain(convolutions: int) -> tuple[str, ...]:
    if convolutions == 2:  # noqa: PLR2004 - the one count whose first edges are no path
        return ("0->1", "1->3")
    return _ORDER[:convolutions]


def references() -> dict[str, Network]:
    """Return the networks that ship with the package, by name."""
    found: dict[str, Network] = {"VGG9": vgg9()}
    for channels in (128, 256):
        for convolutions in range(1, 7):
            name = f"SNASNet macro, C = {channels}, {convolutions} conv3x3 per cell"
            found[name] = snasnet(channels, convolutions)
    return found
