"""How candidates of a study are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class AugmentConfig(BaseModel):
    """How training images are changed at random each time that they are seen.

    Attributes:
        crop: Pixels of black that are added on each side before the image is cut out anew.
        flip: Whether every second image is mirrored, left to right.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    crop: Annotated[int, Field(ge=0, le=64)] = 0
    flip: bool = False


class TrainingConfig(BaseModel):
    """How briefly and how each candidate is trained.

    Attributes:
        epochs, batch_size, learning_rate: Of the training.
        samples: Training samples that are used; all when None.
        augment: How training images are changed at random.
        memory_limit_mb: Megabytes that a training may take beyond what its process has; what the
            machine and its container have left when None.
        precision: In which training computes: ``fp32``, or ``bf16`` by autocast (weights and
            evaluation stay fp32), which is faster where the processor has instructions for it, or
            ``auto``: bf16 where that is so. Machines of both kinds do not share trainings then.
        isolate: Whether each candidate is trained in a process of its own.
        wall_seconds: Seconds that such a process may take; without a limit when None.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    batch_size: Annotated[int, Field(ge=2, le=65536)] = 64
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.01
    samples: Annotated[int, Field(ge=1)] | None = None
    augment: AugmentConfig | None = None
    memory_limit_mb: Annotated[int, Field(ge=1)] | None = None
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    isolate: bool = False
    wall_seconds: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _only_a_process_of_its_own_can_be_ended(self) -> TrainingConfig:
        if self.wall_seconds is not None and not self.isolate:
            raise PydanticCustomError(
                "contradiction",
                "training.wall_seconds: a training can be ended only in a process of its own; "
                "add 'isolate: true'",
            )
        return self
