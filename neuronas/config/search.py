"""How a study searches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neuronas.config.fields import distinct, rising
from neuronas.config.stopping import StopConfig

RANKED_SAMPLERS = ("snasnet", "spikenas", "neuronas-v1")
"""Samplers that score untrained networks and propose the best of them first."""


class SearchConfig(BaseModel):
    """How the study searches.

    Attributes:
        sampler: What proposes networks.
        trials: Networks newly trained.
        seed: Of every draw.
        stop: What else stops the study.
        rungs: Epochs at which trainings pause, rising; of each rung only the best third goes on.
            Without any, each network is trained to its end at once.
        reference_accuracy: Accuracy from which hypervolume is measured.
        warm_start: Studies of the same database whose trained networks the sampler
            ``hardware-aware`` learns from, too.
        candidates: Networks that a sampler of ``RANKED_SAMPLERS`` scores before any is trained;
            5,000 when None, as in SNASNet's code. Other samplers score none.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    sampler: Literal[
        "random",
        "tpe",
        "nsga2",
        "nsga3",
        "gp",
        "hardware-aware",
        "snasnet",
        "spikenas",
        "neuronas-v1",
    ] = "hardware-aware"
    trials: Annotated[int, Field(ge=1)] = 30
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    stop: StopConfig = StopConfig()
    rungs: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(rising)] = []
    reference_accuracy: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    warm_start: Annotated[list[str], AfterValidator(distinct)] = []
    candidates: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _only_ranked_samplers_score_candidates(self) -> SearchConfig:
        if self.candidates is not None and self.sampler not in RANKED_SAMPLERS:
            raise PydanticCustomError(
                "contradiction",
                "search.candidates: sampler '{sampler}' scores no untrained networks; leave it out "
                "(search.trials says how many are trained), or take the sampler {ranked}",
                {"sampler": self.sampler, "ranked": " or ".join(RANKED_SAMPLERS)},
            )
        return self

    @model_validator(mode="after")
    def _only_one_sampler_learns_from_other_studies(self) -> SearchConfig:
        if self.warm_start and self.sampler != "hardware-aware":
            raise PydanticCustomError(
                "contradiction",
                "search.warm_start: sampler '{sampler}' learns from its own study alone; leave it "
                "out, or take the sampler hardware-aware",
                {"sampler": self.sampler},
            )
        return self
