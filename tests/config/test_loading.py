"""What a wrong study file gets to read: file, key path, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronas.config import DATASETS, chip_names, load_study
from neuronas.errors import ConfigError

SAMPLERS = "random, tpe, nsga2, nsga3, gp, hardware-aware, snasnet, spikenas, neuronas-v1"


def refusal(path: Path) -> str:
    """Return the message with which a file is refused, less the line that names the file."""
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert caught.value.exit_code == 3
    first, *rest = str(caught.value).splitlines()
    assert first == f"{path}:"
    assert [line.strip() for line in rest] == list(caught.value.problems)
    return "\n".join(caught.value.problems)


@pytest.fixture
def refused(tmp_path):
    """Return the message with which a study of this text is refused."""

    def write(text: str) -> str:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return refusal(path)

    return write


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "spac: {}",
            "spac: unknown key; allowed: budget, dataset, hardware, name, objectives, search, "
            "space, storage, training; did you mean 'space'?",
        ),
        (
            "space: {chanels: 4}",
            "space.chanels: unknown key; allowed: cells, channels, chip, coding, decay, "
            "feedback, hidden, neuron, operations, pool, ratio, threshold, time_steps, votes, "
            "weight_bits; did you mean 'channels'?",
        ),
        (
            "space: {weight_bits: {stm: 4}}",
            "space.weight_bits.stm: unknown key; allowed: cell_a, cell_b, classifier, reduction, "
            "stem; did you mean 'stem'?",
        ),
        (
            "budget: {energy_mj: 4}",
            "budget.energy_mj: unknown key; allowed: area_mm2, bit_synops, edp_uj_ms, energy_uj, "
            "latency_ms, memory_bytes, parameters, preset, spikes, synops, throughput_per_s; did "
            "you mean 'energy_uj'?",
        ),
    ],
)
def test_an_unknown_key_is_told_what_is_allowed_and_what_is_near(refused, rest, message):
    assert refused(f"dataset: digits\n{rest}") == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "dataset: digit",
            f"dataset: found 'digit'; allowed: {', '.join(DATASETS)}; did you mean 'digits'?",
        ),
        (
            "dataset: digits\nhardware: {chip: spikesim-65nm-rrm}",
            f"hardware.chip: found 'spikesim-65nm-rrm'; allowed: {', '.join(chip_names())}; "
            "did you mean 'spikesim-65nm-rram'?",
        ),
        (
            "dataset: digits\nhardware: {model: spikesm}",
            "hardware.model: found 'spikesm'; allowed: cim, spikesim; did you mean 'spikesim'?",
        ),
        (
            "dataset: digits\nsearch: {sampler: tpee}",
            f"search.sampler: found 'tpee'; allowed: {SAMPLERS}; did you mean 'tpe'?",
        ),
        (
            "dataset: digits\nspace: {operations: [skip, conv3x4]}",
            "space.operations[1]: found 'conv3x4'; allowed: zeroize, skip, conv1x1, conv3x3, "
            "avgpool3x3, conv5x5, conv7x7, maxpool3x3, conv3x3_th0.5, conv3x3_th1.0, "
            "conv3x3_th1.5; did you mean 'conv3x3'?",
        ),
        (
            "dataset: digits\nobjectives: [accuracy, energie]",
            "objectives[1]: found 'energie'; allowed: accuracy, energy, latency, area, memory, "
            "parameters, edp, throughput, spikes, synops, bit_synops; did you mean 'energy'?",
        ),
        (
            "dataset: digits\nbudget: {preset: neuronas-v2}",
            "budget.preset: found 'neuronas-v2'; allowed: neuronas-v1; did you mean 'neuronas-v1'?",
        ),
        (
            "dataset: digits\nspace: {weight_bits: {stem: 9}}",
            "space.weight_bits.stem[0]: found 9; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32",
        ),
    ],
    ids=["dataset", "chip", "model", "sampler", "operation", "objective", "preset", "bits"],
)
def test_an_unknown_name_is_told_what_is_allowed_and_what_is_near(refused, text, message):
    assert refused(text) == message


@pytest.mark.parametrize(
    ("bits", "told"),
    [
        ("1", "found 1; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32"),
        ("[4, 9]", "found [4, 9]; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32"),
        ("[]", "found []; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32"),
        ("[4, 4]", "found [4, 4]; names 4 twice"),
    ],
)
def test_wrong_bits_of_all_groups_are_told_once(refused, bits, told):
    message = refused(f"dataset: digits\nspace: {{weight_bits: {bits}}}")
    assert message == f"space.weight_bits: {told}"


def test_a_name_that_resembles_nothing_gets_no_suggestion(refused):
    message = refused("dataset: digits\nsearch: {sampler: cma}")
    assert message == f"search.sampler: found 'cma'; allowed: {SAMPLERS}"


def test_a_reference_accuracy_needs_accuracy_among_the_objectives(refused):
    rest = "objectives: [energy]\nsearch: {reference_accuracy: 0.5}"
    assert refused(f"dataset: digits\n{rest}") == (
        "search.reference_accuracy: found 0.5, but accuracy is not among the objectives; leave it "
        "out, or add accuracy"
    )


def test_a_missing_dataset_is_told_which_there_are(refused):
    allowed = f"{', '.join(DATASETS)}, or your own files"
    assert refused("") == f"dataset: required, but not given; allowed: {allowed}"


@pytest.mark.parametrize(
    ("rest", "key", "found"),
    [
        ("space: {channels: wide}", "space.channels[0]", "'wide'"),
        ("space: {channels: '4'}", "space.channels[0]", "'4'"),
        ("space: {channels: [4, 2.5]}", "space.channels[1]", "2.5"),
        ("search: {trials: 3.0}", "search.trials", "3.0"),
        ("space: {channels: yes}", "space.channels[0]", "True"),
        ("search: {trials: true}", "search.trials", "True"),
        ("space: {ratio: [1, true]}", "space.ratio[1]", "True"),
    ],
)
def test_an_integer_is_not_a_text_a_fraction_or_a_truth_value(refused, rest, key, found):
    message = refused(f"dataset: digits\n{rest}")
    assert message == f"{key}: found {found}; input should be a valid integer"


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("space: 5", ("space: found 5;",)),
        ("space:", ("space: found None;",)),
        ("objectives: accuracy", ("objectives: found 'accuracy'; expected a list, as in [a, b]",)),
        ("budget: {energy_uj: lots}", ("budget.energy_uj: found 'lots';", "number")),
        ("budget: {energy_uj: true}", ("budget.energy_uj: found True;", "number")),
        ("name: a b", ("name: found 'a b';", "pattern")),
    ],
)
def test_a_wrong_type_names_key_and_value(refused, rest, parts):
    message = refused(f"dataset: digits\n{rest}")
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("space: {channels: [4, 5000]}", "space.channels[1]: found 5000; allowed: 1 to 4096"),
        ("space: {channels: 0}", "space.channels[0]: found 0; allowed: 1 to 4096"),
        (
            "space: {decay: [0.5, 1.0]}",
            "space.decay[1]: found 1.0; allowed: 0 or more and below 1",
        ),
        (
            "space: {threshold: 0}",
            "space.threshold[0]: found 0; allowed: above 0 and at most 100",
        ),
        ("hardware: {spike_rate: 1.5}", "hardware.spike_rate: found 1.5; allowed: 0 to 1"),
        ("hardware: {spike_rate: -0.1}", "hardware.spike_rate: found -0.1; allowed: 0 to 1"),
        ("budget: {energy_uj: -1}", "budget.energy_uj: found -1; allowed: above 0"),
        ("search: {trials: 0}", "search.trials: found 0; allowed: 1 or more"),
        ("search: {stop: {no_gain: 0}}", "search.stop.no_gain: found 0; allowed: 1 or more"),
        (
            "search: {stop: {wall_seconds: 0}}",
            "search.stop.wall_seconds: found 0; allowed: above 0",
        ),
        (
            "search: {seed: -1}",
            "search.seed: found -1; allowed: 0 to 9223372036854775807",
        ),
    ],
)
def test_a_number_out_of_range_is_told_its_whole_range(refused, rest, message):
    assert refused(f"dataset: digits\n{rest}") == message


@pytest.mark.parametrize("found", ["65", "null", "[a.yaml]", "{1: 2}"])
def test_what_is_no_chip_at_all_is_told_in_one_line(refused, found):
    message = refused(f"dataset: digits\nhardware: {{chip: {found}}}")
    assert message.startswith("hardware.chip: found ")
    assert message.endswith(
        "; expected a preset's name, the path of a chip file, or a mapping of its keys"
    )
    assert len(message.splitlines()) == 1


def test_an_empty_choice_is_refused(refused):
    message = refused("dataset: digits\nspace: {channels: []}")
    assert message == "space.channels: found []; allowed: a list with 1 or more entries"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("space: {channels: [4, 8, 4]}", "space.channels: found [4, 8, 4]; names 4 twice"),
        ("space: {decay: [0, 0.0]}", "space.decay: found [0, 0.0]; names 0.0 twice"),
        ("objectives: [area, area]", "objectives: found ['area', 'area']; names area twice"),
    ],
)
def test_a_repeated_choice_is_refused(refused, rest, message):
    assert refused(f"dataset: digits\n{rest}") == message


def test_a_pool_larger_than_the_feature_map_is_refused(refused):
    assert refused("dataset: digits\nspace: {pool: [2, 5]}") == (
        "space.pool: 5 is larger than the 4x4 feature map that 'digits' leaves after the first "
        "pooling; allowed: 1 to 4"
    )


def test_a_default_that_does_not_fit_is_said_to_be_one(refused):
    dataset = "{npz: mine.npz, shape: [1, 2, 2], classes: 2}"
    told = "than the 1x1 feature map that 'mine.npz' leaves after the first pooling; allowed: 1"
    assert refused(f"dataset: {dataset}") == (
        f"space.pool: 2, the default where none is given, is larger {told}"
    )
    message = refused(f"dataset: {dataset}\nspace: {{pool: 2}}")
    assert message == f"space.pool: 2 is larger {told}"


def test_the_largest_pool_is_a_matter_of_the_dataset(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("dataset: fashion_mnist\nspace: {pool: 14}")
    assert load_study(path).space.pool == [14]


@pytest.mark.parametrize("operations", ["zeroize", "[zeroize]"])
def test_a_space_without_any_connected_cell_is_refused(refused, operations):
    message = refused(f"dataset: digits\nspace: {{operations: {operations}}}")
    assert message == (
        "space.operations: only 'zeroize': no cell would connect its input to its output"
    )


def test_more_samples_than_the_training_split_has_are_refused(refused):
    message = refused("dataset: digits\ntraining: {samples: 5000}")
    assert message == (
        "training.samples: found 5000; allowed: training.batch_size (64) to 1077, the training "
        "split of 'digits'"
    )


def test_every_problem_is_told_at_once(refused):
    message = refused("dataset: digit\nspace: {channels: [a, b]}\nserch: {}")
    keys = [line.split(":")[0] for line in message.splitlines()]
    assert sorted(keys) == ["dataset", "serch", "space.channels[0]", "space.channels[1]"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: digits\ndataset: digits", "line 2, column 1: not valid YAML: the key 'dataset'"),
        (
            "dataset: digits\nspace: {ratio: 1, ratio: 2}",
            "line 2, column 19: not valid YAML: the key 'ratio'",
        ),
    ],
)
def test_a_key_given_twice_is_refused_with_its_line(refused, text, message):
    assert refused(text) == f"{message} is given twice"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("dataset: digits\nspace: {channels: [4\n", "line 3, column 1: not valid YAML: "),
        ("dataset: digits\n\tspace: 3", "line 2, column 1: not valid YAML: "),
        ("dataset: digits\n---\ndataset: digits", "line 2, column 1: not valid YAML: "),
        ("dataset: !!python/object:os.x {}", "line 1, column 10: not valid YAML: "),
    ],
)
def test_broken_yaml_is_told_its_line(refused, text, where):
    assert refused(text).startswith(where)


def test_a_list_as_a_key_is_told_its_line(refused):
    assert "line 2" in refused("dataset: digits\n? [a]\n: 3")


def test_a_date_that_does_not_exist_is_refused_by_message(refused):
    assert "month" in refused("dataset: digits\nsearch: {seed: 2020-13-45}")


def test_yaml_anchors_are_merged(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "dataset: digits\nspace:\n  weight_bits:\n    <<: &eight {stem: 8, classifier: 8}\n"
        "    classifier: 2\n"
    )
    bits = load_study(path).space.weight_bits
    assert (bits.stem, bits.cell_a, bits.classifier) == ([8], [4], [2])


@pytest.mark.parametrize(("text", "found"), [("[1, 2]", "[1, 2]"), ("42", "42"), ("hi", "'hi'")])
def test_a_file_without_keys_is_refused(refused, text, found):
    assert refused(text) == f"a study file is a mapping of keys, found {found}"


def test_an_absent_file_is_told_the_nearest_name(tmp_path):
    there = tmp_path / "digits.yaml"
    there.write_text("dataset: digits")
    assert refusal(tmp_path / "digit.yaml") == f"no such file; did you mean {there}?"
    assert refusal(tmp_path / "zzz.yaml") == "no such file"


def test_an_absent_folder_is_told(tmp_path):
    folder = tmp_path / "nowhere"
    assert refusal(folder / "a.yaml") == f"no such file, and no such folder {folder}"


def test_a_folder_or_a_file_that_is_not_text_cannot_be_read(tmp_path):
    assert refusal(tmp_path).startswith("cannot be read: ")
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path).startswith("cannot be read: ")


# A chip file that a study names


@pytest.fixture
def refused_chip(tmp_path):
    """Return the message with which a study is refused whose chip file holds this text."""

    def write(text: str | None) -> str:
        if text is not None:
            (tmp_path / "mine.yaml").write_text(text)
        path = tmp_path / "digits.yaml"
        path.write_text("dataset: digits\nhardware: {model: spikesim, chip: mine.yaml}")
        message = refusal(path)
        key = f"hardware.chip: {tmp_path / 'mine.yaml'}: "
        assert message.startswith(key)
        return message.removeprefix(key)

    return write


def test_an_absent_chip_file_is_told_with_the_studys_file_and_key(refused_chip, tmp_path):
    there = tmp_path / "main.yaml"
    there.write_text("base: spikesim-65nm-rram")
    assert refused_chip(None) == f"no such file; did you mean {there}?"


@pytest.mark.parametrize("content", ["[1, 2]", "5", ""])
def test_a_chip_file_without_keys_is_told_with_the_studys_file_and_key(refused_chip, content):
    assert refused_chip(content) == "a chip file is a mapping of keys"


def test_a_broken_chip_file_is_told_its_line_with_the_studys_file_and_key(refused_chip):
    message = refused_chip("base: spikesim-65nm-rram\n\tsettings: {}")
    assert message.startswith("line 2, column 1: not valid YAML: ")


def test_a_study_knows_the_files_that_it_was_read_from(tmp_path):
    chip, path = tmp_path / "mine.yaml", tmp_path / "digits.yaml"
    chip.write_text("base: rram-32nm")
    path.write_text("dataset: digits\nhardware: {chip: mine.yaml}")
    assert (load_study(path).origin.study, load_study(path).origin.chip) == (str(path), str(chip))
    path.write_text("dataset: digits")
    assert (load_study(path).origin.study, load_study(path).origin.chip) == (str(path), None)
