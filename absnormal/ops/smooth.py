"""Entrywise operations: a line is the value and the partial derivatives, f(u) = v has derivative d.

A partial derivative that can underflow although it is not 0 is kept from being an exact 0 by `never`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import LinearMap, Scale
from absnormal.ops.table import Op, Params, never

Partials = Callable[..., Sequence[Any]]


def entrywise_row(
    name: str, value: Callable[..., Any], partials: Partials, domain: Any = None, show: str = "",
    family: str = "smooth", decisive: tuple[int, ...] | None = None,
) -> Op:
    """A row; ``partials`` takes the arguments and the value."""

    def compute(params: Params, *args: Array) -> Array:
        return np.asarray(value(*args))

    def maps(params: Params, args: list[Array], out: Array, shape: tuple[int, ...]) -> list[LinearMap]:
        return [Scale(p, arg.shape, shape) for p, arg in zip(partials(*args, out), args, strict=True)]

    inside = None if domain is None else lambda params, *args: domain(*args)
    return Op(name, compute, maps, family, inside, show or name + "({all})", decisive=decisive)


def unary(name: str, value: Any, partial: Any, domain: Any = None, show: str = "") -> Op:
    """A row of one argument; ``partial`` takes it and the value."""
    return entrywise_row(name, value, lambda u, v: (partial(u, v),), domain, show)


def _power(u: Array, e: Array) -> Array:
    if u.dtype == object and any(item != int(item) for item in e.ravel()):
        raise TypeError("a root of a rational number")
    return np.asarray(np.power(u, e))


def _power_partials(u: Array, e: Array, v: Array) -> tuple[Any, ...]:
    # The exponent is constant: its partial derivative is never used.
    base = np.where((u == 0) & (e == 0), 1, u)
    return never(e * base ** (e - 1), (e == 0) | ((u == 0) & (e != 1))), 0


def _power_domain(u: Array, e: Array) -> Any:
    """Where u ** e is C^1: everywhere for e = 0, 1, ..., off 0 for e = -1, -2, ..., for u > 0 otherwise."""
    e = np.asarray(e, dtype=float)
    return (u > 0) | ((e == np.round(e)) & ((u != 0) | (e >= 0)))


def _size_power_partials(u: Array, e: Array, v: Array) -> tuple[Any, ...]:
    # As for power; |u| ** (e - 1) is 0 at 0.
    return never(e * np.sign(u) * np.abs(u) ** (e - 1), u == 0), 0


def _div_partials(u: Array, v: Array, w: Array) -> tuple[Any, ...]:
    slope = np.asarray(w / -v)
    # Where no entry is 0 it need not be known where u is.
    return 1 / v, slope if slope.all() else never(slope, u == 0)


def _arctan2_partials(u: Array, v: Array, w: Array) -> tuple[Any, ...]:
    r = np.hypot(u, v)
    return never(v / r / r, v == 0), never(-u / r / r, u == 0)


def _sinc_slope(u: Array, v: Array) -> Array:
    t = np.pi * u
    # The series, where the formula cancels.
    series = np.pi * t * (-1 / 3 + t**2 * (1 / 30 - t**2 * (1 / 840 - t**2 / 45360)))
    return np.where(abs(t) < 0.1, series, (np.cos(t) - v) / np.where(u == 0, 1, u))


def _logaddexp_partials(u: Array, v: Array, w: Array) -> tuple[Any, ...]:
    return never(np.exp(u - w)), never(np.exp(v - w))


def special(name: str) -> Callable[..., Any]:
    """A function of scipy.special, which is slow to load, imported when it is called."""
    return lambda *args: getattr(importlib.import_module("scipy.special"), name)(*args)


def _sigmoid_slope(u: Array, v: Array) -> Array:
    # It is even, and no term of it cancels or overflows.
    tail = np.exp(-np.abs(u))
    return never(tail / np.square(1 + tail))


def _off_poles(u: Array) -> Array:
    """Where the gamma function has no pole."""
    return np.asarray((u > 0) | (u != np.floor(u)))


def _over(v: Array, u: Array) -> Array:
    """The Bessel function i1 over its argument."""
    return np.where(u == 0, 0.5, v / np.where(u == 0, 1, u))


def _gamma_density(a: Array, u: Array) -> Array:
    return never(np.exp((a - 1) * np.log(u) - u - special("gammaln")(a)))


def _beta_density(a: Array, b: Array, u: Array) -> Array:
    return never(np.exp((a - 1) * np.log(u) + (b - 1) * np.log1p(-u) - special("betaln")(a, b)))


SMOOTH = (
    entrywise_row("add", np.add, lambda u, v, w: (1, 1), None, "{0} + {1}", "linear"),
    entrywise_row("sub", np.subtract, lambda u, v, w: (1, -1), None, "{0} - {1}", "linear"),
    entrywise_row("neg", np.negative, lambda u, w: (-1,), None, "-{0}", "linear"),
    entrywise_row("mul", np.multiply, lambda u, v, w: (v, u), None, "{0} * {1}", "bilinear"),
    entrywise_row("div", np.true_divide, _div_partials, lambda u, v: v != 0, "{0} / {1}", decisive=(1,)),
    entrywise_row("power", _power, _power_partials, _power_domain, "{0} ** {1}"),
    entrywise_row("size_power", lambda u, e: np.abs(u) ** e, _size_power_partials, lambda u, e: np.asarray(e) > 1,
                  "|{0}| ** {1}"),
    entrywise_row("logaddexp", np.logaddexp, _logaddexp_partials),
    entrywise_row("logaddexp2", np.logaddexp2, lambda u, v, w: (never(np.exp2(u - w)), never(np.exp2(v - w)))),
    entrywise_row("hypot", np.hypot, lambda u, v, w: (never(u / w, u == 0), never(v / w, v == 0)),
                  lambda u, v: (u != 0) | (v != 0)),
    entrywise_row("arctan2", np.arctan2, _arctan2_partials, lambda u, v: (v > 0) | (u != 0)),
    unary("square", np.square, lambda u, v: 2 * u, show="{0} ** 2"),
    unary("reciprocal", np.reciprocal, lambda u, v: never(-v * v), lambda u: u != 0, "1 / {0}"),
    unary("exp", np.exp, lambda u, v: never(v)),
    unary("exp2", np.exp2, lambda u, v: never(v * np.log(2))),
    unary("expm1", np.expm1, lambda u, v: never(np.exp(u))),
    unary("log", np.log, lambda u, v: 1 / u, lambda u: u > 0),
    unary("log1p", np.log1p, lambda u, v: 1 / (1 + u), lambda u: u > -1),
    unary("log2", np.log2, lambda u, v: 1 / (u * np.log(2)), lambda u: u > 0),
    unary("log10", np.log10, lambda u, v: 1 / (u * np.log(10)), lambda u: u > 0),
    unary("sqrt", np.sqrt, lambda u, v: 0.5 / v, lambda u: u > 0),
    unary("cbrt", np.cbrt, lambda u, v: 1 / (3 * v * v), lambda u: u != 0),
    unary("sin", np.sin, lambda u, v: np.cos(u)),
    unary("cos", np.cos, lambda u, v: -np.sin(u)),
    unary("tan", np.tan, lambda u, v: 1 + v * v),
    unary("arcsin", np.arcsin, lambda u, v: 1 / np.sqrt((1 - u) * (1 + u)), lambda u: abs(u) < 1),
    unary("arccos", np.arccos, lambda u, v: -1 / np.sqrt((1 - u) * (1 + u)), lambda u: abs(u) < 1),
    unary("arctan", np.arctan, lambda u, v: never(1 / (1 + u * u))),
    unary("sinh", np.sinh, lambda u, v: np.cosh(u)),
    unary("cosh", np.cosh, lambda u, v: np.sinh(u)),
    unary("tanh", np.tanh, lambda u, v: never((1 - v) * (1 + v))),
    unary("arcsinh", np.arcsinh, lambda u, v: 1 / np.hypot(1, u)),
    unary("arccosh", np.arccosh, lambda u, v: 1 / np.sqrt((u - 1) * (u + 1)), lambda u: u > 1),
    unary("arctanh", np.arctanh, lambda u, v: 1 / ((1 - u) * (1 + u)), lambda u: abs(u) < 1),
    unary("sinc", np.sinc, _sinc_slope),
    unary("expit", special("expit"), _sigmoid_slope),
    unary("log_expit", special("log_expit"), lambda u, v: never(special("expit")(-u))),
    unary("erf", special("erf"), lambda u, v: never(2 / np.sqrt(np.pi) * np.exp(-u * u))),
    unary("erfc", special("erfc"), lambda u, v: never(-2 / np.sqrt(np.pi) * np.exp(-u * u))),
    unary("ndtr", special("ndtr"), lambda u, v: never(np.exp(-u * u / 2) / np.sqrt(2 * np.pi))),
    unary("logit", special("logit"), lambda u, v: 1 / (u * (1 - u)), lambda u: (u > 0) & (u < 1)),
    unary("gammaln", special("gammaln"), lambda u, v: never(special("digamma")(u)), _off_poles),
    unary("gamma", special("gamma"), lambda u, v: never(v * special("digamma")(u)), _off_poles),
    unary("digamma", special("digamma"), lambda u, v: never(special("polygamma")(1, u)), _off_poles),
    # Only the last argument of these may vary.
    entrywise_row("polygamma", special("polygamma"), lambda n, u, v: (0, never(special("polygamma")(n + 1, u))),
                  lambda n, u: _off_poles(u), decisive=(1,)),
    entrywise_row("zeta", special("zeta"), lambda s, u, v: (0, never(-s * special("zeta")(s + 1, u))),
                  lambda s, u: u > 0, decisive=(1,)),
    entrywise_row("gammainc", special("gammainc"), lambda a, u, v: (0, _gamma_density(a, u)),
                  lambda a, u: (a > 0) & (u > 0)),
    entrywise_row("gammaincc", special("gammaincc"), lambda a, u, v: (0, -_gamma_density(a, u)),
                  lambda a, u: (a > 0) & (u > 0)),
    entrywise_row("betainc", special("betainc"), lambda a, b, u, v: (0, 0, _beta_density(a, b, u)),
                  lambda a, b, u: (a > 0) & (b > 0) & (u > 0) & (u < 1)),
    unary("i0", special("i0"), lambda u, v: never(special("i1")(u), u == 0)),
    unary("i1", special("i1"), lambda u, v: never(special("i0")(u) - _over(v, u))),
    unary("i1e", special("i1e"), lambda u, v: never(special("i0e")(u) - _over(v, u) - np.sign(u) * v)),
    # i0e(|u|) is the kink i0e(u).
    unary("i0_exp", lambda u: special("i0e")(u) * np.exp(np.maximum(-2 * u, 0)), lambda u, v: never(
        special("i1e")(u) * np.exp(np.maximum(-2 * u, 0)) - v), show="exp(-{0}) i0({0})"),
    unary("erfinv", special("erfinv"), lambda u, v: np.sqrt(np.pi) / 2 * np.exp(v * v), lambda u: abs(u) < 1),
    unary("ndtri", special("ndtri"), lambda u, v: np.sqrt(2 * np.pi) * np.exp(v * v / 2),
           lambda u: (u > 0) & (u < 1)),
    unary("log_ndtr", special("log_ndtr"), lambda u, v: never(np.exp(-u * u / 2 - v) / np.sqrt(2 * np.pi))),
    unary("erfcx", special("erfcx"), lambda u, v: never(2 * u * v - 2 / np.sqrt(np.pi))),
    entrywise_row("xlogy", special("xlogy"), lambda u, v, w: (never(np.log(v), v == 1), never(u / v, u == 0)),
                  lambda u, v: v > 0),
    unary("entr", special("entr"), lambda u, v: never(-np.log(u) - 1), lambda u: u > 0),
)
