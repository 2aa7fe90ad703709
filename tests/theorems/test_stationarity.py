"""Approximate stationarity: what `absnormal.stationarity` says holds, and rounded minimizers are recognized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.stationarity import _within
from tests.theorems.test_classical_problems import cb2, cb3, ql, rosen_suzuki


def polak_2(x: Any) -> Any:
    def one(y: Any) -> Any:
        return np.exp(1e-8 * y[0] ** 2 + y[1] ** 2 + y[2] ** 2 + 4 * y[3] ** 2 + (y[4:] ** 2).sum())

    shift = 2 * np.eye(10)[1]
    return np.maximum(one(x + shift), one(x - shift))


def polak_3(x: Any) -> Any:
    i, j = np.arange(1, 11)[:, None], np.arange(11)
    return np.max((np.exp((x - np.sin(i - 1 + 2 * j)) ** 2) / (i + j)).sum(axis=1))


def polak_6(x: Any) -> Any:
    a = x[0] - (x[3] + 1) ** 4
    return rosen_suzuki([a, x[1] - a**4, x[2], x[3]])


Problem = tuple[Callable[[Any], Any], Any]
#: Minimizers to 4 digits.
ROUNDED: dict[str, Problem] = {
    "CB2": (cb2, [1.1390, 0.8996]), "CB3": (cb3, [1.0001, 0.9999]), "QL": (ql, [1.2001, 2.3999]),
    "Polak 2": (polak_2, np.full(10, 1e-4)), "Polak 6": (polak_6, [1e-4, 1.0001, 2.0001, -1.0001]),
}  # fmt: skip
#: Minimizers at which the kinks meet exactly.
EXACT: dict[str, Problem] = {
    "CB3": (cb3, [1.0, 1.0]), "Polak 2": (polak_2, np.zeros(10)), "Polak 6": (polak_6, [0.0, 1.0, 2.0, -1.0]),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_minimizers_are_nearly_stationary(name: str) -> None:
    f, x = ROUNDED[name]
    found = an.stationarity(f, x, 1e-3)
    assert found.norm < 1e-6 and found.check()
    # The gradient at the point itself is large.
    assert np.linalg.norm(an.clarke_gradient(f, x)) > 1e-4


@pytest.mark.parametrize("name", EXACT)
def test_exact_minimizers_are_stationary(name: str) -> None:
    found = an.stationarity(*EXACT[name], 0.0)
    assert (found.radius, found.norm, len(found.points)) == (0.0, 0.0, 0) and found.check()


def test_polak_3_is_certified_at_its_minimizer_and_with_4_digits_of_it() -> None:
    found = an.minimize(polak_3, np.ones(11))
    assert found.success and found.fun == pytest.approx(3.70348, abs=1e-5) and found.certificate.check()
    assert isinstance(found.certificate, an.Stationarity)
    near = an.stationarity(polak_3, np.round(found.x, 4), 1e-3)
    assert near.norm < 1e-6 and near.check()


def test_elsewhere_the_norm_is_no_smaller_than_the_least_one() -> None:
    """All gradients of |x| + y have the second entry 1; those of CB2 far from its minimizer are all large."""
    assert 1 <= an.stationarity(lambda x: np.abs(x[0]) + x[1], [0.0, 0.0], 1e-2).norm < 1 + 1e-6
    assert an.stationarity(cb2, [1.5, 0.9], 1e-3).norm > 1
    # Half of what separates the two gradients is out of reach of a smaller ball.
    assert an.stationarity(np.abs, [1e-2], 9e-3).norm >= 1
    assert an.stationarity(np.abs, [1e-2], 1.1e-2).norm < 1e-12


def test_what_it_says_holds_on_rationals() -> None:
    """The points, weights and gradients of piecewise-linear functions, worked out by hand."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        a, b = rng.integers(-5, 6, (6, 3)), rng.integers(-2, 3, 6)
        x = rng.uniform(-1, 1, 3)
        found = an.stationarity(lambda x, a=a, b=b: np.abs(a @ x + b).sum(), x, 0.5)
        total, mean = sum(map(Fraction, found.weights.tolist())), [Fraction(0)] * 3
        for weight, point in zip(found.weights.tolist(), found.points.tolist(), strict=True):
            exact = [Fraction(p) for p in point]
            assert sum((p - Fraction(c)) ** 2 for p, c in zip(exact, x.tolist(), strict=True)) <= Fraction(0.5) ** 2
            z = [sum(int(w) * p for w, p in zip(row, exact, strict=True)) + int(shift)
                 for row, shift in zip(a, b, strict=True) if row.any()]
            assert 0 not in z
            rows = [row for row in a if row.any()]
            g = [sum(int(row[k]) * (1 if v > 0 else -1) for row, v in zip(rows, z, strict=True)) for k in range(3)]
            mean = [m + Fraction(weight) * e for m, e in zip(mean, g, strict=True)]
        assert float(sum((m / total) ** 2 for m in mean)) <= found.norm**2 * (1 + 1e-9)


def test_what_was_changed_is_refused() -> None:
    found = an.stationarity(cb2, [1.1390, 0.8996], 1e-3)
    assert found.check()
    assert not replace(found, norm=found.norm / 1e6).check()
    assert not replace(found, radius=1e-9).check()
    assert not replace(found, weights=np.roll(found.weights, 1)).check()
    assert not replace(found, weights=-found.weights).check()
    assert not replace(found, points=found.points + 1e-2).check()
    assert not replace(found, points=found.points[:0], weights=found.weights[:0]).check()


def test_a_point_outside_of_the_domain_proves_nothing() -> None:
    found = an.stationarity(lambda x: np.abs(x[0] - 0.5) + 0 * np.log(x[0]), [0.5], 1.0)
    outside = replace(found, points=np.array([[-0.25], [0.5]]), weights=np.array([0.5, 0.5]), norm=10.0)
    assert found.check() and not outside.check()


def test_a_radius_is_a_finite_number_and_x_may_be_empty() -> None:
    for radius in (-1.0, float("nan"), float("inf"), "1", True, 10**400):
        for asked in (an.stationarity, an.kinks_near):
            with pytest.raises(ValueError, match="radius must be a finite number >= 0"):
                asked(np.abs, [0.1], radius)
    assert an.stationarity(np.abs, [0.1], np.float32(0.25)).norm < 1e-6
    assert an.kinks_near(np.abs, [0.1], np.float32(0.25)).possible == (0,)
    nothing = an.stationarity(lambda x: np.abs(x).sum(), np.zeros(0), 0.5)
    assert nothing.norm == 0 and nothing.check()


def test_points_of_torch_and_trees() -> None:
    x = {"w": torch.tensor([0.0003, 1.0], dtype=torch.float64)}
    found = an.stationarity(lambda p: p["w"][0].abs() + (p["w"][1] - 1) ** 2, x, 1e-3)
    assert found.norm < 1e-9 and found.points.shape == (2, 2) and found.check()


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf"), "1", True])
def test_a_radius_that_is_none(radius: Any) -> None:
    with pytest.raises(ValueError, match="radius must be a finite number >= 0"):
        an.stationarity(np.abs, [1.0], radius)


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-8, 1.0, 1e200])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_points_at_the_edge_of_a_ball_are_told_apart_on_rationals(n: int, size: float) -> None:
    rng = np.random.default_rng(n)
    center = size * rng.normal(size=n)
    u = rng.normal(size=n)
    for share in (0.5, 1 - 1e-12, 1 - 1e-15, 1.0, 1 + 1e-15, 1 + 1e-12, 2.0):
        point, radius = center + size * u, share * size * float(np.linalg.norm(u))
        square = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(point.tolist(), center.tolist(), strict=True))
        assert _within(point, center, radius) == (square <= Fraction(radius) ** 2), share
    assert _within(center, center, 0.0) and not _within(center + size, center, 0.0)
