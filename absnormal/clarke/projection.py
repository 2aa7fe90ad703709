"""What a sum of polytopes looks like in a plane: the polygon of its projection, without multiplying the sum out.

The projection of a Minkowski sum is the sum of the projections, and the edges of a sum of convex polygons are the edges
of all of them in the order of their angles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.polytope import Summand

#: Coordinates that differ by less than this, relative to the largest, are taken as one.
_EQUAL = 1e-9
_ROUNDS = 60


def projection(base: Array, summands: Sequence[Summand], axes: Array) -> Array:
    """The corners of the projection of base + the sum of the hulls, counterclockwise, shape (k, 2).

    Parameters
    ----------
    base
        shape (n,)
    summands
        the polytopes
    axes
        shape (2, n); the projection of g is axes @ g
    """
    polygons = [hull(summand.points @ axes[:, summand.columns].T) for summand in summands]
    start = axes @ base + sum((_lowest(polygon) for polygon in polygons), np.zeros(2))
    edges = np.concatenate([np.zeros((0, 2)), *(np.roll(polygon, -1, axis=0) - polygon for polygon in polygons)])
    edges = edges[edges.any(axis=1)]
    angles = np.arctan2(edges[:, 1], edges[:, 0]) % (2 * np.pi)
    walked = start + np.r_[np.zeros((1, 2)), np.cumsum(edges[np.argsort(angles, kind="stable")], axis=0)]
    return hull(walked)


def hull(points: Array) -> Array:
    """The corners of the convex hull of points in the plane, counterclockwise (Andrew, 1979).

    >>> hull(np.array([[0.0, 0], [2, 0], [1, 1], [1, 0.5], [1, 0]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]]
    """
    size = np.abs(points - points[:1]).max(initial=0.0)
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = list(points[order].tolist())
    lower, upper = _chain(ordered, size), _chain(ordered[::-1], size)
    corners = lower[:-1] + upper[:-1]
    return np.array(corners or ordered[:1]).reshape(-1, 2)


def _chain(points: list[list[float]], size: float) -> list[list[float]]:
    kept: list[list[float]] = []
    for p in points:
        if kept and max(abs(p[0] - kept[-1][0]), abs(p[1] - kept[-1][1])) <= _EQUAL * size:
            continue
        while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= _EQUAL * size**2:
            kept.pop()
        kept.append(p)
    return kept


def _turn(a: list[float], b: list[float], c: list[float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _lowest(polygon: Array) -> Array:
    """The corner at which the edges, by angle from 0 on, begin."""
    return np.asarray(polygon[np.lexsort((polygon[:, 0], polygon[:, 1]))[0]])


def principal_axes(summands: Sequence[Summand], size: int, first: Array | None = None) -> Array:
    """Two orthonormal directions along which the sum is wide, shape (2, size); ``first`` is taken as one of them.

    Power iteration on the sum of the covariances of the summands' points.
    """
    axes: list[Array] = [] if first is None or not first.any() else [first / np.linalg.norm(first)]
    centred = [(summand.columns, summand.points - summand.points.mean(axis=0)) for summand in summands]
    # Generic: a wide direction is not missed by being orthogonal to the start.
    starts = np.cos(np.outer(np.arange(1, 4), np.arange(size) + 1.0)) + 1.5 * np.eye(3, size)
    for start in starts:
        if len(axes) == 2:
            break
        v = _orthogonal(start, axes)
        for _ in range(_ROUNDS):
            image = np.zeros(size)
            for columns, points in centred:
                image[columns] += points.T @ (points @ v[columns])
            image = _orthogonal(image, axes)
            if not image.any():
                break
            v = image
        if v.any():
            axes.append(v)
    return np.stack(axes)


def _orthogonal(v: Array, axes: Sequence[Array]) -> Array:
    """v without its parts along the axes, of length 1; 0 where nothing is left."""
    length = np.linalg.norm(v)
    for _ in range(2):
        for axis in axes:
            v = v - (axis @ v) * axis
    left = np.linalg.norm(v)
    return v / left if left > _EQUAL * length else np.zeros_like(v)
