"""A network's output, against a slow reference that steps snntorch's neurons over time."""

from __future__ import annotations

from collections import defaultdict

import pytest
import snntorch
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from neuronas.architecture import (
    ALL_EDGE_NAMES,
    ALL_EDGES,
    BIT_WIDTHS,
    GROUPS,
    Architecture,
    Networks,
    Workload,
)
from neuronas.config import NeuronConfig
from neuronas.errors import GenotypeError
from neuronas.network import SpikingNetwork, quantize_weight
from neuronas.network.coding import encode
from tests.network.examples import (
    BOUNDS,
    SEED,
    built,
    enliven,
    images_for,
    module_paths,
    run,
    small_networks,
)
from tests.strategies import (
    OPERATION_NAMES,
    architecture,
    edges_on_walks,
    feedback_cells,
)

FULL_PRECISION = st.just(32)


class Reference:
    """One time step after the other, one ``snntorch.Leaky`` per edge, no shared work.

    Args:
        network: Whose weights to use.
        architecture: Its description.
    """

    def __init__(self, network: SpikingNetwork, architecture: Architecture) -> None:
        self.weights = network.state_dict()
        self.architecture = architecture
        self.neurons: dict[str, snntorch.Leaky] = {}
        self.returned: dict[str, list[Tensor]] = {}
        self.paths = module_paths(dict.fromkeys(f"{c}.{e}" for c in GROUPS for e in ALL_EDGE_NAMES))

    def __call__(self, images: Tensor) -> Tensor:
        steps, coding = self.architecture.time_steps, self.architecture.coding
        coded = images.expand(steps, *images.shape)
        if coding == "events":
            coded = images.transpose(0, 1)
        elif coding != "direct":
            torch.manual_seed(SEED)
            coded = encode(images, coding, steps, BOUNDS)
        outputs = [self.step(read) for read in coded]
        if coding == "latency":
            spikes = [self.fire("head", output) for output in outputs]
            scores = sum(
                (steps - t) * fired * (1 - torch.stack(spikes[: t + 1])[:-1].amax(0))
                if t
                else steps * fired
                for t, fired in enumerate(spikes)
            )
        else:
            scores = torch.stack(outputs).mean(dim=0)
        votes = [scores[:, vote :: self.architecture.votes] for vote in range(self.votes)]
        return torch.stack(votes).mean(dim=0)

    @property
    def votes(self) -> int:
        return self.architecture.votes

    def step(self, images: Tensor) -> Tensor:
        x = self.conv_norm("stem", images)
        x = self.cell("cell_a", self.architecture.cell_a, x)
        x = self.fire("reduction", self.norm("reduction_lif.norm", x))
        x = F.avg_pool2d(self.conv_norm("reduction", x), 2)
        x = self.cell("cell_b", self.architecture.cell_b, x)
        x = self.fire("classifier", self.norm("classifier_lif.norm", x))
        x = F.avg_pool2d(x, self.architecture.pool).flatten(1)
        if self.architecture.hidden:
            x = self.fire("hidden", F.linear(x, self.weights["hidden.weight"]))
        return F.linear(x, self.weights["head.weight"], self.weights["head.bias"])

    def cell(self, cell: str, operations: tuple[str, ...], x: Tensor) -> Tensor:
        zeros = [torch.zeros_like(x)] * 4
        before = self.returned.pop(cell, zeros)
        nodes = [x + before[0], *before[1:]]
        if self.architecture.time_steps == 1:
            operations = operations[:6]
        live = edges_on_walks([OPERATION_NAMES.index(name) for name in operations])
        back = list(zeros)
        for edge in sorted(live):
            (source, target), place = ALL_EDGES[edge], f"{cell}.{ALL_EDGE_NAMES[edge]}"
            value = nodes[source]
            if operations[edge] == "avgpool3x3":
                value = F.avg_pool2d(value, 3, stride=1, padding=1)
            elif operations[edge] == "maxpool3x3":
                value = F.max_pool2d(value, 3, stride=1, padding=1)
            elif operations[edge] != "skip":
                _, _, own = operations[edge].partition("_th")
                fired = self.fire(place, value, float(own) if own else None)
                value = self.conv_norm(self.paths[place], fired)
            into = nodes if target > source else back
            into[target] = into[target] + value
        self.returned[cell] = back
        return nodes[3]

    def conv_norm(self, path: str, x: Tensor) -> Tensor:
        weight = self.weights[f"{path}.0.weight"]
        return self.norm(f"{path}.1", F.conv2d(x, weight, padding=weight.shape[-1] // 2))

    def norm(self, path: str, x: Tensor) -> Tensor:
        mean, variance, scale, shift = (
            self.weights[f"{path}.{name}"][:, None, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def fire(self, place: str, current: Tensor, threshold: float | None = None) -> Tensor:
        decay, threshold = self.architecture.decay, threshold or self.architecture.threshold
        reset = self.architecture.neuron.reset
        if place not in self.neurons:
            self.neurons[place] = snntorch.Leaky(
                beta=torch.tensor(decay, dtype=current.dtype),
                threshold=torch.tensor(threshold, dtype=current.dtype),
                reset_mechanism=reset,
            )
            snntorch.SpikingNeuron.instances.remove(self.neurons[place])
        spikes, _ = self.neurons[place]((1 - decay) * current)
        return spikes.to(current.dtype)


def spike_counts(network: SpikingNetwork, images: Tensor) -> dict[str, float]:
    """Return how many spikes each LIF layer sends in one forward pass."""
    counts: dict[str, float] = defaultdict(float)
    handles = [
        lif.register_forward_hook(
            lambda _, __, spikes, name=name: counts.update({name: float(spikes.sum())})
        )
        for name, lif in network.lif_layers().items()
    ]
    network(images)
    for handle in handles:
        handle.remove()
    return counts


@settings(max_examples=25)
@given(small_networks(bits=FULL_PRECISION, threshold=1.0))
def test_the_output_is_that_of_stepping_over_time(network):
    # Double precision: rounding must not decide whether a neuron fires.
    module = enliven(built(network), network).double()
    images = images_for(network, 2).double()
    with torch.no_grad():
        torch.testing.assert_close(
            run(module, images), Reference(module, network)(images), rtol=1e-5, atol=1e-6
        )


@settings(max_examples=25)
@given(
    small_networks(bits=FULL_PRECISION, threshold=1.0, cell=feedback_cells()),
    st.sampled_from(["zero", "subtract"]),
)
def test_cells_with_backward_edges_are_stepped_over_time(network, reset):
    assume(bool(Networks.of([network]).connected()[0]))
    neuron = network.neuron.model_copy(update={"reset": reset})
    network = network.model_copy(update={"neuron": neuron})
    module = enliven(built(network), network).double()
    images = images_for(network, 2).double()
    with torch.no_grad():
        torch.testing.assert_close(
            run(module, images), Reference(module, network)(images), rtol=1e-5, atol=1e-6
        )


def test_what_leads_backward_arrives_at_the_next_step_and_learns():
    # Node 2 fires into node 1 of the next step, the only way to the output.
    candidate = architecture(cell_a="0030 0003 0300 0000", channels=4, time_steps=1, threshold=0.3)
    with pytest.raises(GenotypeError, match="cell_a: no path"):
        built(candidate)
    candidate = candidate.model_copy(update={"time_steps": 3})
    module = enliven(built(candidate), candidate).train()
    module(images_for(candidate, 6)).square().sum().backward()
    for edge in ("0->2", "2->1", "1->3"):
        assert module.cell_a.operations[edge][0].weight.grad.abs().sum() > 0, edge


def test_a_rich_network_of_which_every_layer_fires_equals_stepping_over_time():
    candidate = architecture(
        cell_a="0312 0043 0002 0000",
        cell_b="0321 0034 0001 0000",
        channels=4,
        hidden=6,
        time_steps=5,
        threshold=0.4,
        weight_bits=dict.fromkeys(GROUPS, 32),
    )
    module = enliven(built(candidate), candidate).double()
    images = images_for(candidate, 4).double()
    with torch.no_grad():
        counts = spike_counts(module, images)
        assert set(counts) == set(module.lif_layers())
        assert all(count > 0 for count in counts.values()), counts
        outputs = module(images)
        torch.testing.assert_close(
            outputs, Reference(module, candidate)(images), rtol=1e-5, atol=1e-6
        )
    assert outputs.std(dim=0).min() > 1e-3  # the images are told apart


@settings(max_examples=20)
@given(small_networks(bits=st.sampled_from(BIT_WIDTHS), threshold=1.0))
def test_a_quantized_network_is_the_plain_one_with_quantized_weights(network):
    quantized = enliven(built(network), network)
    wide = network.model_copy(update={"weight_bits": _full_precision(network)})
    plain = built(wide, seed=9).eval()
    state = quantized.state_dict()
    for path, layer in quantized.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            state[f"{path}.weight"] = quantize_weight(layer.weight, layer.bits).detach()
    plain.load_state_dict(state)
    images = images_for(network)
    with torch.no_grad():
        assert torch.equal(run(quantized, images), run(plain, images))


def _full_precision(network: Architecture) -> object:
    return network.weight_bits.model_copy(update=dict.fromkeys(GROUPS, 32))


@settings(max_examples=20)
@given(small_networks(bits=FULL_PRECISION, threshold=1.0))
def test_neither_earlier_batches_nor_neighbours_change_a_samples_output(network):
    module = enliven(built(network), network).double()
    images = images_for(network, 4).double()
    with torch.no_grad():
        together = run(module, images)
        module(2 * images.flip(0))
        assert torch.equal(run(module, images), together)
        if network.coding != "rate":  # whose spikes are drawn for the whole batch
            torch.testing.assert_close(run(module, images[2:3]), together[2:3])


def test_what_a_network_reads_has_the_levels_that_the_table_says():
    network = architecture(
        cell_a="0341 0014 0003 0000",
        cell_b="0304 0031 0001 0000",
        channels=4,
        pool=2,
        threshold=0.5,
        neuron=NeuronConfig(current_bits=4),
    )
    module, table = enliven(built(network), network), Workload.of(Networks.of([network]))
    seen: dict[str, set[float]] = defaultdict(set)

    def recorder(name: str):
        def record(_module: object, inputs: tuple[Tensor, ...]) -> None:
            seen[name] |= set(inputs[0].unique().tolist())

        return record

    for cell in ("cell_a", "cell_b"):
        for edge, operation in getattr(module, cell).operations.items():
            operation.register_forward_pre_hook(recorder(f"{cell}.{edge}"))
        for name, lif in getattr(module, cell).neurons.items():
            lif.register_forward_pre_hook(recorder(f"{cell}.{name}"))
    module.head.register_forward_pre_hook(recorder("classifier.head"))
    module.reduction_lif.norm.register_forward_pre_hook(recorder("reduction.lif"))
    module.classifier_lif.norm.register_forward_pre_hook(recorder("classifier.lif"))
    with torch.no_grad():
        module(images_for(network, 6))
    assert len(seen) > 12
    for name, values in seen.items():
        levels = int(table.levels[table.row(name), 0])
        assert 1 < len(values) <= levels, name
    expected = {"cell_a.lif0": 16, "cell_a.0->2": 16, "cell_a.0->1": 2, "classifier.head": 5}
    assert {name: int(table.levels[table.row(name), 0]) for name in expected} == expected


def test_bf16_trains_in_halves_and_is_evaluated_whole():
    network = architecture(cell_a="0301 0043 0002 0000", channels=8, time_steps=3, threshold=0.4)
    whole, halved = enliven(built(network), network), enliven(built(network), network)
    halved.precision = "bf16"
    images = images_for(network, 16)
    with torch.no_grad():
        assert torch.equal(halved(images), whole(images))
    gradients = []
    for module in (whole, halved):
        heard = []
        conv = module.reduction[0]
        handle = conv.register_forward_hook(lambda _m, _i, out: heard.append(out.dtype))  # noqa: B023
        outputs = module.train()(images)
        outputs.square().mean().backward()
        handle.remove()
        assert outputs.dtype == torch.float32
        assert heard == [torch.bfloat16 if module is halved else torch.float32]
        assert all(p.grad.dtype == torch.float32 for p in module.parameters())
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    assert 0.9 < float(torch.cosine_similarity(*gradients, dim=0)) < 1.0
