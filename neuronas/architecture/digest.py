"""The two digests: what is trained once, and what is proposed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture.cells import ALL_EDGES
from neuronas.architecture.networks import GROUPS, Architecture, Ints, Networks
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
    network = networks[0].to_json()
    weighted = zip(GROUPS, _has_weights(networks)[0], strict=True)
    network["weight_bits"] = {g: network["weight_bits"][g] for g, has in weighted if has}
    return _sha256({"network": network, "training": dict(context)})


def network_keys(networks: Networks) -> list[bytes]:
    """Return one key per network: equal keys are equal networks, as for the training digest."""
    canonical = networks.canonical()
    bits = canonical.weight_bits * _has_weights(canonical)
    scalars = (canonical.channels, canonical.ratio, canonical.pool, canonical.hidden)
    head = (canonical.votes, canonical.coding)
    neurons = (canonical.time_steps, canonical.decay.view(np.int64))
    columns = [*scalars, *head, *neurons, canonical.threshold.view(np.int64)]
    cells = map(_whole, (canonical.cell_a, canonical.cell_b))
    rows = np.column_stack([*cells, bits, *columns])
    return rows_as_bytes(rows)


def _has_weights(canonical: Networks) -> NDArray[np.bool_]:
    """Return which groups of layers have weights, shape ``(N, GROUPS)``."""
    has = np.ones(canonical.weight_bits.shape, dtype=bool)
    for group, cell in (("cell_a", canonical.cell_a), ("cell_b", canonical.cell_b)):
        # Everything but a cell has some always: a convolution or a linear layer.
        has[:, GROUPS.index(group)] = _CONVOLVES[cell].any(axis=1)
    return has


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
