"""SNASNet's ``cnt_mat`` notation."""

from __future__ import annotations

import pytest
from hypothesis import given

from neuronas.architecture import (
    ALL_EDGE_NAMES,
    BACK_EDGE_NAMES,
    EDGE_NAMES,
    format_cnt_mat,
    parse_cnt_mat,
)
from neuronas.errors import GenotypeError
from tests.strategies import WIRE, architecture, cells, feedback_cells


@given(cells() | feedback_cells())
def test_what_is_printed_is_read_back(cell):
    assert parse_cnt_mat(format_cnt_mat(cell)) == cell


def test_rows_are_sources_and_columns_targets():
    cell = parse_cnt_mat("0123 0041 0002 0000")
    assert dict(zip(EDGE_NAMES, cell, strict=True)) == {
        "0->1": "skip",
        "0->2": "conv1x1",
        "0->3": "conv3x3",
        "1->2": "avgpool3x3",
        "1->3": "skip",
        "2->3": "conv1x1",
    }
    assert format_cnt_mat(cell) == "0123 0041 0002 0000"


@pytest.mark.parametrize("text", ["0303,0030,0002,0000", "0303\n0030\n0002\n0000\n"])
def test_rows_may_be_separated_by_commas_or_lines(text):
    assert parse_cnt_mat(text) == parse_cnt_mat("0303 0030 0002 0000")


def test_the_published_cell_with_backward_edges_is_read_and_printed():
    cell = parse_cnt_mat("0303 0030 2002 0200")
    backward = dict(zip(ALL_EDGE_NAMES, cell, strict=True))
    assert {e: op for e, op in backward.items() if e in BACK_EDGE_NAMES and op != "zeroize"} == {
        "2->0": "conv1x1",
        "3->1": "conv1x1",
    }
    assert format_cnt_mat(cell) == "0303 0030 2002 0200"


def test_a_cell_without_backward_edges_has_six_edges_however_it_is_written():
    chain = architecture(cell_a=dict.fromkeys(ALL_EDGE_NAMES, "zeroize") | {"0->3": "skip"})
    assert chain.cell_a == parse_cnt_mat(WIRE)
    assert list(chain.to_json()["cell_a"]) == list(EDGE_NAMES)


def test_an_edge_from_a_node_to_itself_is_refused():
    with pytest.raises(GenotypeError, match=r"the edge 1->1 .*leads from a node to itself"):
        parse_cnt_mat("0300 0100 0003 0000")


def test_an_unknown_digit_is_told_the_alphabet():
    with pytest.raises(GenotypeError) as caught:
        parse_cnt_mat("0300 0090 0003 0000")
    assert str(caught.value) == (
        "found '9' at row 1, column 2; allowed: 0 zeroize, 1 skip, 2 conv1x1, 3 conv3x3, "
        "4 avgpool3x3, 5 conv5x5, 7 conv7x7, m maxpool3x3, a conv3x3_th0.5, b conv3x3_th1.0, "
        "c conv3x3_th1.5"
    )


@pytest.mark.parametrize("text", ["", "0303 0030 0002", "0303 0030 0002 000", "0303003000020000"])
def test_anything_but_four_rows_of_four_symbols_is_shown_an_example(text):
    with pytest.raises(GenotypeError) as caught:
        parse_cnt_mat(text)
    assert str(caught.value) == (
        f"found {text!r}; cnt_mat notation is four rows of four symbols, "
        "such as '0303 0030 0002 0000'"
    )


def test_an_architecture_prints_the_notation_that_it_was_read_from():
    network = architecture(cell_a="0303 0030 0002 0000", cell_b="0041 0000 0001 0000")
    assert network.cnt_mats() == ("0303 0030 0002 0000", "0041 0000 0001 0000")
