"""Small networks and files to train on."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import torch

from neuronas.architecture import Architecture
from neuronas.network import SpikingNetwork, build_network
from neuronas.records import Evaluation, EvaluationKey
from neuronas.training import Split, Trainer
from tests.strategies import WIRE, architecture

TINY = architecture(cell_a=WIRE, cell_b=WIRE, channels=8, time_steps=2, threshold=0.5)
"""Two convolutions; learns digits in a few epochs of a fraction of a second."""

DEEP = architecture(
    cell_a="0302 0030 0002 0000",
    cell_b=WIRE,
    channels=4,
    time_steps=2,
    hidden=12,
    threshold=0.25,
)
"""Neurons in a cell, before both convolutions of the macro architecture, and in a hidden layer."""

KEY = EvaluationKey("0123456789abcdef" * 4, 1, 5)


@dataclass(frozen=True)
class Trained:
    """A finished evaluation and the trainer that made it."""

    trainer: Trainer
    evaluation: Evaluation


def built(network: Architecture, seed: int = 0) -> SpikingNetwork:
    """Return the network with the weights that ``seed`` draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(network)


def head_of(split: Split, count: int) -> Split:
    """Return the first samples of a split."""
    return split.take(slice(count))


def idx(values: np.ndarray, *, code: int = 8) -> bytes:
    """Return bytes in the IDX layout: magic number, sizes, values."""
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, code, values.ndim]) + sizes + values.astype(np.uint8).tobytes()
