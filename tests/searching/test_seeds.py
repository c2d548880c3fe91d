"""The seed tree: a place has one seed, and no other place has it."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from neuronas.searching.seeds import Stream, derived_seed, generator, training_seed

PLACES = [(), (0,), (1,), (2,), (0, 0), (0, 1), (1, 0)]
SEEDS = [0, 1, 2**32, 2**63 - 1]
DIGEST = "0123456789abcdef" * 4


def numbers(seed: int, stream: Stream, *place: int) -> tuple[int, ...]:
    return tuple(generator(seed, stream, *place).integers(2**63, size=4).tolist())


def test_every_place_has_draws_of_its_own():
    places = list(product(SEEDS, Stream, PLACES))
    drawn = {numbers(seed, stream, *place) for seed, stream, place in places}
    assert len(drawn) == len(places)


def test_every_place_has_a_seed_of_its_own():
    places = list(product(SEEDS, Stream, PLACES))
    seeds = {derived_seed(seed, stream, *place) for seed, stream, place in places}
    assert len(seeds) == len(places)


@given(st.integers(0, 2**63 - 1), st.sampled_from(Stream), st.lists(st.integers(0, 2**31)))
def test_a_derived_seed_is_a_non_negative_31_bit_number_and_repeats(seed, stream, place):
    found = derived_seed(seed, stream, *place)
    assert 0 <= found < 2**31
    assert derived_seed(seed, stream, *place) == found


def test_seeds_are_the_same_in_every_version():
    """A study that is resumed years later must go on with its own draws."""
    assert derived_seed(0, Stream.PROPOSAL, 0) == 2044266242
    assert derived_seed(7, Stream.SAMPLER, 3) == 1885052576
    assert training_seed(0, DIGEST) == 125290026
    assert numbers(0, Stream.SURVEY)[:2] == (7731686665370224177, 772221737696659868)


@given(st.integers(0, 2**63 - 1), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_training_seed_depends_on_study_and_network(seed, digest):
    found = training_seed(seed, digest)
    assert 0 <= found < 2**31
    assert training_seed(seed, digest) == found


def test_training_seeds_differ_between_networks_and_between_studies():
    digests = [f"{number:064x}"[::-1] for number in range(200)]
    found = {training_seed(seed, digest) for seed, digest in product((0, 1), digests)}
    assert len(found) == 400
