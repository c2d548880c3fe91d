"""``neuronas data``: list, path, fetch."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from neuronas.config import DATASETS
from neuronas.sources import SOURCES
from tests.cli.test_start import imported
from tests.sources.server import serving
from tests.sources.test_fetching import source
from tests.sources.test_folders import whole


def put(folder, name: str) -> None:
    whole(folder / name, name)


def test_datasets_are_listed_with_shape_splits_and_where_they_are(run, folder):
    put(folder / "data", "cifar100")
    done = run("data", "list", "--data-dir", folder / "data", "--format", "json")
    found = {row["dataset"]: row for row in json.loads(done.out)}
    assert list(found) == list(DATASETS)
    assert found["cifar100"] == {
        "dataset": "cifar100",
        "shape": [3, 32, 32],
        "samples": "images",
        "classes": 100,
        "train": 45_000,
        "validation": 5_000,
        "test": 10_000,
        "files": "here",
        "folder": str(folder / "data" / "cifar100"),
    }
    assert (found["mnist"]["files"], found["mnist"]["folder"]) == ("absent", None)
    assert found["digits"]["files"] == "packaged"
    assert found["n_mnist"]["samples"] == "event frames"


def test_the_table_says_how_to_get_what_is_absent(run, folder):
    done = run("data", "list", "--data-dir", folder)
    assert "neuronas data fetch NAME" in done.out
    assert (done.code, done.err) == (0, "")


def test_the_path_of_a_dataset_is_printed_alone(run, folder):
    put(folder, "mnist")
    done = run("data", "path", "mnist", "--data-dir", folder)
    assert (done.code, done.out, done.err) == (0, f"{folder / 'mnist'}\n", "")


@pytest.mark.parametrize("command", ["path", "fetch"])
@pytest.mark.parametrize(("name", "told"), [("digits", "scikit-learn"), ("mnits", "'mnist'?")])
def test_what_has_no_files_or_does_not_exist_ends_with_6(run, command, name, told):
    done = run("data", command, name)
    assert (done.code, done.out) == (6, "")
    assert told in done.err


def test_what_is_damaged_is_listed_so_and_has_no_path(run, folder):
    put(folder, "mnist")
    bad = folder / "mnist" / "t10k-images-idx3-ubyte.gz"
    bad.write_bytes(b"junk")
    listed = run("data", "list", "--data-dir", folder, "--format", "json")
    found = {row["dataset"]: row for row in json.loads(listed.out)}
    assert (found["mnist"]["files"], found["mnist"]["folder"]) == ("damaged", str(bad.parent))
    assert "damaged: neuronas data path NAME" in run("data", "list", "--data-dir", folder).out
    done = run("data", "path", "mnist", "--data-dir", folder)
    assert (done.code, done.out) == (6, "")
    assert str(bad) in done.err


def test_what_stands_elsewhere_is_not_fetched_again(run, folder, monkeypatch):
    put(folder, "mnist")
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], packaged=folder / "mnist"))
    for where in (folder / "mnist", folder / "none"):  # the dataset's own folder; the package's
        done = run("data", "fetch", "mnist", "--data-dir", where)
        assert done.err == f"mnist is in {folder / 'mnist'}\n"


def test_the_path_of_an_absent_dataset_is_an_error(run, folder):
    done = run("data", "path", "cifar10", "--data-dir", folder)
    assert (done.code, done.out) == (6, "")
    assert "neuronas data fetch cifar10" in done.err


def test_a_dataset_is_fetched_and_then_found(run, folder, monkeypatch):
    monkeypatch.setenv("NEURONAS_DATA_DIR", str(folder / "data"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        server.files["/marker"] = b"content"
        monkeypatch.setitem(SOURCES, "mnist", source(server, "marker"))
        server.breaks_after = 3
        broken = run("data", "fetch", "mnist")
        assert (broken.code, broken.out) == (6, "")
        assert "broke off after 3 of 7 bytes" in broken.err
        done = run("data", "fetch", "mnist")
    assert (done.code, done.out) == (0, "")
    assert "getting marker" in done.err
    assert str(folder / "data" / "mnist") in done.err
    assert run("data", "path", "mnist").out == f"{folder / 'data' / 'mnist'}\n"


def test_listing_imports_nothing_heavy():
    heavy = {"torch", "optuna", "sqlalchemy", "snntorch", "sklearn", "PIL"}
    assert imported("data", "list") & heavy == set()
