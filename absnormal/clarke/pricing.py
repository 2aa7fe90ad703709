"""Open cells on demand: column generation for membership, before anything is enumerated (THEORY 7.6).

The vector that separates the goal from the hull of the gradients known so far prices the cells: those along it, and
along directions near it, are listed, and the gradients that lie farther along it than all known ones join them.  For
a convex f the cell along the vector is the best there is; otherwise this is a search, and its failure says nothing.

Source: Dantzig & Wolfe, Operations Research 1960.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from absnormal.active.scaled import Scaled
from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell
from absnormal.rational.alternative import BITS, divided, least_squares, rounded, scale
from absnormal.rational.linear_algebra import Vector

_ROUNDS = 200
_NEAR = np.repeat([0.0, 0.01, 0.1, 0.3, 1.0, 3.0], [1, 4, 6, 6, 6, 6])
AT_ONCE = 4
_START = 4
_CLOSE = 1e-9


#: From a vector v in integers, a direction along whose cell v . g_sigma is at least v . goal; None where none is known.
Oracle = Callable[[list[int]], Array | None]


def approach(
    system: System, goal: Vector, tracker: BudgetTracker, oracle: Oracle | None = None, start: Sequence[Cell] = ()
) -> Iterator[tuple[list[Cell], Array]]:
    """Cells with their gradients, when their hull seems to hold the goal; both in the units of `Scaled.gradients`.

    Nothing is yielded where no cell was found that comes nearer, and the oracle, if there is one, knows none either.
    The first directions are those of the cells ``start``, and some at random.
    """
    scaled, rng = system.scaled, np.random.default_rng(0)
    if not scaled.rows.shape[1]:
        return
    whole = np.array([goal], dtype=object)
    drawn = rng.standard_normal((_START, scaled.rows.shape[1]))
    given = np.array([cell.direction for cell in start], dtype=float).reshape(-1, drawn.shape[1])
    cells, points = cells_along(scaled, np.concatenate([drawn, -drawn, given]))
    for _ in range(_ROUNDS):
        if tracker.spent or not cells:
            return
        tracker.programs += 1
        size = scale(np.concatenate([points.astype(object), whole]), 0)
        floats = divided(points, size)
        _, rest = least_squares(floats.T, np.zeros(len(cells), int), divided(whole[0], size))
        if np.abs(rest).max(initial=0.0) < _CLOSE:
            yield cells, points
            return
        # All outputs one after the other: a direction of the rows comes from each of them.
        along = (rest / divided(size, size.max())).reshape(len(scaled.weights), -1).sum(axis=0)
        noise = rng.standard_normal((len(_NEAR), len(along))) * np.abs(along).max(initial=0.0)
        found, gained = cells_along(scaled, along + _NEAR[:, None] * noise)
        if not found:
            return
        worth = divided(gained, size) @ rest
        better = np.flatnonzero(worth > (floats @ rest).max() + _CLOSE * np.abs(worth).max(initial=0.0))
        if not len(better) and oracle is not None:
            d = oracle(_whole(rest, size))
            if d is None:
                return
            noise *= np.abs(d).max() / (np.abs(noise).max(initial=0.0) or 1.0)
            found, gained = cells_along(scaled, d + _NEAR[:, None] * noise)
            worth = divided(gained, size) @ rest
            better = np.flatnonzero(worth > (floats @ rest).max())
        if not len(better):
            return
        best = better[np.argsort(-worth[better])][:AT_ONCE].tolist()
        cells = cells + [found[k] for k in best]
        points = np.concatenate([points, gained[best]])


def _whole(rest: Array, size: Array) -> list[int]:
    """A positive multiple of the separating vector rest / size, rounded to integers."""
    bits = [int(a).bit_length() for a in size.tolist()]
    short = rounded(rest / divided(size, np.array([1 << own for own in bits], dtype=object)), object)
    return [a << (max(bits) - own) for a, own in zip(short.tolist(), bits, strict=True)]


def some_cells(system: System) -> list[Cell]:
    """Cells along directions at random."""
    scaled = system.scaled
    drawn = np.random.default_rng(0).standard_normal((_START, scaled.rows.shape[1]))
    return cells_along(scaled, np.concatenate([drawn, -drawn]))[0]


def around(d: Array, rng: np.random.Generator) -> Array:
    """A direction, and some near it."""
    noise = rng.standard_normal((len(_NEAR), len(d))) * np.abs(d).max(initial=0.0)
    return np.asarray(d + _NEAR[:, None] * noise)


def cells_along(scaled: Scaled, directions: Array) -> tuple[list[Cell], Array]:
    """The different cells along the directions that leave no doubt, and their gradients."""
    largest = np.abs(directions).max(axis=1, initial=0.0, keepdims=True)
    directions = directions[largest[:, 0] > 0] / largest[largest[:, 0] > 0]
    whole = np.rint(directions * 2.0**BITS).astype(np.int64).astype(scaled.rows.dtype)
    signs = np.zeros((len(whole), scaled.k), scaled.rows.dtype)
    rows = np.zeros((len(whole), *scaled.rows.shape), scaled.rows.dtype)
    certified = np.ones(len(whole), bool)
    for i in range(scaled.k):
        coupling = scaled.couplings[i, :i]
        rows[:, i] = scaled.rows[i]
        for j in np.flatnonzero(coupling):
            rows[:, i] += coupling[j] * signs[:, j, None] * rows[:, j]
        rates = (rows[:, i] * whole).sum(axis=1)
        signs[:, i] = np.sign(rates)
        certified &= (rates != 0) | ~rows[:, i].astype(bool).any(axis=1)
    seen: dict[tuple[int, ...], tuple[int, ...]] = {}
    for signature, d in zip(signs[certified].tolist(), whole[certified].tolist(), strict=True):
        seen.setdefault(tuple(signature), tuple(d))
    cells = [Cell(signature, d) for signature, d in seen.items()]
    return cells, scaled.gradients([cell.signature for cell in cells])
