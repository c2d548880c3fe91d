"""The numbers that a key takes, in words, as the fields of our models declare them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

RANGE_ERRORS = frozenset(
    {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"}
)
"""Kinds of pydantic's errors that a number out of range gives."""

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of")


def allowed_range(field: FieldInfo) -> str:
    """Return which numbers a field takes, such as ``22 to 65``; "" where it sets no bounds.

    The bounds stand on the field, or on what its list or its optional value holds.
    """
    bounds: dict[str, float] = {
        name: getattr(constraint, name)
        for constraint in _constraints(field)
        for name in _BOUNDS
        if hasattr(constraint, name)
    }
    if int in _types(field.annotation):
        bounds = _inclusive(bounds)
    told = {name: str(b) if isinstance(b, int) else f"{b:g}" for name, b in bounds.items()}
    steps = [f"a multiple of {told['multiple_of']}"] if "multiple_of" in told else []
    limits = _limits(told)
    return ", ".join([*steps, limits] if limits else steps)


def _constraints(part: object) -> Iterator[object]:
    if isinstance(part, FieldInfo):
        yield from part.metadata
        yield from _constraints(part.annotation)
    for held in get_args(part):
        yield from _constraints(held)


def _types(annotation: object) -> set[Any]:
    held = get_args(annotation)
    return {kind for part in held for kind in _types(part)} if held else {annotation}


def _inclusive(bounds: dict[str, float]) -> dict[str, float]:
    """Return the bounds of a whole number with its least and largest value among them."""
    changed = dict(bounds)
    if "gt" in changed:
        changed["ge"] = changed.pop("gt") + 1
    if "lt" in changed:
        changed["le"] = changed.pop("lt") - 1
    return changed


def _limits(bounds: dict[str, str]) -> str:
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    words = {"ge": "{} or more", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    return " and ".join(form.format(bounds[name]) for name, form in words.items() if name in bounds)
