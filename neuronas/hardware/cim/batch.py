"""The cost of N networks, ``LANES`` side by side: every layer counted, then priced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from neuronas.hardware.cim.area import AreaPrices, count_area, fill_area_prices, fill_wires
from neuronas.hardware.cim.compiled import (
    LANES,
    Lanes,
    compiled,
    compiled_once,
    digest_of_sources,
    numbers_of,
    record,
    records,
)
from neuronas.hardware.cim.energy import EnergyPrices, fill_energy_prices
from neuronas.hardware.cim.inputs import Choice, Design, Graph, Layer, Prices, Table
from neuronas.hardware.cim.mapping import (
    Matrix,
    Placement,
    Sides,
    fill_matrix,
    fill_placement,
    fill_sides,
    fill_tile_kernel,
)
from neuronas.hardware.cim.quantities import AREA_OF, CORE, ENERGY_OF, Amounts, Times
from neuronas.hardware.cim.schedules import Latency, Step, fill_latency, fill_step
from neuronas.hardware.cim.spiking import LAYER_SERIAL, count_spiking
from neuronas.hardware.cim.timing import (
    Additions,
    count_hidden,
    fill_additions,
    fill_neurons,
    fill_reach,
    fill_times,
)
from neuronas.hardware.cim.work import Reads, count_matrix, fill_reads, fill_signals
from neuronas.hardware.cost import Floats

TOTALS = ("energy_pj", "latency_ns", "interval_ns", "area_um2", "num_pe", "num_tiles")
"""What is summed up of every network, in this order."""


class Network:
    """What networks have beside their layers.

    Attributes:
        choice: Of the chip.
        time_steps: T.
        sides: Of PEs.
        latency: Of one inference.
        chip_um2: Area that wires reach over: all but the store of spikes, which stands aside.
        core_um2, beside_um2: Area of what computes, and of what stands beside it, of all layers.
        wires_um2, membranes_um2, store_um2: Area that is no layer's.
        membrane_bits, store_bits: Memory that is no layer's.
        energy_pj: In all.
        leakage_pj: Energy that is no layer's.
        busy_ns: How long the chip leaks.
        reach: Factor of wires' time.
        most_neurons, most_stored_bits: Of any layer.
        fullest: Most crossbars of a tile.
        matrices: Layers with a matrix.
    """

    choice: Choice
    time_steps: Lanes
    sides: Sides
    latency: Latency
    chip_um2: Lanes
    core_um2: Lanes
    beside_um2: Lanes
    wires_um2: Lanes
    membranes_um2: Lanes
    store_um2: Lanes
    membrane_bits: Lanes
    store_bits: Lanes
    energy_pj: Lanes
    leakage_pj: Lanes
    busy_ns: Lanes
    reach: Lanes
    most_neurons: Lanes
    most_stored_bits: Lanes
    fullest: Lanes
    matrices: Lanes


class Scratch:
    """What is filled in for one layer after the other."""

    placement: Placement
    reads: Reads
    additions: Additions
    wide: Sides
    more: Sides


class Ledger(NamedTuple):
    """What the costs of ``LANES`` networks are made of: of those that were costed last.

    Attributes:
        layers: Records of :class:`Layer`, ``(L,)``.
        read: Their numbers, ``(L, numbers, LANES)``.
        matrices, times, steps: Of each layer, ``(L,)``.
        amounts: Records of :class:`Amounts`, ``(L,)`` or one for all layers.
        counted: Their numbers, ``(., quantities * LANES)``.
        sums: Over all layers, one record of :class:`Amounts`.
        summed: Its numbers, ``(quantities, LANES)``.
        added: The same in a row.
        area_prices: One record of :class:`AreaPrices`.
        area_priced: Its numbers, ``(charges, LANES)``.
        energy_prices: One record of :class:`EnergyPrices`.
        energy_priced: Its numbers, ``(charges, LANES)``.
        network: What is of no layer.
        scratch: For one layer after the other.
    """

    layers: Any
    read: Floats
    matrices: Any
    times: Any
    steps: Any
    amounts: Any
    counted: Floats
    sums: Any
    summed: Floats
    added: Floats
    area_prices: Any
    area_priced: Floats
    energy_prices: Any
    energy_priced: Floats
    network: Network
    scratch: Scratch


def empty_ledger(layers: int, *, explained: bool) -> Ledger:
    """Return a ledger to fill in for networks of so many layers.

    Args:
        layers: Rows of the layer table.
        explained: Whether amounts of every layer are kept, not of the last only.
    """
    table, sums = records(Layer, layers), records(Amounts, 1)
    amounts = records(Amounts, layers if explained else 1)
    area, energy = records(AreaPrices, 1), records(EnergyPrices, 1)
    return Ledger(
        layers=table,
        read=numbers_of(table),
        matrices=records(Matrix, layers),
        times=records(Times, layers),
        steps=records(Step, layers),
        amounts=amounts,
        counted=numbers_of(amounts).reshape(len(amounts), -1),
        sums=sums,
        summed=numbers_of(sums)[0],
        added=numbers_of(sums).reshape(-1),
        area_prices=area,
        area_priced=numbers_of(area)[0],
        energy_prices=energy,
        energy_priced=numbers_of(energy)[0],
        network=record(Network),
        scratch=record(Scratch),
    )


@compiled
def _count(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in what every layer takes, and its time but for the reach of wires."""
    w, z = k.network, k.scratch
    s, c = w.sides, w.choice
    fill_tile_kernel(s, z.more, k.layers, k.matrices, c, k.read.shape[2])
    for row in range(len(k.layers)):
        fill_matrix(k.matrices[row], k.layers[row], s, p.beyond_four_bits, d, c)
    fill_sides(s, z.wide, z.more, k.matrices)
    for i in range(LANES):
        w.most_neurons[i] = w.most_stored_bits[i] = w.fullest[i] = w.matrices[i] = 0.0
    for number in range(len(k.added)):
        k.added[number] = 0.0
    for row in range(len(k.layers)):
        # One place for all layers stays in the cache, but where each is asked for.
        kept = min(row, len(k.amounts) - 1)
        _count_layer(k.amounts[kept], k.times[row], k.matrices[row], k.layers[row], w, z, d, p)
        for number in range(len(k.added)):
            k.added[number] += k.counted[kept, number]


@compiled
def _count_layer(
    q: Amounts,
    times: Times,
    x: Matrix,
    layer: Layer,
    w: Network,
    z: Scratch,
    d: Design,
    p: Prices,
) -> None:
    """Fill in what one layer takes."""
    s, c, m, r, a = w.sides, w.choice, z.placement, z.reads, z.additions
    fill_signals(r, layer, d)
    count_spiking(q, layer, r, w.time_steps, d, c)
    fill_neurons(times, layer, p)
    fill_placement(m, x, s, c)
    fill_reads(r, layer, x, d)
    fill_additions(a, x, m, s, p, d, c)
    count_area(q, x, m, s, d)
    count_matrix(q, layer, x, r, s, d, c)
    fill_times(times, x, m, r, a, s, p, d, c)
    count_hidden(q, layer, x, m, r, a, p, c)
    for i in range(LANES):
        stored = max(w.time_steps[i] - 1.0, 0.0) * (q.input_bits[i] + layer.neurons[i])
        w.most_neurons[i] = max(w.most_neurons[i], layer.neurons[i])
        w.most_stored_bits[i] = max(w.most_stored_bits[i], stored)
        w.matrices[i] += 1.0 if x.copies[i] > 0.0 else 0.0
        w.fullest[i] = max(w.fullest[i], q.crossbars[i] / max(q.tiles[i], 1.0))


@compiled
def _price_area(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in the area, in all and what it is made of."""
    w, c = k.network, k.network.choice
    fill_area_prices(k.area_prices[0], p, d, c)
    for i in range(LANES):
        w.core_um2[i] = w.beside_um2[i] = 0.0
    for charge in range(CORE):
        for i in range(LANES):
            w.core_um2[i] += k.summed[AREA_OF[charge], i] * k.area_priced[charge, i]
    for charge in range(CORE, len(AREA_OF)):
        for i in range(LANES):
            w.beside_um2[i] += k.summed[AREA_OF[charge], i] * k.area_priced[charge, i]
    fill_wires(w.wires_um2, k.sums[0], w.core_um2, w.fullest, w.matrices, p, c)
    for i in range(LANES):
        # Layer by layer, one layer's membranes and one pair's spikes are held at a time.
        serial = 1.0 if c.schedule[i] == LAYER_SERIAL else 0.0
        membranes, store = w.most_neurons[i] * d.membrane_bits, w.most_stored_bits[i]
        w.membrane_bits[i], w.store_bits[i] = serial * membranes, serial * store
        w.membranes_um2[i] = serial * membranes * p.memory_bit_um2
        w.store_um2[i] = serial * store * p.memory_bit_um2
        of_layers = w.core_um2[i] + w.beside_um2[i]
        w.chip_um2[i] = of_layers + w.wires_um2[i] + w.membranes_um2[i]


@compiled
def _price_energy(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in the energy, in all and the price of every charge."""
    w, hidden_ns = k.network, k.sums[0].hidden_ns
    for i in range(LANES):
        w.busy_ns[i] = w.latency.latency_ns[i] + hidden_ns[i]
    area, price = k.area_prices[0], k.energy_prices[0]
    fill_energy_prices(price, area, w.sides, w.chip_um2, w.busy_ns, p, d, w.choice)
    for i in range(LANES):
        leaking = w.membranes_um2[i] * p.leakage_memory_mw_um2
        w.leakage_pj[i] = w.energy_pj[i] = leaking * w.latency.latency_ns[i]
    for charge in range(len(ENERGY_OF)):
        for i in range(LANES):
            w.energy_pj[i] += k.summed[ENERGY_OF[charge], i] * k.energy_priced[charge, i]


def _cost_networks(sources: int) -> Callable[..., None]:
    """Return the model as one function."""

    def cost_networks(
        totals: Floats, t: Table, choices: Floats, graph: Graph, d: Design, p: Prices, k: Ledger
    ) -> None:
        if sources == 0:  # never: it puts the sources among what the code is kept by
            return
        w, c, sums = k.network, k.network.choice, k.sums[0]
        for row in range(len(k.read)):
            for field in range(t.fixed.shape[1]):
                k.read[row, field] = t.fixed[row, field]
        for block in range(len(t.differing)):
            for place in range(len(t.fields)):
                field = t.fields[place]
                for row in range(len(k.read)):
                    for i in range(k.read.shape[2]):
                        k.read[row, field, i] = t.differing[block, place, row, i]
            for i in range(LANES):
                n = block * LANES + i
                c.columns_per_adc[i], c.pe_per_tile[i] = choices[0, n], choices[1, n]
                c.columns[i], c.mapping[i] = choices[2, n], choices[3, n]
                c.schedule[i], w.time_steps[i] = choices[4, n], choices[5, n]
            _count(k, d, p)
            _price_area(k, d, p)
            fill_reach(w.reach, w.chip_um2, c)
            for row in range(len(k.layers)):
                times = k.times[row]
                for i in range(LANES):
                    times.wires[i] *= w.reach[i]
                fill_step(k.steps[row], times, k.layers[row], w.time_steps)
            fill_latency(w.latency, k.steps, w.time_steps, graph, c)
            _price_energy(k, d, p)
            for i in range(LANES):
                n = block * LANES + i
                totals[0, n], totals[1, n] = w.energy_pj[i], w.latency.latency_ns[i]
                totals[2, n] = w.latency.interval_ns[i]
                totals[3, n] = w.chip_um2[i] + w.store_um2[i]
                totals[4, n], totals[5, n] = sums.pe[i], sums.tiles[i]

    return compiled_once(cost_networks)


cost_networks = _cost_networks(digest_of_sources())
"""Fill in the costs of N networks, a multiple of ``LANES``.

Args:
    totals: Filled in, ``(len(TOTALS), N)``.
    t: Their layers.
    choices: What each chooses of the chip, and its time steps: ``(6, N)``, in the order of
        :class:`Choice`.
    graph: Order of their layers.
    d: The chip.
    p: Its prices.
    k: Filled in for the last networks.
"""
