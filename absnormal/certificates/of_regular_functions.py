"""What evidence about vectors under Regular is checked by, next to its program (THEORY 7.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.arrays import lengths
from absnormal.certificates.next_to_program import numbers_in_x, one_sign, small
from absnormal.certificates.witness import Witness
from absnormal.sweeps.rounding import FLOOR, UNIT, rounding


def mean(
    sign: int, given: Sequence[float], slopes: Sequence[Sequence[float]], witness: Witness, rng: np.random.Generator
) -> bool:
    """The adjoints have one sign, all slopes are in [-1, 1] and the balls, and the mean is the vector."""
    sweeps, weights = witness.floats, np.asarray(given, dtype=float)
    if witness.vector is None or witness.tolerance is None or not len(weights) or len(weights) != len(slopes):
        return False
    if not (weights >= 0).all() or not abs(weights.sum() - 1) <= 4 * len(weights) * np.finfo(float).eps:
        return False
    deviation = one_sign(sweeps, sign, rng)
    if deviation is None or not small(witness, deviation):
        return False
    total, size = np.zeros(sweeps.program.n), sweeps.gradient_magnitude()
    for weight, own in zip(weights.tolist(), slopes, strict=True):
        c = np.asarray(own, dtype=float)
        if c.shape != sweeps.alpha.shape or not (np.abs(c) <= 1).all():
            return False
        sigma = sweeps.signature(c)
        if any((lengths(sigma[lane]) > 1 + 8 * UNIT).any() for lane in sweeps.lanes):
            return False
        if (sigma[sweeps.not_negative] < 0).any():
            return False
        total += weight * sweeps.gradient(sigma)
    bound = 2 * (rounding(sweeps.pull_depth) + (2 + 4 * len(weights)) * UNIT) * size
    return bool((np.abs(total - witness.vector) <= witness.tolerance + bound).all())


def beyond(sign: int, separator: Any, witness: Witness, rng: np.random.Generator) -> bool:
    """The adjoints have one sign, and v . g is beyond the derivative along v by more than all rounding."""
    sweeps, v = witness.floats, numbers_in_x(separator, witness)
    if witness.vector is None or witness.tolerance is None:
        return False
    deviation = one_sign(sweeps, sign, rng)
    if deviation is None:
        return False
    g = witness.vector
    along = sign * float(sweeps.directional(sign * v).dy[0])
    size = float(sweeps.magnitude(sweeps.signature(0.0), v, interval=True)[1][0])
    slack = rounding(sweeps.push_depth) * size + FLOOR + float(np.abs(v) @ deviation)
    margin = float(np.abs(v) @ (witness.tolerance + 4 * len(v) * np.finfo(float).eps * np.abs(g)))
    return bool(float(v @ g) - along - slack > margin)
