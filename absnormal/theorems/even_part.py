"""Even part: kinks that f sees on both sides alike (THEORY 7.3).

Hypotheses
----------
N holds the active switches with a nonzero base row.  c = 0 on N, no switch of N depends on an active |.|, and all other
active switches have a zero base row.  Switches whose row is zero for every sigma, and those that cannot change the
output, are left out.

Statement
---------
g_c is the base gradient J~, whatever the slopes of the other switches are, and it is a Clarke gradient.

Proof idea
----------
Along d and -d the rates of N have opposite signs, and all else depends on their sizes: f'(x; d) - J~ . d is the same
along both, an even function E.  Then dC E(0) is symmetric, so it holds 0.  And g_c = J~: every chain starts in N.

Notes
-----
Structure alone, two sweeps of patterns: nothing is rounded.  A small system is also tried on rationals.  c = 0 is the
tie of |.| in every framework, and of a maximum that splits evenly.

Source
------
This package, THEORY 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.active.system import System
from absnormal.certificates import of_slopes
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.sweeps.adjoints import nonzero
from absnormal.theorems.problem import Problem, Proof

_REASON = (
    "f bends alike on both sides: the kinks that move have slope 0, and f sees only how far they move, so the gradient"
    " is the middle of the generalized gradient"
)


@dataclass(frozen=True, eq=False)
class EvenPart(NextToProgram):
    """The switches with a base row, whose slopes are 0 and which depend on no active |.|."""

    kind = "even part"
    switches: Sequence[int]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The patterns again; f' along random directions, and back."""
        return of_slopes.even_part(witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm:
        """The rows and couplings themselves."""
        return EvenRows()


@dataclass(frozen=True, eq=False)
class EvenRows(OnForm):
    """Relevant switches have a base row, no coupling from others and slope 0, or they have no base row."""

    kind = "even part"


def even_part(problem: Problem) -> Proof | None:
    """Proves by patterns that g_c is the middle of a symmetric set."""
    sweeps, c = problem.sweeps, np.asarray(problem.c, dtype=float)
    if sweeps.rational or sweeps.sorts or not (c == 0).any():
        return None
    sigma = sweeps.signature(0.0)
    counted = np.zeros(sweeps.program.s, bool)
    counted[sweeps.alpha] = problem.maybe_nonzero & sweeps.influence()[sweeps.alpha]
    first = counted & sweeps.pattern(sigma)[0]
    if not first.any() or (c != 0)[first[sweeps.alpha]].any():
        return None
    before = sweeps.pull_magnitude(sigma, first[None].astype(float), None, change=nonzero)[1][0]
    if (before[counted] != 0).any():
        return None
    return Proof("even part", True, _REASON, "structure", EvenPart(np.flatnonzero(first).tolist()))


def even_part_exactly(problem: Problem) -> Proof | None:
    """The theorem on the rational rows of listed switches."""
    system = problem.relevant
    if system is None or not system.explicit or not is_even(system, problem.slopes_in(system)):
        return None
    return Proof("even part", True, _REASON, system.arithmetic, EvenRows())


def is_even(system: System, c: Sequence[Any]) -> bool:
    """Whether every switch has a zero base row, or slope 0 and no coupling from others."""
    return all(
        not any(row) or (not slope and not any(coupling))
        for row, slope, coupling in zip(system.rows, c, system.couplings, strict=True)
    )
