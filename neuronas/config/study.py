"""The study file: what it may say, and every default, in one place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from neuronas.config.datasets import DatasetInfo
from neuronas.config.fields import (
    BitWidth,
    Choices,
    Decay,
    Limit,
    Threshold,
    default_note,
    distinct,
    known,
    known_bits,
    without_password,
)
from neuronas.config.neurons import CODINGS, Coding, NeuronConfig
from neuronas.config.operations import OPERATIONS, SNASNET_OPERATIONS, ZEROIZE
from neuronas.config.own_data import DatasetChoice, OwnDataset, dataset_info
from neuronas.config.plugins import HARDWARE_MODELS, plugin_names
from neuronas.config.search import SearchConfig
from neuronas.config.training import TrainingConfig

ObjectiveName = Literal[
    "accuracy",
    "energy",
    "latency",
    "area",
    "memory",
    "parameters",
    "edp",
    "throughput",
    "spikes",
    "synops",
    "bit_synops",
]

BUDGET_PRESETS: dict[str, dict[str, float]] = {
    # Constraints named in the abstract of HASNAS, arXiv 2407.00641v1.
    "neuronas-v1": {"parameters": 4e6, "area_mm2": 100.0, "latency_ms": 400.0, "energy_uj": 120.0},
}

DEFAULT_CHIPS = {"cim": "rram-32nm", "spikesim": "spikesim-65nm-rram"}
"""The chip of each of our hardware models where none is named."""

IMMUTABLE_SECTIONS = (
    "dataset",
    "space",
    "hardware",
    "budget",
    "objectives",
    "search.reference_accuracy",
)
"""Sections, and one key, that make old and new trials incomparable when they change."""


def chip_names() -> list[str]:
    """Return the names of the chip presets that ship with the package, sorted."""
    folder = resources.files("neuronas") / "hardware" / "chips"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name[-5:] == ".yaml")


def _named_or_described(value: object) -> object:
    described = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if not described and not isinstance(value, str):
        raise PydanticCustomError(
            "chip", "expected a preset's name, the path of a chip file, or a mapping of its keys"
        )
    return value


def _known_chip(value: str | dict[str, Any]) -> str | dict[str, Any]:
    """Names are checked here, what a chip consists of where its model is known."""
    return known(value, chip_names()) if isinstance(value, str) else value


OperationName = Annotated[str, AfterValidator(lambda v: known(v, [op.name for op in OPERATIONS]))]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, types are strict, values are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WeightBitsConfig(Section):
    """Weight bits per group; 2 to 8 are integers, 16 and 32 floating point."""

    stem: Choices[BitWidth] = [4]
    cell_a: Choices[BitWidth] = [4]
    reduction: Choices[BitWidth] = [4]
    cell_b: Choices[BitWidth] = [4]
    classifier: Choices[BitWidth] = [4]


class SpaceConfig(Section):
    """The search space. Every key takes one value or a list to search over."""

    cells: Literal["shared", "distinct"] = "shared"
    operations: Choices[OperationName] = list(SNASNET_OPERATIONS)
    channels: Choices[Annotated[int, Field(ge=1, le=4096)]] = [16]
    ratio: Choices[Annotated[int, Field(ge=1, le=8)]] = [2]
    pool: Choices[Annotated[int, Field(ge=1, le=64)]] = [2]
    hidden: Choices[Annotated[int, Field(ge=0, le=65536)]] = [0]
    time_steps: Choices[Annotated[int, Field(ge=1, le=256)]] = [4]
    decay: Choices[Decay] = [0.25]
    threshold: Choices[Threshold] = [1.0]
    feedback: bool = False
    votes: Choices[Annotated[int, Field(ge=1, le=256)]] = [1]
    coding: Choices[Coding] = ["direct"]
    neuron: NeuronConfig = NeuronConfig()
    weight_bits: WeightBitsConfig = WeightBitsConfig()
    chip: dict[str, Choices[int | str]] = {}

    @field_validator("weight_bits", mode="before")
    @classmethod
    def _same_bits_for_all_groups(cls, value: object) -> object:
        """Check what holds for all groups here, where it is told once and not for each."""
        if isinstance(value, dict | WeightBitsConfig):
            return value
        choices = value if isinstance(value, list) else [value]
        for bits in distinct(choices) or [value]:
            known_bits(bits)
        return dict.fromkeys(WeightBitsConfig.model_fields, choices)

    @field_validator("operations")
    @classmethod
    def _some_operation_connects(cls, value: list[str]) -> list[str]:
        if value == [OPERATIONS[ZEROIZE].name]:
            raise PydanticCustomError(
                "contradiction", "only 'zeroize': no cell would connect its input to its output"
            )
        return value


class HardwareConfig(Section):
    """The cost model, the chip it describes, and what is assumed of the data.

    A chip is a preset's name, or what a chip file holds; a study file may name such a file.
    """

    model: Annotated[str, AfterValidator(lambda v: known(v, plugin_names(HARDWARE_MODELS)))] = "cim"
    chip: Annotated[
        str | dict[str, Any], BeforeValidator(_named_or_described), AfterValidator(_known_chip)
    ] = DEFAULT_CHIPS["cim"]
    spike_rate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1

    @model_validator(mode="before")
    @classmethod
    def _default_chip_of_the_model(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("model") in DEFAULT_CHIPS and "chip" not in value:
            return value | {"chip": DEFAULT_CHIPS[value["model"]]}
        return value


class BudgetConfig(Section):
    """Upper limits, of throughput a lower one; a limit that is not given does not bind."""

    preset: Annotated[str, AfterValidator(lambda v: known(v, sorted(BUDGET_PRESETS)))] | None = None
    parameters: Limit | None = None
    memory_bytes: Limit | None = None
    area_mm2: Limit | None = None
    latency_ms: Limit | None = None
    energy_uj: Limit | None = None
    edp_uj_ms: Limit | None = None
    throughput_per_s: Limit | None = None
    spikes: Limit | None = None
    synops: Limit | None = None
    bit_synops: Limit | None = None

    def limits(self) -> dict[str, float]:
        """Return the limits that bind, in the one fixed order in which constraints are written."""
        preset = BUDGET_PRESETS[self.preset] if self.preset else {}
        names = [name for name in type(self).model_fields if name != "preset"]
        given = {name: getattr(self, name) for name in names}
        merged = {
            name: given[name] if given[name] is not None else preset.get(name) for name in names
        }
        return {name: limit for name, limit in merged.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Origin:
    """The files that a study was read from, which errors tell that are found later.

    They are no part of what it asks: a study equals its copy from another file.

    Attributes:
        study: Study file; None where it came from Python or a database.
        chip: Chip file that it names; None where it names none.
    """

    study: str | None = field(default=None, compare=False)
    chip: str | None = field(default=None, compare=False)


_OF_IMAGES = ", ".join(name for name in CODINGS if name != "events")


StudyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""Name of a study; it is safe in a path, a shell and a job's name."""


class StudyConfig(Section):
    """One study: the question, the space of answers and how long to look.

    Read it from a file with :func:`neuronas.load_study`.
    """

    _origin: Origin = PrivateAttr(default=Origin())

    name: StudyName
    dataset: DatasetChoice
    space: SpaceConfig = SpaceConfig()
    hardware: HardwareConfig = HardwareConfig()
    budget: BudgetConfig = BudgetConfig()
    objectives: Annotated[
        list[ObjectiveName], Field(min_length=1, max_length=5), AfterValidator(distinct)
    ] = ["accuracy", "energy"]
    training: TrainingConfig = TrainingConfig()
    search: SearchConfig = SearchConfig()
    storage: Annotated[str, AfterValidator(without_password)] | None = None

    @model_validator(mode="after")
    def _coding_suits_the_samples(self) -> StudyConfig:
        events, coding = self.dataset_info.event_frames, self.space.coding
        if events == (coding == ["events"]) and (events or "events" not in coding):
            return self
        made_of, allowed = ("event frames", "events") if events else ("images", _OF_IMAGES)
        raise PydanticCustomError(
            "contradiction",
            "space.coding: found {found}; '{dataset}' is made of {made_of}; allowed: {allowed}",
            {
                "found": ", ".join(coding),
                "dataset": self.dataset_name,
                "made_of": made_of,
                "allowed": allowed,
            },
        )

    @model_validator(mode="after")
    def _events_are_binned_once(self) -> StudyConfig:
        if self.dataset_info.event_frames and len(self.space.time_steps) > 1:
            raise PydanticCustomError(
                "contradiction",
                "space.time_steps: found {found}; '{dataset}' has a frame per time step: allowed: "
                "one number",
                {
                    "found": ", ".join(map(str, self.space.time_steps)),
                    "dataset": self.dataset_name,
                },
            )
        return self

    @model_validator(mode="after")
    def _pools_fit_the_feature_map(self) -> StudyConfig:
        _, height, width = self.dataset_info.input_shape
        side = min(height, width) // 2
        too_large = [pool for pool in self.space.pool if pool > side]
        if too_large:
            raise PydanticCustomError(
                "contradiction",
                "space.pool: {pools} is larger than the {side}x{side} feature map that "
                "'{dataset}' leaves after the first pooling; allowed: {allowed}",
                {
                    "pools": f"{too_large[0]}{default_note(self.space, 'pool')}",
                    "side": side,
                    "dataset": self.dataset_name,
                    "allowed": "1" if side == 1 else f"1 to {side}",
                },
            )
        return self

    @model_validator(mode="after")
    def _samples_exist(self) -> StudyConfig:
        available = self.dataset_info.train_samples
        wanted = self.training.samples
        if wanted is None:
            return self
        if not self.training.batch_size <= wanted <= (available or wanted):
            raise PydanticCustomError(
                "contradiction",
                "training.samples: found {wanted}; allowed: training.batch_size ({batch}) to "
                "{available}, the training split of '{dataset}'",
                {
                    "wanted": wanted,
                    "batch": self.training.batch_size,
                    "available": "all samples" if available is None else available,
                    "dataset": self.dataset_name,
                },
            )
        return self

    @model_validator(mode="after")
    def _rungs_lie_within_the_training(self) -> StudyConfig:
        rungs, epochs = self.search.rungs, self.training.epochs
        if rungs and rungs[-1] >= epochs:
            raise PydanticCustomError(
                "contradiction",
                "search.rungs: found {found}; allowed: fewer epochs than training.epochs "
                "({epochs})",
                {
                    "found": rungs[-1],
                    "epochs": epochs,
                },
            )
        if rungs and "accuracy" not in self.objectives:
            raise PydanticCustomError(
                "contradiction",
                "search.rungs: rungs are judged by accuracy, which is not among the objectives; "
                "leave them out, or add it",
            )
        return self

    @model_validator(mode="after")
    def _an_accuracy_is_measured_from_the_reference(self) -> StudyConfig:
        if self.search.reference_accuracy and "accuracy" not in self.objectives:
            raise PydanticCustomError(
                "contradiction",
                "search.reference_accuracy: found {found}, but accuracy is not among the "
                "objectives; leave it out, or add accuracy",
                {"found": self.search.reference_accuracy},
            )
        return self

    @property
    def dataset_info(self) -> DatasetInfo:
        """Shape and size of its dataset."""
        return dataset_info(self.dataset)

    @property
    def dataset_name(self) -> str:
        """Name of its dataset, for people; of the user's own, the file's or folder's."""
        return self.dataset.name if isinstance(self.dataset, OwnDataset) else self.dataset

    @property
    def origin(self) -> Origin:
        """The files that it was read from."""
        return self._origin

    def read_from(self, origin: Origin) -> StudyConfig:
        """Return this study with the files that it was read from."""
        study = self.model_copy()
        study._origin = origin  # noqa: SLF001 - our own copy
        return study

    def comparable(self) -> dict[str, Any]:
        """Return what must stay equal for old and new trials to belong to one study.

        How many trials there are, what else stops the search and where they are stored may change
        freely.
        """
        return self.model_dump(mode="json", exclude={"storage": True, "search": {"trials", "stop"}})

    def digest(self) -> str:
        """Return the SHA-256 of :meth:`comparable` as canonical JSON."""
        text = json.dumps(self.comparable(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, stored: StudyConfig) -> list[str]:
        """Return one line per key in which this study differs from the ``stored`` one."""
        return _differences(stored.comparable(), self.comparable(), "")


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str) -> list[str]:
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: stored {json.dumps(before)}, file {json.dumps(after)}")
    return lines
