"""``neuronas chips`` and ``neuronas compare``."""

from __future__ import annotations

import csv
import io
import json

import pytest
import yaml

from neuronas.config import chip_names
from neuronas.hardware import Budget, Chip, compare_networks, estimate, references
from tests.strategies import NOTHING, architecture

CONSTANT = {"value", "unit", "node_nm", "node_exponent", "source"}


def written(folder, content: object, name: str = "network.json"):
    path = folder / name
    path.write_text(json.dumps(content))
    return path


# chips


def test_chips_are_listed_with_model_and_source(run):
    found = json.loads(run("chips", "list", "--format", "json").out)
    assert [row["chip"] for row in found] == chip_names()
    assert {row["model"] for row in found} == {"cim", "spikesim"}
    assert all(row["source"] for row in found)
    table = run("chips", "list")
    assert (table.code, table.err) == (0, "")
    assert [line.split()[0] for line in table.out.splitlines()] == ["chip", *chip_names()]
    assert run("chips").out == table.out


@pytest.mark.parametrize("name", chip_names())
def test_a_chip_is_shown_with_every_setting_and_constant(run, name):
    chip = Chip.of(name)
    found = json.loads(run("chips", "show", name, "--format", "json").out)
    assert (found["name"], found["model"], found["source"]) == (name, chip.model, chip.source)
    assert found["settings"] == chip.settings.model_dump(mode="json")
    assert found["constants"].keys() == chip.constants.keys()
    assert all(constant.keys() == CONSTANT for constant in found["constants"].values())
    table = run("chips", "show", name)
    assert (table.code, table.err) == (0, "")
    assert f"Chip '{name}' of model '{chip.model}'" in table.out
    for constant in chip.constants:
        assert f"\n{constant} " in table.out, constant


def test_what_is_shown_of_a_chip_is_a_chip_file(run, folder):
    shown = run("chips", "show", "sram-32nm", "--format", "json").out
    path = folder / "mine.json"
    path.write_text(shown)
    assert run("chips", "show", path, "--format", "json").out == shown


def test_a_chip_file_is_shown_with_what_its_base_gives(run, folder):
    path = folder / "wide.yaml"
    path.write_text(yaml.safe_dump({"base": "rram-32nm", "settings": {"columns": 128}}))
    found = json.loads(run("chips", "show", path, "--format", "json").out)
    assert (found["name"], found["settings"]["columns"]) == ("wide", 128)


def test_a_chip_file_is_shown_with_what_is_its_own(run, folder):
    path = folder / "wide.yaml"
    constant = {"energy_sar_bit": {"value": 0.05, "source": "measured"}}
    content = {"base": "rram-32nm", "settings": {"columns": 128}, "constants": constant}
    path.write_text(yaml.safe_dump(content))
    done = run("chips", "show", path)
    assert (done.code, done.err) == (0, "")
    own = [line.split()[0] for line in done.out.splitlines() if " this file" in line]
    assert own == ["columns", "energy_sar_bit"]
    marked = [line for line in done.out.splitlines() if " base rram-32nm" in line]
    chip = Chip.of("rram-32nm")
    settings = chip.settings.model_dump(exclude_none=True)
    assert len(marked) == len(settings) + len(chip.constants) - len(own)
    assert " this file" not in run("chips", "show", "rram-32nm").out


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        ("rram-32mn", "error: unknown chip 'rram-32mn'; did you mean 'rram-32nm'?; allowed: "),
        ("absent.yaml", "error: absent.yaml:\n  no such file"),
    ],
)
def test_an_unknown_chip_cannot_be_shown(run, chip, told):
    done = run("chips", "show", chip)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(told)


# compare


def test_compare_shows_the_references_under_both_models_and_the_budget_of_neuronas(run):
    done = run("compare", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert [row["network"] for row in found[::2]] == list(references())
    assert [(row["model"], row["chip"]) for row in found[:2]] == [
        ("cim", "rram-32nm"),
        ("spikesim", "spikesim-65nm-rram"),
    ]
    verdicts = {(row["network"], row["model"]): row["verdict"] for row in found}
    macro = "SNASNet macro, C = 128, {} conv3x3 per cell"
    # The stock classifier alone breaks the budget's parameters.
    assert verdicts[macro.format(2), "spikesim"] == "parameters +364%"
    assert verdicts[macro.format(3), "spikesim"] == "parameters +383%, energy_uj +20%"


def test_compare_takes_several_chips(run, folder):
    found = run("compare", "--chip", "rram-32nm", "--chip", "rram-22nm", "--format", "json")
    chips = [row["chip"] for row in json.loads(found.out)][:3]
    assert chips == ["rram-32nm", "rram-22nm", "spikesim-65nm-rram"]


def test_compare_puts_files_first_and_takes_limits(run, folder):
    path = written(folder, architecture().to_json())
    cost = estimate(path, chip="sram-32nm")
    limit = cost.energy_pj / 1e6 / 2
    done = run(
        "compare", path, "--chip", "sram-32nm", "--budget", f"energy_uj={limit}", "--format", "json"
    )
    own, script = json.loads(done.out)[:2]
    assert (own["network"], own["chip"]) == ("network.json", "sram-32nm")
    assert own["energy_uj"] == cost.energy_pj / 1e6
    assert own["verdict"] == "energy_uj +100%"
    assert script["model"] == "spikesim"


def test_compare_as_table_and_csv_has_the_same_rows(run, folder):
    path = written(folder, architecture().to_json())
    table = run("compare", path, "--budget", "parameters=1e9").out.splitlines()
    rows = list(csv.DictReader(io.StringIO(run("compare", path, "--format", "csv").out)))
    assert len(table) == len(rows) + 1
    assert all(line.endswith("fits") for line in table[1:])
    expected = compare_networks(
        {"network.json": architecture()}, [Chip.of("rram-32nm")], Budget({})
    )
    assert float(rows[0]["area_mm2"]) == expected[0]["area_mm2"]


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("neuronas-v2", "preset: found 'neuronas-v2'; allowed: neuronas-v1; did you mean"),
        ("area=3", "area: unknown key; allowed: area_mm2, bit_synops, edp_uj_ms, energy_uj, "),
        ("area_mm2=much", "area_mm2: found 'much'; input should be a valid number"),
        ("area_mm2=-1", "area_mm2: found -1.0; allowed: above 0"),
        ("energy_uj", "energy_uj: needs a number, as in energy_uj=120"),
        ("area_mm2=nan", "area_mm2: found nan; input should be"),
    ],
)
def test_a_wrong_budget_ends_compare_with_3(run, budget, told):
    done = run("compare", "--budget", budget)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: --budget:\n  {told}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (architecture(cell_a=NOTHING).to_json(), "cell_a: no path from input to output"),
        (
            {"layers": [{"kind": "linear", "in_channels": 4, "out_channels": 2, "kernel": 3}]},
            "network 0, layer0: kernel is 3; allowed: 1 for a linear layer",
        ),
        ({"layers": [{"kind": "conv", "in_chanels": 4}]}, "layers[0].in_chanels: unknown key; "),
    ],
    ids=["genotype", "layers", "key"],
)
@pytest.mark.parametrize("command", ["compare", "estimate"])
def test_a_network_that_cannot_be_is_told_with_its_file(run, folder, command, content, told):
    path = written(folder, content)
    done = run(command, path)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {path}:\n")
    assert f"  {told}" in done.err
