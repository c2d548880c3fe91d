"""What a study means: defaults, searched and fixed values, budgets, digests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuronas.config import BUDGET_PRESETS, BudgetConfig, Origin, StudyConfig, load_study, validate
from neuronas.errors import ConfigError
from neuronas.hardware import UNITS


def study(tmp_path: Path, text: str = "", name: str = "tiny") -> StudyConfig:
    path = tmp_path / f"{name}.yaml"
    path.write_text(text if "dataset" in text else f"dataset: digits\n{text}")
    return load_study(path)


def test_a_file_with_only_a_dataset_has_every_default(tmp_path):
    read = study(tmp_path)
    assert read.name == "tiny"
    assert read.space.cells == "shared"
    assert read.space.operations == ["zeroize", "skip", "conv1x1", "conv3x3", "avgpool3x3"]
    assert (read.space.channels, read.space.ratio, read.space.pool) == ([16], [2], [2])
    assert (read.space.hidden, read.space.time_steps) == ([0], [4])
    assert set(map(tuple, read.space.weight_bits.model_dump().values())) == {(4,)}
    assert (read.hardware.model, read.hardware.chip) == ("cim", "rram-32nm")
    assert read.hardware.spike_rate == 0.1
    assert read.budget.limits() == {}
    assert read.objectives == ["accuracy", "energy"]
    assert (read.search.sampler, read.search.trials, read.search.seed) == ("hardware-aware", 30, 0)
    assert read.storage is None


def test_a_name_in_the_file_goes_before_its_stem(tmp_path):
    assert study(tmp_path, "name: other").name == "other"


def test_one_value_is_fixed_and_a_list_is_searched(tmp_path):
    space = study(tmp_path, "space: {channels: 8, ratio: [1, 2], operations: conv3x3}").space
    assert space.channels == [8]
    assert space.ratio == [1, 2]
    assert space.operations == ["conv3x3"]


@pytest.mark.parametrize(
    ("written", "stem", "classifier"),
    [("8", [8], [8]), ("[2, 4]", [2, 4], [2, 4]), ("{stem: [8, 16]}", [8, 16], [4])],
)
def test_weight_bits_are_given_for_all_groups_or_per_group(tmp_path, written, stem, classifier):
    bits = study(tmp_path, f"space: {{weight_bits: {written}}}").space.weight_bits
    assert bits.stem == stem
    assert bits.classifier == classifier


@pytest.mark.parametrize("written", ["decay", "[decay]", "[decay, decay]"])
def test_what_is_learned_is_one_name_or_a_list(tmp_path, written):
    neuron = study(tmp_path, f"space: {{neuron: {{learned: {written}}}}}").space.neuron
    assert neuron.learned == ("decay",)


def test_a_study_cannot_be_changed_after_it_was_read(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        study(tmp_path).name = "other"


def test_where_a_study_was_read_from_is_no_part_of_it(tmp_path):
    read = study(tmp_path)
    other = read.read_from(Origin("elsewhere.yaml", "chip.yaml"))
    assert read.origin.study == str(tmp_path / "tiny.yaml")
    assert (other.origin.study, other.origin.chip) == ("elsewhere.yaml", "chip.yaml")
    assert other == read
    assert other.digest() == read.digest()
    assert StudyConfig.model_validate(read.model_dump()) == read


def test_a_number_in_scientific_notation_is_a_number(tmp_path):
    read = study(tmp_path, "budget: {parameters: 4e6, energy_uj: 1.5e+2}")
    assert read.budget.limits() == {"parameters": 4_000_000, "energy_uj": 150}


def test_the_preset_is_the_published_budget_of_neuronas_v1(tmp_path):
    assert study(tmp_path, "budget: {preset: neuronas-v1}").budget.limits() == {
        "parameters": 4e6,
        "area_mm2": 100.0,
        "latency_ms": 400.0,
        "energy_uj": 120.0,
    }


def test_a_limit_beside_a_preset_overrides_only_itself(tmp_path):
    limits = study(tmp_path, "budget: {energy_uj: 10, preset: neuronas-v1, memory_bytes: 9}").budget
    assert limits.limits() == BUDGET_PRESETS["neuronas-v1"] | {"energy_uj": 10, "memory_bytes": 9}


def test_limits_come_in_the_order_of_constraints_whatever_the_order_of_the_file(tmp_path):
    names = list(UNITS)
    text = ", ".join(f"{name}: 5" for name in reversed(names))
    assert list(study(tmp_path, f"budget: {{{text}}}").budget.limits()) == names
    two = BudgetConfig(energy_uj=1.0, parameters=2.0)
    assert list(two.limits()) == ["parameters", "energy_uj"]


@pytest.mark.parametrize(
    "text",
    [
        "dataset: digits\nname: tiny\nsearch: {seed: 3, trials: 500}\nspace: {channels: [4, 8]}",
        "dataset: digits\nsearch: {seed: 3, stop: {no_gain: 2}}\nspace: {channels: [4, 8]}",
        "storage: sqlite:///elsewhere.db\nspace: {channels: [4, 8]}\nsearch: {seed: 3}\n"
        "dataset: digits",
        "# why\ndataset: digits  # bundled\nsearch: {seed: 3}\nspace:\n  channels:\n  - 4\n  - 8\n",
        "dataset: digits\nsearch: {seed: 3}\nspace: {weight_bits: 4, channels: [4, 8], decay: 0.25}"
        "\nhardware: {model: cim, chip: rram-32nm, spike_rate: 0.1}",
    ],
    ids=["trials", "stop", "storage and order", "comments and layout", "defaults written out"],
)
def test_the_digest_ignores_what_leaves_trials_comparable(tmp_path, text):
    base = study(tmp_path, "search: {seed: 3}\nspace: {channels: [4, 8]}")
    other = study(tmp_path, text)
    assert other.digest() == base.digest()
    assert other.differences(base) == []


def test_the_digest_ignores_whether_a_number_is_written_as_an_integer(tmp_path):
    whole = study(tmp_path, "space: {decay: 0, threshold: 1}\nbudget: {parameters: 4000000}")
    broken = study(tmp_path, "space: {decay: 0.0, threshold: 1.0}\nbudget: {parameters: 4e6}")
    assert whole.digest() == broken.digest()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name: other", "name"),
        ("dataset: fashion_mnist", "dataset"),
        ("space: {cells: distinct}", "space.cells"),
        ("space: {channels: 8}", "space.channels"),
        ("space: {weight_bits: {stem: 8}}", "space.weight_bits.stem"),
        ("space: {decay: 0.5}", "space.decay"),
        ("hardware: {model: spikesim, chip: rram-32nm}", "hardware.model"),
        ("hardware: {chip: spikesim-65nm-rram}", "hardware.chip"),
        ("hardware: {chip: {base: rram-32nm}}", "hardware.chip"),
        ("hardware: {spike_rate: 0.2}", "hardware.spike_rate"),
        ("budget: {energy_uj: 3}", "budget.energy_uj"),
        ("objectives: [accuracy, area]", "objectives"),
        ("training: {epochs: 3}", "training.epochs"),
        ("search: {sampler: random}", "search.sampler"),
        ("search: {seed: 1}", "search.seed"),
    ],
)
def test_the_digest_and_the_differences_see_everything_else(tmp_path, text, key):
    base, other = study(tmp_path), study(tmp_path, text)
    assert other.digest() != base.digest()
    (line,) = other.differences(base)
    assert line.startswith(f"{key}: stored ")


def test_differences_say_what_is_stored_and_what_the_file_says(tmp_path):
    stored = study(tmp_path, "space: {channels: [4, 8]}\nsearch: {seed: 1}")
    file = study(tmp_path, "space: {channels: 8}\nbudget: {area_mm2: 2}\nsearch: {seed: 1}")
    assert file.differences(stored) == [
        "budget.area_mm2: stored null, file 2.0",
        "space.channels: stored [4, 8], file [8]",
    ]


# A chip file that a study names


CHIP_FILE = "base: spikesim-65nm-rram\nsettings: {clk_freq: 100}\n"
ON_A_CHIP = "hardware: {model: spikesim, chip: %s}"


@pytest.fixture
def on_a_chip(tmp_path):
    """Return a study that names a chip file beside it."""
    (tmp_path / "slow.yaml").write_text(CHIP_FILE)
    return study(tmp_path, ON_A_CHIP % "slow.yaml")


def test_a_chip_file_is_read_with_the_study_that_names_it(on_a_chip):
    assert on_a_chip.hardware.chip == {
        "name": "slow",
        "base": "spikesim-65nm-rram",
        "settings": {"clk_freq": 100},
    }


def test_a_study_is_whole_without_its_chip_file(tmp_path, on_a_chip):
    (tmp_path / "slow.yaml").unlink()
    again = StudyConfig.model_validate(json.loads(on_a_chip.model_dump_json()))
    assert again == on_a_chip
    assert again.digest() == on_a_chip.digest()


def test_a_chip_written_into_the_study_is_that_of_the_file(tmp_path, on_a_chip):
    written = "{name: slow, base: spikesim-65nm-rram, settings: {clk_freq: 100}}"
    inline = study(tmp_path, ON_A_CHIP % written)
    assert inline.digest() == on_a_chip.digest()


def test_another_content_of_the_chip_file_is_another_question(tmp_path, on_a_chip):
    (tmp_path / "slow.yaml").write_text(CHIP_FILE.replace("100", "50"))
    changed = study(tmp_path, ON_A_CHIP % "slow.yaml")
    assert changed.digest() != on_a_chip.digest()
    assert changed.differences(on_a_chip) == [
        "hardware.chip.settings.clk_freq: stored 100, file 50"
    ]


def test_a_chip_file_is_looked_for_from_the_folder_of_the_study(tmp_path, monkeypatch):
    (tmp_path / "chips").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "chips" / "slow.yaml").write_text(CHIP_FILE)
    monkeypatch.chdir(tmp_path / "elsewhere")
    near = study(tmp_path, ON_A_CHIP % "chips/slow.yaml")
    far = study(tmp_path, ON_A_CHIP % (tmp_path / "chips" / "slow.yaml"))
    assert near.hardware.chip == far.hardware.chip
    assert near.hardware.chip["settings"] == {"clk_freq": 100}


def test_a_chip_file_may_give_its_own_name(tmp_path):
    (tmp_path / "slow.yaml").write_text(f"name: ours\n{CHIP_FILE}")
    assert study(tmp_path, ON_A_CHIP % "slow.yaml").hardware.chip["name"] == "ours"


def test_only_a_training_in_a_process_of_its_own_may_have_a_time_limit(tmp_path):
    with pytest.raises(ConfigError, match=r"training.wall_seconds: .* add 'isolate: true'"):
        study(tmp_path, "training: {wall_seconds: 60}")
    limited = study(tmp_path, "training: {wall_seconds: 60, isolate: true}")
    assert limited.training.wall_seconds == 60


@pytest.mark.parametrize(
    "url", ["postgresql://ann:s3cret@h/nas", "postgresql://h/nas?password=s3cret"]
)
def test_a_password_in_a_study_file_is_refused_and_not_shown(url):
    with pytest.raises(ConfigError) as caught:
        validate(StudyConfig, {"name": "a", "dataset": "digits", "storage": url}, source=None)
    assert str(caught.value).startswith("storage: has a password in it")
    assert "NEURONAS_STORAGE_FILE" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_study_file_may_name_a_server():
    for url in ("postgresql://ann@db.lab:5433/nas", "@/run/secrets/url"):
        content = {"name": "a", "dataset": "digits", "storage": url}
        assert validate(StudyConfig, content, source=None).storage == url
