"""Primitives without a rule that are written in JAX: they are followed through what they are written in.

JAX's own derivative of such a primitive is a formula of JAX's; that of another library is derivative code of somebody
else's, as a custom rule is.  Linear systems of lineax are followed as what they solve.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.errors import AbsNormalError
from absnormal.frontends.jax.derivatives import codes, of_jax
from absnormal.frontends.jax.jumps import Jump
from absnormal.frontends.jax.primitives import NAMES
from absnormal.frontends.jax.refused import refusal
from absnormal.frontends.jax.run import Run, Seen, jump_of
from absnormal.frontends.jax.solvers import solved
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer


def followed(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """The results of a primitive through its implementation; None where it has none that is written in JAX."""
    solutions = solved(run, eqn, inputs)
    if solutions is not None or jump_of(inputs) is not None:
        return solutions
    values = [seen.value for seen in inputs]
    closed = _written(eqn, values)
    if closed is None:
        return None
    named = _foreign(eqn, run)
    if named is not None and run.stopped == "constant" and _stopped(run, inputs) and not _agree(
            eqn, closed, values, [_moves(run, seen) for seen in inputs]):
        Writer(run.builder, *(run.builder.user or (eqn.primitive.name, run.around))).refuse(
            "has a derivative rule of its own, which may differentiate by what stop_gradient holds constant",
            'give stopped="followed"')
    run.distrust(named)
    return run.closed(closed, inputs)


def _stopped(run: Run, inputs: list[Seen]) -> bool:
    """Whether something that goes in comes from behind a stop_gradient."""
    nodes = [seen.traced.index for seen in inputs if isinstance(seen.traced, TracedArray)]
    return not run.builder.reach(nodes).isdisjoint(run.detached)


def _moves(run: Run, seen: Seen) -> bool:
    """Whether a value depends on the variables, also where what stop_gradient holds is constant."""
    if not isinstance(seen.traced, TracedArray):
        return not isinstance(seen.traced, Jump | None)
    reached = run.builder.reach([seen.traced.index], run.detached)
    return any(run.builder.nodes[index].op == "input" for index in reached)


def _agree(eqn: Any, closed: Any, values: list[Any], moved: list[bool]) -> bool:
    """Whether a rule differentiates by what moves as the implementation is differentiated, along some direction."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    moved = [moves and bool(jnp.issubdtype(value.dtype, jnp.inexact))
             for value, moves in zip(values, moved, strict=True)]
    random = np.random.default_rng(0)
    given = [value for value, moves in zip(values, moved, strict=True) if moves]
    along = [jnp.asarray(random.standard_normal(value.shape), value.dtype) for value in given]

    def rates(results: Callable[..., Any]) -> list[Any]:
        def of_moved(*parts: Any) -> Any:
            rest = iter(parts)
            made = results(*(next(rest) if moves else value for value, moves in zip(values, moved, strict=True)))
            made = made if isinstance(made, list | tuple) else [made]
            return [out for out in made if jnp.issubdtype(out.dtype, jnp.inexact)]

        return jax.jvp(of_moved, tuple(given), tuple(along))[1]  # type: ignore[no-any-return]

    by_rule = rates(lambda *args: eqn.primitive.bind(*args, **eqn.params))
    written = rates(lambda *args: jax.core.eval_jaxpr(closed.jaxpr, closed.consts, *args))
    return all(np.allclose(one, other, rtol=np.sqrt(jnp.finfo(one.dtype).eps), equal_nan=True)
               for one, other in zip(by_rule, written, strict=True))


def without_rule(run: Run, name: str, inputs: list[Seen], results: list[Any]) -> list[Seen]:
    """The results of a primitive without a rule: constants, to find what else has none.

    Nothing may need them where stop_gradient holds all that goes in: what is computed to be held constant, such as the
    factors of a matrix, is not always used.
    """
    assert run.builder.user is not None
    source = run.builder.user[1]
    if not any(_moves(run, seen) for seen in inputs):
        jump = Jump.of(refusal({name: source}, NAMES))
        return [Seen(value, jump) for value in results]
    run.missing.setdefault(name, source)
    return [Seen(value) for value in results]


def _written(eqn: Any, values: list[Any]) -> Any:
    """The jaxpr of an implementation, in which the primitive itself does not occur."""
    implementation, jax = _implementation(eqn.primitive), require("jax", "jax")
    if implementation is None:
        return None

    def call(*given: Any) -> Any:
        return implementation(*given, **eqn.params)

    try:
        with eqn.ctx.manager:
            closed = jax.make_jaxpr(call)(*values)
    except AbsNormalError:
        raise
    except Exception:
        # It is not written in JAX: it asks for the numbers, or for a device.
        return None
    fits = [out.aval.shape for out in closed.jaxpr.outvars] == [out.aval.shape for out in eqn.outvars]
    return closed if fits and eqn.primitive.name not in set(_names(closed.jaxpr)) else None


def _names(jaxpr: Any) -> Iterator[str]:
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for value in eqn.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _names(inner)


def _implementation(primitive: Any) -> Callable[..., Any] | None:
    """The Python function that computes a primitive, run as it is or compiled."""
    own: Callable[..., Any] = primitive.impl
    plain = inspect.unwrap(getattr(own, "func", own))
    code = getattr(plain, "__code__", None)
    compiled = code is None or code.co_filename.endswith(("dispatch.py", "core.py"))
    if not compiled:
        return own
    mlir = require("jax._src.interpreters.mlir", "jax")
    entry = getattr(mlir, "_lowerings", {}).get(primitive)
    rule = getattr(entry, "rule", entry)
    if rule is None or not getattr(rule, "__qualname__", "").startswith("lower_fun."):
        return None
    return inspect.getclosurevars(rule).nonlocals.get("fun")


def _foreign(eqn: Any, run: Run) -> str | None:
    """What names the derivative code of a primitive, None where it is JAX's own."""
    ad = require("jax.interpreters.ad", "jax")
    rules = [table[eqn.primitive] for table in (ad.primitive_jvps, ad.primitive_transposes) if eqn.primitive in table]
    if all(of_jax(code.co_filename) for rule in rules for code in codes(rule)):
        return None
    where = f" at {run.around}" if run.around is not None else ""
    return f"a derivative rule of its own: {eqn.primitive.name}{where}"
