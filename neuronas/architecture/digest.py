"""The two digests: what is trained once, and what is proposed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuronas.architecture.cells import ALL_EDGES
from neuronas.architecture.networks import GROUPS, Architecture, Ints, Networks
from neuronas.architecture.workload import Workload
from neuronas.config import OPERATIONS, ZEROIZE, Kind

_CONVOLVES = np.array([op.kind == Kind.CONV for op in OPERATIONS])


def training_digest(architecture: Architecture, context: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything that decides a network's weights and accuracy.

    Edges on no path, an operation's threshold that is the network's too, and the bit width of a
    group without weights do not change a network, so they do not change its digest. Epochs and
    seed are not part of it: an evaluation is keyed by (digest, epochs, seed).

    Args:
        architecture: The network.
        context: Dataset, split and training settings, as JSON values.
    """
    networks = Networks.of([architecture]).canonical()
    workload = Workload.of(networks)
    network = networks[0].to_json()
    weighted = {
        slot.group
        for slot, weights in zip(workload.slots, workload.weights[:, 0], strict=True)
        if weights
    }
    network["weight_bits"] = {g: network["weight_bits"][g] for g in GROUPS if g in weighted}
    return _sha256({"network": network, "training": dict(context)})


def network_keys(networks: Networks) -> list[bytes]:
    """Return one key per network: equal keys are equal networks, as for the training digest."""
    canonical = networks.canonical()
    cells = {"cell_a": canonical.cell_a, "cell_b": canonical.cell_b}
    bits = canonical.weight_bits.copy()
    for group, cell in cells.items():
        # Everything but a cell has weights always: a convolution or a linear layer.
        bits[:, GROUPS.index(group)] *= _CONVOLVES[cell].any(axis=1)
    scalars = (canonical.channels, canonical.ratio, canonical.pool, canonical.hidden)
    head = (canonical.votes, canonical.coding)
    neurons = (canonical.time_steps, canonical.decay.view(np.int64))
    columns = [*scalars, *head, *neurons, canonical.threshold.view(np.int64)]
    rows = np.column_stack([*map(_whole, cells.values()), bits, *columns])
    return rows_as_bytes(rows)


def rows_as_bytes(rows: Ints) -> list[bytes]:
    """Return the bytes of each row of integers, shape ``(N, K)``."""
    whole = np.ascontiguousarray(rows, dtype=np.int64)
    found: list[bytes] = whole.view(f"V{whole.itemsize * whole.shape[1]}")[:, 0].tolist()
    return found


def _whole(cells: Ints) -> Ints:
    """Return cells with a column per edge, backward ones too."""
    missing = len(ALL_EDGES) - cells.shape[1]
    return np.pad(cells, ((0, 0), (0, missing)), constant_values=ZEROIZE)


def deployment_digest(training: str, hardware: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a training digest and the chip that the network is deployed on."""
    return _sha256({"training": training, "hardware": dict(hardware)})


def _sha256(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
