"""Why nothing fits: the budget that binds, the nearest candidate and what would have to give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from neuronas.errors import InfeasibleSpaceError
from neuronas.hardware import UNITS
from neuronas.searching.assessment import Assessment
from neuronas.searching.effort import Effort, Least
from neuronas.searching.relaxing import relaxations

if TYPE_CHECKING:
    from neuronas.searching.region import FeasibleRegion


def infeasible(
    region: FeasibleRegion, generator: np.random.Generator, effort: Effort
) -> InfeasibleSpaceError:
    """Return the error that says why nothing fits.

    It says "every network" only where every one was looked at, and recommends only what was seen
    to be enough.

    Args:
        region: In which nothing fits.
        generator: Source of randomness.
        effort: What was looked at.
    """
    assert effort.nearest is not None
    assert effort.near is not None
    nearest = region.assess(effort.nearest[None])
    if not nearest.connected[0]:
        return InfeasibleSpaceError(
            "no network of this space connects its input to its output; allow more operations"
        )
    all_of_them = f"of the space (all {effort.tried:,}) fits"
    how = all_of_them if effort.everything else "found that fits"
    allowed = _allowed(relaxations(region, generator, effort.near))
    network = nearest.networks[0]
    if not nearest.fits[0]:
        return InfeasibleSpaceError(
            f"no network {how} the chip '{region.chip.name}': the nearest candidate needs "
            f"{nearest.tiles[0]:,.0f} tiles.{_described(nearest)}Give the chip more of "
            f"them{allowed}",
            nearest=network.to_json(),
        )
    violations = dict(zip(region.limits, nearest.violations[:, 0].tolist(), strict=True))
    binding = max(violations, key=lambda name: violations[name])
    limit, cost = region.budget.limits[binding], float(nearest.quantities[binding][0])
    return InfeasibleSpaceError(
        f"no network {how} the budget. {binding} binds: the nearest candidate takes "
        f"{_amount(cost, binding)}, {violations[binding]:.1%} {'over' if cost > limit else 'under'}"
        f" the limit of {_amount(limit, binding)}.{_described(nearest)}{_reach(region, effort)} "
        f"{_raised(region, nearest, effort, binding)}{allowed}",
        binding=binding,
        nearest=network.to_json(),
        violations=violations,
    )


def _described(nearest: Assessment) -> str:
    network = nearest.networks[0]
    cells = " / ".join(network.canonical().cnt_mats())
    return f" Nearest: cells {cells}, {network.channels} channels, T = {network.time_steps}. "


def _reach(region: FeasibleRegion, effort: Effort) -> str:
    """Return which budgets cannot be kept, alone or together, as far as was seen."""
    limits = region.budget.limits
    beyond = {name: least for name, least in effort.alone.items() if least.violation > 0}
    if beyond:
        bounds = " or ".join(_bound(name, least, limits[name]) for name, least in beyond.items())
        if not effort.everything:
            return f"None of the {effort.tried:,} networks tried takes {bounds}."
        steps = min(next(p.choices for p in region.space.parameters if p.name == "time_steps"))
        return f"No network of this space, at T >= {steps}, takes {bounds}."
    conflicts = [f"{a} and {b}" for a, b in effort.conflicts(region.limits)]
    share = "no network" if effort.everything else f"none of the {effort.tried:,} networks tried"
    if conflicts:
        return f"Each budget can be kept alone, but {share} keeps {', or '.join(conflicts)}."
    return f"Any two budgets can be kept, but {share} keeps all."


def _bound(name: str, least: Least, limit: float) -> str:
    over = least.value > limit
    amount = _amount(least.value, name, math.floor if over else math.ceil)
    return f"{'less' if over else 'more'} than {amount}"


def _raised(region: FeasibleRegion, nearest: Assessment, effort: Effort, binding: str) -> str:
    """Return to what budgets would have to be changed: one of them, or else several."""
    limits = region.budget.limits
    alone = {name: least.value for name, least in effort.given.items()}
    missed = [name for name in limits if nearest.violations[region.limits.index(name), 0] > 0]
    several = {name: float(nearest.quantities[name][0]) for name in missed}
    values, joined = (alone, ", or ") if alone else (several, " and ")
    names = sorted(values, key=lambda name: name != binding)
    text = joined.join(_to_value(name, values[name], limits[name]) for name in names)
    return text[0].upper() + text[1:]


def _to_value(name: str, value: float, limit: float) -> str:
    up = value > limit
    amount = _amount(value, name, math.ceil if up else math.floor)
    return f"{'raise' if up else 'lower'} budget.{name} to {amount}"


def _allowed(choices: list[str]) -> str:
    if not choices:
        return "; no single smaller choice in the space was found to be enough"
    return f", or allow {' or '.join(choices)}"


def _amount(value: float, quantity: str, rounded: Callable[[float], int] | None = None) -> str:
    """Return a quantity with its unit, to four digits, rounded to one side if that is said."""
    if quantity == "parameters":
        number = f"{value:,.10g}"
    else:
        if rounded is not None and value:
            place = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
            value = rounded(value / place) * place
        number = f"{value:.4g}"
    return f"{number} {UNITS[quantity]}".strip()
