"""Cells: nodes that sum what their edges bring, at all time steps at once where they can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from neuronas.architecture import ALL_EDGE_NAMES, ALL_EDGES, BACK_EDGE_NAMES, NODES
from neuronas.config import CONV_THRESHOLDS, OPERATION_INDEX, OPERATIONS, Kind
from neuronas.network.folding import fire
from neuronas.network.lif import LIF, Membrane
from neuronas.network.plan import Plan
from neuronas.network.pooling import SameAvgPool2d

_ENDS = dict(zip(ALL_EDGE_NAMES, ALL_EDGES, strict=True))

Fire = Callable[[str, Tensor], Tensor]
"""Returns the spikes of the LIF layer of this name."""


class Cell(nn.Module):
    """A cell.

    One LIF layer serves all convolutions of one threshold that leave a node. A cell without
    backward edges computes all time steps at once; with them, one after the other, and what leads
    backward arrives at the next step, as in SNASNet (arXiv 2201.10355); its batch norms see one
    step at a time.

    Args:
        plan: The network.
        cell: Its name.
        operations: On its edges.
    """

    def __init__(self, plan: Plan, cell: str, operations: Sequence[str]) -> None:
        super().__init__()
        kinds = {edge: plan.kind(f"{cell}.{edge}") for edge in ALL_EDGE_NAMES}
        live = [edge for edge in ALL_EDGE_NAMES if kinds[edge] != Kind.NONE]
        self.backward_edges = [edge for edge in live if edge in BACK_EDGE_NAMES]
        self.forward_edges = [edge for edge in live if edge not in BACK_EDGE_NAMES]
        self.neurons, self.operations = nn.ModuleDict(), nn.ModuleDict()
        self.fired_by: dict[str, str] = {}
        self.rounding = plan.rounding()
        chosen = dict(zip(ALL_EDGE_NAMES, operations, strict=False))
        for edge in live:
            if kinds[edge] == Kind.CONV:
                self._add_neurons(plan, edge, OPERATIONS[OPERATION_INDEX[chosen[edge]]].threshold)
        for edge in live:
            kernel = plan.read(f"{cell}.{edge}", "kernel")
            if kinds[edge] == Kind.CONV:
                self.operations[edge] = plan.conv_norm(
                    f"{cell}.{edge}",
                    meeting=self._meeting(edge),
                    time_steps=1 if self.backward_edges else None,
                )
            elif kinds[edge] == Kind.AVGPOOL:
                channels = plan.read(f"{cell}.{edge}", "in_channels")
                pool = SameAvgPool2d(channels, kernel)
                self.operations[edge] = nn.Sequential(pool, self.rounding)
            elif kinds[edge] == Kind.MAXPOOL:
                self.operations[edge] = nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)

    def _meeting(self, edge: str) -> int:
        """Return how many currents are added up where an edge leads."""
        target = _ENDS[edge][1]
        into = sum(_ENDS[e][1] == target for e in (*self.forward_edges, *self.backward_edges))
        return into + (target == 0)

    def _add_neurons(self, plan: Plan, edge: str, threshold: float | None) -> None:
        own = threshold if threshold != plan.architecture.threshold else None
        place, node = CONV_THRESHOLDS.index(own), _ENDS[edge][0]
        self.fired_by[edge] = f"lif{node}_{place}" if place else f"lif{node}"
        if self.fired_by[edge] not in self.neurons:
            self.neurons[self.fired_by[edge]] = plan.lif(threshold)

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """Return the output node's current, ``(T*B, C, H, W)`` in and out."""
        if self.backward_edges:
            return self._stepped(x, time_steps)
        nodes = {0: x}
        self._send(self.forward_edges, nodes, nodes, self._at_once(time_steps))
        read: Tensor = self.rounding(nodes[NODES - 1])
        return read

    def _stepped(self, x: Tensor, time_steps: int) -> Tensor:
        """Return the same, one step after the other."""
        membranes = {name: Membrane() for name in self.neurons}
        steps = x.chunk(time_steps)
        returned = {_ENDS[edge][1]: torch.zeros_like(steps[0]) for edge in self.backward_edges}
        outputs: list[Tensor] = []
        for now in steps:
            nodes = returned | {0: now + returned[0] if 0 in returned else now}
            in_this_step = self._in_a_step(membranes)
            self._send(self.forward_edges, nodes, nodes, in_this_step)
            outputs.append(self.rounding(nodes[NODES - 1]))
            returned = {}
            self._send(self.backward_edges, nodes, returned, in_this_step)
        return torch.cat(outputs)

    def _send(
        self, edges: Sequence[str], nodes: dict[int, Tensor], into: dict[int, Tensor], fires: Fire
    ) -> None:
        """Add what edges make of nodes to the nodes that they lead to.

        Edges come in an order in which a node is complete, and rounded, when it is first read.
        """
        read: set[int] = set()
        for edge in edges:
            source, target = _ENDS[edge]
            if source not in read:
                nodes[source] = self.rounding(nodes[source])
                read.add(source)
            value = nodes[source]
            if edge in self.fired_by:
                value = fires(self.fired_by[edge], value)
            if edge in self.operations:
                value = self.operations[edge](value)
            if target not in into:
                into[target] = value
            elif edge in self.fired_by:  # what batch norm has just written is nobody else's
                into[target] = value.add_(into[target])
            else:
                into[target] = into[target] + value

    def _at_once(self, time_steps: int) -> Fire:
        return self._once_per_layer(lambda lif, name, x: fire(lif, x, time_steps))

    def _in_a_step(self, membranes: dict[str, Membrane]) -> Fire:
        def fires(lif: LIF, name: str, current: Tensor) -> Tensor:
            spikes: Tensor = lif(current[None], membranes[name])
            return spikes[0]

        return self._once_per_layer(fires)

    def _once_per_layer(self, fires: Callable[[LIF, str, Tensor], Tensor]) -> Fire:
        """Return a function that computes the spikes of each LIF layer once."""
        spikes: dict[str, Tensor] = {}

        def once(name: str, current: Tensor) -> Tensor:
            if name not in spikes:
                lif = self.neurons[name]
                assert isinstance(lif, LIF)
                spikes[name] = fires(lif, name, current)
            return spikes[name]

        return once
