"""How near to stationary a point is: convex combinations of certified gradients at points nearby (THEORY 7.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.wolfe import Nearest, least_norm
from absnormal.judgement.oracle import Oracle
from absnormal.judgement.tolerances import finite
from absnormal.program.program import Program

#: Gradients that are computed, and bisections of a step.
_GRADIENTS, _BISECTIONS = 400, 30
#: Steps are halved up to this share of the radius.
_SHORTEST = 2.0**-20
#: Points lie within the radius for sure.
_INSIDE = 1 - 2.0**-40


@dataclass(frozen=True, eq=False)
class Stationarity:
    """How near to stationary a point x is: within ``radius`` of x there are points at which a convex combination of
    Clarke gradients of f has a 2-norm of at most ``norm``.

    That is an element of Goldstein's subdifferential.  With the radius 0.0 it is one of dC f(x); with both 0.0, x is
    Clarke stationary, as `GeneralizedGradient.is_stationary` says.  A large norm says that none smaller was found, and
    nothing else.

    Attributes
    ----------
    radius
        of the ball around x, in the 2-norm
    norm
        a bound on the norm of the combination, its rounding included
    element
        the combination, flat, shape (n,)
    points
        where its gradients were taken, flat, shape (k, n); empty for the radius 0.0
    weights
        of the gradients, shape (k,)
    center
        x, flat, shape (n,)

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> found = an.stationarity(lambda x: np.abs(x[0]) + x[1] ** 2, [1e-4, 0.0], radius=1e-3)
    >>> found.norm < 1e-6, len(found.points), found.check()
    (True, 2, True)
    """

    radius: float
    norm: float
    element: Array
    points: Array
    weights: Array
    center: Array
    _oracle: Callable[[], Oracle] = field(repr=False)

    def __repr__(self) -> str:
        where = f"within {self.radius:.3g} of x" if self.radius else "at x"
        return f"<Stationarity: a combination of Clarke gradients {where} has a norm of at most {self.norm:.3g}>"

    def check(self) -> bool:
        """Whether it holds: the points lie in the ball (on rationals), a certified gradient is computed at each of them
        anew, and the combination with these weights has a norm of at most ``norm``.

        For the radius 0.0 the set of all gradients at x is computed anew.
        """
        oracle = self._oracle()
        if not len(self.points):
            return self.radius == 0 and _at(oracle, self.center)[1] <= self.norm
        weights = [Fraction(w) for w in self.weights.tolist()]
        if min(weights) < 0 or not sum(weights) or not all(_within(p, self.center, self.radius) for p in self.points):
            return False
        found = [oracle.proved(point) for point in self.points]
        if any(one is None for one in found):
            return False
        gradients = [(one[1], one[2]) for one in found if one is not None]
        return _bound(self.weights, gradients)[1] <= self.norm


def stationarity(f: Callable[[Any], Any] | Program, x: Any, radius: float, *, seed: int = 0) -> Stationarity:
    """How near to stationary x is: the least norm that was found of a convex combination of Clarke gradients at points
    within ``radius`` of x.

    A minimizer that is known to some digits is not at the kinks that meet there, and no Clarke gradient at it need be
    small.  What can be proved then is that gradients around it nearly cancel.

    Parameters
    ----------
    f
        a function of one argument that returns one number, or its `Program`
    x
        the point: an array of any shape, or a nested dict / list / tuple of arrays
    radius
        of the ball around x in the 2-norm, finite and >= 0; 0: the generalized gradient at x itself
    seed
        of the directions that certified gradients are taken along

    Returns
    -------
    Stationarity
        the radius, the norm, and the points and weights that prove it

    Raises
    ------
    TraceError, DomainError, ValueError
        as `absnormal.verify` does, at x
    BudgetError
        where no gradient at x is certified

    Notes
    -----
    Goldstein's method (1977) within the ball: the point of least norm v of the hull of all gradients so far is a
    direction -v.  Where f falls along it by less than a quarter of what v promises, bisection finds a point on the
    step whose gradient cuts v off; otherwise the step is made.  The combination that is returned is an element of
    Goldstein's subdifferential, so its norm is an upper bound on the least one there.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> def cb2(x):
    ...     return np.max(np.stack([x[0]**2 + x[1]**4, (2-x[0])**2 + (2-x[1])**2, 2 * np.exp(x[1] - x[0])]))
    >>> an.stationarity(cb2, [1.139, 0.8996], radius=1e-3).norm < 1e-6
    True
    >>> an.stationarity(lambda x: np.abs(x).sum(), [0.0, 0.0], radius=0.0).norm
    0.0
    """
    radius = finite(radius, "radius")
    return near(lambda: Oracle(f, x, seed), Oracle(f, x, seed), None, radius)


def near(
    made: Callable[[], Oracle], oracle: Oracle, x: Array | None, radius: float, enough: float = 0.0
) -> Stationarity:
    """The same at a flat point x of an oracle, to the norm that is ``enough``; ``made`` gives a new oracle."""
    x = oracle.start if x is None else x
    if not radius:
        element, norm = _at(oracle, x)
        return Stationarity(0.0, norm, element, np.zeros((0, len(x))), np.zeros(0), x, made)
    search = _Search(oracle, x, radius)
    search.run(enough)
    points, weights, gradients = search.used()
    element, norm = _bound(weights, gradients)
    return Stationarity(radius, norm, element, points, weights, x, made)


def _at(oracle: Oracle, x: Array) -> tuple[Array, float]:
    """The element of least norm at x itself, and its norm."""
    ((_, _, G),) = oracle.near(x, (0.0,))
    length = float(np.linalg.norm(G.least))
    return G.least, length + float(np.linalg.norm(G.tolerance)) if length else 0.0


def _bound(weights: Array, gradients: Sequence[tuple[Array, float]]) -> tuple[Array, float]:
    """A convex combination, and a bound on its norm: the rounding of the gradients and of this sum is added."""
    weights = weights / weights.sum()
    columns = np.stack([g for g, _ in gradients])
    element = weights @ columns
    own = float(weights @ np.array([error for _, error in gradients]))
    sums = (len(weights) + 4) * 2.0**-52 * float(np.linalg.norm(weights @ np.abs(columns)))
    return element, (float(np.linalg.norm(element)) + own + sums) * (1 + 1e-12)


def _within(point: Array, center: Array, radius: float) -> bool:
    """Whether a point lies in a ball: in floating point where its rounding leaves no doubt, otherwise on rationals."""
    if radius > 0:
        with np.errstate(over="ignore", under="ignore"):
            away = (point - center) / radius
            square = float(away @ away)
        if abs(square - 1) > (len(point) + 8) * 2.0**-52 * max(square, 1.0):
            return square < 1
    squares = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(point.tolist(), center.tolist(), strict=True))
    return squares <= Fraction(radius) ** 2


class _Search:
    """Certified gradients in a ball, and the point of least norm of their hull."""

    def __init__(self, oracle: Oracle, x: Array, radius: float) -> None:
        self._oracle, self._x, self._radius = oracle, x, radius
        self._points: list[Array] = []
        self._gradients: list[tuple[Array, float]] = []
        self._known: set[bytes] = set()
        self._y, self._value, self._tried = x, 0.0, 0
        self._size = 0.0
        self._found: Nearest | tuple[Array, int] | None = None

    def run(self, enough: float) -> None:
        """Gradients are added until the least norm is no more than ``enough`` or rounding, or no more are found."""
        first = self._added(self._x)
        if first is None:
            raise self._oracle.refused(self._x)
        value, step = first[0], self._radius / 2
        self._value = value
        while self._tried < _GRADIENTS and step > self._radius * _SHORTEST:
            v, length = self._least()
            if length <= max(enough, 2 * max(error for _, error in self._gradients)):
                return
            reach = self._reach(v / length)
            if reach <= self._radius * _SHORTEST:
                # f falls to the end of the ball: back to its center, with smaller steps.
                self._y, self._value, reach, step = self._x, value, self._radius * _INSIDE, step / 8
            if not self._stepped(v, length, min(step, reach)):
                step /= 2

    def used(self) -> tuple[Array, Array, list[tuple[Array, float]]]:
        """The points whose gradients make up the least one, their weights, and the gradients."""
        _, weights, chosen = self._nearest()
        return np.stack([self._points[k] for k in chosen]), weights, [self._gradients[k] for k in chosen]

    def _stepped(self, v: Array, length: float, step: float) -> bool:
        """One step from y along -v, or a gradient on it that cuts v off."""
        low, high, start = 0.0, step, self._value
        for _ in range(_BISECTIONS):
            t = high if high == step and not low else (low + high) / 2
            there = self._y - t * (v / length)
            found = self._added(there)
            if found is None:
                return False
            value, gradient = found
            if t == step and value < start - t * length / 4:
                self._y, self._value = there, value
                return True
            if gradient @ v < length**2 / 2:
                return True
            # f - t |v| / 2 grows on the one side or on the other.
            low, high = (t, high) if value <= start - t * length / 2 and t < step else (low, t)
        return False

    def _reach(self, u: Array) -> float:
        """How far y - t u stays in the ball, for a unit vector u."""
        away = self._y - self._x
        along = float(away @ u)
        return (float(np.sqrt(max(0.0, along**2 + self._radius**2 - float(away @ away)))) + along) * _INSIDE

    def _added(self, point: Array) -> tuple[float, Array] | None:
        """The value and the gradient at a point, which joins if it is new."""
        self._tried += 1
        found = self._oracle.proved(point)
        if found is None:
            return None
        value, gradient, error = found
        if gradient.tobytes() not in self._known and _within(point, self._x, self._radius):
            self._known.add(gradient.tobytes())
            self._points.append(point)
            self._gradients.append((gradient, error))
        return value, gradient

    def _least(self) -> tuple[Array, float]:
        v = self._nearest()[0]
        return v, float(np.linalg.norm(v))

    def _nearest(self) -> tuple[Array, Array, list[int]]:
        """The point of least norm of the hull, its weights, and the gradients that they belong to."""
        columns = np.stack([g for g, _ in self._gradients])
        size = float(np.abs(columns).max(initial=0.0)) or 1.0
        if self._found is None or size > self._size:
            self._size, self._found = size, (columns[-1] / size, len(columns) - 1)

        def lowest(v: Array) -> tuple[Array, int]:
            k = int(np.argmin(columns @ v))
            return columns[k] / self._size, k

        self._found = least_norm(lowest, self._found, 10 * len(columns))
        return self._found.point * self._size, self._found.weights, self._found.carried
