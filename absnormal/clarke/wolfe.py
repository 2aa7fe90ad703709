"""The point of least norm of a convex body that is known by its lowest points along directions (Wolfe 1976).

A corral of affinely independent points is kept, and a Cholesky factor of its Gram matrix: a point that joins costs one
product with the corral and two triangular solves.  For a polytope the algorithm is finite.  Of a curved body the
points never end, and what is found comes nearer and nearer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array

#: Weights below this leave the corral; pivots below the second number, against their column, are no pivots.
_TINY, _DEPENDENT = 1e-14, 1e-13


class _Corral:
    """Affinely independent points with the factor R of 1 1^T + P P^T = R^T R.

    The factor has room for more points, for which it is the identity: so it is solved with as it lies in memory.
    """

    def __init__(self, width: int) -> None:
        self._points, self._factor = np.empty((8, width)), np.eye(8, order="F")
        #: R^-T 1
        self._halfway = np.zeros(0)
        self.carried: list[Any] = []

    @property
    def size(self) -> int:
        return len(self.carried)

    @property
    def points(self) -> Array:
        return self._points[: self.size]

    def joined(self, point: Array, carried: Any) -> bool:
        """Adds a point; False where it is in the affine hull of the others, to rounding."""
        count = self.size
        own = 1.0 + float(point @ point)
        head = self._solved(1.0 + self.points @ point, "T")
        pivot = own - float(head @ head)
        if not pivot > _DEPENDENT * own:
            return False
        if count == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
            grown = np.eye(2 * count, order="F")
            grown[:count, :count] = self._factor
            self._factor = grown
        self._points[count] = point
        self._factor[:count, count] = head
        self._factor[count, count] = np.sqrt(pivot)
        self._halfway = np.append(self._halfway, (1.0 - head @ self._halfway) / np.sqrt(pivot))
        self.carried.append(carried)
        return True

    def left(self, place: int) -> None:
        """Takes a point out."""
        count, factor = self.size, self._factor
        row = factor[place, place + 1 : count].copy()
        tail = factor[place + 1 : count, place + 1 : count].copy()
        factor[:place, place : count - 1] = factor[:place, place + 1 : count]
        below = np.linalg.cholesky(tail.T @ tail + np.outer(row, row)).T
        factor[place : count - 1, place : count - 1] = below
        factor[: count - 1, count - 1], factor[count - 1, count - 1] = 0.0, 1.0
        self._points[place : count - 1] = self._points[place + 1 : count]
        del self.carried[place]
        self._halfway = self._solved(np.ones(count - 1), "T")

    def affine(self) -> Array:
        """Weights, of sum 1, of the point of least norm in the affine hull."""
        found = self._solved(self._halfway, "N")
        return np.asarray(found / found.sum())

    def _solved(self, column: Array, side: str) -> Array:
        from scipy.linalg import solve_triangular

        padded = np.zeros(len(self._factor))
        padded[: len(column)] = column
        found = solve_triangular(self._factor, padded, trans=side, overwrite_b=True, check_finite=False)
        return np.asarray(found[: len(column)])


class Nearest(NamedTuple):
    """A point and its convex weights on a corral, shape (k,)."""

    point: Array
    weights: Array
    corral: _Corral

    @property
    def points(self) -> Array:
        """The points of the corral, shape (k, n)."""
        return self.corral.points

    @property
    def carried(self) -> list[Any]:
        """What came with each of them."""
        return self.corral.carried


def least_norm(
    lowest: Callable[[Array], tuple[Array, Any]], start: tuple[Array, Any] | Nearest, rounds: int,
    enough: Callable[[Array, Array], bool] | None = None,
) -> Nearest:
    """The point of least norm of the hull of all that ``lowest`` gives, numbers of size 1.

    Parameters
    ----------
    lowest
        of a point x, a point of the body that is least along x, and anything that is carried along with it
    start
        a point of the body, and what is carried along; or what was found of a smaller body, whose corral goes on
    rounds
        how many points may be asked for
    enough
        of x and the lowest point along it, whether to end there
    """
    if isinstance(start, Nearest):
        x, weights, corral = start
    else:
        corral = _Corral(len(start[0]))
        corral.joined(*start)
        weights, x = np.ones(1), start[0]
    for _ in range(rounds):
        new, carried = lowest(x)
        if (enough is not None and enough(x, new)) or x @ new >= x @ x - _TINY:
            break
        if (corral.points == new).all(axis=1).any() or not corral.joined(new, carried):
            break
        weights = np.r_[weights, 0.0]
        while True:
            affine = corral.affine()
            if (affine > _TINY).all():
                weights = affine
                break
            going = affine <= _TINY
            steps = weights[going] / np.maximum(weights[going] - affine[going], 1e-300)
            weights = weights + min(1.0, float(steps.min())) * (affine - weights)
            kept = weights > _TINY
            for place in np.flatnonzero(~kept)[::-1].tolist():
                corral.left(place)
            weights = weights[kept] / weights[kept].sum()
        x = weights @ corral.points
    return Nearest(np.asarray(x), weights, corral)
