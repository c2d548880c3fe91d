"""The search space: genes, drawing, encoding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import BIT_WIDTHS, EDGE_NAMES, SearchSpace
from neuronas.config import StudyConfig, validate
from neuronas.errors import GenotypeError
from tests.strategies import architecture


def space_of(**space: object) -> SearchSpace:
    content = {"name": "test", "dataset": "digits", "space": space}
    return SearchSpace.of(validate(StudyConfig, content, source=None))


SHARED = space_of(
    channels=[4, 8, 16], time_steps=[2, 4], decay=[0.0, 0.25, 0.5], weight_bits={"stem": [8, 2]}
)
DISTINCT = space_of(
    cells="distinct",
    operations=["conv3x3", "skip", "zeroize"],
    hidden=[0, 30],
    threshold=[0.5, 1.5],
    weight_bits=list(BIT_WIDTHS),
)
SMALL = space_of(operations=["skip", "conv3x3"], channels=[4, 8, 16])
SPACES = st.sampled_from([SHARED, DISTINCT, SMALL])
SEEDS = st.integers(0, 2**32)


class Recorder:
    """Stands for an Optuna trial: always takes the last choice, and remembers the questions."""

    def __init__(self):
        self.asked = {}

    def suggest_categorical(self, name, choices):
        self.asked[name] = list(choices)
        return choices[-1]


class Drawer:
    """Stands for an Optuna trial that draws uniformly."""

    def __init__(self, generator):
        self.generator = generator

    def suggest_categorical(self, name, choices):
        return choices[self.generator.integers(len(choices))]


def test_the_default_space_is_15625_shared_cells():
    assert space_of().size == 15_625
    assert [p.name for p in space_of().searched] == [f"cell.{edge}" for edge in EDGE_NAMES]


def test_distinct_cells_square_the_space():
    space = space_of(cells="distinct")
    assert space.size == 15_625**2
    assert [p.name for p in space.searched][6:8] == ["cell_b.0->1", "cell_b.0->2"]


def test_the_size_is_the_product_of_all_choices():
    assert SHARED.size == 5**6 * 3 * 2 * 3 * 2
    assert DISTINCT.size == 3**12 * 2 * 2 * 9**5


@given(SPACES, SEEDS)
def test_encoding_inverts_decoding(space, seed):
    genes = space.sample(np.random.default_rng(seed), 3)
    networks = space.decode(genes)
    for row in range(3):
        assert np.array_equal(space.encode(networks[row]), genes[row : row + 1])


@given(SPACES, SEEDS)
def test_decoded_values_are_choices_of_the_study(space, seed):
    genes = space.sample(np.random.default_rng(seed), 1)
    network = space.decode(genes)[0]
    for name, value in space.values(genes[0]).items():
        place, _, part = name.partition(".")
        found = {
            "cell": network.to_json()["cell_a"].get(part),
            "cell_a": network.to_json()["cell_a"].get(part),
            "cell_b": network.to_json()["cell_b"].get(part),
            "weight_bits": network.to_json()["weight_bits"].get(part),
        }.get(place, getattr(network, place, None))
        assert found == value
    assert np.array_equal(space.genes(space.values(genes[0])), genes)
    if space.shared:
        assert network.cell_a == network.cell_b


@given(SPACES, SEEDS, st.integers(1, 5))
def test_a_sample_is_what_that_many_suggestions_would_be(space, seed, count):
    """Fixed parameters take nothing from the generator, so both use up the same numbers."""
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    sampled = space.sample(one, count)
    suggester = Drawer(other)
    suggested = np.concatenate([space.suggest(suggester) for _ in range(count)])
    assert np.array_equal(sampled, suggested)
    assert one.bit_generator.state == other.bit_generator.state


def test_samples_reach_every_choice_and_nothing_else():
    genes = DISTINCT.sample(np.random.default_rng(0), 500)
    seen = [set(column) for column in genes.T]
    assert seen == [set(range(len(p.choices))) for p in DISTINCT.parameters]


def test_the_numbers_of_a_small_space_are_its_distinct_genotypes():
    genes = SMALL.enumerate(0, SMALL.size)
    assert genes.shape == (2**6 * 3, len(SMALL.parameters))
    assert len(np.unique(genes, axis=0)) == SMALL.size == 192
    assert (genes >= 0).all()
    assert (genes < [len(p.choices) for p in SMALL.parameters]).all()
    assert np.array_equal(SMALL.enumerate(50, 60), genes[50:60])


def test_suggesting_asks_for_searched_parameters_only():
    recorder = Recorder()
    genes = SMALL.suggest(recorder)
    assert recorder.asked == {
        **{f"cell.{e}": ["skip", "conv3x3"] for e in EDGE_NAMES},
        "channels": [4, 8, 16],
    }
    network = SMALL.decode(genes)[0]
    assert set(network.cell_a) == {"conv3x3"}
    assert network.channels == 16
    assert SMALL.values(genes[0]) == {name: c[-1] for name, c in recorder.asked.items()}


@given(SPACES, SEEDS)
def test_mutation_at_rate_zero_changes_nothing_and_stays_in_the_space(space, seed):
    generator = np.random.default_rng(seed)
    genes = space.sample(generator, 4)
    assert np.array_equal(space.mutate(generator, genes, 0.0), genes)
    mutated = space.mutate(generator, genes, 0.5)
    assert (mutated >= 0).all()
    assert (mutated < [len(p.choices) for p in space.parameters]).all()


def test_mutation_changes_about_as_many_genes_as_asked():
    generator = np.random.default_rng(0)
    genes = DISTINCT.sample(generator, 1000)
    searched = [len(p.choices) > 1 for p in DISTINCT.parameters]
    odds = np.mean([1 - 1 / len(p.choices) for p in DISTINCT.searched])
    changed = (DISTINCT.mutate(generator, genes, 0.3) != genes)[:, searched].mean()
    assert math.isclose(changed, 0.3 * odds, rel_tol=0.05)


def test_an_operation_stands_for_the_same_one_of_the_networks_own_threshold():
    """What ``check`` shows is canonical; a study that searches thresholds still knows it."""
    rated = ["skip", "conv3x3_th0.5", "conv3x3_th1.0"]
    names = ("conv3x3", "conv3x3_th0.5", *["conv3x3_th1.0"] * 4)
    space = space_of(operations=rated, threshold=[1.0, 2.0], channels=8)
    network = architecture(cell_a=names, cell_b=names)
    found = space.decode(space.encode(network))[0]
    assert found.cell_a == ("conv3x3_th1.0", "conv3x3_th0.5", *["conv3x3_th1.0"] * 4)
    assert found.canonical() == network.canonical()
    with pytest.raises(GenotypeError, match="found conv3x3; the study allows"):
        space.encode(network.model_copy(update={"threshold": 2.0}))


def test_an_architecture_outside_the_space_is_told_every_gene_at_fault():
    stranger = architecture(
        cell_a="0400 0030 0003 0000", cell_b="0300 0030 0003 0000", channels=5, classes=3
    )
    with pytest.raises(GenotypeError) as caught:
        SMALL.encode(stranger)
    assert caught.value.problems == (
        "input_shape, classes: found (1, 8, 8), 3; the study's dataset has (1, 8, 8), 10",
        "cell_b: differs from cell_a, but the study's cells are shared",
        "cell.0->1: found avgpool3x3; the study allows skip, conv3x3",
        "cell.0->2: found zeroize; the study allows skip, conv3x3",
        "cell.0->3: found zeroize; the study allows skip, conv3x3",
        "cell.1->3: found zeroize; the study allows skip, conv3x3",
        "channels: found 5; the study allows 4, 8, 16",
    )


def test_genes_at_fault_in_distinct_cells_name_their_cell():
    with pytest.raises(GenotypeError) as caught:
        DISTINCT.encode(architecture(cell_b="0004 0000 0000 0000", channels=16, threshold=0.5))
    assert caught.value.problems == (
        "cell_b.0->3: found avgpool3x3; the study allows conv3x3, skip, zeroize",
    )


# What is chosen on the chip

CELL = "0300 0030 0003 0000"

ON_CHIPS = space_of(
    channels=[4, 8], chip={"schedule": ["serial", "pipelined"], "columns": [32, 64]}
)


def test_chip_settings_are_genes_behind_those_of_the_network():
    assert [p.name for p in ON_CHIPS.parameters[-2:]] == ["chip.columns", "chip.schedule"]
    assert [p.name for p in ON_CHIPS.chip_parameters] == ["columns", "schedule"]
    assert ON_CHIPS.size == 4 * space_of(channels=[4, 8]).size
    assert space_of().chip_parameters == ()


@given(SEEDS)
def test_chip_settings_do_not_change_the_network(seed):
    genes = ON_CHIPS.sample(np.random.default_rng(seed), 1)
    plain, onto = genes.copy(), genes.copy()
    plain[0, -2:], onto[0, -2:] = 0, 1
    assert ON_CHIPS.decode(plain)[0] == ON_CHIPS.decode(onto)[0]
    assert ON_CHIPS.chip_values(plain[0]) == {"columns": 32, "schedule": "serial"}
    assert ON_CHIPS.chip_values(onto[0]) == {"columns": 64, "schedule": "pipelined"}
    assert ON_CHIPS.chip_genes(onto).tolist() == [[1, 1]]


@given(SEEDS)
def test_a_network_and_its_chip_are_encoded_as_they_were_chosen(seed):
    (genes,) = ON_CHIPS.sample(np.random.default_rng(seed), 1)
    network = ON_CHIPS.decode(genes[None])[0]
    assert ON_CHIPS.encode(network, ON_CHIPS.chip_values(genes)).tolist() == [genes.tolist()]


def test_of_what_is_not_asked_for_on_the_chip_the_first_choice_is_taken():
    network = architecture(cell_a=CELL, cell_b=CELL)
    genes = ON_CHIPS.encode(network, {"schedule": "pipelined"})[0]
    assert ON_CHIPS.chip_values(genes) == {"columns": 32, "schedule": "pipelined"}


def test_what_a_space_does_not_search_on_the_chip_is_told():
    network = architecture(cell_a=CELL, cell_b=CELL)
    with pytest.raises(GenotypeError) as caught:
        ON_CHIPS.encode(network, {"rows": 64, "columns": 48})
    assert caught.value.problems == (
        "chip.rows: the study does not search it",
        "chip.columns: found 48; the study allows 32, 64",
    )
