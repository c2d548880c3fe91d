"""The range that a field declares, in words."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from neuronas.config import validate
from neuronas.config.ranges import allowed_range
from neuronas.errors import ConfigError

Count = Annotated[int, Field(ge=1, le=12)]


class Part(BaseModel):
    """A section within a section."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0


class Model(BaseModel):
    """Fields with bounds of every kind, wherever they may stand."""

    both: Annotated[float, Field(ge=22, le=65)] = 22
    least: Annotated[int, Field(ge=1)] = 1
    most: Annotated[float, Field(le=2.5)] = 1
    above: Annotated[float, Field(gt=0)] = 1
    open: Annotated[float, Field(gt=0, lt=1)] = 0.5
    whole: Annotated[int, Field(gt=0, lt=8)] = 1
    steps: Annotated[int, Field(ge=8, le=64, multiple_of=8)] = 8
    even: Annotated[int, Field(multiple_of=2)] = 2
    optional: Count | None = None
    many: list[Count] = []
    named: dict[str, Count] = {}
    parts: dict[str, Part] = {}
    choice: Literal[1, 2] = 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("both", "22 to 65"),
        ("least", "1 or more"),
        ("most", "at most 2.5"),
        ("above", "above 0"),
        ("open", "above 0 and below 1"),
        ("whole", "1 to 7"),
        ("steps", "a multiple of 8, 8 to 64"),
        ("even", "a multiple of 2"),
        ("optional", "1 to 12"),
        ("many", "1 to 12"),
        ("named", "1 to 12"),
        ("choice", ""),
    ],
)
def test_a_range_is_told_whole(name, told):
    assert allowed_range(Model.model_fields[name]) == told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"both": 14}, "both: found 14; allowed: 22 to 65"),
        ({"both": 90}, "both: found 90; allowed: 22 to 65"),
        ({"steps": 12}, "steps: found 12; allowed: a multiple of 8, 8 to 64"),
        ({"optional": 0}, "optional: found 0; allowed: 1 to 12"),
        ({"many": [1, 13]}, "many[1]: found 13; allowed: 1 to 12"),
        ({"named": {"first": 0}}, "named.first: found 0; allowed: 1 to 12"),
        ({"parts": {"a": {"share": 1}}}, "parts.a.share: found 1; allowed: 0 or more and below 1"),
    ],
)
def test_a_number_out_of_range_is_told_with_the_range_of_its_field(content, told):
    with pytest.raises(ConfigError) as caught:
        validate(Model, content, source=None)
    assert str(caught.value) == told
