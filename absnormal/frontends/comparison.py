"""Is the gradient that a framework returned that of the function as it ran, to rounding?

Both are computed in the framework's precision, by sweeps of different code; the modelled one takes the slopes that the
kernels use at ties.  A difference is rounding where it is below a bound on the roundings of the modelled sweep: first
those of the last step alone, which come with the sweep; then those of all steps, which take another one; then the same
in float64.  Last, f runs in another precision: rounding shrinks with it, another derivative stays.
"""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.frontends.captured import Captured
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.theorems.vector import flushed, machine_epsilon, precision, tolerance

#: How much smaller a difference in double precision is at least than in single precision, when it is rounding; the
#: ratio of the precisions is 2^-29.
_SHRINKS = 2.0**-16


def distance(captured: Captured, problem: Problem) -> tuple[float, bool]:
    """The largest entry of the framework's gradient less the modelled one, and whether it is rounding."""
    apart = float("inf")
    for values in (captured.working, captured.values):
        if values is None:
            continue
        sweeps = Sweeps(captured.program, None, 0.0, values)
        sigma = problem.sigma.astype(sweeps.y.dtype, copy=False)
        modelled, sizes = sweeps.sized_gradient(sigma)
        with np.errstate(invalid="ignore"):
            difference = np.subtract(modelled, captured.gradient, out=modelled, casting="same_kind")
        np.abs(difference, out=difference)
        apart = float(difference.max(initial=0.0))
        if not np.isfinite(apart):
            return float("inf"), False
        if apart == 0 or _within_last_step(sweeps, difference, sizes, captured.dtype):
            return apart, True
        difference /= 2
        allowed = tolerance(Problem(sweeps, problem.c, Budget()), captured.dtype, coarse=True)
        if np.isfinite(allowed).all() and (difference <= allowed).all():
            return apart, True
    return apart, _is_rounding(captured, problem, apart)


def _within_last_step(sweeps: Sweeps, difference: Array, sizes: Array, dtype: object) -> bool:
    """Whether the difference is below a bound on rounding in which the terms of the last sums only are counted."""
    sizes *= 2 * precision(dtype) * rounding(sweeps.pull_depth)
    if not np.isfinite(sizes.max(initial=0.0)):
        return False
    np.subtract(difference, sizes, out=sizes)
    return bool(sizes.max(initial=0.0) <= flushed(dtype))


def _is_rounding(captured: Captured, problem: Problem, apart: float) -> bool:
    """Whether the difference between the framework's gradient and the modelled one shrinks with the precision.

    A kernel may lose digits in a small derivative (1 + expm1(u), 1 - tanh(u)^2), which no count of roundings shows; a
    derivative that is another one stays apart in every precision, as long as the same switches are active.
    """
    again = None if captured.other_precision is None else captured.other_precision()
    if again is None:
        return False
    sweeps = Sweeps(again.program, None, 0.0, again.values)
    if not np.array_equal(sweeps.alpha, problem.sweeps.alpha):
        return False
    modelled = sweeps.gradient(sweeps.signature(again.slopes[sweeps.alpha]))
    other = float(np.abs(modelled - again.gradient).max(initial=0.0))
    low, high = (other, apart) if machine_epsilon(captured.dtype) < machine_epsilon(again.dtype) else (apart, other)
    return bool(np.isfinite(low) and high <= _SHRINKS * low)
