"""The studies that ship: each loads, says what it runs on, and has an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from neuronas.cli import main
from neuronas.config import load_study
from neuronas.errors import DatasetError
from neuronas.searching import FeasibleRegion, Stream, generator, survey_region

FOLDER = Path(__file__).parents[1] / "studies"
FILES = sorted(FOLDER.glob("*.yaml"))

every_study = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_studies_of_the_issue_ship():
    assert {"digits", "fashion_mnist", "neuronas_v1", "spikenas"} <= {path.stem for path in FILES}


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


@every_study
def test_a_study_is_checked_without_data(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path), "--candidates", "500"])
    assert not ended.value.code
    assert "binds most" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    ["neuronas_v1", "neuronas_v1_cifar100", "neuronas_v1_tiny_imagenet", "spikenas"],
)
def test_without_its_data_a_search_says_how_to_get_them(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(tmp_path / "nothing"))
    path = FOLDER / f"{name}.yaml"
    with pytest.raises(SystemExit) as ended:
        main(["search", str(path)])
    assert ended.value.code == DatasetError.exit_code
    assert f"neuronas data fetch {load_study(path).dataset}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["neuronas_v1", "neuronas_v1_cifar100"])
def test_studies_of_neuronas_v1_ask_with_the_published_budget_and_its_method(name):
    config = load_study(FOLDER / f"{name}.yaml")
    assert config.budget.limits() == {
        "parameters": 4e6,
        "area_mm2": 100.0,
        "latency_ms": 400.0,
        "energy_uj": 120.0,
    }
    assert config.search.sampler == "neuronas-v1"
    assert config.space.time_steps == [5]


def test_spikenas_asks_for_memory_alone():
    config = load_study(FOLDER / "spikenas.yaml")
    assert config.search.sampler == "spikenas"
    assert list(config.budget.limits()) == ["parameters"]
