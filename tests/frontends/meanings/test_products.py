"""A comparison of a product with 0 where one factor is 0: where(a * b > 0, a * b / (a + b), 0) has a kink at a = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

LIBRARIES = [np, jnp, torch]
NAMES = ["numpy", "jax", "torch"]

#: f(m, a, b), continuous where a or b is 0 and the other one is not.
MEET: dict[str, Callable[[Any, Any, Any], Any]] = {
    "van Leer": lambda m, a, b: m.where(a * b > 0, 2 * a * b / (a + b), 0.0 * a),
    "van Leer, the other way round": lambda m, a, b: m.where(a * b <= 0, 0.0 * a, 2 * a * b / (a + b)),
    "minmod": lambda m, a, b: m.where(a * b > 0, m.where(abs(a) < abs(b), a, b), 0.0 * a),
    "as a factor": lambda m, a, b: (b * a > 0) * (a * b * (1 + a)),
    "by a sign": lambda m, a, b: m.sign(a * b) * a * b**2,
    "against a bound": lambda m, a, b: m.where(b * a > 0, a * b + 3 * b * a * a, m.exp(a * b) - 1),
}
#: f(m, a, b), which jumps where a is 0, where b is, or at both.
JUMP: dict[str, tuple[Callable[[Any, Any, Any], Any], list[tuple[float, float]]]] = {
    "the other factor": (lambda m, a, b: m.where(a * b > 0, b, 0.0 * a), [(0.0, 1.0), (0.0, -2.0)]),
    "the one factor": (lambda m, a, b: m.where(a * b > 0, a, 0.0 * a), [(1.0, 0.0)]),
    "a constant": (lambda m, a, b: m.where(a * b > 0, 1 + a, 1 - b), [(0.0, 1.0), (1.0, 0.0)]),
    "both": (lambda m, a, b: m.where(a * b > 0, a + b, 0.0 * a), [(0.0, 0.0)]),
    "another bound": (lambda m, a, b: m.where(a * b > -1, a * b, 0.0 * a), [(1.0, -1.0)]),
    "a square": (lambda m, a, b: m.where(a * a <= 0, 1.0 + b, b), [(0.0, 1.0)]),
    "as a factor": (lambda m, a, b: (a * b > 0) * (1 + a * b), [(0.0, 1.0), (-1.0, 0.0)]),
}
#: Where either factor is 0, beside numbers of either sign.
POINTS = [(0.0, 1.0), (0.0, -0.7), (1.3, 0.0), (-2.0, 0.0)]


def point(lib: Any, numbers: Any) -> Any:
    return torch.tensor(numbers, dtype=torch.float64) if lib is torch else lib.asarray(np.array(numbers, dtype=float))


@pytest.mark.parametrize("lib", LIBRARIES, ids=NAMES)
@pytest.mark.parametrize("name", MEET)
def test_slopes_and_values_are_those_of_the_function(lib: Any, name: str) -> None:
    with jax.enable_x64(True):
        for at in map(np.array, POINTS):
            def plain(x: Any) -> float:
                with np.errstate(all="ignore"):
                    return float(MEET[name](np, *x))

            x = point(lib, at)
            report = an.verify(lambda x: MEET[name](lib, x[0], x[1]), x)
            assert report.verdict is not an.Verdict.UNDECIDED
            for d in (*np.eye(2), *-np.eye(2), *np.random.default_rng(0).standard_normal((3, 2))):
                slope = (plain(at + 1e-7 * d) - plain(at)) / 1e-7
                assert an.directional_derivative(report.program, x, d) == pytest.approx(slope, abs=1e-5)
                assert report.program(at + 1e-3 * d) == pytest.approx(plain(at + 1e-3 * d))


@pytest.mark.parametrize("lib", LIBRARIES, ids=NAMES)
def test_entries_are_compared_by_the_factor_that_is_zero(lib: Any) -> None:
    """In four entries either factor is 0, beside numbers of either sign; a vector is judged by all of them."""
    a, b = [0.0, 2.0, 0.0, -1.0], [1.0, 0.0, -3.0, 0.0]
    with jax.enable_x64(True):
        def f(x: Any) -> Any:
            return MEET["minmod"](lib, x[:4], x[4:]).sum()

        x = point(lib, a + b)
        for slope in (0.0, 0.4, 1.0):
            for outside in (0.0, 0.2):
                vector = np.array([slope, outside, slope, 0, 0, slope, 0, slope])
                verdict = an.verify(f, x, gradient=point(lib, vector)).verdict
                assert verdict is (an.Verdict.NOT_CLARKE if outside else an.Verdict.CLARKE)


@pytest.mark.parametrize("below", [1.0, -2.0])
def test_a_quotient_is_compared_by_what_is_divided(below: float) -> None:
    def f(x: Any) -> Any:
        return np.where(x[0] / x[1] > 0, 2 * x[0], 5 * x[0])

    first, second = (2.0, 5.0)
    assert [an.verify(f, [0.0, below], gradient=[g, 0.0]).verdict.name for g in (first, 3.0, second, 5.1)] == [
        "CLARKE", "CLARKE", "CLARKE", "NOT_CLARKE"]
    assert an.directional_derivative(f, [0.0, below], [1.0, 0.0]) == (first if below > 0 else second)
    assert an.directional_derivative(f, [0.0, below], [-1.0, 0.0]) == (-second if below > 0 else -first)


def test_what_is_zero_by_underflow_is_not_compared() -> None:
    """A quotient that is rounded to 0 says nothing of where what is divided is 0; here f jumps there."""
    def f(x: Any) -> Any:
        return np.where(x[0] / x[1] > 0, x[0], -2.0 - x[0])

    with pytest.raises(an.TraceError, match="its condition"):
        an.verify(f, [1e-300, 1e100])


def test_an_entry_in_which_both_factors_are_zero_is_refused_among_others() -> None:
    def f(x: Any) -> Any:
        return np.where(x[:2] * x[2:] > 0, x[:2] * (x[2:] + 1), 0.0).sum()

    assert an.verify(f, [0.0, 0.0, 1.0, 2.0])
    with pytest.raises(an.TraceError, match="its condition"):
        an.verify(f, [0.0, 0.0, 1.0, 0.0])


def test_the_other_factor_keeps_its_sign() -> None:
    program = an.trace(lambda x: MEET["minmod"](np, x[0], x[1]), [0.0, 1.0])
    assert program([0.25, 1.0]) == 0.25
    assert program([-0.25, 1.0]) == 0
    with pytest.raises(an.GuardError):
        program([0.25, -1.0])


@pytest.mark.parametrize("lib", LIBRARIES, ids=NAMES)
@pytest.mark.parametrize("name", JUMP)
def test_what_jumps_is_refused(lib: Any, name: str) -> None:
    f, points = JUMP[name]
    for at in points:
        with pytest.raises(an.TraceError, match=r"(its condition|jumps|is tied)"):
            an.verify(lambda x: f(lib, x[0], x[1]), point(lib, at))
