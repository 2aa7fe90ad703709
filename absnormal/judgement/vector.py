"""A vector that a tool returned, judged as it is (THEORY 2.7, 3, 6.4, 6.5).

It is a Clarke gradient when a member of the inner set lies within the tolerance of its precision, entry by entry.  It
is none when some v has v . g > max v . g_sigma + limit . |v| over the outer set, where the limit is that tolerance and
the rounding of everything that the difference was computed from.  A vector with a NaN or an infinite entry is in no
generalized gradient.  The linear program that finds weights or v is a proposal; both are checked on rationals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain, product, repeat, tee
from typing import Any

import numpy as np

from absnormal.active.system import MANY
from absnormal.arrays import Array
from absnormal.certificates.evidence import Judged
from absnormal.clarke.polytope import Answer, Summand, membership
from absnormal.judgement.branches import decided_by_rounding
from absnormal.judgement.digits import lost
from absnormal.judgement.ladder import OF_NEAR_VECTORS, UNLISTED, Rung, decide, separates_near_vectors
from absnormal.judgement.orders import shown_orders, vector_in_orders
from absnormal.judgement.tolerances import DOUBLE
from absnormal.judgement.vector_by_blocks import by_blocks, farthest
from absnormal.judgement.vector_by_subproblems import Part, by_subproblems, parts_of
from absnormal.rational.linear_algebra import Vector, dot
from absnormal.rational.linear_program import convex_weights
from absnormal.sweeps.conditioning import spread
from absnormal.sweeps.gradients import Magnitude, cancelling, gradient_of, largest, terms
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.membership import ConvexWeights, vector_along_directions
from absnormal.theorems.merging import merged_vector
from absnormal.theorems.problem import Problem, Proof, reach
from absnormal.theorems.regular import is_idle, without_effect
from absnormal.theorems.regular_vectors import vector_under_regular
from absnormal.theorems.separation import (
    FromAllDefinite,
    FromOpenCells,
    NonFinite,
    NotTheGradient,
    beyond_bounds,
    from_all_slopes,
    middle_of,
)
from absnormal.theorems.smooth import AT_ONCE, SMOOTH

_DEFINITE = 10
#: Numbers in a list of gradients up to which a floating-point proposal that fails is followed by an exact one.
_SMALL = 4000
_LOST_DIGITS = "the vector agrees with what is computed, but rounding of values may have made all digits of that"


@dataclass(frozen=True, eq=False)
class Limits:
    """How far apart a vector and a member of the set may be, entry by entry, shape (n,).

    Within ``accepted`` they are the same to rounding.  A difference decides NOT_CLARKE only beyond ``refuted``: that
    and the rounding of everything that it was computed from.  A leaf that is small because much of it cancels is held
    to its own size; that rounding may have made it is a reason to decide nothing.

    Attributes
    ----------
    problem, vector
        what is judged
    tool
        the program in floating point
    made
        whether derivative formulas like ours made the vector in its own precision, so that a worst-case bound in that
        precision speaks for it too
    """

    problem: Problem
    vector: Array
    tool: Sweeps
    made: bool = False

    @cached_property
    def in_vain(self) -> set[Any]:
        """What has said nothing about the vector, and will not with more time."""
        return set()

    @cached_property
    def parts(self) -> list[Part]:
        """What is judged of subproblems with inputs of their own, if there are some."""
        return parts_of(self, judge)

    @cached_property
    def _size(self) -> Magnitude:
        return Magnitude(self.tool)

    @cached_property
    def finite(self) -> bool:
        """Whether no derivative overflowed."""
        return bool(np.isfinite(self._size.most).all()) or bool(np.isfinite(self._size.entries).all())

    @cached_property
    def _terms(self) -> Array:
        """The sizes of the terms of last sums, which are asked for where they may decide what is allowed."""
        leaves, sizes, most = self.problem.tolerance.leaves, largest(self.tool, self.vector), self._size.most
        known = np.isfinite(most).all() and np.array_equal(leaves(sizes, most), leaves(sizes))
        return np.zeros(len(sizes)) if known else terms(self.tool, self._sigma)

    @cached_property
    def accepted(self) -> Array:
        """The tolerance of the vector's precision, leaf by leaf (`absnormal.judgement.tolerances`)."""
        tool, sigma = self.tool, self._sigma
        sums = cancelling(tool, sigma, self.problem.tolerance, self._size.most)
        return self.problem.around(self.vector, sums)

    def lost(self, proof: Proof) -> bool:
        """Whether rounding of values may make all digits of the gradient that the vector agrees with."""
        return lost(self.tool, self._sigma, self.problem.tolerance, self._size.most, is_idle(proof))

    @cached_property
    def refuted(self) -> Array | None:
        """The tolerance, that of the terms where sums cancel in part, a worst-case bound on our own sweeps, and what
        the rounding of values and adjoints makes of derivatives; None where that has no bound."""
        problem, tool = self.problem, self.tool
        if problem.sweeps.rational:
            return self.accepted
        eps = max(problem.tolerance.eps)
        sizes = self._size.bounds if eps <= DOUBLE else self._size.entries
        own = rounding(tool.pull_depth) * sizes * (2 * eps / DOUBLE if self.made else 1.0)
        total = problem.around(self.vector, self._terms) + own + problem.tolerance.lost
        total = total + spread(tool, self._sigma, eps, gradient_of(tool, self._sigma), total)
        return total if np.isfinite(total).all() else None

    @cached_property
    def _sigma(self) -> Array:
        return self.problem.sigma if self.tool is self.problem.sweeps else self.tool.signature(0.0)


def judge(limits: Limits, choices: Iterable[Array]) -> Iterator[Proof | str | None]:
    """What each turn of the clock says about a vector: a proof, within the tolerance of its problem; or why there is
    none, or None.

    ``choices`` are slopes at the active switches whose gradients are compared with the vector first.
    """
    if not np.isfinite(limits.vector).all():
        reason = "the gradient holds NaN or infinity"
        yield from repeat(Proof("nonfinite", False, reason, "float64", NonFinite(), judged=Judged(limits.vector)))
    if not limits.finite:
        raise overflow(limits.problem.sweeps)
    for found in _by_theorems(limits, choices):
        if isinstance(found, Proof) and found.clarke and limits.lost(found):
            yield from repeat(_LOST_DIGITS)
        if isinstance(found, Proof) and not found.clarke and (branch := decided_by_rounding(limits.tool)):
            yield from repeat(branch)
        yield found


def _by_theorems(limits: Limits, choices: Iterable[Array]) -> Iterator[Proof | str | None]:
    problem = limits.problem
    # Where rows are rounded, kinks on one set are seen before switches are listed on rationals.
    rounded = not problem.sweeps.program.is_piecewise_linear
    known = next(filter(None, (by(problem) for by in AT_ONCE)), None)
    merged = _by_merging(limits) if known is None and rounded else None
    if merged is not None:
        yield from repeat(merged)
    candidates = _candidates(limits, chain(choices, shown_orders(problem.sweeps, problem.c, limits.vector)))
    if known is None and len(problem.sweeps.alpha) > MANY:
        now, candidates = tee(candidates)
        early = _by_slopes(limits, now, UNLISTED)
        if early is not None:
            yield from repeat(early)
    known = known or next(filter(None, (by(problem) for by in SMOOTH)), None)
    if known is not None:
        yield from repeat(_against_gradient(limits, known))
    flat = without_effect(problem)
    if flat is not None:
        found = _against_gradient(limits, flat.proof)
        if flat.small or (not isinstance(found, str) and not found.clarke):
            yield from repeat(found)
    many = problem.relevant is None or not problem.relevant.proved or problem.relevant.k > _DEFINITE
    first, last = (_under_regular, _by_cells) if many else (_by_cells, _under_regular)
    judges = (*(() if rounded else (_by_merging,)), by_blocks, first, _by_bounds, last, _in_orders,
              _along_directions, by_subproblems)
    while True:
        now, candidates = tee(candidates)
        yield _by_slopes(limits, now, OF_NEAR_VECTORS) or _first(limits, judges)


def _candidates(limits: Limits, choices: Iterable[Array]) -> Iterator[Problem]:
    """The problem with those slopes whose gradient is the vector to rounding."""
    problem = limits.problem
    for c in choices:
        candidate = replace(problem, c=np.asarray(c), off=lambda: limits.refuted)
        if np.array_equal(candidate.c, problem.c):
            # What says nothing of g_c says no more of what is near it.
            candidate.in_vain.update(problem.in_vain)
        if (_apart(candidate, limits) <= limits.accepted).all():
            yield candidate


def _apart(candidate: Problem, limits: Limits) -> Array:
    return np.asarray(np.abs(candidate.gradient - limits.vector))


def _by_slopes(limits: Limits, candidates: Iterable[Problem], rungs: Sequence[Rung]) -> Proof | None:
    """A proof that the gradient of some slopes is a Clarke gradient, or that nothing as near to it as the vector is."""
    for candidate in candidates:
        proof, _ = decide(candidate, rungs)
        if proof is None:
            continue
        if proof.clarke:
            worst = proof.deviation + float(_apart(candidate, limits).max(initial=0.0))
            return replace(proof, deviation=worst, judged=Judged(limits.vector, limits.accepted, candidate.c))
        if separates_near_vectors(proof.evidence):
            return replace(proof, judged=Judged(limits.vector, limits.refuted, candidate.c))
        candidate.in_vain.update(rungs)
    return None


def _first(limits: Limits, judges: Iterable[Callable[[Limits], Proof | None]]) -> Proof | None:
    """The first proof about the vector itself."""
    for by in judges:
        searches = by in (by_blocks, _by_cells, _along_directions, by_subproblems)
        if by in limits.in_vain or (searches and limits.problem.tracker.late):
            continue
        proof = by(limits)
        if proof is not None:
            return proof
        if by in (_by_merging, _by_bounds) or not limits.problem.clock.hurried:
            limits.in_vain.add(by)
    return None


def _against_gradient(limits: Limits, known: Proof) -> Proof | str:
    """The verdict where f has one gradient, from which the proof may deviate."""
    true = limits.problem.gradient
    distance = np.abs(true - limits.vector)
    worst = float(distance.max(initial=0.0))
    if (distance <= limits.accepted).all():
        judged = Judged(limits.vector, limits.accepted)
        return replace(known, deviation=known.deviation + worst, judged=judged)
    apart = f"the vector differs from its gradient by {worst:.3g}"
    if limits.refuted is None or not (distance > limits.refuted + known.deviation).any():
        return f"f is differentiable here, and {apart}: more than the tolerance allows, but rounding could explain it"
    smooth = {} if known.evidence is None else known.evidence.to_dict()
    evidence = NotTheGradient(smooth, (limits.vector - true).tolist(), worst)
    judged = Judged(limits.vector, limits.refuted + known.deviation)
    reason = f"f is differentiable here, and {apart}"
    return Proof("separation", False, reason, known.arithmetic, evidence, judged=judged)


def _by_merging(limits: Limits) -> Proof | None:
    return merged_vector(limits.problem, limits.vector, limits.accepted, lambda: limits.refuted)


def _in_orders(limits: Limits) -> Proof | None:
    return vector_in_orders(limits.problem, limits.vector, limits.accepted, lambda: limits.refuted)


def _along_directions(limits: Limits) -> Proof | None:
    return vector_along_directions(limits.problem, limits.vector, limits.accepted)


def _under_regular(limits: Limits) -> Proof | None:
    return vector_under_regular(limits.problem, limits.vector, limits.accepted, lambda: limits.refuted)


def _by_cells(limits: Limits) -> Proof | None:
    problem, g, allowed = limits.problem, limits.vector, limits.accepted
    system, cells = problem.relevant, problem.cells
    if system is None or cells is None or not system.proved:
        return None
    inner = gradients_in_x(problem, [list(cell.signature) for cell in cells.cells])
    if inner:
        weights, deviation = _weights(inner, g, allowed)
        if deviation is not None:
            evidence = ConvexWeights.of({k: w for k, w in enumerate(weights) if w}, cells)
            reason = "the vector is a convex combination of limiting gradients, to rounding"
            return Proof("membership", True, reason, system.arithmetic, evidence, deviation, Judged(g, allowed))
    if cells.complete:
        outer = inner
    elif system.k <= _DEFINITE:
        outer = gradients_in_x(problem, [list(sigma) for sigma in product((1, -1), repeat=system.k)])
    else:
        return None
    if limits.refuted is None:
        return None
    v, gap = _separator(outer, g, limits.refuted)
    if gap is None:
        return None
    apart = FromOpenCells(v, gap, cells) if cells.complete else FromAllDefinite(v, gap)
    reason = "a direction separates the vector from all limiting gradients"
    return Proof("separation", False, reason, system.arithmetic, apart, judged=Judged(g, limits.refuted))


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
        for number, a in zip(system.inputs, system.in_generators.gradient(signature), strict=True):
            total[number] += a
    return total


def _weights(points: list[Vector], g: Array, allowed: Array) -> tuple[Vector, float | None]:
    """Convex weights of a member within the tolerance of g, and how far it is; None where there is none."""
    found = _proposed(points, g, allowed).weights
    exact = [] if found is None else [Fraction(a) for a in found[0].tolist()]
    return _confirmed(points, g, allowed, [a / sum(exact, Fraction(0)) for a in exact], 0, _distance)


def _separator(points: list[Vector], g: Array, allowed: Array) -> tuple[Vector, float | None]:
    """A separating vector, and by how much it separates; None where there is none."""
    found = _proposed(points, g, allowed).separator
    v = [] if found is None else [Fraction(a) for a in found.tolist()]
    return _confirmed(points, g, allowed, v, 1, _gap)


def _confirmed(
    points: list[Vector], g: Array, allowed: Array, proposed: Vector, which: int,
    measured: Callable[[list[Vector], Vector, Array, Array], float | None],
) -> tuple[Vector, float | None]:
    """What was proposed where it is measured to hold, and otherwise the exact answer where the points are few."""
    if proposed and (found := measured(points, proposed, g, allowed)) is not None:
        return proposed, found
    if len(points) * len(g) <= _SMALL:
        proposed = convex_weights(points, [Fraction(a) for a in g.tolist()])[which] or []
    return proposed, measured(points, proposed, g, allowed) if proposed else None


def _proposed(points: list[Vector], g: Array, allowed: Array) -> Answer:
    floats = np.array([[float(a) for a in point] for point in points])
    return membership(np.zeros(len(g)), [Summand(np.arange(len(g)), floats)], g, allowed)


def _distance(points: list[Vector], weights: Vector, g: Array, allowed: Array) -> float | None:
    """The largest entry of sum w g_k - g when all are within the tolerance, on rationals."""
    mean = (sum((w * point[j] for w, point in zip(weights, points, strict=True) if w), Fraction(0))
            for j in range(len(g)))
    return farthest(mean, g, allowed)


def _gap(points: list[Vector], v: Vector, g: Array, allowed: Array) -> float | None:
    """v . g - max v . g_k when it exceeds the tolerance, on rationals."""
    gap = dot(v, [Fraction(a) for a in g.tolist()]) - max(dot(v, point) for point in points)
    return float(gap) if gap > reach(v, allowed) else None


def _by_bounds(limits: Limits) -> Proof | None:
    problem, g = limits.problem, limits.vector
    # g_c is one of the gradients for all slopes, or was asked about, with no more than what is refuted allowed.
    known = not problem.sweeps.lanes or (from_all_slopes in problem.in_vain and problem.relevant is None)
    if problem.sweeps.rational or (known and (np.abs(g - problem.gradient) <= limits.accepted).all()):
        return None
    # What is not beyond the less that is accepted is not refuted, and the bound that refutes costs some ten gradients.
    middle = middle_of(problem)
    if (np.abs(g - middle) <= limits.accepted).all() or beyond_bounds(problem, g, middle, limits.accepted) is None:
        return None
    proof = None if limits.refuted is None else beyond_bounds(problem, g, middle, limits.refuted)
    return None if proof is None else replace(proof, judged=Judged(g, limits.refuted))


def why_open(problem: Problem) -> str:
    """Why no theorem decided."""
    return "; ".join(filter(None, (problem.ended, _why(problem))))


def _why(problem: Problem) -> str:
    system, count = problem.system, len(problem.sweeps.alpha)
    if problem.sweeps.sorts:
        return "many tied entries are sorted, whose orders are too many to be listed, and no cheaper theorem applies"
    if problem.sweeps.lanes:
        return "a 2-norm is 0, whose slopes are not a finite list, and no cheaper theorem applies"
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
