"""A trace is held against plain calls of f: at the point, and at two points next to it.

A function can find out that it is traced (np.isscalar, isinstance, a flag) and take another way than with plain
arrays; it can be random, or depend on what changes between calls.  Then its program is not the function that the user
meant.  The value at the point tells most of it; at a kink both ways often have the same value, and points on two sides
of it tell.  A difference counts only beyond the rounding of the program, which is not made of NumPy's own formulas
everywhere (np.mean is a sum here).
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.user_line import is_ours, is_user, library_name, of_python, package_of
from absnormal.program.nodes import Source
from absnormal.program.program import Program
from absnormal.sweeps.rounding import output_errors
from absnormal.sweeps.table import Sweeps

#: How far off the other points lie, against the size of an entry or 1.
STEP = 2.0**-20
#: Room between the rounding bound of the program and the formulas of a framework.
ROOM = 16.0


def hold_against_plain_calls(
    f: Callable[[Any], Any], program: Program, values: Sequence[Array], scalars: Sequence[bool], order: int = 0
) -> None:
    """Raise where f returns something else when it is called with plain arrays.

    Parameters
    ----------
    program, values
        what was traced, and the values of its nodes at the point
    scalars
        for each leaf of x, whether f gets a number in its place, not an array
    order
        f divides what cancels next to the point by so high a power of the distance, and loses as many digits

    Raises
    ------
    TraceError
        which says whether f is not deterministic, or takes another way while it is traced
    """

    def called(leaves: Sequence[Array]) -> Any:
        # Copies: f may write into its argument.
        given = [leaf[()] if scalar else leaf.copy() for leaf, scalar in zip(leaves, scalars, strict=True)]
        with np.errstate(all="ignore"):
            return _numbers(f(program.tree.rebuild(given)))

    leaves = program.inputs(values)
    try:
        plain = called(leaves)
    except AbsNormalError:
        raise
    except Exception as error:
        if any(leaf.dtype == object for leaf in leaves):
            # Many functions of NumPy take no Fractions.
            return
        refuse_error(f, error)
    if not _agree(plain, program, values):
        refuse(f, plain, called(leaves), values[program.output], "at this point")
    if any(leaf.dtype == object for leaf in leaves):
        return
    steps = [
        STEP * np.maximum(np.abs(leaf), 1.0) * direction
        for leaf, direction in zip(leaves, _directions(tuple([leaf.shape for leaf in leaves])), strict=True)
    ]
    least = min((float(np.abs(step).min(initial=1.0)) for step in steps), default=1.0)
    for sign in (1.0, -1.0):
        near = [np.asarray(leaf + sign * step) for leaf, step in zip(leaves, steps, strict=True)]
        _next_to_it(f, program, near, called, least**-order)


@functools.lru_cache(maxsize=4)
def _directions(shapes: tuple[tuple[int, ...], ...]) -> list[Array]:
    """Where the other points lie, for each leaf of x, in units of its steps."""
    random = np.random.default_rng(len(shapes))
    return [random.uniform(-1.0, 1.0, shape) for shape in shapes]


def _next_to_it(
    f: Callable[[Any], Any], program: Program, near: Sequence[Array], called: Callable[[Sequence[Array]], Any],
    lost: float,
) -> None:
    """The same at a point near by, where f takes the branches that were traced and both are finite."""
    try:
        values = program.evaluate(list(near))
        plain = called(near)
    except Exception:
        # Another branch, or the end of the domain: the point itself has been compared.
        return
    if np.isfinite(plain).all() and not _agree(plain, program, values, lost):
        refuse(f, plain, called(near), values[program.output], "next to this point")


def _numbers(result: Any) -> Array:
    array = np.asarray(result)
    return array if array.dtype == object else array.astype(float)


def _agree(plain: Array, program: Program, values: Sequence[Array], lost: float = 1.0) -> bool:
    """Whether a plain value is that of the program, to rounding, with so large a part of the digits lost."""
    traced = values[program.output]
    if plain.shape != traced.shape:
        return False
    if np.array_equal(plain, traced):
        return True
    exact = traced.dtype == object or plain.dtype == object
    if exact and all(isinstance(item, (Fraction, int)) for item in (*plain.flat, *traced.flat)):
        return False
    apart = np.abs(plain.astype(float) - traced.astype(float))
    if exact:
        sizes = [float(np.abs(value.astype(float)).max(initial=0.0)) for value in values]
        return bool((apart <= 1e-9 * max(size for size in sizes if np.isfinite(size))).all())
    sweeps = Sweeps(program, program.inputs(values), 0.0, list(values))
    return bool((apart <= ROOM * lost * output_errors(sweeps)).all())


def refuse_error(f: Any, error: Exception) -> NoReturn:
    """Raise where f fails when it is called with plain arrays."""
    raised = f"raises {type(error).__name__} when it is called with plain arrays"
    problem = f"{raised}, and not while it is traced: {error}"
    raise TraceError("f", problem, "call f at x, and fix it there", line_of(f)) from error


def refuse_while_traced(f: Any, x: Callable[[], Any], error: Exception) -> None:
    """Raise a `TraceError` where f fails because it is traced: with plain arrays, which ``x()`` makes, it does not."""
    try:
        with np.errstate(all="ignore"):
            f(x())
    except Exception:
        return
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    # Code of another library is no user's, unless f belongs to it.
    own = package_of(defined.file) if (defined := line_of(f)) else ""
    users = [
        frame for frame in frames if is_user(file := frame.f_code.co_filename) and not of_python(file)
        and package_of(file) in ("", own)]
    source = Source(users[-1].f_code.co_filename, users[-1].f_lineno) if users else defined
    later = frames[frames.index(users[-1]) + 1 :] if users else []
    called = [frame for frame in later if not is_ours(frame.f_code.co_filename)]
    name = library_name(frames[-1]) or (_named(called[0]) if called else "f")
    problem = f"does not take variables: {type(error).__name__}, {str(error).splitlines()[0] if str(error) else ''}"
    fix = "write this step with NumPy's functions"
    if "TracedArray" in str(error):
        fix += ", or give the point as arrays of the framework that f uses (on the command line with --framework)"
    raise TraceError(name, problem, fix, source) from error


def _named(frame: FrameType) -> str:
    """The function that a frame runs, with the library that it belongs to."""
    package, name = package_of(frame.f_code.co_filename), frame.f_code.co_name
    return f"{package}.{frame.f_code.co_qualname.removesuffix('.__init__')}" if package else name


def refuse(f: Any, plain: Array, again: Array, traced: Array, where: str) -> NoReturn:
    """Raise where f returns something else when it is called with plain arrays.

    Parameters
    ----------
    plain, again, traced
        what two plain calls return, and what the trace does
    where
        in words, the point of these
    """
    if not np.array_equal(plain, again, equal_nan=plain.dtype != object):
        raise TraceError(
            "f", f"is not deterministic: two calls {where} return {_said(plain)} and {_said(again)}",
            "draw random numbers, and change what f depends on, before it is called", line_of(f),
        )
    raise TraceError(
        "f", f"returns {_said(plain)} {where} when it is called with plain arrays, and {_said(traced)} while it is"
        " traced: it takes another way there (np.isscalar, isinstance, a flag), or depends on what changes between"
        " calls",
        "let f do the same with every type of argument: compare values, not types", line_of(f),
    )


def _said(value: Array) -> str:
    if value.size == 1:
        return f"{float(value.reshape(-1)[0])!r}"
    return f"an array of shape {value.shape}, {np.array2string(value.astype(float).ravel()[:3], precision=6)[:-1]} ...]"


def line_of(f: Any) -> Source | None:
    """Where f is defined."""
    code = getattr(f, "__code__", None)
    return None if code is None else Source(code.co_filename, code.co_firstlineno)
