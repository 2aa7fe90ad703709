"""Feasibility of A x = b, x >= 0 in exact arithmetic, with a certificate either way.

The first phase of the simplex method, by Bland's rule (no cycling), on an integer tableau without fractions (Edmonds
1967, Bareiss 1968): entries are minors of the data, and every division is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from absnormal.rational.linear_algebra import Vector, dot


@dataclass(frozen=True, slots=True)
class Feasible:
    """x >= 0 with A x = b."""

    x: Vector


@dataclass(frozen=True, slots=True)
class Infeasible:
    """Farkas: y A <= 0 and y . b > 0."""

    y: Vector


def solve(columns: Sequence[Sequence[Fraction]], b: Sequence[Fraction]) -> Feasible | Infeasible:
    """Decide A x = b, x >= 0, for A given by its columns."""
    height, width = len(b), len(columns)
    scale: list[int] = []
    tableau: list[list[int]] = []
    for i in range(height):
        entries = [column[i] for column in columns] + [b[i]]
        factor = math.lcm(*(entry.denominator for entry in entries))
        if b[i] < 0:
            factor = -factor
        scale.append(factor)
        whole = [int(entry * factor) for entry in entries]
        unit = [int(j == i) for j in range(height)]
        tableau.append(whole[:width] + unit + whole[width:])
    # The last row holds reduced costs of the sum of artificial variables.
    costs = [-sum(row[j] for row in tableau) for j in range(width)] + [0] * height
    costs.append(-sum(row[-1] for row in tableau))
    tableau.append(costs)
    basis = [width + i for i in range(height)]
    last = 1
    while True:
        entering = next((j for j in range(width) if tableau[-1][j] < 0), -1)
        if entering < 0:
            break
        leaving = _ratio_test(tableau, basis, entering)
        last = _pivot(tableau, leaving, entering, last)
        basis[leaving] = entering
    if tableau[-1][-1] == 0:
        x = [Fraction(0)] * width
        for i, j in enumerate(basis):
            if j < width:
                x[j] = Fraction(tableau[i][-1], last)
        return Feasible(x)
    y = [(1 - Fraction(tableau[-1][width + i], last)) * scale[i] for i in range(height)]
    return Infeasible(y)


def _ratio_test(tableau: list[list[int]], basis: list[int], entering: int) -> int:
    best = -1
    for i in range(len(basis)):
        row = tableau[i]
        if row[entering] <= 0:
            continue
        if best >= 0:
            # Compare row[-1] / row[entering] with the best so far without dividing.
            gap = row[-1] * tableau[best][entering] - tableau[best][-1] * row[entering]
            if gap > 0 or (gap == 0 and basis[i] > basis[best]):
                continue
        best = i
    assert best >= 0, "the first phase is bounded"
    return best


def _pivot(tableau: list[list[int]], leaving: int, entering: int, last: int) -> int:
    chosen = tableau[leaving]
    pivot = chosen[entering]
    for i, row in enumerate(tableau):
        if i != leaving:
            factor = row[entering]
            if factor:
                tableau[i] = [(pivot * a - factor * c) // last for a, c in zip(row, chosen, strict=True)]
            elif pivot != last:
                tableau[i] = [pivot * a // last for a in row]
    return pivot


def open_direction(rows: Sequence[Sequence[Fraction]]) -> tuple[Vector | None, Vector | None]:
    """Gordan: either d with row . d > 0 for all rows, or weights >= 0, not all 0, with sum weights_i row_i = 0."""
    if not rows:
        return [], None
    width = len(rows[0])
    columns = [[*row, Fraction(1)] for row in rows]
    answer = solve(columns, [Fraction(0)] * width + [Fraction(1)])
    if isinstance(answer, Feasible):
        return None, answer.x
    direction = [-a for a in answer.y[:width]]
    assert all(dot(row, direction) > 0 for row in rows)
    return direction, None


def convex_weights(points: Sequence[Sequence[Fraction]], g: Sequence[Fraction]) -> tuple[Vector | None, Vector | None]:
    """Either convex weights with sum weights_k points_k = g, or v with v . g > max_k v . points_k."""
    columns = [[*point, Fraction(1)] for point in points]
    answer = solve(columns, [*g, Fraction(1)])
    if isinstance(answer, Feasible):
        return answer.x, None
    return None, answer.y[: len(g)]
