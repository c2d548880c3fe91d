"""Cells: which edges are live, and the canonical form."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.architecture import ALL_EDGES, EDGES, canonical_cells, live_edges
from neuronas.config import OPERATIONS, ZEROIZE
from tests.strategies import all_cells, edges_on_paths, edges_on_walks


@pytest.fixture(scope="module")
def every_cell():
    return all_cells()


def test_15625_cells_are_9444_connected_graphs_and_341_disconnected_cells(every_cell):
    canonical = canonical_cells(every_cell)
    connected = live_edges(every_cell).any(axis=1)
    assert len(np.unique(canonical[connected], axis=0)) == 9444
    assert np.count_nonzero(~connected) == 341
    assert not canonical[~connected].any()


def test_the_canonical_form_keeps_exactly_the_edges_on_a_path(every_cell):
    canonical = canonical_cells(every_cell)
    kept = [set(np.flatnonzero(row != ZEROIZE)) for row in canonical]
    assert kept == [edges_on_paths(row) for row in every_cell]


def test_the_canonical_form_changes_no_operation_that_it_keeps(every_cell):
    canonical = canonical_cells(every_cell)
    kept = canonical != ZEROIZE
    assert np.array_equal(canonical[kept], every_cell[kept])


def test_the_canonical_form_of_a_canonical_cell_is_itself(every_cell):
    once = canonical_cells(every_cell)
    assert np.array_equal(canonical_cells(once), once)


def test_edges_are_in_execution_order():
    done = {0}
    for edge, (source, target) in enumerate(EDGES):
        assert source < target
        later_into_source = [t for _, t in EDGES[edge:] if t == source]
        assert not later_into_source, f"{source}->{target} runs before node {source} is complete"
        done.add(target)
    assert done == {0, 1, 2, 3}


def random_feedback_cells(count: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    shape = (count, len(ALL_EDGES))
    return np.where(draw.random(shape) < 0.6, ZEROIZE, draw.integers(len(OPERATIONS), size=shape))


def test_with_backward_edges_exactly_those_on_a_walk_are_live():
    drawn = random_feedback_cells(2000)
    live = [set(np.flatnonzero(row)) for row in live_edges(drawn)]
    assert live == [edges_on_walks(row) for row in drawn]


def test_in_a_single_time_step_nothing_leads_backward():
    drawn = random_feedback_cells(2000)
    once = live_edges(drawn, np.ones(len(drawn), dtype=int))
    assert not once[:, len(EDGES) :].any()
    assert np.array_equal(once[:, : len(EDGES)], live_edges(drawn[:, : len(EDGES)]))
    again = np.full(len(drawn), 2)
    assert np.array_equal(live_edges(drawn, again), live_edges(drawn))
