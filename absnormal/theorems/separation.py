"""Separation: a negative verdict (THEORY 3).

Hypotheses
----------
dC f(x) lies in the convex hull of the g_sigma for sigma in some set: all open signatures, where hypothesis E or "on a
line" proves that (THEORY 1.4), or all definite signatures, or all slopes in [-1, 1].  Some v has
v . g > max v . g_sigma over this set.

Statement
---------
g is not a Clarke gradient.

Proof idea
----------
The maximum is at least f°(x; v), the support function of dC f(x).

Notes
-----
Every branch of the search that was cut off comes with Gordan weights.  Where the weights of the switches in f are
computed derivatives, the gap must exceed their rounding error: a weight within its own error of 0 may be 0
(THEORY 6.5).

Source
------
Clarke 1983; Kubota, OMS 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Self

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm, Separates, wide
from absnormal.certificates.witness import Witness
from absnormal.clarke.cells import Cells, gradients
from absnormal.clarke.wolfe import least_norm
from absnormal.judgement.tolerances import DOUBLE, relative
from absnormal.rational.alternative import farthest, mean
from absnormal.rational.linear_algebra import Vector, dot, nullspace, pivots
from absnormal.sweeps.bounds import derivative_bounds
from absnormal.sweeps.conditioning import spread
from absnormal.sweeps.outer import BLOCKS, blocks, outer_support, weights_of_sorts
from absnormal.sweeps.rounding import along, rounding
from absnormal.theorems.problem import Problem, Proof

_DEFINITE = 10
#: So many points of the outer set are asked for, and for so much of the time.
_ROUNDS, _SHARE = 40, 1 / 4


class _OnForm(OnForm, Separates):
    """A separator in the columns of the relevant switches, or, of a vector that is judged, in x."""

    def on(self, system: System) -> dict[str, Any]:
        """The separator in all columns, or in x."""
        v = wide(system, self.separator) if self.in_columns else self.separator
        return {"kind": self.kind, "separator": v}


@dataclass(frozen=True, eq=False)
class FromOpenCells(_OnForm):
    """Separated from all open cells, which are listed with what refutes every other branch."""

    kind = "separated from the open cells"
    separator: Sequence[Fraction]
    gap: Fraction | float
    cells: Cells
    in_columns: bool = False

    def on(self, system: System) -> dict[str, Any]:
        """With the list of cells."""
        return {**super().on(system), **self.cells.to_dict()}


@dataclass(frozen=True, eq=False)
class FromAllDefinite(_OnForm):
    """Separated from all definite signatures."""

    kind = "separated from all definite signatures"
    separator: Sequence[Fraction]
    gap: Fraction | float
    in_columns: bool = False


@dataclass(frozen=True, eq=False)
class WithinComponent(_OnForm):
    """Separated from the open cells of a component, whose members are positions among the relevant switches."""

    kind = "separated within a component"
    in_columns = True
    separator: Sequence[Fraction]
    gap: Fraction | float
    members: Sequence[int]
    cells: Cells

    def on(self, system: System) -> dict[str, Any]:
        """With the members and their cells."""
        return {**super().on(system), **self.cells.to_dict(), "members": self.members}


@dataclass(frozen=True, eq=False)
class FromAllSlopes(NextToProgram, Separates):
    """Separated, in x, from the gradients for all slopes in [-1, 1]."""

    kind = "separated from all slopes"
    about_the_vector = True
    separator: Sequence[float]
    gap: float

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """By an interval of its own along the separator."""
        return next_to_program.beyond_all_slopes(self.separator, witness)


@dataclass(frozen=True, eq=False)
class NotTheGradient(NextToProgram):
    """A vector that is not the one gradient that f has.

    Attributes
    ----------
    known
        the evidence that f is differentiable, by its names
    separator, gap
        the vector minus the gradient, and its largest entry
    """

    kind = "not the gradient"
    about_the_vector = True
    known: Mapping[str, Any]
    separator: Sequence[float]
    gap: float

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """That f is differentiable, and the distance, again."""
        return next_to_program.not_the_gradient(witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """A coordinate direction separates: that of the entry that is farthest beyond its tolerance."""
        if judged is None or judged.tolerance is None:
            return None
        farthest_entry = int(np.argmax(np.abs(self.separator) - judged.tolerance))
        unit = [Fraction(0)] * len(self.separator)
        unit[farthest_entry] = Fraction(1 if self.separator[farthest_entry] > 0 else -1)
        return FromAllDefinite(unit, self.gap)

    def to_dict(self) -> dict[str, Any]:
        """What is known beside it."""
        return {**self.known, "kind": self.kind, "separator": self.separator, "gap": self.gap}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        own = ("kind", "separator", "gap")
        return cls({name: data[name] for name in data if name not in own}, data["separator"], data["gap"])


@dataclass(frozen=True, eq=False)
class NonFinite(NextToProgram):
    """A vector with NaN or an infinite entry."""

    kind = "nonfinite"
    about_the_vector = True

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The vector says all."""
        return next_to_program.nonfinite(witness)


def separation(problem: Problem) -> Proof | None:
    """Proves that g_c is not a Clarke gradient."""
    system, cells = problem.relevant, problem.cells
    if system is None or not system.explicit:
        return None
    target = system.gradient(problem.slopes_in(system))
    if cells is not None and cells.complete:
        points, listed = gradients(system, cells.cells), cells
    elif system.k <= _DEFINITE:
        points, listed = system.scaled.gradients(list(product((1, -1), repeat=system.k))), None
    else:
        return None
    gap, v = separated(system, points, target)
    if v is None or not gap > margin(problem, system, v, problem.system):
        return None
    evidence = FromAllDefinite(v, gap, True) if listed is None else FromOpenCells(v, gap, listed, True)
    reason = "a direction separates the gradient from all limiting gradients"
    return Proof("separation", False, reason, system.arithmetic, evidence)


def by_component(problem: Problem) -> Proof | None:
    """Separation within one component, where no coupling crosses components: then case (a) of 2.6 is necessary too."""
    system = problem.relevant
    if system is None or not system.explicit:
        return None
    components = problem.components if problem.separable(system) else None
    if components is None or len(components) < 2 or any(component.outside for component in components):
        return None
    c = problem.slopes_in(system)
    for component in components:
        if not component.cells.complete:
            return None
        own = [c[i] for i in component.members]
        points = gradients(component.system, component.cells.cells)
        gap, v = separated(component.system, points, component.system.gradient(own))
        if v is None:
            continue
        v = only_within(system, component.members, v)
        if not gap > margin(problem, system, v, problem.system):
            continue
        reason = f"{len(own)} of the {system.k} active switches, apart from all others, already separate the gradient"
        evidence = WithinComponent(v, gap, component.members, component.cells)
        return Proof("separation", False, reason, system.arithmetic, evidence)
    return None


def only_within(system: System, members: tuple[int, ...], v: Vector) -> Vector:
    """The vector that acts as v on the rows of some switches, and as 0 on all other rows; the row spaces are
    independent."""
    return with_rates(system, lambda i: dot(system.rows[i], v) if i in members else Fraction(0))


def with_rates(system: System, rate: Callable[[int], Fraction]) -> Vector:
    """A vector that gives the rows of a basis these rates, by their numbers."""
    chosen, _ = pivots(system.rows)
    matrix = [[*system.rows[i], rate(i)] for i in chosen]
    # Every other column is led or free before it, so the last null vector is the one with last entry 1.
    return [-a for a in nullspace(matrix, system.width + 1)[-1][:-1]]


def separated(system: System, points: Array, target: Vector) -> tuple[Fraction, Vector | None]:
    """By how much a vector separates the target from points (in the units of `Scaled.gradients`), and that vector; None
    where there is none."""
    goal = system.scaled.target(target)
    _, v = mean(points, goal)
    if v is None:
        return Fraction(0), None
    return (dot(v, goal) - farthest(points, v)[1]) / system.scaled.unit, v


def margin(problem: Problem, system: System, v: Vector, whole: System | None = None) -> Fraction:
    """By how much v has to separate: more than rounding in computed weights can make (rational data have none), and
    than what is separated together with g_c may fall short of g_c along v.

    ``whole`` is the system with the switches whose weights came out as 0, in the same columns.
    """
    return rounding_along(whole or system, v) + problem.reach(system, v)


def rounding_along(system: System, v: Vector) -> Fraction:
    """How much rounding in the weights can change the difference of two v . g_sigma: 2 sum_i error_i max |r_i . v|.

    A weight may be off by its bound, and by a part of itself that its derivative formulas may have lost.
    """
    if system.errors is None:
        return Fraction(0)
    reach: Vector = []
    for i, row in enumerate(system.rows):
        coupled = (abs(weight) * reach[j] for j, weight in enumerate(system.couplings[i][:i]) if weight)
        reach.append(abs(dot(row, v)) + sum(coupled, Fraction(0)))
    lost = Fraction(relative(DOUBLE))
    return 2 * sum((
        (error + lost * abs(weight)) * size
        for weights, errors in zip(system.weights, system.errors, strict=True)
        for weight, error, size in zip(weights, errors, reach, strict=True)
    ), Fraction(0))


def from_all_slopes(problem: Problem) -> Proof | None:
    """Separation of g_c from the gradients for all slopes, along g_c - g_0, where switches are too many to be
    listed; g_c is itself one of these, unless slopes of a block lie outside of their ball."""
    if problem.relevant is not None or problem.sweeps.rational or not problem.sweeps.lanes:
        return None
    g, middle = problem.gradient, middle_of(problem)
    if (np.abs(g - middle) <= problem.allowed).all():
        return None
    size = problem.sweeps.pull_magnitude(problem.sigma, None, np.ones((1, 1)))[0][0]
    allowed = rounding(problem.sweeps.pull_depth) * size + problem.allowed
    if beyond_bounds(problem, g, middle, allowed) is None:
        return None
    # Only what separates has to exceed what rounding makes of weights, too.
    return beyond_bounds(problem, g, middle, allowed + spread(problem.sweeps, problem.sigma, DOUBLE, g, allowed))


def middle_of(problem: Problem) -> Array:
    """g_0, which is in the outer set: nothing separates what is within the tolerance of it in every entry."""
    return problem.sweeps.gradient(problem.sweeps.signature(0.0))


def beyond_bounds(problem: Problem, g: Array, middle: Array, allowed: Array) -> Proof | None:
    """Separation of a vector from the gradients for all slopes: by one interval push along g - g_0, and where norms
    are few by the support function of the outer set."""
    sweeps, v = problem.sweeps, g - middle
    if not v.any():
        return None
    proof = separated_along(g, v, allowed, lambda v: float(derivative_bounds(sweeps, v)[1][0]))
    behind = sweeps.sorts and weights_of_sorts(sweeps) is None
    if proof is not None or not sweeps.lanes or behind or blocks(sweeps) > BLOCKS:
        return proof

    size = float(np.abs(g).max()) + float(np.abs(v).max())

    def lowest(x: Array) -> tuple[Array, None]:
        return (g - sweeps.gradient(outer_support(sweeps, x)[1])) / size, None

    clock, began = problem.clock, problem.clock.over

    def enough(x: Array, new: Array) -> bool:
        late = clock.over - began > _SHARE * problem.budget.seconds
        return late or float(x @ new) > float(x @ x) / 2

    nearest = least_norm(lowest, (v / size, None), _ROUNDS, enough).point
    return separated_along(g, nearest, allowed, lambda v: outer_support(sweeps, v)[0]) if nearest.any() else None


def separated_along(g: Array, v: Array, allowed: Array, highest: Callable[[Array], float]) -> Proof | None:
    """That v . g is larger than v . g_sigma for all slopes, beyond rounding."""
    v = v / np.abs(v).max()
    gap = float(v @ g) - highest(v)
    if not gap > along(v, g, allowed):
        return None
    return Proof(
        "separation", False, "a direction separates the gradient from the gradients for all slopes", "float64",
        FromAllSlopes(v.tolist(), gap),
    )
