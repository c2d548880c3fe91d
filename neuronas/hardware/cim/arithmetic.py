"""Arithmetic that compiled loops turn into the processor's vector instructions."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.compiled import compiled

A_HAIR_LESS = 1.0 - 2.0**-52
"""What shares are multiplied by: see :func:`over`."""

_MANTISSA_BITS, _EXPONENT_OF_ONE = 52, 1023
"""Of a double-precision number."""

_ROOT_BITS = (1.2 * _EXPONENT_OF_ONE - 0.06) * 2.0**_MANTISSA_BITS
"""From which a fifth of a number's bits is taken: what is left is its root within 3.2 %."""


@compiled
def either(condition: bool, one: float, other: float) -> float:
    """Return one number or the other, both of which were read.

    A loop that reads only the one that it needs gathers it, lane by lane.
    """
    return one if condition else other


@compiled
def share_of(parts: float) -> float:
    """Return one over so many parts, a hair less: see :func:`over`."""
    return A_HAIR_LESS / parts


@compiled
def over(whole: float, share: float) -> float:
    """Return how many parts hold a whole number: ``ceil(whole / parts)``, as a quicker product.

    The share is a hair less than one over the parts, so that the product is never rounded up beyond
    a whole number of them, also where parts are a quotient that was rounded; for whole parts the
    result is exact below ``2**51``.
    """
    return float(np.ceil(whole * share))


@compiled
def stages_over(operands: float) -> float:
    """Return the depth of a binary tree over so many operands: ``ceil(log2(operands))``.

    It is the exponent of ``2 * operands - 1`` as a binary number; 0 below one operand.
    """
    bits = np.float64(2.0 * max(operands, 1.0) - 1.0).view(np.int64)
    return float((bits >> _MANTISSA_BITS) - _EXPONENT_OF_ONE)


@compiled
def power_of_two(number: float) -> float:
    """Return the power of two at or above a whole number; 1 below that."""
    bits = np.float64(2.0 * max(number, 1.0) - 1.0).view(np.int64)
    return np.int64((bits >> _MANTISSA_BITS) << _MANTISSA_BITS).view(np.float64)


@compiled
def inverse_fifth_root(number: float) -> float:
    """Return ``number**-0.2`` of a positive number to 15 digits, and some finite number at 0.

    Powers are computed one by one, products side by side. A number's bits, its exponent first, grow
    as its logarithm: a fifth of them, subtracted, is a first root ``y``. With ``h = 1 - number *
    y**5`` the exact one is ``y * (1 - h)**-0.2``, of whose Taylor series each round takes 4 terms.
    """
    bits = float(np.float64(number).view(np.int64))
    root = np.int64(_ROOT_BITS - 0.2 * bits).view(np.float64)
    for _ in range(2):
        square = root * root
        h = 1.0 - number * root * square * square
        root += root * h * (0.2 + h * (0.12 + h * 0.088))
    return float(root)
