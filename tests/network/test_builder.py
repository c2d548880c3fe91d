"""The torch module is the network that the layer table describes."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from neuronas.architecture import SLOT_INDEX, Architecture, Networks, Workload
from neuronas.config import Kind, NeuronConfig
from neuronas.errors import GenotypeError
from neuronas.network import LIF, QuantizedConv2d, QuantizedLinear, SpikingNetwork, build_network
from neuronas.network.builder import slot_of
from neuronas.network.plan import Plan
from tests.network.examples import built, images_for, living, module_paths, run, small_networks
from tests.strategies import CHAIN, DEAD_ENDS, NOTHING, WIRE, architecture, whole_cells

BATCH = 3
THRESHOLDS = {0.5, 1.0, 1.5}
"""Those that operations give their neurons."""

NORMALIZED = {"reduction.lif", "classifier.lif"}
WITHOUT_MODULE = {"reduction.pool", "classifier.pool"}
"""Poolings without parameters that the network does itself."""


class Table:
    """The layer table of one network, by the layers' names."""

    def __init__(self, network: Architecture) -> None:
        self.workload = Workload.of(Networks.of([network]))
        kinds = self.workload.kind[:, 0]
        self.kinds = {n: Kind(int(kinds[i])) for n, i in SLOT_INDEX.items() if kinds[i]}

    def names(self, *kinds: Kind) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def read(self, name: str, *columns: str) -> tuple[int, ...]:
        row = SLOT_INDEX[name]
        return tuple(int(getattr(self.workload, column)[row, 0]) for column in columns)


def layers(network: SpikingNetwork) -> dict[str, nn.Module]:
    """Return the modules that stand for layers of the layer table, by the layers' names."""
    modules = dict(network.named_modules())
    paths = module_paths(SLOT_INDEX)
    return {slot: modules[path] for slot, path in paths.items() if path in modules}


def only(module: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Return the one module of a kind inside a layer, or the layer itself."""
    (found,) = [inner for inner in module.modules() if isinstance(inner, kind)]
    return found


def observed(network: SpikingNetwork, image_batch: torch.Tensor) -> dict[nn.Module, list]:
    """Return input and output shapes of each call of each module in one forward pass."""
    calls: dict[nn.Module, list] = defaultdict(list)
    handles = [
        module.register_forward_hook(
            lambda module, inputs, output: calls[module].append((inputs[0].shape, output.shape))
        )
        for module in network.modules()
        if isinstance(module, QuantizedConv2d | QuantizedLinear | nn.AvgPool2d | LIF)
    ]
    network.eval()(image_batch)
    for handle in handles:
        handle.remove()
    return calls


@settings(max_examples=25)
@given(small_networks())
def test_each_layer_has_the_parameters_that_the_table_says_and_there_are_no_others(network):
    table, module = Table(network), built(network)
    found = layers(module)
    kinds = (Kind.CONV, Kind.LINEAR, Kind.LIF, Kind.AVGPOOL, Kind.MAXPOOL)
    expected = [name for name in table.names(*kinds) if name not in WITHOUT_MODULE]
    assert list(found) == [name for name in expected if ".lif" not in name or name in NORMALIZED]
    parameters = {name: sum(p.numel() for p in layer.parameters()) for name, layer in found.items()}
    assert parameters == {name: table.read(name, "parameters")[0] for name in found}
    total = sum(parameter.numel() for parameter in module.parameters())
    assert total == sum(parameters.values()) == int(table.workload.total_parameters()[0])


@settings(max_examples=25)
@given(small_networks())
def test_each_layer_has_the_shape_bits_and_maps_that_the_table_says(network):
    table, module = Table(network), built(network)
    found = layers(module)
    calls = observed(module, images_for(network, BATCH))
    for name in table.names(Kind.CONV):
        conv = only(found[name], QuantizedConv2d)
        ins, outs, kernel, stride, weights, bits = table.read(
            name, "in_channels", "out_channels", "kernel", "stride", "weights", "weight_bits"
        )
        assert (conv.in_channels, conv.out_channels, conv.bits) == (ins, outs, bits), name
        assert (conv.kernel_size, conv.stride) == ((kernel, kernel), (stride, stride)), name
        assert conv.weight.numel() == weights, name
        images = BATCH * table.read(name, "steps")[0]  # a still stem runs once
        in_map = table.read(name, "in_height", "in_width")
        out_map = table.read(name, "out_height", "out_width")
        assert calls[conv] == [((images, ins, *in_map), (images, outs, *out_map))], name
    for name in table.names(Kind.LINEAR):
        linear = only(found[name], QuantizedLinear)
        ins, outs, weights, bits = table.read(
            name, "in_channels", "out_channels", "weights", "weight_bits"
        )
        assert (linear.in_features, linear.out_features, linear.bits) == (ins, outs, bits), name
        assert linear.weight.numel() == weights, name
        images = BATCH * table.read(name, "steps")[0]
        assert calls[linear] == [((images, ins), (images, outs))], name
    for name in set(table.names(Kind.AVGPOOL)) - WITHOUT_MODULE:
        pool = only(found[name], nn.AvgPool2d)
        assert table.read(name, "kernel", "stride") == (pool.kernel_size, pool.stride), name
    assert table.read("reduction.pool", "kernel", "stride") == (module.reduction_pool,) * 2
    assert table.read("classifier.pool", "kernel", "stride") == (module.pool,) * 2


@settings(max_examples=25)
@given(small_networks())
def test_each_lif_layer_has_the_neurons_that_the_table_says(network):
    table, module = Table(network), built(network)
    lifs = module.lif_layers()
    assert list(dict.fromkeys(map(slot_of, lifs))) == table.names(Kind.LIF)
    assert len(lifs) == sum(isinstance(inner, LIF) for inner in module.modules())
    calls = observed(module, images_for(network, BATCH))
    for name, lif in lifs.items():
        ((read, written),) = calls[lif]
        assert read == written
        assert written[:2] == (network.time_steps, BATCH)
        beside = sum(slot_of(other) == slot_of(name) for other in lifs)
        neurons = beside * written[2:].numel()
        assert (neurons,) == table.read(slot_of(name), "neurons"), name
        assert lif.decay() == network.decay
        thresholds = {network.threshold} if beside == 1 and "_" not in name else THRESHOLDS
        assert lif.firing_threshold() in {network.threshold, *thresholds}


@settings(max_examples=20)
@given(small_networks())
def test_a_network_gives_one_number_per_class_and_every_weight_learns(network):
    module = built(network)
    outputs = module(images_for(network, BATCH))
    assert outputs.shape == (BATCH, network.classes)
    outputs.pow(2).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@settings(max_examples=20)
@given(small_networks())
def test_edges_on_no_path_are_not_built(network):
    module, canonical = built(network), built(network.canonical())
    assert list(module.state_dict()) == list(canonical.state_dict())
    images = images_for(network)
    assert torch.equal(run(module, images), run(canonical, images))


@settings(max_examples=25)
@given(whole_cells())
def test_a_threshold_that_is_the_networks_own_makes_no_other_network(network):
    """Built as it stands, it gives the outputs and gradients of its canonical form."""
    table = Workload.of(Networks.of([network]), dead_edges=True)
    written, canonical = SpikingNetwork(Plan(network, table)), built(network.canonical())
    written.load_state_dict(canonical.state_dict())
    images, parameters = images_for(network), list(canonical.parameters())
    outputs = [run(module, images) for module in (written, canonical)]
    assert torch.equal(*outputs)
    for output in outputs:
        output.pow(2).sum().backward()
    for ours, theirs in zip(parameters, written.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_a_threshold_that_is_learned_is_learned_once_for_all_that_start_at_it():
    neuron = NeuronConfig(learned=("threshold",))
    for cell, count in (("0b03 0003 0000 0000", 1), ("0a03 0003 0000 0000", 2)):
        lifs = built(architecture(cell_a=cell, threshold=1.0, neuron=neuron)).lif_layers()
        assert sum(name.startswith("cell_a.lif0") for name in lifs) == count


def test_dead_ends_leave_neither_convolutions_nor_neurons():
    found = layers(built(architecture(cell_b=DEAD_ENDS)))
    assert not [name for name in found if name.startswith("cell_b")]


def test_one_lif_serves_all_convolutions_that_leave_a_node():
    module = built(architecture(cell_a="0333 0000 0000 0000"))
    assert [name for name in module.lif_layers() if name.startswith("cell_a")] == ["cell_a.lif0"]
    module = built(architecture(cell_a="0321 0002 0003 0000"))
    assert [name for name in module.lif_layers() if name.startswith("cell_a")] == [
        "cell_a.lif0",
        "cell_a.lif1",
        "cell_a.lif2",
    ]


@pytest.mark.parametrize(("pool", "hidden", "read"), [(1, 0, 256), (2, 0, 64), (4, 7, 16)])
def test_the_classifier_reads_the_pooled_map(pool, hidden, read):
    module = built(architecture(pool=pool, hidden=hidden))
    linears = [inner for inner in module.modules() if isinstance(inner, QuantizedLinear)]
    widths = [(linear.in_features, linear.out_features) for linear in linears]
    assert widths == ([(read, hidden), (hidden, 10)] if hidden else [(read, 10)])
    assert ("classifier.hidden_lif" in module.lif_layers()) == bool(hidden)
    assert module(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_the_seed_draws_the_weights():
    first, again, other = (built(architecture(), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"cell_a": NOTHING}, "cell_a"),
        ({"cell_b": "0300 0000 0003 0000"}, "cell_b"),
        ({"pool": 5}, "pool"),
        ({"input_shape": (1, 8, 1), "pool": 1}, "input_shape"),
    ],
)
def test_a_network_that_cannot_run_is_refused_with_the_reason(changes, key):
    with pytest.raises(GenotypeError) as caught:
        build_network(architecture(**changes))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [key]


def test_everything_wrong_is_told_at_once():
    with pytest.raises(GenotypeError) as caught:
        build_network(architecture(cell_a=NOTHING, cell_b=NOTHING, pool=9))
    keys = [problem.partition(":")[0] for problem in caught.value.problems]
    assert keys == ["cell_a", "cell_b", "pool"]


def test_networks_that_are_gone_are_kept_nowhere():
    candidate = architecture(cell_b=CHAIN, channels=2, hidden=3)
    images = images_for(candidate, 2)
    built(candidate)(images).sum().backward()
    before = living()
    for _ in range(20):
        built(candidate)(images).sum().backward()
    for _ in range(280):
        built(candidate)
    assert living() == before


def test_an_image_that_is_not_a_number_is_seen_in_the_gradient_not_in_the_loss():
    """NaN fires no neuron, so the head sees silence and the loss is finite: check the gradient."""
    candidate = architecture(cell_a=CHAIN, cell_b=WIRE)
    module, images = built(candidate), images_for(candidate, 4)
    images[0, 0, 0, 0] = torch.nan
    loss = module(images).pow(2).sum()
    loss.backward()
    assert loss.isfinite()
    assert not torch.nn.utils.get_total_norm(p.grad for p in module.parameters()).isfinite()


def test_what_neurons_learn_is_counted_among_the_parameters():
    network = architecture(
        cell_a="0aab 00b0 000c 0000",
        hidden=4,
        neuron=NeuronConfig(learned=("decay", "threshold")),
    )
    table, module = Workload.of(Networks.of([network])), built(network)
    plain = network.model_copy(update={"neuron": NeuronConfig()})
    found = sum(parameter.numel() for parameter in module.parameters())
    assert found == int(table.total_parameters()[0])
    without = int(Workload.of(Networks.of([plain])).total_parameters()[0])
    assert found - without == 2 * len(module.lif_layers())
