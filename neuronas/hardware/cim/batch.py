"""The cost of N networks, ``LANES`` side by side: every layer counted, then priced."""

from __future__ import annotations

from types import FunctionType
from typing import Any, NamedTuple, cast

from numpy.typing import NDArray

from neuronas.hardware.cim.area import count_area, fill_area_prices, fill_wires
from neuronas.hardware.cim.compiled import (
    LANES,
    CompiledOnce,
    Lanes,
    compiled,
    digest_of_sources,
    numbers_of,
    records,
)
from neuronas.hardware.cim.energy import fill_energy_prices
from neuronas.hardware.cim.inputs import (
    AVGPOOL,
    CONV,
    CURRENT,
    LIF,
    LINEAR,
    MAXPOOL,
    SKIP,
    SPIKES,
    Choice,
    Design,
    Graph,
    Layer,
    Prices,
    Table,
)
from neuronas.hardware.cim.mapping import (
    Counts,
    Matrix,
    Placement,
    Sides,
    fill_matrix,
    fill_placement,
    fill_shares,
    fill_sides,
    fill_tile_kernel,
)
from neuronas.hardware.cim.quantities import (
    AREA_OF,
    ENERGY_OF,
    Amounts,
    AreaPrices,
    EnergyPrices,
    Most,
    Times,
)
from neuronas.hardware.cim.schedules import (
    Finished,
    Latency,
    fill_latency,
)
from neuronas.hardware.cim.spiking import LAYER_SERIAL, count_spiking
from neuronas.hardware.cim.timing import (
    Additions,
    fill_additions,
    fill_leaking,
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
        area_um2: In all.
        chip_um2: Area that wires reach over: all but the store of spikes, which stands aside.
        layers_um2: Area of all layers.
        wires_um2, membranes_um2, store_um2: Area that is no layer's.
        membrane_bits, store_bits: Memory that is no layer's.
        energy_pj: In all.
        leakage_pj: Energy that is no layer's.
        busy_ns: How long the chip leaks.
        reach: Factor of wires' time.
        most: Of any layer.
        matrices: Layers with a matrix.
        area_prices, energy_prices: Of each charge.
        counts: Of kernels.
        least: The narrowest PEs.
        placement, reads, additions: Of one layer after the other.
    """

    choice: Choice
    time_steps: Lanes
    sides: Sides
    latency: Latency
    area_um2: Lanes
    chip_um2: Lanes
    layers_um2: Lanes
    wires_um2: Lanes
    membranes_um2: Lanes
    store_um2: Lanes
    membrane_bits: Lanes
    store_bits: Lanes
    energy_pj: Lanes
    leakage_pj: Lanes
    busy_ns: Lanes
    reach: Lanes
    most: Most
    matrices: Lanes
    area_prices: AreaPrices
    energy_prices: EnergyPrices
    placement: Placement
    reads: Reads
    additions: Additions
    counts: Counts
    least: Sides


class Ledger(NamedTuple):
    """What the costs of ``LANES`` networks are made of: of those that were costed last.

    Attributes:
        layers: Records of :class:`Layer`, ``(L,)``.
        read: Their numbers, ``(L, numbers, LANES)``.
        matrices, times, finished: Of each layer, ``(L,)``.
        amounts: Records of :class:`Amounts`: of all layers, then of each if they are explained.
        counted: Their numbers, ``(., quantities, LANES)``.
        networks: What is of no layer: an array of one :class:`Network`, as records come to
            compiled code.
        area_priced, energy_priced: Of its prices, ``(charges, LANES)``.
    """

    layers: Any
    read: Floats
    matrices: Any
    times: Any
    finished: Any
    amounts: Any
    counted: Floats
    networks: Any
    area_priced: Floats
    energy_priced: Floats

    @property
    def network(self) -> Network:
        """What is of no layer."""
        return cast(Network, self.networks[0])


def empty_ledger(layers: int, *, explained: bool) -> Ledger:
    """Return a ledger to fill in for networks of so many layers.

    Args:
        layers: Rows of the layer table.
        explained: Whether amounts of every layer are kept, not of all together only.
    """
    table, matrices, times, finished, amounts, network = records(
        (Layer, layers),
        (Matrix, layers),
        (Times, layers),
        (Finished, layers),
        (Amounts, 1 + layers if explained else 1),
        (Network, 1),
    )
    return Ledger(
        layers=table,
        read=numbers_of(table),
        matrices=matrices,
        times=times,
        finished=finished,
        amounts=amounts,
        counted=numbers_of(amounts),
        networks=network,
        area_priced=numbers_of(network, "area_prices")[0],
        energy_priced=numbers_of(network, "energy_prices")[0],
    )


@compiled
def _copy(lanes: Lanes, of: Floats, first: int) -> None:
    """Copy the numbers of ``LANES`` networks from the first one on."""
    values = of[first : first + LANES]  # whose places need no check: they are none below zero
    for i in range(len(values)):  # not LANES: unrolled, it is slower
        lanes[i] = values[i]


@compiled
def _write(into: Floats, first: int, lanes: Lanes) -> None:
    """Copy the numbers of ``LANES`` networks into the places from the first one on."""
    values = into[first : first + LANES]
    for i in range(len(values)):
        values[i] = lanes[i]


@compiled
def _read(k: Ledger, t: Table, choices: Floats, start: int, first: int) -> None:
    """Fill in the layers of networks from the first one on, and what they choose."""
    w, c = k.networks[0], k.networks[0].choice
    for place in range(len(t.fields)):
        field = t.fields[place]
        for row in range(len(k.read)):
            _copy(k.read[row, field], t.differing[place, row], first - start)
    _copy(c.columns_per_adc, choices[0], first)
    _copy(c.pe_per_tile, choices[1], first)
    _copy(c.columns, choices[2], first)
    _copy(c.mapping, choices[3], first)
    _copy(c.schedule, choices[4], first)
    _copy(w.time_steps, choices[5], first)
    fill_shares(c)


@compiled
def _count(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in what every layer takes, and its time but for the reach of wires."""
    w = k.networks[0]
    s, c = w.sides, w.choice
    fill_tile_kernel(s, w.counts, k.layers, k.matrices, c, k.read.shape[2])
    for row in range(len(k.layers)):
        fill_matrix(k.matrices[row], k.layers[row], s, p.beyond_four_bits, d, c)
    fill_sides(s, w.least, k.matrices)
    for i in range(LANES):
        w.most.neurons[i] = w.most.stored_bits[i] = w.most.tile_room[i] = w.matrices[i] = 0.0
    k.counted[:] = 0.0
    for row in range(len(k.layers)):
        # Counted into the sums at once, but where each layer is asked for.
        kept = row + 1 if len(k.amounts) > 1 else 0
        _count_layer(k.amounts[kept], k.times[row], k.matrices[row], k.layers[row], w, d, p)
        if kept:
            k.counted[0] += k.counted[kept]


@compiled
def _count_layer(
    q: Amounts,
    times: Times,
    x: Matrix,
    layer: Layer,
    w: Network,
    d: Design,
    p: Prices,
) -> None:
    """Fill in the time of one layer but for the reach of wires, and add what it takes."""
    s, c, m, r, a = w.sides, w.choice, w.placement, w.reads, w.additions
    fill_signals(r, layer, d)
    count_spiking(q, w.most, layer, r, w.time_steps, d, c)
    fill_neurons(times, layer, p)
    fill_placement(m, x, s, c)
    fill_reads(r, layer, x, d)
    fill_additions(a, x, s, p, d, c)
    count_area(q, x, m, r, s, p, d)
    count_matrix(q, w.most, layer, x, r, s, d, c)
    fill_times(times, x, m, r, a, s, p, d, c)
    fill_additions(a, x, w.least, p, d, c)
    fill_leaking(times, x, r, a, w.least, p, d, c)
    for i in range(LANES):
        w.matrices[i] += 1.0 if x.copies[i] > 0.0 else 0.0


@compiled
def _price_area(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in the area, in all and what it is made of."""
    w, c = k.networks[0], k.networks[0].choice
    fill_area_prices(w.area_prices, p, d, c)
    for i in range(LANES):
        w.layers_um2[i] = 0.0
    for charge in range(len(AREA_OF)):
        for i in range(LANES):
            w.layers_um2[i] += k.counted[0, AREA_OF[charge], i] * k.area_priced[charge, i]
    fill_wires(w.wires_um2, k.amounts[0], w.area_prices, w.most, w.matrices, p, c)
    for i in range(LANES):
        # Layer by layer, one layer's membranes and one pair's spikes are held at a time.
        serial = 1.0 if c.schedule[i] == LAYER_SERIAL else 0.0
        membranes, store = w.most.neurons[i] * d.membrane_bits, w.most.stored_bits[i]
        w.membrane_bits[i], w.store_bits[i] = serial * membranes, serial * store
        w.membranes_um2[i] = serial * membranes * p.memory_bit_um2
        w.store_um2[i] = serial * store * p.memory_bit_um2
        w.chip_um2[i] = w.layers_um2[i] + w.wires_um2[i] + w.membranes_um2[i]
        w.area_um2[i] = w.chip_um2[i] + w.store_um2[i]


@compiled
def _time(k: Ledger, graph: Graph) -> None:
    """Fill in the latency, and the time that leakage is charged for."""
    w = k.networks[0]
    f, c, reach, steps = k.finished, w.choice, w.reach, w.time_steps
    fill_reach(reach, w.chip_um2, c)
    fill_latency(w.latency, f, k.times, k.layers, reach, steps, graph, c, leaking=True)
    for i in range(LANES):
        w.busy_ns[i] = w.latency.latency_ns[i]
    fill_latency(w.latency, f, k.times, k.layers, reach, steps, graph, c, leaking=False)


@compiled
def _price_energy(k: Ledger, d: Design, p: Prices) -> None:
    """Fill in the energy, in all and the price of every charge."""
    w = k.networks[0]
    area, price = w.area_prices, w.energy_prices
    fill_energy_prices(price, area, w.sides, w.chip_um2, w.busy_ns, p, d, w.choice)
    for i in range(LANES):
        leaking = w.membranes_um2[i] * p.leakage_memory_mw_um2
        w.leakage_pj[i] = w.energy_pj[i] = leaking * w.busy_ns[i]
    for charge in range(len(ENERGY_OF)):
        for i in range(LANES):
            w.energy_pj[i] += k.counted[0, ENERGY_OF[charge], i] * k.energy_priced[charge, i]


def _cost_networks(sources: int) -> CompiledOnce:
    """Return the model as one function."""

    def cost_networks(
        totals: Floats,
        t: Table,
        choices: Floats,
        start: int,
        graph: Graph,
        designs: NDArray[Any],
        prices: NDArray[Any],
        k: Ledger,
    ) -> None:
        if sources == 0:  # never: it puts the sources among what the code is kept by
            return
        d, p, w, sums = designs[0], prices[0], k.networks[0], k.amounts[0]
        for row in range(len(k.read)):
            for field in range(t.fixed.shape[1]):
                k.read[row, field] = t.fixed[row, field]
        stop = min(start + t.differing.shape[2], totals.shape[1])
        for first in range(start, stop, LANES):
            _read(k, t, choices, start, first)
            _count(k, d, p)
            _price_area(k, d, p)
            _time(k, graph)
            _price_energy(k, d, p)
            _write(totals[0], first, w.energy_pj)
            _write(totals[1], first, w.latency.latency_ns)
            _write(totals[2], first, w.latency.interval_ns)
            _write(totals[3], first, w.area_um2)
            _write(totals[4], first, sums.pe)
            _write(totals[5], first, sums.tiles)

    assert isinstance(cost_networks, FunctionType)
    return CompiledOnce(cost_networks)


cost_networks = _cost_networks(
    digest_of_sources(CONV, LINEAR, AVGPOOL, MAXPOOL, SKIP, LIF, SPIKES, CURRENT)
)
"""Fill in the costs of those of N networks, a multiple of ``LANES``, that are in a table.

Args:
    totals: Filled in, ``(len(TOTALS), N)``.
    t: Layers of as many as are costed at once.
    choices: What each of the N chooses of the chip, and its time steps: ``(6, N)``, in the order
        of :class:`Choice`.
    start: The first one in the table.
    graph: Order of their layers.
    designs: The chip, one :class:`Design`.
    prices: Its prices, one :class:`Prices`.
    k: Filled in for the last networks.
"""
