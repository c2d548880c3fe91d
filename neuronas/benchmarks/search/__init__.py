"""How much of the true front searches find, on cells whose trainings are known.

Cells of SpikeNAS-Bench (IEEE TAI 2025) were really trained; a search over them only looks its
trainings up. Equal networks are one class, what is true of it is estimated (``truth``), budgets
are set on what it costs (``problems``), and each sampler is simulated with many seeds.
"""

from neuronas.benchmarks.search.bench import Bench, Plan
from neuronas.benchmarks.search.fidelity import (
    FidelityPlan,
    FidelityResult,
    fidelity_plans,
    fidelity_results,
    rungs_named,
)
from neuronas.benchmarks.search.planning import plans, problem_named
from neuronas.benchmarks.search.problems import PROBLEMS, Problem, ProblemConfig
from neuronas.benchmarks.search.results import Result, results
from neuronas.benchmarks.search.running import Step, run_all
from neuronas.benchmarks.search.state import Run
from neuronas.benchmarks.search.table import TrainedCells, read_table

__all__ = [
    "PROBLEMS",
    "Bench",
    "FidelityPlan",
    "FidelityResult",
    "Plan",
    "Problem",
    "ProblemConfig",
    "Result",
    "Run",
    "Step",
    "TrainedCells",
    "fidelity_plans",
    "fidelity_results",
    "plans",
    "problem_named",
    "read_table",
    "results",
    "run_all",
    "rungs_named",
]
