"""``neuronas proxy`` and ``neuronas bench proxies``."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from neuronas.benchmarks.proxies import measuring
from neuronas.config import DATASETS
from tests.benchmarks.examples import TINY_DATA
from tests.strategies import NOTHING, architecture
from tests.training.data.layouts import write_n_mnist

COSTS = {f"{group}_cpu_ms" for group in ("size", "build", "forward", "synflow")}


@pytest.fixture
def written(folder):
    """Return what writes a genotype file."""

    def write(name: str, **changes: object) -> str:
        (folder / name).write_text(json.dumps(architecture(**changes).to_json()))
        return name

    return write


def scores(out: str) -> list[dict[str, object]]:
    """Return the rows without what they cost."""
    return [{k: v for k, v in row.items() if k not in COSTS} for row in json.loads(out)]


def test_a_row_per_network_with_scores_and_costs(run, written):
    files = [written("a.json"), written("b.json", channels=2)]
    done = run("proxy", *files, "--samples", 16, "--format", "json")
    assert done.code == 0
    rows = json.loads(done.out)
    assert [row["network"] for row in rows] == files
    assert rows[0]["parameters"] > rows[1]["parameters"]
    assert all(row["naswot"] > 0 and row["forward_cpu_ms"] > 0 for row in rows)
    table = run("proxy", *files, "--samples", 16).out
    assert "NASWOT" in table
    assert "On 16 images of Gaussian noise, seed 0." in table


def test_scores_repeat_at_equal_seed_and_differ_with_the_images(run, written):
    command = ("proxy", written("a.json"), "--samples", 16, "--format", "json")
    one, same, seeded, digits = (
        scores(run(*command, *more).out)
        for more in ((), (), ("--seed", 1), ("--dataset", "digits"))
    )
    assert one == same
    assert one[0]["naswot"] != seeded[0]["naswot"]
    assert one[0]["naswot"] != digits[0]["naswot"]
    assert one[0]["synflow"] == digits[0]["synflow"]


def test_a_network_that_is_not_connected_is_shown_as_such(run, written):
    file = written("a.json", cell_a=NOTHING)
    assert run("proxy", file).out.count("-inf") == 4
    row = json.loads(run("proxy", file, "--format", "json").out)[0]
    assert (row["naswot"], row["synflow"], row["spikes"]) == (None, None, 0)
    row = next(csv.DictReader(io.StringIO(run("proxy", file, "--format", "csv").out)))
    assert row["sahd"] == ""


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        (
            {},
            ["--dataset", "fashion_mnist"],
            "input_shape: found (1, 8, 8); 'fashion_mnist' has (1, 28, 28)",
        ),
        ({"classes": 5}, ["--dataset", "digits"], "classes: found 5; 'digits' has 10"),
        ({}, ["--dataset", "digit"], "did you mean 'digits'?"),
        ({}, ["--dataset", "digits", "--samples", "2000"], "allowed: 2 to 1077"),
        ({"pool": 5}, [], "pool: found 5; allowed: 1 to 4"),
    ],
)
def test_wrong_input_is_told_where_found_and_allowed(run, written, changes, options, told):
    done = run("proxy", written("a.json", **changes), *options)
    assert (done.code, done.out) == (3, "")
    assert told in done.err
    assert "Traceback" not in done.err


def test_plain_layers_have_no_proxies(run, folder):
    (folder / "layers.json").write_text('{"layers": []}')
    done = run("proxy", "layers.json")
    assert (done.code, done.out) == (3, "")
    assert "layers.json:\n  plain layers can be costed, but not built" in done.err


def test_a_batch_larger_than_the_memory_is_told_what_to_do(run, written, monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("neuronas.training.proxies.images.noise_images", full)
    done = run("proxy", written("a.json"))
    assert (done.code, done.out) == (3, "")
    assert "a.json:\n  memory ran out; fewer --samples take less" in done.err


def test_a_batch_that_would_not_fit_is_refused_before_anything_is_allocated(run, written):
    done = run("proxy", written("a.json"), "--samples", 1_000_000)
    assert (done.code, done.out) == (3, "")
    assert "a.json:\n  --samples: found 1000000; scoring takes some 48," in done.err
    assert "MB is left; take fewer" in done.err


def test_every_bad_file_is_named(run, written, folder):
    (folder / "layers.json").write_text('{"layers": []}')
    files = [written("a.json"), written("b.json", pool=5), "layers.json", "none.json"]
    done = run("proxy", *files)
    assert (done.code, done.out) == (3, "")
    assert "a.json" not in done.err
    for told in ("b.json: pool: found 5", "layers.json: plain layers", "none.json: no such file"):
        assert told in done.err


def test_networks_of_different_shapes_are_told_not_to_compare(run, written):
    files = [written("a.json"), written("b.json", input_shape=(1, 12, 12))]
    told = "samples of different shapes: their scores cannot be compared"
    assert told in run("proxy", *files, "--samples", 8).err
    assert told not in run("proxy", files[0], "--samples", 8).err


def test_a_study_file_gives_its_own_data(run, written, folder):
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    np.savez(folder / "mine.npz", x_train=images, y_train=np.arange(40) % 10)
    study = folder / "mine.yaml"
    study.write_text("dataset: {npz: mine.npz, shape: [1, 8, 8], classes: 10}\n")
    file = written("a.json")
    done = run("proxy", file, "--study", study, "--samples", 8)
    assert done.code == 0, done.err
    assert "On 8 training samples of mine.npz, seed 0." in done.out
    both = run("proxy", file, "--study", study, "--dataset", "digits")
    assert both.code == 2
    unknown = run("proxy", file, "--dataset", "mine.npz")
    assert unknown.err.startswith("error: --dataset: found 'mine.npz'; allowed: ")
    assert "--study FILE" in unknown.err


def test_the_benchmark_measures_goes_on_and_reports(run, folder, monkeypatch):
    monkeypatch.setattr(measuring, "fashion_14", lambda _: TINY_DATA)
    monkeypatch.setattr(measuring, "RUNGS", (1,))
    monkeypatch.setattr(measuring, "LONG", 1)
    first = run("bench", "proxies", "--networks", 2, "--state", "s.json", "--format", "json")
    assert first.code == 0, first.err
    assert "2/2 networks measured" in first.err
    again = run("bench", "proxies", "--networks", 3, "--state", "s.json", "--format", "json")
    assert again.err.splitlines()[0] == "2/3 networks measured"
    names = [row["score"] for row in json.loads(again.out)]
    assert "naswot + restart 1" in names
    assert {row["networks"] for row in json.loads(again.out)} == {3}


EVENTS = {"coding": "events", "input_shape": (2, 34, 34), "channels": 2, "pool": 8}


def test_networks_of_event_frames_are_scored_on_noise_and_on_a_dataset(
    run, written, folder, monkeypatch
):
    small = {"train_samples": 20, "validation_samples": 10, "test_samples": 10}
    monkeypatch.setitem(DATASETS, "n_mnist", replace(DATASETS["n_mnist"], **small))
    write_n_mnist(folder / "n_mnist")
    files = [written(f"{steps}.json", time_steps=steps, **EVENTS) for steps in (2, 3)]
    noise = run("proxy", *files, "--samples", 8)
    assert noise.code == 0, noise.err
    assert "On 8 samples of Poisson noise (event frames), seed 0." in noise.out
    on_data = ("--dataset", "n_mnist", "--data-dir", folder, "--samples", 8)
    table = run("proxy", *files, *on_data)
    assert table.code == 0, table.err
    assert "On 8 training samples of n_mnist, seed 0." in table.out
    two, three = scores(run("proxy", *files, *on_data, "--format", "json").out)
    assert two["spikes"] != three["spikes"]


@pytest.mark.parametrize(
    ("changes", "dataset", "told"),
    [
        (
            {"coding": "events"},
            "digits",
            "coding: found 'events'; 'digits' is made of images; allowed: direct, rate, latency",
        ),
        (
            EVENTS | {"coding": "rate"},
            "n_mnist",
            "coding: found 'rate'; 'n_mnist' is made of event frames; allowed: events",
        ),
    ],
)
def test_a_network_that_reads_no_such_samples_is_told(run, written, changes, dataset, told):
    done = run("proxy", written("a.json", **changes), "--dataset", dataset)
    assert (done.code, done.out) == (3, "")
    assert f"a.json:\n  {told}\n" in done.err
