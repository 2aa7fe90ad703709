"""JAX: the jaxpr of a function, followed at the point and written as a program.

Every equation runs once, by JAX's own kernel.  What depends on the variables is written by the rules of
`primitives`, and the value that JAX computed is put in its place, so that activity is decided by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError, NoGradientError, SeveralNumbersError, TraceError
from absnormal.frontends import detached
from absnormal.frontends.jax.again import Recording
from absnormal.frontends.jax.branches import branched
from absnormal.frontends.jax.complex_numbers import Pair
from absnormal.frontends.jax.jumps import Jump
from absnormal.frontends.jax.kept import compiled_jaxpr, trace_of, trace_of_compiled
from absnormal.frontends.jax.plain_call import hold_against_plain_calls
from absnormal.frontends.jax.point import Point
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.jax.probe import FUNCTION_OF, slope_of
from absnormal.frontends.jax.run import Run, Seen
from absnormal.frontends.jax.undefined import undefined
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.ties.slopes import of_nodes
from absnormal.frontends.traced_call import TracedCall, held_constant, precision_note
from absnormal.frontends.writing import in_words
from absnormal.program.builder import Builder
from absnormal.program.program import Program
from absnormal.program.tree import Tree

#: Values that JAX computes, or that are between what it computed, are made when they are asked for.  A smooth operation
#: in between is computed at once: it may overflow, or not be smooth.
LATER = frozenset({"movement", "linear", "bilinear", "kinked"})


def capture(f: Callable[[Any], Any], x: Any, stopped: str = "constant") -> TracedCall:
    """f as JAX runs it at x, with the gradient that ``jax.grad`` returns there.

    Parameters
    ----------
    f
        a function of one argument that returns one number; ``jax.jit(f)`` is judged as it is compiled
    x
        a JAX array or a pytree; its floating-point arrays are the variables, and Python's floats in dicts, lists and
        tuples, as for ``jax.grad``; everything else is held fixed, as are the floats that are settings of a module
        (``eqx.nn.Dropout(p)``), which a note names
    stopped
        whether what is behind a stop_gradient is held "constant" or "followed"

    Raises
    ------
    TraceError
        for a branch at a tie, or for primitives without a rule, which are all listed; where f returns something else
        when it is called without tracers
    DomainError
        for NaN or infinity on the way
    ValueError
        when x has no floating-point array, or f returns something other than one number

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> captured = capture(lambda x: jnp.sum(jax.nn.relu(x) - jax.nn.relu(-x)), jnp.zeros(1))
    >>> captured.gradient, captured.slopes
    (array([0.]), array([-1., -1.]))
    """
    jax = require("jax", "jax")
    program, values, point = _followed(f, x, stopped)
    if program.shape != ():
        raise SeveralNumbersError(program.shape)
    if not jax.numpy.issubdtype(point.result, jax.numpy.floating):
        raise ValueError(f"f must return a real number, got {point.result}")
    assert point.trace is not None
    dtype = np.result_type(*(_as_numpy_dtype(leaf.dtype) for leaf in point.variables))
    coarse = dtype != np.float64 or point.overflows
    notes = (precision_note(point.variables[0].dtype, "JAX", point.overflows), *point.notes) if coarse else point.notes
    call = TracedCall(
        program=program, values=values, dtype=dtype, tool="jax", wrap=point.wrap, unwrap=point.unwrap, notes=notes,
        units=point.units,
    )
    try:
        leaves = [np.asarray(leaf).astype(float) for leaf in point.trace.gradient(point)]
    except NoGradientError as error:
        error.call = call
        raise
    infinite = not all(np.isfinite(leaf).all() for leaf in leaves)
    return replace(
        call, slopes=of_nodes(program, values, lambda tie: slope_of(FUNCTION_OF[tie]), point.slopes), leaves=leaves,
        foreign=point.foreign, undefined=undefined(point.function, point.variables) if infinite else (),
        other_precision=lambda: _in_other_precision(f, point, dtype),
    )


def _in_other_precision(f: Callable[[Any], Any], point: Point, dtype: Any) -> TracedCall | None:
    """f at x in float64, or in float32 where float64 is its own precision; None where f does not run in it."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    double = dtype != np.float64
    target = np.float64 if double else np.float32
    variables = [np.asarray(leaf).astype(target) for leaf in point.variables]
    with jax.enable_x64(double), warnings.catch_warnings():
        # Where float64 is asked for by name, float32 is what comes.
        warnings.simplefilter("ignore")
        try:
            return capture(f, point.rebuilt([jnp.asarray(leaf) for leaf in variables]))
        except (TypeError, ValueError, AbsNormalError):
            return None


def _as_numpy_dtype(dtype: Any) -> Any:
    """bfloat16 and its kin are rounded more coarsely than any float of NumPy's."""
    return np.dtype(dtype) if np.dtype(dtype).kind == "f" else np.dtype(np.float16)


def followed(f: Callable[[Any], Any], x: Any) -> TracedCall:
    """f at x without JAX's gradient: the slopes of its rules are not asked for."""
    program, values, point = _followed(f, x, "constant")
    return TracedCall(program, values, "jax", point.wrap, point.unwrap)


def _followed(f: Callable[[Any], Any], x: Any, stopped: str) -> tuple[Program, Sequence[Array], Point]:
    """The program of f at x, the values of its nodes, and the point."""
    point = Point(f, x)
    staged = compiled_jaxpr(point)
    point.trace, closed = trace_of_compiled(point, staged), None
    if point.trace is None:
        closed = _jaxpr(point)
        point.trace = trace_of(point, closed, staged)
    again = point.trace.again
    known = again.at(point) if again is not None and stopped == "constant" else None
    if again is not None and known is not None:
        point.result, point.units, point.notes = again.result, again.units, (*point.notes, *again.notes)
        hold_against_plain_calls(point, closed, *known)
        return *known, point
    return _followed_anew(point, _jaxpr(point) if closed is None else closed, stopped)


def _followed_anew(point: Point, closed: Any, stopped: str) -> tuple[Program, Sequence[Array], Point]:
    """The same, equation by equation."""
    assert point.trace is not None
    tree, leaves = Tree.of(point.arrays())
    builder = Builder(tree, leaves, later=LATER)
    for index, leaf in enumerate(point.variables):
        builder.units[index] = epsilon(leaf.dtype)
    recording = Recording(len(leaves))
    run = Run(builder, recording, stopped=stopped)
    inputs = [Seen(leaf, TracedArray(builder, i), i) for i, leaf in enumerate(point.variables)]
    try:
        results = run.closed(closed, inputs)
        run.check()
        for seen in results:
            if isinstance(seen.traced, Jump | Either | Places):
                run.operand(seen)
    except TraceError as error:
        said = in_words(error, "jnp.{}".format)
        if said.source is None and point.tied is not None:
            said = TraceError("a branch", said.problem, said.fix, point.tied)
        raise said from error.__cause__
    if len(results) != 1:
        raise ValueError(f"f must return one number, got {len(results)} arrays")
    traced = results[0].traced
    if isinstance(traced, Pair):
        raise ValueError("f must return a real number, got complex ones")
    if isinstance(traced, TracedMask):
        raise TraceError("f", "f returns a comparison, which jumps", "return a real number", traced.source)
    if isinstance(traced, TracedArray):
        output = traced.index
    else:
        output = builder.constant(np.asarray(results[0].value).astype(float))
    detached.settle(builder, run.detached, output)
    held: tuple[str, ...] = ()
    if stopped == "constant":
        held = held_constant(detached.hold(builder, run.detached, output))
    else:
        reached = builder.reach([output])
        run.foreign += [f"stop_gradient at {builder.nodes[i].source}" for i in run.detached if i in reached]
    found = builder.finished(output)
    point.notes += (*held, *run.notes)
    point.result = results[0].value.dtype
    run.foreign += [f"{place}, which jumps at this point and counts as a constant" for place in builder.taken_flat]
    point.foreign, point.units = tuple(run.foreign), found.units
    point.slopes = found.placed(run.slopes)
    point.effects = bool(closed.effects)
    hold_against_plain_calls(point, closed, found.program, found.values)
    if builder.overflows:
        point.overflows = True
        return found.program, found.values.anew(), point
    alone = held or point.foreign or point.slopes or point.effects or point.trace.calls_python
    if stopped == "constant" and not alone:
        point.trace.again = recording.again(found, run.detached, point.result, tuple(run.notes))
    return found.program, found.values, point


def _jaxpr(point: Point) -> Any:
    jax = require("jax", "jax")
    try:
        try:
            return jax.make_jaxpr(point.function)(point.variables)
        except jax.errors.TracerBoolConversionError:
            found, notes, point.tied = branched(point.function, point.variables)
            point.branches, point.notes = True, (*point.notes, *notes)
            return found
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise TraceError(
            "f", f"f looks at the value of a traced array: {str(error).splitlines()[0]}",
            "use jnp.where, jax.lax.cond or jax.lax.while_loop for a branch on it",
        ) from error
    except FloatingPointError as error:
        raise DomainError("f", str(error)) from error
