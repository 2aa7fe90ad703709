"""The functions that a user calls on a function and a point: what they promise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.clarke.budget import Budget
from absnormal.clarke.fallback import certified, checked, derivative
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.errors import NoGradientError, SeveralNumbersError
from absnormal.frontends.frameworks import plain, traced_call, traced_with_gradient
from absnormal.frontends.numpy.tools import with_gradient_of_a_tool
from absnormal.frontends.ties.slopes import slopes
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.certified import certified_gradient
from absnormal.judgement.flow import exact_problem, judged
from absnormal.judgement.options import Options
from absnormal.judgement.rows import components, rows_of, stacked
from absnormal.judgement.whole_set import whole_set
from absnormal.program.program import Program
from absnormal.report.report import Report
from absnormal.report.rows import JacobianReport
from absnormal.theorems.problem import Problem

Function = Callable[[Any], Any]


def trace(f: Function, x: Any) -> Program:
    """Write f, as it runs at x, with smooth operations and |.| only.

    Parameters
    ----------
    f
        a function of one argument, written with NumPy, PyTorch or JAX
    x
        the point: an array of any shape, a tensor, a scalar, or a nested dict / list / tuple of these

    Returns
    -------
    Program
        callable, printable, and accepted wherever f is

    Raises
    ------
    TraceError
        for a branch at a tie, an operation that |.| cannot express at x, or one that is not supported
    DomainError
        for NaN or infinity at x

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> program = an.trace(lambda x: np.abs(x[0]) + x[1] ** 2, [0.0, 3.0])
    >>> program([-2.0, 1.0])
    3.0
    >>> program
    <Program n=2 m=1 s=1 operations=6>
    """
    return traced_call(f, x).program


def verify(
    f: Function | Program, x: Any, *, gradient: Any = None, slope: Any = None, exact: bool = False, atol: float = 0.0,
    rtol: float | None = None, atol_gradient: float = 0.0, stopped: str = "constant", budget: Budget | None = None,
    seed: int = 0,
) -> Report:
    """Prove whether the gradient that an AD tool returns at x is a Clarke generalized gradient.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`; it returns one number, or an array, whose numbers are then judged
        one by one
    x
        the point: an array of any shape, a scalar, or a nested dict / list / tuple of arrays; Fractions for an exact
        point
    gradient
        a vector from any tool, in the structure of x, to be judged as it is, or a Jacobian where f returns an array;
        without it the gradient that backward mode returns under ``slope`` is judged
    slope
        what the tool takes for the derivative of |u| at u = 0: a number in [-1, 1], an array of shape (s,), or
        "autograd" (the default), "torch", "jax", "casadi"; relu'(0) = (1 + slope) / 2
    exact
        decide activity, rows and verdict in rational arithmetic (piecewise-linear programs)
    atol
        switches with |z_i| <= atol count as active; a sort of more than 32 equal entries counts exact ties only
    rtol, atol_gradient
        how far the vector may lie from what is proved, leaf by leaf: rtol times the largest entry of the leaf, or
        atol_gradient; without it rtol is min(0.05, 8 sqrt(eps)) of the precision that the vector was computed in
    stopped
        what detach, no_grad and stop_gradient mean: values held "constant", as the frameworks take them (the default; a
        note names them), or "followed": the verdict is about the function as it is written
    budget
        limits of explicit enumeration
    seed
        of the random direction of the fallback gradient

    Returns
    -------
    Report
        the verdict, the gradient that was judged and a certified one, both in the structure and the shapes of x, and
        the certificate; where f returns an array a `JacobianReport`, with the reports on its rows

    Raises
    ------
    TraceError, DomainError
        where f cannot be analysed at x; the message names the line and the fix
    ValueError
        for arguments that do not fit

    Notes
    -----
    The theorems are in `absnormal.theorems`, one a module, tried in the order of their cost.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> def f(x):
    ...     return np.maximum(x[0], 0) - np.maximum(-x[0], 0)
    >>> report = an.verify(f, [0.0], slope=-1)
    >>> report.verdict.name, report.method, report.gradient, report.clarke_gradient
    ('NOT_CLARKE', 'separation', array([0.]), array([1.]))
    """
    options = Options(gradient, slope, exact, atol, rtol, atol_gradient, stopped, budget, seed)
    try:
        return judged(_traced(f, x, options), options)
    except SeveralNumbersError as several:
        shape = several.shape
    # An array of one number is one.
    given = [gradient] if math.prod(shape) == 1 else rows_of(gradient, x, shape)
    asked = [replace(options, gradient=row) for row in given]
    rows = [
        judged(_traced(component, x, own), own) for component, own in zip(components(f, x, shape), asked, strict=True)
    ]
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise ValueError(f"f must return numbers, got an array of shape {shape}")
    return JacobianReport.of(rows, shape, partial(stacked, shape=shape), partial(clarke_gradient, f, x, seed=seed))


def _traced(f: Function | Program, x: Any, options: Options) -> TracedCall:
    """f at x with the gradient of its framework, which a vector that is given does without where there is none."""
    try:
        return traced_with_gradient(f, x, options.stopped, options.slope)
    except NoGradientError as error:
        if options.gradient is None or error.call is None:
            raise
        return error.call


def gradient(f: Function | Program, x: Any, slope: Any = 0.0) -> Any:
    """The gradient that backward-mode AD returns when the derivative of |u| at u = 0 is ``slope``.

    Where f returns an array it is the Jacobian: each array of it has the shape of f's result, then that of x.

    Parameters
    ----------
    f, x, slope
        as in `verify`; without ``slope`` it is 0

    Returns
    -------
    array, or nested arrays
        g_c, in the structure and the shapes of x

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.gradient(lambda x: np.maximum(x[0], 0) + x[0], [0.0], slope=-1)
    array([1.])
    """
    call = with_gradient_of_a_tool(f, x, traced_call(f, x, copy=False), slope)
    if call.leaves:
        return call.shaped(call.gradient)
    sweeps = call.sweeps()
    c = np.asarray(slopes(sweeps, slope), dtype=float)
    return _shaped(call, derivative(sweeps, sweeps.signature(c)))


def clarke_gradient(f: Function | Program, x: Any, *, seed: int = 0) -> Any:
    """A certified Clarke gradient at a constant times the cost of f.

    Parameters
    ----------
    f, x
        as in `verify`
    seed
        of the random direction

    Returns
    -------
    array, or nested arrays
        an element of dC f(x), in the structure and the shapes of x; where f returns an array an element of the
        generalized Jacobian, each array of which has the shape of f's result, then that of x

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does
    BudgetError
        where no direction certifies the signs of all kinks, the rows that stay could not be proved to be zero, and no
        theorem proves the gradient for the slopes 0

    Notes
    -----
    One forward sweep along a direction chooses the slopes, one backward sweep gives the gradient (Kakade & Lee 2018,
    Khan & Barton 2013); see `absnormal.clarke.fallback`.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.clarke_gradient(lambda x: np.maximum(x[0], 0) - np.maximum(-x[0], 0), [0.0])
    array([1.])
    """
    call = traced_call(f, x, copy=False)
    report = "verify(f, x)"
    if call.program.m == 1:
        return call.shaped(certified_gradient(call, seed, report))
    sweeps = call.sweeps()
    return _shaped(call, checked(certified(sweeps, seed), sweeps, report))


def generalized_gradient(
    f: Function | Program, x: Any, *, exact: bool = False, atol: float = 0.0, budget: Budget | None = None
) -> GeneralizedGradient:
    """The whole Clarke generalized gradient of f at x; of a vector-valued f, the generalized Jacobian.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`; it returns a number or an array
    x
        the point, as in `verify`
    exact
        decide activity and cells in rational arithmetic (piecewise-linear programs)
    atol
        switches with |z_i| <= atol count as active
    budget
        limits of the enumeration

    Returns
    -------
    GeneralizedGradient
        a sum of blocks; ``complete`` is False when the budget ended the enumeration, ``exact`` is False where the set
        is only known to lie inside dC f(x), ``reason`` says why (THEORY 1.4 and 5; Kubota 2018); its elements have
        shape (n,), or (m, n) where f has m numbers

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> G = an.generalized_gradient(lambda x: np.abs(x[0]) - np.abs(x[0] + np.abs(x[1])), [0.0, 0.0])
    >>> G
    <GeneralizedGradient 4 limiting gradients in 1 block, complete, equal to dC f(x)>
    >>> G.contains([0.0, 0.5]), G.contains([1.0, 0.0]), G.support([0.0, 1.0]), G.min_norm()
    (True, False, 1.0, array([0., 0.]))
    """
    options = Options(exact=exact, atol=atol, budget=budget)
    return whole_set(traced_call(f, x), options)


def _shaped(call: TracedCall, flat: Array) -> Any:
    """A flat gradient, or the rows of a Jacobian, in the structure of x."""
    if flat.ndim == 1:
        return call.shaped(flat)
    return stacked([call.shaped(row) for row in flat], call.program.shape)


def directional_derivative(f: Function | Program, x: Any, d: Any, *, exact: bool = False, atol: float = 0.0) -> Any:
    """f'(x; d), the one-sided derivative of f along d: the limit of (f(x + t d) - f(x)) / t for t > 0 to 0.

    Parameters
    ----------
    f
        a function of one argument that returns a number or an array, or its `Program`
    x, d
        the point and the direction, of the same structure and shapes; d also flat, shape (n,)
    exact
        rational arithmetic throughout (piecewise-linear programs): the result is that of f on rationals
    atol
        switches with |z_i| <= atol count as active

    Returns
    -------
    float, Fraction or array
        of the shape of what f returns; rational where ``exact``, or where x holds Fractions

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does

    Notes
    -----
    A piecewise-linear f has f(x + t d) = f(x) + t f'(x; d) up to the next kink.  One forward sweep, in which each
    active kink takes the side that d leads to (Griewank 2013); f'(x; d) is continuous in d, so that a side that
    rounding decides changes nothing beyond rounding.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> f = lambda x: np.abs(x[0]) - np.maximum(x[0], 2 * x[1])
    >>> an.directional_derivative(f, [0.0, 0.0], [1.0, 1.0]), an.directional_derivative(f, [0.0, 0.0], [-1.0, -1.0])
    (-1.0, 2.0)
    >>> an.directional_derivative(f, [0.0, 0.0], [1.0, 1.0], exact=True)
    Fraction(-1, 1)
    """
    call = traced_call(f, x, copy=False)
    sweeps = call.sweeps(Options(atol=atol).atol)
    if exact or call.rational:
        sweeps = exact_problem(sweeps, call.values, Problem(sweeps, np.zeros(len(sweeps.alpha)), Budget()))[0].sweeps
    leaves = call.program.tree.leaves_of((call.unwrap or plain)(d), "d")
    direction = np.concatenate([np.asarray(leaf).reshape(-1) for leaf in leaves])
    along = exactly(direction) if sweeps.rational else direction.astype(float)
    if not np.isfinite(along.astype(float)).all():
        raise ValueError("d must hold finite numbers")
    found = sweeps.directional(along).dy.reshape(call.program.shape)
    return found[()] if found.ndim == 0 and sweeps.rational else float(found) if found.ndim == 0 else found
