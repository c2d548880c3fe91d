"""What trained cells cost on the default chip, at assumed and at recorded spike rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronas.architecture import EDGE_NAMES, EDGES, Workload
from neuronas.benchmarks.search.classes import SPACE, Classes
from neuronas.benchmarks.search.table import FIRING, Floats
from neuronas.config import Kind
from neuronas.hardware import (
    Chip,
    default_chip,
    hardware_model,
    measured_activity,
    presented,
)

MODEL = "cim"


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per quantity, in the units of budgets.

    Attributes:
        assumed: Of each class at the assumed spike rate, shape ``(C,)``.
        trained: Of each training at its recorded spike rates, shape ``(M,)``.
        recorded: Of each class, the mean over its trainings, shape ``(C,)``.
    """

    assumed: dict[str, Floats]
    trained: dict[str, Floats]
    recorded: dict[str, Floats]

    @classmethod
    def of(cls, classes: Classes) -> Costs:
        """Return what every class costs."""
        model, chip = hardware_model(MODEL), Chip.of(default_chip(MODEL))
        workload = Workload.of(SPACE.decode(classes.genes))
        assumed = presented(model.cost(workload, chip), workload)
        members = Workload.of(SPACE.decode(classes.genes[classes.of_training]))
        activity = measured_activity(members, recorded_rates(members, classes.cells.rates))
        trained = presented(model.cost(members, chip, activity=activity), members, activity)
        recorded = {
            name: np.add.reduceat(values, classes.start[:-1]) / classes.sizes
            for name, values in trained.items()
        }
        return cls(assumed, trained, recorded)


def recorded_rates(workload: Workload, rates: Floats) -> dict[str, Floats]:
    """Return recorded spike rates by our names of layers, shape ``(N,)``, NaN where absent.

    They record the neurons before each convolution of a cell; ours stand at nodes, once for all
    convolutions of a threshold, and have the mean of the convolutions that leave the node. A
    convolution on no path, which our layer table leaves out, has no say in it.

    Args:
        workload: The networks.
        rates: Columns as ``TrainedCells.rates``, shape ``(N, 16)``.
    """
    found = {name: rates[:, column] for name, column in FIRING.items()}
    for number, cell in enumerate(("cell_a", "cell_b")):
        for edge, name in enumerate(EDGE_NAMES):
            own = rates[:, number * len(EDGES) + edge]
            live = workload.kind[workload.row(f"{cell}.{name}")] == Kind.CONV
            found[f"{cell}.{name}"] = np.where(live, own, np.nan)
        for node in range(len({source for source, _ in EDGES})):
            leaving = [
                found[f"{cell}.{name}"]
                for name, (source, _) in zip(EDGE_NAMES, EDGES, strict=True)
                if source == node
            ]
            known = ~np.isnan(leaving)
            sums = np.where(known, leaving, 0.0).sum(axis=0)
            count = known.sum(axis=0)
            found[f"{cell}.lif{node}"] = np.where(count, sums / np.maximum(count, 1), np.nan)
    return found
