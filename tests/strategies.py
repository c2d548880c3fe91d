"""Architectures, layer lists and their hypothesis strategies, shared by the tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from neuronas.architecture import (
    ALL_EDGES,
    BACK_EDGES,
    BIT_WIDTHS,
    EDGES,
    GROUPS,
    NODES,
    Architecture,
    Networks,
)
from neuronas.config import CODINGS, OPERATIONS, SNASNET_OPERATIONS, ZEROIZE, NeuronConfig
from neuronas.hardware import LayerList

OPERATION_NAMES = tuple(op.name for op in OPERATIONS)

CHAIN = "0300 0030 0003 0000"
"""Three 3x3 convolutions in a row."""
WIRE = "0001 0000 0000 0000"
"""A skip from input to output, nothing else."""
NOTHING = "0000 0000 0000 0000"
"""Six zeroized edges: no path."""
DEAD_ENDS = "0331 0000 0000 0000"
"""WIRE and two convolutions that lead nowhere."""

PATHS = ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3))
"""Every way from a cell's input to its output."""


def architecture(**changes: object) -> Architecture:
    """Return a small architecture, changed as asked."""
    values: dict[str, object] = {
        "input_shape": (1, 8, 8),
        "classes": 10,
        "cell_a": CHAIN,
        "cell_b": WIRE,
        "channels": 8,
    }
    return Architecture.model_validate(values | changes)


def all_cells() -> np.ndarray:
    """Return all 15,625 cells of SNASNet's operations, shape ``(15625, 6)``."""
    count = len(SNASNET_OPERATIONS)
    return np.stack(np.unravel_index(np.arange(count**6), (count,) * 6), axis=1)


def edges_on_paths(cell: Sequence[int]) -> set[int]:
    """Return the edges of one cell that are on a path, by trying every path."""
    index = {edge: place for place, edge in enumerate(EDGES)}
    walks = [[index[step] for step in pairwise(path)] for path in PATHS]
    complete = [walk for walk in walks if all(cell[edge] != ZEROIZE for edge in walk)]
    return {edge for walk in complete for edge in walk}


def cells() -> st.SearchStrategy[tuple[str, ...]]:
    """Any cell, connected or not."""
    return st.tuples(*[st.sampled_from(OPERATION_NAMES)] * len(EDGES))


def edges_on_walks(cell: Sequence[int]) -> set[int]:
    """Return the edges of a cell, backward ones too, that a walk from input to output takes."""
    there = [edge for edge, operation in enumerate(cell) if operation != ZEROIZE]

    def reach(start: int, *, back: bool) -> set[int]:
        found = {start}
        for _ in range(NODES):
            ends = [ALL_EDGES[edge][::-1] if back else ALL_EDGES[edge] for edge in there]
            found |= {target for source, target in ends if source in found}
        return found

    reached, reaching = reach(0, back=False), reach(NODES - 1, back=True)
    return {e for e in there if ALL_EDGES[e][0] in reached and ALL_EDGES[e][1] in reaching}


def feedback_cells() -> st.SearchStrategy[tuple[str, ...]]:
    """Cells with at least one backward edge, connected or not."""
    backward = st.tuples(*[st.sampled_from(OPERATION_NAMES)] * len(BACK_EDGES))
    some = backward.filter(lambda edges: set(edges) != {"zeroize"})
    return st.builds(lambda forward, back: forward + back, cells(), some)


def connected_cells() -> st.SearchStrategy[tuple[str, ...]]:
    """Cells with a path from input to output."""
    return cells().filter(lambda cell: edges_on_paths([OPERATION_NAMES.index(n) for n in cell]))


@st.composite
def architectures(
    draw: st.DrawFn,
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    cell: st.SearchStrategy[tuple[str, ...]] | None = None,
) -> Architecture:
    """Architectures whose pooling fits their feature map; cells are any, unless ``cell`` says."""
    cell = cells() if cell is None else cell
    if input_shape is None:
        input_shape = draw(st.tuples(st.integers(1, 4), st.integers(2, 17), st.integers(2, 17)))
    return Architecture(
        input_shape=input_shape,
        classes=classes or draw(st.integers(2, 20)),
        cell_a=draw(cell),
        cell_b=draw(cell),
        channels=draw(st.integers(1, 150)),
        ratio=draw(st.integers(1, 3)),
        pool=draw(st.integers(1, min(input_shape[1:]) // 2)),
        hidden=draw(st.sampled_from([0, 1, 30])),
        time_steps=draw(st.integers(1, 9)),
        decay=draw(st.floats(0, 1, exclude_max=True)),
        threshold=draw(st.sampled_from([0.5, 1.0]) | st.floats(0, 5, exclude_min=True)),
        votes=draw(st.integers(1, 3)),
        coding=draw(st.sampled_from(CODINGS)),
        weight_bits={group: draw(st.sampled_from(BIT_WIDTHS)) for group in GROUPS},
    )


@st.composite
def whole_cells(draw: st.DrawFn) -> Architecture:
    """Architectures without a dead edge, whose operations may ask for the network's threshold."""
    edges = draw(st.sampled_from([len(EDGES), len(ALL_EDGES)]))
    operation = st.sampled_from([name for name in OPERATION_NAMES if name != "zeroize"])
    learned = st.sampled_from([(), ("threshold",), ("decay", "threshold")])
    batch_norm = st.sampled_from(["folded", "tdbn"])
    return architecture(
        cell_a=draw(st.tuples(*[operation] * edges)),
        cell_b=draw(st.tuples(*[operation] * edges)),
        channels=draw(st.integers(1, 4)),
        time_steps=draw(st.integers(2, 3)),
        threshold=draw(st.sampled_from([0.5, 1.0, 1.5, 0.7])),
        neuron=NeuronConfig(learned=draw(learned), batch_norm=draw(batch_norm)),
    )


@st.composite
def batches(
    draw: st.DrawFn, *, cell: st.SearchStrategy[tuple[str, ...]] | None = None
) -> list[Architecture]:
    """One to six architectures over one input."""
    member = architectures(input_shape=(2, 9, 6), classes=7, cell=cell)
    return draw(st.lists(member, min_size=1, max_size=6))


def networks_of_cells(cells: np.ndarray, **scalars: int) -> Networks:
    """Return networks on CIFAR-100's shapes with these cells, shared by A and B."""
    usual = {"channels": 4, "ratio": 2, "pool": 2, "hidden": 0, "time_steps": 5, "votes": 1}
    values = usual | {"classes": 100} | scalars
    count = len(cells)
    return Networks(
        input_shape=(3, 32, 32),
        classes=values.pop("classes"),
        cell_a=cells,
        cell_b=cells,
        decay=np.full(count, 0.25),
        threshold=np.ones(count),
        coding=np.zeros(count, dtype=int),
        weight_bits=np.full((count, len(GROUPS)), 4),
        **{name: np.full(count, value) for name, value in values.items()},
    )


@st.composite
def layer_lists(draw: st.DrawFn, *, kernels: str = "one") -> LayerList:
    """Layer lists, also longer than the script's 12; ``kernels``: "one" for all or "mixed"."""
    count = draw(st.integers(1, 15))

    def several(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    return LayerList(
        in_ch_list=several(1, 300),
        out_ch_list=several(1, 300),
        in_dim_list=several(1, 20),
        out_dim_list=several(1, 20),
        kernel_size=draw(st.integers(1, 5)) if kernels == "one" else several(1, 5),
        time_steps=draw(st.integers(1, 20)),
        xbar_size=draw(st.sampled_from([8, 32, 64, 256])),
        pe_per_tile=draw(st.integers(1, 16)),
        clk_freq=draw(st.sampled_from([100.0, 250.0, 500.0])),
        device=draw(st.sampled_from(["rram", "sram"])),
    )
