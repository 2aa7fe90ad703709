"""Rules that a user registers for primitives of JAX."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.control import CONTROL
from absnormal.frontends.jax.primitives import RULES
from absnormal.frontends.jax.run import Call
from absnormal.frontends.own_rules import OwnRule, keywords


def register(name: str, f: Callable[..., Any]) -> None:
    """Follow a primitive as f, which takes by name what it reads of the parameters.

    Raises
    ------
    ValueError
        where the primitive has a rule
    """
    if name in RULES or name in CONTROL:
        raise ValueError(f"the primitive {name} has a rule")
    own = OwnRule("JAX", f)

    def rule(call: Call, *args: Any, **named: Any) -> Any:
        if call.primitive.multiple_results:
            call.write.refuse("has several results", "write it with operations that have one")
        jnp = require("jax.numpy", "jax")

        def compute(values: Sequence[Any]) -> Array:
            given = [jnp.asarray(v, held.dtype) for v, held in zip(values, call.values, strict=True)]
            return np.asarray(call.bind(*given)).astype(float)

        return own(call.write, args, named, compute, float(jnp.finfo(call.outs[0].dtype).eps))

    # It reads the parameters that f does; a primitive need not have those with a default.
    rule.__signature__ = inspect.Signature(keywords(f))  # type: ignore[attr-defined]
    RULES[name] = rule
