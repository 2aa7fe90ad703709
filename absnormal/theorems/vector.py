"""A vector that a tool returned, judged as it is (THEORY 2.7, 3, 6).

It is a Clarke gradient when a member of the inner set lies within the rounding tolerance of it, entry by entry; it is
none when some v has v . g > max v . g_sigma + tolerance . |v| over the outer set.  A vector with a NaN or an infinite
entry is in no generalized gradient.  The linear program that finds weights or v is a proposal; both are checked on
rationals.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.polytope import Answer, Summand, membership
from absnormal.exact.linear_algebra import Vector, dot
from absnormal.exact.linear_program import convex_weights
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.rounding import rounding
from absnormal.theorems.ladder import decide
from absnormal.theorems.membership import vector_along_directions
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import without_effect
from absnormal.theorems.separation import beyond_bounds
from absnormal.theorems.smooth import smooth, smooth_by_structure, smooth_exactly
from absnormal.theorems.vector_by_blocks import by_blocks

_DEFINITE = 10
#: Numbers in a list of gradients up to which a floating-point proposal that fails is followed by an exact one.
_SMALL = 4000


def machine_epsilon(dtype: Any) -> float:
    """The distance from 1 to the next number of a precision, NumPy's or a framework's."""
    return 2.0**-7 if "bfloat16" in str(dtype) else float(np.finfo(dtype).eps)


@functools.cache
def precision(dtype: Any) -> float:
    """How much coarser than float64 a precision is."""
    return max(machine_epsilon(dtype), float(np.finfo(float).eps)) / float(np.finfo(float).eps)


@functools.cache
def flushed(dtype: Any) -> float:
    """What may be lost to underflow: numbers near the least normal one, which some kernels flush to zero."""
    if "bfloat16" in str(dtype):
        return flushed(np.float32)
    numbers = np.finfo(dtype)
    return float(4 * (numbers.smallest_subnormal if numbers.bits < 32 else 16 * numbers.tiny))


def tolerance(problem: Problem, dtype: Any, coarse: bool = False) -> Array:
    """The rounding allowed in each entry: that of a backward sweep, in the precision of the vector.

    With ``coarse`` it may be larger, for a comparison of two gradients that are computed alike.
    """
    sweeps = problem.sweeps
    factor = precision(dtype) * rounding(sweeps.pull_depth)
    return np.asarray(factor * sweeps.gradient_magnitude(coarse) + flushed(dtype))


def judge(problem: Problem, g: Array, allowed: Array, choices: Iterable[Array]) -> Proof | str:
    """A proof about the vector g, or why there is none.

    ``choices`` are slopes at the active switches whose gradients are compared with g first.
    """
    if not np.isfinite(g).all():
        data = {"kind": "nonfinite", "vector": g}
        return Proof("nonfinite", False, "the gradient holds NaN or infinity", "float64", data)
    if not np.isfinite(allowed).all():
        raise overflow(problem.sweeps)
    known = smooth(problem) or smooth_by_structure(problem) or smooth_exactly(problem)
    if known is not None:
        return _against_gradient(problem, g, allowed, known)
    flat = without_effect(problem)
    if flat is not None:
        return _against_gradient(problem, g, allowed + flat.deviation, flat)
    for c in choices:
        candidate = replace(problem, c=c)
        distance = np.abs(problem.sweeps.gradient(candidate.sigma) - g)
        if (distance <= allowed).all():
            proof, _ = decide(candidate)
            if proof is not None and proof.clarke:
                data = {**proof.data, "slopes": np.asarray(c), "vector": g, "tolerance": allowed}
                worst = max(proof.deviation, float(distance.max(initial=0.0)))
                return replace(proof, data=data, deviation=worst)
    judges = (by_blocks, _by_cells, _by_bounds, vector_along_directions)
    return next(filter(None, (by(problem, g, allowed) for by in judges)), None) or why_open(problem)


def _against_gradient(problem: Problem, g: Array, allowed: Array, known: Proof) -> Proof:
    true = problem.sweeps.gradient(problem.sigma)
    distance = np.abs(true - g)
    worst = float(distance.max(initial=0.0))
    if (distance <= allowed).all():
        return replace(known, data={**known.data, "vector": g, "tolerance": allowed}, deviation=worst)
    data = {**known.data, "kind": "not the gradient", "separator": (g - true).tolist(), "gap": worst}
    data |= {"vector": g, "tolerance": allowed}
    reason = f"f is differentiable here, and the vector differs from its gradient by {worst:.3g}"
    return Proof("separation", False, reason, known.arithmetic, data)


def _by_cells(problem: Problem, g: Array, allowed: Array) -> Proof | None:
    system, cells = problem.relevant, problem.cells
    if system is None or cells is None or not system.proved:
        return None
    inner = gradients_in_x(problem, [list(cell.signature) for cell in cells.cells])
    if inner:
        weights, deviation = _weights(inner, g, allowed)
        if deviation is not None:
            used = [(w, cell, point) for w, cell, point in zip(weights, cells.cells, inner, strict=True) if w]
            data: dict[str, Any] = {
                "kind": "convex weights", "switches": list(system.switches), "columns": list(system.columns),
                "weights": [w for w, _, _ in used], "signatures": [list(cell.signature) for _, cell, _ in used],
                "directions": [cell.direction for _, cell, _ in used], "points": [point for _, _, point in used],
                "vector": g, "tolerance": allowed,
            }
            reason = "the vector is a convex combination of limiting gradients, to rounding"
            return Proof("membership", True, reason, system.arithmetic, data, deviation)
    if cells.complete:
        outer = inner
    elif system.k <= _DEFINITE:
        outer = gradients_in_x(problem, [list(sigma) for sigma in product((1, -1), repeat=system.k)])
    else:
        return None
    v, gap = _separator(outer, g, allowed)
    if gap is None:
        return None
    data = {"switches": list(system.switches), "separator": v, "gap": gap, "points": outer}
    data |= {"vector": g, "tolerance": allowed}
    if cells.complete:
        data |= {"kind": "separated from the open cells", "signatures": [list(cell.signature) for cell in cells.cells],
                 "cuts": [{"signature": list(cut.signature), "weights": cut.weights} for cut in cells.cuts]}
    else:
        data |= {"kind": "separated from all definite signatures"}
    reason = "a direction separates the vector from all limiting gradients"
    return Proof("separation", False, reason, system.arithmetic, data)


def gradients_in_x(problem: Problem, signatures: list[list[int]]) -> list[Vector]:
    """g_sigma for signatures of the relevant switches, in the variables x."""
    system = problem.relevant
    assert system is not None
    if system.base is not None and system.inputs is not None:
        return [_exact_gradient(problem, signature) for signature in signatures]
    sweeps = problem.sweeps
    gradients = (sweeps.gradient(system.signature(sweeps, signature, 1.0)) for signature in signatures)
    return [[Fraction(a) for a in gradient.tolist()] for gradient in gradients]


def _exact_gradient(problem: Problem, signature: list[int]) -> Vector:
    system = problem.relevant
    assert system is not None and system.base is not None and system.inputs is not None
    total = [system.base[0].get(number, Fraction(0)) for number in range(problem.sweeps.program.n)]
    if system.k:
        for number, a in zip(system.inputs, system.in_leaves.gradient(signature), strict=True):
            total[number] += a
    return total


def _weights(points: list[Vector], g: Array, allowed: Array) -> tuple[Vector, float | None]:
    """Convex weights of a member within the tolerance of g, and how far it is; None where there is none."""
    answer = _proposed(points, g, allowed)
    weights: Vector = []
    if answer.weights is not None:
        exact = [Fraction(a) for a in answer.weights[0].tolist()]
        weights = [a / sum(exact, Fraction(0)) for a in exact]
        distance = _distance(points, weights, g, allowed)
        if distance is not None:
            return weights, distance
    if len(points) * len(g) <= _SMALL:
        weights = convex_weights(points, [Fraction(a) for a in g.tolist()])[0] or []
    return weights, _distance(points, weights, g, allowed) if weights else None


def _separator(points: list[Vector], g: Array, allowed: Array) -> tuple[Vector, float | None]:
    """A separating vector, and by how much it separates; None where there is none."""
    answer = _proposed(points, g, allowed)
    v: Vector = []
    if answer.separator is not None:
        v = [Fraction(a) for a in answer.separator.tolist()]
        gap = _gap(points, v, g, allowed)
        if gap is not None:
            return v, gap
    if len(points) * len(g) <= _SMALL:
        v = convex_weights(points, [Fraction(a) for a in g.tolist()])[1] or []
    return v, _gap(points, v, g, allowed) if v else None


def _proposed(points: list[Vector], g: Array, allowed: Array) -> Answer:
    floats = np.array([[float(a) for a in point] for point in points])
    return membership(np.zeros(len(g)), [Summand(np.arange(len(g)), floats)], g, allowed)


def _distance(points: list[Vector], weights: Vector, g: Array, allowed: Array) -> float | None:
    """The largest entry of sum w g_k - g when all are within the tolerance, on rationals."""
    worst = Fraction(0)
    for j, (value, bound) in enumerate(zip(g.tolist(), allowed.tolist(), strict=True)):
        entry = sum((w * point[j] for w, point in zip(weights, points, strict=True) if w), Fraction(0))
        distance = abs(entry - Fraction(value))
        if distance > Fraction(bound):
            return None
        worst = max(worst, distance)
    return float(worst)


def _gap(points: list[Vector], v: Vector, g: Array, allowed: Array) -> float | None:
    """v . g - max v . g_k when it exceeds the tolerance, on rationals."""
    margin = sum((abs(a) * Fraction(b) for a, b in zip(v, allowed.tolist(), strict=True)), Fraction(0))
    gap = dot(v, [Fraction(a) for a in g.tolist()]) - max(dot(v, point) for point in points)
    return float(gap) if gap > margin else None


def _by_bounds(problem: Problem, g: Array, allowed: Array) -> Proof | None:
    if problem.sweeps.rational:
        return None
    proof = beyond_bounds(problem, g, allowed)
    return None if proof is None else replace(proof, data={**proof.data, "vector": g, "tolerance": allowed})


def why_open(problem: Problem) -> str:
    """Why no theorem decided."""
    return "; ".join(filter(None, (problem.meter.report, _why(problem))))


def _why(problem: Problem) -> str:
    system, count = problem.system, len(problem.sweeps.alpha)
    if system is None:
        return f"{count} active switches are too many to be listed one by one, and no cheaper theorem applies"
    if system.proved and system.hidden:
        return (
            f"{system.doubt}, and neither the rank of their rows nor a direction settles the slopes; the vector itself"
            " can be judged with gradient="
        )
    if system.doubt:
        return system.doubt
    if problem.cells is not None and not problem.cells.complete:
        return f"the {system.k} active switches have more open cells than those, and no cheaper theorem applies"
    return "the vector is within rounding of the boundary of the generalized gradient"
