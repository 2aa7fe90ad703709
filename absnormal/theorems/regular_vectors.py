"""Membership and separation under Regular, at any number of active switches (THEORY 7.9).

Hypotheses
----------
The adjoints of all active |z_j| and norms have one sign for all slopes (`absnormal.theorems.regular`).  Either a vector
is a convex combination of g_c for slopes c in [-1, 1] and in the balls of norms, or v . g > f°(x; v) for some v, where
f°(x; v) is the derivative f'(x; v), or for the other sign -f'(x; -v).

Statement
---------
The vector is a Clarke gradient, or it is none.

Proof idea
----------
Under Regular every g_c is in dC f(x), which is convex, and whose support function is one directional sweep.

Notes
-----
`absnormal.clarke.regular_function` searches.  What it finds is checked by bounds of its own.

Source
------
Clarke 1983, section 2.3; Wolfe, Mathematical Programming 1976.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates import of_slopes
from absnormal.certificates.evidence import Judged, NextToProgram, Separates
from absnormal.certificates.witness import Witness
from absnormal.clarke.regular_function import RegularFunction
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import regular_function


@dataclass(frozen=True, eq=False)
class MeanUnderRegular(NextToProgram):
    """Convex weights on gradients for some slopes of a function whose active kinks enter with one sign.

    Attributes
    ----------
    sign
        +1 or -1
    weights
        shape (k,)
    slopes
        at the active switches, one row for each weight
    """

    kind = "mean under regular"
    about_the_vector = True
    sign: int
    weights: Sequence[float]
    slopes: Sequence[Sequence[float]]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The signs of the adjoints, and the mean, again."""
        return of_slopes.mean_under_regular(self.sign, self.weights, self.slopes, witness, rng)


@dataclass(frozen=True, eq=False)
class BeyondDirectionalDerivative(NextToProgram, Separates):
    """A vector beyond the directional derivative along v of a function whose active kinks enter with one sign.

    Attributes
    ----------
    sign
        +1 or -1
    """

    kind = "beyond the directional derivative"
    about_the_vector = True
    sign: int
    separator: Sequence[float]
    gap: float

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The signs of the adjoints, and the derivative along v, again."""
        return of_slopes.beyond_the_derivative(self.sign, self.separator, witness, rng)


def vector_under_regular(
    problem: Problem, g: Array, accepted: Array, beyond: Callable[[], Array | None]
) -> Proof | None:
    """A verdict on a vector, within ``accepted`` of a member or by more than ``beyond()`` from all."""
    known = regular_function(problem)
    if known is None:
        return None
    (f, of_one_sign), refuted = known, beyond()
    found = f.member(g, accepted, refuted, problem.tracker.part())
    if found.separator is not None and refuted is not None:
        return _refuted(f, found.separator, g, refuted)
    if found.weights is None or not of_one_sign.small:
        return None
    mean = sum((w * f.gradient(c) for w, c in zip(found.weights.tolist(), found.slopes, strict=True)), np.zeros(len(g)))
    deviation = of_one_sign.proof.deviation + float(np.abs(mean - g).max(initial=0.0))
    evidence = MeanUnderRegular(f.sign, found.weights.tolist(), [c.tolist() for c in found.slopes])
    reason = "every active kink enters f with the same sign, and the vector is a convex combination of its gradients"
    return Proof("membership", True, reason, "float64", evidence, deviation, Judged(g, accepted))


def _refuted(f: RegularFunction, v: Array, g: Array, refuted: Array) -> Proof | None:
    gap = f.separates(v, g, refuted)
    if gap is None:
        return None
    reason = "every active kink enters f with the same sign, and f grows less along a direction than the vector says"
    evidence = BeyondDirectionalDerivative(f.sign, v.tolist(), gap)
    return Proof("separation", False, reason, "float64", evidence, judged=Judged(g, refuted))
