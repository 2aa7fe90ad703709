"""How far a vector may lie from what is proved: the named tolerances of all verdicts (THEORY 6.4).

A vector is rounded in the precision in which it was computed.  A proof about it says CLARKE only while the deviation is
small against the gradient, leaf by leaf:

    deviation <= max(rtol * largest entry of the leaf, atol_gradient),      rtol = min(0.05, 8 sqrt(eps))

with eps the machine epsilon of the coarsest precision on the way to that leaf.  A leaf that double precision finds to
be zero up to cancellation (the bias before a batch norm) has no such scale: there the deviation may be 64 eps, in half
precision 4 eps, and at most rtol, times the size of the terms that cancel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from absnormal.arrays import Array

#: A deviation is never small beyond this, whatever the precision.
LARGEST = 0.05
#: rtol = ROOT * sqrt(eps): half of the digits, and a factor for the rounding of long sums.
ROOT = 8.0
DOUBLE = float(np.finfo(float).eps)
#: In half precision the terms of such a sum carry a few roundings each, which is more than half of the digits.
UNITS = 4.0
#: The rounding of a sum of n terms, in units eps sqrt(n) of the sum of their absolute values.
PARTIAL = 8.0
#: A sum is zero up to cancellation where double precision finds it below this part of its terms.
NOTHING = 2.0**-32


@functools.cache
def machine_epsilon(dtype: Any) -> float:
    """The distance from 1 to the next number of a precision: a type of NumPy's or of a framework's, or its name."""
    return 2.0**-7 if "bfloat16" in str(dtype) else float(np.finfo(dtype).eps)


@functools.cache
def flushed(dtype: Any) -> float:
    """What may be lost to underflow: numbers near the least normal one, which some kernels flush to zero."""
    if "bfloat16" in str(dtype):
        return flushed(np.float32)
    numbers = np.finfo(dtype)
    return float(4 * (numbers.smallest_subnormal if numbers.bits < 32 else 16 * numbers.tiny))


def relative(eps: float) -> float:
    """The default rtol of a precision.

    >>> [float(f"{relative(machine_epsilon(dtype)):.2g}") for dtype in (np.float64, np.float32, np.float16)]
    [1.2e-07, 0.0028, 0.05]
    """
    return min(LARGEST, ROOT * math.sqrt(eps))


def cancelled(eps: float) -> float:
    """What rounding makes of a sum, relative to the root of the sum of squares of its terms, which cancel.

    >>> [round(cancelled(machine_epsilon(dtype)) / machine_epsilon(dtype)) for dtype in (np.float64, np.float32)]
    [64, 64]
    """
    return max(UNITS * eps, relative(eps) ** 2)


@dataclass(frozen=True)
class Tolerance:
    """What is allowed in each leaf of a gradient.

    Attributes
    ----------
    eps
        the machine epsilon of the coarsest precision on the way to each leaf; one number stands for all leaves
    floor
        an absolute deviation that is always allowed
    lost
        what may be lost to underflow, which is no reason to say NOT_CLARKE; only where derivative formulas like ours
        made the vector it is also the floor
    rtol
        relative to the largest entry of the leaf; None: by `relative`
    atol
        an absolute deviation that the caller allows
    """

    eps: tuple[float, ...] = (DOUBLE,)
    floor: float = flushed(np.float64)
    lost: float = flushed(np.float64)
    rtol: float | None = None
    atol: float = 0.0

    @classmethod
    def of(cls, dtype: Any, rtol: float | None = None, atol: float = 0.0) -> Tolerance:
        """The tolerance for a vector that was computed in one precision."""
        lost = flushed(dtype)
        return cls((max(machine_epsilon(dtype), DOUBLE),), lost, lost, checked(rtol, "rtol"),
                   checked(atol, "atol_gradient") or 0.0)

    def at_least(self, eps: Sequence[float], lost: float = 0.0) -> Tolerance:
        """The same where some leaves were computed in coarser precisions."""
        own = self.eps * len(eps) if len(self.eps) == 1 else self.eps
        return replace(self, eps=tuple(map(max, own, eps)), floor=max(self.floor, lost), lost=max(self.lost, lost))

    def as_it_is(self) -> Tolerance:
        """For a vector of which nobody knows how it was made: a whole leaf may lie below what underflow loses."""
        return replace(self, floor=min(self.floor, flushed(np.float64)))

    def rounded(self, terms: Array, partial: Array) -> Array:
        """The sizes of terms of sums that are zero, with what rounding may make of their partial sums, for `leaves`.

        ``partial`` is the root of the number of terms times the sum of their absolute values.
        """
        eps = np.broadcast_to(np.asarray(self.eps), terms.shape)
        share = np.array([cancelled(float(unit)) for unit in eps.flat]).reshape(eps.shape)
        rtol = np.array([self._rtol(float(unit)) for unit in eps.flat]).reshape(eps.shape)
        sizes: Array = np.maximum(terms, np.minimum(PARTIAL * eps * partial, rtol * terms) / share)
        return sizes

    def leaves(self, largest: Array, cancelling: Array | float = 0.0) -> Array:
        """What is allowed in leaves with these largest entries, whose last sums cancel terms of these sizes."""
        sizes, sums = np.broadcast_arrays(np.asarray(largest, dtype=float), cancelling)
        found = [self.leaf(number, *pair) for number, pair in enumerate(zip(sizes.flat, sums.flat, strict=True))]
        return np.array(found).reshape(sizes.shape)

    def _rtol(self, eps: float) -> float:
        return relative(eps) if self.rtol is None else self.rtol

    def leaf(self, number: int, largest: float, cancelling: float = 0.0) -> float:
        """The same for one leaf."""
        eps = self.eps[number] if len(self.eps) > 1 else self.eps[0]
        rtol = self._rtol(eps)
        terms = min(rtol, cancelled(eps)) * cancelling
        return max(rtol * largest, terms, self.atol) + self.floor


#: For what float64 computed.
DOUBLE_PRECISION = Tolerance()


def checked(number: Any, name: str) -> float | None:
    """A tolerance that a caller gave, or None for the default."""
    return None if number is None else finite(number, name)


def finite(number: Any, name: str) -> float:
    """A number that a caller gave for a tolerance or a radius."""
    real = isinstance(number, (int, float, np.integer, np.floating)) and not isinstance(number, bool)
    with suppress(OverflowError):
        if real and 0 <= float(number) < math.inf:
            return float(number)
    raise ValueError(f"{name} must be a finite number >= 0, got {number!r}")
