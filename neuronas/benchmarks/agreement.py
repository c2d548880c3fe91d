"""How far model ``cim`` agrees with an independent simulator, case by case.

A file of cases is JSON as in the project's reference data: ``{"cases": [{"layers": [[H, W, Cin, k,
k, Cout, pooled after, stride], ...], "activity", "weight_bits", "technology_nm", "crossbar",
"cell_bits", "adc_bits", "adc", "columns_per_adc", "device", "mapping", "pipelined", "result"},
...]}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from neuronas.architecture import Layer, Workload, workload_of_layers
from neuronas.config import read_yaml, validate
from neuronas.hardware import Activity, Chip, hardware_model

Floats = NDArray[np.float64]
METRICS = ("energy", "latency", "area")
_QUINTILES = 5
_BASES = {"rram": "rram-32nm", "sram": "sram-32nm"}
_MAPPINGS = {"per kernel position": "kernel", "im2col": "im2col"}


class Result(BaseModel):
    """What the simulator gave; other figures are ignored, absent ones are unknown."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    area_um2: float | None = None
    area_accumulation_um2: float | None = None
    area_other_um2: float | None = None
    area_interconnect_um2: float | None = None
    latency_layer_serial_ns: float | None = None
    latency_buffer_ns: float | None = None
    latency_interconnect_ns: float | None = None
    latency_other_ns: float | None = None
    energy_dynamic_pj: float | None = None
    energy_leakage_pj: float | None = None
    energy_adc_array_pj: float | None = None
    energy_accumulation_pj: float | None = None
    energy_buffer_pj: float | None = None
    energy_interconnect_pj: float | None = None
    energy_other_pj: float | None = None


class Case(BaseModel):
    """One network on one chip, as simulated."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    network: str
    layers: Annotated[list[list[int]], Field(min_length=1)]
    activity: Annotated[float, Field(ge=0, le=1)]
    weight_bits: Literal[2, 3, 4, 5, 6, 7, 8]
    technology_nm: float
    crossbar: int
    cell_bits: int
    adc_bits: int
    adc: Literal["sar", "flash"]
    columns_per_adc: int
    device: Literal["rram", "sram"]
    mapping: Literal["per kernel position", "im2col"] = "per kernel position"
    pipelined: bool = False
    result: Result

    def chip(self) -> Chip:
        """Return the chip of the case: our preset of its memory cell, with the case's settings."""
        settings = {
            "node_nm": self.technology_nm,
            "rows": self.crossbar,
            "columns": self.crossbar,
            "cell_bits": self.cell_bits,
            "adc": self.adc,
            "adc_bits": self.adc_bits,
            "columns_per_adc": self.columns_per_adc,
            "mapping": _MAPPINGS[self.mapping],
            "schedule": "pipelined" if self.pipelined else "layer-serial",
        }
        return Chip.of({"base": _BASES[self.device], "settings": settings})

    def key(self) -> str:
        """Return what tells the chip of this case from others, as text."""
        return repr((self.chip().settings, self.weight_bits))

    def workload(self) -> Workload:
        """Return the layer table, N = 1, without neurons: the simulator has none."""
        return workload_of_layers([[self._layer(row) for row in self.layers]])

    def _layer(self, row: Sequence[int]) -> Layer:
        height, width, channels, kernel, _, outputs, pooled, stride = row
        linear = (height, width, kernel) == (1, 1, 1)
        return Layer(
            kind="linear" if linear else "conv",
            in_channels=channels,
            out_channels=outputs,
            height=height,
            width=width,
            kernel=kernel,
            stride=stride,
            same=False,  # the simulator counts the positions where a kernel stays inside
            pool=2 if pooled else 1,
            weight_bits=self.weight_bits,
            neurons=False,
        )

    def simulated(self) -> dict[str, float | None]:
        """Return the simulator's figure per metric; energy is dynamic and leakage together."""
        found = self.result
        energy = None
        if found.energy_dynamic_pj is not None and found.energy_leakage_pj is not None:
            energy = found.energy_dynamic_pj + found.energy_leakage_pj
        return {"energy": energy, "latency": found.latency_layer_serial_ns, "area": found.area_um2}

    def modelled(self) -> dict[str, float]:
        """Return our figure per metric."""
        chip = self.chip()
        cost = hardware_model(chip.model).cost(
            self.workload(), chip, activity=Activity(self.activity)
        )
        return {
            "energy": float(cost.energy_pj[0]),
            "latency": float(cost.latency_ns[0]),
            "area": float(cost.area_um2[0]),
        }


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    cases: Annotated[list[Case], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models agree in one metric.

    Attributes:
        metric: ``energy``, ``latency`` or ``area``.
        cases: How many cases have it.
        spearman: Rank correlation; None below three cases.
        median_ratio: Median of larger over smaller.
        within_2x: Share of cases within a factor of two.
        spearman_within_mac_quintiles: Mean rank correlation inside fifths of equal work.
    """

    metric: str
    cases: int
    spearman: float | None
    median_ratio: float
    within_2x: float
    spearman_within_mac_quintiles: float | None


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a file; ConfigError if it is absent or wrong."""
    return validate(_File, read_yaml(path), source=str(path)).cases


def agreement(cases: Sequence[Case]) -> list[Agreement]:
    """Return how far model ``cim`` agrees with the simulator, per metric."""
    work = np.array([float(case.workload().macs.sum()) for case in cases])
    simulated = [case.simulated() for case in cases]
    modelled = [case.modelled() for case in cases]
    found: list[Agreement] = []
    for metric in METRICS:
        known = [i for i, values in enumerate(simulated) if values[metric] is not None]
        if known:
            theirs = np.array([simulated[i][metric] for i in known], dtype=np.float64)
            ours = np.array([modelled[i][metric] for i in known])
            found.append(compared(metric, theirs, ours, work[known]))
    return found


def compared(metric: str, theirs: Floats, ours: Floats, work: Floats) -> Agreement:
    """Return how far two columns of figures agree, ``(N,)`` each."""
    ratio = np.maximum(theirs / ours, ours / theirs)
    fifths = np.array_split(np.argsort(work, kind="stable"), _QUINTILES)
    within = [spearman(theirs[fifth], ours[fifth]) for fifth in fifths]
    inside = [value for value in within if value is not None]
    return Agreement(
        metric=metric,
        cases=len(theirs),
        spearman=spearman(theirs, ours),
        median_ratio=float(np.median(ratio)),
        within_2x=float((ratio <= 2).mean()),  # noqa: PLR2004 - what the name says
        spearman_within_mac_quintiles=float(np.mean(inside)) if inside else None,
    )


def spearman(a: Floats, b: Floats) -> float | None:
    """Return Spearman's rank correlation; None below three values."""
    from scipy.stats import spearmanr

    least = 3
    return float(spearmanr(a, b).statistic) if len(a) >= least else None
