"""Separation (THEORY 3): a negative verdict.

**Theorem.** g is not a Clarke gradient when some v has v . g > max v . g_sigma over the outer set: the open cells, all of them,
where conv{g_sigma : sigma open} = dC f(x) is proved (hypothesis E, Regular), all definite signatures otherwise.

Every branch of the search that was cut off comes with Gordan weights.  Where the weights of the switches in f are computed
derivatives, the gap must exceed their rounding error.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.cells import gradients
from absnormal.exact.linear_algebra import Vector, dot
from absnormal.exact.linear_program import convex_weights
from absnormal.exact.system import System
from absnormal.sweeps.bounds import derivative_bounds
from absnormal.sweeps.table import rounding
from absnormal.theorems.problem import Problem, Proof

_DEFINITE = 10


def separation(problem: Problem) -> Proof | None:
    """Proves that g_c is not a Clarke gradient."""
    system, cells = problem.relevant, problem.cells
    if system is None or not system.explicit:
        return None
    target = system.gradient(problem.slopes_in(system))
    if cells is not None and cells.complete:
        points = gradients(system, cells.cells)
        data: dict[str, object] = {
            "kind": "separated from the open cells",
            "signatures": [list(cell.signature) for cell in cells.cells],
            "cuts": [{"signature": list(cut.signature), "weights": cut.weights} for cut in cells.cuts],
        }
    elif system.k <= _DEFINITE:
        points = [system.gradient(sigma) for sigma in product((1, -1), repeat=system.k)]
        data = {"kind": "separated from all definite signatures"}
    else:
        return None
    _, v = convex_weights(points, target)
    if v is None or not beyond_rounding(problem, system, points, target, v):
        return None
    gap = dot(v, target) - max(dot(v, point) for point in points)
    data |= {"switches": list(system.switches), "columns": list(system.columns), "separator": v, "gap": gap}
    reason = "a direction separates the gradient from all limiting gradients"
    return Proof("separation", False, reason, system.arithmetic, data)


def beyond_rounding(problem: Problem, system: System, points: list[Vector], target: Vector, v: Vector) -> bool:
    """Whether the gap is larger than what rounding in computed weights can make; rational data have none."""
    gap = dot(v, target) - max(dot(v, point) for point in points)
    if system.arithmetic == "rational":
        return gap > 0
    size = sum((abs(w) for weights in system.weights for w in weights), Fraction(0))
    largest = max((sum((abs(a) for a in row), Fraction(0)) for row in system.rows), default=Fraction(0))
    reach = max((abs(a) for a in v), default=Fraction(0))
    chain = max((1 + sum((abs(a) for a in row), Fraction(0)) for row in system.couplings), default=Fraction(1))
    error = Fraction(rounding(problem.sweeps.pull_depth)) * size * largest * chain**system.k * reach
    return gap > 2 * error


def from_all_slopes(problem: Problem) -> Proof | None:
    """Separation of g_c from the gradients for all slopes, along g_c - g_0, where switches are too many to be listed."""
    if problem.relevant is not None or problem.sweeps.z.dtype == object:
        return None
    g = problem.sweeps.gradient(problem.sigma)
    size = problem.sweeps.pull_magnitude(problem.sigma, None, np.ones((1, 1)))[0][0]
    return beyond_bounds(problem, g, rounding(problem.sweeps.pull_depth) * size)


def beyond_bounds(problem: Problem, g: Array, allowed: Array) -> Proof | None:
    """Separation of a vector from the gradients for all slopes by one interval push along g - g_0."""
    sweeps = problem.sweeps
    v = g - sweeps.gradient(sweeps.signature(0.0))
    largest = np.abs(v).max(initial=0.0)
    if not largest > 0:
        return None
    v = v / largest
    _, high = derivative_bounds(sweeps, v)
    slack = float(np.abs(v) @ (allowed + 4 * len(v) * np.finfo(float).eps * np.abs(g)))
    gap = float(v @ g) - float(high[0])
    if not gap > slack:
        return None
    return Proof(
        "separation", False, "a direction separates the gradient from the gradients for all slopes", "float64",
        {"kind": "separated from all slopes", "separator": v.tolist(), "gap": gap},
    )
