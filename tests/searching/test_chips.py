"""The chip that a study names; errors of it and of choices on it tell file and key."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.architecture import Architecture
from neuronas.config import StudyConfig, load_study, validate
from neuronas.errors import ConfigError
from neuronas.hardware import estimate
from neuronas.searching import FeasibleRegion, accepted, candidate_estimate, surveys
from neuronas.searching.chips import chip_of
from tests.searching.fakes import run, trials_of


@pytest.fixture
def refused(tmp_path):
    """Return the problems for which the region of a study file with these sections is refused."""

    def write(sections: str) -> str:
        path = tmp_path / "study.yaml"
        path.write_text(f"dataset: digits\n{sections}")
        study = load_study(path)
        with pytest.raises(ConfigError) as caught:
            FeasibleRegion.of(study)
        assert caught.value.source == str(path)
        return "\n".join(caught.value.problems)

    return write


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        ("{adc_bits: [4, 5]}", "adc_bits: not open to search, since accuracy may depend on it"),
        ("{columns_per_adc: [0, 8]}", "columns_per_adc: found 0; allowed: 1 to 65536"),
        ("{columns_per_adc: [8, 1000]}", "columns_per_adc: found 1000, more than columns"),
        ("{schedule: fast}", "schedule: found 'fast'; allowed: layer-serial, "),
        ("{schedle: pipelined}", "schedle: unknown setting of model 'cim'; allowed: columns_per"),
    ],
    ids=["refused", "out of range", "impossible", "name", "unknown"],
)
def test_a_wrong_choice_on_the_chip_is_told_with_file_and_key(refused, chip, told):
    assert refused(f"space: {{chip: {chip}}}").startswith(f"space.chip.{told}")


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        ("{base: rram-32nm, settings: {adc_bits: 0}}", ".settings.adc_bits: found 0; allowed: 1 t"),
        ("{base: rram-33nm}", ".base: found 'rram-33nm'; allowed: rram-22nm, "),
        ("{base: rram-32nm, setings: {}}", ".setings: unknown key; allowed: base, constants, "),
        ("spikesim-65nm-rram", ": 'spikesim-65nm-rram' describes hardware model 'spikesim', but "),
        (
            "{base: rram-32nm, constants: {energy_sar_bit: {value: 1, node_nm: 14, source: x}}}",
            ": chip 'rram-32nm, changed': constants.energy_sar_bit.node_nm is 14 nm; constants ",
        ),
    ],
    ids=["out of range", "base", "key", "model", "node"],
)
def test_a_wrong_chip_in_the_study_is_told_with_file_and_key(refused, chip, told):
    assert refused(f"hardware: {{chip: {chip}}}").startswith(f"hardware.chip{told}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("settings: {adc_bits: 13}", "settings.adc_bits: found 13; allowed: 1 to 12"),
        ("settings: {adc: comparator}", "settings.adc_bits: a comparator gives 1 bit, found 4"),
        ("settings: {colums: 128}", "settings.colums: unknown key; allowed: "),
        ("constants: {cell_rrm: 3}", "constants.cell_rrm: 'rram-32nm' has no such constant"),
    ],
    ids=["out of range", "impossible", "key", "constant"],
)
def test_a_wrong_chip_file_is_told_with_the_studys_file_and_key_and_its_own(
    refused, tmp_path, content, told
):
    file = tmp_path / "wide.yaml"
    file.write_text(f"base: rram-32nm\n{content}\n")
    message = refused("hardware: {chip: wide.yaml}")
    assert message.startswith(f"hardware.chip: {file}: {told}")


def test_a_chip_that_lacks_a_constant_is_told_with_the_file_before_anything_is_costed(
    refused, tmp_path
):
    (tmp_path / "bare.yaml").write_text(
        "model: spikesim\nsource: ours\nconstants: {}\n"
        "settings: {xbar_size: 64, pe_per_tile: 8, clk_freq: 250, device: rram}\n"
    )
    message = refused("hardware: {model: spikesim, chip: bare.yaml}")
    assert message.startswith("hardware.chip: chip 'bare' has no constant '")


def test_a_study_that_came_from_no_file_is_told_its_key():
    chip = {"base": "rram-32nm", "settings": {"node_nm": 14}}
    content = {"name": "test", "dataset": "digits", "hardware": {"chip": chip}}
    with pytest.raises(ConfigError) as caught:
        chip_of(validate(StudyConfig, content, source=None))
    assert str(caught.value) == "hardware.chip.settings.node_nm: found 14; allowed: 22 to 65"


def test_a_study_under_another_name_still_knows_its_file(tmp_path, url):
    path = tmp_path / "study.yaml"
    path.write_text("dataset: digits\nspace: {channels: 2, time_steps: 1}\n")
    run(load_study(path), url, trials=1)
    path.write_text("dataset: digits\nspace: {channels: 4, time_steps: 1}\n")
    other = accepted(load_study(path), storage=url)
    assert (other.name, other.origin.study) == ("study-2", str(path))


def test_tiles_are_refused_as_the_capacity_that_they_are(refused):
    message = refused("space: {chip: {tiles: [4, 8]}}")
    assert message == (
        "space.chip.tiles: not open to search, since it is the fixed capacity of a chip, which is "
        "only checked: networks that need more tiles do not fit, and the area is that of the tiles "
        "that a network needs, not of those that the chip has. Give it in a chip file, or in the "
        "study as hardware.chip: {base: rram-32nm, settings: {tiles: 64}}; a study may search "
        "columns_per_adc, pe_per_tile, columns, mapping, schedule"
    )


def test_what_the_refusal_of_tiles_says_to_do_is_done(tmp_path):
    path = tmp_path / "study.yaml"
    chip = "{base: rram-32nm, settings: {tiles: 64}}"
    path.write_text(f"dataset: digits\nspace: {{channels: 2}}\nhardware: {{chip: {chip}}}\n")
    _, found = surveys(load_study(path), 50, {}, pytest.fail)
    assert found["cim"].fit > 0
    network = Architecture.model_validate(found["cim"].cheapest["area_mm2"].genotype)
    assert estimate(network, chip=chip_of(load_study(path))).area_um2 == estimate(network).area_um2


WAIT = (
    "allowed: step-serial: with space.feedback edges lead to the next time step, which must not "
    "begin before this one ends; write space: {chip: {schedule: step-serial}}, or feedback: false"
)


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ("space: {feedback: true}", "hardware.chip: found schedule 'layer-serial'; "),
        (
            "space: {feedback: true, chip: {columns_per_adc: [4, 8]}}\n"
            "hardware: {chip: {base: rram-32nm, settings: {schedule: pipelined}}}",
            "hardware.chip: found schedule 'pipelined'; ",
        ),
        (
            "space: {feedback: true, chip: {schedule: [step-serial, pipelined]}}",
            "space.chip.schedule: found 'pipelined'; ",
        ),
        (
            "space: {feedback: true, time_steps: [1, 2], chip: {schedule: [row-streaming]}}\n"
            "hardware: {chip: {base: rram-32nm, settings: {schedule: step-serial}}}",
            "space.chip.schedule: found 'row-streaming'; ",
        ),
    ],
    ids=["usual", "own", "one of several", "instead of the chip's"],
)
def test_a_schedule_that_cannot_wait_for_backward_edges_is_told_with_file_and_key(
    refused, sections, told
):
    assert refused(sections) == told + WAIT


@pytest.mark.parametrize(
    "sections",
    [
        "space: {feedback: true, channels: 2, chip: {schedule: step-serial}}",
        "space: {feedback: true, channels: 2}\n"
        "hardware: {chip: {base: rram-32nm, settings: {schedule: step-serial}}}",
        "space: {feedback: true, channels: 2, time_steps: 1}",  # nothing arrives at a next step
        "space: {feedback: true, channels: 2}\nhardware: {model: spikesim}",
    ],
    ids=["searched", "chip", "one step", "other model"],
)
def test_a_chip_that_can_wait_for_backward_edges_is_taken(tmp_path, sections):
    path = tmp_path / "study.yaml"
    path.write_text(f"dataset: digits\n{sections}\n")
    region = FeasibleRegion.of(load_study(path))
    genes = region.space.sample(np.random.default_rng(0), 20)
    assert np.isfinite(region.assess(genes).quantities["latency_ms"]).all()


def test_a_candidate_is_costed_again_on_what_it_chose(url):
    content = {
        "name": "test",
        "dataset": "digits",
        "space": {"channels": [2], "time_steps": [1], "chip": {"columns_per_adc": [4, 8]}},
        "hardware": {"spike_rate": 0.3},
        "search": {"sampler": "random", "trials": 4, "seed": 1},
    }
    study = validate(StudyConfig, content, source=None)
    run(study, url)
    trials = trials_of(url).values()
    assert {trial.candidate.chip["columns_per_adc"] for trial in trials} == {4, 8}
    for trial in trials:
        found = candidate_estimate(study, trial.candidate)
        assert found.energy_pj == trial.cost.energy_pj
        assert found.to_json()["area_parts_um2"] == trial.cost.area_parts_um2
