"""Activations: functions of one number, with kinks whose ties are arguments where tools differ, and smooth ones."""

from __future__ import annotations

import math
from typing import Any

from absnormal.frontends.terms import N, Terms, Tie


def parts(write: Terms[N], u: Any, tie: str) -> tuple[N, N]:
    """max(u, 0) and min(u, 0), of one kink."""
    above = write.relu(u, tie)
    return above, write.sub(u, above)


def leaky_relu(write: Terms[N], u: Any, slope: float, tie: str = "leaky_relu") -> N:
    """u above 0, a multiple of it below."""
    return write.kink(u, (1 + slope) / 2, (1 - slope) / 2, tie)


def prelu(write: Terms[N], u: Any, slope: Any, tie: str = "leaky_relu") -> N:
    """The same with a slope that may be a variable."""
    above, below = parts(write, u, tie)
    return write.add(above, write.mul(below, slope))


def elu(write: Terms[N], u: Any, alpha: float = 1.0, scale: float = 1.0, rate: float = 1.0, tie: str = "elu") -> N:
    """scale u above 0, scale alpha (exp(rate u) - 1) below; selu and celu are of this form."""
    above, below = parts(write, u, tie)
    bent = write.scaled(write.op("expm1", write.scaled(below, rate)), alpha)
    return write.scaled(write.add(above, bent), scale)


def clipped(
    write: Terms[N], u: Any, low: Any = None, high: Any = None, below: str = "clip.low", above: str = "clip.high"
) -> N:
    """min(max(u, low), high); the bounds may be variables, and None is no bound."""
    if low is not None:
        u = write.extremum(u, low, 1, below)
    return u if high is None else write.extremum(u, high, -1, above)


def softshrink(write: Terms[N], u: Any, k: float, below: Tie = "shrink.low", above: Tie = "shrink.high") -> N:
    """u moved towards 0 by k, not beyond: min(u + k, 0) + max(u - k, 0)."""
    return write.add(write.kink(write.shifted(u, k), 0.5, -0.5, below), write.relu(write.shifted(u, -k), above))


def power(write: Terms[N], u: N, exponent: float) -> N:
    """u to a constant power, by the operation that is smooth at most u."""
    if exponent == 1:
        return u
    short = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}.get(exponent)
    return write.op(short, u) if short else write.op("power", u, write.constant(exponent))


def softplus(write: Terms[N], u: Any, rate: float = 1.0) -> N:
    """log(1 + exp(rate u)) / rate."""
    return write.scaled(write.op("logaddexp", write.scaled(u, rate), write.constant(0.0)), 1 / rate)


def swish(write: Terms[N], u: Any, rate: float = 1.0) -> N:
    """u times the sigmoid of rate u; silu for 1."""
    return write.mul(u, write.op("expit", write.scaled(u, rate)))


def mish(write: Terms[N], u: Any) -> N:
    """u tanh(softplus(u))."""
    return write.mul(u, write.op("tanh", softplus(write, u)))


def gelu(write: Terms[N], u: Any, tanh: bool = False) -> N:
    """u times the normal distribution, or its approximation by a tanh."""
    if not tanh:
        return write.mul(u, write.op("ndtr", u))
    cube = write.mul(u, write.op("square", u))
    inner = write.scaled(write.add(u, write.scaled(cube, 0.044715)), math.sqrt(2 / math.pi))
    return write.mul(write.scaled(u, 0.5), write.shifted(write.op("tanh", inner), 1.0))
