"""The classical nonsmooth test problems with their standard starts and minima.

Sources: Lukšan & Vlček, Test problems for nonsmooth unconstrained and linearly constrained optimization, 2000; Haarala,
Miettinen & Mäkelä, Optimization Methods and Software 2004.  Functions whose minimizers are known are those of
`tests.theorems.test_classical_problems`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.theorems import test_classical_problems as classical

Start = tuple[Callable[[Any], Any], Any, float]

_SHOR = np.array([
    [0, 0, 0, 0, 0], [2, 1, 1, 1, 3], [1, 2, 1, 1, 2], [1, 4, 1, 2, 2], [3, 2, 1, 0, 1], [0, 2, 1, 0, 1],
    [1, 1, 1, 1, 1], [1, 0, 1, 2, 1], [0, 0, 2, 1, 0], [1, 1, 2, 0, 0],
])  # fmt: skip
_WEIGHTS = np.array([1, 5, 10, 2, 4, 3, 1.7, 2.5, 6, 4.5])


def mixed(n: int) -> Any:
    """1, 2, ... with the second half negative."""
    return np.where(np.arange(n) < n // 2, 1.0, -1.0) * np.arange(1, n + 1)


def shor(x: Any) -> Any:
    return np.max(_WEIGHTS * ((x - _SHOR) ** 2).sum(axis=1))


def evd52(x: Any) -> Any:
    a, b, c = x
    square = a**2 + b**2
    last = 2 * a**3 + 6 * b**2 + 2 * (5 * c - a + 1) ** 2
    return np.max(np.stack([
        square + c**2 - 1, square + (c - 2) ** 2, a + b + c - 1, a + b - c + 1, last, a**2 - 9 * c]))  # fmt: skip


def maxquad(x: Any) -> Any:
    i = np.arange(1, 11)
    low, high = np.minimum.outer(i, i), np.maximum.outer(i, i)
    values = []
    for k in range(1, 6):
        A = np.exp(low / high) * np.cos(low * high) * np.sin(k)
        np.fill_diagonal(A, 0.0)
        np.fill_diagonal(A, i / 10 * abs(np.sin(k)) + np.abs(A).sum(axis=1))
        values.append(x @ A @ x - (np.exp(i / k) * np.sin(i * k)) @ x)
    return np.max(np.stack(values))


def spiral(x: Any) -> Any:
    square = x[0] ** 2 + x[1] ** 2
    r = np.sqrt(square)
    return np.maximum((x[0] - r * np.cos(r)) ** 2 + square / 200, (x[1] - r * np.sin(r)) ** 2 + square / 200)


def el_attar(x: Any) -> Any:
    t = np.arange(51) / 10
    y = (np.exp(-t) / 2 - np.exp(-2 * t) + np.exp(-3 * t) / 2 + 1.5 * np.exp(-1.5 * t) * np.sin(7 * t)
         + np.exp(-2.5 * t) * np.sin(5 * t))  # fmt: skip
    return np.abs(x[0] * np.exp(-x[1] * t) * np.cos(x[2] * t + x[3]) + x[4] * np.exp(-x[5] * t) - y).sum()


def hs78(x: Any) -> Any:
    a, b, c, d, e = x
    constraints = np.abs(np.sum(x**2) - 10) + np.abs(b * c - 5 * d * e) + np.abs(a**3 + b**3 + 1)
    return a * b * c * d * e + 10 * constraints


def wong_1(x: Any) -> Any:
    a, b, c, d, e, f, g = x
    value = ((a - 10) ** 2 + 5 * (b - 12) ** 2 + c**4 + 3 * (d - 11) ** 2 + 10 * e**6 + 7 * f**2 + g**4 - 4 * f * g
             - 10 * f - 8 * g)  # fmt: skip
    bounds = np.stack([
        2 * a**2 + 3 * b**4 + c + 4 * d**2 + 5 * e - 127, 7 * a + 3 * b + 10 * c**2 + d - e - 282,
        23 * a + b**2 + 6 * f**2 - 8 * g - 196, 4 * a**2 + b**2 - 3 * a * b + 2 * c**2 + 5 * f - 11 * g,
    ])  # fmt: skip
    return value + 10 * np.maximum(np.max(bounds), 0)


def davidon_2(x: Any) -> Any:
    t = np.arange(1, 21) / 5
    return np.max(np.abs((x[0] + x[1] * t - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2))


def oet_5(x: Any) -> Any:
    t = 0.25 + 0.75 * np.arange(21) / 20
    return np.max(np.abs(x[3] - (x[0] * t**2 + x[1] * t + x[2]) ** 2 - np.sqrt(t)))


def polak_2(x: Any) -> Any:
    weights = np.array([1e-8, 1, 1, 4, 1, 1, 1, 1, 1, 1])
    ends = [np.exp(np.sum(weights * (x + step * (np.arange(10) == 1)) ** 2)) for step in (2.0, -2.0)]
    return np.maximum(*ends)


def brown_2(x: Any) -> Any:
    u, v = np.abs(x[:-1]), np.abs(x[1:])
    return np.sum(u ** (v**2 + 1) + v ** (u**2 + 1))


SMALL: dict[str, Start] = {
    "CB2": (classical.cb2, [1.0, -0.1], 1.9522245), "CB3": (classical.cb3, [2.0, 2.0], 2.0),
    "DEM": (classical.dem, [1.0, 1.0], -3.0), "QL": (classical.ql, [-1.0, 5.0], 7.2),
    "LQ": (classical.lq, np.array([-0.5, -0.5]), -(2**0.5)), "Mifflin 1": (classical.mifflin_1, [0.8, 0.6], -1.0),
    "Mifflin 2": (classical.mifflin_2, np.array([-1.0, -1.0]), -1.0), "Wolfe": (classical.wolfe, [3.0, 2.0], -8.0),
    "Rosen-Suzuki": (classical.rosen_suzuki, [0.0, 0.0, 0.0, 0.0], -44.0),
    "Shor": (shor, [0.0, 0.0, 0.0, 0.0, 1.0], 22.600162), "EVD52": (evd52, [1.0, 1.0, 1.0], 3.5997193),
    "Spiral": (spiral, [1.411831, -4.79462], 0.0),
}  # fmt: skip
#: Those that take seconds.
LONG: dict[str, Start] = {
    "Maxquad": (maxquad, np.ones(10), -0.8414083),
    "El-Attar": (el_attar, [2.0, 2.0, 7.0, 0.0, -2.0, 1.0], 0.5598131),
    "HS78": (hs78, np.array([-2.0, 1.5, 2.0, -1.0, -1.0]), -2.9197004),
    "Wong 1": (wong_1, [1.0, 2.0, 0.0, 4.0, 0.0, 1.0, 1.0], 680.63006),
    "Davidon 2": (davidon_2, [25.0, 5.0, -5.0, -1.0], 115.70644), "OET5": (oet_5, [1.0, 1.0, 1.0, 1.0], 0.0026359735),
    "Polak 2": (polak_2, np.r_[100.0, np.full(9, 0.1)], float(np.exp(4.0))),
}  # fmt: skip


#: The least values of chained Mifflin 2 that are known, to five digits.
_MIFFLIN = {50: -34.795, 200: -140.86, 1000: -706.55}


def large(n: int) -> dict[str, Start]:
    """Those that are there for every number of variables."""
    functions = {name: make(n)[0] for name, make in classical.LARGE.items()}
    alternating = np.where(np.arange(n) % 2, 2.0, -1.5)
    starts: dict[str, tuple[Any, float]] = {
        "MAXQ": (mixed(n), 0.0), "MAXL": (mixed(n), 0.0), "Goffin": (np.arange(n) - (n - 1) / 2, 0.0),
        "MXHILB": (np.ones(n), 0.0), "L1HILB": (np.ones(n), 0.0), "chained CB3 I": (np.full(n, 2.0), 2.0 * (n - 1)),
        "chained CB3 II": (np.full(n, 2.0), 2.0 * (n - 1)), "active faces": (np.ones(n), 0.0),
        "crescent I": (alternating, 0.0), "crescent II": (alternating, 0.0),
    }  # fmt: skip
    found = {name: (functions[name], start, least) for name, (start, least) in starts.items()}
    found["chained LQ"] = (classical.lq, np.full(n, -0.5), -(2**0.5) * (n - 1))
    found["Brown 2"] = (brown_2, np.where(np.arange(n) % 2, 1.0, -1.0), 0.0)
    if n in _MIFFLIN:
        found["chained Mifflin 2"] = (classical.mifflin_2, np.full(n, -1.0), _MIFFLIN[n])
    return found
