"""Optuna's writes in a transaction of ours: as few statements as will do, and all or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import optuna
import pytest
import sqlalchemy as sa
from optuna.distributions import CategoricalDistribution
from optuna.storages._rdb import models
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


def test_a_trial_that_is_taken_away_before_it_has_its_parameters_gets_none(ledger):
    handle = ledger._begin(WIDE, fakes.goes_on, [])
    fakes.expire(ledger.shared.url)
    assert fakes.reaper(ledger).reap() == [handle.number]
    with pytest.raises(LeaseLostError, match=r"trial 0 of 'test' is not this worker's any more"):
        ledger._describe(handle, WIDE, [])
    assert ledger.shared.frozen(handle).params == {}


def test_only_whole_rows_that_are_asked_for_by_their_own_key_are_known_already(ledger):
    first, second = fakes.begun(ledger, 0), fakes.begun(ledger, 1)
    shared = ledger.shared
    trial, parameter = models.TrialModel, models.TrialParamModel
    with ledger.tables.writing(shared), together(shared.rows):
        session = shared.rows.scoped_session()
        row = trial.find_or_raise_by_id(second.id, session)
        assert trial.find_or_raise_by_id(second.id, session) is row
        number = session.query(trial.number).filter(trial.trial_id == second.id)
        assert tuple(number.one_or_none()) == (1,)
        joined = session.query(parameter).join(trial).filter(trial.trial_id == second.id)
        chosen = joined.filter(parameter.param_name == "cell").one_or_none()
        assert chosen.trial_id == second.id != first.id
        both = session.query(parameter).join(trial).filter(parameter.param_name == "cell")
        with pytest.raises(sa.exc.MultipleResultsFound):
            both.one_or_none()
