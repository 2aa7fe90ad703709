"""From next to a kink onto it: a float64 point at which the computed switching variables are exactly 0.

What a tool does at a tie shows only where the computed value is 0.  Near a root a number is moved by single steps of
float64, one input after the other, until the computed switching variable vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError

#: Inputs that are tried for a switch, corrections of one, and steps of float64 to each side.
_INPUTS = 6
_CORRECTIONS = 4
_STEPS = 3
#: An entry may be set to a number with few decimals that is this close.
_SNAP = 1e-9
_DECIMALS = (0, 1, 2, 3, 6)

Levels = Callable[[Array], Array]


def land(levels: Levels, x: Array, wanted: Sequence[int], rows: Array) -> Array | None:
    """A point near x, shape (n,), at which the levels of the ``wanted`` numbers are exactly 0, or None.

    Parameters
    ----------
    levels
        the computed switching variables at a point
    x
        a float64 point next to the kink
    wanted
        their numbers
    rows
        their gradients at x, shape (len(wanted), n)
    """
    numbers = list(wanted)

    def at(point: Array) -> Array:
        try:
            return levels(point)[numbers]
        except AbsNormalError:
            return np.full(len(numbers), np.nan)

    for point in (x, *_simple(x)):
        if not at(point).any():
            return point
    point, used = x.copy(), set[int]()
    for place, row in enumerate(rows):
        inputs = [j for j in np.argsort(-np.abs(row), kind="stable")[: _INPUTS + len(used)].tolist()
                  if row[j] and j not in used]
        found = next(filter(None, (_solve(lambda p: float(at(p)[place]), point, j, row[j]) for j in inputs)), None)
        if found is None:
            return None
        point, taken = found
        used.add(taken)
    return point if not at(point).any() else None


def _simple(x: Array) -> list[Array]:
    """x with the entries that are next to numbers of few decimals replaced by them."""
    points = []
    for decimals in _DECIMALS:
        rounded = np.round(x, decimals)
        near = np.abs(rounded - x) <= _SNAP * np.maximum(1.0, np.abs(x))
        if near.any():
            points.append(np.where(near, rounded, x))
    return points


def _solve(level: Callable[[Array], float], x: Array, j: int, slope: float) -> tuple[Array, int] | None:
    """Entry j changed so that the level is 0."""
    point = x.copy()
    for _ in range(_CORRECTIONS):
        value = level(point)
        if value == 0:
            return point, j
        point[j] -= value / slope
    for direction in (-np.inf, np.inf):
        trial = point.copy()
        for _ in range(_STEPS):
            if level(trial) == 0:
                return trial, j
            trial[j] = np.nextafter(trial[j], direction)
    return None
