"""Minimizing a function with kinks: a quasi-Newton method on certified gradients, which ends with a certificate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.judgement.oracle import Oracle
from absnormal.model_step import model_step
from absnormal.program.program import Program
from absnormal.stationarity import Stationarity, near

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

#: Sufficient decrease and curvature in the line search (weak Wolfe conditions), and its evaluations.
_DECREASE, _CURVATURE, _BISECTIONS = 1e-4, 0.5, 40
#: Steps in a row that change f by less than this, relative to its size, before the kinks near x are looked at.
_SMALL, _STEPS = 1e-10, 3
#: How far away, relative to x, a ray is followed along which f falls without end.
_FAR = 1e8
#: A step to the minimum of the model must give this share of what it promises; right to the second, the radius grows.
_PROMISED, _TRUE = 0.1, 0.25
#: What a step must promise, relative to the radius and to the gradient, to be no rounding of the linear program, by how
#: much the radius is smaller then, and the smallest one, relative to x.
_RESOLVED, _CLOSER, _NOTHING = 1e-6, 1e-3, 1e-15
#: Linear programs in a row without a solution, or forms that there are not, until the model is given up.
_FAILED = 3
#: Radii that are tried at a point; steps of BFGS before the model is tried again where it gave less, at first and at
#: most; steps of the model in a row; entries of an operation in its form.
_TRIED, _PAUSES, _IN_A_ROW, _ENTRIES = 4, (2, 64), 8, 3_000_000
#: Radii, relative to 1, in which switches count as tied, from the smallest.
_RADII = (0.0, *(10.0**k for k in range(-12, -2)))
#: Radii of the balls, relative to x, in which Clarke gradients are combined for the certificate.
_BALLS = tuple(10.0**k for k in range(-10, -1, 2))


class _Ties(NamedTuple):
    """With the switches within a radius as ties: the element of least norm, its norm, and how many ties there are."""

    radius: float
    norm: float
    active: int
    element: Array


def minimize(
    f: Callable[[Any], Any] | Program, x0: Any, *, gtol: float = 1e-5, maxiter: int = 2_000,
    callback: Callable[[Any], Any] | None = None, seed: int = 0,
) -> OptimizeResult:
    """Minimize f, which may have kinks, from x0.

    Parameters
    ----------
    f
        a function of one argument that returns one number, or its `Program`
    x0
        the point to start from: an array of any shape, or a nested dict / list / tuple of arrays
    gtol
        the norm of a convex combination of Clarke gradients near the point at which it ends
    maxiter
        the most steps
    callback
        called with the point after each step
    seed
        of the directions that certified gradients are taken along

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` in the structure of x0, ``fun``, ``jac`` (that combination, flat), ``success``, ``status`` (0:
        stationary to ``gtol``; 1: no step makes f smaller; 2: ``maxiter``; 3: f falls along a ray as far as it was
        followed), ``message``, ``nit``, ``nfev``, and
        ``certificate``, a `Stationarity`

    Raises
    ------
    TraceError, DomainError, ValueError
        as `absnormal.verify` does, at x0 or on the way

    Notes
    -----
    Steps are those of BFGS with a weak Wolfe line search (Lewis & Overton 2013) on certified Clarke gradients, and
    steps to the minimum of the piecewise-linear model at x within a radius (Griewank, Walther, Fiege & Bosse 2016),
    whichever make f smaller by more.  Where they get short, the generalized gradient is computed with all switches
    within a radius as ties; its element of least norm is either small, or the direction of the next step, as in
    gradient sampling (Burke, Lewis & Overton 2005), with all the gradients near the point in the place of a sample.
    The certificate is that of `absnormal.stationarity`.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> f = lambda x: np.maximum(x[0] ** 2 + x[1] ** 2, 2 * np.abs(x[0] - 1))
    >>> found = an.minimize(f, [3.0, 2.0])
    >>> found.success, bool(abs(found.fun - (np.sqrt(3) - 1) ** 2) < 1e-8)
    (True, True)
    """
    from scipy.optimize import OptimizeResult

    if not gtol > 0:
        raise ValueError(f"gtol must be a number > 0, got {gtol!r}")
    oracle = Oracle(f, x0, seed)
    x = oracle.start
    value, g = oracle(x, strict=True)
    inverse: Array | None = None
    status, short, nit, length = 2, 0, 0, 1.0
    model = _Model(oracle, max(1.0, float(np.abs(x).max(initial=0.0))))
    while nit < maxiter:
        step = model.step(x, value, g, nit) if model.next <= nit and short < _STEPS else None
        by_model = step is not None
        d = -g if inverse is None else _times(inverse, -g)
        if step is None and g @ d < 0 and short < _STEPS:
            first = 1.0 if inverse is not None else min(1.0, length / float(np.linalg.norm(d)))
            step = _line_search(oracle, x, value, g, d, first)
        if step is None:
            found, better = _near(oracle, x, value, gtol)
            if found.norm <= gtol or better is None:
                status = 1
                break
            step = better
        # What a step of the model crosses is no curvature.
        inverse = inverse if by_model else _updated(inverse, step.x - x, step.g - g)
        length = float(np.linalg.norm(step.x - x))
        x, g, gain = step.x, step.g, value - step.value
        short = short + 1 if gain <= _SMALL * max(1.0, abs(value)) else 0
        value, nit = step.value, nit + 1
        model.learn(gain, by_model, nit)
        if callback is not None:
            callback(oracle.shaped(x))
        if step.endless:
            status = 3
            break
    certificate = _certificate(lambda: Oracle(f, x0, seed), oracle, x, gtol, _BALLS if status < 3 else ())
    status = 0 if certificate.norm <= gtol else status
    return OptimizeResult(
        x=oracle.shaped(x), fun=value, jac=certificate.element, success=status == 0, status=status,
        message=_said(status, certificate), nit=nit, nfev=oracle.evaluations, certificate=certificate,
    )


def _certificate(
    made: Callable[[], Oracle], oracle: Oracle, x: Array, gtol: float, radii: Sequence[float]
) -> Stationarity:
    """How stationary x is, at x or within the smallest of some radii for which it is to ``gtol``."""
    size = max(1.0, float(np.linalg.norm(x)))
    best = near(made, oracle, x, 0.0)
    for radius in radii:
        if best.norm <= gtol:
            break
        found = near(made, oracle, x, radius * size, gtol / 2)
        best = found if found.norm < best.norm else best
    return best


def _said(status: int, found: Stationarity) -> str:
    if status == 0 and not found.radius and not found.norm:
        return "0 is a Clarke gradient at x: x is stationary"
    where = f"of Clarke gradients within {found.radius:.1g} of x" if found.radius else "of Clarke gradients at x"
    said = f"a convex combination {where} has a norm of at most {found.norm:.2g}"
    return {
        0: said, 1: f"no step makes f smaller; {said}", 2: f"maxiter steps were made; {said}",
        3: f"f seems to have no lower bound: it falls along a ray as far as it was followed; {said}",
    }[status]


@dataclass(frozen=True, eq=False)
class _Step:
    """A point with the value and the gradient there, and whether f still falls there, far away."""

    x: Array
    value: float
    g: Array
    endless: bool = False


class _Model:
    """Steps to the minimum of the piecewise-linear model within a radius, while they give more than those of BFGS."""

    def __init__(self, oracle: Oracle, radius: float) -> None:
        self._oracle, self._radius, self._pause, self._row = oracle, radius, _PAUSES[0], 0
        #: By how much the last step of BFGS made f smaller.
        self._other = 0.0
        #: How often in a row there was no form, or no solution of the linear program.
        self._failed = 0
        #: The number of the step that it is to be tried for.
        self.next = 0

    def step(self, x: Array, value: float, g: Array, number: int) -> _Step | None:
        """A step that gives a share of what the model promises; None where there is none."""
        size = float(np.abs(g).max())
        form = self._oracle.form(x, _ENTRIES)
        if form is None:
            self._failed += 1
            self._wait(number)
            return None
        for _ in range(_TRIED):
            found = model_step(form, self._radius)
            self._failed = 0 if found is not None else self._failed + 1
            if self._radius <= _NOTHING or self._failed == _FAILED:
                break
            if found is None or not found[1] < -_RESOLVED * self._radius * size:
                self._radius *= _CLOSER
                continue
            d, promised = found
            new, gradient = self._oracle(x + d)
            if new < value + _PROMISED * promised:
                self._radius *= 2.0 if abs(new - value - promised) < -_TRUE * promised else 1.0
                return _Step(x + d, new, gradient)
            self._radius = max(float(np.abs(d).max()) / 4, _NOTHING)
        self._wait(number)
        return None

    def learn(self, gain: float, own: bool, number: int) -> None:
        """Take the gain of a step into account, which was a step of the model or one of BFGS."""
        if own:
            self._row += 1
            if gain < self._other:
                self._wait(number)
            elif self._row == _IN_A_ROW:
                self.next, self._row = number + 1, 0
            else:
                self._pause = _PAUSES[0]
        else:
            self._other = gain

    def _wait(self, number: int) -> None:
        self.next, self._pause, self._row = number + self._pause, min(2 * self._pause, _PAUSES[1]), 0
        if self._failed == _FAILED:
            self.next = sys.maxsize


def _line_search(oracle: Oracle, x: Array, value: float, g: Array, d: Array, t: float) -> _Step | None:
    """A step that satisfies the weak Wolfe conditions, or makes f smaller, from t d on; None where none does."""
    slope, low, high = float(g @ d), 0.0, np.inf
    best: _Step | None = None
    for _ in range(_BISECTIONS):
        there = x + t * d
        new, gradient = oracle(there)
        if not new <= value + _DECREASE * t * slope:
            high = t
        else:
            best, low = _Step(there, new, gradient), t
            if gradient @ d >= _CURVATURE * slope:
                return best
        t = (low + high) / 2 if high < np.inf else 2 * low
    if best is not None and high == np.inf and low * float(np.linalg.norm(d)) > _FAR * max(1.0, float(np.abs(x).max())):
        return replace(best, endless=True)
    return best if best is not None and best.value < value else None


def _near(oracle: Oracle, x: Array, value: float, gtol: float) -> tuple[_Ties, _Step | None]:
    """How stationary x is, and a step along the negative of an element of least norm that makes f smaller."""
    sets = [(radius, active, G.least) for radius, active, G in oracle.near(x, _RADII)]
    norms = [float(np.linalg.norm(least)) for _, _, least in sets]
    chosen = next((k for k, norm in enumerate(norms) if norm <= gtol), int(np.argmin(norms)))
    radius, active, least = sets[chosen]
    found = _Ties(radius, norms[chosen], active, least)
    if found.norm > gtol:
        for k in range(len(sets) - 1, -1, -1):
            t, square = 1.0, norms[k] ** 2
            for _ in range(_BISECTIONS):
                new, gradient = oracle(x - t * sets[k][2])
                if new < value - _DECREASE * t * square:
                    return found, _Step(x - t * sets[k][2], new, gradient)
                t /= 2
    return found, None


def _updated(inverse: Array | None, s: Array, y: Array) -> Array | None:
    """The BFGS update, in place, of the inverse of the second derivative; None stands for the identity.

    Only the entries on and above the diagonal count.
    """
    from scipy.linalg.blas import dsyr2

    curvature = float(s @ y)
    if not curvature > 1e-14 * float(np.linalg.norm(s) * np.linalg.norm(y)):
        return inverse
    if inverse is None:
        inverse = np.eye(len(s), order="F") * (curvature / float(y @ y))
    u = _times(inverse, y)
    w = ((1 + float(y @ u) / curvature) * s / 2 - u) / curvature
    return np.asarray(dsyr2(1.0, w, s, a=inverse, overwrite_a=True))


def _times(inverse: Array, v: Array) -> Array:
    from scipy.linalg.blas import dsymv

    return np.asarray(dsymv(1.0, inverse, v))
