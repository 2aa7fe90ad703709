"""Which slopes would have given a Clarke gradient: one number for all, another at one switch, or an open cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.clarke.cells import gradients, open_cells
from absnormal.program.program import Program
from absnormal.rational.alternative import mean
from absnormal.rational.linear_algebra import Vector
from absnormal.rational.linear_program import Feasible, solve
from absnormal.report.plain import number
from absnormal.report.relation import names_of, slope_in_words
from absnormal.theorems.problem import Problem

_FEW = 12
#: Counts end the search, so that the same is said on a slow machine; the seconds are for numbers without end.
_BUDGET = Budget(cells=256, programs=1000, seconds=30.0)
_NICE = tuple(map(Fraction, (0, 1, -1)))


@dataclass(frozen=True)
class Remedy:
    """Slopes of |z| at some active switches that, with the tool's own at all others, give a Clarke gradient.

    Attributes
    ----------
    slopes
        by switch
    everywhere
        whether one slope at every active switch is meant
    """

    slopes: dict[int, Fraction]
    everywhere: bool

    def in_words(self, program: Program) -> str:
        """A sentence."""
        parts = []
        for slope in sorted(set(self.slopes.values())):
            switches = [switch for switch, own in self.slopes.items() if own == slope]
            where = "every tie" if self.everywhere else names_of(switches)
            parts.append(f"{slope_in_words(program, switches, slope)} at {where}")
        return f"{' and '.join(parts)} would do"


def remedy(problem: Problem) -> Remedy | None:
    """The nearest slopes that are proved to do; None where there are many switches, or none were found."""
    system = problem.relevant
    if system is None or not system.explicit or not 0 < system.k <= _FEW:
        return None
    c = problem.slopes_in(system)
    cells = open_cells(system, _BUDGET.start()).cells
    if not cells:
        return None
    points = gradients(system, cells)
    own = [slope * sign for slope, sign in zip(c, system.signs, strict=True)]
    if len(set(own)) == 1:
        for slope in _NICE:
            uniform = [slope * sign for sign in system.signs]
            if slope != own[0] and mean(points, system.scaled.target(system.gradient(uniform)))[0] is not None:
                return Remedy({int(i): slope for i in problem.sweeps.alpha}, True)
    for i in range(system.k):
        other = _at_one(system, points, c, i)
        if other is not None:
            return Remedy({system.switches[i]: other * system.signs[i]}, False)
    nearest = min(
        (_changes(system, cell.signature, c) for cell in cells), key=lambda changes: (len(changes), sorted(changes))
    )
    return Remedy(nearest, False)


def _at_one(system: System, points: Array, c: Vector, i: int) -> Fraction | None:
    """A slope at switch i, all others as they are, with the gradient in the hull of the points: it is affine in it."""
    ends = (system.gradient([*c[:i], Fraction(slope), *c[i + 1 :]]) for slope in (-1, 1))
    low, high = map(system.scaled.target, ends)
    step = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    if not any(step):
        return None
    for slope in _NICE:
        if mean(points, [a + (slope + 1) * b for a, b in zip(low, step, strict=True)])[0] is not None:
            return slope
    # sum w_k p_k - u step = low, sum w = 1, u + rest = 2: the slope is u - 1.
    zeros = [Fraction(0)] * len(low)
    columns = [[*map(Fraction, point), Fraction(1), Fraction(0)] for point in points.tolist()]
    columns += [[*(-a for a in step), Fraction(0), Fraction(1)], [*zeros, Fraction(0), Fraction(1)]]
    answer = solve(columns, [*low, Fraction(1), Fraction(2)])
    return answer.x[len(points)] - 1 if isinstance(answer, Feasible) else None


def _changes(system: System, signature: Sequence[int], c: Vector) -> dict[int, Fraction]:
    """The switches at which a cell differs from the tool's slopes; where a row is zero nothing need change."""
    return {
        switch: Fraction(s * sign)
        for switch, sign, s, own in zip(system.switches, system.signs, signature, c, strict=True)
        if s and s != own
    }


def shown(found: Remedy | None) -> dict[str, str] | None:
    """For `Report.to_dict`."""
    return None if found is None else {f"z{switch}": number(slope) for switch, slope in found.slopes.items()}
