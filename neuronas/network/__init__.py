"""The spiking network in torch."""

from neuronas.network.builder import Precision, SpikingNetwork, build_network, slot_of
from neuronas.network.lif import LIF
from neuronas.network.memory import keep_freed_memory
from neuronas.network.quantization import QuantizedConv2d, QuantizedLinear, quantize_weight

__all__ = [
    "LIF",
    "Precision",
    "QuantizedConv2d",
    "QuantizedLinear",
    "SpikingNetwork",
    "build_network",
    "keep_freed_memory",
    "quantize_weight",
    "slot_of",
]
