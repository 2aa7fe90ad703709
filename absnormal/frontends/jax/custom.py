"""Rules of their own: functions of JAX's that are one operation of the table, and slopes that a custom rule uses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.jumps import Columns, Rows, Versions
from absnormal.frontends.jax.run import Run, Seen
from absnormal.frontends.jax.steps import bound
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import ENTRYWISE, TABLE, kink_of, maps_of
from absnormal.ops.linear import applied
from absnormal.program.nodes import Node


def _row(op: str) -> Callable[[Run, Any, list[Seen]], list[Seen]]:
    """A function that is smooth as a whole, although it is written with kinks."""

    def rule(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen]:
        (inner,) = called(eqn)
        jax = require("jax", "jax")
        value = jax.core.eval_jaxpr(inner.jaxpr, inner.consts, *(seen.value for seen in inputs))[0]
        assert run.builder.user is not None
        start = len(run.builder.nodes)
        written = Writer(run.builder, *run.builder.user).op(op, *(run.operand(seen) for seen in inputs), given=value)
        return [run.seen(value, written, start)]

    return rule


#: Public functions of JAX's, with the shapes of their arguments, that are one operation: (module, name, shapes, row).
_PUBLIC = (
    ("jax.numpy", "logaddexp", ((), ()), "logaddexp"), ("jax.numpy", "logaddexp2", ((), ()), "logaddexp2"),
    ("jax.numpy", "hypot", ((), ()), "hypot"),
    ("jax.numpy", "sinc", ((),), "sinc"), ("jax.numpy", "i0", ((),), "i0"),
    ("jax.scipy.special", "log_ndtr", ((),), "log_ndtr"), ("jax.numpy", "interp", ((), (2,), (2,)), ""),
    ("jax.numpy", "signbit", ((),), ""), ("jax.scipy.special", "xlogy", ((), ()), ""),
)


def _interpolated(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """jnp.interp between constant knots, as it is by default; None for its other forms."""
    (inner,) = called(eqn)
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    if len(inputs) != 3 or any(seen.traced is not None for seen in inputs[1:]):
        return None
    x, knots, values = (seen.value for seen in inputs)
    steps = np.diff(np.asarray(knots))
    if not isinstance(inputs[0].traced, TracedArray) or not steps.size or (steps <= 0).any():
        return None
    # A period or another value beyond the knots is another program.
    (plain,) = called(jax.make_jaxpr(jnp.interp)(x, knots, values).jaxpr.eqns[-1])
    if str(plain.jaxpr) != str(inner.jaxpr):
        return None
    value = jax.core.eval_jaxpr(inner.jaxpr, inner.consts, x, knots, values)[0]
    start = len(run.builder.nodes)
    traced: Any = inputs[0].traced
    written: Any = np.interp(traced, np.asarray(knots, dtype=float), np.asarray(values, dtype=float))
    return [run.seen(value, written, start)]


def _sign_bit(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """jnp.signbit, a comparison with 0 that takes -0.0 to lie below; None where an entry is that."""
    traced, value = inputs[0].traced, np.asarray(inputs[0].value)
    if not isinstance(traced, TracedArray) or (np.signbit(value) & (value == 0)).any():
        return None
    written: Any = np.less(traced, 0.0)
    return [run.seen(require("jax.numpy", "jax").signbit(inputs[0].value), written, len(run.builder.nodes))]


def library_rule(jaxpr: Any) -> Callable[[Run, Any, list[Seen]], list[Seen] | None] | None:
    """The rule of one of JAX's own functions that is one operation, by the function that a jaxpr was made from."""
    return _library().get(_made_from(jaxpr))


def _times_log(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """u log(v); None where u is constant, and selects where v counts."""
    return _row("xlogy")(run, eqn, inputs) if isinstance(inputs[0].traced, TracedArray) else None


def _by_pieces(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """jnp.piecewise where a condition is tied: each piece everywhere, and the last one whose condition holds is chosen;
    None where no condition is tied, and where vmap has moved the axes."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    (inner,) = called(eqn)
    x, conditions, *others = inputs
    rows = _rows(conditions)
    if rows is None or any(row.value.shape != (1, *x.value.shape) for row in rows):
        return None

    def by(f: Callable[..., Any], *given: Seen) -> Seen:
        return run.closed(jax.make_jaxpr(f)(*(seen.value for seen in given)), given)[0]

    def chosen(which: Any, pieces: Any) -> Any:
        return functools.reduce(lambda made, pair: by(jax.lax.select_n, pair[0], made, pair[1]),
                                zip(which, pieces[1:], strict=True), pieces[0])

    count = len(rows)
    alone = np.eye(count, count + 1, 1, dtype=bool).T.reshape(count + 1, count, *(1,) * x.value.ndim)
    held = [Seen(jnp.broadcast_to(one, conditions.value.shape)) for one in alone]
    drawn = np.random.default_rng(0).random(conditions.value.shape) < 0.5
    plain = [bound(eqn, [x.value, one.value, *(seen.value for seen in others)])[0] for one in held]
    expected = chosen([Seen(jnp.asarray(row)) for row in drawn], [Seen(value) for value in plain]).value
    if not np.array_equal(bound(eqn, [x.value, drawn, *(seen.value for seen in others)])[0], expected, equal_nan=True):
        return None
    pieces = [run.closed(inner, [x, one, *others])[0] for one in held]
    which = [by(lambda row: row[0], row) for row in rows]
    somewhere = by(lambda *parts: functools.reduce(jnp.logical_or, parts), *which)
    if somewhere.traced is None and bool(jnp.all(somewhere.value)):
        # One of them holds: the first one, where no other does.
        which, pieces = which[1:], pieces[1:]
    return [chosen(which, pieces)]


def _rows(conditions: Seen) -> Sequence[Seen] | None:
    """Conditions on top of each other, one by one; None where none of them is tied."""
    traced, value = conditions.traced, conditions.value
    if isinstance(traced, Columns | Versions):
        return traced.parts
    if not isinstance(traced, TracedMask) or not np.any(traced.tied):
        return None
    if isinstance(traced, Rows):
        return [Seen(value[number : number + 1], part if isinstance(part, TracedMask) else None)
                for number, part in enumerate(traced.parts)]
    return [conditions] if len(value) == 1 else None


_RULES = {"interp": _interpolated, "signbit": _sign_bit, "xlogy": _times_log}


@functools.cache
def _library() -> dict[Any, Callable[[Run, Any, list[Seen]], list[Seen] | None]]:
    """Where the functions behind the public ones are written: each is traced, whatever it is called inside."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    found: dict[Any, Callable[[Run, Any, list[Seen]], list[Seen] | None]] = {}
    for module, name, shapes, op in _PUBLIC:
        public = getattr(require(module, "jax"), name)
        outer = jax.make_jaxpr(public)(*(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)).jaxpr
        inner = [closed.jaxpr for eqn in outer.eqns[-1:] for closed in called(eqn)]
        if len(outer.eqns) == 1 and len(inner) == 1:
            found[_made_from(inner[0])] = _row(op) if op else _RULES[name]
    pieces = jax.make_jaxpr(lambda x: jnp.piecewise(x, [x > 0], [1.0]))(jnp.zeros(1)).jaxpr.eqns[-1]
    found |= {_made_from(closed.jaxpr): _by_pieces for closed in called(pieces)}
    return found


def called(eqn: Any) -> list[Any]:
    """The closed jaxpr of a call; none of another equation."""
    given = (eqn.params.get(name) for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"))
    return [closed for closed in given if hasattr(closed, "jaxpr")]


def _made_from(jaxpr: Any) -> Any:
    """The file, the line and the name of the function that a jaxpr was made from."""
    info = jaxpr.debug_info
    return info.func_filename, info.func_lineno, info.func_name


def probe(run: Run, eqn: Any, inputs: list[Seen], results: list[Seen], start: int) -> None:
    """Give the active kinks inside an entrywise custom rule the slope with which the rule's derivative comes out.

    The rule's derivative d lies between the derivatives L and R that slopes -1 and +1 give: the slope is
    (2 d - L - R) / (R - L).  Where it is none in [-1, 1], the kinks keep the slopes of what they are written in; the
    gradient then differs from the modelled one, and the vector is judged as it is.
    """
    builder = run.builder
    active = [index for index in range(start, len(builder.nodes)) if _is_active(run, index)]
    varied = [place for place, seen in enumerate(inputs) if isinstance(seen.traced, TracedArray)]
    if not active or len(varied) != 1 or len(results) != 1:
        return
    place, out = varied[0], results[0].traced
    argument = inputs[place].traced
    if not isinstance(out, TracedArray) or not isinstance(argument, TracedArray) or argument.shape != out.shape:
        return
    nodes = builder.nodes[start:]
    shapes = {node.shape for node in nodes if node.varied}
    if shapes != {out.shape} or any(node.op not in ENTRYWISE for node in nodes if node.varied):
        return
    left, right = (_pushed(run, start, argument.index, out.index, slope) for slope in (-1.0, 1.0))
    values = [seen.value for seen in inputs]
    derivative = _derivative(eqn, values, place)
    precision = float(require("jax.numpy", "jax").finfo(values[place].dtype).eps)
    jump = right - left
    slope = np.clip((2 * derivative - left - right) / np.where(jump == 0, 1, jump), -2, 2)
    definite = np.round(slope)
    slope = np.where(np.abs(slope - definite) < 64 * precision, definite, slope)
    if (np.abs(slope) > 1).any():
        return
    for index in active:
        run.slopes[index] = slope


def _is_active(run: Run, index: int) -> bool:
    node = run.builder.nodes[index]
    if not node.switches or not node.varied:
        return False
    values = [run.builder.values[arg] for arg in node.args]
    return bool((kink_of(node.op).switching(node.params, values) == 0).any())


def _derivative(eqn: Any, values: list[Any], place: int) -> Array:
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")

    def along(value: Any) -> Any:
        return bound(eqn, [*values[:place], value, *values[place + 1 :]])[0]

    here = values[place]
    if eqn.primitive.name == "custom_jvp_call":
        # Forward is quicker: the rule is linear in its tangents, and each entry has one of its own.
        return np.asarray(jax.jvp(along, (here,), (jnp.ones_like(here),))[1]).astype(float)
    total, pull = jax.vjp(along, here)
    return np.asarray(pull(jnp.ones_like(total))[0]).astype(float)


def _pushed(run: Run, start: int, argument: int, out: int, slope: float) -> Array:
    """The derivative of an entrywise stretch of the program with one slope at its active kinks."""
    builder = run.builder
    tangents: dict[int, Array] = {argument: np.ones(builder.nodes[argument].shape)}
    for index in range(start, len(builder.nodes)):
        node = builder.nodes[index]
        inner = [tangents.get(arg) for arg in node.args]
        if any(tangent is not None for tangent in inner):
            tangents[index] = _through(node, [builder.values[arg] for arg in node.args], builder.values[index],
                                       inner, slope)
    found = tangents.get(out)
    return np.zeros(builder.nodes[out].shape) if found is None else np.broadcast_to(found, builder.nodes[out].shape)


def _through(node: Node, values: list[Array], value: Array, inner: list[Array | None], slope: float) -> Array:
    kink, tangents = TABLE[node.op].kink, [None if t is None else t[None] for t in inner]
    if kink is None:
        return np.asarray(applied(maps_of(node.op)(node.params, values, value, node.shape), tangents, 1, node.shape)[0])
    signs = np.sign(kink.switching(node.params, values))
    shapes = [None if t is None else v.shape for t, v in zip(inner, values, strict=True)]
    piece = kink.derivative(node.params, shapes, node.shape, np.where(signs == 0, slope, signs))
    return np.asarray(piece.push(tangents, 1)[0])
