"""Sums of small polytopes, given by their points: membership, separation, extreme points, the point of least norm.

A float linear program proposes; weights and separating vectors are checked afterwards for what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from absnormal.arrays import Array

_ROUNDS = 1000


def nearest_member(base: Array, blocks: list[Array], g: Array, allowed: Array) -> list[Array] | None:
    """Convex weights for each block with base + sum of means = g, entry by entry within ``allowed`` and the rounding of
    that sum; or None."""
    if not blocks:
        return [] if (np.abs(base - g) <= allowed).all() else None
    slack = allowed + _rounding(base, blocks, g)
    for found in proposed_weights(base, blocks, g):
        total = base + sum((w @ points for w, points in zip(found, blocks, strict=True)), np.zeros_like(base))
        if (np.abs(total - g) <= slack).all():
            return found
    return None


def proposed_weights(base: Array, blocks: list[Array], g: Array) -> Iterator[list[Array]]:
    """Convex weights for each block that come near to g, the better ones first; nothing is promised."""
    answer = _program(base, blocks, g)
    if answer.x is None:
        return
    proposed = np.maximum(answer.x[:-1], 0.0)
    for weights in (_polished(base, blocks, g, proposed), proposed):
        found = _normalised(blocks, weights)
        if found is not None:
            yield found


def _normalised(blocks: list[Array], weights: Array) -> list[Array] | None:
    """The weights block by block, none negative, each block's sum 1."""
    found, start = [], 0
    for points in blocks:
        w = np.maximum(weights[start : start + len(points)], 0.0)
        start += len(points)
        if not w.sum() > 0:
            return None
        found.append(w / w.sum())
    return found


def _polished(base: Array, blocks: list[Array], g: Array, weights: Array) -> Array:
    """The weights solved for again, on their support, to full precision."""
    labels = np.repeat(np.arange(len(blocks)), [len(points) for points in blocks])
    support = np.flatnonzero(weights > 1e-9)
    size = _size(base, blocks, g)
    sums = (labels[support] == np.arange(len(blocks))[:, None]).astype(float)
    matrix = np.vstack([(np.vstack(blocks)[support] / size).T, sums])
    solved = np.linalg.lstsq(matrix, np.r_[(g - base) / size, np.ones(len(blocks))], rcond=None)[0]
    result = np.zeros_like(weights)
    result[support] = solved
    return result


def separator(base: Array, blocks: list[Array], g: Array, allowed: Array) -> Array | None:
    """v with v . g > max of v over the sum of the blocks, by more than the tolerance and rounding; or None."""
    slack = allowed + _rounding(base, blocks, g)
    for v in proposed_separators(base, blocks, g):
        if _gap(base, blocks, g, v) > float(np.abs(v) @ slack):
            return v
    return None


def proposed_separators(base: Array, blocks: list[Array], g: Array) -> Iterator[Array]:
    """Vectors of largest entry 1 that may separate g; nothing is promised."""
    if not blocks:
        far = np.abs(g - base)
        candidates = [np.sign(g - base) * (far == far.max(initial=0.0))]
    else:
        answer = _program(base, blocks, g)
        if answer.x is None:
            return
        duals = answer.ineqlin.marginals
        v = (duals[: len(g)] - duals[len(g) :]) / _size(base, blocks, g)
        candidates = [v, -v]
    for v in candidates:
        largest = np.abs(v).max(initial=0.0)
        if largest > 0:
            yield np.asarray(v / largest)


def _gap(base: Array, blocks: list[Array], g: Array, v: Array) -> float:
    return float(v @ (g - base)) - sum(float((points @ v).max()) for points in blocks)


def _size(base: Array, blocks: list[Array], g: Array) -> Array:
    """How large the numbers are in each entry; 1 where all are 0."""
    size = np.abs(g) + np.abs(base) + sum((np.abs(points).max(axis=0) for points in blocks), np.zeros_like(base))
    return np.where(size > 0, size, 1.0)


def _rounding(base: Array, blocks: list[Array], g: Array) -> Array:
    count = len(g) + sum(len(points) for points in blocks)
    return 4 * count * np.finfo(float).eps * _size(base, blocks, g) if blocks else np.zeros_like(base)


def _program(base: Array, blocks: list[Array], g: Array) -> Any:
    """Weights of least distance to g, relative to the size of the numbers, by a linear program."""
    from scipy.optimize import linprog
    from scipy.sparse import block_array, block_diag, csr_array

    size = _size(base, blocks, g)
    matrix = csr_array(np.vstack(blocks).T / size[:, None])
    target, ones = (g - base) / size, csr_array(np.ones((len(g), 1)))
    count = sum(len(points) for points in blocks)
    sums = block_array([[block_diag([np.ones((1, len(points))) for points in blocks]), csr_array((len(blocks), 1))]])
    return linprog(
        np.r_[np.zeros(count), 1.0],
        A_ub=block_array([[matrix, -ones], [-matrix, -ones]], format="csr"),
        b_ub=np.r_[target, -target],
        A_eq=sums.tocsr(),
        b_eq=np.ones(len(blocks)),
        method="highs",
    )


def extreme(points: Array) -> Array:
    """The numbers of the points that are no convex combination of the others."""
    kept = list(range(len(points)))
    origin = np.zeros(points.shape[1])
    tiny = np.full(points.shape[1], 1e-12) * np.maximum(np.abs(points).max(axis=0, initial=0.0), 1e-300)
    for k in range(len(points)):
        others = [i for i in kept if i != k]
        if others and nearest_member(origin, [points[others]], points[k], tiny) is not None:
            kept = others
    return np.array(kept, dtype=int)


def nearest_point(base: Array, blocks: list[Array]) -> Array:
    """The point of least norm of base + sum of the blocks' hulls (Wolfe, Mathematical Programming 1976).

    Vertices of the sum are made on demand: the sum of the blocks' vertices that are least along the current point.
    """

    def lowest(x: Array) -> Array:
        return np.asarray(base + sum((points[np.argmin(points @ x)] for points in blocks), np.zeros_like(base)))

    corral = [lowest(base)]
    weights = np.ones(1)
    x = corral[0]
    for _ in range(_ROUNDS):
        new = lowest(x)
        scale = max(float(np.abs(corral).max(initial=0.0)), float(np.abs(new).max(initial=0.0)), 1e-300)
        if x @ new >= x @ x - 1e-14 * scale * scale or any(np.array_equal(new, known) for known in corral):
            break
        corral.append(new)
        weights = np.r_[weights, 0.0]
        while True:
            affine = _affine_minimizer(np.stack(corral))
            if (affine > 1e-14).all():
                weights = affine
                break
            going = affine <= 1e-14
            steps = weights[going] / np.maximum(weights[going] - affine[going], 1e-300)
            weights = weights + min(1.0, float(steps.min())) * (affine - weights)
            kept = weights > 1e-14
            corral = [point for point, keep in zip(corral, kept, strict=True) if keep]
            weights = weights[kept] / weights[kept].sum()
        x = weights @ np.stack(corral)
    return np.asarray(x)


def _affine_minimizer(points: Array) -> Array:
    """Weights, summing to 1, of the point of least norm in the affine hull."""
    count = len(points)
    matrix = np.ones((count + 1, count + 1))
    matrix[:count, :count] = points @ points.T
    matrix[count, count] = 0.0
    return np.asarray(np.linalg.lstsq(matrix, np.r_[np.zeros(count), 1.0], rcond=None)[0][:count])
