"""The dataset of a study: names, the user's own files, augmentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronas.architecture import SearchSpace
from neuronas.config import DATASETS, OwnDataset, StudyConfig, load_study
from neuronas.errors import ConfigError


def load(folder: Path, text: str) -> StudyConfig:
    path = folder / "study.yaml"
    path.write_text(text)
    return load_study(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return "\n".join(caught.value.problems)


MINE = "shape: [2, 6, 8], classes: 3"


@pytest.mark.parametrize("name", sorted(set(DATASETS) - {"n_mnist"}))
def test_every_dataset_of_images_may_be_named(name):
    study = StudyConfig(name="s", dataset=name)
    assert (study.dataset_name, study.dataset_info) == (name, DATASETS[name])


def test_event_frames_are_coded_as_they_are_and_images_never_so(tmp_path):
    assert refused(tmp_path, "dataset: n_mnist").startswith(
        "space.coding: found direct; 'n_mnist' is made of event frames; allowed: events"
    )
    assert refused(tmp_path, "dataset: digits\nspace: {coding: [rate, events]}").startswith(
        "space.coding: found rate, events; 'digits' is made of images; allowed: direct, rate, lat"
    )
    assert refused(
        tmp_path, "dataset: n_mnist\nspace: {coding: events, time_steps: [4, 8]}"
    ).startswith("space.time_steps: found 4, 8; 'n_mnist' has a frame per time step: allowed: one")


def test_own_arrays_say_their_shape_and_classes(tmp_path):
    study = load(tmp_path, f"dataset: {{npz: data/mine.npz, {MINE}}}")
    assert study.dataset_name == "mine.npz"
    space = SearchSpace.of(study)
    assert (space.input_shape, space.classes) == ((2, 6, 8), 3)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("mine.npz", "{folder}/mine.npz"),
        ("./a/../mine.npz", "{folder}/mine.npz"),
        ("/data/mine.npz", "/data/mine.npz"),
        ("~/mine.npz", "{home}/mine.npz"),
    ],
)
def test_a_path_is_relative_to_the_study_file(tmp_path, given, found):
    dataset = load(tmp_path, f"dataset: {{npz: {given}, {MINE}}}").dataset
    assert isinstance(dataset, OwnDataset)
    assert str(dataset.path) == found.format(folder=tmp_path, home=Path.home())


def test_a_stored_study_is_the_one_of_the_file(tmp_path):
    study = load(tmp_path, "dataset: {images: pets, shape: [3, 8, 8], classes: 2}")
    again = StudyConfig.model_validate(study.model_dump(mode="json"))
    assert again == study
    assert study.differences(again) == []


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("3", "dataset: found 3; expected a dataset's name, {npz: FILE"),
        (f"{{{MINE}}}", "dataset: needs either 'npz: FILE' or 'images: FOLDER'"),
        (f"{{npz: a, images: b, {MINE}}}", "dataset: needs either 'npz: FILE' or"),
        ("{npz: a, classes: 3}", "dataset.shape: required, but not given"),
        ("{npz: a, shape: [1, 8, 8]}", "dataset.classes: required, but not given"),
        (f"{{nzp: a, {MINE}}}", "dataset.nzp: unknown key; allowed: classes, images, npz, shape"),
        ("{npz: a, shape: [8, 8], classes: 3}", "dataset.shape: found [8, 8]; expected [channels"),
        ("{npz: a, shape: [1, 8, 1], classes: 3}", "dataset.shape: found [1, 8, 1]; expected"),
        ("{npz: a, shape: [1, 8, x], classes: 3}", "dataset.shape: found [1, 8, 'x']; expected"),
        ("{npz: a, shape: [1, 8, 8], classes: 1}", "dataset.classes: found 1; allowed: 2 to"),
        (f"{{images: a, {MINE}}}", "dataset: image files have 1 channel (grey) or 3 (colour)"),
    ],
)
def test_a_wrong_description_is_told(tmp_path, dataset, message):
    assert message in refused(tmp_path, f"dataset: {dataset}")


def test_own_samples_are_counted_when_they_are_read_not_before(tmp_path):
    text = f"dataset: {{npz: a, {MINE}}}\ntraining: {{batch_size: 32, samples: "
    assert load(tmp_path, text + "1000000}").training.samples == 1_000_000
    assert "allowed: training.batch_size (32) to all samples" in refused(tmp_path, text + "31}")


def test_augmentation_is_none_unless_it_is_asked_for(tmp_path):
    assert load(tmp_path, "dataset: digits").training.augment is None
    augment = load(tmp_path, "dataset: digits\ntraining: {augment: {crop: 2, flip: true}}")
    assert augment.training.augment is not None
    assert (augment.training.augment.crop, augment.training.augment.flip) == (2, True)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("{crop: 65}", "training.augment.crop: found 65; allowed: 0 to 64"),
        ("{flip: 1}", "training.augment.flip: found 1"),
        ("{flop: true}", "training.augment.flop: unknown key; allowed: crop, flip; did you mean"),
    ],
)
def test_wrong_augmentation_is_told(tmp_path, augment, message):
    assert message in refused(tmp_path, f"dataset: digits\ntraining: {{augment: {augment}}}")
