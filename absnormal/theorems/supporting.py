"""Supporting: adjoints of one sign under the tool's own slopes (THEORY 2.9).

Hypotheses
----------
w_j = b_j + sum_{i > j} c_i Lt_ij w_i is the adjoint of |z_j| over the active switches under the slopes c that are
judged, in [-1, 1]; those whose row is zero for every sigma are left out.  All w_j are >= 0, or all are <= 0: one sign
for all j together, where a coupling counts with the slope of the switch that it leads to.

Statement
---------
f'(x; d) >= g_c . d for every d (for the other sign <=), so g_c is a Clarke gradient.  It is a regular subgradient of f
(of -f): nothing is said of other slopes, and g_c need be no limiting gradient.

Proof idea
----------
|z_j'| = c_j z_j' + e_j with e_j >= 0, as |c_j| <= 1.  Inserted from the last switch to the first, this gives
f'(x; d) = g_c . d + sum_j w_j e_j.  For a 2-norm, ||z_j'|| = c_j . z_j' + e_j, with c_j in the ball.

Notes
-----
One pull under c: Regular asks the same of all slopes.  Cells and rows play no part, so their rounding does not matter.
A switch whose adjoint is within its rounding error of 0 is set aside; what it could change is the deviation of the
proof, which must be small against the gradient (THEORY 6.4).  On rationals no adjoint is set aside.

Source
------
This package, THEORY 2.9; Rockafellar & Wets, *Variational Analysis*, 1998, section 8, for regular subgradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from absnormal.active.system import System
from absnormal.certificates import of_slopes
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.rational.linear_algebra import Vector
from absnormal.sweeps.bounds import moved_at_most
from absnormal.sweeps.rounding import rounding
from absnormal.theorems.problem import Problem, Proof


@dataclass(frozen=True, eq=False)
class OwnAdjoints(NextToProgram):
    """Adjoints of all |z_j| under the slopes that are judged, of one sign.

    Attributes
    ----------
    sign
        +1 or -1
    set_aside
        the switches whose adjoints are 0 to rounding, but not known to be 0
    """

    kind = "adjoints for these slopes"
    sign: int
    set_aside: Sequence[int]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The adjoints again; random directions confirm the inequality."""
        return of_slopes.supporting(self.sign, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm:
        """The adjoints themselves."""
        return OwnAdjointsOfOneSign()


@dataclass(frozen=True, eq=False)
class OwnAdjointsOfOneSign(OnForm):
    """The adjoints of all relevant |z_j| under the slopes that are judged have one sign."""

    kind = "adjoints for these slopes"


def supporting(problem: Problem) -> Proof | None:
    """Proves by one pull under the slopes themselves that g_c supports f' from below or from above."""
    sweeps = problem.sweeps
    if sweeps.rational or sweeps.sorts or not len(sweeps.alpha):
        return None
    one = np.ones((1, 1))
    w = sweeps.pull(problem.sigma, None, one)[1][0][sweeps.alpha]
    error = rounding(sweeps.pull_depth) * sweeps.pull_magnitude(problem.sigma, None, one)[1][0][sweeps.alpha]
    counted = problem.maybe_nonzero & (error > 0)
    if not np.isfinite(error).all():
        return None
    for sign in (1, -1):
        if not (sign * w >= -error)[counted].all():
            continue
        aside = counted & ~(sign * w > error)
        effect = moved_at_most(sweeps, aside, error + np.abs(w), problem.allows)
        if problem.allows(effect):
            evidence = OwnAdjoints(sign, sweeps.alpha[aside].tolist())
            return Proof("supporting", True, _reason(sign), "float64, outward rounded", evidence,
                         float(effect.max(initial=0.0)))
    return None


def supporting_exactly(problem: Problem) -> Proof | None:
    """The theorem on rationals, for a system of listed switches."""
    system = problem.relevant
    if system is None or not system.explicit:
        return None
    sign = sign_of(own_adjoints(system, problem.slopes_in(system)))
    if not sign:
        return None
    return Proof("supporting", True, _reason(sign), system.arithmetic, OwnAdjointsOfOneSign())


def sign_of(w: Vector) -> int:
    """+1 or -1 where all have that sign, otherwise 0."""
    least, largest = min(w, default=0), max(w, default=0)
    return 0 if least < 0 < largest else -1 if least < 0 else 1


def own_adjoints(system: System, c: Vector) -> Vector:
    """w_j under the slopes c, for all j."""
    w = list(system.weights[0])
    for i in reversed(range(system.k)):
        for j in range(i):
            w[j] += c[i] * system.couplings[i][j] * w[i]
    return w


def _reason(sign: int) -> str:
    side = "at most" if sign > 0 else "at least"
    return (
        "under the tool's own slopes every active kink enters f with one sign, so along every direction the gradient"
        f" predicts {side} the slope of f"
    )
