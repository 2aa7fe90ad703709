"""Branches that are closed near a point and not just at it, where couplings depend on the variables (THEORY 7.7).

Gordan weights lambda of a branch stand for a mu with sum_i mu_i A_i = 0 and lambda_j = mu_j sigma_j - sum_i mu_i D_ij.
This has to use no sign of a switch whose row is zero, and lambda_j > 0 has to hold where some D_ij with mu_i != 0 is
not constant.  A linear program finds a lambda with as many positive entries as there can be; where one has to be
positive and cannot, the mu_i in question are 0, and the program is solved again without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

import numpy as np

from absnormal.active.variable import Variable
from absnormal.arrays import Array
from absnormal.clarke.branching import BOUND, Branching, Tree
from absnormal.clarke.budget import BudgetTracker
from absnormal.rational.linear_algebra import nullspace

#: Of numbers up to 1 in a linear program in floating point, those that are no zeros; bits that are kept of its answer.
_SURE, _BITS = 1e-7, 24


class Ended(Exception):
    """The budget is over."""


class PossiblyOpen(Exception):
    """A signature that reaches what is asked for and is not open at the point, but may be open next to it."""

    def __init__(self, signature: list[int]) -> None:
        super().__init__()
        self.signature = signature


class StablyClosed:
    """What is known to close branches: weights that close one close every other one that has the signs that they use.

    Parameters
    ----------
    found
        the switches, which trees and weights name by position
    tracker
        the budget, of which a linear program is a feasibility problem
    """

    def __init__(self, found: Variable, tracker: BudgetTracker) -> None:
        self._found, self._tracker = found, tracker
        self._patterns = np.zeros((0, found.system.k))
        self._known: list[dict[int, int]] = []

    def tree(self, tree: Tree, search: Branching, goal: Fraction) -> tuple[Tree, int]:
        """The tree of a search with leaves that are stably closed, or have a bound below the goal; and the largest of
        these.

        Raises
        ------
        PossiblyOpen
            where some signature reaches the goal and is not known to be stably closed
        Ended
            where the budget is over
        """
        items, bounds = iter(tree), list[int]()

        def below(signs: Array) -> Tree:
            item = next(items)
            if item == BOUND or isinstance(item, dict):
                return self._leaf(signs, item if isinstance(item, dict) else {}, search, goal, bounds)
            return [item, *below(_with(signs, item, 1)), *below(_with(signs, item, -1))]

        found = below(np.zeros(self._found.system.k, dtype=object))
        return found, max(bounds)

    def _leaf(
        self, signs: Array, weights: Mapping[int, int], search: Branching, goal: Fraction, bounds: list[int]
    ) -> Tree:
        """A leaf, or a tree below it."""
        highest, parts = search.bound(signs)
        if highest < goal:
            bounds.append(highest)
            return [BOUND]
        closed = self.weights(signs.tolist(), weights)
        if closed is not None:
            return [closed]
        left = [i for i in search.decided(signs) if not signs[i]]
        if not left:
            raise PossiblyOpen(signs.tolist())
        i = max(left, key=lambda j: parts[j])
        sides = (self._leaf(_with(signs, i, sign), {}, search, goal, bounds) for sign in (1, -1))
        return [i, *next(sides), *next(sides)]

    def weights(self, chosen: Sequence[int], given: Mapping[int, int]) -> dict[int, int] | None:
        """Weights that show that a branch is stably closed, where they can those that are given; None where there are
        none.  A sign is 0 where it is not chosen."""
        signs = np.array(chosen, dtype=float)
        fit = np.flatnonzero(self._patterns @ signs == np.abs(self._patterns).sum(axis=1)).tolist()
        if fit:
            return self._known[fit[0]]
        if self._tracker.spent:
            raise Ended
        self._tracker.programs += 1
        weights = dict(given)
        used = self._found.closes(chosen, weights)
        if not used:
            weights = most_positive(self._found, chosen)
            used = self._found.closes(chosen, weights)
        if not used:
            return None
        pattern = np.zeros(len(signs))
        pattern[[*used]] = signs[[*used]]
        self._patterns = np.concatenate([self._patterns, pattern[None]])
        self._known.append(weights)
        return weights


def _with(signs: Array, i: int, sign: int) -> Array:
    result = signs.copy()
    result[i] = sign
    return result


def most_positive(found: Variable, signature: Sequence[int]) -> dict[int, int]:
    """The Gordan weights of a branch, by position, that may show that it is stably closed; empty where none do."""
    signed = [j for j, sign in enumerate(signature) if sign]
    free = [i for i in signed if all(signature[j] for j in found.couplings[i])]
    while free:
        sizes = np.array([[_share(found, signature, i, j) for i in free] for j in signed], dtype=object)
        moving = np.array([[_moves(found, signature, i, j) for i in free] for j in signed])
        equations = np.array([found.own[i] for i in free], dtype=object).T
        mu, positive = _largest_support(equations.astype(float), sizes.astype(float))
        barred = np.asarray(moving[~positive].any(axis=0))
        if not positive.any():
            break
        if not barred.any():
            return _exactly(np.concatenate([equations, sizes[~positive]]), sizes, mu, signed)
        free = [i for i, out in zip(free, barred, strict=True) if not out]
    return {}


def _share(found: Variable, signature: Sequence[int], i: int, j: int) -> Fraction:
    """What mu_i adds to lambda_j."""
    coupling = found.couplings[i].get(j)
    return Fraction(signature[j]) if i == j else -coupling.at(signature[j]) if coupling else Fraction(0)


def _moves(found: Variable, signature: Sequence[int], i: int, j: int) -> bool:
    """Whether that is not constant."""
    return j in found.couplings[i] and signature[j] in found.couplings[i][j].moving


def _largest_support(equations: Array, sizes: Array) -> tuple[Array, Array]:
    """mu with ``equations`` mu = 0 and ``sizes`` mu >= 0, and which entries of that are positive: as many as can be."""
    from scipy.optimize import linprog

    (count, many), nothing = sizes.shape, np.zeros((len(equations), len(sizes)))
    answer = linprog(
        np.concatenate([np.zeros(many), -np.ones(count)]), np.hstack([-sizes, np.eye(count)]), np.zeros(count),
        np.hstack([equations, nothing]), np.zeros(len(equations)), [(None, None)] * many + [(0, 1)] * count,
    )  # fmt: skip
    if answer.status:
        return np.zeros(many), np.zeros(count, bool)
    return answer.x[:many], answer.x[many:] > _SURE


def _exactly(equations: Array, sizes: Array, mu: Array, signed: Sequence[int]) -> dict[int, int]:
    """Integers ``sizes`` mu for a mu near to this one that solves equations; those that are not negative."""
    exact = np.zeros(len(mu), dtype=object)
    for vector in nullspace(equations.tolist(), len(mu)):
        free = max(i for i, a in enumerate(vector) if a)
        exact = exact + Fraction(round(mu[free] * 2**_BITS), 2**_BITS) * np.array(vector, dtype=object)
    weights = (sizes @ exact).tolist()
    unit = lcm(*(Fraction(weight).denominator for weight in weights))
    found = {j: int(unit * weight) for j, weight in zip(signed, weights, strict=True) if weight}
    return found if min(found.values(), default=0) >= 0 else {}
