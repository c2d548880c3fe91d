"""The two digests: what is trained once, and what is proposed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from neuronas.architecture.networks import GROUPS, Architecture, Networks
from neuronas.architecture.workload import Workload


def training_digest(architecture: Architecture, context: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything that decides a network's weights and accuracy.

    Edges on no path and the bit width of a group without weights do not change a network, so they
    do not change its digest. Epochs and seed are not part of it: an evaluation is keyed by
    (digest, epochs, seed).

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


def deployment_digest(training: str, hardware: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a training digest and the chip that the network is deployed on."""
    return _sha256({"training": training, "hardware": dict(hardware)})


def _sha256(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
