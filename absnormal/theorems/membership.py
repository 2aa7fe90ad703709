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
from absnormal.clarke.cells import Cell, Cells, gradients, open_cells
from absnormal.clarke.fallback import certified
from absnormal.exact.linear_program import convex_weights
from absnormal.exact.system import System, from_rows
from absnormal.sweeps.integers import zero_rows
from absnormal.sweeps.rounding import rounding
from absnormal.theorems.direction import opens
from absnormal.theorems.problem import Problem, Proof


def membership(problem: Problem) -> Proof | None:
    """Proves g_c by convex weights on limiting gradients."""
    system, cells = problem.relevant, problem.cells
    if system is None or cells is None or not system.explicit or not cells.cells:
        return None
    target = system.gradient(problem.slopes_in(system))
    weights, _ = convex_weights(gradients(system, cells.cells), target)
    if weights is None:
        return None
    used = sum(1 for w in weights if w)
    reason = f"the gradient is a convex combination of {used} limiting gradient{'s' if used > 1 else ''}"
    return Proof("membership", True, reason, system.arithmetic, evidence(system, cells, weights))


def membership_in_computed_rows(problem: Problem) -> Proof | None:
    """Proves g_c by limiting gradients where hypothesis E fails or is hidden: each cell that is used has a direction
    whose signs are beyond rounding."""
    if problem.relevant is None or problem.relevant.explicit:
        return None
    whole = from_rows(problem.sweeps)
    if whole is None:
        return None
    needed = [switch for switch, reached in zip(whole.switches, whole.reached(), strict=True) if reached]
    system = whole.relevant()
    found = [(cell, _opened(problem, system, cell, needed)) for cell in open_cells(system, problem.meter).cells]
    cells = [(cell, opened) for cell, opened in found if opened is not None]
    if not cells:
        return None
    points = gradients(system, [cell for cell, _ in cells])
    weights, _ = convex_weights(points, system.gradient(problem.slopes_in(system)))
    if weights is None:
        return None
    used = [(float(w), *opened) for w, (_, opened) in zip(weights, cells, strict=True) if w]
    reason = f"the gradient is a convex combination of {len(used)} limiting gradient{'s' if len(used) > 1 else ''}"
    data = {**_sampled(used), "needed": needed}
    return Proof("membership", True, reason, "float64", data)


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


def _opened(problem: Problem, system: System, cell: Cell, needed: list[int]) -> tuple[Array, Array] | None:
    """The slopes of a cell and its direction in x, if that opens the switches ``needed`` beyond rounding.

    A row that is 0 must be so by structure.
    """
    sweeps = problem.sweeps
    assert system.inputs is not None
    d = np.zeros(sweeps.program.n)
    largest = max((abs(a) for a in cell.direction), default=Fraction(1)) or Fraction(1)
    for place, a in zip(system.columns, cell.direction, strict=True):
        d[system.inputs[place]] = float(a / largest)
    place_of = {int(switch): number for number, switch in enumerate(sweeps.alpha)}
    slopes = np.ones(len(sweeps.alpha))
    for switch, sign in zip(system.switches, cell.signature, strict=True):
        slopes[place_of[switch]] = sign or 1
    sigma = sweeps.signature(slopes)
    shut = ~opens(sweeps, sigma, d)
    shut &= sweeps.pattern(sigma)[0][sweeps.alpha]
    shut[shut] = ~zero_rows(sweeps, sigma, sweeps.alpha[shut])
    return None if shut[[place_of[switch] for switch in needed]].any() else (slopes, d)


def evidence(system: System, cells: Cells, weights: list[Fraction]) -> dict[str, object]:
    """Weights, signatures and directions of the vertices that are used."""
    used = [(w, cell) for w, cell in zip(weights, cells.cells, strict=True) if w]
    return {
        "kind": "convex weights",
        "switches": list(system.switches),
        "columns": list(system.columns),
        "weights": [w for w, _ in used],
        "signatures": [list(cell.signature) for _, cell in used],
        "directions": [cell.direction for _, cell in used],
    }
