"""Limiting gradients along many directions at once, the outer bound, and distances to hulls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import nnls

from .form import NormForm

Array = np.ndarray

#: A block is away from 0 along d where |z_i| is this much of |r_i| |d|; a row below the second number is rounding.
_AWAY, _NO_ROW = 1e-6, 1e-9


def gradients(form: NormForm, directions: Array) -> Array:
    """The gradients (q, n) of f near x on the rays along directions (q, n); NaN where a direction is not generic.

    On a generic direction every active z_i is away from 0, or has the derivative 0 there.
    """
    a = form.arrays
    directions = _unit(directions)
    generic = directions.any(axis=1)
    sizes: list[Array] = []
    pulled: list[Array] = []
    for R, L in zip(a.R, a.L, strict=True):
        t, r = directions @ R.T, np.broadcast_to(R, (len(directions), *R.shape))
        for j in np.flatnonzero(L.any(axis=0)):
            t = t + sizes[j][:, None] * L[:, j]
            r = r + L[:, j][:, None] * pulled[j][:, None, :]
        size, row = np.sqrt((t * t).sum(axis=1)), np.sqrt((r * r).sum(axis=(1, 2)))
        none = row <= _NO_ROW
        generic &= none | (size > _AWAY * row)
        sigma = np.where(none, 0.0, 1.0)[:, None] * t / np.where(size == 0, 1.0, size)[:, None]
        sizes.append(np.where(none, 0.0, size))
        pulled.append((sigma[:, :, None] * r).sum(axis=1))
    total = np.broadcast_to(a.J, directions.shape)
    for weight, row in zip(a.Y, pulled, strict=True):
        total = total + weight * row
    return np.where(generic[:, None], total, np.nan)


def outer(form: NormForm, v: Array, above: bool = False) -> tuple[float, list[Array]]:
    """The largest v . g_sigma over all unit vectors sigma_i, and the sigma_i that have it.

    With ``above`` the entries of sigma_i are not negative where those of z_i are nowhere negative.

    v . g_sigma is affine in s_i = sigma_i . t_i with t_i = r_i v, and the maximum over the later sigma is convex in it.
    So s_i = |t_i| or -|t_i|, and it is enough to try all signs.
    """
    a, m = form.arrays, len(form.blocks)
    signs = np.array([*product((1.0, -1.0), repeat=m)]).reshape(2**m, m)
    s = np.zeros((len(signs), m))
    units = []
    for i, (R, L) in enumerate(zip(a.R, a.L, strict=True)):
        t = R @ v + s[:, :i] @ L.T
        if above and form.blocks[i].above:
            t = np.where(np.array(form.blocks[i].above) & (signs[:, [i]] * t < 0), 0.0, t)
        size = np.sqrt((t * t).sum(axis=1))
        s[:, i] = signs[:, i] * size
        first = np.eye(len(R))[0]
        units.append(np.where(size[:, None] > 0, t / np.where(size > 0, size, 1.0)[:, None], first) * signs[:, [i]])
    values = a.J @ v + s @ a.Y
    best = int(values.argmax())
    return float(values[best]), [sigma[best] for sigma in units]


def under(form: NormForm, slopes: list[Array]) -> Array:
    """g_c in floats."""
    a = form.arrays
    pulled: list[Array] = []
    for R, L, c in zip(a.R, a.L, slopes, strict=True):
        pulled.append(c @ (R + sum((np.outer(L[:, j], pulled[j]) for j in range(len(pulled))), np.zeros_like(R))))
    return np.asarray(a.J + sum((w * row for w, row in zip(a.Y, pulled, strict=True)), np.zeros_like(a.J)))


@dataclass(frozen=True)
class Nearest:
    """The point of a hull that is nearest to a vector: weights on the points, the difference, its length."""

    weights: Array
    gap: Array
    distance: float


def nearest(points: Array, g: Array) -> Nearest:
    """The point of conv(points) nearest to g: least squares with weights >= 0, and what was found computed anew."""
    system = np.vstack([(points - g).T, np.ones(len(points))])
    weights, _ = nnls(system, np.r_[np.zeros(len(g)), 1.0], maxiter=50 * len(points))
    weights = weights / weights.sum()
    gap = g - weights @ points
    return Nearest(weights, gap, float(np.linalg.norm(gap)))


def directions(n: int, rng: np.random.Generator, count: int = 200) -> Array:
    """Directions at random, and others close to the small integer ones, where kinks of small programs meet."""
    small = np.array([*product((-1.0, 0.0, 1.0), repeat=n)]) if n <= 4 else rng.integers(-1, 2, (200, n)).astype(float)
    near = [small + scale * rng.standard_normal(small.shape) for scale in (0.1, 1e-3)]
    return np.concatenate([rng.standard_normal((count, n)), *near])


def onto_kinks(form: NormForm, d: Array, rng: np.random.Generator) -> Array:
    """Directions moved to where some blocks vanish, to first order, and then a little away: thin cells begin there."""
    a = form.arrays
    d = _unit(d)
    for _ in range(2):
        sizes: list[Array] = []
        pulled: list[Array] = []
        rows: list[Array] = []
        values: list[Array] = []
        for R, L in zip(a.R, a.L, strict=True):
            t, r = d @ R.T, np.broadcast_to(R, (len(d), *R.shape))
            for j in range(len(sizes)):
                t, r = t + sizes[j][:, None] * L[:, j], r + L[:, j][:, None] * pulled[j][:, None, :]
            size = np.sqrt((t * t).sum(axis=1))
            sizes.append(size)
            pulled.append(((t / np.where(size > 0, size, 1)[:, None])[:, :, None] * r).sum(axis=1))
            rows.append(r)
            values.append(t)
        chosen = rng.random((len(d), len(rows))) < 1.5 / max(1, len(rows))
        system = np.concatenate([r * chosen[:, i, None, None] for i, r in enumerate(rows)], axis=1)
        target = np.concatenate([t * chosen[:, i, None] for i, t in enumerate(values)], axis=1)
        moved = d - (np.linalg.pinv(system, rcond=1e-9) @ target[:, :, None])[:, :, 0]
        d = _unit(np.where(np.linalg.norm(moved, axis=1, keepdims=True) < 1e-6, d, moved))
    scale = 10.0 ** rng.uniform(-4, -0.5, (len(d), 1))
    return np.asarray(d + scale * rng.standard_normal(d.shape))


def opening(form: NormForm, v: Array, rng: np.random.Generator, count: int = 40) -> Array:
    """Directions that come near to the slopes of the outer bound along v, for lengths |z_i| drawn at random."""
    slopes = outer(form, v)[1]
    rows, targets = [], []
    pulled: list[Array] = []
    lengths = 10.0 ** rng.uniform(-1.5, 1.5, (count, len(slopes)))
    for i, (R, L, sigma) in enumerate(zip(form.arrays.R, form.arrays.L, slopes, strict=True)):
        rows.append(R)
        targets.append(lengths[:, [i]] * sigma - lengths[:, :i] @ L.T)
        pulled.append(sigma)
    if not rows:
        return rng.standard_normal((count, form.n))
    return np.concatenate(targets, axis=1) @ np.linalg.pinv(np.vstack(rows), rcond=1e-9).T


def climb(
    form: NormForm, v: Array, start: Array, rng: np.random.Generator, leaders: int = 6
) -> tuple[Array, Array]:
    """Directions near the best of ``start``, and the limiting gradients along them, as far out along v as is found.

    The farthest stands first.
    """
    tried = _unit(start)[:, None]
    spread = np.full(len(tried), 0.3)
    for step in range(13):
        g = gradients(form, tried.reshape(-1, form.n)).reshape(tried.shape)
        reach = np.where(np.isnan(g[:, :, 0]), -np.inf, g @ v)
        best = reach.argmax(axis=1)
        spread = np.where((best == 0) & (step > 0), spread / 3, spread)
        every = np.arange(len(tried))
        order = np.argsort(-reach[every, best])[:leaders]
        ends, found, spread = tried[every, best][order], g[every, best][order], spread[order]
        around = _unit(ends)[:, None] + spread[:, None, None] * rng.standard_normal((len(ends), 16, form.n))
        tried = np.concatenate([ends[:, None], around], axis=1)
    known = ~np.isnan(found[:, 0])
    return ends[known], found[known]


def _unit(d: Array) -> Array:
    """Directions of unit length; one that is 0 stays what it is, and is not generic."""
    length = np.linalg.norm(d, axis=-1, keepdims=True)
    return np.asarray(d / np.where(length > 0, length, 1.0))


#: Points (k, n) of a hull far out along a vector, in batches.
Extreme = Callable[[Array], Iterator[Array]]

#: A batch is enough where it is farther out by this share of the distance; and what is no progress.
_ENOUGH, _PROGRESS = 0.2, 0.01


def approached(points: Array, g: Array, extreme: Extreme, enough: float, rounds: int) -> tuple[Nearest, bool]:
    """The distance from g to a hull, points of it added where they lie beyond the nearest one.

    True where none was found beyond by a hundredth of the distance: then the gap separates, as far as is known.
    """
    found = nearest(points, g)
    for _ in range(rounds):
        if found.distance <= enough:
            return found, False
        v = found.gap / found.distance
        level = v @ g - found.distance
        new: list[Array] = []
        for batch in extreme(v):
            beyond = batch @ v - level
            new += [*batch[beyond > _PROGRESS * found.distance]]
            if beyond.max(initial=0.0) > _ENOUGH * found.distance:
                break
        if not new:
            return found, True
        points = np.concatenate([points[found.weights > 0], new])
        found = nearest(points, g)
    return found, False
