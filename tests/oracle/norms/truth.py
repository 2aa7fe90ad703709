"""Is a vector a Clarke gradient of a program with norms?  Yes, no, or not told.

Yes rests on weights on limiting gradients.  No rests on the outer bound, which holds for every program; or, where f is
positively homogeneous near x, so that the limiting gradients along generic directions are all that there are, on a
thorough search for gradients beyond a separating hyperplane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .form import NormForm
from .hull import Array, approached, climb, directions, gradients, nearest, onto_kinks, opening, outer, under

#: A distance that is rounding, and one that is none, in units of the size of the gradients.
_NOTHING, _CLEAR = 1e-7, 1e-2
#: One search in some 10^4 misses a thin cone: that many must find nothing.
_SEARCHES = 3


class Told(Enum):
    """What is known of a vector."""

    YES = "it is a Clarke gradient"
    NO = "it is none"
    SURELY_NO = "it is none: the outer bound separates it"
    OPEN = "not told"


@dataclass(frozen=True)
class Answer:
    """What is known, and how far the vector is from the hull of what was found of the set."""

    told: Told
    distance: float

    @property
    def no(self) -> bool:
        """Whether the vector is no Clarke gradient."""
        return self.told in (Told.NO, Told.SURELY_NO)


def scale(form: NormForm) -> float:
    """The size of the gradients of a form."""
    return max(1.0, *(abs(outer(form, sign * axis)[0]) for axis in np.eye(form.n) for sign in (-1, 1)))


def answer(form: NormForm, g: Array, seed: int = 0, rounds: int = 60, rounding: float = _NOTHING) -> Answer:
    """Whether g, which is known up to a rounding, is an element of the Clarke generalized gradient of f at x."""
    g = np.asarray(g, float)
    if not np.isfinite(g).all():
        return Answer(Told.SURELY_NO, np.inf)
    size = scale(form)
    nothing = rounding * size
    far = separated(form, g, nothing)
    if far:
        return Answer(Told.SURELY_NO, far)
    distance, apart = np.inf, True
    for attempt in range(_SEARCHES):
        found, separates = within(form, g, np.random.default_rng([seed, attempt]), nothing, rounds)
        distance, apart = min(distance, found), apart and separates
        if distance <= nothing:
            return Answer(Told.YES, distance)
        if not separates:
            break
    if apart and form.homogeneous and distance > _CLEAR * size:
        return Answer(Told.NO, distance)
    return Answer(Told.OPEN, distance)


def separated(form: NormForm, g: Array, nothing: float, rounds: int = 60) -> float:
    """How far g is from the outer set at least, where that is more than ``nothing``; 0 where it is not seen."""
    points = np.array([under(form, outer(form, sign * axis)[1]) for axis in np.eye(form.n) for sign in (-1, 1)])
    for _ in range(rounds):
        found = nearest(points, g)
        if found.distance <= nothing:
            return 0.0
        v = found.gap / found.distance
        most, slopes = outer(form, v)
        if v @ g - most > nothing:
            return float(v @ g - most)
        if most - (v @ g - found.distance) <= 1e-3 * found.distance:
            return 0.0
        points = np.concatenate([points[found.weights > 0], under(form, slopes)[None]])
    return 0.0


def within(form: NormForm, g: Array, rng: np.random.Generator, enough: float, rounds: int = 60) -> tuple[float, bool]:
    """The distance from g to the hull of limiting gradients that were found, until it is ``enough``.

    True where a search found none beyond the hyperplane that separates g from them.
    """
    pool = directions(form.n, rng)
    points = gradients(form, pool)
    known = ~np.isnan(points[:, 0])
    pool, points = pool[known], points[known]
    if not len(pool):
        return np.inf, False

    def extreme(v: Array) -> Iterator[Array]:
        """Gradients far out along v: near the best directions so far, then near others, on many kinks at last."""
        nonlocal pool, points
        for start in _starts(form, v, pool, points, rng):
            ends, found = climb(form, v, start, rng)
            pool, points = np.concatenate([pool, ends]), np.concatenate([points, found])
            yield found

    found, separates = approached(points, g, extreme, enough, rounds)
    return found.distance, separates


def _starts(form: NormForm, v: Array, pool: Array, points: Array, rng: np.random.Generator) -> Iterator[Array]:
    yield pool[np.argsort(-(points @ v))[:6]]
    yield opening(form, v, rng)
    yield onto_kinks(form, rng.standard_normal((400, form.n)), rng)
