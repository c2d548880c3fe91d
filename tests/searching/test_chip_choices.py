"""Chips in the search: settings that a study searches, and chips of a fixed size."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from neuronas.architecture import deployment_digest
from neuronas.config import StudyConfig, validate
from neuronas.errors import ConfigError, GenotypeError, InfeasibleSpaceError
from neuronas.hardware import Chip, estimate
from neuronas.records import CandidateState
from neuronas.searching import FeasibleRegion, enqueue_candidate, surveys
from neuronas.searching.assessment import DISCONNECTED
from tests.searching.fakes import FakeEvaluator, rows, run, trials_of
from tests.strategies import architecture

NO_ROOM = "does not fit the chip"
CHOICES = {"columns_per_adc": [4, 8], "schedule": ["layer-serial", "pipelined"]}
COMBINATIONS = set(product(*CHOICES.values()))
ONE_NETWORK = {"operations": ["skip"], "channels": [2], "time_steps": [1]}
SMALL = {"base": "rram-32nm", "settings": {"tiles": 3}}
LARGE = architecture(cell_a="0003 0000 0000 0000", cell_b="0003 0000 0000 0000", time_steps=1)


def study(**changes: object) -> StudyConfig:
    content = {
        "name": "test",
        "dataset": "digits",
        "space": {"channels": [2, 8], "time_steps": [1], "chip": CHOICES},
        "search": {"sampler": "random", "trials": 12, "seed": 1},
    }
    return validate(StudyConfig, content | changes, source=None)


def chosen(trial) -> tuple[int, str]:
    return tuple(trial.candidate.chip[name] for name in CHOICES)


# Settings that are searched


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_proposals_use_every_setting(url, sampler):
    run(study(search={"sampler": sampler, "trials": 30, "seed": 1}), url)
    assert {chosen(trial) for trial in trials_of(url).values()} == COMBINATIONS


def test_a_candidate_is_stored_and_costed_with_its_chip(url):
    run(study(), url)
    base = Chip.of("rram-32nm")
    for trial in trials_of(url).values():
        candidate = trial.candidate
        chip = base.changed(candidate.chip)
        found = estimate(candidate.architecture, chip=chip)
        assert trial.cost.energy_pj == found.energy_pj
        assert trial.cost.latency_ns == found.latency_ns
        digest = deployment_digest(candidate.training_digest, chip.to_json())
        assert candidate.deployment_digest == digest
    stored = rows(url, "SELECT chip FROM neuronas_candidates")
    assert {tuple(json.loads(row["chip"])[name] for name in CHOICES) for row in stored} <= (
        COMBINATIONS
    )


def test_a_network_on_four_chips_is_four_candidates_and_trained_once(url):
    evaluator = FakeEvaluator()
    result = run(study(space=ONE_NETWORK | {"chip": CHOICES}), url, evaluator, trials=2)
    trials = trials_of(url).values()
    assert result.study.state == "exhausted"
    assert (result.study.counts["trained"], result.study.counts["reused"]) == (1, 3)
    assert len(evaluator.calls) == 1
    assert {chosen(trial) for trial in trials} == COMBINATIONS
    assert len({trial.candidate.training_digest for trial in trials}) == 1
    assert len({trial.candidate.deployment_digest for trial in trials}) == 4


def test_a_batch_costs_its_networks_on_the_chips_that_they_choose():
    region = FeasibleRegion.of(study())
    genes = region.space.sample(np.random.default_rng(0), 50)
    genes = genes[region.assess(genes).connected]
    found = region.assess(genes)
    for index, row in enumerate(genes):
        alone = estimate(found.networks[index], chip=region.chip_for(row))
        assert found.quantities["latency_ms"][index] == alone.latency_ns / 1e6
        assert found.quantities["area_mm2"][index] == alone.area_um2 / 1e6


def test_a_queued_network_is_taken_up_on_the_chip_that_was_asked_for(url):
    config = study()
    run(config, url, trials=1)
    asked = {"columns_per_adc": 8, "schedule": "pipelined"}
    enqueue_candidate("test", LARGE, chip=asked, storage=url)
    enqueue_candidate("test", LARGE, storage=url)  # on the first option of each
    run(config, url, trials=3)
    queued = [t.candidate for t in trials_of(url).values() if t.candidate.architecture == LARGE]
    assert [candidate.chip for candidate in queued] == [
        asked,
        {"columns_per_adc": 4, "schedule": "layer-serial"},
    ]


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        ({"columns_per_adc": 16}, "chip.columns_per_adc: found 16; the study allows 4, 8"),
        ({"columns": 64}, "chip.columns: the study does not search it"),
    ],
)
def test_a_chip_outside_the_study_is_not_queued(url, chip, told):
    run(study(), url, trials=1)
    with pytest.raises(GenotypeError) as caught:
        enqueue_candidate("test", LARGE, chip=chip, storage=url)
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["adc_bits", "cell_bits", "active_rows", "membrane_bits"])
def test_a_setting_that_changes_accuracy_is_not_searched(name):
    with pytest.raises(ConfigError) as caught:
        FeasibleRegion.of(study(space={"chip": {name: [4, 5]}}))
    assert str(caught.value) == (
        f"space.chip.{name}: not open to search, since accuracy may depend on it and the search "
        "would not see that: the cheapest option would always win. Choose it in a chip file "
        "(hardware.chip); a study may search columns_per_adc, pe_per_tile, columns, mapping, "
        "schedule"
    )


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        (
            {"column_per_adc": [4, 8]},
            "space.chip.column_per_adc: unknown setting of model 'cim'; allowed: columns_per_adc, "
            "pe_per_tile, columns, mapping, schedule; did you mean 'columns_per_adc'?",
        ),
        (
            {"columns_per_adc": [4, 1000]},
            "space.chip.columns_per_adc: found 1000, more than columns",
        ),
        (
            {"columns_per_adc": [0]},
            "space.chip.columns_per_adc: found 0; allowed: 1 to 65536",
        ),
        (
            {"columns_per_adc": ["eight"]},
            "space.chip.columns_per_adc: found 'eight'; allowed: a whole number",
        ),
        (
            {"schedule": ["pipelined", "fast"]},
            "space.chip.schedule: found 'fast'; allowed: layer-serial, step-serial, pipelined, "
            "row-streaming",
        ),
        (
            {"schedule": ["pipeline"]},
            "space.chip.schedule: found 'pipeline'; allowed: layer-serial, step-serial, "
            "pipelined, row-streaming; did you mean 'pipelined'?",
        ),
        (
            {"columns": [32, 128], "columns_per_adc": [8, 64]},
            "space.chip.columns_per_adc: found 64, more than columns (of columns 32, "
            "columns_per_adc 64)",
        ),
    ],
    ids=["unknown", "too many", "none", "text", "name", "near name", "together"],
)
def test_a_chip_that_cannot_be_is_told_with_its_key(chip, told):
    with pytest.raises(ConfigError) as caught:
        FeasibleRegion.of(study(space={"chip": chip}))
    assert str(caught.value) == told


def test_settings_need_not_suit_the_chip_that_they_replace():
    """128 columns share an ADC: more than the preset has, not more than the study gives."""
    region = FeasibleRegion.of(study(space={"chip": {"columns": 256, "columns_per_adc": 128}}))
    (genes,) = region.space.sample(np.random.default_rng(0), 1)
    assert region.chip_for(genes).settings.columns_per_adc == 128


def test_a_model_that_opens_nothing_to_search_says_so():
    hardware = {"model": "spikesim", "chip": "spikesim-65nm-rram"}
    with pytest.raises(ConfigError, match=r"space\.chip\.pe_per_tile: .* search no setting"):
        FeasibleRegion.of(study(hardware=hardware, space={"chip": {"pe_per_tile": [4, 8]}}))


# Chips of a fixed size


def test_what_does_not_fit_the_chip_is_counted_as_that():
    region = FeasibleRegion.of(study(hardware={"chip": SMALL}, space={"channels": [2, 64]}))
    genes = region.space.sample(np.random.default_rng(0), 300)
    found = region.assess(genes)
    region.tally.count(found, region.limits, 300)
    reasons = region.tally.reasons
    assert found.connected.tolist() == found.networks.connected().tolist()
    assert reasons[DISCONNECTED] == (~found.connected).sum() > 0
    assert reasons[NO_ROOM] == (found.connected & (found.tiles > 3)).sum() > 0
    assert found.feasible.sum() + reasons[DISCONNECTED] + reasons[NO_ROOM] == 300


def test_a_draw_stays_on_the_chip():
    region = FeasibleRegion.of(study(hardware={"chip": {**SMALL, "settings": {"tiles": 4}}}))
    for seed in range(5):
        genes = region.draw(np.random.default_rng(seed), lambda _: True)
        (network,) = [region.space.decode(genes[None])[0]]
        assert estimate(network, chip=region.chip_for(genes)).to_json()["fits"]


def test_a_survey_tells_what_does_not_fit_the_chip_where_anything_does_not():
    config = study(hardware={"chip": SMALL}, space={"channels": [2, 64]})
    _, found = surveys(config, 300, {"spikesim": Chip.of("spikesim-65nm-rram")}, pytest.fail)
    own, other = found["cim"], found["spikesim"]
    assert own.rejected[NO_ROOM] == 300 - own.fit - own.rejected[DISCONNECTED] > 0
    assert own.binding == NO_ROOM
    assert NO_ROOM not in other.rejected


def test_a_chip_without_room_for_any_network_is_told_with_the_tiles_that_the_nearest_needs():
    tiny = {"base": "rram-32nm", "name": "tiny", "settings": {"tiles": 1}}
    with pytest.raises(InfeasibleSpaceError) as caught:
        FeasibleRegion.of(study(hardware={"chip": tiny})).draw(
            np.random.default_rng(0), lambda _: True
        )
    message = str(caught.value)
    assert message.startswith("no network of the space (all ")
    assert "fits the chip 'tiny': the nearest candidate needs 3 tiles. Nearest: cells " in message
    assert message.endswith(
        "Give the chip more of them; no single smaller choice in the space was found to be enough"
    )
    nearest = architecture(**caught.value.nearest)
    assert estimate(nearest, chip=Chip.of(tiny)).to_json()["num_tiles"] == 3


def test_a_queued_network_that_does_not_fit_the_chip_is_pruned(url):
    config = study(hardware={"chip": SMALL})
    run(config, url, trials=1)
    enqueue_candidate("test", LARGE, storage=url)
    run(config, url, trials=2)
    (queued,) = [t for t in trials_of(url).values() if t.candidate.architecture == LARGE]
    assert (queued.state, queued.reason) == (CandidateState.PRUNED, NO_ROOM)
