"""Is every bound on rounding respected, just inside and just outside?  Judged by exact rationals."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates.interval import highest
from absnormal.sweeps import realized as module
from absnormal.sweeps.bounds import curvatures, derivative_bounds
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.integers import exact_rows, zero_rows
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.rounding import FLOOR, largest, rounding, value_errors
from absnormal.sweeps.table import Sweeps


def at(f: Callable[[Any], Any], x: list[float]) -> Sweeps:
    return Sweeps(an.trace(f, x), np.array(x))



# -- signs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "told"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("wide", [False, True], ids=["as large as its parts", "next to larger ones"])
def test_a_sign_is_told_beyond_its_bound_only(factor: float, told: bool, wide: bool) -> None:
    """z' = d0 - d1 is computed without rounding here; the bound is that of the sum of absolute values."""
    sweeps = at(lambda x: np.abs(x[0] - x[1]) + (np.abs(64 * x[0]) if wide else 0.0), [0.0, 0.0])
    sigma = sweeps.signature(1.0)
    bound = rounding(sweeps.push_depth) * sweeps.magnitude(sigma, np.ones(2))[0][0]
    d = np.array([1.0, 1.0 - np.floor(bound * factor * 2.0**53) / 2.0**53])
    rate = Fraction(d[0]) - Fraction(d[1])
    assert (rate > Fraction(bound)) == told
    assert bool(realizes(sweeps, sigma, d)[0]) == told
    assert bool(sweeps.directional(d).certified[0]) == told


def test_a_sign_that_rounding_made_is_not_told() -> None:
    """0.1 + 0.2 - 0.3 is 0 on decimal numbers; on float64 ones the computed sum is twice the true one."""
    weights = (0.1, 0.2, -0.3)
    sweeps = at(lambda x: np.abs(weights[0] * x[0] + weights[1] * x[1] + weights[2] * x[2]), [0.0, 0.0, 0.0])
    computed = sweeps.push(sweeps.signature(1.0), np.ones((1, 3)))[0][0, 0]
    assert Fraction(computed) != sum(map(Fraction, weights))
    assert not realizes(sweeps, sweeps.signature(1.0), np.ones(3))[0]
    assert not sweeps.directional(np.ones(3)).certified[0]


def test_one_number_a_node_bounds_all_rates() -> None:
    """z' = u' - v' of a maximum is as large as both together, of a fold twice as large as its entries."""
    sweeps = at(lambda x: np.maximum(3 * x[0], x[1]), [0.0, 0.0])
    d = np.array([1.0, -1.0])
    assert largest(sweeps, d) >= abs(sweeps.push(sweeps.signature(0.0), d[None])[0][0, 0]) == 4.0
    fold = at(lambda x: np.max(x), [0.0, 0.0])
    assert largest(fold, d) >= abs(fold.push(fold.signature(0.0), d[None])[0][0, 0]) == 2.0


# -- depths: gamma_K bounds the error that is made --------------------------------------------------------------------


def exact_dot(weights: np.ndarray, d: np.ndarray) -> Fraction:
    return sum((Fraction(a) * Fraction(b) for a, b in zip(weights.tolist(), d.tolist(), strict=True)), Fraction(0))


def test_an_adjoint_that_is_used_often_counts_every_addition() -> None:
    """x is used 64 times side by side, and the sum of that again: so many additions of adjoints, one after another."""
    weights = np.random.default_rng(0).random(64)

    def spread(u: Any) -> Any:
        terms = [w * u for w in weights.tolist()]
        while len(terms) > 1:
            terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=True)]
        return terms[0]

    sweeps = at(lambda x: spread(spread(x[0])), [1.0])
    assert sweeps.pull_depth >= 128
    exact = exact_dot(weights, np.ones(64)) ** 2
    error = abs(Fraction(float(sweeps.gradient(sweeps.signs)[0])) - exact)
    assert 0 < error <= Fraction(rounding(sweeps.pull_depth)) * exact


def test_a_fold_counts_every_comparison() -> None:
    """With the slope 0 every comparison halves and adds."""
    sweeps = at(lambda x: np.max(x), [0.0] * 40)
    assert sweeps.push_depth >= 40 and sweeps.pull_depth >= 40


def test_errors_of_values_bound_what_was_rounded() -> None:
    """The value of 0.1 x0 - 0.3 x1 at (3, 1), and of kinks of it, against rationals."""

    def f(x: Any) -> Any:
        u, v = 0.1 * x[0], 0.3 * x[1]
        w = np.maximum(u, v)
        return np.abs(u - v) + np.abs(w - v) + np.maximum(u + 1e3, v + 1e3)

    sweeps = at(f, [3.0, 1.0])
    u, v = Fraction(0.1) * 3, Fraction(0.3)
    exact = [u - v, max(u, v) - v, u - v]
    switching = [0, 2, 3]
    errors = value_errors(sweeps)
    for number, value in zip(switching, exact, strict=True):
        assert abs(Fraction(float(sweeps.z[number])) - value) <= Fraction(float(errors[number]))


def test_both_arguments_of_a_maximum_add_to_the_error_of_its_switch() -> None:
    sweeps = at(lambda x: np.maximum(0.1 * x[0], 0.1 * x[1]), [3.0, 3.0])
    single = value_errors(at(lambda x: np.maximum(0.1 * x[0], 0.25), [3.0, 3.0]))[0]
    assert value_errors(sweeps)[0] >= 1.9 * single > 0


# -- bounds on derivatives and adjoints are outward rounded ------------------------------------------------------------

WEIGHTS = np.array([0.1, 0.2, -0.3])
TRUE = exact_dot(WEIGHTS, np.ones(3))


def test_bounds_of_a_derivative_hold_the_exact_one_inside() -> None:
    sweeps = at(lambda x: 0.1 * x[0] + 0.2 * x[1] - 0.3 * x[2], [1.0, 1.0, 1.0])
    low, high = derivative_bounds(sweeps, np.ones(3))
    assert Fraction(float(low[0])) < TRUE < Fraction(float(high[0]))
    assert highest(sweeps, np.ones(3)) == TRUE


def test_the_bound_beyond_all_slopes_is_rounded_outward() -> None:
    """Not piecewise linear, so that the second way to the bound is in floating point too; the sum is rounded down."""
    sweeps = at(lambda x: np.expm1(x[3]) + (0.1 * x[0] + 0.4 * x[1] - 0.5 * x[2]), [1.0, 1.0, 1.0, 0.0])
    d = np.array([1.0, 1.0, 1.0, 0.0])
    exact = Fraction(0.1) + Fraction(0.4) - Fraction(0.5)
    assert Fraction(sweeps.push(sweeps.signs, d[None])[1][0, 0]) < exact
    assert Fraction(highest(sweeps, d)) >= exact
    assert Fraction(float(derivative_bounds(sweeps, d)[1][0])) >= exact


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_bounds_of_an_adjoint_hold_the_exact_one_within_their_error(sign: float) -> None:
    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return sign * (0.1 * u + 0.2 * u - 0.3 * u)

    found = curvatures(at(f, [0.0]))
    exact = Fraction(sign) * TRUE
    assert Fraction(float(found.lower[0])) < exact < Fraction(float(found.upper[0]))
    assert found.error[0] >= max(abs(found.lower[0]), abs(found.upper[0]))


def test_an_adjoint_through_a_negative_factor_is_turned() -> None:
    """|x0| enters x1 - |x0| with -1, and that enters a tied maximum: its adjoint is in [-1, 0]."""
    found = curvatures(at(lambda x: np.maximum(x[1] - np.abs(x[0]), x[2]), [0.0, 0.0, 0.0]))
    np.testing.assert_allclose(found.lower, [-1, 1], atol=1e-12)
    np.testing.assert_allclose(found.upper, [0, 1], atol=1e-12)


def test_an_entry_of_a_fold_gets_nothing_at_least() -> None:
    """The smaller entry of a maximum gets nothing, a tied one between nothing and all."""
    x = [0.0, 0.0, 0.0]

    def f(x: Any) -> Any:
        return -np.max(np.stack([np.abs(x[0]), np.abs(x[1]), x[2] - 1.0]))

    found = curvatures(at(f, x))
    np.testing.assert_allclose(found.lower[:2], -1, atol=1e-12)
    np.testing.assert_allclose(found.upper[:2], 0, atol=1e-12)


def test_a_fold_with_one_leader_hands_on_all() -> None:
    """-1/2 at the least and -1 at the most: both ends pass through the fold unchanged."""

    def f(x: Any) -> Any:
        top = np.max(np.stack([np.abs(x[0]) + 1, 0 * x[1]]))
        return -top - np.maximum(top - 1, x[1]) + 0.5 * top

    found = curvatures(at(f, [0.0, 0.0]))
    inner = int(np.argmin(found.lower))
    np.testing.assert_allclose([found.lower[inner], found.upper[inner]], [-1.5, -0.5], atol=1e-12)


# -- rows without rounding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("power", "known"), [(26, True), (27, False)])
def test_rows_count_as_exact_below_the_size_of_a_mantissa(power: int, known: bool) -> None:
    """(2^p + 1)^2 needs 2 p + 1 bits: 53 fit, 55 do not."""
    factor = 2.0**power + 1
    sweeps = at(lambda x: np.abs(factor * (factor * x[0])), [0.0])
    rows = exact_rows(sweeps, sweeps.signature(1.0), sweeps.alpha)
    assert (rows is not None) == known
    if rows is not None:
        assert Fraction(float(rows[0, 0])) == Fraction(factor) ** 2


@pytest.mark.parametrize(("bits", "known"), [(12, True), (13, False)])
def test_rows_count_as_exact_down_to_a_grain(bits: int, known: bool) -> None:
    sweeps = at(lambda x: np.abs((1 + 2.0**-bits) * x[0]), [0.0])
    rows = exact_rows(sweeps, sweeps.signature(1.0), sweeps.alpha)
    assert (rows is not None) == known


def test_a_row_that_comes_out_zero_by_rounding_is_not_zero() -> None:
    """(x + h x) - x is computed as 0 for h = 2^-60."""
    sweeps = at(lambda x: np.abs((x[0] + 2.0**-60 * x[0]) - x[0]), [0.0])
    assert not sweeps.push(sweeps.signature(1.0), np.ones((1, 1)))[0][0, 0]
    assert not zero_rows(sweeps, sweeps.signature(1.0), sweeps.alpha)[0]
    assert an.verify(lambda x: np.abs((x[0] + 2.0**-60 * x[0]) - x[0]), [0.0]).method != "smooth"


def test_entries_with_other_values_have_no_equal_rows() -> None:
    """2 u - 1 is tied with itself for ever; u - 1/2 and 3 u - 3/2 are tied at u = 1/2 only."""
    sweeps = at(lambda x: np.max(x[0] * np.array([2.0, 2.0]) - np.array([1.0, 1.0])), [0.5])
    assert EqualRows(sweeps, sweeps.signature(1.0)).zero_rows().all()
    other = at(lambda x: np.max(x[0] * np.array([1.0, 3.0]) - np.array([0.5, 1.5])), [0.5])
    assert not EqualRows(other, other.signature(1.0)).zero_rows().any()


def test_below_the_floor_nothing_is_told() -> None:
    sweeps = at(lambda x: np.abs(x[0]), [0.0])
    for size, told in ((FLOOR / 2, False), (2 * FLOOR, True)):
        assert bool(realizes(sweeps, sweeps.signature(1.0), np.array([size]))[0]) == told


def test_roundings_are_drawn_only_where_all_that_are_needed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(x0) - 1 opens along (1, 0), |x1| does not."""
    drawn: list[int] = []
    beyond = module.beyond_values
    monkeypatch.setattr(module, "beyond_values", lambda *args: drawn.append(1) or beyond(*args))
    sweeps = at(lambda x: np.abs(np.exp(x[0]) - 1) + np.abs(x[1]), [0.0, 0.0])
    sigma, d = sweeps.signature(1.0), np.array([1.0, 0.0])
    for needed, times in (([True, True], 0), ([True, False], 1), (None, 1)):
        drawn.clear()
        found = realizes(sweeps, sigma, d, needed=None if needed is None else np.array(needed))
        assert found.tolist() == [True, False] and len(drawn) == times
