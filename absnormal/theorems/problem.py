"""What a theorem is asked about: a program at a point, and the slopes of a tool."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from absnormal.active.arithmetic import ended_when
from absnormal.active.separate import separated
from absnormal.active.subproblems import subproblems
from absnormal.active.system import System, build
from absnormal.arrays import Array
from absnormal.certificates.evidence import Evidence, Judged
from absnormal.clarke.budget import Budget, BudgetTracker, Clock
from absnormal.judgement.tolerances import DOUBLE_PRECISION, Tolerance
from absnormal.rational.linear_algebra import Vector
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.gradients import cancelling, gradient_of, largest
from absnormal.sweeps.table import Sweeps

if TYPE_CHECKING:
    from absnormal.clarke.cells import Cells
    from absnormal.clarke.components import Component

T = TypeVar("T")


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
    clock
        the time of the question, in which searches take turns
    off
        separated together with g_c is what lies so near to it, entry by entry, shape (n,), or None where that is not
        known; without it g_c alone
    """

    sweeps: Sweeps
    c: Array
    budget: Budget
    tolerance: Tolerance = DOUBLE_PRECISION
    clock: Clock = field(default_factory=Clock)
    off: Callable[[], Array | None] | None = None

    @cached_property
    def sigma(self) -> Array:
        """All slopes."""
        return self.sweeps.signature(self.c)

    @cached_property
    def gradient(self) -> Array:
        """g_c, shape (n,)."""
        return gradient_of(self.sweeps, self.sigma)

    @cached_property
    def allowed(self) -> Array:
        """How far what is proved may lie from g_c, entry by entry, shape (n,)."""
        sums = cancelling(self.sweeps, self.sigma, self.tolerance)
        return self.around(self.gradient, sums)

    def allows(self, deviation: Any) -> bool:
        """Whether what is proved may lie so far from g_c; terms that cancel are asked for where the sizes of the leaves
        do not suffice."""
        return not np.any(deviation) or any(
            bool((deviation <= allowed).all())
            for allowed in self._allowed()
        )

    def tell(self, sizes: Callable[[], Array]) -> None:
        """Take these for lower bounds on the largest entry of every leaf of g_c, which then may not be needed."""
        self.__dict__["_sizes"] = sizes

    def _allowed(self) -> Iterator[Array]:
        if "allowed" not in self.__dict__:
            nothing = np.zeros(len(self.sweeps.program.tree.shapes))
            if "_sizes" in self.__dict__ and "gradient" not in self.__dict__:
                yield self._about(self.__dict__["_sizes"](), nothing)
            yield self.around(self.gradient, nothing)
        yield self.allowed

    def around(self, g: Array, sums: Array) -> Array:
        """How far what is proved may lie from a vector, whose leaves are sums of terms of these sizes; shape (n,)."""
        return self._about(largest(self.sweeps, g), sums)

    def _about(self, sizes: Array, sums: Array) -> Array:
        """The same for the largest entry of every leaf."""
        return np.repeat(self.tolerance.leaves(sizes, sums), [*map(math.prod, self.sweeps.program.tree.shapes)])

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

    def separable(self, system: System) -> bool:
        """Whether `reach` speaks for all that is separated together with g_c."""
        return self.off is None or (system.inputs is not None and self.off() is not None)

    def reach(self, system: System, v: Vector) -> Fraction:
        """How much less than g_c something so near to it may lie along a vector in the columns of a system."""
        off = None if self.off is None else self.off()
        if off is None or system.inputs is None:
            return Fraction(0)
        return reach(v, off[[system.inputs[column] for column in system.columns]])

    @cached_property
    def in_vain(self) -> set[Any]:
        """The theorems that have said nothing, and will not with more time."""
        return set()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("in_vain", "_sizes")}

    @property
    def tracker(self) -> BudgetTracker:
        """What was spent in this turn."""
        return self._turn[0]

    @property
    def ended(self) -> str:
        """Which limit of the budget ended a search of this turn, for these slopes or for others; empty where none."""
        late = f"the budget ended ({self.budget.seconds * self.clock.share:.3g} seconds)" if self.clock.hurried else ""
        return self.tracker.report or late

    @property
    def apart(self) -> list[System] | None:
        """The systems that the active switches fall into; None where there are none, or half of the time that was left
        did not suffice."""
        return self._searched(self._apart)

    @property
    def subproblems(self) -> list[tuple[Array, Problem]]:
        """Where active switches are functions of separate inputs (THEORY 2.10), for each set of them its inputs, a mask
        (n,), and the problem in which all others are linear; empty where they do not fall apart, or it is too late."""
        return self._searched(self._subproblems)

    @property
    def components(self) -> list[Component] | None:
        """An admissible partition of the relevant switches; None where they are too many or the budget ended."""
        return self._searched(self._components)

    @property
    def cells(self) -> Cells | None:
        """The open cells of the relevant switches."""
        return self._searched(self._cells)

    @property
    def listed(self) -> Cells | None:
        """The open cells, where they have been asked for in this turn, or are known from one before."""
        return (self._turn[1] | self._known).get("_cells")

    def _searched(self, search: Callable[[BudgetTracker], T]) -> T:
        """What a search with half of the time that is left finds: in every turn, until one ends before its time."""
        (tracker, found), name = self._turn, search.__name__
        if name not in self._known and name not in found:
            part = tracker.part()
            found[name] = search(part)
            if not part.report:
                self._known[name] = found[name]
        known: T = (found | self._known)[name]
        return known

    @property
    def _turn(self) -> tuple[BudgetTracker, dict[str, Any]]:
        """What was spent in this turn, and found."""
        number = self.clock.turn
        if number not in self._turns:
            self._turns.clear()
            self._turns[number] = BudgetTracker(self.budget, self.clock), {}
        return self._turns[number]

    @cached_property
    def _turns(self) -> dict[int, tuple[BudgetTracker, dict[str, Any]]]:
        return {}

    @cached_property
    def _known(self) -> dict[str, Any]:
        """What searches have found that ended before their time."""
        return {}

    def _apart(self, part: BudgetTracker) -> list[System] | None:
        with ended_when(lambda: part.late):
            return subproblems(self.sweeps)

    def _subproblems(self, part: BudgetTracker) -> list[tuple[Array, Problem]]:
        sweeps = self.sweeps
        if sweeps.rational or len(sweeps.alpha) < 2:
            return []
        adjoints = sweeps.pull(self.sigma, None, np.ones((1, 1)))[1][0]
        kept = separated(sweeps, adjoints, lambda: part.late)
        return [(inputs, replace(self, sweeps=own, c=self.sigma[own.alpha])) for inputs, own in kept]

    def _components(self, part: BudgetTracker) -> list[Component] | None:
        from absnormal.clarke.components import admissible

        return None if self.relevant is None else admissible(self.relevant, part)

    def _cells(self, part: BudgetTracker) -> Cells | None:
        from absnormal.clarke.cells import open_cells

        if self.relevant is None:
            return None
        known = self.components if self.relevant.explicit else None
        return known[0].cells if known and len(known) == 1 else open_cells(self.relevant, part)


def reach(v: Vector, allowed: Array) -> Fraction:
    """How far v . g may be off where g may be off so much, entry by entry."""
    return sum((abs(a) * Fraction(b) for a, b in zip(v, allowed.tolist(), strict=True) if a), Fraction(0))


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
