"""Batch norm over time and batch, over each step alone, and scaled by the threshold."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from neuronas.config import NeuronConfig
from neuronas.network.norm import batch_norm
from tests.network.examples import built
from tests.strategies import architecture

T, B, C = 3, 4, 2


def currents() -> torch.Tensor:
    """Return currents that grow from step to step, ``(T*B, C, 5, 5)``."""
    drawn = torch.randn(T, B, C, 5, 5, generator=torch.Generator().manual_seed(0))
    return (drawn * torch.arange(1, T + 1).view(T, 1, 1, 1, 1)).flatten(0, 1)


def test_folded_sees_all_steps_at_once():
    norm = batch_norm("folded", C, time_steps=T, threshold=1.0)
    assert type(norm) is nn.BatchNorm2d
    steps = norm(currents()).unflatten(0, (T, B))
    deviations = steps.std(dim=(1, 2, 3, 4))
    assert (deviations.diff() > 0.3).all()  # later steps stay larger


def test_per_step_sees_each_step_alone():
    norm = batch_norm("per_step", C, time_steps=T, threshold=1.0)
    steps = norm(currents()).unflatten(0, (T, B))
    torch.testing.assert_close(steps.std(dim=(1, 3, 4)), torch.ones(T, C), atol=0.01, rtol=0)
    alone = nn.BatchNorm2d(C)
    for step in currents().unflatten(0, (T, B)):
        alone(step)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value)
    # In evaluation the same statistics hold for all steps.
    torch.testing.assert_close(norm.eval()(currents()), alone.eval()(currents()))


@pytest.mark.parametrize(("threshold", "meeting", "deviation"), [(0.5, 1, 0.5), (1.5, 4, 0.75)])
def test_tdbn_gives_currents_the_threshold_as_deviation(threshold, meeting, deviation):
    norm = batch_norm("tdbn", C, time_steps=T, threshold=threshold, meeting=meeting)
    normalized = norm(currents())
    expected = torch.full((C,), deviation)
    torch.testing.assert_close(normalized.std(dim=(0, 2, 3)), expected, atol=0.01, rtol=0)


def test_where_currents_meet_at_a_node_tdbn_takes_less_of_each():
    network = architecture(
        cell_a="0303 0003 0000 0000", threshold=2.0, neuron=NeuronConfig(batch_norm="tdbn")
    )
    cell = built(network).cell_a.operations
    alone, meeting = (cell[edge][1].weight[0].item() for edge in ("0->1", "1->3"))
    assert alone == 2.0
    assert meeting == pytest.approx(2.0 / 2**0.5)


def test_a_stepped_cell_normalizes_one_step_at_a_time():
    network = architecture(cell_a="0300 0030 0003 1000", time_steps=T, channels=C)
    module = built(network).train()
    module(torch.rand(B, *network.input_shape))
    tracked = {
        name: int(norm.num_batches_tracked)
        for name, norm in module.named_modules()
        if isinstance(norm, nn.BatchNorm2d)
    }
    assert tracked["cell_a.operations.0->1.1"] == T
    assert tracked["reduction.1"] == 1
