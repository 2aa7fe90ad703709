"""Variable coefficients: separation where weights between kinks are variables, too (THEORY 7.7).

Hypotheses
----------
Every active switch is z_i = q_i l_i, q_i(x) != 0, with l_i = sum_j A_ij v_j + sum_{j < i} (B_ij |l_j| + C_ij l_j), v
among the inputs, A constant, B and C affine in the inputs.  In a tree of sign choices each leaf has a bound,
v . g_sigma < v . g_c for all completions, or is stably closed: it has Gordan weights lambda >= 0 and with them mu, not
all 0, sum_i mu_i A_i = 0, such that lambda_j > 0 wherever B_ij + sigma_j C_ij is not constant for some mu_i != 0, and
these i take nothing from a switch that is not chosen or whose row is zero.

Statement
---------
g_c is not a Clarke gradient.

Proof idea
----------
At a point y near x the equations of the switches, weighted with mu, add up to sum_j lambda_j(y) |l_j(y)| = 0, where
lambda_j(y) is near to lambda_j, and the same where that is 0.  So the sum is positive, unless all these l_j vanish,
which they do on a set of measure 0 only: a branch that is stably closed is not met near x.

Notes
-----
Networks as functions of all their weights are of this kind where layers vanish.  Gordan weights alone do not suffice:
weights between kinks move, and may open next to x what is closed at x.  What may be opened counts as open here.

Source
------
This package, THEORY 7.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from absnormal.active.variable import Variable, variable
from absnormal.certificates import of_variable_coefficients
from absnormal.certificates.evidence import NextToProgram, Separates
from absnormal.certificates.witness import Witness
from absnormal.clarke.branching import Branching, Tree, written
from absnormal.clarke.pricing import around, cells_along
from absnormal.clarke.stably_closed import Ended, PossiblyOpen, StablyClosed
from absnormal.rational.alternative import farthest, mean
from absnormal.rational.linear_algebra import Vector, dot
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import margin

#: Directions at random, and back, along which cells are known at first.
_START = 32
_REASON = (
    "a direction separates the gradient from all limiting gradients, also from those of cells that the weights between"
    " kinks may open near the point"
)


@dataclass(frozen=True, eq=False)
class BeyondStableCells(NextToProgram, Separates):
    """Separated, in x, by a tree of sign choices with branches that are bounded or stably closed.

    Attributes
    ----------
    separator, gap
        v, and v . g_c minus the largest bound
    tree
        positions of relevant switches, `clarke.branching.BOUND`, and Gordan weights
    """

    kind = "separated with variable coefficients"
    separator: Sequence[float]
    gap: float
    tree: Sequence[Any]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The switches made again; on rationals the tree, its bounds and its weights, by the code of the checker."""
        return of_variable_coefficients.beyond(self.separator, self.tree, witness, rng)


def variable_coefficients(problem: Problem) -> Proof | None:
    """Proves that g_c is not a Clarke gradient where hypothesis E fails because couplings are not constant."""
    if problem.system is not None and problem.system.proved:
        return None
    found = variable(problem.sweeps)
    if found is None or len(found.system.weights) != 1:
        return None
    system = found.system
    try:
        known = _separated(problem, found)
    except Ended:
        return None
    if known is None or system.inputs is None or not problem.separable(system):
        return None
    v, gap, tree = known
    separator = [0.0] * problem.sweeps.program.n
    for column, a in zip(system.columns, v, strict=True):
        separator[system.inputs[column]] = float(a)
    evidence = BeyondStableCells(separator, float(gap), written(tree))
    return Proof("separation", False, _REASON, system.arithmetic, evidence)


def _separated(problem: Problem, found: Variable) -> tuple[Vector, Fraction, Tree] | None:
    """v in the columns of the relevant switches, how much farther g_c lies along it than all gradients near x, and the
    tree that shows that; None where g_c is a mean of gradients that may be limiting ones, or lies too near to them."""
    system, scaled, tracker = found.system, found.system.scaled, problem.tracker.part()
    rng, closed = np.random.default_rng(0), StablyClosed(found, tracker)
    goal = scaled.target(system.gradient(problem.slopes_in(system)))
    drawn = rng.standard_normal((_START, system.width))
    _, points = cells_along(scaled, np.concatenate([drawn, -drawn]))
    while len(points) and not tracker.spent:
        tracker.programs += 1
        _, exact = mean(points, goal)
        if exact is None:
            return None
        largest = max(map(abs, exact))
        exact = [Fraction(float(a / largest)) for a in exact]
        along = dot(exact, goal)
        least = along - scaled.unit * margin(problem, system, exact, found.whole)
        if farthest(points, exact)[1] >= least:
            return None
        unit = lcm(*(a.denominator for a in exact))
        search = Branching(scaled, [int(unit * a) for a in exact], unit * least, tracker)
        answer = search.run()
        if answer is None:
            return None
        if isinstance(answer, np.ndarray):
            _, new = cells_along(scaled, around(answer, rng))
        else:
            try:
                tree, highest = closed.tree(answer, search, unit * least)
                return exact, (along - Fraction(highest, unit)) / scaled.unit, tree
            except PossiblyOpen as one:
                new = scaled.gradients([one.signature])
        if not len(new) or farthest(new, exact)[1] < least:
            return None
        points = np.concatenate([points, new])
    return None
