"""Sums of small polytopes, given by their points: membership, separation, extreme points, the point of least norm.

A summand has its own columns, outside which its points are 0.  Summands that share no column are looked at apart.  A
floating-point least squares problem proposes; weights and separating vectors are checked for what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.wolfe import least_norm
from absnormal.rational.alternative import least_squares

_ROUNDS = 1000
_CHUNK = 4_000_000


class Summand(NamedTuple):
    """The hull of points, shape (k, len(columns)), which are 0 in all other columns."""

    columns: Array
    points: Array


class Answer(NamedTuple):
    """Convex weights for each summand, or a separating vector, or neither."""

    weights: list[Array] | None
    separator: Array | None


def membership(base: Array, summands: Sequence[Summand], g: Array, allowed: Array) -> Answer:
    """Whether base + the sum of the hulls holds g, entry by entry within ``allowed`` and the rounding of that sum.

    A separator v has v . g > max of v over the sum by more than that.
    """
    weights: list[Array] = [np.ones(0)] * len(summands)
    total, slack = base.astype(float), np.array(allowed, dtype=float)
    left = g - base
    covered = np.zeros(len(base), bool)
    found: list[tuple[Array, Array]] = []
    for numbers, columns, points, labels in _alike(summands, len(base)):
        size = np.abs(g[columns]) + np.abs(base[columns]) + np.abs(points).max(axis=0, initial=0.0)
        size[size == 0] = 1.0
        cases, case = np.unique(np.concatenate([left[columns], size], axis=1), axis=0, return_inverse=True)
        case, width = case.reshape(-1), columns.shape[1]
        solved = [_weighted(points, labels, row[:width], row[width:]) for row in cases]
        for own, which in zip(numbers, case.tolist(), strict=True):
            for k, part in zip(own, solved[which][0], strict=True):
                weights[k] = part
        total[columns] += np.stack([np.concatenate(parts) @ points for parts, _ in solved])[case]
        slack[columns] += 4 * sum(points.shape) * np.finfo(float).eps * size
        covered[columns] = True
        found.append((columns, np.stack([v for _, v in solved])[case]))
    excess = np.abs(total - g) - slack
    if (excess <= 0).all():
        return Answer(weights, None)
    best = int(np.argmax(np.where(covered, -np.inf, excess)))
    candidates = [(np.array([best]), np.sign(left[[best]]))] if not covered[best] else []
    for columns, v in found:
        outside = (excess[columns] > 0).any(axis=1)
        candidates += zip(columns[outside], v[outside], strict=True)
    for columns, v in candidates:
        largest = np.abs(v).max(initial=0.0)
        if largest > 0:
            separator = np.zeros(len(base))
            separator[columns] = v / largest
            if float(separator @ left) - support(summands, separator) > float(np.abs(separator) @ slack):
                return Answer(None, separator)
    return Answer(None, None)


@np.errstate(under="ignore")
def _weighted(points: Array, labels: Array, left: Array, size: Array) -> tuple[list[Array], Array]:
    """Convex weights for each label whose combination is near ``left``, and a vector along which it is not."""
    proposed, rest = least_squares(points.T / size[:, None], labels, left / size)
    parts = [proposed[labels == number] for number in range(int(labels[-1]) + 1)]
    weights = [own / own.sum() if own.sum() > 0 else np.full(len(own), 1 / len(own)) for own in parts]
    return weights, np.ldexp(rest, np.frexp(size.min(initial=1.0))[1]) / size


def _alike(summands: Sequence[Summand], width: int) -> Iterator[tuple[list[list[int]], Array, Array, Array]]:
    """Groups that share no column, equal ones together: the numbers of their summands, their columns, one group a row,
    and the points with the place of their summand in the group."""
    equal: dict[Any, list[int]] = {}
    for group in groups(summands, width):
        if len(group) == 1:
            points = np.ascontiguousarray(summands[group[0]].points)
            equal.setdefault((points.shape, points.tobytes()), []).append(group[0])
            continue
        columns = np.unique(np.concatenate([summands[k].columns for k in group]))
        points = np.concatenate([_placed(summands[k], columns) for k in group])
        labels = np.repeat(np.arange(len(group)), [len(summands[k].points) for k in group])
        yield [group], columns[None], points, labels
    for numbers in equal.values():
        points = summands[numbers[0]].points
        columns = np.stack([summands[k].columns for k in numbers])
        yield [[k] for k in numbers], columns, points, np.zeros(len(points), int)


def groups(summands: Sequence[Summand], width: int) -> list[list[int]]:
    """The numbers of summands that share columns, directly or through others."""
    if summands and np.bincount(np.concatenate([summand.columns for summand in summands])).max(initial=0) <= 1:
        return [[k] for k in range(len(summands))]
    owner = np.full(width, -1)
    parent = list(range(len(summands)))

    def find(k: int) -> int:
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    for k, summand in enumerate(summands):
        for other in np.unique(owner[summand.columns]).tolist():
            if other >= 0:
                parent[find(other)] = find(k)
        owner[summand.columns] = k
    found: dict[int, list[int]] = {}
    for k in range(len(summands)):
        found.setdefault(find(k), []).append(k)
    return list(found.values())


def _placed(summand: Summand, columns: Array) -> Array:
    """The points in more columns."""
    points = np.zeros((len(summand.points), len(columns)))
    points[:, np.searchsorted(columns, summand.columns)] = summand.points
    return points


def support(summands: Sequence[Summand], v: Array) -> float:
    """max of v . p over the sum of the hulls."""
    own = (summand for summand in summands if v[summand.columns].any())
    return sum(float((summand.points @ v[summand.columns]).max()) for summand in own)


def distinct(points: Array) -> list[int]:
    """The numbers of the first of each of the different rows."""
    if points.dtype != object:
        return sorted(np.unique(points, axis=0, return_index=True)[1].tolist())
    seen: dict[tuple[int, ...], int] = {}
    for k, row in enumerate(points.tolist()):
        seen.setdefault(tuple(row), k)
    return list(seen.values())


def extreme(points: Array) -> Array:
    """The numbers of the points that are no convex combination of the others."""
    columns = np.arange(points.shape[1])
    origin = np.zeros(points.shape[1])
    tiny = 1e-12 * np.maximum(np.abs(points).max(axis=0, initial=0.0), 1e-290)
    kept = set(range(len(points)))
    for k in sorted(kept - _farthest_alone(points)):
        others = sorted(kept - {k})
        if others and membership(origin, [Summand(columns, points[others])], points[k], tiny).weights is not None:
            kept = set(others)
    return np.array(sorted(kept), dtype=int)


def _farthest_alone(points: Array) -> set[int]:
    """Points that lie farther than all others along a direction: they are extreme."""
    if len(points) < 2 or not points.shape[1]:
        return set(range(len(points)))
    centred = points - points.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    centred = centred / np.where(scale > 0, scale, 1.0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    kept = values > 1e-9 * values.max(initial=0.0)
    inner = centred @ axes[kept].T / values[kept]
    found: set[int] = set()
    count = max(_CHUNK // len(points), 1)
    for start in range(0, len(points), count):
        along = inner[start : start + count] @ inner.T
        first = np.argmax(along, axis=1)
        top = along[np.arange(len(along)), first]
        along[np.arange(len(along)), first] = -np.inf
        alone = top - along.max(axis=1) > 1e-9 * np.abs(top)
        found |= set(first[alone].tolist())
    return found


def nearest_point(base: Array, summands: Sequence[Summand]) -> Array:
    """The point of least norm of base + the sum of the hulls, group by group."""
    result = base.astype(float)
    for group in groups(summands, len(base)):
        columns = np.unique(np.concatenate([summands[k].columns for k in group]))
        blocks = [_placed(summands[k], columns) for k in group]
        size = max(float(np.abs(array).max(initial=0.0)) for array in (base[columns], *blocks)) or 1.0
        result[columns] = size * _least(base[columns] / size, [points / size for points in blocks])
    return result


def _least(base: Array, blocks: Sequence[Array]) -> Array:
    """The point of least norm of base + the sum of the blocks' hulls, numbers of size 1.

    Vertices of the sum are made on demand: the sum of the blocks' vertices that are least along the current point.
    """

    def lowest(x: Array) -> tuple[Array, None]:
        vertices = (points[np.argmin(points @ x)] for points in blocks)
        return np.asarray(base + sum(vertices, np.zeros_like(base))), None

    return least_norm(lowest, lowest(base), _ROUNDS).point
