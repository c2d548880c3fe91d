"""Search problems on trained cells: objectives, budgets, and where hypervolume is measured from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neuronas.benchmarks.search.costs import Costs
from neuronas.benchmarks.search.table import Floats
from neuronas.config import BudgetConfig, ObjectiveName, read_yaml, validate
from neuronas.errors import ConfigError
from neuronas.hardware import HIGHER_IS_BETTER, Budget
from neuronas.searching.objectives import ACCURACY, QUANTITIES, gain

ALL_BUDGETS = ("memory", "area", "latency", "energy")
"""What is limited where no objective is a cost: what NeuroNAS checks (arXiv 2407.00641)."""

_PERCENT = 100
_MARGIN = 1.1
_STEPS = 1000


def _share(value: object) -> object:
    """Return a share; a number above 1 is read as percent, as is a text that ends so."""
    if isinstance(value, str) and (percent := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value)):
        return float(percent[1]) / _PERCENT
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value / _PERCENT if number and value > 1 else value  # type: ignore[operator]


def _distinct(names: list[ObjectiveName]) -> list[ObjectiveName]:
    if len(set(names)) < len(names):
        raise PydanticCustomError(
            "distinct", "each objective once; found {found}", {"found": names}
        )
    if ACCURACY not in names:
        raise PydanticCustomError(
            "accuracy",
            "accuracy must be among them: all else is known; found {found}",
            {"found": names},
        )
    return names


Share = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)]


class ProblemConfig(BaseModel):
    """One problem, as a file says it.

    Attributes:
        name: Name in results; the file's stem where it gives none.
        objectives: Accuracy, and costs.
        satisfied_share: Share of the classes within all budgets, from which budgets are found on
            the costs that are objectives, or on all of ``ALL_BUDGETS`` where none is.
        budget: Budgets instead.
        reference_accuracy: Accuracy from which hypervolume is measured. Shares and accuracy are
            in [0, 1]; a number above 1, or a text such as ``20%``, is percent.
        spike_rates: ``assumed`` for all; or ``recorded``: still assumed when a network is
            proposed, but its own once it is trained.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(min_length=1)]
    objectives: Annotated[
        list[ObjectiveName], Field(min_length=1, max_length=5), AfterValidator(_distinct)
    ]
    satisfied_share: Share | None = None
    budget: BudgetConfig | None = None
    reference_accuracy: Share = 0.8
    spike_rates: Literal["assumed", "recorded"] = "assumed"

    @model_validator(mode="after")
    def _one_way_to_a_budget(self) -> ProblemConfig:
        if (self.satisfied_share is None) == (self.budget is None):
            raise PydanticCustomError(
                "contradiction", "give either satisfied_share or budget, and not both"
            )
        return self

    @classmethod
    def from_file(cls, path: Path) -> ProblemConfig:
        """Return the problem in a YAML or JSON file.

        Raises:
            ConfigError: The file is absent or wrong.
        """
        content = read_yaml(path)
        if isinstance(content, dict):
            content = {"name": path.stem, **content}
        return validate(cls, content, source=str(path))


def _problem(name: str, objectives: list[ObjectiveName], share: float) -> ProblemConfig:
    return ProblemConfig(name=name, objectives=objectives, satisfied_share=share)


_TRIPLE: list[ObjectiveName] = ["accuracy", "energy", "latency"]
PROBLEMS: dict[str, ProblemConfig] = {
    problem.name: problem
    for problem in (
        _problem("a", _TRIPLE, 0.8),
        _problem("b", _TRIPLE, 0.175),
        _problem("c", ["accuracy", "area"], 0.35),
        _problem("d", ["accuracy"], 0.2),
        _problem("e", _TRIPLE, 0.175).model_copy(update={"spike_rates": "recorded"}),
    )
}
"""The problems of the benchmark, by name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem on C classes.

    Attributes:
        config: What it asks.
        budget: Limits.
        reference: Worst value per objective.
        satisfied: Share of the classes that are truly within all limits.
        proposable: Classes that are within all limits at assumed spike rates.
        gains: Of each class and objective, what truly is gained over the reference, as
            ``objectives.gains``, shape ``(C, M)``; at most 0 throughout for a class beyond a limit.
    """

    config: ProblemConfig
    budget: Budget
    reference: dict[str, float]
    satisfied: float
    proposable: int
    gains: Floats

    @classmethod
    def of(cls, config: ProblemConfig, accuracy: Floats, costs: Costs) -> Problem:
        """Return a problem with its budgets.

        Args:
            config: What it asks.
            accuracy: True accuracy of each class, in [0, 1], shape ``(C,)``.
            costs: What each class costs.

        Raises:
            ConfigError: No class is within the budget, or none of those has the reference accuracy.
        """
        true = costs.recorded if config.spike_rates == "recorded" else costs.assumed
        limits = config.budget.limits() if config.budget else _limits(config, true)
        budget = Budget(limits)
        within = _within(budget, true)
        proposable = _within(budget, costs.assumed)
        if not (within & proposable).any():
            raise ConfigError(
                f"budget: no trained network is within it; cheapest: {_cheapest(true, limits)}",
                source=config.name,
            )
        best = float(accuracy[within].max())
        if best <= config.reference_accuracy:
            raise ConfigError(
                f"reference_accuracy: found {config.reference_accuracy:.4g}; allowed: below "
                f"{best:.4f}, the highest accuracy within the budget",
                source=config.name,
            )
        reference: dict[str, float] = {
            name: _reference(name, config, limits, true, within) for name in config.objectives
        }
        columns = [
            gain(name, accuracy if name == ACCURACY else true[QUANTITIES[name]], reference[name])
            for name in config.objectives
        ]
        gains = np.where(within[:, None], np.stack(columns, axis=1), -1.0)
        return cls(config, budget, reference, float(within.mean()), int(proposable.sum()), gains)

    def told(self) -> str:
        """Return in one line what it asks."""
        limits = ", ".join(f"{name} {limit:.4g}" for name, limit in self.budget.limits.items())
        return (
            f"problem {self.config.name}: {', '.join(self.config.objectives)}; within {limits}: "
            f"{self.satisfied:.1%} of the {len(self.gains):,} networks, {self.proposable:,} can be "
            f"proposed; spike rates {self.config.spike_rates}"
        )

    @property
    def digest(self) -> str:
        """Digest of what it asks, its budgets and what is true of it."""
        asked = self.config.model_dump_json() + json.dumps([self.budget.limits, self.reference])
        return hashlib.sha256(asked.encode() + np.round(self.gains, 9).tobytes()).hexdigest()[:12]


def _within(budget: Budget, costs: dict[str, Floats]) -> NDArray[np.bool_]:
    return np.asarray((budget.violations(costs) <= 0).all(axis=0))


def _limits(config: ProblemConfig, costs: dict[str, Floats]) -> dict[str, float]:
    """Return limits at an equal quantile of each cost, so that the wanted share is within all.

    Costs take few distinct values, so the share is the nearest there is.
    """
    costly = [name for name in config.objectives if name != ACCURACY]
    names: Sequence[str] = costly or ALL_BUDGETS
    limited = [q for q in costs if q in {QUANTITIES[name] for name in names}]
    best: tuple[float, dict[str, float]] | None = None
    for step in range(1, _STEPS + 1):
        limits = {q: _quantile(costs[q], step / _STEPS, q) for q in limited}
        share = float(_within(Budget(limits), costs).mean())
        off = abs(share - (config.satisfied_share or 1.0))
        if best is None or off < best[0]:
            best = off, limits
    assert best is not None
    return best[1]


def _quantile(costs: Floats, share: float, quantity: str) -> float:
    """Return the limit that at least a share of the classes keeps."""
    if quantity in HIGHER_IS_BETTER:
        return float(np.quantile(costs, 1 - share, method="lower"))
    return float(np.quantile(costs, share, method="higher"))


def _reference(
    name: str,
    config: ProblemConfig,
    limits: dict[str, float],
    costs: dict[str, Floats],
    within: NDArray[np.bool_],
) -> float:
    if name == ACCURACY:
        return config.reference_accuracy
    quantity = QUANTITIES[name]
    if quantity in limits:
        return limits[quantity]
    among = costs[quantity][within]
    return float(among.min() / _MARGIN if quantity in HIGHER_IS_BETTER else among.max() * _MARGIN)


def _cheapest(costs: dict[str, Floats], limits: dict[str, float]) -> str:
    best = {n: np.max if n in HIGHER_IS_BETTER else np.min for n in limits}
    return ", ".join(f"{name} {best[name](costs[name]):.4g}" for name in limits)
