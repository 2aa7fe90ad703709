"""Membership (THEORY 2.7).

**Theorem.** Every g_sigma with sigma open is a limiting gradient of f, so a convex combination g = sum_k w_k
g_{sigma_k} over open cells is a Clarke gradient.

The cells are enumerated and the weights found on rationals: A w = g, w >= 0, sum w = 1 hold exactly.  A vector that
a tool returned is rounded: it is a member when some member lies within the stated tolerance.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from absnormal.clarke.cells import Cell, Cells, gradients, open_cells
from absnormal.exact.linear_program import convex_weights
from absnormal.exact.system import System, from_rows
from absnormal.sweeps.integers import zero_rows
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
    found = open_cells(system, problem.meter)
    cells = [cell for cell in found.cells if _opens(problem, system, cell, needed)]
    if not cells:
        return None
    weights, _ = convex_weights(gradients(system, cells), system.gradient(problem.slopes_in(system)))
    if weights is None:
        return None
    used = sum(1 for w in weights if w)
    reason = f"the gradient is a convex combination of {used} limiting gradient{'s' if used > 1 else ''}"
    return Proof("membership", True, reason, "float64", evidence(system, Cells(cells), weights))


def _opens(problem: Problem, system: System, cell: Cell, needed: list[int]) -> bool:
    """Whether the direction of a cell opens it beyond rounding for the switches ``needed``; a row that is 0 must be
    so by structure."""
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
    return not shut[[place_of[switch] for switch in needed]].any()


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
