"""The classical nonsmooth test problems at their minimizers: stationarity is decided, and the set is exact.

Sources: Lukšan & Vlček, Test problems for nonsmooth unconstrained and linearly constrained optimization, 2000; Haarala,
Miettinen & Mäkelä, Optimization Methods and Software 2004.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

Problem = tuple[Callable[[Any], Any], Any]


def cb2(x: Any) -> Any:
    return np.max(np.stack([x[0] ** 2 + x[1] ** 4, (2 - x[0]) ** 2 + (2 - x[1]) ** 2, 2 * np.exp(x[1] - x[0])]))


def cb3(x: Any) -> Any:
    return np.max(np.stack([x[0] ** 4 + x[1] ** 2, (2 - x[0]) ** 2 + (2 - x[1]) ** 2, 2 * np.exp(x[1] - x[0])]))


def dem(x: Any) -> Any:
    return np.max(np.stack([5 * x[0] + x[1], x[1] - 5 * x[0], x[0] ** 2 + x[1] ** 2 + 4 * x[1]]))


def ql(x: Any) -> Any:
    q = x[0] ** 2 + x[1] ** 2
    return np.max(np.stack([q, q + 10 * (4 - 4 * x[0] - x[1]), q + 10 * (6 - x[0] - 2 * x[1])]))


def lq(x: Any) -> Any:
    return np.maximum(-x[:-1] - x[1:], -x[:-1] - x[1:] + x[:-1] ** 2 + x[1:] ** 2 - 1).sum()


def mifflin_1(x: Any) -> Any:
    return -x[0] + 20 * np.maximum(x[0] ** 2 + x[1] ** 2 - 1, 0)


def mifflin_2(x: Any) -> Any:
    circle = x[:-1] ** 2 + x[1:] ** 2 - 1
    return (-x[:-1] + 2 * circle + 1.75 * np.abs(circle)).sum()


def wolfe(x: Any) -> Any:
    if x[0] >= np.abs(x[1]):
        return 5 * np.sqrt(9 * x[0] ** 2 + 16 * x[1] ** 2)
    return 9 * x[0] + 16 * np.abs(x[1]) - (x[0] ** 9 if x[0] <= 0 else 0)


def rosen_suzuki(x: Any) -> Any:
    a, b, c, d = x
    f1 = a**2 + b**2 + 2 * c**2 + d**2 - 5 * a - 5 * b - 21 * c + 7 * d
    f2 = a**2 + b**2 + c**2 + d**2 + a - b + c - d - 8
    f3 = a**2 + 2 * b**2 + c**2 + 2 * d**2 - a - d - 10
    f4 = a**2 + b**2 + c**2 + 2 * a - b - d - 5
    return np.max(np.stack([f1, f1 + 10 * f2, f1 + 10 * f3, f1 + 10 * f4]))


def hilbert(n: int) -> Any:
    return 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)


def pairs(x: Any) -> list[Any]:
    """The terms of CB3."""
    u, v = x[:-1], x[1:]
    return [u**4 + v**2, (2 - u) ** 2 + (2 - v) ** 2, 2 * np.exp(v - u)]


def crescents(x: Any) -> list[Any]:
    u, v = x[:-1], x[1:]
    return [u**2 + (v - 1) ** 2 + v - 1, -(u**2) - (v - 1) ** 2 + v + 1]


def active_faces(x: Any) -> Any:
    return np.log(np.abs(np.concatenate([-np.sum(x, keepdims=True), x])) + 1).max()


SMALL: dict[str, Problem] = {
    "CB3": (cb3, [1.0, 1.0]), "DEM": (dem, [0.0, -3.0]), "Mifflin 1": (mifflin_1, [1.0, 0.0]),
    "Mifflin 2": (mifflin_2, [1.0, 0.0]), "Wolfe": (wolfe, [-1.0, 0.0]),
    "Rosen-Suzuki": (rosen_suzuki, [0.0, 1.0, 2.0, -1.0]),
}  # fmt: skip
#: At points with some digits of the minimizer: what counts as tied, and how near to 0 an element is.
ROUNDED: dict[str, tuple[Callable[[Any], Any], Any, float, float]] = {
    "CB2": (cb2, [1.13904, 0.89956], 1e-3, 1e-3), "QL": (ql, [1.2001, 2.4], 1e-2, 1e-2),
    "LQ": (lq, np.full(2, 0.70711), 1e-4, 1e-4), "chained LQ": (lq, np.full(200, 0.70711), 1e-4, 1e-3),
    "Mifflin 2": (mifflin_2, [1.0001, 0.0], 1e-3, 1e-2),
}  # fmt: skip
LARGE: dict[str, Callable[[int], Problem]] = {
    "MAXQ": lambda n: (lambda x: np.max(x**2), np.zeros(n)),
    "MAXL": lambda n: (lambda x: np.max(np.abs(x)), np.zeros(n)),
    "Goffin": lambda n: (lambda x: n * np.max(x) - np.sum(x), np.zeros(n)),
    "MXHILB": lambda n: (lambda x: np.max(np.abs(hilbert(n) @ x)), np.zeros(n)),
    "L1HILB": lambda n: (lambda x: np.abs(hilbert(n) @ x).sum(), np.zeros(n)),
    "chained CB3 I": lambda n: (lambda x: np.max(np.stack(pairs(x)), axis=0).sum(), np.ones(n)),
    "chained CB3 II": lambda n: (lambda x: np.max(np.stack([term.sum() for term in pairs(x)])), np.ones(n)),
    "crescent I": lambda n: (lambda x: np.max(np.stack([term.sum() for term in crescents(x)])), np.zeros(n)),
    "crescent II": lambda n: (lambda x: np.max(np.stack(crescents(x)), axis=0).sum(), np.zeros(n)),
    "active faces": lambda n: (active_faces, np.zeros(n)),
    "Nesterov-Chebyshev-Rosenbrock 2": lambda n: (
        lambda x: np.abs(x[0] - 1) / 4 + np.abs(x[1:] - 2 * np.abs(x[:-1]) + 1).sum(), np.ones(n)),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_the_minimizer_is_stationary(name: str) -> None:
    G = an.generalized_gradient(*SMALL[name])
    assert G.exact and G.is_stationary() is True


@pytest.mark.parametrize("n", [6, 200])
@pytest.mark.parametrize("name", LARGE)
def test_a_large_minimizer_is_stationary(name: str, n: int) -> None:
    f, x = LARGE[name](n)
    G = an.generalized_gradient(f, x)
    assert G.exact and G.is_stationary() is True
    # Beside the minimizer it is not.
    far = an.generalized_gradient(f, x + np.linspace(0.5, 1, n))
    assert far.is_stationary() is False


@pytest.mark.parametrize("name", ROUNDED)
def test_a_rounded_minimizer_is_nearly_stationary(name: str) -> None:
    f, x, atol, tol = ROUNDED[name]
    G = an.generalized_gradient(f, x, atol=atol)
    assert G.exact and G.is_stationary(tol) is True
    assert an.generalized_gradient(f, x).is_stationary(tol) is False
