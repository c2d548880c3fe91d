"""Random crop and mirroring of whole batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from neuronas.config import AugmentConfig


def crop_and_flip(images: Tensor, augment: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Return images, each cut out at a place of its own and half of them mirrored.

    Args:
        images: Shape ``(B, ..., H, W)``, before normalisation: the border that is added is 0.
            All that a sample has (channels, time steps) moves together.
        augment: Pixels of the border, and whether to mirror.
        generator: Decides places and mirroring.

    Returns:
        A tensor of the same shape and type.
    """
    batch, height, width = len(images), images.shape[-2], images.shape[-1]
    planes = images.reshape(batch, -1, height, width)
    rows = torch.arange(height).expand(batch, height)
    columns = torch.arange(width).expand(batch, width)
    if augment.crop:
        planes = F.pad(planes, (augment.crop,) * 4)
        rows = rows + _offsets(batch, augment.crop, generator)
        columns = columns + _offsets(batch, augment.crop, generator)
    if augment.flip:
        mirrored = torch.rand(batch, 1, generator=generator) < 0.5  # noqa: PLR2004 - one half
        columns = torch.where(mirrored, columns.flip(1), columns)
    sample = torch.arange(batch)[:, None, None]
    cut = planes.movedim(1, -1)[sample, rows[:, :, None], columns[:, None, :]]
    return cut.movedim(-1, 1).reshape(images.shape)


def _offsets(batch: int, crop: int, generator: torch.Generator) -> Tensor:
    return torch.randint(2 * crop + 1, (batch, 1), generator=generator)
