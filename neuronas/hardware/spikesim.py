"""The energy-latency-area model of SpikeSim, to the last digit, and its corrections.

Equations: ``ela_spikesim.py`` of the public SpikeSim repository (arXiv 2210.12899), commit
c2627bc, errors included, so that published budgets can be compared. It covers convolutions only.

Where the script raises or never returns (more than 12 layers, crossbar counts that decrease,
layers smaller than a crossbar) the same closed form is defined here. Beyond the script, each layer
may have its own kernel: it sets the crossbars of that layer's processing elements (PEs) and the
energy of its PE cycles. A PE that rounding up to whole tiles leaves empty is charged the network's
largest kernel, since it must be able to hold any layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from neuronas.architecture import Workload
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware.chip import Chip
from neuronas.hardware.cost import Activity, Cost, Explanation, Floats, Parts, total

Correction = Literal[
    "classifier",
    "sizes_before_pooling",
    "cycle_per_position",
    "adc_rounds",
    "adcs_per_crossbar",
    "crossbar_size",
    "neuron_updates",
    "tile_buffer_per_tile",
    "all_membranes",
    "spike_inputs",
]

CORRECTIONS: dict[Correction, str] = {
    "classifier": "linear layers are mapped, as 1x1 convolutions of one position (B19)",
    "sizes_before_pooling": "positions and neurons are counted before pooling (B2)",
    "cycle_per_position": "one PE cycle yields all columns of a position, not one element (B1)",
    "adc_rounds": "8 rounds of size/8 conversions a cycle, not size/8 rounds (B3)",
    "adcs_per_crossbar": "each crossbar of a PE has its ADCs, not one set for all kernel "
    "positions (B7)",
    "crossbar_size": "area and read energy of a crossbar scale with its cells (B4)",
    "neuron_updates": "each neuron is updated once per step, not 4 times per PE cycle (B10)",
    "tile_buffer_per_tile": "the PEs of a tile share an access to its buffer (B11)",
    "all_membranes": "membranes of all layers, not of the first five (B5)",
    "spike_inputs": "an input is a spike of one bit, not 22 bits (B6)",
}
"""What each correction of the script does; numbers as in the list of its errors."""


def _in_order(corrections: tuple[Correction, ...]) -> tuple[Correction, ...]:
    """Return corrections in the order of ``CORRECTIONS``: equal chips are then equal."""
    for name in corrections:
        if corrections.count(name) > 1:
            raise PydanticCustomError("repeated", "names {choice} twice", {"choice": name})
    return tuple(name for name in CORRECTIONS if name in corrections)


_SUBTRACTIONS_PER_CYCLE = 16
_SCRIPT_SIDE = 64
"""Side of the crossbar that the script's constants belong to."""


class SpikeSimSettings(BaseModel):
    """What may be chosen on a SpikeSim chip, in the script's own names.

    Attributes:
        xbar_size: Rows and columns of a crossbar; a multiple of 8, since 8 columns share an ADC.
        pe_per_tile: Processing elements per tile.
        clk_freq: Clock in MHz.
        device: Memory cell.
        corrections: Errors of the script that are mended, in any order; none by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    xbar_size: Annotated[int, Field(ge=8, le=65536, multiple_of=8)]
    pe_per_tile: Annotated[int, Field(ge=1)]
    clk_freq: Annotated[float, Field(gt=0)]
    device: Literal["rram", "sram"]
    corrections: Annotated[tuple[Correction, ...], AfterValidator(_in_order)] = ()


@dataclass(frozen=True, slots=True)
class SpikeSim:
    """SpikeSim's published script as a batched hardware model."""

    name: str = "spikesim"
    settings: type[BaseModel] = SpikeSimSettings
    leaves_out: tuple[str, ...] = (
        "linear, pooling and skip layers",
        "weight bits",
        "spike rates",
    )

    @property
    def choices(self) -> Mapping[str, tuple[Any, ...] | None]:
        """The script's settings are fixed."""
        return {}

    def cost(
        self,
        workload: Workload,
        chip: Chip,
        *,
        activity: Activity | None = None,
        choices: Mapping[str, NDArray[Any]] | None = None,
    ) -> Cost:
        """Return the cost of every network of the workload; spike rates do not matter.

        Raises:
            HardwareModelError: The chip is another model's.
        """
        del activity, choices
        layers = _Mapped.of(workload, chip)
        latency = total(layers.latency_ns())
        return Cost(
            energy_pj=total(np.asarray(sum(layers.energy_pj().values()))),
            latency_ns=latency,
            interval_ns=latency,
            area_um2=total(np.asarray(sum(layers.area_um2().values()))),
            parameters=workload.total_parameters(),
            memory_bits=workload.parameter_bits(),
            num_pe=total(layers.pe),
            num_tiles=layers.tiles,
            fits=np.ones(len(workload), dtype=bool),
        )

    def explain(
        self, workload: Workload, chip: Chip, *, activity: Activity | None = None
    ) -> Explanation:
        """Return the cost of the one network of the workload, taken apart."""
        layers = _Mapped.of(workload, chip)

        def parts(tables: dict[str, Floats]) -> Parts:
            return Parts({name: layers.spread(table)[:, 0] for name, table in tables.items()})

        unmodelled = np.isin(workload.kind, (Kind.LINEAR, Kind.AVGPOOL, Kind.MAXPOOL, Kind.SKIP))
        unmodelled[layers.rows] &= ~layers.present
        return Explanation(
            cost=self.cost(workload, chip, activity=activity),
            energy_pj=parts(layers.energy_pj()),
            latency_ns=parts({"pe cycles": layers.latency_ns()}),
            area_um2=parts(layers.area_um2()),
            memory_bits={"parameters": float(workload.parameter_bits()[0])},
            figures={"pe": layers.spread(layers.pe)[:, 0]},
            not_modelled=unmodelled[:, 0],
            leaves_out=("pooling and skip layers", *self.leaves_out[1:])
            if layers.has("classifier")
            else None,
        )


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The layers that the script maps, ``(K, N)``, with what all equations share.

    Attributes:
        chip: Chip.
        settings: Its settings.
        shape: ``(L, N)`` of the workload.
        rows: Which of its L rows these are.
        steps: Time steps, ``(N,)``.
        present: Whether the network has the layer.
        in_elements: Inputs per step.
        positions: Output positions; after pooling, the script knows no other.
        outputs: Output elements likewise.
        neurons: Those of them that LIF neurons read.
        kernel_area: Crossbars per PE, one per kernel position.
        pe: PEs per layer.
        tiles: Tiles, ``(N,)``.
    """

    chip: Chip
    settings: SpikeSimSettings
    shape: tuple[int, ...]
    rows: NDArray[np.bool_]
    steps: Floats
    present: NDArray[np.bool_]
    in_elements: Floats
    positions: Floats
    outputs: Floats
    neurons: Floats
    kernel_area: Floats
    pe: Floats
    tiles: Floats

    @classmethod
    def of(cls, w: Workload, chip: Chip) -> _Mapped:
        settings = chip.settings
        if not isinstance(settings, SpikeSimSettings):
            raise HardwareModelError(
                f"chip '{chip.name}' describes model '{chip.model}', not 'spikesim'"
            )
        mapped = w.kind == Kind.CONV
        if "classifier" in settings.corrections:
            mapped = mapped | (w.kind == Kind.LINEAR)
        rows = mapped.any(axis=1)
        present = mapped[rows]
        early = "sizes_before_pooling" in settings.corrections
        height, width = (w.out_height, w.out_width) if early else (w.pooled_height, w.pooled_width)
        positions = np.where(present, height[rows] * width[rows], 0.0)
        in_positions = np.where(present, w.in_height[rows] * w.in_width[rows], 0.0)
        side = float(settings.xbar_size)
        outputs = np.multiply(w.out_channels[rows], positions)
        row_blocks = np.ceil(w.in_channels[rows] / side)
        pe = np.where(present, row_blocks * np.ceil(w.out_channels[rows] / side), 0.0)
        return cls(
            chip=chip,
            settings=settings,
            shape=w.kind.shape,
            rows=rows,
            steps=w.time_steps.astype(np.float64),
            present=present,
            in_elements=np.multiply(w.in_channels[rows], in_positions),
            positions=positions,
            outputs=outputs,
            neurons=np.where(_fires(w)[rows], outputs, 0.0),
            kernel_area=np.where(present, np.maximum(w.kernel[rows], 1) ** 2, 0.0),
            pe=pe,
            tiles=np.ceil(total(pe) / settings.pe_per_tile),
        )

    def spread(self, values: Floats) -> Floats:
        """Return ``(K, N)`` values as ``(L, N)``."""
        table = np.zeros(self.shape)
        table[self.rows] = values
        return table

    def has(self, correction: Correction) -> bool:
        """Return whether the chip mends this error of the script."""
        return correction in self.settings.corrections

    @property
    def _adcs(self) -> float:
        return self.settings.xbar_size / self.chip.value("columns_per_adc")

    @property
    def _cells(self) -> float:
        """Cells of a crossbar over those that the script's constants are for."""
        return (self.settings.xbar_size / _SCRIPT_SIDE) ** 2 if self.has("crossbar_size") else 1.0

    def energy_pj(self) -> dict[str, Floats]:
        """Return, per component, PE cycles x energy of one, x T, shape ``(K, N)``."""
        c, adcs, ones = self.chip.value, self._adcs, np.ones_like(self.pe)
        rounds = c("columns_per_adc") if self.has("adc_rounds") else adcs
        adc_sets = self.kernel_area if self.has("adcs_per_crossbar") else ones
        crossbar = c(f"energy_{self.settings.device}_crossbar") * self._cells
        shared_by = self.settings.pe_per_tile if self.has("tile_buffer_per_tile") else 1
        cycle = {
            "H-trees": c("energy_htree") * ones,
            "memory fetches": c("energy_memory_fetch") * ones,
            "neurons": c("energy_neuron") * ones,
            "crossbars": rounds * self.kernel_area * crossbar,
            "ADCs": rounds * adcs * c("energy_adc") * adc_sets,
            "multiplexers": rounds * adcs * c("energy_mux") * adc_sets,
            "subtractors": adcs * _SUBTRACTIONS_PER_CYCLE * c("energy_subtractor") * ones,
            "temporary buffers": adcs * c("energy_temporary_buffer") * ones,
            "tile buffers": c("energy_tile_buffer") / shared_by * ones,
        }
        cycles = self.pe * self.positions * self.steps
        parts = {name: cycles * energy for name, energy in cycle.items()}
        if self.has("neuron_updates"):
            update = c("energy_neuron") / c("neuron_updates_per_cycle")
            parts["neurons"] = self.neurons * self.steps * update
        return parts

    def latency_ns(self) -> Floats:
        """PE cycles per output element; all but the last layer overlap by a quarter."""
        cycle_ns = self.chip.value("cycles_per_pe_read") * 1000 / self.settings.clk_freq
        later = np.flip(np.flip(self.present, 0).cumsum(axis=0), 0) - self.present
        last = self.present & (later == 0)
        cycles = self.positions if self.has("cycle_per_position") else self.outputs
        overlapped = np.floor(self.chip.value("overlap_fraction") * cycles)
        return cycle_ns * self.steps * np.where(last, cycles, overlapped)

    def area_um2(self) -> dict[str, Floats]:
        """Return the area per component, ``(K, N)``.

        A layer's share is its own state memory, its own crossbars, and of everything else its
        part of the PEs.
        """
        c, adcs = self.chip.value, self._adcs
        per_tile = self.settings.pe_per_tile
        num_pe = total(self.pe)
        crossbar = c(f"area_{self.settings.device}_crossbar") * self._cells
        largest = self.kernel_area.max(axis=0, initial=0.0)
        vacant = per_tile * self.tiles - num_pe
        share = self.pe / np.maximum(num_pe, 1.0)
        state_bit, bits = c("area_state_bit"), c("membrane_bits")
        counted = self.present & (self.present.cumsum(axis=0) <= c("neuron_memory_layers"))
        if self.has("all_membranes"):
            counted = self.present
        input_bits = 1.0 if self.has("spike_inputs") else bits
        adc_sets = (per_tile * self.tiles) * share
        if self.has("adcs_per_crossbar"):
            adc_sets = self.pe * self.kernel_area + vacant * largest * share
        tiles = self.tiles * share
        return {
            "crossbars": (self.pe * self.kernel_area + vacant * largest * share) * crossbar,
            "ADCs": adc_sets * adcs * c("area_adc"),
            "multiplexers": adc_sets * adcs * c("area_mux"),
            "subtractors": tiles * adcs * c("area_subtractor"),
            "temporary buffers": tiles * c("area_temporary_buffer"),
            "tile buffers": tiles * c("area_tile_buffer"),
            "H-trees": tiles * c("area_htree"),
            "input memory": input_bits * state_bit * self.in_elements,
            "neuron memory": np.where(counted, bits * state_bit * self.neurons, 0.0),
        }


def _fires(w: Workload) -> NDArray[np.bool_]:
    """Return the layers whose outputs LIF neurons read, ``(L, N)``.

    Of every convolution the script takes it for granted. A linear layer has neurons of its own, or
    a LIF layer in the next row; a network's head has neither.
    """
    fires = w.neurons > 0
    lif_next = np.zeros_like(fires)
    lif_next[:-1] = fires[1:] & (w.kind[1:] == Kind.LIF)
    return np.asarray((w.kind == Kind.CONV) | fires | lif_next)


MODEL = SpikeSim()
