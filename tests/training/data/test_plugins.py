"""Datasets that other packages bring, and such as are broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from neuronas.architecture import SearchSpace
from neuronas.config import (
    DATASET_PLUGINS,
    DatasetInfo,
    StudyConfig,
    dataset_names,
    named_dataset,
    plugins,
)
from neuronas.errors import ConfigError
from neuronas.training import load_dataset
from neuronas.training.data import Part, Parts
from tests.training.data.layouts import inputs, message_of, numbered, sizes


class Shapes:
    """A dataset of another package; remembers the folder that it was given."""

    info = DatasetInfo((2, 4, 4), 3)

    def read(self, folder):
        self.folder = folder
        return Parts(Part(numbered((60, 2, 4, 4)), np.arange(60) % 3))


class Wrong(Shapes):
    info = DatasetInfo((1, 4, 4), 3)


class Old(Shapes):
    info = None

    def read(self, folder):
        return []


SHAPES, WRONG, OLD = Shapes(), Wrong(), Old()


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    points = {
        name: EntryPoint(name, f"{__name__}:{name.upper()}", DATASET_PLUGINS)
        for name in ("shapes", "wrong", "old")
    }
    original = plugins._found
    monkeypatch.setattr(
        plugins, "_found", lambda group: points if group == DATASET_PLUGINS else original(group)
    )


def test_a_study_may_name_it(tmp_path):
    assert "shapes" in dataset_names()
    study = StudyConfig(name="s", dataset="shapes")
    assert study.dataset_info == SHAPES.info
    assert SearchSpace.of(study).input_shape == (2, 4, 4)


def test_it_is_split_and_scaled_as_ours(tmp_path):
    dataset = load_dataset("shapes", tmp_path)
    assert sizes(dataset) == [40, 10, 10]
    assert np.abs(inputs(dataset.train).mean(axis=(0, 2, 3))).max() < 1e-5
    assert SHAPES.folder == tmp_path
    assert dataset.description.startswith("shapes, stratified split 1, 40/10/10, sha256 ")


def test_its_files_are_expected_in_a_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(tmp_path))
    load_dataset("shapes")
    assert SHAPES.folder == tmp_path / "shapes"


def test_another_shape_than_it_says_is_refused():
    assert "wrong has images of 2x4x4, expected 1x4x4" in message_of("wrong")


def test_a_class_without_samples_is_told(monkeypatch):
    monkeypatch.setattr(Shapes, "info", DatasetInfo((2, 4, 4), 4))
    told = "shapes: of classes 0 to 3, 1 without a training sample: 3;"
    assert told in message_of("shapes")


def test_a_package_for_another_version_is_told():
    with pytest.raises(ConfigError, match="'old' has no attribute 'info'"):
        named_dataset("old")


def test_what_are_no_parts_is_told(monkeypatch):
    monkeypatch.setattr(Old, "info", DatasetInfo((2, 4, 4), 3))
    assert "old: its package gives list instead of neuronas.training.data.Parts" in message_of(
        "old"
    )


def test_what_its_reader_raises_is_told_with_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Shapes, "read", lambda _, folder: (folder / "absent").read_bytes())
    message = message_of("shapes", tmp_path)
    assert message.startswith(f"shapes: its package cannot read it from {tmp_path}: ")
    assert "No such file" in message


def test_the_name_of_one_of_ours_is_refused(monkeypatch):
    point = EntryPoint("digits", f"{__name__}:SHAPES", DATASET_PLUGINS)
    monkeypatch.setattr(plugins, "_found", lambda _: {"digits": point})
    with pytest.raises(ConfigError, match="rename its entry point"):
        dataset_names()
