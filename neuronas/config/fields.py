"""What keys of study files are made of: types, names, one value or a list of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

T = TypeVar("T")

Decay = Annotated[float, Field(ge=0.0, lt=1.0), AfterValidator(lambda v: v + 0.0)]
"""Decay of the membrane potential per time step; -0.0 is read as 0.0."""

Threshold = Annotated[float, Field(gt=0.0, le=100.0)]
Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BitWidth = Literal[2, 3, 4, 5, 6, 7, 8, 16, 32]


def known(value: str, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``allowed``; raise a literal error otherwise."""
    if value not in allowed:
        raise PydanticCustomError(
            "unknown_name", "must be one of {expected}", {"expected": ", ".join(allowed)}
        )
    return value


def without_password(value: str) -> str:
    """Return a storage URL if there is no password in it: study files get shared."""
    if re.search(r"://[^/@]*:.*@|[?&](ssl)?password=", value):
        raise PydanticCustomError(
            "contradiction",
            "has a password in it, which a study file must not; allowed: a URL without it. Put "
            "the password into ~/.pgpass, or the whole URL into a file of mode 0600 and name that "
            "by --storage @FILE or NEURONAS_STORAGE_FILE",
        )
    return value


def known_bits(value: object) -> object:
    """Return ``value`` if it is a weight bit width; raise a literal error otherwise."""
    allowed = get_args(BitWidth)
    if type(value) is not int or value not in allowed:
        expected = ", ".join(map(str, allowed))
        raise PydanticCustomError(
            "unknown_name", "must be one of {expected}", {"expected": expected}
        )
    return value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def distinct(values: list[T]) -> list[T]:
    """Return ``values``; raise a literal error if one stands there twice."""
    repeated = [value for value in values if values.count(value) > 1]
    if repeated:
        raise PydanticCustomError("repeated", "names {choice} twice", {"choice": repeated[0]})
    return values


Choices = Annotated[
    list[T], Field(min_length=1), BeforeValidator(_as_list), AfterValidator(distinct)
]
"""One value (fixed) or a list of values (searched)."""


def default_note(section: BaseModel, key: str) -> str:
    """Return what tells that a value, which stands before it, was not given but is the default."""
    return "" if key in section.model_fields_set else ", the default where none is given,"


def rising(rungs: list[int]) -> list[int]:
    """Return numbers of epochs that are in order, each once."""
    if rungs != sorted(set(rungs)):
        raise PydanticCustomError(
            "rising", "found {found}; allowed: rising numbers of epochs", {"found": str(rungs)}
        )
    return rungs
