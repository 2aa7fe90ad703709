"""A trace in JAX is held against plain calls of f: at the point, and at two points next to it, the first time and
where a kink is active.

A function can find out that it is traced (an instance of jax.core.Tracer, a flag) and take another way than with
arrays; it can be random, or depend on what changes between calls.  Then its jaxpr is not the function that the user
meant.  The value at the point tells most of it; at a kink both ways often have the same value, and points on two sides
of it tell.

A plain call and the jaxpr run the same primitives one after the other, so they agree to the last bit, except where a
device adds in any order, JAX looks at concrete values (lax.reduce) or Python's own floats come in: that is rounding.

What `jax.jit` made is not called: a call of it runs the jaxpr that JAX traced and keeps, whatever the arrays are, and
that is the one which was followed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError
from absnormal.frontends.jax.kept import is_compiled
from absnormal.frontends.jax.point import Point
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.plain_call import ROOM, STEP, refuse, refuse_error
from absnormal.judgement.tolerances import cancelled
from absnormal.program.program import Program
from absnormal.sweeps.rounding import output_errors
from absnormal.sweeps.table import Sweeps


def hold_against_plain_calls(point: Point, closed: Any, program: Program, values: Sequence[Array]) -> None:
    """Raise where f returns something else when it is called with arrays.

    Parameters
    ----------
    closed
        the jaxpr that f was traced to; it is not asked for where JAX compiled f
    program, values
        what it was written as, and the values of its nodes at the point

    Raises
    ------
    TraceError
        which says whether f is not deterministic, or takes another way while it is traced
    DomainError
        for NaN on the way, where JAX was asked to find it
    """
    jax = require("jax", "jax")
    if is_compiled(point.f):
        return

    def called(variables: Sequence[Any]) -> Array:
        given = [_as_given(point.leaves[i], leaf) for i, leaf in zip(point.places, variables, strict=True)]
        return _numbers(jax.tree.leaves(point.function(given)))

    def staged(variables: Sequence[Any]) -> Array:
        return _numbers(jax.core.eval_jaxpr(closed.jaxpr, closed.consts, *variables))

    try:
        at_point = called(point.copies())
    except AbsNormalError:
        raise
    except FloatingPointError as error:
        raise DomainError("f", str(error)) from error
    except Exception as error:
        refuse_error(point.f, error)
    allowed = functools.cache(lambda: _allowed(point, program, values))
    if not np.array_equal(at_point, values[program.output]):
        _compare(point, at_point, staged, called, point.copies, allowed, "at this point")
    if point.effects:
        # What f prints or sends elsewhere is not repeated at points that nobody asked for.
        return
    assert point.trace is not None
    if point.trace.near and np.all(program.switching(values)):
        # At a kink alone two ways that differ next to a point have the same value at it as a rule.
        return
    random = np.random.default_rng(len(point.variables))
    steps = [
        np.asarray(
            max(STEP, epsilon(leaf.dtype) ** 0.5) * np.maximum(np.abs(np.asarray(leaf).astype(float)), 1.0)
            * random.uniform(-1.0, 1.0, leaf.shape),
            leaf.dtype,
        )
        for leaf in point.variables
    ]  # fmt: skip
    for moved in (steps, [-step for step in steps]):
        # New arrays for every call, which may take their memory.
        near = functools.partial(_mover(), point.variables, moved)
        try:
            plain = called(near())
        except Exception:
            # The end of the domain: the point itself has been compared.
            continue
        if np.isfinite(plain).all():
            _compare(point, plain, staged, called, near, allowed, "next to this point")
            point.trace.near = True


@functools.cache
def _mover() -> Any:
    """Adds steps to the variables, all at once."""
    jax = require("jax", "jax")
    return jax.jit(lambda leaves, steps: [leaf + step for leaf, step in zip(leaves, steps, strict=True)])


def _compare(
    point: Point, plain: Array, staged: Any, called: Any, variables: Callable[[], Sequence[Any]], allowed: Any,
    where: str,
) -> None:
    traced = staged(variables())
    if np.array_equal(plain, traced, equal_nan=True) or (point.branches and np.isnan(traced).all()):
        # Where another branch is taken, the one that was followed is NaN.
        return
    # The last digits of the result itself may always differ: at the point it may be 0.
    if plain.shape == traced.shape and (
            np.abs(plain - traced) <= np.maximum(allowed(), 4 * _unit(point) * np.abs(plain))).all():
        return
    refuse(point.f, plain, called(variables()), traced, where)


def _unit(point: Point) -> float:
    """The coarsest unit roundoff of what is computed."""
    return max([*point.units, epsilon(point.result), *(epsilon(leaf.dtype) for leaf in point.variables)])


def _allowed(point: Point, program: Program, values: Sequence[Array]) -> Array:
    """How far two evaluations of the program in the precisions of JAX may lie apart.

    The rounding bound is the largest possible one, and grows with every layer of a deep network: there, the largest
    value on the way is the measure.
    """
    unit = _unit(point)
    finite = (np.abs(value[np.isfinite(value)]).max(initial=0.0) for value in values)
    sweeps = Sweeps(program, program.inputs(values), 0.0, list(values))
    bound = ROOM * unit / epsilon("float64") * output_errors(sweeps)
    return np.minimum(bound, cancelled(unit) * max(finite, default=0.0))


def _as_given(leaf: Any, variable: Any) -> Any:
    """A value in the place of a leaf of x: a Python float for a Python float."""
    return float(variable) if type(leaf) is float else variable


def _numbers(leaves: Sequence[Any]) -> Array:
    """What f returned, in float64; one number or array, unless f does otherwise while it is traced."""
    arrays = [np.asarray(leaf).astype(float) for leaf in leaves]
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0), *(array.reshape(-1) for array in arrays)])
