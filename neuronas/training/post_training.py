"""Post-training quantization, with which quantization-aware training is compared."""

from __future__ import annotations

import copy

from neuronas.architecture import WeightBits
from neuronas.errors import ConfigError
from neuronas.network import QuantizedConv2d, QuantizedLinear, SpikingNetwork
from neuronas.network.quantization import FULL_PRECISION_BITS
from neuronas.training.data import Split
from neuronas.training.measuring import estimate_batch_norm

_CLASSIFIER = {"hidden", "head"}


def quantized_after(
    network: SpikingNetwork, weight_bits: WeightBits, data: Split
) -> SpikingNetwork:
    """Return a copy of a trained network whose weights have fewer bits, without further training.

    Its layers round their weights as in quantization-aware training, by
    :func:`~neuronas.network.quantize_weight`; batch-norm statistics are measured anew. Learned
    thresholds and decays, biases, and scales and shifts of batch norm stay in full precision.

    Args:
        network: A network trained with weights of 32 bits; it stays as it is.
        weight_bits: Weight bits of each group: 2 to 8, 16 or 32.
        data: Training split, for the statistics. With coding ``rate``, spikes are drawn from
            torch's generator.

    Raises:
        ConfigError: Weights of the network do not have 32 bits.
    """
    quantized = copy.deepcopy(network)
    for name, layer in quantized.named_modules():
        if not isinstance(layer, QuantizedConv2d | QuantizedLinear):
            continue
        if layer.bits != FULL_PRECISION_BITS:
            raise ConfigError(
                f"layer '{name}' was trained with weights of {layer.bits} bits; allowed: "
                f"{FULL_PRECISION_BITS}. Train architecture.full_precision(), and quantize that"
            )
        place = name.partition(".")[0]
        layer.bits = getattr(weight_bits, "classifier" if place in _CLASSIFIER else place)
    estimate_batch_norm(quantized, data)
    return quantized
