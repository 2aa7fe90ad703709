"""Branch and bound (THEORY 7.6).

Hypotheses
----------
Hypothesis E.  The blocks are the components of the matroid of the rows, joined wherever a coupling links them.

Statement
---------
g_c is a Clarke gradient if and only if in each block G_B(c_B) is in conv{G_B(tau) : tau open in B}.  It is none if for
some v and one block there is a tree of sign choices each leaf of which has Gordan weights, or a bound
sup{v . G_B(tau) : completions tau} < v . G_B(c_B).

Proof idea
----------
Every open signature makes all choices of one leaf.  It is in no leaf with Gordan weights, and in every other one the
bound holds, so v separates G_B(c_B).

Notes
-----
The vector that separates the goal from the gradients known so far is searched for a cell beyond the goal; one that is
found joins them, and where there is none the tree of that search is the proof.  So this ends, with either answer, and
lists neither all cells nor all branches.  Where blocks have few cells these are listed at less cost.

Source
------
Land & Doig, Econometrica 1960, and Dantzig & Wolfe, Operations Research 1960, for the two methods; the statement and
its proof are in THEORY 7.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.evidence import OnForm, Separates, wide
from absnormal.clarke.branching import Branching, Tree, written
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, gradients, open_cells
from absnormal.clarke.components import immaterial, linked
from absnormal.clarke.pricing import approach
from absnormal.rational.alternative import mean
from absnormal.rational.linear_algebra import Vector, dot
from absnormal.theorems.componentwise import Components, Mean
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import margin, only_within

#: Open cells, of hyperplanes in general position, up to which they are listed.
LISTED = 200


@dataclass(frozen=True, eq=False)
class ByBranching(OnForm, Separates):
    """Separated within a block, whose members are positions among the relevant switches, by a tree of sign choices."""

    kind = "separated by branching"
    in_columns = True
    separator: Sequence[Fraction]
    gap: Fraction | float
    members: Sequence[int]
    tree: Tree

    def on(self, system: System) -> dict[str, Any]:
        """The tree with the positions of switches among the relevant ones, in which `BOUND` marks a bounded leaf."""
        return {
            "kind": self.kind, "separator": wide(system, self.separator), "gap": self.gap, "members": self.members,
            "tree": written(self.tree),
        }


@dataclass(frozen=True, eq=False)
class Separated:
    """A vector, in the columns of a block, that separates; the tree that shows it, and by how much."""

    v: Vector
    tree: Tree
    gap: Fraction


@dataclass(frozen=True, eq=False)
class Weighted:
    """Open cells and convex weights on some of them, by number."""

    cells: list[Cell]
    weights: dict[int, Fraction]


def branch_and_bound(problem: Problem) -> Proof | None:
    """Decides g_c where the open cells of some block are many."""
    system = problem.relevant
    if system is None or not system.k or not system.explicit or len(system.weights) != 1:
        return None
    if system.generic_cells <= LISTED:
        return None
    blocks = [(members, system.part(members)) for members in linked(system)]
    if all(own.generic_cells <= LISTED for _, own in blocks):
        return None
    c, tracker, evidence = problem.slopes_in(system), problem.tracker.part(), []
    for members, own in blocks:
        inside = [c[i] for i in members]

        def extended(v: Vector, members: tuple[int, ...] = members) -> Vector:
            return only_within(system, members, v) if len(blocks) > 1 else v

        found = in_block(own, inside, tracker, lambda v: margin(problem, system, extended(v), problem.system))
        if isinstance(found, Separated) and not problem.separable(system):
            return None
        match found:
            case None:
                return None
            case Separated(v, tree, gap):
                apart = f" {len(members)} of the" if len(blocks) > 1 else " the"
                reason = (
                    f"a direction separates the gradient from the limiting gradients of{apart} {system.k} active"
                    " switches: a tree of choices of their signs bounds these"
                )
                proof = ByBranching(extended(v), gap, members, tree)
                return Proof("separation", False, reason, system.arithmetic, proof)
            case Weighted(cells, weights):
                used = [(w, cells[k]) for k, w in weights.items()]
                evidence.append(Mean(
                    members, [w for w, _ in used], [immaterial(cell, inside) for _, cell in used],
                    [cell.direction for _, cell in used],
                ))
    parts = "one block" if len(blocks) == 1 else f"{len(blocks)} blocks"
    reason = f"the {system.k} active switches form {parts}, in which the gradient is a mean of limiting gradients"
    return Proof("componentwise", True, reason, system.arithmetic, Components(evidence))


def in_block(
    system: System, c: Vector, tracker: BudgetTracker, margin: Callable[[Vector], Fraction],
    start: Sequence[Cell] = (),
) -> Weighted | Separated | None:
    """What there is to say of one block; ``margin`` of a vector is by how much it has to separate, and cells to
    start with may be those of a system with the same rows."""
    goal = system.scaled.target(system.gradient(c))
    if system.generic_cells <= LISTED:
        listed = open_cells(system, tracker)
        weights = mean(gradients(system, listed.cells), goal)[0] if listed.cells else None
        if weights is not None:
            return Weighted(listed.cells, weights)
    search = _Search(system, goal, tracker, margin)
    for cells, points in approach(system, goal, tracker, oracle=search, start=start):
        weights = mean(points, goal)[0]
        if weights is not None:
            return Weighted(cells, weights)
    return search.found


class _Search:
    """The cells beyond the goal along a vector; once there are none, what shows that is ``found``."""

    def __init__(
        self, system: System, goal: Vector, tracker: BudgetTracker, margin: Callable[[Vector], Fraction]
    ) -> None:
        self._system, self._goal, self._tracker, self._margin = system, goal, tracker, margin
        self.found: Separated | None = None

    def __call__(self, v: list[int]) -> Array | None:
        """A direction of a cell."""
        exact = [Fraction(a) for a in v]
        along, unit = dot(exact, self._goal), self._system.scaled.unit
        search = Branching(self._system.scaled, v, along - unit * self._margin(exact), self._tracker)
        found = search.run()
        if isinstance(found, np.ndarray):
            return found
        if found is not None:
            self.found = Separated(exact, found, (along - search.largest) / unit)
        return None

