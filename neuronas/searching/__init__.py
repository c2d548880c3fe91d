"""The search: feasible region, samplers, the ask/tell loop.

Names are imported when first used: looking at a space needs neither optuna nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuronas.searching.ablation import Ablated, AblationStep, ablate
    from neuronas.searching.api import (
        SearchResult,
        enqueue_candidate,
        load_result,
        resume,
        search,
        weights_folder,
    )
    from neuronas.searching.chips import candidate_estimate
    from neuronas.searching.final import FinalNetwork, FinalStep, Twin, train_final
    from neuronas.searching.objectives import QUANTITIES
    from neuronas.searching.progress import Event, Progress
    from neuronas.searching.region import FeasibleRegion
    from neuronas.searching.samplers import GatedSampler
    from neuronas.searching.seeds import Stream, generator
    from neuronas.searching.stored import accepted
    from neuronas.searching.survey import Survey, survey_region, surveys
    from neuronas.searching.work import Work

__all__ = [
    "QUANTITIES",
    "Ablated",
    "AblationStep",
    "Event",
    "FeasibleRegion",
    "FinalNetwork",
    "FinalStep",
    "GatedSampler",
    "Progress",
    "SearchResult",
    "Stream",
    "Survey",
    "Twin",
    "Work",
    "ablate",
    "accepted",
    "candidate_estimate",
    "enqueue_candidate",
    "generator",
    "load_result",
    "resume",
    "search",
    "survey_region",
    "surveys",
    "train_final",
    "weights_folder",
]

_HOMES = {
    "QUANTITIES": "objectives",
    "Ablated": "ablation",
    "AblationStep": "ablation",
    "Event": "progress",
    "FeasibleRegion": "region",
    "FinalNetwork": "final",
    "FinalStep": "final",
    "GatedSampler": "samplers",
    "Progress": "progress",
    "SearchResult": "api",
    "Stream": "seeds",
    "Survey": "survey",
    "Twin": "final",
    "ablate": "ablation",
    "Work": "work",
    "accepted": "stored",
    "candidate_estimate": "chips",
    "enqueue_candidate": "api",
    "generator": "seeds",
    "load_result": "api",
    "resume": "api",
    "search": "api",
    "survey_region": "survey",
    "surveys": "survey",
    "train_final": "final",
    "weights_folder": "api",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes have any type
    if name not in _HOMES:
        raise AttributeError(f"module 'neuronas.searching' has no attribute '{name}'")
    return getattr(import_module(f"neuronas.searching.{_HOMES[name]}"), name)
