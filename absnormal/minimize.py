"""Minimizing a function with kinks: a quasi-Newton method on certified gradients, which ends with a certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.clarke.fallback import certified
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.errors import BudgetError, DomainError, GuardError, TraceError
from absnormal.frontends.frameworks import plain, traced_call
from absnormal.frontends.points import framework, like
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.options import Options
from absnormal.judgement.whole_set import whole_set
from absnormal.program.program import Program
from absnormal.program.tree import Tree

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

#: Sufficient decrease and curvature in the line search (weak Wolfe conditions), and its evaluations.
_DECREASE, _CURVATURE, _BISECTIONS = 1e-4, 0.5, 40
#: Steps in a row that change f by less than this, relative to its size, before the kinks near x are looked at.
_SMALL, _STEPS = 1e-10, 3
#: Radii, relative to 1, in which switches count as tied, from the smallest.
_RADII = (0.0, *(10.0**k for k in range(-12, -2)))
#: What the set of all gradients near x may cost.
_NEAR = Budget(cells=4_000, programs=8_000, seconds=5.0)


@dataclass(frozen=True, eq=False)
class Stationarity:
    """How near to stationary a point is.

    Attributes
    ----------
    radius
        switches with |z_i| <= radius were counted as tied; 0.0: the kinks at the point itself
    norm
        the 2-norm of the element of least norm of the generalized gradient that these ties make; with the radius 0.0
        and the norm 0.0 the point is proved to be Clarke stationary
    active
        how many switches were tied
    element
        that element, flat, shape (n,)

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.minimize(lambda x: np.abs(x[0]) + (x[1] - 1) ** 2, [3.0, 0.0]).certificate.active
    1
    """

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
        the norm of an element of the generalized gradient, with the kinks near the point, at which it ends
    maxiter
        the most steps
    callback
        called with the point after each step
    seed
        of the directions that certified gradients are taken along

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` in the structure of x0, ``fun``, ``jac`` (the element of least norm, flat), ``success``, ``status`` (0:
        stationary to ``gtol``; 1: no step makes f smaller; 2: ``maxiter``), ``message``, ``nit``, ``nfev``, and
        ``certificate``, a `Stationarity`

    Raises
    ------
    TraceError, DomainError, ValueError
        as `absnormal.verify` does, at x0 or on the way

    Notes
    -----
    Steps are those of BFGS with a weak Wolfe line search (Lewis & Overton 2013) on certified Clarke gradients.  Where
    they get short, the generalized gradient is computed with all switches within a radius as ties; its element of least
    norm is either small, which is the certificate, or the direction of the next step, as in gradient sampling (Burke,
    Lewis & Overton 2005), with all the gradients near the point in the place of a sample.

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
    oracle = _Oracle(f, x0, seed)
    x = oracle.start
    value, g = oracle(x, strict=True)
    inverse: Array | None = None
    status, short, nit, found = 2, 0, 0, None
    while nit < maxiter:
        d = -g if inverse is None else -(inverse @ g)
        step = _line_search(oracle, x, value, g, d) if g @ d < 0 and short < _STEPS else None
        if step is None:
            found, better = _near(oracle, x, value, gtol)
            if found.norm <= gtol or better is None:
                status = 0 if found.norm <= gtol else 1
                break
            step, inverse = better, None
        x, g, inverse, gain = step.x, step.g, _updated(inverse, step.x - x, step.g - g), value - step.value
        short = short + 1 if gain <= _SMALL * max(1.0, abs(value)) else 0
        value, nit = step.value, nit + 1
        if callback is not None:
            callback(oracle.shaped(x))
    if found is None or status == 2:
        found, _ = _near(oracle, x, value, gtol)
        status = 0 if found.norm <= gtol else status
    return OptimizeResult(
        x=oracle.shaped(x), fun=value, jac=found.element, success=status == 0, status=status,
        message=_said(status, found), nit=nit, nfev=oracle.evaluations, certificate=found,
    )


def _said(status: int, found: Stationarity) -> str:
    if status == 0 and not found.radius and not found.norm:
        return "0 is a Clarke gradient at x: x is stationary"
    near = f"with switches within {found.radius:.1g} as ties" if found.radius else "with the ties at x"
    said = f"{near} an element of the generalized gradient has the norm {found.norm:.2g}"
    return {0: said, 1: f"no step makes f smaller; {said}", 2: f"maxiter steps were made; {said}"}[status]


@dataclass(frozen=True, eq=False)
class _Step:
    """A point with the value and the gradient there."""

    x: Array
    value: float
    g: Array


class _Oracle:
    """f and a certified gradient at flat points; a NumPy function is traced again where it takes other branches."""

    def __init__(self, f: Any, x0: Any, seed: int) -> None:
        self._f, self._x0, self._seed = f, x0, seed
        self._tree, leaves = Tree.of(plain(x0))
        self._program = f if isinstance(f, Program) else None
        self._traced_again = not isinstance(f, Program)
        self._numpy = not framework(x0)
        self.start = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves])
        self.evaluations = 0

    def __call__(self, x: Array, strict: bool = False) -> tuple[float, Array]:
        """The value and a certified gradient; infinity where f is not defined or a branch is at a tie, unless
        ``strict``: a line search goes around."""
        self.evaluations += 1
        try:
            sweeps = self._call(x).sweeps()
        except (DomainError, TraceError, FloatingPointError):
            if strict:
                raise
            return float("inf"), np.zeros(len(x))
        if sweeps.program.m != 1:
            raise ValueError(f"f must return one number, got shape {sweeps.program.shape}")
        return float(sweeps.y[0]), np.asarray(certified(sweeps, self._seed).gradient, dtype=float)

    def near(self, x: Array, radii: tuple[float, ...]) -> list[tuple[float, int, GeneralizedGradient]]:
        """The generalized gradient with switches within each radius as ties; radii that add none are left out."""
        call = self._call(x)
        sizes = np.abs(call.sweeps().z)
        found: list[tuple[float, int, GeneralizedGradient]] = []
        for radius in radii:
            active = int((sizes <= radius).sum())
            if not found or active > found[-1][1]:
                try:
                    found.append((radius, active, whole_set(call, Options(atol=radius, budget=_NEAR))))
                except (BudgetError, DomainError):
                    break
        return found

    def shaped(self, x: Array) -> Any:
        """A flat point in the structure of x0."""
        return like(self._x0, self._tree, x)

    def _call(self, x: Array) -> TracedCall:
        if self._numpy and self._program is not None:
            try:
                return TracedCall(self._program, self._program.evaluate(self._program.tree.split(x)))
            except GuardError:
                if not self._traced_again:
                    raise
        call = traced_call(self._f, self.shaped(x))
        self._program = call.program
        return call


def _line_search(oracle: _Oracle, x: Array, value: float, g: Array, d: Array) -> _Step | None:
    """A step that satisfies the weak Wolfe conditions, or one that makes f smaller; None where none does."""
    slope, low, high = float(g @ d), 0.0, np.inf
    t = min(1.0, 1.0 / float(np.linalg.norm(d))) if not oracle.evaluations > 1 else 1.0
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
    return best if best is not None and best.value < value else None


def _near(oracle: _Oracle, x: Array, value: float, gtol: float) -> tuple[Stationarity, _Step | None]:
    """How stationary x is, and a step along the negative of an element of least norm that makes f smaller."""
    sets = [(radius, active, G.least) for radius, active, G in oracle.near(x, _RADII)]
    norms = [float(np.linalg.norm(least)) for _, _, least in sets]
    chosen = next((k for k, norm in enumerate(norms) if norm <= gtol), int(np.argmin(norms)))
    radius, active, least = sets[chosen]
    found = Stationarity(radius, norms[chosen], active, least)
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
    """The BFGS update of the inverse of the second derivative; None stands for the identity."""
    curvature = float(s @ y)
    if not curvature > 1e-14 * float(np.linalg.norm(s) * np.linalg.norm(y)):
        return inverse
    if inverse is None:
        inverse = np.eye(len(s)) * (curvature / float(y @ y))
    u = inverse @ y
    inverse = inverse + np.outer(s, s) * ((1 + float(y @ u) / curvature) / curvature)
    inverse -= (np.outer(u, s) + np.outer(s, u)) / curvature
    return inverse
