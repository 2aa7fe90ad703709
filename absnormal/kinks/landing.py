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
_INPUTS = 4
_CORRECTIONS = 4
_STEPS = 12
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
    for position, row in enumerate(rows):
        free = [j for j in np.flatnonzero(row).tolist() if j not in used]
        # Inputs whose steps move the level least come first: they reach all its values.
        inputs = sorted(free, key=lambda j: abs(row[j]) * np.spacing(abs(point[j])))
        for j in [*inputs[:_INPUTS], *inputs[_INPUTS:][-_INPUTS:]]:
            point, landed = _solve(lambda p: float(at(p)[position]), point, j, row[j])
            if landed:
                used.add(j)
                break
        else:
            return None
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


def _solve(level: Callable[[Array], float], x: Array, j: int, slope: float) -> tuple[Array, bool]:
    """Entry j changed so that the level is 0, or as near to 0 as it was seen."""
    best, least = x, abs(level(x))

    def seen(point: Array) -> float:
        nonlocal best, least
        value = level(point)
        if abs(value) < least:
            best, least = point.copy(), abs(value)
        return value

    point = x.copy()
    for _ in range(_CORRECTIONS):
        value = seen(point)
        if not least or not np.isfinite(value):
            break
        point[j] -= value / slope
    for direction in (-np.inf, np.inf):
        trial = best.copy()
        for _ in range(_STEPS):
            if least:
                trial[j] = np.nextafter(trial[j], direction)
                seen(trial)
    return best, not least
