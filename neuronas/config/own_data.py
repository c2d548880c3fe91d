"""The user's own dataset, as a study file describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from neuronas.config.datasets import DatasetInfo, dataset_names, named_dataset


def _three_sizes(value: object) -> object:
    smallest = (1, 2, 2)  # the network halves height and width
    if (
        not isinstance(value, list | tuple)
        or len(value) != len(smallest)
        or not all(type(size) is int for size in value)
        or not all(least <= size for least, size in zip(smallest, value, strict=True))
    ):
        raise PydanticCustomError(
            "shape",
            "expected [channels, height, width], as in [3, 32, 32]; height and width from 2",
        )
    return value


class OwnDataset(BaseModel):
    """A dataset in files of the user's own: one of ``npz`` and ``images``, its shape and classes.

    Attributes:
        npz: File of NumPy arrays.
        images: Folder of image files.
        shape: ``[C, H, W]`` of one sample.
        classes: Number of classes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    npz: str | None = None
    images: str | None = None
    shape: Annotated[list[int], BeforeValidator(_three_sizes)]
    classes: Annotated[int, Field(ge=2, le=65536)]

    @model_validator(mode="after")
    def _one_place(self) -> OwnDataset:
        if (self.npz is None) == (self.images is None):
            raise PydanticCustomError(
                "contradiction",
                "needs either 'npz: FILE' or 'images: FOLDER', and not both",
            )
        if self.images is not None and self.shape[0] not in {1, 3}:
            raise PydanticCustomError(
                "contradiction",
                "image files have 1 channel (grey) or 3 (colour), shape says {channels}",
                {"channels": self.shape[0]},
            )
        return self

    @property
    def path(self) -> Path:
        """The file or folder."""
        return Path(self.npz or self.images or "")

    @property
    def name(self) -> str:
        """Name of the file or folder, for people."""
        return self.path.name

    @property
    def info(self) -> DatasetInfo:
        """Its shape; only the files know how many samples there are."""
        channels, height, width = self.shape
        return DatasetInfo((channels, height, width), self.classes)


def _named_or_described(value: object) -> object:
    if isinstance(value, dict):
        return OwnDataset.model_validate(value)
    if isinstance(value, str | OwnDataset):
        return value
    raise PydanticCustomError(
        "dataset",
        "expected a dataset's name, {npz: FILE, shape: [C, H, W], classes: N} or "
        "{images: FOLDER, shape: [C, H, W], classes: N}",
    )


def _known_dataset(value: str | OwnDataset) -> str | OwnDataset:
    names = dataset_names()
    if isinstance(value, str) and value not in names:
        raise PydanticCustomError(
            "unknown_name", "must be one of {expected}", {"expected": ", ".join(names)}
        )
    return value


DatasetChoice = Annotated[
    str | OwnDataset, BeforeValidator(_named_or_described), AfterValidator(_known_dataset)
]
"""A dataset's name, or a description of the user's own."""


def dataset_info(dataset: str | OwnDataset) -> DatasetInfo:
    """Return shape and size of a study's dataset.

    Raises:
        ConfigError: The package that brings it cannot be loaded.
    """
    return dataset.info if isinstance(dataset, OwnDataset) else named_dataset(dataset)
