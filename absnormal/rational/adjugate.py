"""The adjugate of a matrix of floating-point numbers, to the last digit, also of a singular one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from absnormal.arrays import Array


def exact_adjugate(a: Array) -> Array:
    """The matrix of minors M with a M = det(a), rounded once.

    Faddeev and LeVerrier: with M = 1 first, M becomes a M - tr(a M) / k for k = 1, ..., n - 1, and the last one is the
    adjugate up to its sign.  Floating-point numbers are integers over a power of two, so that all of it is done in
    integers.

    >>> exact_adjugate(np.array([[1.0, 2.0], [2.0, 4.0]]))
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    n = len(a)
    ratios = [[Fraction(float(item)) for item in row] for row in a]
    scale = max((item.denominator for row in ratios for item in row), default=1)
    whole = np.array([[int(item * scale) for item in row] for row in ratios], dtype=object).reshape(n, n)
    unit = np.array([[int(i == j) for j in range(n)] for i in range(n)], dtype=object).reshape(n, n)
    found = unit
    for k in range(1, n):
        product = whole @ found
        found = product - unit * (sum(product.diagonal().tolist()) // k)
    sign, power = (-1) ** (n - 1), scale ** max(0, n - 1)
    return np.array([[float(Fraction(sign * int(item), power)) for item in row] for row in found]).reshape(n, n)
