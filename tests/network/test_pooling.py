"""Both poolings are torch's average pooling."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from neuronas.network.pooling import SameAvgPool2d, block_mean


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (3, 4, 7, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_average_and_gradient_are_those_of_torch(shape, kernel, dtype):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    pool = SameAvgPool2d(shape[1], kernel).to(dtype)
    expected = F.avg_pool2d(x, kernel, stride=1, padding=kernel // 2)
    upstream = torch.randn_like(expected)
    slack = 2e-2 if dtype == torch.bfloat16 else 1e-6
    found = pool(x)
    torch.testing.assert_close(found, expected, rtol=slack, atol=slack)
    slopes = [torch.autograd.grad(y, x, upstream)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=slack, atol=slack)
    assert not pool.state_dict()


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_block_means_and_their_gradient_are_those_of_torch(side, layout):
    drawn = torch.randn(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    x = drawn.contiguous(memory_format=layout).requires_grad_()
    found, expected = block_mean(x, side), F.avg_pool2d(x, side)
    torch.testing.assert_close(found, expected)
    upstream = torch.randn_like(expected)
    slopes = [torch.autograd.grad(y, x, upstream)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes)
