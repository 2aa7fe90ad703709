"""Branch and bound over signatures: the largest v . g_sigma of open cells, without a list of them (THEORY 7.6).

A node of the search has chosen the signs of some switches.  Its directions are a cone, which is held by its extreme
rays and lines (the double description method).  They show at once which other signs are the same all over the cone, so
that v . g_sigma is bounded by a sum in which only the rest counts with both signs.  A node whose bound stays below what
is asked for is a leaf; otherwise it branches at the switch that counts most.  A cone that would have too many rays is
kept as it was before a branch, larger than it is: fewer signs are seen to follow, and whether some direction is left
below is decided by Gordan's alternative.

All this is in floating point and proposes.  A direction is looked at in integers by the caller.  Of a tree every sign
that follows from others is confirmed by Gordan weights in integers, and every bound is computed again in integers: see
`Tree`.

Sources: Motzkin, Raiffa, Thompson & Thrall, *The double description method*, 1953; Fukuda & Prodon, *Double description
method revisited*, 1996, for the rays that are neighbours; Land & Doig, Econometrica 1960, for branch and bound.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.active.scaled import Scaled
from absnormal.arrays import Array
from absnormal.clarke.budget import BudgetTracker
from absnormal.rational.alternative import divided, gordan, scale

#: Rays that a cone may have, pairs of rays times rays, the depth of a tree, and its nodes.
_RAYS, _PAIRS, _DEEP, _NODES = 1500, 8_000_000, 200, 6000
#: Rates, of rays and rows whose largest entry is 1, within which they are 0.
_ZERO = 1e-9

#: A leaf whose bound is below what is asked for.
BOUND = -1
#: In the order of a depth-first search: the switch of a branch, whose sides for +1 and -1 follow (or one side, where
#: its row is zero), `BOUND`, or the Gordan weights by switch that refute what has been chosen.
Tree = list[int | dict[int, int]]


def written(tree: Tree) -> list[Any]:
    """A tree as certificates have it."""
    return [[[i, w] for i, w in item.items()] if isinstance(item, dict) else item for item in tree]


class _Ended(Exception):
    """The budget is over, or the tree is too large."""


class _Large(Exception):
    """A cone has too many rays."""


class _Found(Exception):
    """A direction in a cell that reaches what is asked for."""

    def __init__(self, direction: Array) -> None:
        super().__init__()
        self.direction = direction


@dataclass(frozen=True, eq=False)
class _Cone:
    """The directions sum a_i rays_i + sum b_j lines_j, a >= 0, and the signed rows that are >= 0 on it; ``whole`` where
    these are all rows whose signs were chosen."""

    rays: Array
    lines: Array
    faces: Array
    whole: bool = True

    def halves(self, row: Array) -> tuple[_Cone, _Cone]:
        """Cones that hold the parts on which a row is positive and negative."""
        try:
            return self.across(row)
        except _Large:
            return (replace(self, whole=False),) * 2

    def across(self, row: Array) -> tuple[_Cone, _Cone]:
        """The parts on which a row, which takes both signs on the cone, is positive and negative."""
        rates = self.lines @ row
        if (np.abs(rates) > _ZERO).any():
            chosen = int(np.argmax(np.abs(rates)))
            line = self.lines[chosen] / rates[chosen]
            lines = _normalised(np.delete(self.lines - rates[:, None] * line, chosen, axis=0))
            rays = self.rays - (self.rays @ row)[:, None] * line
            plus, minus = (_normalised(np.concatenate([rays, side[None]])) for side in (line, -line))
            return self._with(plus, lines, row), self._with(minus, lines, -row)
        rates = self.rays @ row
        up, down = np.flatnonzero(rates > _ZERO), np.flatnonzero(rates < -_ZERO)
        first, second = self._neighbours(up, down)
        between = rates[first, None] * self.rays[second] - rates[second, None] * self.rays[first]
        between = _normalised(np.concatenate([self.rays[np.abs(rates) <= _ZERO], between]))
        plus, minus = (np.concatenate([self.rays[side], between]) for side in (up, down))
        return self._with(plus, self.lines, row), self._with(minus, self.lines, -row)

    def _with(self, rays: Array, lines: Array, face: Array) -> _Cone:
        if len(rays) > _RAYS:
            raise _Large
        return _Cone(rays, lines, np.concatenate([self.faces, face[None]]), self.whole)

    def _neighbours(self, up: Array, down: Array) -> tuple[Array, Array]:
        """Pairs of rays between which an edge of the cone is; too many do no harm."""
        tight = (np.abs(self.rays @ self.faces.T) <= _ZERO).astype(float)
        least = self.rays.shape[1] - len(self.lines) - 2
        i, j = np.nonzero(tight[up] @ tight[down].T >= least - 0.5)
        if len(i) * len(self.rays) > _PAIRS:
            raise _Large
        first, second = up[i], down[j]
        common = tight[first] * tight[second]
        # No third ray lies on all faces on which both lie.
        alone = (common @ tight.T >= common.sum(axis=1)[:, None] - 0.5).sum(axis=1) == 2
        return first[alone], second[alone]


def _normalised(vectors: Array) -> Array:
    size = np.abs(vectors).max(axis=1, initial=0.0)
    return np.asarray(vectors[size > 0] / size[size > 0, None])


class Branching:
    """The search of one system, of one output, along one v.

    Parameters
    ----------
    scaled
        the switches, in integers
    v
        integers
    goal
        in the units of `Scaled.gradients`: leaves have v . g_sigma < goal
    tracker
        the budget, of which a node is a feasibility problem
    """

    def __init__(self, scaled: Scaled, v: Sequence[int], goal: Fraction, tracker: BudgetTracker) -> None:
        self._scaled, self._goal, self._tracker, self._nodes = scaled, math.ceil(goal), tracker, 0
        #: The bounds of leaves.
        self._bounds: list[int] = []
        self._whole, self._couplings = scaled.rows.astype(object), scaled.couplings.astype(object)
        self._weights = scaled.weights[0].astype(object)
        self._along = self._whole @ np.array([int(a) for a in v], dtype=object)
        self._coupled = bool(scaled.couplings.any())
        # Powers of two bring the columns to one size.
        self._columns = np.array([1 << (int(size).bit_length() - 1) for size in scale(self._whole, 0)], dtype=object)

    def run(self) -> Array | Tree | None:
        """A direction of a cell with v . g_sigma >= goal; or a tree that shows that there is none; or None, where the
        budget or what a tree may hold did not suffice."""
        k, width = self._whole.shape
        cone = _Cone(np.zeros((0, width)), np.eye(width), np.zeros((0, width)))
        try:
            return self._tree(cone, (), np.zeros(k, object), self._whole * 0, np.zeros(k, bool), {})
        except _Found as found:
            return np.asarray(found.direction / self._columns.astype(float))
        except _Ended:
            return None

    @property
    def largest(self) -> int:
        """The largest v . g_sigma of the leaves of a tree, by their bounds."""
        return max(self._bounds)

    def _tree(
        self, cone: _Cone, path: tuple[int, ...], signs: Array, rows: Array, known: Array, before: dict[int, set[int]]
    ) -> Tree:
        """The tree below a node, whose ``path`` of switches has the ``signs``, as do those that follow from it; what
        follows at a node above it is in ``before``, with the set there to which what is used belongs."""
        self._nodes += 1
        self._tracker.programs += 1
        if self._nodes > _NODES or len(path) > _DEEP or self._tracker.spent:
            raise _Ended
        signs, rows, known, used = signs.copy(), rows.copy(), known.copy(), set[int]()
        followed, inside = dict(before), None
        if not cone.whole:
            inside, weights = self._alternative(path, signs[[*path]].tolist(), rows)
            if weights is not None:
                return [weights]
        while True:
            self._extend(signs, rows, known)
            real = self._floats(rows)
            rates = cone.rays @ real.T
            sides = (rates > _ZERO, rates < -_ZERO, np.abs(cone.lines @ real.T) > _ZERO)
            up, down, across = (np.asarray(side.any(axis=0)) for side in sides)
            unsigned = ~signs.astype(bool)
            both = unsigned & ((up & down) | across)
            new = np.flatnonzero(unsigned & ~both & (up | down)).tolist()
            for i in new:
                signs[i] = 1 if up[i] else -1
                followed[i] = used
            if not new or not self._coupled:
                break
        total, parts = self.bound(signs)
        if total < self._goal:
            total = self._keep(signs, parts, followed)
            self._bounds.append(total)
            tree: Tree = [BOUND]
        else:
            left = np.flatnonzero(both)
            if not len(left):
                d = cone.rays.sum(axis=0) if inside is None else inside * self._columns
                raise _Found(np.asarray(d, dtype=float))
            i = max(left.tolist(), key=lambda j: parts[j])
            self._use(i, followed)
            plus, minus = cone.halves(real[i])
            side = 1 if self._weights[i] * self._along[i] >= 0 else -1
            below = {}
            for sign in (side, -side):
                signs[i] = sign
                below[sign] = self._tree(plus if sign > 0 else minus, (*path, i), signs, rows, known, followed)
            signs[i] = 0
            tree = [i, *below[1], *below[-1]]
        for j in sorted(used, reverse=True):
            refuted = self._refuted((*path, j), [*signs[[*path]].tolist(), -signs[j]], rows)
            tree = [j, *tree, refuted] if signs[j] > 0 else [j, refuted, *tree]
        return tree

    def _extend(self, signs: Array, rows: Array, known: Array) -> None:
        """The rows of switches all of whose couplings are now known."""
        for i in np.flatnonzero(~known).tolist():
            met = np.flatnonzero(self._couplings[i, :i])
            if known[met].all() and all(signs[j] or not rows[j].any() for j in met.tolist()):
                rows[i], known[i] = self._row(i, signs, rows), True

    def decided(self, signs: Array) -> list[int]:
        """The switches with a row that is not zero and that these signs decide."""
        rows, known = self._whole * 0, np.zeros(len(self._whole), bool)
        self._extend(signs, rows, known)
        return np.flatnonzero(known & rows.any(axis=1)).tolist()

    def _row(self, i: int, signs: Array, rows: Array) -> Array:
        return np.asarray(self._whole[i] + (self._couplings[i, :i] * signs[:i]) @ rows[:i])

    def _floats(self, rows: Array) -> Array:
        """Rows in columns of one size, each of size 1."""
        found = divided(rows, self._columns)
        return found / scale(found, 1)[:, None]

    def bound(self, signs: Array) -> tuple[int, Array]:
        """The largest v . g_sigma where slopes that have no sign are anything in [-1, 1], and what each may add."""
        if not self._coupled:
            parts = self._weights * self._along
            sizes = np.abs(parts)
            return int(np.where(signs != 0, parts * signs, sizes).sum()), sizes
        middle, radius = self._along.copy(), 0 * self._along
        for i in range(len(signs)):
            for j in np.flatnonzero(self._couplings[i, :i]).tolist():
                coupling = self._couplings[i, j]
                middle[i] += coupling * signs[j] * middle[j]
                radius[i] += abs(coupling) * (radius[j] if signs[j] else abs(middle[j]) + radius[j])
        sizes = np.abs(self._weights) * (np.abs(middle) + radius)
        fixed = self._weights * signs * middle + np.abs(self._weights) * radius
        return int(np.where(signs != 0, fixed, sizes).sum()), sizes

    def _keep(self, signs: Array, parts: Array, followed: dict[int, set[int]]) -> int:
        """Marks as many of the signs that follow from others as the bound needs, those that are used anyhow first; the
        bound that they give."""
        order = sorted(followed, key=lambda i: (i not in followed[i], -parts[i]))

        def bound(count: int) -> int:
            kept = signs.copy()
            kept[order[count:]] = 0
            return self.bound(kept)[0]

        count = bisect_left(range(len(order)), True, key=lambda count: bound(count) < self._goal)
        for i in order[:count]:
            followed[i].add(i)
            self._use(i, followed)
        return bound(count)

    def _use(self, i: int, followed: dict[int, set[int]]) -> None:
        """Marks the signs on which a row depends."""
        for j in np.flatnonzero(self._couplings[i, :i]).tolist():
            if j in followed and j not in followed[j]:
                followed[j].add(j)
            self._use(j, followed)

    def _refuted(self, switches: Sequence[int], signs: Sequence[int], rows: Array) -> dict[int, int]:
        """Gordan weights of a branch."""
        _, weights = self._alternative(switches, signs, rows)
        if weights is None:
            raise _Ended
        return weights

    def _alternative(
        self, switches: Sequence[int], signs: Sequence[int], rows: Array
    ) -> tuple[Array | None, dict[int, int] | None]:
        """A direction along which switches have signs, or Gordan weights."""
        d, weights = gordan(np.array(signs, dtype=object)[:, None] * rows[[*switches]])
        if weights is None:
            return d, None
        return None, {switches[j]: w * self._scaled.factors[switches[j]] for j, w in weights.items()}
