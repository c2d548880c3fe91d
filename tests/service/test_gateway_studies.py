"""What the gateway shows of studies, and that nothing asked of it is an error of its own."""

from __future__ import annotations

import logging
import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import optuna_dashboard
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from optuna_dashboard import _serializer
from prometheus_client.parser import text_string_to_metric_families

from neuronas.errors import NeuronasError, StorageError
from neuronas.service.gateway import Authentication, Gateway, study_details
from neuronas.service.gateway.front import front_trials
from neuronas.service.gateway.read_only_storage import ReadOnlyStorage
from neuronas.storage import Repository
from tests.searching.fakes import rows
from tests.service.large import LIMITS
from tests.service.requests import BEARER, TOKEN, ask
from tests.storage.fakes import change


@pytest.fixture
def own(url, tmp_path):
    """Return the storage URL of a copy of the study that a test may change, and its gateway."""
    file = tmp_path / "neuronas.db"
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("VACUUM INTO ?", [str(file)])
    copied = f"sqlite:///{file}"
    application = Gateway(copied, Authentication(TOKEN))
    yield copied, application
    application.close()


def details(application, after: int = 0):
    return ask(application, "/api/studies/1", query=f"after={after}").json


# Fronts and constraints


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_the_front_is_optunas(objectives):
    draw = np.random.default_rng(objectives)
    directions = draw.choice(["minimize", "maximize"], objectives).tolist()
    study = optuna.create_study(directions=directions)
    for number in range(120):
        values = draw.integers(0, 6, objectives).astype(float)
        if number % 9 == 0:
            values[0] = draw.choice([-np.inf, np.inf])
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if number % 7 == 0 else TrialState.COMPLETE,
                values=None if number % 7 == 0 else values.tolist(),
                constraints={"area": 1.0 if number % 5 == 0 else 0.0},
            )
        )
    optunas = [t.number for t in study.best_trials]
    assert [t.number for t in front_trials(study.trials, study.directions)] == optunas
    assert front_trials([], [StudyDirection.MINIMIZE]) == []


def test_infeasible_trials_are_told_from_others_and_stand_on_no_front(gateway, url):
    found = details(gateway)
    study = optuna.load_study(study_name="large", storage=url)
    theirs = [[t.constraints[limit] for limit in LIMITS] for t in study.trials]
    assert [t["constraints"] for t in found["trials"]] == theirs
    assert {max(values) > 0 for values in theirs} == {True, False}
    assert [t["number"] for t in found["best_trials"]] == [t.number for t in study.best_trials]


def test_trials_are_those_that_the_dashboard_itself_would_send(gateway, url):
    bare = optuna_dashboard.wsgi(ReadOnlyStorage(url))
    theirs, ours = details(bare), details(gateway)
    theirs.pop("best_trials"), ours.pop("best_trials")
    assert ours == theirs


def test_new_trials_appear_and_unfinished_ones_change(own):
    url, application = own
    study = optuna.load_study(study_name="large", storage=url)
    trial = study.ask()
    trial.set_constraint("area_mm2", -1.0)
    assert [t["state"] for t in details(application, 60)["trials"]] == ["Running"]
    study.tell(trial, [2.0, 0.0, 0.0])
    found = details(application, 60)
    assert [t["state"] for t in found["trials"]] == ["Complete"]
    assert [t["number"] for t in found["best_trials"]] == [60]
    study.add_trial(
        create_trial(state=TrialState.PRUNED, user_attrs={"reason": "area"}, constraints={"a": 1.0})
    )
    (pruned,) = details(application, 61)["trials"]
    assert (pruned["state"], pruned["constraints"]) == ("Pruned", [1.0])
    assert pruned["user_attrs"] == [
        {"key": "reason", "value": "area"},
        {"key": "constraints (feasible: at most 0)", "value": '{"a": 1.0}'},
    ]


def test_a_study_that_was_deleted_is_not_taken_for_the_next_one(own):
    url, application = own
    assert len(details(application)["trials"]) == 60
    optuna.delete_study(study_name="large", storage=url)
    assert ask(application, "/api/studies/1").status == 404
    for values in ([1.0], [2.0, 3.0]):  # again and again
        study = optuna.create_study(study_name="large", storage=url, directions=["minimize"])
        study.ask()  # as long as it runs, it says of no other study that it is another
        study.add_trials([create_trial(value=value) for value in values])
        found = details(application)
        assert [t["values"] for t in found["trials"][1:]] == [[value] for value in values]
        assert found["union_search_space"] == []
        optuna.delete_study(study_name="large", storage=url)


def test_nothing_can_be_written_through_the_storage(url):
    reader = ReadOnlyStorage(url)
    writes = [
        lambda: reader.delete_study(1),
        lambda: reader.create_new_study([StudyDirection.MINIMIZE]),
        lambda: reader.create_new_trial(1),
        lambda: reader.set_study_user_attr(1, "a", 1),
        lambda: reader.set_study_system_attr(1, "a", 1),
        lambda: reader.set_trial_state_values(1, TrialState.FAIL),
        lambda: reader.set_trial_user_attr(1, "a", 1),
        lambda: reader.set_trial_system_attr(1, "a", 1),
    ]
    for write in writes:
        with pytest.raises(StorageError, match="only be read"):
            write()


@pytest.mark.parametrize("version", ["0.22.0", "1.0", "0.2"])
def test_another_dashboard_is_refused(url, monkeypatch, version):
    found = SimpleNamespace(__version__=version)
    monkeypatch.setattr(study_details, "optuna_dashboard", found)
    with pytest.raises(NeuronasError, match=r"pip install optuna-dashboard~=0.21.0"):
        Gateway(url, None)


def test_a_dashboard_of_other_functions_is_refused(url, monkeypatch):
    monkeypatch.setattr(_serializer, "serialize_frozen_trial", lambda trial: {})
    with pytest.raises(NeuronasError, match=r"optuna-dashboard 0\.21"):
        Gateway(url, None)


# Health and metrics


def test_health_needs_no_token_and_says_when_the_database_is_away(own, caplog):
    url, application = own
    assert ask(application, "/health", headers={}).json["status"] == "ok"
    file = url.removeprefix("sqlite:///")
    shutil.move(file, f"{file}.away")
    with caplog.at_level(logging.WARNING):
        answer = ask(application, "/health", headers={})
    assert (answer.status, answer.json["status"]) == (503, "database away")
    assert "no database at" in caplog.text
    assert "no database" not in answer.text


def test_a_database_that_is_away_is_no_error_of_ours(own, caplog):
    url, application = own
    assert ask(application, "/api/studies/1").status == 200
    file = url.removeprefix("sqlite:///")
    Path(file).write_bytes(b"x" * 5000)
    for path in ("/api/studies", "/api/studies/1", "/metrics", "/csv/1"):
        assert ask(application, path).status == 503, path


def test_metrics_are_what_the_tables_hold(own):
    url, application = own
    now = "UPDATE neuronas_candidates SET finished_at = datetime('now') WHERE trial_number < 7"
    paused = "UPDATE neuronas_candidates SET state = 'paused', newly_trained = 0 WHERE id = 60"
    front = (
        "INSERT INTO neuronas_front (study_id, trial_number, objectives, entered_at, hypervolume,"
        " trained) VALUES (1, 0, '{}', datetime('now'), 0.25, 1),"
        " (1, 1, '{}', datetime('now'), 0.5, 2)"
    )
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for statement in (now, paused, front):
            connection.execute(statement)
    families = text_string_to_metric_families(ask(application, "/metrics").text)
    samples = {
        (sample.name, sample.labels.get("study"), sample.labels.get("state")): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["neuronas_trials", "large", "complete"] == 59
    assert samples["neuronas_trials", "large", "paused"] == 1
    assert samples["neuronas_trials", "large", "running"] == 0
    assert samples["neuronas_trained_networks_total", "large", None] == 59
    assert samples["neuronas_trained_networks_last_hour", "large", None] == 7
    assert samples["neuronas_hypervolume", "large", None] == 0.5
    assert samples["neuronas_workers", "large", None] == 0
    assert samples["neuronas_oldest_lease_seconds", "large", None] == 0


def test_metrics_tell_who_works_and_for_how_long(own):
    url, application = own

    def figure(name: str) -> float:
        text = ask(application, "/metrics").text
        return float(re.search(rf'^neuronas_{name}{{study="large"}} (\S+)$', text, re.M)[1])

    with Repository(url) as tables, tables.joined("large"), tables.joined("large") as silent:
        assert (figure("workers"), figure("oldest_lease_seconds")) == (2, 0)
        begun = "UPDATE neuronas_candidates SET state = 'running', created_at = "
        change(url, f"{begun} datetime('now', '-90 seconds') WHERE id = 3")
        change(url, f"{begun} datetime('now', '-20 seconds') WHERE id = 4")
        assert figure("oldest_lease_seconds") == pytest.approx(90, abs=5)
        change(url, f"UPDATE neuronas_workers SET expires_s = 1 WHERE id = {silent.id}")
        assert figure("workers") == 1
    assert figure("workers") == 0


# Whatever is asked

PATHS = [
    *("/", "/dashboard", "/api/studies", "/api/meta", "/metrics", "/health", "/login", "/csv"),
    *("/static", "/static/bundle.js", "/favicon.ico", "/artifacts", "/api/trials", "/api/llm"),
    *("/param_importances", "/plot/contour", "/preference", "/note", "/1", "/2", "/0", "/-1"),
    *("/999999999", "/9999999999999999999999", "/\xff", "/..", "/%00", "/trials", "//", "/1.5"),
]
FIELDS = [
    *("after=", "after=-1", "after=0", "after=60", "after=1e9", "after=\xff", "after=" + "9" * 20),
    *("trial_ids=1,2", "trial_ids=x", "trial_ids=" + "9" * 5000, "a&b&c", "%", "after=&after=1"),
]
HEADERS = {
    "Accept-Encoding": ["gzip", "br;q=x", ""],
    "Range": ["bytes=0-1", "bytes=9-1", "x"],
    "If-Modified-Since": ["x", "Sat, 01 Jan 2000 00:00:00 GMT"],
    "If-None-Match": ["*", "x"],
    "Cookie": ["a", "a=b; c", "\x01=\xff"],
    "Accept": ["text/html", "\xff"],
    "Content-Type": ["application/json", "x"],
    "X-Forwarded-For": ["x"],
    "Authorization": ["Bearer", "Bearer \xff", "x"],
}


def random_request(draw: random.Random) -> dict[str, object]:
    path = "".join(draw.choices(PATHS, k=draw.choice([1, 1, 2, 3])))
    headers = dict(BEARER)
    for name in draw.sample(sorted(HEADERS), draw.choice([0, 1, 3])):
        headers[name] = draw.choice(HEADERS[name])
    return {
        "path": path,
        "method": draw.choice(["GET"] * 6 + ["HEAD", "OPTIONS", "POST", "PUT", "X"]),
        "query": "&".join(draw.sample(FIELDS, draw.choice([0, 1, 2]))),
        "headers": headers,
        "body": draw.randbytes(draw.choice([0, 0, 10, 5000])),
        "address": f"10.0.0.{draw.randrange(250)}",
    }


def test_a_thousand_random_requests_give_no_500(url):
    application = Gateway(url, Authentication(TOKEN))
    draw = random.Random(0)
    seen = set()
    for _ in range(1000):
        request = random_request(draw)
        answer = ask(application, request.pop("path"), **request)
        assert answer.status < 500, request
        seen.add(answer.status)
    application.close()
    assert {200, 204, 303, 400, 401, 404, 405} <= seen


def test_a_study_without_parameters_has_no_importances(own):
    url, application = own
    study = optuna.create_study(study_name="bare", storage=url, directions=["minimize"])
    for _ in range(3):
        study.add_trial(create_trial(value=1.0))
    (found,) = rows(url, "SELECT study_id FROM studies WHERE study_name = 'bare'")
    importances = f"/api/studies/{found['study_id']}/param_importances"
    assert ask(application, importances).status == 404
    assert ask(application, "/api/studies/1/param_importances").status == 200
    assert ask(application, f"/csv/{found['study_id']}").status == 200
