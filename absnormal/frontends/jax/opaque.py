"""Smooth primitives of JAX as opaque operations: their value and their Jacobian are JAX's own, in double precision."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.jax.run import Call
from absnormal.frontends.meanings.complex_numbers import numbers
from absnormal.frontends.meanings.smoothness import OfFramework
from absnormal.ops.opaque import Smooth

#: Whether a primitive is continuously differentiable, from a machine epsilon and its arguments.
Where = Callable[..., bool]


@dataclass(frozen=True, kw_only=True)
class Kernel(OfFramework):
    """One result of a primitive of real arguments, with the name of the primitive and its parameters."""

    primitive: str
    params: tuple[tuple[str, Any], ...]

    def value(self, *args: Array) -> Array:
        with _double():
            return np.asarray(self._run(*args), dtype=float)

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        """For all copies of the batch at once."""
        jax = require("jax", "jax")
        lead, rest = args[own].shape[: self.batch], args[own].shape[self.batch :]
        with _double():
            copies = [np.reshape(arg, (math.prod(lead), *arg.shape[self.batch :])) for arg in args]
            found = np.asarray(jax.vmap(jax.jacrev(self._run, argnums=own))(*copies), dtype=float)
        return found.reshape(*lead, -1, math.prod(rest)) if found.size else self._nothing(args, own)

    def _nothing(self, args: Sequence[Array], own: int) -> Array:
        lead, rest = args[own].shape[: self.batch], args[own].shape[self.batch :]
        out = self.value(*args).shape[self.batch :]
        return np.zeros((*lead, math.prod(out), math.prod(rest)))

    def as_computed(self, *args: Array) -> Array:
        if self.eps <= np.finfo(float).eps:
            return self.value(*args)
        return np.asarray(self._run(*(arg.astype(np.float32) for arg in args)), dtype=float)

    def _run(self, *args: Any) -> Any:
        jnp = require("jax.numpy", "jax")
        primitive = known(self.primitive)
        given = [jnp.asarray(arg) for arg in args]
        given = [numbers(arg) for arg in given] if self.paired else given
        made = primitive.bind(*given, **dict(self.params))
        found = self.taken(made[self.place] if primitive.multiple_results else made)
        return jnp.stack([found.real, found.imag], -1) if jnp.iscomplexobj(found) else found

    def taken(self, result: Any) -> Any:
        """What counts of a result."""
        return result


@dataclass(frozen=True, kw_only=True)
class Factor(Kernel):
    """The lower half of the result of a primitive, which leaves anything above it."""

    def taken(self, result: Any) -> Any:
        return require("jax.numpy", "jax").tril(result)


@functools.cache
def known(name: str) -> Any:
    """A differentiable primitive by its name."""
    ad = require("jax.interpreters.ad", "jax")
    return next(item for table in (ad.primitive_jvps, ad.primitive_transposes) for item in table if item.name == name)


def _double() -> Any:
    """Double precision, whatever the user has chosen."""
    return require("jax", "jax").enable_x64(True)


def opaque(
    call: Call, args: Sequence[Any], where: Where, place: int = 0, batch: int = 0, kept: str = "",
    paired: bool = False, total: Smooth | None = None, signs: tuple[str, int] | None = None,
    kind: type[Kernel] = Kernel, **params: Any,
) -> Any:
    """A result of the primitive of a call, as an opaque node of some arguments."""
    out = call.outs[place]
    kernel = kind(
        name=call.primitive.name, batch=batch, primitive=call.primitive.name, params=tuple(sorted(params.items())),
        place=place, where=where, eps=epsilon(out.dtype), kept=kept, paired=paired,
        total=total, signs=signs)
    # Complex numbers are given their values part by part.
    given = None if np.iscomplexobj(out) else np.asarray(kernel.taken(out))
    if signs is None:
        return call.write.op("opaque", *args, function=kernel, given=given)
    made = call.write.op("opaque", *args, function=kernel)
    # In double precision the kernel may return the negative of a vector.
    assert given is not None
    turned = kernel.turned(given, made.value)
    return call.write.op("mul", made, np.broadcast_to(turned, made.shape), given=given)
