"""Special functions of scipy.special: a line is the value and the partial derivatives.

The order of a Bessel function is constant.  Source of the derivatives: NIST Digital Library of Mathematical Functions,
chapters 6, 7, 10, 19 and 25.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.smooth import entrywise_row, special, unary
from absnormal.ops.table import Op, never


def _whole_or_positive(n: Array, u: Array) -> Any:
    """Where a Bessel function of the first kind is smooth."""
    return (u > 0) | (np.asarray(n) == np.round(np.asarray(n, dtype=float)))


def _positive(u: Array) -> Any:
    return u > 0


def _scaled_partials(name: str, sign: int) -> Any:
    """Those of exp(-|u|) I and exp(u) K: a recurrence, and the factor."""

    def partials(n: Array, u: Array, v: Array) -> tuple[Any, ...]:
        neighbours = (special(name)(n - 1, u) + special(name)(n + 1, u)) / 2
        return 0, never(sign * neighbours - sign * np.sign(u) * v)

    return partials


def _bessel(name: str, first: int, second: int, domain: Any) -> Op:
    """A Bessel function of constant order: its derivative is half of one neighbour and of the other one."""

    def partials(n: Array, u: Array, v: Array) -> tuple[Any, ...]:
        return 0, never((first * special(name)(n - 1, u) + second * special(name)(n + 1, u)) / 2)

    return entrywise_row(name, special(name), partials, domain, decisive=(1,))


def _first_kind(u: Array, v: Array) -> Array:
    """The complete elliptic integral K of the parameter m: R_D(0, 1, 1 - m) / 6, in which nothing cancels."""
    return np.asarray(special("elliprd")(0.0, 1.0, 1 - u) / 6)


def _second_kind(u: Array, v: Array) -> Array:
    """The complete elliptic integral E: -R_D(0, 1 - m, 1) / 6."""
    return np.asarray(-special("elliprd")(0.0, 1 - u, 1.0) / 6)


def _dawson_slope(u: Array, v: Array) -> Array:
    """1 - 2 u v; where that cancels, the sum of -(2k + 1)!! / (2 u^2)^(k + 1)."""
    inverse = (1 / np.where(abs(u) < 10, 10.0, u)) ** 2 / 2
    tail = np.zeros(np.shape(u))
    for odd in range(23, 0, -2):
        tail = inverse * odd * (1 + tail)
    return never(np.where(abs(u) < 10, 1 - 2 * u * v, -tail))


def _spence_slope(u: Array, v: Array) -> Array:
    return np.where(u == 1, -1.0, np.log(u) / np.where(u == 1, 1, 1 - u))


def _exprel_slope(u: Array, v: Array) -> Array:
    """((u - 1) exp(u) + 1) / u^2, by its series near 0."""
    series = 1 / 2 + u / 3 + u**2 / 8 + u**3 / 30 + u**4 / 144 + u**5 / 840
    safe = np.where(u == 0, 1, u)
    return np.where(abs(u) < 1e-2, series, (np.exp(u) - v) / safe)


SPECIAL = (
    unary("j0", special("j0"), lambda u, v: never(-special("j1")(u), u == 0)),
    unary("j1", special("j1"), lambda u, v: never((special("j0")(u) - special("jv")(2, u)) / 2)),
    unary("y0", special("y0"), lambda u, v: never(-special("y1")(u)), _positive),
    unary("y1", special("y1"), lambda u, v: never((special("y0")(u) - special("yv")(2, u)) / 2), _positive),
    unary("k0", special("k0"), lambda u, v: never(-special("k1")(u)), _positive),
    unary("k1", special("k1"), lambda u, v: never(-(special("k0")(u) + special("kn")(2, u)) / 2), _positive),
    unary("k0e", special("k0e"), lambda u, v: never(v - special("k1e")(u)), _positive),
    unary("k1e", special("k1e"), lambda u, v: never(v - (special("k0e")(u) + special("kve")(2, u)) / 2), _positive),
    _bessel("jv", 1, -1, _whole_or_positive),
    _bessel("yv", 1, -1, lambda n, u: u > 0),
    _bessel("iv", 1, 1, _whole_or_positive),
    _bessel("kv", -1, -1, lambda n, u: u > 0),
    *(entrywise_row(name, special(name), _scaled_partials(name, sign), lambda n, u: u > 0, decisive=(1,))
      for name, sign in (("ive", 1), ("kve", -1))),
    unary("exp1", special("exp1"), lambda u, v: never(-np.exp(-u) / u), _positive),
    unary("expi", special("expi"), lambda u, v: never(np.exp(u) / u), lambda u: u != 0),
    unary("dawsn", special("dawsn"), _dawson_slope),
    unary("spence", special("spence"), _spence_slope, _positive),
    unary("ellipk", special("ellipk"), _first_kind, lambda u: u < 1),
    unary("ellipe", special("ellipe"), _second_kind, lambda u: u < 1),
    unary("lambertw", lambda u: np.real(special("lambertw")(u)), lambda u, v: never(np.exp(-v) / (1 + v)),
          lambda u: u > -np.exp(-1)),
    unary("erfcinv", special("erfcinv"), lambda u, v: -np.sqrt(np.pi) / 2 * np.exp(v * v),
          lambda u: (u > 0) & (u < 2)),
    unary("exprel", special("exprel"), _exprel_slope),
    unary("sinint", lambda u: special("sici")(u)[0], lambda u, v: np.sinc(u / np.pi)),
    unary("cosint", lambda u: special("sici")(u)[1], lambda u, v: never(np.cos(u) / u), _positive),
    unary("fresnel_s", lambda u: special("fresnel")(u)[0], lambda u, v: never(np.sin(np.pi * u * u / 2), u == 0)),
    unary("fresnel_c", lambda u: special("fresnel")(u)[1], lambda u, v: never(np.cos(np.pi * u * u / 2))),
    unary("airy_ai", lambda u: special("airy")(u)[0], lambda u, v: never(special("airy")(u)[1])),
    unary("airy_aip", lambda u: special("airy")(u)[1], lambda u, v: never(u * special("airy")(u)[0], u == 0)),
    unary("airy_bi", lambda u: special("airy")(u)[2], lambda u, v: never(special("airy")(u)[3])),
    unary("airy_bip", lambda u: special("airy")(u)[3], lambda u, v: never(u * special("airy")(u)[2], u == 0)),
)  # fmt: skip
