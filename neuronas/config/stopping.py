"""When a study stops, beside having as many networks as it was asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class StopConfig(BaseModel):
    """Limits of a whole study, over all its processes; the first that is reached stops it.

    They are looked at between two candidates: a training that has begun is never cut.

    Attributes:
        epochs: Epochs trained, those of trainings that failed included; without a limit when None.
        wall_seconds: Seconds of search, summed over processes; without a limit when None.
        no_gain: Networks trained in a row without a gain in hypervolume, with a single objective
            without a better best; without a limit when None.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    epochs: Annotated[int, Field(ge=1)] | None = None
    wall_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    no_gain: Annotated[int, Field(ge=1)] | None = None
