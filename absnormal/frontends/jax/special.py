"""Special functions: rows of the operation table, and what JAX differentiates by another argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.jax.opaque import opaque
from absnormal.frontends.jax.run import Call
from absnormal.frontends.numpy.traced import TracedArray

Rule = Callable[..., Any]


def _by_last(op: str, where: Callable[..., Any] | None = None) -> Rule:
    """A row of which only the last argument varies; by the others JAX's own derivative, if it has one."""

    def rule(call: Call, *args: Any) -> Any:
        if not any(isinstance(arg, TracedArray) for arg in args[:-1]):
            return call.write.op(op, *args, given=call.outs[0])
        if where is None:
            return call.write.refuse("is differentiated by its last argument only", "hold the other ones constant")
        shape = call.outs[0].shape
        return opaque(call, [np.broadcast_to(arg, shape) for arg in args], where, batch=len(shape))

    return rule


def _positive(eps: float, *args: Array) -> bool:
    return all(bool((arg > 0).all()) for arg in args)


def _polygamma(call: Call, n: Any, u: Any) -> Any:
    if isinstance(n, TracedArray) or np.any(n != np.round(n)) or np.any(n < 0):
        call.write.refuse("needs constant integers as its order", "give integers")
    return call.write.op("polygamma", n, u, given=call.outs[0])


def _bessel(call: Call, u: Any) -> Any:
    """exp(-|u|) i0(u), a function of |u|; JAX takes the slope of |u| at 0 for 0."""
    size = call.write.kink(call.write.array(u), 0.0, 1.0, "abs")
    call.run.slopes[size.index] = np.zeros(size.shape)
    return call.write.op("i0_exp", size, given=call.outs[0])


SPECIAL: dict[str, Rule] = {
    "bessel_i0e": _bessel,
    "polygamma": _polygamma,
    "zeta": _by_last("zeta"),
    "igamma": _by_last("gammainc", _positive),
    "igammac": _by_last("gammaincc", _positive),
    "regularized_incomplete_beta": _by_last("betainc"),
}
