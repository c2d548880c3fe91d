"""The energy-latency-area model of SpikeSim, to the last digit.

Equations: ``ela_spikesim.py`` of the public SpikeSim repository (arXiv 2210.12899), commit
c2627bc, errors included, so that published budgets can be compared. It covers convolutions only.

Where the script raises or never returns (more than 12 layers, crossbar counts that decrease,
layers smaller than a crossbar) the same closed form is defined here. Beyond the script, each layer
may have its own kernel: it sets the crossbars of that layer's processing elements (PEs) and the
energy of its PE cycles. A PE that rounding up to whole tiles leaves empty is charged the network's
largest kernel, since it must be able to hold any layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronas.architecture import Workload
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware.chip import Chip
from neuronas.hardware.cost import Cost, Floats, total

_SUBTRACTIONS_PER_CYCLE = 16


@dataclass(frozen=True, slots=True)
class SpikeSim:
    """SpikeSim's published script as a batched hardware model."""

    name: str = "spikesim"
    leaves_out: tuple[str, ...] = (
        "linear, pooling and skip layers",
        "weight bits",
        "spike rates",
    )

    def cost(self, workload: Workload, chip: Chip) -> Cost:
        """Return the cost of every network of the workload.

        Raises:
            HardwareModelError: The chip's constants belong to another model.
        """
        if chip.model != self.name:
            raise HardwareModelError(
                f"chip '{chip.name}' describes model '{chip.model}', not '{self.name}'"
            )
        conv = workload.kind == Kind.CONV
        unmodelled = np.isin(workload.kind, (Kind.LINEAR, Kind.AVGPOOL, Kind.SKIP))
        rows = conv.any(axis=1)
        layers = _Convolutions.of(workload, rows, chip)

        def spread(values: Floats) -> Floats:
            table = np.zeros(workload.kind.shape)
            table[rows] = values
            return table

        area_parts, layer_area = layers.area_um2()
        return Cost(
            layer_energy_pj=spread(layers.energy_pj()),
            layer_latency_ns=spread(layers.latency_ns()),
            layer_area_um2=spread(layer_area),
            layer_pe=spread(layers.pe),
            area_parts_um2=area_parts,
            num_tiles=layers.tiles,
            parameters=workload.total_parameters(),
            memory_bits=workload.parameter_bits(),
            not_modelled=unmodelled,
        )


@dataclass(frozen=True, slots=True)
class _Convolutions:
    """The convolution rows of a workload, ``(K, N)``, with what all equations share.

    Attributes:
        chip: Chip.
        steps: Time steps, ``(N,)``.
        present: Whether the network has the layer.
        in_elements: Inputs per step.
        positions: Output positions after pooling; the script knows no other.
        outputs: Output elements after pooling.
        kernel_area: Crossbars per PE, one per kernel position.
        pe: PEs per layer.
        tiles: Tiles, ``(N,)``.
    """

    chip: Chip
    steps: Floats
    present: np.typing.NDArray[np.bool_]
    in_elements: Floats
    positions: Floats
    outputs: Floats
    kernel_area: Floats
    pe: Floats
    tiles: Floats

    @classmethod
    def of(cls, w: Workload, rows: np.typing.NDArray[np.bool_], chip: Chip) -> _Convolutions:
        present = w.kind[rows] == Kind.CONV
        side = float(chip.settings.xbar_size)
        positions = np.where(present, w.pooled_height[rows] * w.pooled_width[rows], 0.0)
        in_positions = np.where(present, w.in_height[rows] * w.in_width[rows], 0.0)
        row_blocks = np.ceil(w.in_channels[rows] / side)
        pe = np.where(present, row_blocks * np.ceil(w.out_channels[rows] / side), 0.0)
        return cls(
            chip=chip,
            steps=w.time_steps.astype(np.float64),
            present=present,
            in_elements=np.multiply(w.in_channels[rows], in_positions),
            positions=positions,
            outputs=np.multiply(w.out_channels[rows], positions),
            kernel_area=np.where(present, w.kernel[rows] ** 2, 0.0),
            pe=pe,
            tiles=np.ceil(total(pe) / chip.settings.pe_per_tile),
        )

    @property
    def _adcs(self) -> float:
        return self.chip.settings.xbar_size / self.chip.value("columns_per_adc")

    def energy_pj(self) -> Floats:
        """PE cycles x energy of one, x T; the script counts one cycle per output position."""
        c, adcs = self.chip.value, self._adcs
        crossbar = c(f"energy_{self.chip.settings.device}_crossbar")
        read = self.kernel_area * crossbar + adcs * (c("energy_adc") + c("energy_mux"))
        cycle = (
            c("energy_htree")
            + c("energy_memory_fetch")
            + c("energy_neuron")
            + adcs * read
            + adcs * _SUBTRACTIONS_PER_CYCLE * c("energy_subtractor")
            + adcs * c("energy_temporary_buffer")
            + c("energy_tile_buffer")
        )
        return self.pe * self.positions * cycle * self.steps

    def latency_ns(self) -> Floats:
        """PE cycles per output element; all but the last layer overlap by a quarter."""
        cycle_ns = self.chip.value("cycles_per_pe_read") * 1000 / self.chip.settings.clk_freq
        later = np.flip(np.flip(self.present, 0).cumsum(axis=0), 0) - self.present
        last = self.present & (later == 0)
        overlapped = np.floor(self.chip.value("overlap_fraction") * self.outputs)
        return cycle_ns * self.steps * np.where(last, self.outputs, overlapped)

    def area_um2(self) -> tuple[dict[str, Floats], Floats]:
        """Return the area per component, each ``(N,)``, and each layer's share, ``(K, N)``.

        A layer's share is its own state memory, its own crossbars, and of everything else its
        part of the PEs.
        """
        c, adcs = self.chip.value, self._adcs
        per_tile = self.chip.settings.pe_per_tile
        num_pe = total(self.pe)
        crossbar = c(f"area_{self.chip.settings.device}_crossbar")
        own_crossbars = self.pe * self.kernel_area * crossbar
        empty = (
            (per_tile * self.tiles - num_pe) * self.kernel_area.max(axis=0, initial=0.0) * crossbar
        )
        state_bit = c("membrane_bits") * c("area_state_bit")
        counted = self.present & (self.present.cumsum(axis=0) <= c("neuron_memory_layers"))
        own_inputs = state_bit * self.in_elements
        own_neurons = np.where(counted, state_bit * self.outputs, 0.0)
        shared = {
            "adcs": per_tile * self.tiles * adcs * c("area_adc"),
            "multiplexers": per_tile * self.tiles * adcs * c("area_mux"),
            "subtractors": self.tiles * adcs * c("area_subtractor"),
            "temporary_buffers": self.tiles * c("area_temporary_buffer"),
            "tile_buffers": self.tiles * c("area_tile_buffer"),
            "htree": self.tiles * c("area_htree"),
        }
        parts = {
            "crossbars": total(own_crossbars) + empty,
            **shared,
            "input_memory": total(own_inputs),
            "neuron_memory": total(own_neurons),
        }
        overhead = sum(shared.values(), empty)
        share = self.pe / np.maximum(num_pe, 1.0)
        return parts, own_crossbars + own_inputs + own_neurons + overhead * share
