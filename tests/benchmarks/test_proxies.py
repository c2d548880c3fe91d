"""The benchmark of proxies: what it draws, measures, keeps and makes of it."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from neuronas.architecture import Networks, Workload, live_edges, network_keys
from neuronas.benchmarks.proxies import (
    Measured,
    Reading,
    State,
    Step,
    bench_proxies,
    fidelities,
    measure,
    measuring,
    networks,
)
from neuronas.benchmarks.proxies.data import averaged
from neuronas.benchmarks.proxies.measuring import RUNGS
from neuronas.benchmarks.proxies.ranking import jackknife, partial_tau, ranks
from neuronas.errors import ConfigError, NeuronasError
from neuronas.training import Split
from tests.benchmarks.examples import TINY_DATA
from tests.strategies import WIRE, architecture

TINY = architecture(input_shape=(1, 14, 14), cell_a=WIRE, channels=2, time_steps=1)


# Networks and images.


def test_networks_are_connected_distinct_and_some_barely_connected():
    drawn = Networks.of(list(itertools.islice(networks(), 100)))
    assert drawn.connected().all()
    assert len(set(network_keys(drawn))) == 100
    edges = sum(live_edges(cells).sum(axis=1) for cells in (drawn.cell_a, drawn.cell_b))
    assert (edges[9::10] <= 3).all()
    assert set(drawn.time_steps) == {2, 3, 4}
    parameters = Workload.of(drawn).total_parameters()
    assert parameters.max() > 20 * parameters.min()


def test_the_sequence_of_networks_does_not_depend_on_how_many_are_taken():
    few, many = (list(itertools.islice(networks(), count)) for count in (5, 30))
    assert few == many[:5]


def test_each_pixel_is_the_mean_of_four():
    images = np.random.default_rng(0).random((3, 1, 28, 28))
    small = averaged(Split(images.astype(np.float32), np.zeros(3, dtype=int)), 3)
    assert small.shape == (3, 1, 14, 14)
    assert small[1, 0, 4, 13] == pytest.approx(images[1, 0, 8:10, 26:28].mean(), rel=1e-6)


# Measuring.


def test_a_network_is_measured_by_every_proxy_and_at_every_rung():
    found = measure(TINY, TINY_DATA)
    rungs = {f"{scheme} {epochs}" for scheme in ("restart", "continue") for epochs in (1, 2, 4, 8)}
    assert set(found.rungs) == rungs
    seconds = [found.rungs[f"continue {epochs}"].cpu_s for epochs in (1, 2, 4, 8)]
    assert seconds == sorted(seconds)  # each holds those before it
    assert set(found.proxies) == {
        "naswot",
        "sahd",
        "sahd_code",
        "synflow",
        "spikes",
        "parameters",
        "macs",
    }
    readings = [*found.proxies.values(), *found.rungs.values(), found.long]
    assert all(reading.score is not None and reading.cpu_s >= 0 for reading in readings)
    assert all(0 <= reading.score <= 1 for reading in [*found.rungs.values(), found.long])


def test_a_network_that_cannot_be_trained_has_no_score_and_the_reason():
    found = measure(TINY.model_copy(update={"threshold": 100.0}), TINY_DATA)
    for reading in [*found.rungs.values(), found.long]:
        assert (reading.score, reading.failure) == (None, "dead network")
    assert found.proxies["naswot"].score is None
    assert found.proxies["parameters"].score is not None


@pytest.fixture
def counted(monkeypatch) -> list[object]:
    """Measure nothing, but record which networks were asked for."""
    asked: list[object] = []

    def fake(network: object, *_: object) -> Measured:
        asked.append(network)
        reading = Reading(score=0.5, cpu_s=1.0)
        rungs = {f"{name} {epochs}": reading for name in measuring.SCHEMES for epochs in RUNGS}
        return Measured(genotype=network, proxies={}, rungs=rungs, long=reading)

    monkeypatch.setattr(measuring, "measure", fake)
    monkeypatch.setattr(measuring, "fashion_14", lambda _: TINY_DATA)
    return asked


def test_a_run_that_was_killed_goes_on_where_it_was(counted, tmp_path):
    path = tmp_path / "state.json"

    def killed(step: Step) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench_proxies(5, path, listener=killed)
    assert len(counted) == 3
    steps: list[Step] = []
    found = bench_proxies(5, path, listener=steps.append)
    assert [step.done for step in steps] == [3, 4, 5]
    assert counted == [one.genotype for one in found] == list(itertools.islice(networks(), 5))
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert bench_proxies(2, path) == found[:2]
    assert len(counted) == 5


def test_a_scheme_that_was_added_is_run_alone(counted, tmp_path, monkeypatch):
    before = bench_proxies(2, tmp_path / "state.json")
    monkeypatch.undo()
    monkeypatch.setattr(measuring, "fashion_14", lambda _: TINY_DATA)
    added = [Reading(score=0.1 * epochs, cpu_s=epochs) for epochs in (1, 2, 4, 8)]
    monkeypatch.setitem(measuring.SCHEMES, "other", lambda *_: added)
    after = bench_proxies(2, tmp_path / "state.json")
    assert [one.long for one in after] == [one.long for one in before]
    assert [list(one.rungs.values())[8:] for one in after] == [added, added]
    assert all(one.rungs.keys() > two.rungs.keys() for one, two in zip(after, before, strict=True))


def test_a_state_of_another_protocol_or_no_state_is_refused(counted, tmp_path):
    path = tmp_path / "state.json"
    State(protocol="another").write(path)
    with pytest.raises(ConfigError, match=r"measured with 'another'.*--state"):
        bench_proxies(1, path)
    path.write_text('{"networks": {}}')
    with pytest.raises(ConfigError, match="protocol"):
        bench_proxies(1, path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not valid JSON"):
        bench_proxies(1, path)
    assert not counted


def test_a_state_that_cannot_be_written_is_told_before_anything_is_measured(counted, tmp_path):
    with pytest.raises(NeuronasError, match=r"cannot be written.*--state"):
        bench_proxies(1, tmp_path / "no folder" / "state.json")
    assert not counted


# Ranking.


def readings(values: np.ndarray, cpu_s: float = 1.0) -> list[Reading]:
    return [
        Reading(score=None if value == -math.inf else float(value), cpu_s=cpu_s) for value in values
    ]


def measured(long: np.ndarray, parameters: np.ndarray, proxy: np.ndarray, rung: np.ndarray):
    columns = (readings(long), readings(parameters, 0.0), readings(proxy), readings(rung, 9.0))
    return [
        Measured(genotype=TINY, proxies={"parameters": p, "other": o}, rungs={"r 1": r}, long=t)
        for t, p, o, r in zip(*columns, strict=True)
    ]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Return truth, parameters, a proxy and a rung of 30 networks, all related."""
    generator = np.random.default_rng(0)
    common = generator.standard_normal(30)
    return np.stack([common + generator.standard_normal(30) for _ in range(4)])


def test_tau_is_scipys_and_both_together_take_the_mean_rank_at_both_prices(rows):
    found = {one.score: one for one in fidelities(measured(*rows))}
    assert list(found) == ["parameters", "other", "r 1", "parameters + r 1", "other + r 1"]
    truth, parameters, proxy, rung = rows
    assert found["other"].tau == pytest.approx(kendalltau(proxy, truth).statistic)
    both = ranks(readings(proxy)) + ranks(readings(rung))
    assert found["other + r 1"].tau == pytest.approx(kendalltau(both, truth).statistic)
    assert [found[name].cpu_s for name in found] == [0, 1, 9, 9, 10]
    top = truth > np.median(truth)
    expected = kendalltau(rung[top], truth[top]).statistic
    assert found["r 1"].tau_top_half == pytest.approx(expected)
    assert found["parameters"].partial_tau is None
    given = partial_tau(np.stack([rung, truth, parameters]))
    assert found["r 1"].partial_tau == pytest.approx(given)
    assert json.dumps([one.tau for one in found.values()])


def test_partial_tau_takes_out_what_the_control_tells(rows):
    truth, control, proxy, _ = rows
    xy, xz, yz = (
        kendalltau(a, b).statistic for a, b in ((proxy, truth), (proxy, control), (truth, control))
    )
    expected = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_tau(np.stack([proxy, truth, control])) == pytest.approx(expected)
    assert abs(expected) < abs(xy)
    assert math.isnan(partial_tau(np.stack([control, truth, control])))


def test_the_jackknifes_error_of_a_mean_is_the_standard_error():
    values = np.random.default_rng(0).standard_normal((1, 50))
    expected = values.std(ddof=1) / math.sqrt(50)
    assert jackknife(lambda x: float(x.mean()), values) == pytest.approx(expected)


def test_what_has_no_score_ranks_last_and_is_counted():
    scores = np.array([0.2, -math.inf, 0.1, -math.inf, 0.3])
    assert ranks(readings(scores)).tolist() == [4, 1.5, 3, 1.5, 5]
    found = fidelities(measured(np.arange(5.0), np.arange(5.0), scores, scores))
    assert [one.failed for one in found] == [0, 2, 2, 2, 2]


def test_a_constant_score_has_no_tau(rows):
    constant = np.ones(30)
    found = fidelities(measured(rows[0], rows[1], constant, rows[3]))[1]
    assert (found.tau, found.tau_error, found.partial_tau) == (None, None, None)
