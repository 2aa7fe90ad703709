"""The one place that knows theorems and sets: from a function and a point to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.blocks import summands
from absnormal.clarke.budget import Budget
from absnormal.clarke.fallback import certified
from absnormal.clarke.fallback import checked as checked_gradient
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.exact.system import build
from absnormal.frontends.frameworks import capturing, followed
from absnormal.frontends.slopes import slopes, table_of, tools_for
from absnormal.judgement.flow import (
    check_seed,
    check_stopped,
    checked,
    concluded,
    exact_problem,
    flattened,
    given_vector,
    modelled_vector,
    sweeps_of,
    verify_captured,
)
from absnormal.judgement.ladder import decide
from absnormal.judgement.tolerances import Tolerance
from absnormal.program.program import Program
from absnormal.report.report import Report
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

Function = Callable[[Any], Any]


def trace(f: Function, x: Any) -> Program:
    """Write f, as it runs at x, with smooth operations and |.| only.

    Parameters
    ----------
    f
        a function of one argument, written with NumPy, PyTorch or JAX
    x
        the point: an array, a tensor, a scalar, or a nested dict / list / tuple of these

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
    return traced(f, x)[0]


def traced(f: Function | Program, x: Any, copy: bool = True) -> tuple[Program, list[Array]]:
    """The program of f, and the values of its nodes at x; ``copy`` keeps them apart from x."""
    return followed(f, x, copy)[:2]


def verify(
    f: Function | Program, x: Any, *, gradient: Any = None, slope: Any = None, exact: bool = False, atol: float = 0.0,
    rtol: float | None = None, atol_gradient: float = 0.0, stopped: str = "constant", budget: Budget | None = None,
    seed: int = 0,
) -> Report:
    """Prove whether the gradient that an AD tool returns at x is a Clarke generalized gradient.

    Parameters
    ----------
    f
        a function of one argument that returns one number, or its `Program`
    x
        the point: an array, a scalar, or a nested dict / list / tuple of arrays; Fractions for an exact point
    gradient
        a vector from any tool, in the structure of x, to be judged as it is; without it the gradient that backward mode
        returns under ``slope`` is judged
    slope
        what the tool takes for the derivative of |u| at u = 0: a number in [-1, 1], an array with one per switch, or
        "autograd" (the default), "torch", "jax", "casadi"; relu'(0) = (1 + slope) / 2
    exact
        decide activity, rows and verdict in rational arithmetic (piecewise-linear programs)
    atol
        switches with |z_i| <= atol count as active
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

    Raises
    ------
    TraceError, DomainError
        where f cannot be analysed at x; the message names the line and the mend
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
    check_stopped(stopped)
    capture = None if isinstance(f, Program) else capturing(x)
    if capture is not None:
        return verify_captured(
            capture(f, x, stopped), gradient=gradient, slope=slope, exact=exact, atol=atol, rtol=rtol,
            atol_gradient=atol_gradient, budget=budget, seed=seed,
        )
    limits = checked(atol, budget, seed)
    modelled = Tolerance.of(np.float64, rtol, atol_gradient)
    program, values = traced(f, x)
    if program.m != 1:
        raise ValueError(
            f"f must return one number, got shape {program.shape}: verify a component, or a weighted sum of them"
        )
    rational = any(value.dtype == object for value in values)
    tool = sweeps_of(program, values, atol)
    # The slopes of a program of torch's kernels are not known; a vector that is given is judged whatever they are.
    choice = slope if slope is not None else "autograd" if gradient is None or tools_for(program) else 0.0
    c = slopes(tool, choice)
    problem, consistent = Problem(tool, c, limits, modelled), True
    if exact or rational:
        problem, consistent = exact_problem(tool, values, problem)
    known = (slopes(tool, candidate) for candidate in (choice, *tools_for(program), -1.0, 1.0))
    if gradient is None:
        vector = tool.gradient(tool.signature(np.asarray(c, dtype=float)))
        found = modelled_vector(problem, tool, vector, consistent, known)
    else:
        vector, tolerance = flattened(program, gradient, modelled)
        found = given_vector(problem, tool, vector, tolerance, known)
    verdict, proof = concluded(found.outcome)
    return Report(
        verdict=verdict, proof=proof, leaves=[vector], problem=found.problem, tool=tool, slope=choice,
        given=gradient is not None, tolerance=found.tolerance, tried=found.tried, seed=seed, consistent=consistent,
        notes=_notes(choice) if gradient is None else (),
    )


def _notes(slope: Any) -> tuple[str, ...]:
    """What a reader must know about the slopes of a tool."""
    note = table_of(slope)[1] if isinstance(slope, str) else ""
    return (note,) if note else ()


def gradient(f: Function | Program, x: Any, slope: Any = 0.0) -> Any:
    """The gradient that backward-mode AD returns when the derivative of |u| at u = 0 is ``slope``.

    Parameters are those of `verify`; the result has the structure of x.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.gradient(lambda x: np.maximum(x[0], 0) + x[0], [0.0], slope=-1)
    array([1.])
    """
    sweeps, wrap = _at(f, x)
    c = np.asarray(slopes(sweeps, slope), dtype=float)
    return wrap(sweeps.gradient(sweeps.signature(c)))


def clarke_gradient(f: Function | Program, x: Any, *, seed: int = 0) -> Any:
    """A certified Clarke gradient at a constant times the cost of f, in the structure of x.

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does
    BudgetError
        where no direction could be told from the kinks, the rows that stay could not be proved to be zero, and no
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
    check_seed(seed)
    sweeps, wrap = _at(f, x)
    found = certified(sweeps, seed)
    if not found.proved:
        # Where no slope matters, or any slopes do, no direction is needed.
        problem = Problem(sweeps, np.zeros(len(sweeps.alpha)), Budget())
        proof, _ = decide(problem)
        if proof is not None and proof.clarke:
            found = replace(found, gradient=sweeps.gradient(problem.sigma), proved=True)
    return wrap(checked_gradient(found, sweeps, "verify(f, x)"))


def generalized_gradient(
    f: Function | Program, x: Any, *, exact: bool = False, atol: float = 0.0, budget: Budget | None = None
) -> GeneralizedGradient:
    """The whole Clarke generalized gradient of f at x; of a vector-valued f, the generalized Jacobian.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`; it returns a number or an array, a function of torch's a number
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
        is only known to lie inside dC f(x), ``reason`` says why (THEORY 1 and 5; Kubota 2018)

    Raises
    ------
    TraceError, DomainError, ValueError
        as `verify` does

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> G = an.generalized_gradient(lambda x: np.abs(x[0]) - np.abs(x[0] + np.abs(x[1])), [0.0, 0.0])
    >>> G
    <GeneralizedGradient 4 limiting gradients in 1 blocks, complete, equal to dC f(x)>
    >>> G.contains([0.0, 0.5]), G.contains([1.0, 0.0]), G.support([0.0, 1.0]), G.min_norm()
    (True, False, 1.0, array([0., 0.]))
    """
    program, values = traced(f, x)
    sweeps = sweeps_of(program, values, atol)
    if exact or any(value.dtype == object for value in values):
        problem, _ = exact_problem(sweeps, values, Problem(sweeps, np.zeros(len(sweeps.alpha)), Budget()))
        floats = sweeps
        sweeps = Sweeps(program, program.inputs(floats.values), atol, floats.values)
        sweeps.z, sweeps.active = np.asarray(problem.sweeps.z, dtype=float), problem.sweeps.active
        system = build(problem.sweeps)
    else:
        system = build(sweeps)
    limits = Budget() if budget is None else budget
    size = np.asarray(sum(
        sweeps.pull_magnitude(sweeps.signature(slope), None, np.eye(program.m))[0] for slope in (-1.0, 1.0)
    ), dtype=float).reshape(-1)
    if not np.isfinite(size).all():
        raise overflow(sweeps)
    found = summands(sweeps, system, limits)
    shape = (program.n,) if program.m == 1 else (program.m, program.n)
    return GeneralizedGradient(
        base=found.base, blocks=tuple(found.blocks), signs=sweeps.signs, complete=found.complete, exact=found.proved,
        reason=found.reason, tolerance=rounding(sweeps.pull_depth) * size,
        tree=program.tree, shape=shape, budget=limits,
    )


def _at(f: Function | Program, x: Any) -> tuple[Sweeps, Callable[[Array], Any]]:
    """The sweeps at the point, and what gives a flat gradient the structure of x."""
    program, values, wrap = followed(f, x, copy=False)
    if program.m != 1:
        raise ValueError(f"f must return one number, got shape {program.shape}")
    return sweeps_of(program, values, 0.0), wrap
