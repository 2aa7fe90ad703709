"""Membership (THEORY 2.7).

**Theorem.** Every g_sigma with sigma open is a limiting gradient of f, so a convex combination g = sum_k w_k
g_{sigma_k} over open cells is a Clarke gradient.

The cells are enumerated and the weights found on rationals: A w = g, w >= 0, sum w = 1 hold exactly.  A vector that
a tool returned is rounded: it is a member when some member lies within the stated tolerance.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.cells import Cells, gradients
from absnormal.clarke.computed import computed_cells
from absnormal.clarke.fallback import certified
from absnormal.exact.alternative import mean
from absnormal.exact.system import System
from absnormal.sweeps.rounding import rounding
from absnormal.theorems.problem import Problem, Proof


def membership(problem: Problem) -> Proof | None:
    """Proves g_c by convex weights on limiting gradients."""
    system, cells = problem.relevant, problem.cells
    if system is None or cells is None or not system.explicit or not cells.cells:
        return None
    target = system.scaled.target(system.gradient(problem.slopes_in(system)))
    weights, _ = mean(gradients(system, cells.cells), target)
    if weights is None:
        return None
    used = len(weights)
    reason = f"the gradient is a convex combination of {used} limiting gradient{'s' if used > 1 else ''}"
    return Proof("membership", True, reason, system.arithmetic, evidence(system, cells, weights))


def membership_in_computed_rows(problem: Problem) -> Proof | None:
    """Proves g_c by limiting gradients where hypothesis E fails or is hidden: each cell that is used has a direction
    whose signs are beyond rounding."""
    if problem.relevant is None or problem.relevant.explicit:
        return None
    found = computed_cells(problem.sweeps, problem.meter)
    if found is None or not found.cells:
        return None
    system = found.system
    target = system.scaled.target(system.gradient(problem.slopes_in(system)))
    weights, _ = mean(gradients(system, found.cells), target)
    if weights is None:
        return None
    used = [(float(w), *found.openings[k]) for k, w in weights.items()]
    reason = f"the gradient is a convex combination of {len(used)} limiting gradient{'s' if len(used) > 1 else ''}"
    return Proof("membership", True, reason, "float64", {**_sampled(used), "needed": found.needed})


def equal_to_a_limiting_gradient(problem: Problem) -> Proof | None:
    """Proves, up to rounding, that g_c is the limiting gradient along a random direction, where switches are many."""
    sweeps = problem.sweeps
    if problem.relevant is not None or sweeps.z.dtype == object:
        return None
    found = certified(sweeps)
    if not found.proved or found.direction is None:
        return None
    one = np.ones((1, 1))
    size = sum(sweeps.pull_magnitude(sigma, None, one)[0][0] for sigma in (problem.sigma, found.sigma))
    allowed = rounding(sweeps.pull_depth) * size
    distance = np.abs(sweeps.gradient(problem.sigma) - found.gradient)
    if not (distance <= allowed).all():
        return None
    reason = "the gradient is, to rounding, the limiting gradient along a random direction"
    data = _sampled([(1.0, found.sigma[sweeps.alpha], found.direction)])
    return Proof("membership", True, reason, "float64", data, float(allowed.max(initial=0.0)))


def _sampled(used: list[tuple[float, Array, Array]]) -> dict[str, object]:
    """Weights, slopes at the active switches, and directions in the variables x."""
    return {
        "kind": "limiting gradients",
        "weights": [w for w, _, _ in used],
        "signatures": [slopes.tolist() for _, slopes, _ in used],
        "directions": [d.tolist() for _, _, d in used],
    }


def evidence(system: System, cells: Cells, weights: dict[int, Fraction]) -> dict[str, object]:
    """Weights, signatures and directions of the vertices that are used."""
    used = [(w, cells.cells[k]) for k, w in weights.items()]
    return {
        "kind": "convex weights",
        "switches": list(system.switches),
        "columns": list(system.columns),
        "weights": [w for w, _ in used],
        "signatures": [list(cell.signature) for _, cell in used],
        "directions": [cell.direction for _, cell in used],
    }
