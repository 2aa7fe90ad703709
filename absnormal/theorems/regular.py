"""Regular: adjoints of one sign (THEORY 2.3).

Hypotheses
----------
w_j(sigma) = b_j + sum_{i > j} sigma_i Lt_ij w_i(sigma) is the adjoint of |z_j| over the active switches; those whose
row is zero for every sigma are left out.  All w_j(sigma) are >= 0 for all definite sigma, or all are <= 0: one sign for
all j together.

Statement
---------
f'(x; d) is the maximum (for the other sign the minimum) of g_sigma . d over all definite signatures, dC f(x) is the
convex hull of all g_sigma, and any slopes in [-1, 1] give a Clarke gradient.

Proof idea
----------
Replace |z_j| by the maximum of z_j and -z_j, from the last switch to the first.  Signs that differ from switch to
switch do not suffice: |x| - |x|.

Notes
-----
One backward sweep bounds all adjoints for all slopes (`absnormal.sweeps.bounds`); a small system is also tried on
rationals.  A switch whose adjoint is within its rounding error of 0 is set aside; what it could change is the
deviation of the proof, which must be small against the gradient (THEORY 6.4).  At entries of a norm that are nowhere
negative the slopes are not negative either (THEORY 8): adjoints are bounded for those, and others are not covered.

Source
------
Clarke 1983; Walther & Griewank, SIAM J. Optim. 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.clarke.regular_function import RegularFunction
from absnormal.rational.linear_algebra import Vector
from absnormal.sweeps.bounds import Curvature, curvatures_of_one_sign, moved_at_most
from absnormal.theorems.problem import Problem, Proof

_DEFINITE = 10


@dataclass(frozen=True, eq=False)
class BoundedAdjoints(NextToProgram):
    """Bounds on the adjoints of all |z_j| that have one sign for all slopes.

    Attributes
    ----------
    sign
        +1 or -1
    set_aside
        the switches whose adjoints are 0 to rounding, but not known to be 0
    negligible
        whether those of all active switches are 0 to rounding
    """

    kind = "sign-definite adjoints"
    sign: int
    set_aside: Sequence[int] | Array
    negligible: bool

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The bounds again; random signatures confirm them."""
        return next_to_program.sign_definite(self.sign, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm:
        """The adjoints themselves."""
        return AdjointsOfOneSign()


@dataclass(frozen=True, eq=False)
class AdjointsOfOneSign(OnForm):
    """The adjoints of all relevant |z_j| have one sign for all definite signatures."""

    kind = "sign-definite adjoints"


def regular(problem: Problem) -> Proof | None:
    """Proves by bounds on adjoints that any slopes give a Clarke gradient."""
    found = _of_one_sign(problem)
    return None if found is None or not found.small or not _allowed(problem) else found.proof


def _allowed(problem: Problem) -> bool:
    """Whether no slope is negative at an entry of a norm that is nowhere negative."""
    return not problem.sweeps.not_negative.any() or not (problem.sigma[problem.sweeps.not_negative] < 0).any()


class OfOneSign(NamedTuple):
    """A proof, what it sets aside could change in a gradient, and whether that is small against the gradient."""

    proof: Proof
    effect: Array
    small: bool


def _of_one_sign(problem: Problem) -> OfOneSign | None:
    """The adjoints of all switches have one sign, but for those that are set aside."""
    sweeps = problem.sweeps
    if sweeps.rational:
        return None
    found = curvatures_of_one_sign(sweeps)
    if found is None:
        return None
    negligible = found.negligible
    sign = _one_sign(found, ~negligible) or _one_sign(found, ~negligible & problem.maybe_nonzero)
    assert sign
    aside = negligible & (np.maximum(np.abs(found.lower), np.abs(found.upper)) > 0)
    effect = moved_at_most(sweeps, aside, found.error + np.abs(found.upper - found.lower), problem.allows)
    small = problem.allows(effect)
    what = "convex" if sign > 0 else "concave"
    reason = (
        f"every active kink enters f with the same sign ({what}), so dC f(x) holds the gradient for any slopes"
        if not negligible.all()
        else "no active switch changes f beyond rounding"
    )
    evidence = BoundedAdjoints(sign, sweeps.alpha[aside], bool(negligible.all()))
    arithmetic, deviation = "float64, outward rounded", float(effect.max(initial=0.0))
    return OfOneSign(Proof("regular", True, reason, arithmetic, evidence, deviation), effect, small)


def regular_function(problem: Problem) -> tuple[RegularFunction, OfOneSign] | None:
    """f by its directional derivative, where its active kinks all enter with one sign."""
    if problem.sweeps.rational or not len(problem.sweeps.alpha):
        return None
    found = _of_one_sign(problem)
    if found is None:
        return None
    assert isinstance(found.proof.evidence, BoundedAdjoints)
    return RegularFunction(problem.sweeps, found.proof.evidence.sign, found.effect), found


def without_effect(problem: Problem) -> OfOneSign | None:
    """Proves that no active |z| changes f: all adjoints are 0, to a rounding that is the proof's deviation.

    A vector that is farther away is refuted by one that is not small, too.
    """
    if problem.sweeps.rational or not len(problem.sweeps.alpha):
        return None
    found = _of_one_sign(problem)
    return found if found is not None and is_idle(found.proof) and _allowed(problem) else None


def is_idle(proof: Proof) -> bool:
    """Whether a proof says that no active |z| changes f beyond its deviation."""
    return isinstance(proof.evidence, BoundedAdjoints) and proof.evidence.negligible


def _one_sign(found: Curvature, needed: Array) -> int | None:
    """+1 or -1 when all needed bounds certainly have that sign (0 allowed)."""
    return next((sign for sign in (1, -1) if found.may_have(sign, needed)), None)


def regular_exactly(problem: Problem) -> Proof | None:
    """The theorem on rationals, over all definite signatures of few switches."""
    system = problem.relevant
    if system is None or system.k > _DEFINITE or not system.explicit:
        return None
    sign = definite_sign(system)
    if sign == 0:
        return None
    what = "convex" if sign > 0 else "concave"
    return Proof(
        "regular", True, f"the adjoint of every active |z| has one sign for all signatures ({what})",
        system.arithmetic, AdjointsOfOneSign(),
    )


def definite_sign(system: System) -> int:
    """+1 or -1 when the adjoints of all |z_j| have that sign for all definite signatures, otherwise 0."""
    signs: set[int] = set()
    for sigma in product((1, -1), repeat=system.k):
        for w in adjoints(system, sigma, system.weights[0]):
            if w:
                signs.add(1 if w > 0 else -1)
        if len(signs) > 1:
            return 0
    return signs.pop() if signs else 1


def adjoints(system: System, sigma: tuple[int, ...], seeds: Vector) -> Vector:
    """w_j(sigma) for all j, from the weights ``seeds``."""
    w = list(seeds)
    for i in range(system.k - 1, -1, -1):
        if w[i]:
            for j in range(i):
                if system.couplings[i][j]:
                    w[j] += sigma[i] * system.couplings[i][j] * w[i]
    return [Fraction(value) for value in w]
