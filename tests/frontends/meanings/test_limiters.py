"""Slope limiters: a jump times min(|a|, |b|), which vanishes on its tie because |b| is not negative."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.optimize import linprog

import absnormal as an

LIBRARIES = [np, jnp, torch]


def by_signs(lib: Any, a: Any, b: Any) -> Any:
    return 0.5 * (lib.sign(a) + lib.sign(b)) * lib.minimum(abs(a), abs(b))


def by_sweby(lib: Any, a: Any, b: Any) -> Any:
    s = lib.sign(a)
    return s * lib.maximum(0 * a, lib.minimum(abs(a), s * b))


def slopes(a: float, b: float) -> tuple[float, float]:
    """The gradient of the limiter where it has one, as textbooks have it."""
    return (0.0, 0.0) if a * b < 0 else (1.0, 0.0) if abs(a) < abs(b) else (0.0, 1.0)


def is_mean(vector: Any, of: Any) -> bool:
    """Whether a vector is a weighted average of others."""
    rows = np.unique(np.array(of, dtype=float), axis=0)
    equal = np.r_[rows.T, np.ones((1, len(rows)))], np.r_[np.asarray(vector, dtype=float), 1.0]
    return linprog(np.zeros(len(rows)), A_eq=equal[0], b_eq=equal[1]).status == 0


#: A point, and whether vectors are generalized gradients there.
POINTS = {
    (0.0, 1.0): {(0, 0): True, (0.5, 0): True, (1, 0): True, (1.1, 0): False, (-0.1, 0): False, (0.5, 0.1): False},
    (-0.7, 0.0): {(0, 0): True, (0, 0.3): True, (0, 1): True, (0.1, 0.5): False, (0, -0.2): False},
    (0.0, 0.0): {(0, 0): True, (0.5, 0.5): True, (0.2, 0.3): True, (0.6, 0.5): False, (-0.1, 0.2): False},
    (0.3, 0.3): {(0.5, 0.5): True, (1, 0): True, (0.4, 0.5): False},
}


def arrays(lib: Any, x: Any) -> Any:
    return torch.tensor(x, dtype=torch.float64) if lib is torch else lib.asarray(np.array(x, dtype=float))


@pytest.mark.parametrize("limiter", [by_signs, by_sweby])
@pytest.mark.parametrize("lib", LIBRARIES, ids=["numpy", "jax", "torch"])
@pytest.mark.parametrize("point", POINTS)
def test_minmod_has_the_gradients_of_textbooks(
    lib: Any, limiter: Callable[..., Any], point: tuple[float, float]
) -> None:
    """By vectors inside and outside of the hull of the gradients nearby, and by the gradient that is certified."""
    def f(x: Any) -> Any:
        return limiter(lib, x[0], x[1])

    for vector, inside in POINTS[point].items():
        report = an.verify(f, arrays(lib, point), gradient=arrays(lib, vector))
        assert report.verdict is (an.Verdict.CLARKE if inside else an.Verdict.NOT_CLARKE), vector
    near = [slopes(point[0] + a, point[1] + b) for a, b in product((1e-9, -1e-9, 2e-9, -2e-9), (1.5e-9, -1.5e-9))]
    assert is_mean(an.verify(f, arrays(lib, point)).clarke_gradient, near)


@pytest.mark.parametrize("limiter", [by_signs, by_sweby])
def test_the_program_is_the_limiter_at_other_points(limiter: Callable[..., Any]) -> None:
    program = an.trace(lambda x: limiter(np, x[0], x[1]), [0.0, 0.0])
    for x in product((-2.0, -1.0, 0.0, 0.5, 1.0), repeat=2):
        assert program(x) == limiter(np, *map(np.float64, x))


@pytest.mark.parametrize("lib", LIBRARIES, ids=["numpy", "jax", "torch"])
@pytest.mark.parametrize("u", [[0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0], [1.0, 2.0, 1.0, 1.0]])
def test_a_reconstruction_is_followed_where_it_is_flat(lib: Any, u: list[float]) -> None:
    def f(u: Any) -> Any:
        d = u[1:] - u[:-1]
        return (by_signs(lib, d[1:], d[:-1]) * arrays(lib, [1.0, 3.0])).sum()

    report = an.verify(f, arrays(lib, u))
    assert report.verdict is not an.Verdict.UNDECIDED
    d = np.diff(u)
    near = []
    for step in 1e-9 * np.random.default_rng(0).standard_normal((400, 4)):
        e = d + np.diff(step)
        rows = [slopes(e[1], e[0]), slopes(e[2], e[1])]
        by_d = np.array([rows[0][1], rows[0][0] + 3 * rows[1][1], 3 * rows[1][0]])
        near.append(np.r_[0, by_d] - np.r_[by_d, 0])
    assert is_mean(report.clarke_gradient, near)
    assert is_mean(report.gradient, near) == (report.verdict is an.Verdict.CLARKE)


JUMPING: dict[str, Callable[[Any], Any]] = {
    "a minimum of others": lambda x: np.sign(x[0]) * np.minimum(np.abs(x[1]), np.abs(x[2])),
    "the maximum": lambda x: np.sign(x[0]) * np.maximum(np.abs(x[0]), np.abs(x[1])),
    "a minimum below 0": lambda x: np.sign(x[0]) * np.minimum(np.abs(x[0]), -np.abs(x[1])),
    "a minimum with what may be below 0": lambda x: np.sign(x[0]) * np.minimum(np.abs(x[0]), x[1] * x[2]),
    "a maximum with what may be above 0": lambda x: np.sign(x[0]) * np.maximum(-np.abs(x[0]), x[1] * x[2]),
    "relu of what is not negative": lambda x: np.sign(x[0]) * np.maximum(np.abs(x[0]) + np.abs(x[1]), 0),
    "a part of the smaller one": lambda x: np.sign(x[0]) * (np.minimum(x[1], 0) - x[1] + np.abs(x[0])),
}


@pytest.mark.parametrize("name", JUMPING)
def test_what_does_not_vanish_on_the_tie_is_refused(name: str) -> None:
    for x in ([0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, -1.0, 2.0]):
        x = np.array(x)
        with pytest.raises(an.TraceError, match="jumps"):
            an.verify(JUMPING[name], x)
