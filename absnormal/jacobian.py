"""Certified gradients as SciPy asks for them: ``jac=`` of its minimizers, least squares and root finders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.fallback import certified, checked
from absnormal.errors import DomainError, GuardError
from absnormal.frontends.frameworks import traced_call
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.certified import certified_gradient
from absnormal.program.program import Program

_REPORT = "absnormal.verify(f, x)"


def clarke_jacobian(f: Callable[..., Any] | Program, *, seed: int = 0) -> Callable[..., Array]:
    """A function that returns certified Clarke gradients of f, for the ``jac=`` of scipy.optimize.

    Backward mode may return 0 at a kink where f falls, so that a minimizer takes its start for a solution.

    Parameters
    ----------
    f
        a NumPy function of a vector, shape (n,), and of the ``args`` that SciPy passes on, or a `Program`; it returns
        a number, or an array of shape (m,) as scipy.optimize.least_squares takes it
    seed
        of the random direction of the gradients

    Returns
    -------
    callable
        of the arguments of f; it returns a Clarke gradient, shape (n,), or an element of the generalized Jacobian,
        shape (m, n); NaN where f or a derivative of it is NaN or infinite, as in a line search that went too far

    Raises
    ------
    BudgetError, TraceError, ValueError
        as `absnormal.clarke_gradient` does, when it is called

    Notes
    -----
    f is traced once, and again where it takes other branches or has other ``args``.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> from scipy.optimize import least_squares
    >>> def residuals(x):
    ...     return np.stack([np.maximum(x[0], 0) - np.maximum(-x[0], 0) - 1, x[1]])       # x0 - 1 and x1
    >>> least_squares(residuals, [0.0, 3.0], jac=lambda x: an.gradient(residuals, x, slope=-1)).x     # relu'(0) = 0
    array([0., 0.])
    >>> least_squares(residuals, [0.0, 3.0], jac=an.clarke_jacobian(residuals)).x
    array([1., 0.])
    """
    program = f if isinstance(f, Program) else None

    def jacobian(x: Any, *arguments: Any) -> Array:
        nonlocal program
        point = np.asarray(x, dtype=float)
        try:
            call = _followed(program, point) if program is not None and not arguments else None
            if call is None:
                call = traced_call((lambda x: f(x, *arguments)) if arguments else f, point)
                program = program if arguments else call.program
            if call.program.shape == ():
                return np.asarray(certified_gradient(call, seed, _REPORT), dtype=float).reshape(point.shape)
            sweeps = call.sweeps()
            rows = np.asarray(checked(certified(sweeps, seed), sweeps, _REPORT), dtype=float)
        except DomainError:
            size = () if program is None else program.shape
            return np.full((*size, *point.shape), np.nan)
        return rows.reshape(*call.program.shape, *point.shape)

    def _followed(known: Program, point: Array) -> TracedCall | None:
        """The call by the program that is known; None where another branch is taken."""
        try:
            return TracedCall(*known.followed(known.tree.leaves(point)))
        except GuardError:
            if isinstance(f, Program):
                raise
            return None

    return jacobian
