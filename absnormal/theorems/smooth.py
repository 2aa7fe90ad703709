"""Smooth (THEORY 2.1).

Hypotheses
----------
No switch is active, or the base row of every active switch is zero.

Statement
---------
f is strictly differentiable at x, and dC f(x) = {g} whatever the slopes are.

Proof idea
----------
R = (I - Lt S) r^sigma, so that r^sigma = 0 for one sigma is enough: then it is for every sigma, and all g_sigma are one
vector.

Notes
-----
A zero row is proved structurally or on rationals (THEORY 4.2), never by a float that came out 0.

Source
------
Griewank & Walther, OMS 2016; Clarke 1983, proposition 2.2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from absnormal.active.system import MANY
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.clarke.fallback import NoActiveSwitch
from absnormal.sweeps.zero_rows import zero_under_one
from absnormal.theorems.problem import Problem, Proof

#: Past this number of variables and switches, the sweep that looks for zero rows waits for cheaper proofs.
_SMALL = 4096


@dataclass(frozen=True, eq=False)
class ZeroRowsByStructure(NextToProgram):
    """No slopes give an active switch a row, by the structure of the program."""

    kind = "zero rows"
    switches: Sequence[int]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """By patterns and equal rows, and by random directions, which move no active switch."""
        return next_to_program.zero_rows_for_all_slopes(witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm:
        """The rows themselves."""
        return ZeroRows(self.switches)


@dataclass(frozen=True, eq=False)
class ZeroRows(OnForm):
    """The rows of all active switches are zero, on rationals."""

    kind = "zero rows"
    switches: Sequence[int]


def smooth(problem: Problem) -> Proof | None:
    """Proves that f is strictly differentiable at the point, by no active switch or, where that is cheap, zero rows."""
    if not len(problem.sweeps.alpha):
        arithmetic = "rational" if problem.sweeps.rational else "float64"
        return Proof("smooth", True, "no switch is active", arithmetic, NoActiveSwitch())
    program = problem.sweeps.program
    return smooth_by_structure(problem) if program.n + program.s <= _SMALL else None


def smooth_by_structure(problem: Problem) -> Proof | None:
    """The same by rows that are zero by structure."""
    if problem.sweeps.moved:
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero by structure", "structure",
        ZeroRowsByStructure(problem.sweeps.alpha.tolist()),
    )


def smooth_by_equal_rows(problem: Problem) -> Proof | None:
    """The same where switches are many or in blocks: entries with equal rows are compared, or rows are computed without
    rounding, for one signature."""
    sweeps = problem.sweeps
    listed = len(sweeps.alpha) <= MANY and problem.system is not None
    if sweeps.rational or listed or not zero_under_one(sweeps):
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero: they compare entries with equal rows", "structure",
        ZeroRowsByStructure(sweeps.alpha.tolist()),
    )


def smooth_exactly(problem: Problem) -> Proof | None:
    """The same on the rational rows."""
    system = problem.system
    if system is None or not system.proved or any(any(row) for row in system.full):
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero", system.arithmetic,
        ZeroRows(system.switches),
    )


#: All ways to the theorem, in the order of their cost; the first ones ask for no rational number.
AT_ONCE = (smooth, smooth_by_structure)
SMOOTH = (*AT_ONCE, smooth_exactly, smooth_by_equal_rows)
