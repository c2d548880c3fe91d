"""Small networks: how to draw, build, enliven and observe them."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import torch
from hypothesis import strategies as st
from snntorch import SpikingNeuron
from torch import Tensor, nn

from neuronas.architecture import GROUPS, Architecture
from neuronas.network import SpikingNetwork, build_network
from tests.strategies import architectures, connected_cells

BOUNDS = (-8.0, 8.0)
"""Of images that are normally distributed: none is found outside."""


@st.composite
def small_networks(
    draw: st.DrawFn,
    *,
    bits: st.SearchStrategy[int] | None = None,
    threshold: float = 2.0,
    cell: st.SearchStrategy[tuple[str, ...]] | None = None,
) -> Architecture:
    """Connected architectures that run in milliseconds, on images of up to 9x9."""
    sizes = st.integers(2, 9)
    shape = draw(st.tuples(st.integers(1, 3), sizes, sizes))
    changes: dict[str, object] = {
        "channels": draw(st.integers(1, 5)),
        "time_steps": draw(st.integers(1, 4)),
        "threshold": draw(st.floats(0.125, threshold)),
    }
    if bits is not None:
        changes["weight_bits"] = {group: draw(bits) for group in GROUPS}
    drawn = draw(architectures(input_shape=shape, cell=connected_cells() if cell is None else cell))
    return Architecture.model_validate({**drawn.model_dump(), **changes})


def built(architecture: Architecture, seed: int = 0) -> SpikingNetwork:
    """Return the network with the weights that ``seed`` draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(architecture)
    network.bounds = BOUNDS
    return network


def images_for(architecture: Architecture, count: int = 3, seed: int = 1) -> Tensor:
    """Return normally distributed images, or event frames where those are what is read."""
    generator = torch.Generator().manual_seed(seed)
    frames = [architecture.time_steps] if architecture.coding == "events" else []
    return torch.randn(count, *frames, *architecture.input_shape, generator=generator)


SEED = 5


def run(network: SpikingNetwork, images: Tensor) -> Tensor:
    """Return the outputs, with the spikes of coded images drawn from one seed."""
    torch.manual_seed(SEED)
    outputs: Tensor = network(images)
    return outputs


def enliven(network: SpikingNetwork, architecture: Architecture) -> SpikingNetwork:
    """Make every layer likely to fire, with uneven and measured batch norm; return it for eval."""
    generator = torch.Generator().manual_seed(2)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 1.0, 4.0, generator=generator)
        nn.init.normal_(norm.bias, 0.3, 0.3, generator=generator)
    network.train()
    with torch.no_grad():
        if network.hidden is not None:
            network.hidden.weight *= 8.0
        for seed in range(8):
            network(images_for(architecture, 8, seed))
    return network.eval()


def module_paths(slots: Mapping[str, object]) -> dict[str, str]:
    """Return where in a network the module of each layer of the layer table is."""
    fixed = {
        "reduction.lif": "reduction_lif",
        "classifier.lif": "classifier_lif",
        "classifier.hidden": "hidden",
        "classifier.hidden_lif": "hidden_lif",
        "classifier.head": "head",
        "classifier.head_lif": "head_lif",
    }
    paths = {}
    for slot in slots:
        room, _, place = slot.partition(".")
        if room not in ("cell_a", "cell_b"):
            paths[slot] = fixed.get(slot, slot)
        elif not place.startswith("lif"):  # a node may have several
            paths[slot] = f"{room}.operations.{place}"
    return paths


def living() -> tuple[int, int]:
    """Return the neurons that snntorch keeps, and the torch modules that are alive."""
    gc.collect()
    modules = sum(issubclass(type(thing), nn.Module) for thing in gc.get_objects())
    return len(SpikingNeuron.instances), modules
