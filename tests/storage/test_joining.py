"""Optuna's writes in a transaction of ours: as few statements as will do, and all or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import optuna
import pytest
import sqlalchemy as sa
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from neuronas.errors import LeaseLostError
from neuronas.storage.joining import together
from tests.storage import fakes

PARAMETERS = {f"p{number}": CategoricalDistribution(["a", "b"]) for number in range(15)}
WIDE = replace(fakes.proposal(), values=dict.fromkeys(PARAMETERS, "b"), distributions=PARAMETERS)


@contextmanager
def statements(*words: str) -> Iterator[list[str]]:
    """Collect the statements that contain all of some words."""
    seen: list[str] = []

    def before(_c, _cursor, statement, *_: object) -> None:
        if all(word in statement for word in words):
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", before)


def test_a_trial_is_looked_up_once_however_much_is_written_to_it(ledger):
    handle = ledger._begin(WIDE, fakes.goes_on, [])
    with statements("FROM trials", "trial_id =") as seen:
        ledger._describe(handle, WIDE, [])
    assert len(seen) == 1
    (trial,) = ledger.shared.study.get_trials()
    assert trial.params == WIDE.values
    assert trial.user_attrs == WIDE.attributes


def test_parameters_are_one_statement_where_the_database_allows_that(ledger):
    handle = ledger._begin(WIDE, fakes.goes_on, [])
    with statements("INSERT INTO trial_params") as seen:
        ledger._describe(handle, WIDE, [])
    assert len(seen) == (1 if ledger.shared.url.startswith("postgresql") else 15)


def test_what_breaks_amid_its_writes_leaves_none_of_them(ledger):
    handle = fakes.begun(ledger)
    shared = ledger.shared

    def write() -> None:
        with ledger.tables.writing(shared), together(shared.rows):
            shared.rows.set_trial_param(handle.id, "late", 1.0, PARAMETERS["p0"])
            shared.set_attributes(handle, {"late": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    frozen = shared.frozen(handle)
    assert "late" not in frozen.params
    assert "late" not in frozen.user_attrs


def test_outside_of_a_transaction_of_ours_optuna_writes_as_ever(ledger):
    handle = fakes.begun(ledger)
    with together(ledger.shared.rows):
        ledger.shared.set_attributes(handle, {"late": 1})
        other = optuna.load_study(study_name="test", storage=ledger.shared.study._storage)
        assert other.trials[0].user_attrs["late"] == 1


@pytest.mark.timeout(60)
def test_a_trial_that_somebody_ends_meanwhile_is_not_ended_again(postgres_url):
    """Ended after it was looked up, and before the first write that would keep others from it."""
    fakes.make_study(postgres_url)
    with fakes.joined(postgres_url) as ledger, fakes.joined(postgres_url) as second:
        handle, shared = fakes.begun(ledger), ledger.shared
        plain = optuna.load_study(study_name="test", storage=second.shared.rows)

        def before(_c, _cursor, statement, *_: object) -> None:
            if "INSERT INTO trial_user_attributes" in statement and not ended:
                ended.append(True)
                plain.tell(handle.number, state=TrialState.FAIL)

        ended: list[bool] = []
        sa.event.listen(sa.Engine, "before_cursor_execute", before)
        try:
            with pytest.raises(LeaseLostError), ledger.tables.writing(shared):
                shared.finish(handle, TrialState.COMPLETE, fakes.TOLD, attributes={"late": 1})
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", before)
        frozen = second.shared.frozen(handle)
    assert ended
    assert frozen.state == TrialState.FAIL
    assert "late" not in frozen.user_attrs
