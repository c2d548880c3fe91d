"""What every hardware model must keep: run it against a model of your own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from pydantic import BaseModel

from neuronas.architecture import Workload, chain
from neuronas.config import Kind
from neuronas.hardware.chip import Chip
from neuronas.hardware.cost import Cost, HardwareModel

_CLOSE = 1e-9


def check_hardware_model(model: HardwareModel, chip: Chip, *, networks: int = 8) -> None:
    """Check that a hardware model keeps the contract, as scikit-learn's ``check_estimator`` does.

    A batch costs what its members cost alone, to the last bit; costs are finite and not negative;
    a layer without channels costs nothing; parts add up to totals; what a study may search is a
    setting of the chip.

    Args:
        model: The model.
        chip: A chip of it.
        networks: Random networks to try.

    Raises:
        AssertionError: It breaks the contract; the message says how.
    """
    _require(chip.model == model.name, f"the chip is of model '{chip.model}'")
    _require(issubclass(model.settings, BaseModel), "settings is no pydantic model")
    unknown = set(model.choices) - set(model.settings.model_fields)
    _require(not unknown, f"choices {sorted(unknown)} are no settings")
    workload = _networks(np.random.default_rng(0), networks)
    together = model.cost(workload, chip)
    _check_values(together, networks)
    for index in range(networks):
        alone = _member(workload, index)
        single = model.cost(alone, chip)
        for name, values in _arrays(together).items():
            same = bool(_arrays(single)[name][0] == values[index])
            _require(same, f"{name} of network {index} differs between batch and alone")
        _check_explanation(model, alone, chip, single)
    _check_absent_layers(model, workload, chip, together)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise AssertionError(problem)


def _networks(generator: np.random.Generator, count: int) -> Workload:
    layers = 5
    widths = generator.integers(1, 300, size=(layers + 1, count))
    kind = np.full((layers, count), Kind.CONV)
    kind[-1] = Kind.LINEAR
    side = np.array([32, 32, 16, 8, 1])[:, None]
    kernel = generator.choice([1, 3, 5], size=(layers, count))
    kernel[-1] = 1
    return chain(
        kind=kind,
        in_channels=widths[:-1],
        out_channels=widths[1:],
        height=side,
        width=side,
        kernel=kernel,
        weight_bits=generator.integers(2, 9, size=(layers, count)),
        time_steps=generator.integers(1, 9, size=count),
    )


def _member(workload: Workload, index: int) -> Workload:
    arrays: dict[str, Any] = {
        f.name: getattr(workload, f.name)[..., index : index + 1]
        for f in fields(Workload)
        if f.name != "slots"
    }
    return Workload(slots=workload.slots, **arrays)


def _arrays(cost: Cost) -> Mapping[str, Any]:
    return {f.name: getattr(cost, f.name) for f in fields(Cost)}


def _check_values(cost: Cost, networks: int) -> None:
    for name, values in _arrays(cost).items():
        _require(values.shape == (networks,), f"{name} has shape {values.shape}")
        _require(bool(np.isfinite(values).all()), f"{name} is not finite")
        _require(bool((values >= 0).all()), f"{name} is negative")


def _check_explanation(model: HardwareModel, alone: Workload, chip: Chip, cost: Cost) -> None:
    found = model.explain(alone, chip)
    for name in ("energy_pj", "latency_ns", "area_um2"):
        whole, parts = float(getattr(cost, name)[0]), getattr(found, name).total()
        close = abs(parts - whole) <= _CLOSE * abs(whole)
        _require(close, f"the parts of {name} add up to {parts}, not {whole}")


def _check_absent_layers(model: HardwareModel, workload: Workload, chip: Chip, cost: Cost) -> None:
    """A layer without channels, wherever it stands, changes nothing."""
    empty = chain(kind=Kind.CONV, in_channels=0, out_channels=0, height=8, width=8, time_steps=[1])
    arrays: dict[str, Any] = {}
    for f in fields(Workload):
        values = getattr(workload, f.name)
        if f.name == "slots":
            arrays[f.name] = (*values, *(slot for slot in empty.slots))
        elif f.name == "time_steps":
            arrays[f.name] = values
        else:
            row = np.broadcast_to(getattr(empty, f.name), (1, values.shape[1]))
            arrays[f.name] = np.concatenate([values, row])
    slots = arrays["slots"]
    arrays["slots"] = (*slots[:-1], type(slots[-1])("absent", after=(slots[-2].name,)))
    longer = model.cost(Workload(**arrays), chip)
    for name, values in _arrays(cost).items():
        same = np.allclose(_arrays(longer)[name], values, rtol=_CLOSE)
        _require(bool(same), f"{name} changes with a layer that has no channels")
