"""The places of the network family: what may stand where, and what reads what."""

from __future__ import annotations

from dataclasses import dataclass

from neuronas.architecture.cells import BACK_EDGE_NAMES, BACK_EDGES, EDGE_NAMES, EDGES, NODES


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the network family.

    Attributes:
        name: Name in reports, such as ``cell_a.0->1``.
        group: Weight-bits group, one of ``GROUPS``; None where the layer has no weights.
        after: Names of the places whose output this one reads.
        backward: Whether what it brings arrives at the next time step.
    """

    name: str
    group: str | None = None
    after: tuple[str, ...] = ()
    backward: bool = False


def _cell_slots(cell: str, entry: str, *, feedback: bool) -> list[Slot]:
    slots: list[Slot] = []
    neurons_placed: set[int] = set()
    into: dict[int, tuple[str, ...]] = {0: (entry,)}
    for name, (source, target) in zip(EDGE_NAMES, EDGES, strict=True):
        if source not in neurons_placed:
            neurons_placed.add(source)
            slots.append(Slot(f"{cell}.lif{source}", after=into[source]))
        slots.append(Slot(f"{cell}.{name}", cell, (f"{cell}.lif{source}",)))
        into[target] = (*into.get(target, ()), f"{cell}.{name}")
    if feedback:
        slots.append(Slot(f"{cell}.lif{NODES - 1}", after=into[NODES - 1]))
        slots += [
            Slot(f"{cell}.{name}", cell, (f"{cell}.lif{source}",), backward=True)
            for name, (source, _) in zip(BACK_EDGE_NAMES, BACK_EDGES, strict=True)
        ]
    return slots


def _exit(cell: str) -> tuple[str, ...]:
    edges = zip(EDGE_NAMES, EDGES, strict=True)
    return tuple(f"{cell}.{name}" for name, (_, target) in edges if target == NODES - 1)


def _slots(*, feedback: bool) -> tuple[Slot, ...]:
    return (
        Slot("stem", "stem"),
        *_cell_slots("cell_a", "stem", feedback=feedback),
        Slot("reduction.lif", after=_exit("cell_a")),
        Slot("reduction", "reduction", ("reduction.lif",)),
        Slot("reduction.pool", after=("reduction",)),
        *_cell_slots("cell_b", "reduction.pool", feedback=feedback),
        Slot("classifier.lif", after=_exit("cell_b")),
        Slot("classifier.pool", after=("classifier.lif",)),
        Slot("classifier.hidden", "classifier", ("classifier.pool",)),
        Slot("classifier.hidden_lif", after=("classifier.hidden",)),
        Slot("classifier.head", "classifier", ("classifier.hidden_lif",)),
        Slot("classifier.head_lif", after=("classifier.head",)),
    )


SLOTS = _slots(feedback=False)
"""Every place a network of the family may have a layer, in execution order.

A place that a network lacks hands on what it reads, so an edge always follows the neurons of its
source node.
"""

FEEDBACK_SLOTS = _slots(feedback=True)
"""The same, with the places of edges that lead backward."""

SLOT_INDEX: dict[str, int] = {slot.name: index for index, slot in enumerate(SLOTS)}
