"""How neurons and batch norm behave: what all networks of a study have in common."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

Reset = Literal["zero", "subtract"]
Surrogate = Literal["atan", "fast_sigmoid", "sigmoid"]
BatchNorm = Literal["folded", "per_step", "tdbn"]

Coding = Literal["direct", "rate", "latency", "events"]
"""How a sample becomes what the stem reads.

An image: as the same current at every step, as spikes as often as a pixel is bright, or as one
spike per pixel, the earlier the brighter. Event frames: as they are, another one at each step.
"""

CODINGS: tuple[str, ...] = get_args(Coding)

DEFAULT_SLOPES: dict[str, float] = {"atan": 2.0, "fast_sigmoid": 25.0, "sigmoid": 25.0}
"""Slope of each surrogate gradient where none is given: snntorch's own."""


class NeuronConfig(BaseModel):
    """LIF neurons, as snntorch's ``Leaky`` on ``(1 - decay) * x``, and the batch norm around them.

    Attributes:
        reset: What a spike does to the membrane potential at the next step: sets it to ``zero``, or
            takes the whole threshold off (``subtract``; not multiplied by the decay).
        detach_reset: Whether gradients leave out the path through the reset, as in snntorch.
        surrogate: Derivative that stands for the spike's: ``atan``, ``fast_sigmoid`` or
            ``sigmoid``.
        slope: Its slope; alpha of ``atan``.
        learned: Which of ``decay`` and ``threshold`` each layer learns, from the value given.
        batch_norm: Over time and batch at once (``folded``), over the batch of each step alone
            (``per_step``, as SNASNet), or ``folded`` and scaled by the threshold (``tdbn``,
            arXiv 2011.05280).
        current_bits: Bits of multi-bit currents: sums at nodes, skips, pooling inside a cell. They
            are rounded to steps that reach 8 thresholds to either side, and saturate beyond. None
            leaves them as they are, and their bits to the chip.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reset: Reset = "zero"
    detach_reset: bool = True
    surrogate: Surrogate = "atan"
    slope: Annotated[float, Field(gt=0, le=1000)] = 0.0
    learned: Annotated[
        tuple[Literal["decay", "threshold"], ...],
        Field(strict=False),
        BeforeValidator(lambda names: names if isinstance(names, list | tuple) else [names]),
        AfterValidator(lambda names: tuple(sorted(set(names)))),
    ] = ()
    batch_norm: BatchNorm = "folded"
    current_bits: Annotated[int, Field(ge=2, le=16)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _slope_of_the_surrogate(cls, value: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        if isinstance(value, dict) and "slope" not in value:
            surrogate = value.get("surrogate", "atan")
            return value | {"slope": DEFAULT_SLOPES.get(str(surrogate), DEFAULT_SLOPES["atan"])}
        return value


USUAL_NEURON = NeuronConfig()
"""SNASNet's neurons, with batch norm over time and batch."""
