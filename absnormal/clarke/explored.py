"""Limiting gradients along very many directions at once, by the first-order form of a program in floats.

The base rows of the active switches, their couplings and their weights are numbers of a few sweeps (THEORY 1.2, 8).
From these the gradients along hundreds of directions are a few products of small matrices.  What is found is a
proposal: each direction that is used is swept through the program itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from absnormal.active.rows import base_rows
from absnormal.arrays import Array
from absnormal.rational.alternative import least_squares
from absnormal.sweeps.table import Sweeps

#: Active switches, and inputs times switches, up to which there is a form.
SWITCHES, _NUMBERS = 40, 4000
#: Directions at random at first, of which so many lead on, each with so many around it, in so many steps.
_POOL, _LEADERS, _AROUND, _STEPS = 120, 5, 10, 9
#: How often directions are looked for, and what is no progress, as a share of the distance.
_ROUNDS, _PROGRESS = 40, 0.01


@dataclass(frozen=True, eq=False)
class FirstOrder:
    """y' = J d + Y |z'|, z' = R d + L |z'|; the switches of a norm together.

    Attributes
    ----------
    R, L, J, Y
        shapes (k, n), (k, k), (n,) and (k,)
    groups
        the numbers of |.|, or of the entries of a norm, in the order of the program
    """

    R: Array
    L: Array
    J: Array
    Y: Array
    groups: list[Array]

    @np.errstate(over="ignore", invalid="ignore")
    def gradients(self, d: Array) -> Array:
        """The limiting gradients (q, n) along generic directions (q, n)."""
        base = d @ self.R.T
        sigma, sizes = np.zeros_like(base), np.zeros_like(base)
        for own, couplings in self._couplings:
            t = base[:, own] if couplings is None else base[:, own] + sizes @ couplings.T
            length = np.hypot.reduce(t, axis=1, keepdims=True)
            along = t / np.where(length > 0, length, 1.0)
            sigma[:, own], sizes[:, own] = along, along * t
        w = np.broadcast_to(self.Y, base.shape)
        for own, couplings in reversed(self._couplings):
            if couplings is not None:
                w = w + (w[:, own] * sigma[:, own]) @ couplings
        return np.asarray(self.J + (w * sigma) @ self.R)

    @cached_property
    def _couplings(self) -> list[tuple[Array, Array | None]]:
        """The rows of L of every group; None where it depends on no active switch."""
        return [(own, self.L[own] if self.L[own].any() else None) for own in self.groups]


def first_order(sweeps: Sweeps) -> FirstOrder | None:
    """The form of a program at a point; None where it is large."""
    alpha, n = sweeps.alpha, sweeps.program.n
    large = not 0 < len(alpha) <= SWITCHES or n * len(alpha) > _NUMBERS
    if large or sweeps.rational or sweeps.sorts or sweeps.program.m != 1:
        return None
    computed = base_rows(sweeps)
    if computed is None:
        return None
    base, weights = sweeps.pull(sweeps.signature(0.0), None, np.ones((1, 1)))
    norms = [np.searchsorted(alpha, lane) for lanes in sweeps.lanes for lane in lanes.T]
    apart = np.setdiff1d(np.arange(len(alpha)), np.concatenate(norms)) if norms else np.arange(len(alpha))
    groups = sorted([*norms, *apart[:, None]], key=lambda own: int(own[0]))
    found = FirstOrder(*computed, base[0], weights[0][alpha], groups)
    return found if all(np.isfinite(part).all() for part in (found.R, found.L, found.J, found.Y)) else None


def directions_to(
    form: FirstOrder, g: Array, enough: Array, rng: np.random.Generator, ended: Callable[[], bool]
) -> Iterator[Array]:
    """Directions (q, n) whose gradients have a mean near to g: within ``enough`` of it, entry by entry, if that is
    found before the search is ``ended``; again and again, as long as it is asked for others."""
    pool = _start(len(g), rng)
    points = form.gradients(pool)
    size = float(np.abs(points - g).max(initial=0.0)) or 1.0
    for _ in range(_ROUNDS):
        weights, left = least_squares((points / size).T, np.zeros(len(points), int), g / size)
        total = weights.sum()
        if not total > 0:
            return
        left = g - weights @ points / total
        if ended():
            return
        if (np.abs(left) <= enough).all():
            yield pool[weights > 0]
            # Those that are no help once more are left out.
            kept = weights == 0
            pool, points = pool[kept], points[kept]
            if not len(pool):
                return
            continue
        distance = float(np.linalg.norm(left))
        v = left / distance
        used = weights > 0
        ends, found = _climbed(form, v, pool, points, rng)
        beyond = (found - g) @ v > -distance + _PROGRESS * distance
        if not beyond.any():
            return
        pool, points = np.concatenate([pool[used], ends[beyond]]), np.concatenate([points[used], found[beyond]])


def _start(n: int, rng: np.random.Generator) -> Array:
    """Directions at random, and others close to small integers, where kinks of small programs meet."""
    small = np.array([*product((-1.0, 0.0, 1.0), repeat=n)]) if n <= 3 else rng.integers(-1, 2, (40, n)).astype(float)
    near = small + 0.01 * rng.standard_normal(small.shape)
    return np.concatenate([rng.standard_normal((_POOL, n)), near])


def _climbed(form: FirstOrder, v: Array, pool: Array, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Directions near the best ones so far and near some at random, as far out along v as is found."""
    new = rng.standard_normal((4 * _POOL, len(v)))
    pool, points = np.concatenate([pool, new]), np.concatenate([points, form.gradients(new)])
    lead = np.argsort(-(points @ v))[:_LEADERS]
    best, reach = _unit(pool[lead]), points[lead] @ v
    spread = np.full(len(best), 0.5)
    for _ in range(_STEPS):
        around = best[:, None] + spread[:, None, None] * rng.standard_normal((len(best), _AROUND, len(v)))
        found = (form.gradients(around.reshape(-1, len(v))) @ v).reshape(len(best), -1)
        top = found.argmax(axis=1)
        most = found[np.arange(len(best)), top]
        better = most > reach
        best = np.where(better[:, None], _unit(around[np.arange(len(best)), top]), best)
        reach, spread = np.maximum(most, reach), np.where(better, spread, spread / 3)
    ends = np.concatenate([pool[lead], best])
    return ends, form.gradients(ends)


def _unit(d: Array) -> Array:
    length = np.sqrt((d * d).sum(axis=-1, keepdims=True))
    return np.asarray(d / np.where(length > 0, length, 1.0))
