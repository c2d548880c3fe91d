"""Where datasets are looked for, and what the table of sources must hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuronas.config import DATASETS
from neuronas.errors import DatasetError
from neuronas.sources import SOURCES, data_root, find, require, source_of


def test_every_dataset_but_the_bundled_one_has_a_source():
    assert set(SOURCES) == set(DATASETS) - {"digits"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_has_addresses_and_checksums(name):
    source = SOURCES[name]
    assert source.downloads
    assert re.match(r"https?://", source.page)
    for download in source.downloads:
        assert re.match(r"https?://", download.address)
        assert re.fullmatch(r"[0-9a-f]{32}", download.md5)
        assert download.file.endswith((".gz", ".zip"))


def test_the_root_is_where_the_user_says(monkeypatch, tmp_path):
    assert data_root(tmp_path) == tmp_path
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(tmp_path / "mine"))
    assert data_root() == tmp_path / "mine"
    monkeypatch.delenv("NEURONAS_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert data_root() == tmp_path / "xdg" / "neuronas"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert data_root() == Path.home() / ".local" / "share" / "neuronas"


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
@pytest.mark.parametrize("inside", ["", "mnist"])
def test_a_folder_that_is_named_is_the_datasets_own_or_has_it(tmp_path, file, inside):
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    (folder / file).touch()
    assert find("mnist", SOURCES["mnist"], tmp_path) == folder


def test_without_a_folder_the_root_is_looked_in_then_the_systems_package(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(tmp_path))
    source = SOURCES["fashion_mnist"]
    assert find("fashion_mnist", source) in {None, source.packaged}
    (tmp_path / "fashion_mnist").mkdir()
    (tmp_path / "fashion_mnist" / "train-images-idx3-ubyte.gz").touch()
    assert find("fashion_mnist", source) == tmp_path / "fashion_mnist"
    assert find("fashion_mnist", source, tmp_path / "elsewhere") is None


def test_files_that_are_absent_are_told_with_every_remedy(tmp_path):
    with pytest.raises(DatasetError) as caught:
        require("tiny_imagenet", SOURCES["tiny_imagenet"], tmp_path)
    message = str(caught.value)
    assert message.startswith(f"tiny_imagenet: no wnids.txt in {tmp_path}/tiny-imagenet-200")
    for remedy in ("neuronas data fetch tiny_imagenet", "http://cs231n", "--data-dir"):
        assert remedy in message


def test_a_dataset_without_files_and_an_unknown_one_are_told():
    with pytest.raises(DatasetError, match="digits: comes with an installed package"):
        source_of("digits")
    with pytest.raises(DatasetError, match=r"no dataset 'cifar'; .* did you mean 'cifar10'\?"):
        source_of("cifar")
