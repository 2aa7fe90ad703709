"""Exact linear algebra, convex combinations and least-norm points over the rationals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import SupportsFloat

Vector = tuple[Fraction, ...]


def vector(values: Iterable[SupportsFloat]) -> Vector:
    """Numbers as the rationals they are; floats of any width exactly."""
    return tuple(Fraction(v) if isinstance(v, int | Fraction) else Fraction(float(v)) for v in values)


def dot(u: Sequence[Fraction], v: Sequence[Fraction]) -> Fraction:
    """The inner product."""
    return sum((a * b for a, b in zip(u, v, strict=True) if a and b), Fraction(0))


def combine(weights: Sequence[Fraction], points: Sequence[Vector]) -> Vector:
    """sum_k weights_k points_k."""
    return tuple(dot(weights, column) for column in zip(*points, strict=True))


def _pivot(table: list[list[Fraction]], row: int, column: int) -> None:
    lead = table[row][column]
    if lead != 1:
        table[row] = [entry / lead if entry else entry for entry in table[row]]
    for i, other in enumerate(table):
        factor = other[column]
        if i != row and factor:
            table[i] = [a - factor * b if b else a for a, b in zip(other, table[row], strict=True)]


def reduce_rows(matrix: Sequence[Sequence[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """The reduced row echelon form and its pivot columns."""
    table = [list(row) for row in matrix]
    pivots: list[int] = []
    for column in range(len(table[0]) if table else 0):
        rank = len(pivots)
        row = next((i for i in range(rank, len(table)) if table[i][column]), None)
        if row is not None:
            table[rank], table[row] = table[row], table[rank]
            _pivot(table, rank, column)
            pivots.append(column)
    return table, pivots


def rank(matrix: Sequence[Sequence[Fraction]]) -> int:
    """The rank."""
    return len(reduce_rows(matrix)[1])


@dataclass(frozen=True)
class Membership:
    """Either convex weights on the points, or a strict separator v: v . g > v . p for every point p."""

    weights: Vector | None
    separator: Vector | None

    @property
    def inside(self) -> bool:
        """Whether the vector lies in the convex hull."""
        return self.weights is not None


def membership(points: Sequence[Vector], g: Vector) -> Membership:
    """Decide whether g is in the convex hull of the points: phase one of the simplex method, Bland's rule.

    A row of the table is one of integers, up to a positive factor; the last column holds that of the costs.
    """
    rows = [[p[i] for p in points] for i in range(len(g))] + [[Fraction(1)] * len(points)]
    target = [*g, Fraction(1)]
    signs = [-1 if value < 0 else 1 for value in target]
    m, k = len(rows), len(points)
    whole = [
        [a if sign > 0 else -a for a in row] + [Fraction(i == j) for j in range(m)] + [abs(value), Fraction(0)]
        for i, (sign, row, value) in enumerate(zip(signs, rows, target, strict=True))
    ]
    costs = [Fraction(0)] * k + [Fraction(1)] * m + [Fraction(0), Fraction(1)]
    sums = [sum(filter(None, column)) for column in zip(*whole, strict=True)]
    whole.append([cost - total for cost, total in zip(costs, sums, strict=True)])
    table = [_integers(row) for row in whole]
    basis = list(range(k, k + m))
    while (column := next((j for j in range(k) if table[m][j] < 0), None)) is not None:
        row = min(
            (i for i in range(m) if table[i][column] > 0),
            key=lambda i: (Fraction(table[i][-2], table[i][column]), basis[i]),
        )
        _eliminate(table, row, column)
        basis[row] = column
    if table[m][-2] == 0:
        value = {j: Fraction(table[i][-2], table[i][j]) for i, j in enumerate(basis)}
        weights = tuple(value.get(j, Fraction(0)) for j in range(k))
        assert min(weights) >= 0 and sum(weights) == 1 and combine(weights, points) == tuple(g)
        return Membership(weights, None)
    dual = [sign * (1 - Fraction(table[m][k + i], table[m][-1])) for i, sign in enumerate(signs)]
    separator = tuple(dual[:-1])
    assert all(dot(separator, p) < dot(separator, g) for p in points)
    return Membership(None, separator)


def _integers(row: Sequence[Fraction]) -> list[int]:
    scale = lcm(*(entry.denominator for entry in row))
    return [entry.numerator * (scale // entry.denominator) for entry in row]


def _eliminate(table: list[list[int]], row: int, column: int) -> None:
    """Take multiples of a row, whose entry in the column is positive, from the others, so that theirs vanish."""
    lead = table[row][column]
    for i, other in enumerate(table):
        factor = other[column]
        if i != row and factor:
            left = [lead * a - factor * b for a, b in zip(other, table[row], strict=True)]
            divisor = gcd(*left)
            table[i] = [a // divisor for a in left]


def min_norm(points: Sequence[Vector]) -> Vector:
    """The point of least Euclidean norm in the convex hull (Wolfe's algorithm, finite in exact arithmetic)."""
    best = min(points, key=lambda p: dot(p, p))
    corral, weights = [best], [Fraction(1)]
    while True:
        entering = min(points, key=lambda p: dot(best, p))
        if dot(best, entering) >= dot(best, best):
            return best
        corral.append(entering)
        weights.append(Fraction(0))
        while True:
            affine = _affine_min_norm(corral)
            step = min(
                (w / (w - a) for w, a in zip(weights, affine, strict=True) if a < 0), default=Fraction(1)
            )
            weights = [w + step * (a - w) for w, a in zip(weights, affine, strict=True)]
            corral = [p for p, w in zip(corral, weights, strict=True) if w]
            weights = [w for w in weights if w]
            if min(affine) >= 0:
                break
        best = combine(weights, corral)


def _affine_min_norm(points: list[Vector]) -> list[Fraction]:
    """Affine weights of the least-norm point in the affine hull of affinely independent points."""
    k = len(points)
    system = [[*(dot(p, q) for q in points), Fraction(1), Fraction(0)] for p in points]
    system.append([*[Fraction(1)] * k, Fraction(0), Fraction(1)])
    table, _ = reduce_rows(system)
    return [row[-1] for row in table[:k]]
