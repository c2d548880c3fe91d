"""The benchmark of samplers, on a small made-up table."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuronas import searching
from neuronas.architecture import Architecture, Networks, Workload
from neuronas.benchmarks.search import (
    PROBLEMS,
    Bench,
    Plan,
    Problem,
    ProblemConfig,
    Run,
    read_table,
    results,
    run_all,
)
from neuronas.benchmarks.search.classes import SPACE, Classes
from neuronas.benchmarks.search.costs import recorded_rates
from neuronas.benchmarks.search.keys import Keys, common_modules
from neuronas.benchmarks.search.measures import noise_floor, oracle, unfound, unfound_curve
from neuronas.benchmarks.search.planning import plans, problem_named
from neuronas.benchmarks.search.processes import done_in_processes
from neuronas.benchmarks.search.region import TrainedRegion
from neuronas.benchmarks.search.truth import Truth, cross_validated
from neuronas.config import RANKED_SAMPLERS
from neuronas.errors import ConfigError, NeuronasError
from neuronas.hardware import estimate, measured_activity
from neuronas.hardware.rates import activity_of
from neuronas.searching import FeasibleRegion
from tests.benchmarks.search.examples import arrays, written


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def bench(data) -> Bench:
    return Bench.of(read_table(data), PROBLEMS.values())


def test_cells_are_read_in_our_order_of_edges(data):
    table, theirs = read_table(data), arrays()
    assert np.array_equal(table.operations[:, 3], theirs["operations"][:, 2])  # edge 0->3
    assert np.array_equal(table.operations[:, 2], theirs["operations"][:, 3])  # edge 1->2
    last = theirs["validation_accuracy"][30, 97:100].mean()
    assert table.accuracy[30] == pytest.approx(last / 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operations": np.zeros((400, 5), dtype=int)}, r"operations: found shape \(400, 5\)"),
        ({"operations": np.full((400, 6), 7)}, "operations: found 7 in row 0; allowed: 0 to 4"),
        ({"epochs": np.full(400, 300)}, "epochs: allowed: 3 to 200"),
        ({"firing_rate": np.full((400, 16), "x")}, "allowed: numbers"),
        ({"training_time_s": np.full(400, np.nan)}, "training_time_s: found nan"),
    ],
)
def test_a_wrong_array_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_table(written(tmp_path, **changes))


def test_a_file_that_is_no_table_says_so(tmp_path):
    path = tmp_path / "cells.npz"
    with pytest.raises(ConfigError, match="no such file"):
        read_table(path)
    path.write_text("text")
    with pytest.raises(ConfigError, match="not an npz file"):
        read_table(path)
    np.savez(path, epochs=np.full(3, 100))
    with pytest.raises(ConfigError, match="operations: not in the file"):
        read_table(path)


def test_classes_hold_connected_networks_of_100_epochs_once(bench):
    classes = bench.classes
    assert set(classes.cells.epochs) == {100}
    networks = SPACE.decode(classes.genes)
    assert networks.connected().all()
    canonical = {row.tobytes() for row in networks.canonical().cell_a}
    assert len(canonical) == len(classes)
    assert np.array_equal(classes.number(classes.genes), np.arange(len(classes)))


def test_truth_lies_between_the_mean_and_the_prediction(bench):
    sums = np.add.reduceat(bench.classes.cells.accuracy, bench.classes.start[:-1])
    means = sums / bench.classes.sizes
    assert np.corrcoef(bench.truth.accuracy, means)[0, 1] > 0.9
    assert bench.truth.accuracy.std() <= means.std()


def test_a_cross_validated_prediction_is_not_drawn_to_its_own_noise():
    source = np.random.default_rng(0)
    noise = source.normal(size=300)
    predicted, _ = cross_validated(source.normal(size=(300, 5)), noise)
    assert abs(np.corrcoef(predicted, noise)[0, 1]) < 0.25


def test_without_repeated_trainings_the_means_are_held_true():
    table = read_table_of_distinct()
    truth = Truth.of(Classes.of(table))
    assert truth.noise == 0
    assert np.allclose(np.sort(truth.accuracy), np.sort(table.accuracy))


def read_table_of_distinct():
    from neuronas.benchmarks.search.table import TrainedCells

    chains = np.array([[a, 0, b, 0, 0, c] for a in (2, 3) for b in (2, 3) for c in (2, 3)])
    count = len(chains)
    return TrainedCells(
        operations=chains,
        epochs=np.full(count, 100),
        accuracy=np.linspace(0.8, 0.9, count),
        seconds=np.ones(count),
        rates=np.full((count, 16), 0.1),
        curves=np.repeat(np.linspace(0.8, 0.9, count)[:, None], 100, axis=1),
    )


def test_looked_up_assessments_are_those_that_are_computed(bench):
    budget = bench.problems["d"].budget
    region = TrainedRegion(bench.classes, budget)
    plain = FeasibleRegion(SPACE, region.model, region.chip, budget)
    genes = bench.classes.genes[:50]
    looked, computed = region.assess(genes), plain.assess(genes)
    assert np.array_equal(looked.feasible, computed.feasible)
    assert np.array_equal(looked.workload.kind, computed.workload.kind)
    unknown = SPACE.enumerate(0, SPACE.size)[bench.classes.of_genotype < 0]
    assert not region.assess(unknown[:100]).feasible.any()


def test_budgets_are_satisfied_by_the_share_that_was_asked_for(bench):
    for name, share in {"a": 0.8, "b": 0.175, "c": 0.35, "d": 0.2, "e": 0.175}.items():
        assert bench.problems[name].satisfied == pytest.approx(share, abs=0.05)
    assert set(bench.problems["d"].budget.limits) == {
        "memory_bytes",
        "area_mm2",
        "latency_ms",
        "energy_uj",
    }


def test_recorded_rates_cost_what_an_estimate_of_one_network_costs(bench):
    classes = bench.classes
    member = int(classes.start[3])
    network = SPACE.decode(classes.genes[[3]])
    workload = Workload.of(network)
    rates = recorded_rates(workload, classes.cells.rates[[member]])
    named = {name: float(r[0]) for name, r in rates.items() if not np.isnan(r[0])}
    found = estimate(network[0], spike_rate=named)
    assert bench.costs.trained["energy_uj"][member] == pytest.approx(found.energy_pj / 1e6)


def test_a_table_of_rates_is_the_activity_of_each_network():
    cells = ["0a0c 00b0 000a 0000", "0001 0000 0000 0000"]
    made = [
        Architecture(input_shape=(3, 8, 8), classes=4, cell_a=c, cell_b=c, channels=4)
        for c in cells
    ]
    both = Workload.of(Networks.of(made))
    firing = [s.name for r, s in enumerate(both.slots) if both.neurons[r].any()]
    lacks = {name: both.neurons[both.row(name)] == 0 for name in firing}
    rates = {
        name: np.where(lacks[name], np.nan, [0.1 + i / 50, 0.3]) for i, name in enumerate(firing)
    }
    table = measured_activity(both, rates).spike_rate
    for column, network in enumerate(made):
        own = {n: float(r[column]) for n, r in rates.items() if not np.isnan(r[column])}
        alone = activity_of(Workload.of(Networks.of([network])), own)
        assert np.array_equal(np.asarray(alone.spike_rate)[:, 0], table[:, column])


def test_all_classes_leave_nothing_unfound_and_none_everything(bench):
    for name in "abc":
        problem = bench.problems[name]
        assert unfound(problem, np.arange(len(bench.classes))) == pytest.approx(0)
        assert unfound(problem, np.array([], dtype=int)) == 1
    regret = bench.problems["d"]
    assert unfound(regret, np.array([regret.gains[:, 0].argmax()])) == 0


def test_the_oracle_only_gets_better_and_begins_with_the_best_network(bench):
    problem = bench.problems["b"]
    curve = oracle(problem, [1, 2, 4, 300])
    assert curve == sorted(curve, reverse=True)
    assert curve[-1] == pytest.approx(0)
    each = [unfound(problem, np.array([i])) for i in range(len(bench.classes))]
    assert curve[0] == pytest.approx(min(each))


def test_without_noise_the_noise_floor_is_0(bench):
    assert noise_floor(bench.problems["a"], bench.truth.accuracy) == pytest.approx(0)
    assert noise_floor(bench.problems["a"], bench.measured(0)) >= 0


@pytest.mark.parametrize("sampler", ["random", "nsga2", "nsga3", "tpe"])
def test_a_run_repeats_and_trains_no_class_twice(bench, sampler):
    plan = Plan("a", sampler, 1, 20, 1)
    one, again = bench.run(plan, 3), bench.run(plan, 3)
    assert one.unfound == again.unfound
    assert one.duplicates == 0
    assert one.improved_at == again.improved_at
    assert one.unfound == sorted(one.unfound, reverse=True)


def test_measured_rates_may_break_a_budget(bench):
    assert bench.run(Plan("e", "random", 8, 40, 1), 0).over_budget > 0
    assert bench.run(Plan("b", "random", 8, 40, 1), 0).over_budget == 0


def test_runs_are_gone_on_with_and_independent_of_processes(bench, data, tmp_path, monkeypatch):
    state = tmp_path / "state.json"
    few, more = [Plan("d", "random", 1, 10, 1)], [Plan("d", "random", 1, 10, 2)]
    first = run_all(bench, few, data=data, state=state)
    known = json.loads(state.read_text())["runs"]
    assert len(known) == 1
    both = run_all(bench, more, data=data, state=state, processes=2)[more[0]]
    assert both[0] == first[few[0]][0]
    assert both[1].unfound == bench.run(more[0], 1).unfound
    monkeypatch.setattr(Bench, "run", None)  # nothing is run again
    assert run_all(bench, more, data=data, state=state)[more[0]] == both


@pytest.mark.parametrize("content", ["{}", '{"runs": {"a": {"unfound": "x"}}}', "[1", ""])
def test_a_file_that_is_no_state_is_refused(bench, data, tmp_path, content):
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(ConfigError, match=r"state\.json"):
        run_all(bench, [], data=data, state=state)
    assert state.read_text() == content


def test_what_other_data_gave_is_not_taken(bench, data, tmp_path):
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", training_time_s=np.ones(400))
    plan = Plan("a", "random", 1, 10, 1)
    assert Keys(bench, data).of(plan, 0) == Keys(bench, data).of(plan, 0)
    assert Keys(bench, data).of(plan, 0) != Keys(bench, other).of(plan, 0)


def test_a_key_knows_all_code_that_a_simulation_imports(tmp_path):
    names = {path.name for path in common_modules(Path(searching.__file__).parent)}
    assert {"region.py", "seeds.py", "simulation.py", "samplers.py", "objectives.py"} <= names
    assert not {"loop.py", "api.py"} & names
    (tmp_path / "region.py").write_text("from neuronas.searching import drawing, np\n")
    (tmp_path / "drawing.py").write_text("from neuronas.searching.evolution import evolve\n")
    (tmp_path / "evolution.py").write_text("")
    assert {path.name for path in common_modules(tmp_path)} == {
        "region.py",
        "drawing.py",
        "evolution.py",
        "samplers.py",
    }


def test_a_curve_is_what_is_unfound_after_each_training(bench):
    problem = bench.problems["a"]
    trained = np.random.default_rng(0).permutation(len(bench.classes))[:60]
    improved_at, left = unfound_curve(problem, trained)
    run = Run(improved_at=improved_at, unfound=left, duplicates=0, over_budget=0, ask_s=0.0)
    each = [unfound(problem, trained[:count]) for count in range(61)]
    assert run.curve(60) == pytest.approx(np.array(each))
    assert run.curve(80)[-1] == each[-1]


def test_a_search_ends_when_everything_is_trained(bench):
    cheapest = float(np.quantile(bench.costs.assumed["energy_uj"], 0.05))
    config = ProblemConfig(
        name="few", objectives=["energy", "accuracy"], budget={"energy_uj": cheapest}
    )
    few = replace(bench, problems={"few": Problem.of(config, bench.truth.accuracy, bench.costs)})
    run = few.run(Plan("few", "random", 8, 200, 1), 0)
    assert run.curve(200)[-1] == pytest.approx(0)
    assert few.problems["few"].proposable < 60


def test_the_order_of_objectives_changes_nothing(bench):
    def left(*objectives: str) -> float:
        config = ProblemConfig(
            name="own",
            objectives=list(objectives),
            budget={"parameters": 3e7, "energy_uj": 100.0},
            reference_accuracy=0.83,
        )
        return unfound(Problem.of(config, bench.truth.accuracy, bench.costs), np.arange(30))

    assert left("memory", "accuracy", "area") == pytest.approx(left("accuracy", "area", "memory"))


def test_a_process_that_dies_is_told(tmp_path):
    with (
        pytest.raises(NeuronasError, match=r"'[yz]' died \(exit code 5\)"),
        done_in_processes(os._exit, {"y": 5, "z": 5}, 2) as done,
    ):
        list(done)


def test_what_a_process_raises_is_raised():
    with (
        pytest.raises(ConfigError, match="not an npz file"),
        done_in_processes(read_table, dict.fromkeys("ab", Path(__file__)), 2) as done,
    ):
        list(done)


def test_leads_are_over_the_best_other_of_as_many_workers(bench):
    def run(*unfound: float) -> Run:
        counts = list(range(0, 10 * len(unfound), 10))
        return Run(improved_at=counts, unfound=[*unfound], duplicates=0, over_budget=0, ask_s=0.0)

    runs = {
        Plan("a", "tpe", 1, 20, 2): [run(1.0, 0.3, 0.1), run(1.0, 0.5, 0.1)],
        Plan("a", "nsga2", 1, 20, 2): [run(1.0, 0.6, 0.4), run(1.0, 0.8, 0.4)],
        Plan("a", "random", 1, 10, 1): [run(1.0, 0.9)],
        Plan("a", "random", 8, 10, 1): [run(1.0, 0.05)],
    }
    rows = {(r.sampler, r.workers, r.trainings): r for r in results(bench, runs)}
    tpe = rows["tpe", 1, 10]
    assert (tpe.unfound_mean, tpe.lead_mean) == (pytest.approx(0.4), pytest.approx(0.3))
    assert rows["nsga2", 1, 10].lead_mean == pytest.approx(-0.3)
    assert rows["random", 1, 10].lead_mean == pytest.approx(-0.6)
    assert (tpe.overtakes_after, rows["nsga2", 1, 10].overtakes_after) == (10, None)
    assert rows["random", 8, 10].lead_mean is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{objectives: [energy], satisfied_share: 0.2}", "accuracy must be among them"),
        ("{objectives: [accuracy]}", "either satisfied_share or budget"),
        ("{objectives: [accuracy], satisfied_share: 0}", "satisfied_share"),
        ("{objectives: [accuracy], satisfied_share: 0.2, bugdet: {}}", "bugdet"),
        ("{objectives: [accuracy], budget: {energy: 9}}", "budget.energy"),
        ("[accuracy]", "own.yaml"),
        ("", "own.yaml"),
    ],
)
def test_a_wrong_problem_file_is_refused(tmp_path, content, message):
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        problem_named(str(path))


def test_a_problem_file_may_give_budgets_and_percent(tmp_path, bench):
    path = tmp_path / "own.json"
    budget = {"energy_uj": 90.0}
    path.write_text(
        json.dumps({"objectives": ["accuracy", "area"], "budget": budget, "reference_accuracy": 80})
    )
    problem = problem_named(str(path))
    assert (problem.name, problem.reference_accuracy) == ("own", 0.8)
    made = Bench.of(read_table_of_distinct(), [problem_named("d")]).problems["d"]
    assert made.config == ProblemConfig(name="d", objectives=["accuracy"], satisfied_share=0.2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": {"energy_uj": 0.1}}, "budget: no trained network is within it; cheapest"),
        ({"satisfied_share": 0.5, "reference_accuracy": 99}, "reference_accuracy: found 0.99"),
    ],
)
def test_a_problem_without_a_solution_says_why(bench, changes, message):
    config = ProblemConfig(name="own", objectives=["accuracy", "energy"], **changes)
    with pytest.raises(ConfigError, match=message):
        Problem.of(config, bench.truth.accuracy, bench.costs)


def test_a_share_may_be_written_in_percent():
    shares = [
        ProblemConfig(name="own", objectives=["accuracy"], satisfied_share=share).satisfied_share
        for share in (20, 0.2, "20%", "20 %")
    ]
    assert shares == pytest.approx([0.2] * 4)


def test_gp_is_planned_where_its_time_allows():
    found = plans(PROBLEMS, [], None, quick=False)
    slow = [plan for plan in found if plan.sampler == "gp"]
    assert [(p.problem, p.workers, p.trainings, p.seeds) for p in slow] == [
        ("a", 1, 100, 10),
        ("b", 1, 100, 10),
    ]
    assert {plan.seeds for plan in found if plan.sampler != "gp"} == {30}
    with pytest.raises(ConfigError, match="no 'cma'"):
        plans(PROBLEMS, ["cma"], None, quick=True)


def test_samplers_of_untrained_networks_are_not_planned():
    assert not {plan.sampler for plan in plans(PROBLEMS, [], None, quick=False)} & {
        *RANKED_SAMPLERS
    }
    for name in RANKED_SAMPLERS:
        with pytest.raises(ConfigError, match=f"'{name}' ranks untrained networks by a proxy"):
            plans(PROBLEMS, [name], None, quick=True)


def test_the_published_table_has_8754_classes(reference_data):
    classes = Classes.of(read_table(reference_data("spikenas_bench_cifar10.npz")))
    assert len(classes) == 8754
    assert len(classes.cells) == 14_594
