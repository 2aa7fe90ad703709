"""Smooth (THEORY 2.1).

**Theorem.** If every active base row is zero, or no switch is active, then r^sigma = 0 for every sigma, since
R = (I - Lt S) r^sigma; f is strictly differentiable at x and dC f(x) = {g} for any slopes.

A zero row is proved by structure, or on rationals; never by a float that came out 0.
Source: Griewank & Walther, OMS 2016.
"""

from __future__ import annotations

from absnormal.theorems.problem import Problem, Proof


def smooth(problem: Problem) -> Proof | None:
    """Proves that f is strictly differentiable at the point."""
    count = len(problem.sweeps.alpha)
    if not count:
        return Proof("smooth", True, "no switch is active", "float64", {"kind": "no active switch"})
    if not problem.maybe_nonzero.any():
        return Proof(
            "smooth", True, f"the rows of all {count} active switches are zero by structure", "structure",
            {"kind": "zero rows", "switches": problem.sweeps.alpha.tolist()},
        )
    return None


def smooth_exactly(problem: Problem) -> Proof | None:
    """The same on the rational rows."""
    system = problem.system
    if system is None or not system.proved or any(any(row) for row in system.full):
        return None
    return Proof(
        "smooth", True, "the rows of all active switches are zero", system.arithmetic,
        {"kind": "zero rows", "switches": list(system.switches)},
    )
