"""Theorems of the alternative, decided in integers: Gordan's for open cells, Farkas's for convex combinations.

A floating-point non-negative least squares problem proposes: its residual is the direction, or the separating
vector, where its least distance is not 0; its support carries the weights where it is.  The answer is confirmed in
integers, and what cannot be confirmed is left to the exact simplex method.

Sources: Lawson & Hanson, Solving Least Squares Problems, 1974, chapter 23; Bareiss, Mathematics of Computation 1968.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from absnormal.arrays import Array
from absnormal.rational.linear_algebra import Vector, dot
from absnormal.rational.linear_program import convex_weights, open_direction

Weights = dict[int, int]
#: Bits that an entry of an integer direction may have.
BITS = 30
_TINY = 1e-11


def gordan(rows: Array) -> tuple[Array | None, Weights | None]:
    """Either an integer d with rows @ d > 0, or integer weights >= 0, not all 0, with sum weights_i rows_i = 0.

    ``rows`` are integers, shape (k, width), none of them zero.
    """
    weights, residual = _least_squares(_scaled(rows, 1).T, np.zeros(rows.shape[1]))
    d = rounded(-residual, rows.dtype)
    if (rows @ d > 0).all():
        return d, None
    support = np.flatnonzero(weights > _TINY * weights.max(initial=0.0))
    found = _dependency(rows[support].tolist())
    if found is not None:
        return None, dict(zip(support.tolist(), found, strict=True))
    direction, exact = open_direction([[Fraction(a) for a in row] for row in rows.tolist()])
    if direction is not None:
        return np.array(_integers(direction), dtype=object), None
    assert exact is not None
    return None, {i: a for i, a in enumerate(_integers(exact)) if a}


def mean(points: Array, target: Sequence[Fraction]) -> tuple[dict[int, Fraction] | None, Vector | None]:
    """Either convex weights on integer points (N, width) whose mean is the target, or v with v . target > max v .
    points; exact.

    Points are taken on demand: a vector that separates the target from those taken so far brings in the point that lies
    farthest along it.
    """
    goal = np.array(target, dtype=object)
    size = scale(np.concatenate([points.astype(object), goal[None]]), 0)
    floats, near = divided(points, size), divided(goal, size)
    weights, residual = _least_squares(floats.T, near)
    v = [Fraction(a) / b for a, b in zip(rounded(residual, object).tolist(), size.tolist(), strict=True)]
    if any(v) and farthest(points, v)[1] < dot(v, target):
        return None, v
    taken = np.flatnonzero(weights > _TINY).tolist() or [0]
    while True:
        found, v = convex_weights([[Fraction(a) for a in points[k].tolist()] for k in taken], target)  # type: ignore[assignment]
        if found is not None:
            return {k: w for k, w in zip(taken, found, strict=True) if w}, None
        best, value = farthest(points, v)
        if value < dot(v, target):
            return None, v
        taken.append(best)


def farthest(points: Array, v: Vector) -> tuple[int, Fraction]:
    """The number of the point that lies farthest along v, and how far."""
    whole = _integers(v)
    along = points.astype(object) @ np.array(whole, dtype=object) if whole else np.zeros(len(points), object)
    best = int(np.argmax(along))
    return best, dot([Fraction(a) for a in points[best].tolist()], v)


def rounded(d: Array, dtype: object) -> Array:
    """A float vector, scaled, in integers of few bits."""
    largest = np.abs(d).max(initial=0.0)
    if not 0 < largest < np.inf:
        return np.zeros(len(d), dtype=np.int64)
    bits = BITS if dtype == np.int64 else 52
    whole = np.rint(d / largest * 2.0**bits).astype(np.int64)
    return np.asarray(whole, dtype=np.int64 if dtype == np.int64 else object)


@np.errstate(under="ignore")
def least_squares(columns: Array, labels: Array, target: Array) -> tuple[Array, Array]:
    """Weights >= 0, of sum 1 for each label, that bring ``columns`` (m, N) nearest to the target, and what is left.

    The sums are only equations of the least squares problem, as the target is.
    """
    from scipy.optimize import nnls

    if not columns.shape[1]:
        # SciPy's own solver writes to memory that is not its own then.
        return np.zeros(0), np.asarray(target, dtype=float)
    count = int(labels.max(initial=-1)) + 1
    matrix = np.concatenate([columns, (labels == np.arange(count)[:, None]).astype(float)])
    goal = np.concatenate([target, np.ones(count)])
    try:
        weights = np.asarray(nnls(matrix, goal)[0])
    except RuntimeError:  # the limit of iterations
        weights = np.zeros(columns.shape[1])
    return weights, np.asarray((goal - matrix @ weights)[: len(target)])


def nearest_combination(columns: Array, target: Array) -> tuple[Array, Array]:
    """Convex weights that bring ``columns`` (m, N) near to the target, and what is left."""
    largest = max(float(np.abs(columns).max(initial=0.0)), float(np.abs(target).max(initial=0.0))) or 1.0
    # An orthogonal transformation keeps distances and leaves few rows.
    triangle = np.asarray(np.linalg.qr(np.column_stack([columns, target]) / largest, mode="r"))
    weights, _ = _least_squares(triangle[:, :-1], triangle[:, -1])
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))
    return weights, target - columns @ weights


def _least_squares(columns: Array, target: Array) -> tuple[Array, Array]:
    return least_squares(columns, np.zeros(columns.shape[1], int), target)


def scale(entries: Array, axis: int) -> Array:
    """The largest absolute value along an axis, 1 where all are 0."""
    largest = np.abs(entries).max(axis=axis, initial=0)
    return np.asarray(np.where(largest == 0, 1, largest))


def divided(entries: Array, size: Array) -> Array:
    """A quotient of exact numbers in floating point; Python's is right however large they are."""
    return np.asarray(entries / size, dtype=float)


def _scaled(rows: Array, axis: int) -> Array:
    return divided(rows, np.expand_dims(scale(rows, axis), axis))


def _integers(vector: Sequence[Fraction]) -> list[int]:
    """A positive multiple with integer entries."""
    unit = np.lcm.reduce(np.array([a.denominator for a in vector], dtype=object)) if vector else 1
    return [int(a * unit) for a in vector]


def _dependency(vectors: list[list[int]]) -> list[int] | None:
    """Positive integers with sum_j weights_j vectors_j = 0 where they are unique up to a factor; None otherwise.

    Gauss-Jordan elimination without fractions: all divisions are exact.
    """
    matrix = [list(row) for row in zip(*vectors, strict=True)]
    count, last, free = len(vectors), 1, -1
    led: list[int] = []
    for column in range(count):
        position = next((i for i in range(len(led), len(matrix)) if matrix[i][column]), -1)
        if position < 0:
            if free >= 0:
                return None
            free = column
            continue
        top = len(led)
        matrix[top], matrix[position] = matrix[position], matrix[top]
        chosen = matrix[top]
        pivot = chosen[column]
        for i, row in enumerate(matrix):
            if i != top:
                factor = row[column]
                matrix[i] = [(pivot * a - factor * b) // last for a, b in zip(row, chosen, strict=True)]
        last = pivot
        led.append(column)
    if free < 0:
        return None
    weights = [0] * count
    weights[free] = abs(last)
    for row, column in zip(matrix, led, strict=False):
        weights[column] = -row[free] if last > 0 else row[free]
    return weights if min(weights) > 0 else None
