"""A real search killed in the middle of a training and resumed; and that it repeats itself."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

import neuronas
from neuronas.records import Trial
from neuronas.storage import Repository
from tests.integration.processes import STUDY, Study, finished
from tests.searching.fakes import rows


def amid_the_fourth(states: Counter[str]) -> bool:
    return states["complete"] >= 3 and states["running"] == 1


def test_a_killed_search_resumes_where_it_was(tmp_path):
    study = Study.of(tmp_path, trials=9)
    process = study.search()
    study.signal_when(process, amid_the_fourth, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    states = study.states()
    assert 3 <= states["complete"] < 9
    assert states["running"] == 1
    with Repository(study.url) as repository:
        assert not repository.is_searched("tiny")
    before = study.snapshot()
    (running,) = rows(study.url, "SELECT * FROM neuronas_candidates WHERE state = 'running'")

    front = finished(study.resume())
    study.check_nothing_changed_since(before)
    study.check_finished()
    (retry,) = rows(study.url, "SELECT * FROM neuronas_candidates WHERE retry_of IS NOT NULL")
    assert retry["retry_of"] == running["trial_number"]
    assert retry["training_digest"] == running["training_digest"]
    assert (retry["state"], retry["newly_trained"]) == ("complete", 1)
    (given_up,) = rows(
        study.url,
        "SELECT state, reason FROM neuronas_candidates WHERE trial_number = ?",
        running["trial_number"],
    )
    assert given_up == {"state": "interrupted", "reason": "process died"}
    assert front
    assert all(row["test_accuracy"] is not None for row in front)


@pytest.mark.soak
def test_ctrl_c_ends_a_real_search_in_good_order(tmp_path):
    study = Study.of(tmp_path, trials=5)
    process = study.search()
    study.signal_when(process, lambda s: s["complete"] >= 1 and s["running"] == 1, signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("stopped; nothing is lost. Go on with: neuronas resume")
    assert "Traceback" not in err
    assert study.states()["running"] == 0
    before = study.snapshot()
    finished(study.resume())
    study.check_nothing_changed_since(before)
    study.check_finished()


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[Trial]]:
    """Return the trials of three real searches: a seed twice, and another one."""
    trials = {}
    for name, seed in (("one", 4), ("same", 4), ("other", 5)):
        folder: Path = tmp_path_factory.mktemp(name)
        (folder / "tiny.yaml").write_text((STUDY % 5).replace("seed: 4", f"seed: {seed}"))
        url = f"sqlite:///{folder}/neuronas.db"
        neuronas.search(
            neuronas.load_study(folder / "tiny.yaml"),
            storage=url,
            checkpoint_dir=folder,
            threads=1,
        )
        with Repository(url) as repository:
            trials[name] = repository.trials("tiny")
    return trials


@pytest.mark.soak
def test_the_same_seed_finds_the_same_candidates_costs_and_accuracies(found):
    for one, same in zip(found["one"], found["same"], strict=True):
        assert one.candidate == same.candidate
        assert one.cost == same.cost
        assert one.evaluation.key == same.evaluation.key
        assert one.evaluation.validation_accuracy == same.evaluation.validation_accuracy
        assert one.evaluation.test_accuracy == same.evaluation.test_accuracy
        assert one.evaluation.spike_rates == same.evaluation.spike_rates
        assert one.evaluation.weights_sha256 == same.evaluation.weights_sha256
        assert one.evaluation.provenance == same.evaluation.provenance


@pytest.mark.soak
def test_another_seed_finds_other_candidates_and_trains_equal_ones_otherwise(found):
    networks = {
        name: {t.candidate.training_digest: t.evaluation.key.seed for t in trials}
        for name, trials in found.items()
    }
    assert set(networks["one"]) != set(networks["other"])
    for digest in set(networks["one"]) & set(networks["other"]):
        assert networks["one"][digest] != networks["other"][digest]


def test_where_a_network_was_trained_and_with_what_is_stored(found):
    for trial in found["one"]:
        provenance = trial.evaluation.provenance
        assert (provenance.device, provenance.threads) == ("cpu", 1)
        assert provenance.split.startswith("digits, ")
        assert {"neuronas", "torch", "snntorch", "optuna", "numpy"} <= set(provenance.versions)
        assert provenance.versions["neuronas"] == neuronas.__version__
        assert 0 < trial.evaluation.validation_accuracy <= 1
        assert set(trial.evaluation.spike_rates) >= {"reduction.lif"}
        assert trial.evaluation.train_seconds > 0
