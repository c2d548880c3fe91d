"""Which paused training goes on: never a hopeless one, never more than its share, the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuronas.searching.rungs import ETA, Contender, Front, optimistic_gain, to_train_on

RUNGS = (1, 2)
NOTHING = Front(np.empty((0, 2)), 0.0)


def contender(number: int, *accuracies: float, **changes: object) -> Contender:
    """Return a paused training of one cost objective, with its accuracy at each of ``RUNGS``."""
    shown = dict(zip(RUNGS, accuracies, strict=False))
    return replace(Contender(number, shown, None, (0.5,), 100.0, paused=True), **changes)


def front_of(contenders) -> Front:
    ended = [c for c in contenders if c.final is not None]
    columns = 1 + len(contenders[0].costs)
    return Front(np.array([[c.final, *c.costs] for c in ended]).reshape(-1, columns), 0.0)


def test_nothing_goes_on_until_a_rung_has_enough_to_compare():
    few = [contender(number, 0.5) for number in range(ETA - 1)]
    assert to_train_on(few, NOTHING, RUNGS) is None
    assert to_train_on([*few, contender(9, 0.9)], NOTHING, RUNGS) == 9
    assert to_train_on([], NOTHING, RUNGS) is None


def test_the_highest_rung_comes_first():
    low = [contender(number, 0.9) for number in range(6)]
    high = [contender(number, 0.1, 0.2 + number / 100) for number in range(10, 13)]
    assert to_train_on([*low, *high], NOTHING, RUNGS) == 12


def test_what_adds_most_to_the_front_goes_on_rather_than_what_is_most_accurate():
    front = Front(np.array([[0.9, 0.5]]), 0.0)
    dear = contender(1, 0.95, costs=(0.45,))
    cheap = contender(2, 0.7, costs=(0.9,))
    assert to_train_on([dear, cheap, contender(3, 0.2)], front, RUNGS) == 2


def test_at_the_first_rung_parameters_count_as_much_as_accuracy():
    small, large = contender(1, 0.51, parameters=10.0), contender(2, 0.5, parameters=1000.0)
    others = [contender(3, 0.1, parameters=20.0), contender(4, 0.11, parameters=30.0)]
    assert to_train_on([small, large, *others], NOTHING, RUNGS) == 2
    behind = [replace(c, accuracies={2: c.accuracies[1]}) for c in (small, large, *others)]
    assert to_train_on(behind, NOTHING, RUNGS) == 1


def test_what_could_not_enter_even_optimistically_never_goes_on():
    done = [contender(n, 0.5, final=0.6, paused=False) for n in range(3)]
    hopeless = contender(7, 0.49)
    many = [*done, *(contender(20 + n, 0.1, costs=(0.1,)) for n in range(20))]
    assert optimistic_gain(done, 1) == 0.6 - 0.5
    assert to_train_on([*many, hopeless], front_of(done), RUNGS) is None
    assert to_train_on([*many, hopeless], front_of(done), RUNGS, beyond_share=True) is None
    assert to_train_on([*many, replace(hopeless, costs=(0.6,))], front_of(done), RUNGS) == 7


def test_more_than_the_share_may_go_on_where_nothing_new_is_left():
    pair = [contender(1, 0.5), contender(2, 0.6)]
    assert to_train_on(pair, NOTHING, RUNGS) is None
    assert to_train_on(pair, NOTHING, RUNGS, beyond_share=True) == 2


def test_what_paused_where_no_rung_is_any_more_goes_on_first():
    stray = replace(contender(5), accuracies={3: 0.1})
    assert to_train_on([contender(1, 0.9), stray], NOTHING, RUNGS) == 5
    assert to_train_on([contender(1, 0.9), stray], NOTHING, ()) == 1


share = st.floats(0.0, 1.0)


@st.composite
def searches(draw):
    """Return paused trainings at the first rung, and what each comes to."""
    count = draw(st.integers(1, 25))
    made = [
        contender(number, draw(share), costs=(draw(share), draw(share)), parameters=draw(share))
        for number in range(count)
    ]
    return made, [(draw(share), draw(share)) for _ in made]


@given(searches())
def test_a_search_goes_on_with_no_more_than_its_share_and_with_nothing_hopeless(made):
    paused, coming = made
    state = {c.number: c for c in paused}
    while True:
        known = list(state.values())
        front = front_of(known)
        number = to_train_on(known, front, RUNGS)
        if number is None:
            break
        one = state[number]
        assert one.paused
        rung = one.reached
        peers = [c for c in known if rung in c.accuracies]
        gain = optimistic_gain(peers, rung)
        best = np.array([min(1.0, one.accuracies[rung] + (gain or 0.0)), *one.costs])
        assert gain is None or not (front.gains >= best).all(axis=1).any()
        second, final = coming[number]
        if rung == RUNGS[0]:
            state[number] = replace(one, accuracies={**one.accuracies, RUNGS[1]: second})
        else:
            state[number] = replace(one, final=final, paused=False)
        for at in RUNGS:
            reached = [c for c in state.values() if at in c.accuracies]
            beyond = [c for c in reached if c.reached > at or not c.paused]
            assert len(beyond) <= len(reached) // ETA
