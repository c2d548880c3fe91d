"""The studies that ship: each loads, says what it runs on, and has an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from neuronas.config import load_study
from neuronas.searching import FeasibleRegion, Stream, generator, survey_region

FOLDER = Path(__file__).parents[1] / "studies"
FILES = sorted(FOLDER.glob("*.yaml"))

every_study = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_studies_of_the_issue_ship():
    assert {"digits", "fashion_mnist"} <= {path.stem for path in FILES}


@every_study
def test_a_study_loads_under_the_name_of_its_file(path):
    assert load_study(path).name == path.stem


@every_study
def test_a_study_says_its_hardware_weight_bits_and_seed_itself(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(content["hardware"]) == {"model", "chip"}
    assert content["space"]["weight_bits"] == 4
    assert "seed" in content["search"]
    assert content["budget"]


@every_study
def test_a_studys_space_has_room_within_its_budget(path):
    config = load_study(path)
    region = FeasibleRegion.of(config)
    found = survey_region(region, generator(config.search.seed, Stream.SURVEY), 20_000)
    assert found.fit > 100 * config.search.trials
    assert found.fit < found.candidates  # the budget means something
    energies = (found.cheapest["energy_uj"].value, found.dearest["energy_uj"].value)
    assert energies[1] > 4 * energies[0]


@every_study
def test_a_study_proposes_a_network_that_fits(path):
    config = load_study(path)
    region = FeasibleRegion.of(config)
    genes = region.draw(np.random.default_rng(0), lambda _: True)
    assert region.assess(genes[None]).feasible.tolist() == [True]


@every_study
def test_a_study_is_written_about(path):
    assert path.name in (FOLDER / "README.md").read_text(encoding="utf-8")
