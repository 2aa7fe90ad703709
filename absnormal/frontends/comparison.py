"""Is the gradient that a framework returned that of the function as it ran, to rounding?

Both are computed in the framework's precision, by sweeps of different code; the modelled one takes the slopes that the
kernels use at ties.  A difference is rounding where it is below a bound on the roundings of the modelled sweep: first
those of the last step alone, which come with the sweep; then those of all steps, which take another one; then the same
in float64.  Last, f runs in another precision: rounding shrinks with it, another derivative stays.
"""

from __future__ import annotations

import math

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.frontends.captured import Captured
from absnormal.sweeps.last_steps import Factors, LastSteps
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
    unit, floor = 2 * precision(captured.dtype) * rounding(1), flushed(captured.dtype)
    for values in (captured.working, captured.values):
        if values is None:
            continue
        sweeps = Sweeps(captured.program, None, 0.0, values)
        sigma = problem.sigma.astype(sweeps.y.dtype, copy=False)
        apart, close = _last_steps(sweeps.last_steps(sigma, captured.leaves), unit, floor)
        if close or not np.isfinite(apart):
            return apart, close
        allowed = tolerance(Problem(sweeps, problem.c, Budget()), captured.dtype, coarse=True)
        difference = np.abs(sweeps.gradient(sigma) - captured.gradient)
        if np.isfinite(allowed).all() and (difference <= 2 * allowed).all():
            return apart, True
    return apart, _is_rounding(captured, problem, apart)


def _last_steps(steps: LastSteps, unit: float, floor: float) -> tuple[float, bool]:
    """The largest difference, and whether all are below bounds on rounding for which only the last sums are counted.

    The bounds are ``unit`` for each rounding, times the sums of absolute values that the last steps add up, and
    ``floor``, which is the bound where no step leads to.
    """
    largest, close = 0.0, True
    with np.errstate(invalid="ignore", over="ignore"):
        for made, given, bounds in steps.sums(unit):
            np.subtract(made, given, out=made, casting="same_kind")
            difference = np.abs(made, out=made)
            axis = difference.strides.index(max(difference.strides))
            tops = np.maximum.reduce(difference, axis=axis, keepdims=True, initial=0.0)
            apart = float(tops.max()) if tops.size else 0.0
            if not math.isfinite(apart):
                return float("inf"), False
            largest = max(largest, apart)
            if close and apart > floor:
                close = _below_by_slices(axis, tops, difference, bounds, floor) or _below(difference, bounds, floor)
        for given in steps.unreached():
            apart = float(np.abs(given).max(initial=0.0))
            if not math.isfinite(apart):
                return float("inf"), False
            largest, close = max(largest, apart), close and apart <= floor
    return largest, close


def _below(difference: Array, bounds: list[Factors], floor: float) -> bool:
    """Whether a difference is at most the sum of the products of factors, and a floor; never where that is infinite."""
    size, *others = (_product(bound, difference) for bound in bounds)
    for other in others:
        size = size + other
    if not math.isfinite(size.max(initial=0.0)):
        return False
    return bool((difference <= size).all() or (difference - size).max(initial=0.0) <= floor)


def _below_by_slices(axis: int, tops: Array, difference: Array, bounds: list[Factors], floor: float) -> bool:
    """The same for one product, more strictly and cheaper: the largest entries along an axis against its least factor.

    Where the factor of a slice is 0 the slice is looked at by itself.
    """
    if len(bounds) != 1 or len(bounds[0]) != 2:
        return False
    first, second = bounds[0]
    along, across = (first, second) if first.shape[axis] > 1 else (second, first)
    if along.size != difference.shape[axis] or across.shape[axis] != 1:
        return False
    weights = along.reshape(-1)
    least = weights.min()
    if least == 0:
        silent = weights == 0
        if silent.all() or difference.swapaxes(0, axis)[silent].max(initial=0.0) > floor:
            return False
        least = weights[~silent].min()
    limits = across * least
    return bool((tops <= limits).all() and math.isfinite(limits.max(initial=0.0)))


def _product(factors: Factors, like: Array) -> Array:
    """The product of arrays that are broadcast, in the layout of another one."""
    if len(factors) == 1:
        return factors[0]
    first, second = factors
    return np.asarray(np.multiply(first, second, out=np.empty_like(like)))


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
