"""Where datasets are looked for, and what the table of sources must hold."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from neuronas.config import DATASETS
from neuronas.errors import DatasetError
from neuronas.sources import (
    SOURCES,
    damage,
    data_root,
    find,
    require,
    require_whole,
    source_of,
)


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


@pytest.mark.parametrize("named", [True, False])
def test_the_root_is_looked_in_then_the_systems_package(tmp_path, monkeypatch, named):
    root, packaged = tmp_path / "root", tmp_path / "packaged"
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(tmp_path if named else root))
    source = replace(SOURCES["fashion_mnist"], packaged=packaged)
    for folder in (packaged, root / "fashion_mnist"):
        assert find("fashion_mnist", source, root if named else None) != folder
        folder.mkdir(parents=True)
        (folder / "train-images-idx3-ubyte.gz").touch()
        assert find("fashion_mnist", source, root if named else None) == folder


def whole(folder: Path, name: str) -> Path:
    """Write files of the official sizes, zipped where the official ones are."""
    for file, size in SOURCES[name].files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if size is None:
            path.mkdir()
        elif path.suffix == ".gz":
            path.write_bytes(b"\x1f\x8b" + bytes(16) + size.to_bytes(4, "little"))
        else:
            path.touch()
            os.truncate(path, size)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_files_of_the_official_sizes_are_whole_and_each_is_needed(tmp_path, name):
    folder, source = whole(tmp_path, name), SOURCES[name]
    assert damage(source, folder) is None
    last = folder / list(source.files)[-1]
    last.rename(tmp_path / "away")
    assert damage(source, folder) == f"no {list(source.files)[-1]} in {folder}"


@pytest.mark.parametrize("content", [b"", b"junk", bytes(100), b"\x1f\x8b" + bytes(100)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_junk_under_an_official_name_is_damaged(tmp_path, content, suffix):
    folder = whole(tmp_path, "mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    path = folder / f"t10k-labels-idx1-ubyte{suffix}"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        require_whole("mnist", SOURCES["mnist"], folder)
    assert str(caught.value) == (
        f"mnist: {path}: cut short, or of another format; move {folder} away, then run "
        "'neuronas data fetch mnist'"
    )


@pytest.mark.skipif(
    not SOURCES["fashion_mnist"].packaged.is_dir(), reason="no dataset-fashion-mnist"
)
def test_the_real_fashion_mnist_is_whole():
    source = SOURCES["fashion_mnist"]
    assert damage(source, source.packaged) is None


def test_files_that_are_absent_are_told_with_every_remedy(tmp_path):
    with pytest.raises(DatasetError) as caught:
        require("tiny_imagenet", SOURCES["tiny_imagenet"], tmp_path)
    message = str(caught.value)
    assert message.startswith(f"tiny_imagenet: no wnids.txt in {tmp_path}/tiny-imagenet-200")
    for remedy in ("neuronas data fetch tiny_imagenet", "http://cs231n", "--data-dir"):
        assert remedy in message


def test_a_dataset_without_files_and_an_unknown_one_are_told():
    with pytest.raises(DatasetError, match="digits: comes with scikit-learn"):
        source_of("digits")
    with pytest.raises(
        DatasetError, match=r"no dataset 'cifar'; .* digits, .* did you mean 'cifar10'\?"
    ):
        source_of("cifar")
