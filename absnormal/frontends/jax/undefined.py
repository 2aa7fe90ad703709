"""Where a gradient of JAX's became NaN or infinite: the lines whose own derivative is not finite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from absnormal._optional import require
from absnormal.frontends.jax.derivatives import user_line
from absnormal.frontends.jax.steps import bound


@dataclass(frozen=True, eq=False)
class _Value:
    """A value, and the equation and values that it was made of."""

    value: Any
    eqn: Any = None
    inputs: tuple[_Value, ...] = ()

    @property
    def finite(self) -> bool:
        """Whether it holds no NaN and no infinity."""
        jnp = require("jax.numpy", "jax")
        inexact = hasattr(self.value, "dtype") and jnp.issubdtype(self.value.dtype, jnp.inexact)
        return not inexact or bool(jnp.isfinite(self.value).all())


def undefined(function: Callable[[Any], Any], variables: Any) -> tuple[str, ...]:
    """The lines at which NaN or infinity comes up on the way to the gradient of a function; none where it does not run
    again."""
    jax = require("jax", "jax")
    closed = jax.make_jaxpr(jax.grad(function))(variables)
    try:
        results = _values(closed.jaxpr, closed.consts, [_Value(leaf) for leaf in jax.tree.leaves(variables)])
    except (FloatingPointError, jax.errors.JaxRuntimeError):
        # What jax.debug_nans finds, or a callback of the user's raises.
        return ()
    found: dict[str, None] = {}
    stack, seen = [value for value in results if not value.finite], set[int]()
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        behind = [before for before in value.inputs if not before.finite]
        stack += behind
        source = None if value.eqn is None or behind else user_line(value.eqn.source_info.traceback)
        if source is not None:
            found[f"what is computed at {source}"] = None
    return tuple(found)


def _values(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[_Value]) -> list[_Value]:
    """The results of a jaxpr, with those of calls inside of it followed into them."""
    known: dict[Any, _Value] = dict(zip(jaxpr.constvars, map(_Value, consts), strict=True))
    known.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> _Value:
        return _Value(atom.val) if hasattr(atom, "val") else known[atom]

    for eqn in jaxpr.eqns:
        given = tuple(read(atom) for atom in eqn.invars)
        inner = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
        if eqn.primitive.name in ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"):
            outs = _values(inner.jaxpr, inner.consts, given)
        else:
            outs = [_Value(value, eqn, given) for value in bound(eqn, [each.value for each in given])]
        known.update(zip(eqn.outvars, outs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]
