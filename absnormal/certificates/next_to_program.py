"""What evidence that has no form of its own is checked by, next to its program: the hypotheses of theorems again.

What must be covered is worked out from the program: the active switches whose row may be nonzero, those that may change
the output.  That a row is zero is proved by patterns, equal rows or arithmetic without rounding, never by a sample; a
sign is one only beyond its rounding.  Directions that are drawn, from numbers nobody can foresee, look at the same
hypotheses a second time, by other sweeps than those of the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from absnormal.active.rows import errors_of_base_rows
from absnormal.active.system import build
from absnormal.arrays import Array, lengths, unit_vectors
from absnormal.certificates import checker
from absnormal.certificates.interval import highest, highest_by_signs, rates
from absnormal.certificates.witness import Witness
from absnormal.ops import kink_of
from absnormal.ops.kinks.order import codes
from absnormal.rational.modular import ANOTHER_PRIME, independent, integers
from absnormal.sweeps.bounds import curvatures, derivative_bounds, moved_at_most
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.integers import exact_rows
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.rounding import FLOOR, UNIT, along, rounding
from absnormal.sweeps.table import Sweeps
from absnormal.sweeps.zero_rows import zero_under, zero_under_one

DRAWS = 4
#: A deviation that a proof sets aside, against the largest entry of its leaf, or the terms that cancel in it.
_OF_THE_LARGEST, _OF_THE_TERMS = float(checker.LARGEST), 1024 * UNIT
#: Groups of private inputs: the first switch of a kink, and the inputs that are added directly before it.
Groups = Iterable[tuple[int, Sequence[int]]]


def allowed(sweeps: Sweeps, gradient: Array) -> Array:
    """How far a gradient may be from what is proved, entry by entry."""
    terms, limit, start = sweeps.gradient_magnitude(), np.zeros(len(gradient)), 0
    for size in map(int, [np.prod(shape, dtype=int) for shape in sweeps.program.tree.shapes]):
        own = slice(start, start + size)
        largest, cancelling = (float(np.abs(a[own]).max(initial=0.0)) for a in (gradient, terms))
        limit[own] = max(_OF_THE_LARGEST * largest, _OF_THE_TERMS * cancelling)
        start += size
    return limit


# -- rows that are zero, cells that are open ---------------------------------------------------------------------------


def _zero_by_pattern(sweeps: Sweeps, slopes: Array) -> tuple[Array, Array]:
    """For each active switch whether a pattern makes its row zero under the slopes; and these, 1 where it does."""
    sigma = sweeps.signature(slopes)
    zero = ~sweeps.pattern(sigma)[0][sweeps.alpha]
    sigma[sweeps.alpha[zero & ~sweeps.in_blocks[sweeps.alpha]]] = 1.0
    return zero, sigma


def _all_or_zero(sweeps: Sweeps, sigma: Array, known: Array) -> bool:
    """Whether all active switches are known, or have a row that is zero under the slopes for sure."""
    return bool(known.all() or (_definite(sweeps, sigma).all() and zero_under(sweeps, sigma, known).all()))


def opens(sweeps: Sweeps, slopes: Array, direction: Array, rng: np.random.Generator | None = None) -> bool:
    """Whether one direction opens the slopes at all active switches that may change the output and have a row."""
    zero, sigma = _zero_by_pattern(sweeps, slopes)
    opened = realizes(sweeps, sigma, direction, rng) & _definite(sweeps, sigma)
    return _all_or_zero(sweeps, sigma, zero | opened | ~sweeps.influence()[sweeps.alpha])


def _definite(sweeps: Sweeps, sigma: Array) -> Array:
    """Which active switches have the slope -1 or 1; those in blocks count."""
    return np.asarray((np.abs(sigma) == 1) | sweeps.in_blocks)[sweeps.alpha]


def slack_of(sweeps: Sweeps, sigma: Array, d: Array) -> tuple[Array, float]:
    """Bounds on the rounding of a push along d: of dz, and of dy (the inner product with a vector included)."""
    dz, dy = sweeps.magnitude(sigma, d)
    gamma = rounding(sweeps.push_depth + sweeps.pull_depth + sweeps.program.n)
    return gamma * dz + FLOOR, float(gamma * dy[0]) + FLOOR


def above(sweeps: Sweeps, sign: int, sigma: Array, d: Array) -> tuple[float, float]:
    """By how much f'(x; d) is above g_sigma . d (below it, for the sign -1), and the rounding in both."""
    chosen = sweeps.directional(d)
    gap = sign * (chosen.dy[0] - sweeps.push(sigma, d[None])[1][0, 0])
    return float(gap), slack_of(sweeps, sigma, d)[1] + slack_of(sweeps, chosen.sigma, d)[1]


def _drawn(sweeps: Sweeps, rng: np.random.Generator) -> Array:
    """A definite signature at random."""
    sigma = sweeps.signature(rng.choice([-1.0, 1.0], len(sweeps.alpha)))
    for numbers in sweeps.lanes:
        t = rng.standard_normal(numbers.shape)
        sigma[numbers] = t / lengths(t)
    for numbers in sweeps.sorts:
        sigma[numbers] = codes(rng.standard_normal(numbers.shape))
    return np.where(sweeps.not_negative, np.abs(sigma), sigma)


# -- CLARKE ------------------------------------------------------------------------------------------------------------


def none_active(witness: Witness) -> bool:
    """Smooth: no switch is 0, which is read off again from the values that the tool computed.

    The program, evaluated here, may round otherwise: where a tool is left with a residue, it may find 0.
    """
    sweeps = witness.sweeps
    again = Sweeps(sweeps.program, None, sweeps.atol, sweeps.values, sweeps.own)
    return not len(sweeps.alpha) and not again.active.any() and np.array_equal(again.signs, sweeps.signs)


def zero_rows_for_all_slopes(witness: Witness, rng: np.random.Generator) -> bool:
    """Smooth: no slopes give an active switch a row, by pattern or equal rows; and no random direction moves one."""
    sweeps = witness.floats
    patterned = not sweeps.maybe_nonzero[sweeps.alpha].any()
    if not patterned and not zero_under_one(sweeps):
        return False
    sigma, d = _drawn(sweeps, rng), rng.standard_normal((DRAWS, sweeps.program.n))
    moved = np.abs(sweeps.push(sigma, d)[0])
    slack = 0.0 if patterned else max(slack_of(sweeps, sigma, own)[0].max(initial=0.0) for own in d)
    return bool((moved[:, sweeps.alpha] <= slack).all())


def _zero_rows_of_forms(sweeps: Sweeps) -> bool:
    """Smooth: the forms of the switches on which y depends are 0, where hypothesis E holds."""
    system = build(sweeps)
    return system is not None and system.proved and not any(any(row) for row in system.full)


def private_inputs(groups: Groups, witness: Witness) -> bool:
    """Private directions for all signatures: what is left has no row for any slopes."""
    sweeps = witness.floats
    covered = _moved_one_by_one(groups, witness, None)
    return covered is not None and not (sweeps.maybe_nonzero & ~covered)[sweeps.alpha].any()


def private_inputs_for_these_slopes(groups: Groups, witness: Witness) -> bool:
    """Private directions for the slopes -1 and 1 that are judged: what is left has no row under them."""
    sweeps = witness.floats
    zero, sigma = _zero_by_pattern(sweeps, witness.c)
    covered = _moved_one_by_one(groups, witness, sigma)
    return (covered is not None and not (np.abs(witness.c) != 1)[covered[sweeps.alpha]].any()
            and _all_or_zero(sweeps, sigma, zero | covered[sweeps.alpha]))


def _moved_one_by_one(groups: Groups, witness: Witness, sigma: Array | None) -> Array | None:
    """The switches in the groups of private inputs, shape (s,); None where one is not as the theorem asks.

    Each is moved by one input of its group, on one path whose derivative has one sign for all slopes (or for
    ``sigma``); inputs move no switch of an earlier group; slopes and directions agree on what one input moves.
    """
    sweeps = witness.floats
    program, covered, slopes = sweeps.program, np.zeros(sweeps.program.s, bool), np.zeros(sweeps.program.s)
    slopes[sweeps.alpha] = witness.c
    nodes = {program.nodes[i].switch: program.nodes[i] for i in program.kinked}
    for switch, given in groups:
        node, inputs = nodes[switch], np.array(checker.positions(given, program.n), dtype=int)
        if not kink_of(node.op).rates:
            return None
        marks = np.zeros((2, program.n))
        marks[0, inputs], marks[1, inputs] = 1.0, 1.0 + np.arange(len(inputs))
        paths, labels = sweeps.counts(marks, sigma)
        if paths[covered].any():
            return None
        own = np.arange(node.own.start, node.own.stop)
        own = own[sweeps.active[own] & (paths[own] == 1)]
        if sigma is None:
            low, high = rates(sweeps, marks[0])
            signs = (low[own] > 0).astype(float) - (high[own] < 0)
        else:
            signs = np.sign(sweeps.push(sigma, marks[:1])[0][0][own])
        if not len(own) or not signs.all() or not _constant(labels[own], signs, slopes[own], sigma is None):
            return None
        covered[own] = True
    return covered


def _constant(labels: Array, signs: Array, slopes: Array, uniform: bool) -> bool:
    """Whether one direction of each input suits all switches that it moves.

    For all signatures these have one slope, and go the same way; for given slopes each goes the way of its slope.
    """
    order = np.argsort(labels, kind="stable")
    same = np.diff(labels[order]) == 0
    asked = [slopes[order], signs[order]] if uniform else [(slopes * signs)[order]]
    return all(bool((np.diff(values) == 0)[same].all()) for values in asked)


def independent_rows(witness: Witness, rng: np.random.Generator) -> bool:
    """LIKQ: the base rows, which pushes confirm, become triangular by columns, or have a right inverse."""
    sweeps = witness.floats
    alpha, count, n = sweeps.alpha, len(sweeps.alpha), sweeps.program.n
    if count > n:
        return False
    sigma = sweeps.signature(0.0)
    rows = sweeps.pull(sigma, unit_vectors(alpha, sweeps.program.s), None)[0]
    errors = errors_of_base_rows(sweeps, rows, rng) + FLOOR
    d = rng.standard_normal(n)
    seen, slack = sweeps.push(sigma, d[None])[0][0][alpha], slack_of(sweeps, sigma, d)[0][alpha]
    if (np.abs(rows @ d - seen) > 2 * slack).any():
        return False
    return _triangular(rows, errors) or _invertible(rows, errors)


def _triangular(rows: Array, errors: Array) -> bool:
    """Whether rows can be taken off one after the other, each with a column that is nonzero in no other row left."""
    possible, sure = errors > FLOOR, np.abs(rows) > errors
    left = np.ones(len(rows), bool)
    while left.any():
        alone = possible[left].sum(axis=0) == 1
        taken = left & (sure & alone).any(axis=1)
        if not taken.any():
            return False
        left &= ~taken
    return True


def _invertible(rows: Array, errors: Array) -> bool:
    """Whether R X is nearer to the identity than 1, whatever R is within the errors."""
    sizes = lengths(rows.T)
    if not (np.isfinite(sizes).all() and (sizes > FLOOR).all()):
        return False
    unit = rows / sizes[:, None]
    inverse = np.linalg.pinv(unit)
    known = np.linalg.norm(errors / sizes[:, None]) + 8 * rows.size * UNIT
    apart = np.linalg.norm(np.eye(len(rows)) - unit @ inverse, 2) + known * np.linalg.norm(inverse, 2)
    return bool(apart < 1)


def independent_by_inputs(rounds: Sequence[Any], witness: Witness, rng: np.random.Generator) -> bool:
    """LIKQ: the inputs of a round move their own switches on one path, and none of those that are still to come."""
    sweeps = witness.floats
    program, sigma = sweeps.program, sweeps.signature(0.0)
    coming = np.zeros(program.s, bool)
    coming[sweeps.alpha] = True
    for given, moving in rounds:
        switches, inputs = (np.array(checker.positions(own, size), int) for own, size in (
            (given, program.s), (moving, program.n)))
        marks = np.zeros((3, program.n))
        marks[0, inputs], marks[1, inputs] = 1.0, 1.0 + np.arange(len(inputs))
        marks[2, inputs] = rng.uniform(1, 2, len(inputs))
        paths, labels = sweeps.counts(marks[:2], sigma)
        own = np.zeros(program.s, bool)
        own[switches] = True
        if len(inputs) != len(switches) or not coming[switches].all() or paths[coming & ~own].any():
            return False
        if not ((paths[switches] == 1) & (labels[switches] == marks[1, inputs])).all():
            return False

        def rates(near: Sweeps, moved: Array = marks[2:], own: Array = switches) -> Array:
            return np.asarray(near.push(sigma, moved)[0][0][own])

        here = rates(sweeps)
        error = slack_of(sweeps, sigma, marks[2])[0][switches] + beyond_values(sweeps, sigma, here, rates, rng)
        if not (np.abs(here) > error).all():
            return False
        coming[switches] = False
    return not coming.any()


def independent_modulo_a_prime(witness: Witness) -> bool:
    """The rows for slope -1 at active switches span what the base rows span; another prime than that of the search."""
    sweeps = witness.floats
    rows = exact_rows(sweeps, sweeps.signature(-1.0), sweeps.alpha) if sweeps.program.is_piecewise_linear else None
    whole = None if rows is None else integers(rows)
    return whole is not None and independent(whole, ANOTHER_PRIME)[0] is True


def open_along(direction: Any, witness: Witness, rng: np.random.Generator) -> bool:
    """One direction, pushed, opens the slopes."""
    return opens(witness.floats, witness.c, numbers_in_x(direction, witness), rng)


def mean_of_limiting(
    given: Any, signatures: Sequence[Any], directions: Sequence[Any], witness: Witness, rng: np.random.Generator
) -> bool:
    """Every signature is opened by its direction, and the mean of their gradients is g_c, or the vector."""
    sweeps, weights = witness.floats, np.asarray(given, dtype=float)
    if not (weights >= 0).all() or not abs(weights.sum() - 1) <= len(weights) * np.finfo(float).eps:
        return False
    mean, size = np.zeros(sweeps.program.n), np.zeros(sweeps.program.n)
    for weight, signature, d in zip(weights, signatures, directions, strict=True):
        slopes = np.asarray(signature, dtype=float)
        if slopes.shape != sweeps.alpha.shape or not opens(sweeps, slopes, numbers_in_x(d, witness), rng):
            return False
        sigma = sweeps.signature(slopes)
        mean += weight * sweeps.gradient(sigma)
        size = np.maximum(size, sweeps.pull_magnitude(sigma, None, np.ones((1, 1)))[0][0])
    bound = 2 * (rounding(sweeps.pull_depth) + (2 + len(weights)) * UNIT) * size
    if witness.vector is not None and witness.tolerance is not None:
        return bool((np.abs(mean - witness.vector) <= witness.tolerance + bound).all())
    bound = np.maximum(bound, witness.deviation)
    return bool((np.abs(mean - witness.gradient) <= np.minimum(bound, allowed(sweeps, witness.gradient))).all())


def sign_definite(sign: int, witness: Witness, rng: np.random.Generator) -> bool:
    """Regular: bounds on the adjoints for all slopes have one sign; random signatures confirm it.

    The adjoints that are 0 to rounding are set aside; what they could change is within the tolerances.
    """
    covered = not (witness.floats.signature(witness.c)[witness.floats.not_negative] < 0).any()
    deviation = one_sign(witness.floats, sign, rng) if covered else None
    return deviation is not None and small(witness, deviation)


def one_sign(sweeps: Sweeps, sign: int, rng: np.random.Generator) -> Array | None:
    """What is set aside could change in the gradient, shape (n,), where all other adjoints have the sign for all
    slopes; None where they have not."""
    if sign not in (1, -1) or not len(sweeps.alpha):
        return None
    negligible, deviation = _negligible(sweeps)
    found = curvatures(sweeps)
    lowest = sign * (found.lower if sign > 0 else found.upper)
    definite = (lowest >= 0) | (lowest > found.error)
    if not (negligible | definite | ~sweeps.maybe_nonzero[sweeps.alpha]).all():
        return None
    return deviation if _confirmed(sweeps, sign, negligible, float(deviation.max(initial=0.0)), rng) else None


def _negligible(sweeps: Sweeps) -> tuple[Array, Array]:
    """Which active switches have an adjoint that is 0 to rounding for all slopes, and what these could change in the
    gradient, shape (n,)."""
    found = curvatures(sweeps)
    negligible = (found.lower >= -found.error) & (found.upper <= found.error)
    aside = negligible & (np.maximum(np.abs(found.lower), np.abs(found.upper)) > 0)
    return negligible, moved_at_most(sweeps, aside, found.error + np.abs(found.upper - found.lower))


def small(witness: Witness, deviation: Array) -> bool:
    """Whether what was set aside is not more than the certificate says, and small against the gradient."""
    if not deviation.any():
        return True
    if witness.vector is None and not deviation.max() <= witness.deviation < np.inf:
        return False
    return bool((deviation <= allowed(witness.floats, witness.gradient)).all())


def _confirmed(sweeps: Sweeps, sign: int, aside: Array, deviation: float, rng: np.random.Generator) -> bool:
    """For random definite signatures: the sign of the adjoints, and y' as an upper (lower) bound of g_sigma . d."""
    alpha = sweeps.alpha
    counted = sweeps.maybe_nonzero[alpha] & ~aside
    for _ in range(DRAWS):
        sigma, d = _drawn(sweeps, rng), rng.standard_normal(sweeps.program.n)
        _, wbar = sweeps.pull(sigma, None, np.ones((1, 1)))
        _, size = sweeps.pull_magnitude(sigma, None, np.ones((1, 1)))
        if not (sign * wbar[0] >= -rounding(sweeps.pull_depth) * size[0])[alpha][counted].all():
            return False
        gap, slack = above(sweeps, sign, sigma, d)
        if not gap >= -slack - float(np.abs(d).sum() * deviation):
            return False
    return True


# -- NOT_CLARKE --------------------------------------------------------------------------------------------------------


def nonfinite(witness: Witness) -> bool:
    """A vector with NaN or infinity is in no generalized gradient."""
    return witness.vector is not None and not np.isfinite(np.asarray(witness.vector, dtype=float)).all()


def not_the_gradient(witness: Witness, rng: np.random.Generator) -> bool:
    """f is differentiable, and an entry of the vector is beyond the tolerance from its derivative."""
    sweeps, deviation = witness.floats, np.zeros(witness.floats.program.n)
    if witness.vector is None or witness.tolerance is None:
        return False
    if len(sweeps.alpha) and not zero_rows_for_all_slopes(witness, rng) and not _zero_rows_of_forms(sweeps):
        negligible, deviation = _negligible(sweeps)
        if not negligible.all():
            return False
    distance = np.abs(sweeps.gradient(sweeps.signature(witness.c)) - witness.vector)
    return bool((distance > np.maximum(witness.tolerance, deviation)).any())


def beyond_all_slopes(separator: Any, witness: Witness) -> bool:
    """v . g is larger than the derivative along v for all slopes, by an interval of its own and beyond rounding."""
    sweeps, v = witness.floats, numbers_in_x(separator, witness)
    if witness.vector is not None and witness.tolerance is not None:
        g, bounds = witness.vector, witness.tolerance
    else:
        g = witness.gradient
        size = sweeps.pull_magnitude(sweeps.signature(witness.c), None, np.ones((1, 1)))[0][0]
        bounds = rounding(sweeps.pull_depth) * size
    margin, rate = along(v, g, bounds), float(v @ g)
    bounds_above = (highest(sweeps, v), derivative_bounds(sweeps, v)[1][0])
    return rate - float(min(bounds_above)) > margin or rate - highest_by_signs(sweeps, v) > margin


def numbers_in_x(values: Any, witness: Witness) -> Array:
    """A direction in x: finite numbers, one an input."""
    found = np.asarray(values, dtype=float)
    if found.shape != (witness.sweeps.program.n,) or not np.isfinite(found).all():
        raise ValueError("malformed certificate: a direction has one finite number for each input")
    return found
