"""Independent subproblems (THEORY 2.8).

Hypotheses
----------
The active switches fall into subproblems P whose rows use different inputs, with no couplings between them.

Statement
---------
The open cells are the products of the cells of the subproblems, and g_sigma = J~ + sum_P G_P(sigma_P).  If G_P(c_P) is
in conv{G_P(tau) : tau open in P} for each P, g_c is a Clarke gradient; under hypothesis E that is also necessary.

Proof idea
----------
The subproblems move in separate coordinates, so directions, and convex hulls, add up.  Each is a piecewise-linear
function by itself, so that any theorem about rows, couplings and weights may prove it.

Notes
-----
Thousands of small subproblems are decided one by one, and equal ones once.

Source
------
This package; the statement and its proof are in THEORY 2.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from absnormal.active.system import MANY, System
from absnormal.certificates.evidence import InSystems, OnForm
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, Cells, gradients, open_cells
from absnormal.clarke.pricing import approach
from absnormal.rational.alternative import mean
from absnormal.rational.linear_algebra import Vector
from absnormal.theorems.branch_and_bound import LISTED, ByBranching, Separated, Weighted, in_block
from absnormal.theorems.direction import OpenWithFree, find
from absnormal.theorems.even_part import EvenRows, is_even
from absnormal.theorems.membership import ConvexWeights
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import FromOpenCells, margin, separated
from absnormal.theorems.supporting import OwnAdjointsOfOneSign, own_adjoints, sign_of

#: What is known of a subproblem: whether it is Clarke, and the evidence, which equal ones share.
Known = tuple[bool, OnForm]


@dataclass(frozen=True, eq=False)
class IndependentSubproblems(InSystems):
    """Subproblems that share no input and no coupling, each with its own evidence."""

    kind = "independent parts"
    subproblems: Sequence[tuple[System, OnForm]]

    def on(self, systems: Sequence[System]) -> dict[str, Any]:
        """The evidence of each system; None for one that needs none."""
        known = {own.switches: evidence for own, evidence in self.subproblems}
        found = [(system, known.get(system.switches)) for system in systems]
        return {"kind": self.kind, "parts": [None if own is None else own.on(system) for system, own in found]}


def independent_subproblems(problem: Problem) -> Proof | None:
    """Decides switches that are too many for one system, when they fall into subproblems."""
    if problem.sweeps.rational:
        return None
    found = problem.apart
    if found is None or len(found) < 2:
        return None
    known: dict[Any, Known | None] = {}
    alike: dict[Any, list[Cell]] = {}
    evidence: list[tuple[System, OnForm]] = []
    count, tracker = len(problem.sweeps.alpha), problem.tracker.part()
    for system in found:
        c = problem.slopes_in(system)
        key = (system.key, tuple(c))
        if key not in known:
            known[key] = _decide(problem, system, alike, tracker)
        answer = known[key]
        if answer is None:
            return None
        own = (system, answer[1])
        if not answer[0]:
            names = ", ".join(f"z{i}" for i in system.switches[:4]) + (", ..." if system.k > 4 else "")
            reason = f"{system.k} of {count} active switches ({names}), apart from all others, separate the gradient"
            return Proof("separation", False, reason, system.arithmetic, IndependentSubproblems([own]))
        evidence.append(own)
    reason = (
        f"the {count} active switches fall into {len(found)} subproblems that share no input, and in each the"
        " tool's choice is a mean of choices that directions realise"
    )
    return Proof("componentwise", True, reason, found[0].arithmetic, IndependentSubproblems(evidence))


def _decide(problem: Problem, whole: System, alike: dict[Any, list[Cell]], tracker: BudgetTracker) -> Known | None:
    """One subproblem: its even part, adjoints of one sign, a direction with free switches, cells along directions that
    separate, or all its cells.

    Cells that were used are kept in ``alike``, by the rows of their system.
    """
    system = whole.relevant()
    inside = problem.slopes_in(system)
    if system.explicit and is_even(system, inside):
        return True, EvenRows()
    if system.explicit and sign_of(own_adjoints(system, inside)):
        return True, OwnAdjointsOfOneSign()
    free = [i for i in range(system.k) if abs(inside[i]) < 1]
    direction = find(system, inside, free)
    if direction is not None:
        return True, OpenWithFree(free, direction)
    if system.k > MANY:
        return None
    if system.generic_cells > LISTED and system.explicit:
        return _by_branching(problem, system, inside, alike, tracker)
    target = system.gradient(inside)
    goal = system.scaled.target(target)
    for near, gained in approach(system, goal, tracker):
        weights = mean(gained, goal)[0]
        if weights is not None:
            return True, ConvexWeights.of(weights, Cells(near))
    cells = open_cells(system, tracker)
    points = gradients(system, cells.cells)
    weights = mean(points, goal)[0] if cells.cells else None
    if weights is not None:
        return True, ConvexWeights.of(weights, cells)
    gap, v = separated(system, points, target) if cells.complete else (Fraction(0), None)
    if v is None or not problem.separable(system) or not gap > margin(problem, system, v):
        return None
    return False, FromOpenCells(v, gap, cells, True)


def _by_branching(
    problem: Problem, system: System, inside: Vector, alike: dict[Any, list[Cell]], tracker: BudgetTracker
) -> Known | None:
    """Where cells are many; those of another subproblem with the same rows are a start."""
    rows = (*map(tuple, system.rows), *map(tuple, system.couplings))
    found = in_block(system, inside, tracker, lambda v: margin(problem, system, v), alike.get(rows, ()))
    match found:
        case Weighted(cells, weights):
            alike[rows] = cells
            return True, ConvexWeights.of(weights, Cells(cells))
        case Separated(v, tree, gap) if problem.separable(system):
            return False, ByBranching(v, gap, [*range(system.k)], tree)
    return None
