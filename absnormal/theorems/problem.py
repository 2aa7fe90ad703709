"""What a theorem is asked about: a program at a point, and the slopes of a tool."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.active.additions import ended_when
from absnormal.active.subproblems import subproblems
from absnormal.active.system import System, build
from absnormal.arrays import Array
from absnormal.certificates.evidence import Evidence, Judged
from absnormal.clarke.budget import Budget, BudgetTracker
from absnormal.judgement.tolerances import DOUBLE_PRECISION, NOTHING, Tolerance
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.table import Sweeps

if TYPE_CHECKING:
    from absnormal.clarke.cells import Cells
    from absnormal.clarke.components import Component


@dataclass(frozen=True, eq=False)
class Problem:
    """Is g_c in dC f(x)?

    Attributes
    ----------
    sweeps
        the program at the point
    c
        the slopes at the active switches, in their order
    budget
        the limits of explicit computations
    tolerance
        how far what is proved may lie from g_c
    started
        when the question was asked, by ``time.monotonic``: from then on the budget's time runs
    """

    sweeps: Sweeps
    c: Array
    budget: Budget
    tolerance: Tolerance = DOUBLE_PRECISION
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def sigma(self) -> Array:
        """All slopes."""
        return self.sweeps.signature(self.c)

    @cached_property
    def gradient(self) -> Array:
        """g_c, shape (n,)."""
        return np.asarray(self.sweeps.gradient(self.sigma), dtype=float)

    @cached_property
    def allowed(self) -> Array:
        """How far what is proved may lie from g_c, entry by entry, shape (n,)."""
        return self.around(self.gradient, cancelling(self.sweeps, self.sigma, self.gradient))

    def around(self, g: Array, sums: Array) -> Array:
        """How far what is proved may lie from a vector, whose leaves are sums of terms of these sizes; shape (n,)."""
        sizes = [math.prod(shape) for shape in self.sweeps.program.tree.shapes]
        return np.repeat(self.tolerance.leaves(largest(self.sweeps, g), sums), sizes)

    @cached_property
    def system(self) -> System | None:
        """The active switches on rationals, or None when they are too many."""
        return build(self.sweeps)

    @cached_property
    def relevant(self) -> System | None:
        """The system without switches that cannot change the output."""
        return None if self.system is None else self.system.relevant()

    @cached_property
    def maybe_nonzero(self) -> Array:
        """Which active switches may have a nonzero row for some slopes; False is a proof of a zero row."""
        return self.sweeps.maybe_nonzero[self.sweeps.alpha]

    @cached_property
    def equal_rows(self) -> EqualRows:
        """Entries with the same row under the slopes, which must be definite."""
        return EqualRows(self.sweeps, self.sigma)

    def slopes_in(self, system: System) -> list[Any]:
        """The slopes of the switches of a system, as slopes of its forms."""
        return system.slopes(self.sigma[list(system.switches)].tolist())

    @cached_property
    def tracker(self) -> BudgetTracker:
        return self.budget.start(self.started)

    @cached_property
    def apart(self) -> list[System] | None:
        """The systems that the active switches fall into; None where there are none, or half of the time that was left
        did not suffice."""
        part = self.tracker.part()
        with ended_when(lambda: part.late):
            return subproblems(self.sweeps)

    @cached_property
    def components(self) -> list[Component] | None:
        """An admissible partition of the relevant switches; None where they are too many or the budget ended."""
        from absnormal.clarke.components import admissible

        return None if self.relevant is None else admissible(self.relevant, self.tracker.part())

    @cached_property
    def cells(self) -> Cells | None:
        """The open cells of the relevant switches."""
        from absnormal.clarke.cells import open_cells

        if self.relevant is None:
            return None
        known = self.components if self.relevant.explicit else None
        return known[0].cells if known and len(known) == 1 else open_cells(self.relevant, self.tracker.part())


def largest(sweeps: Sweeps, g: Array) -> Array:
    """The largest entry of every leaf of a vector."""
    return np.array([np.abs(leaf).max(initial=0.0) for leaf in sweeps.program.tree.split(g)], dtype=float)


def terms(sweeps: Sweeps, sigma: Array) -> Array:
    """For every leaf the size of the terms that the last steps of g_sigma add up; 0 on rationals."""
    tree = sweeps.program.tree
    if sweeps.rational:
        return np.zeros(len(tree.shapes))
    return sweeps.last_steps(sigma, [np.zeros(shape) for shape in tree.shapes]).cancelling()


def cancelling(sweeps: Sweeps, sigma: Array, g: Array) -> Array:
    """The size of the terms for every leaf of g = g_sigma that is zero up to cancellation in double precision, and 0
    for those that have a size of their own, however small."""
    sizes = terms(sweeps, sigma)
    return np.where(largest(sweeps, g) <= NOTHING * sizes, sizes, 0.0)


@dataclass(frozen=True)
class Proof:
    """A verdict with its theorem.

    Attributes
    ----------
    method
        the name of the theorem
    clarke
        True: g_c is a Clarke gradient; False: it is not
    reason
        why, in a sentence
    arithmetic
        in which arithmetic it was proved
    evidence
        what a checker needs; None where nothing was proved
    deviation
        a bound on the rounding that was set aside, in the units of the gradient
    judged
        the vector that it is about in place of g_c, if there is one
    """

    method: str
    clarke: bool
    reason: str
    arithmetic: str
    evidence: Evidence | None = field(default=None, repr=False)
    deviation: float = 0.0
    judged: Judged | None = field(default=None, repr=False)
