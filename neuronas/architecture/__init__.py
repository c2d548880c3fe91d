"""What a candidate is: cells, networks, the search space, digests and the layer table."""

from neuronas.architecture.cells import (
    ALL_EDGE_NAMES,
    ALL_EDGES,
    BACK_EDGE_NAMES,
    BACK_EDGES,
    EDGE_NAMES,
    EDGES,
    NODES,
    canonical_cells,
    format_cnt_mat,
    live_edges,
    parse_cnt_mat,
)
from neuronas.architecture.digest import deployment_digest, network_keys, training_digest
from neuronas.architecture.layers import Layer, chain, workload_of_layers
from neuronas.architecture.networks import BIT_WIDTHS, GROUPS, Architecture, Networks, WeightBits
from neuronas.architecture.slots import SLOT_INDEX, SLOTS, Slot
from neuronas.architecture.space import (
    Choice,
    Parameter,
    SearchSpace,
    Suggester,
    edge_names,
)
from neuronas.architecture.workload import Signal, Workload

__all__ = [
    "ALL_EDGES",
    "ALL_EDGE_NAMES",
    "BACK_EDGES",
    "BACK_EDGE_NAMES",
    "BIT_WIDTHS",
    "EDGES",
    "EDGE_NAMES",
    "GROUPS",
    "NODES",
    "SLOTS",
    "SLOT_INDEX",
    "Architecture",
    "Choice",
    "Layer",
    "Networks",
    "Parameter",
    "SearchSpace",
    "Signal",
    "Slot",
    "Suggester",
    "WeightBits",
    "Workload",
    "canonical_cells",
    "chain",
    "deployment_digest",
    "edge_names",
    "format_cnt_mat",
    "live_edges",
    "network_keys",
    "parse_cnt_mat",
    "training_digest",
    "workload_of_layers",
]
