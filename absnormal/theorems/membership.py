"""Membership (THEORY 2.7).

**Theorem.** Every g_sigma with sigma open is a limiting gradient of f, so a convex combination g = sum_k w_k g_{sigma_k} over open
cells is a Clarke gradient.

The cells are enumerated and the weights found on rationals: A w = g, w >= 0, sum w = 1 hold exactly.  A vector that a tool
returned is rounded: it is a member when some member lies within the stated tolerance.
"""

from __future__ import annotations

from fractions import Fraction

from absnormal.clarke.cells import Cells, gradients
from absnormal.exact.linear_program import convex_weights
from absnormal.exact.system import System
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
