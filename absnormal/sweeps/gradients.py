"""The gradient g_sigma under slopes, the sums that its last steps are, and what of these is known already."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.judgement.tolerances import NOTHING, Tolerance
from absnormal.sweeps.last_steps import LastSteps
from absnormal.sweeps.table import Sweeps


def largest(sweeps: Sweeps, g: Array) -> Array:
    """The largest entry of every leaf of a vector."""
    return np.array([np.abs(leaf).max(initial=0.0) for leaf in sweeps.program.tree.split(g)], dtype=float)


class _Summed(NamedTuple):
    """g_sigma, and for every leaf the size of the terms that its last steps add up, whether it is zero up to
    cancellation, and the size of the partial sums then."""

    sigma: Array
    gradient: Array
    terms: Array
    zero: Array
    partial: Array


def terms(sweeps: Sweeps, sigma: Array) -> Array:
    """For every leaf the size of the terms that the last steps of g_sigma add up; 0 on rationals."""
    return np.zeros(len(sweeps.program.tree.shapes)) if sweeps.rational else _added(sweeps, sigma).terms


def _added(sweeps: Sweeps, sigma: Array) -> _Summed:
    """What is known of the sums of g_sigma, which is made where others were asked for last."""
    known = _summed(sweeps, sigma)
    if known is None:
        told = _told(sweeps, sigma)
        g, steps = _written(sweeps, sigma) if told is None or told.steps is None else (told.gradient, told.steps)
        sizes = steps.cancelling()
        zero = largest(sweeps, g) <= NOTHING * sizes
        partial = steps.partial_sums(np.flatnonzero(zero).tolist())
        known = _Summed(sigma.copy(), np.asarray(g, dtype=float), sizes, zero, partial)
        sweeps.answers[_summed] = known
    return known


def gradient_of(sweeps: Sweeps, sigma: Array) -> Array:
    """g_sigma, which is known where it or its terms were asked for last; not to be written to."""
    known = _summed(sweeps, sigma)
    if known is not None:
        return known.gradient
    told = _told(sweeps, sigma)
    if told is None:
        g, steps = (sweeps.gradient(sigma), None) if sweeps.rational else _written(sweeps, sigma)
        told = keep_gradient(sweeps, sigma, np.asarray(g, dtype=float), steps)
    return told.gradient


def _written(sweeps: Sweeps, sigma: Array) -> tuple[Array, LastSteps]:
    """g_sigma with its last steps."""
    g = np.zeros(sweeps.program.n, sweeps.y.dtype)
    steps = sweeps.last_steps(sigma, sweeps.program.tree.split(g))
    steps.write()
    return g, steps


class _Told(NamedTuple):
    """g_sigma, and its last steps where bounds may cost less."""

    sigma: Array
    gradient: Array
    steps: LastSteps | None


def _told(sweeps: Sweeps, sigma: Array) -> _Told | None:
    """What was told last, if that is about these slopes."""
    told: _Told | None = sweeps.answers.get(gradient_of)
    return told if told is not None and np.array_equal(told.sigma, sigma) else None


def keep_gradient(sweeps: Sweeps, sigma: Array, g: Array, steps: LastSteps | None) -> _Told:
    """Take this for g_sigma when it is asked for."""
    told = sweeps.answers[gradient_of] = _Told(sigma.copy(), g, steps if steps is not None and steps.bounded else None)
    return told


def steps_of(sweeps: Sweeps, sigma: Array) -> LastSteps | None:
    """The last steps of g_sigma, where they are known and bounds may cost less."""
    told = _told(sweeps, sigma)
    return None if told is None else told.steps


class Magnitude:
    """Bounds on the sums of absolute values behind g_sigma, whatever the slopes are."""

    def __init__(self, sweeps: Sweeps) -> None:
        self._sums = np.zeros(sweeps.program.n, sweeps.y.dtype)
        self._steps = sweeps.magnitude_steps(sweeps.program.tree.split(self._sums))

    @cached_property
    def most(self) -> Array:
        """One for every leaf, for which large matrices are not multiplied; NaN where there is none."""
        return self._steps.at_most()

    @cached_property
    def entries(self) -> Array:
        """One for every entry."""
        self._steps.write()
        return self._sums

    @cached_property
    def bounds(self) -> Array:
        """One for every entry, for which large matrices are not multiplied, where that is finite."""
        if "entries" not in self.__dict__:
            self._steps.write_at_most()
            if np.isfinite(self._sums).all():
                return self._sums.copy()
        return self.entries


def _summed(sweeps: Sweeps, sigma: Array) -> _Summed | None:
    known: _Summed | None = sweeps.answers.get(_summed)
    return known if known is not None and np.array_equal(known.sigma, sigma) else None


def cancels(sweeps: Sweeps, sigma: Array, most: Array | float = np.inf) -> Array:
    """Whether each leaf of g_sigma is zero up to cancellation in double precision: the terms are asked for only where
    what they are no larger than, ``most``, leaves that open."""
    sizes = largest(sweeps, gradient_of(sweeps, sigma))
    if sweeps.rational or (sizes > NOTHING * most).all():
        return np.zeros(sizes.shape, bool)
    return _added(sweeps, sigma).zero


def cancelling(sweeps: Sweeps, sigma: Array, tolerance: Tolerance, most: Array | float = np.inf) -> Array:
    """The size of the terms, as they are rounded, for every leaf of g_sigma that is zero up to cancellation (see
    `cancels`), and 0 for those that have a size of their own, however small."""
    zero = cancels(sweeps, sigma, most)
    if not zero.any():
        return np.zeros(zero.shape)
    known = _added(sweeps, sigma)
    return np.where(zero, tolerance.rounded(known.terms, known.partial), 0.0)
