"""Smooth (THEORY 2.1).

**Theorem.** If every active base row is zero, or no switch is active, then r^sigma = 0 for every sigma, since
R = (I - Lt S) r^sigma; f is strictly differentiable at x and dC f(x) = {g} for any slopes.

A zero row is proved by structure, or on rationals; never by a float that came out 0.
Source: Griewank & Walther, OMS 2016.
"""

from __future__ import annotations

from absnormal.theorems.problem import Problem, Proof

#: Past this number of variables and switches, the sweep that looks for zero rows waits for cheaper proofs.
_SMALL = 4096


def smooth(problem: Problem) -> Proof | None:
    """Proves that f is strictly differentiable at the point, by no active switch or, where that is cheap, zero rows."""
    if not len(problem.sweeps.alpha):
        arithmetic = "rational" if problem.sweeps.rational else "float64"
        return Proof("smooth", True, "no switch is active", arithmetic, {"kind": "no active switch"})
    program = problem.sweeps.program
    return smooth_by_structure(problem) if program.n + program.s <= _SMALL else None


def smooth_by_structure(problem: Problem) -> Proof | None:
    """The same by rows that are zero by structure."""
    if problem.maybe_nonzero.any():
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero by structure", "structure",
        {"kind": "zero rows", "switches": problem.sweeps.alpha.tolist()},
    )


def smooth_exactly(problem: Problem) -> Proof | None:
    """The same on the rational rows."""
    system = problem.system
    if system is None or not system.proved or any(any(row) for row in system.full):
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero", system.arithmetic,
        {"kind": "zero rows", "switches": list(system.switches)},
    )
