"""Switches near a kink: whatever float64 gets wrong is listed, in float mode and in exact mode."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.report import near
from absnormal.sweeps.rounding import value_errors
from absnormal.sweeps.table import Sweeps

from ..theorems.judge import Case, cases, fuzz


def absorbed(x: Any) -> Any:
    return np.abs((x[0] + 1e16) - 1e16)


def sums(x: Any) -> Any:
    return np.abs(3 * x[0] - x[1] - x[2])


POINT = [0.044, 0.079, 0.053]
CASES = [(absorbed, [0.5], 0.0, Fraction(1, 2)), (sums, POINT, 2.0**-57, Fraction(-1, 2**57))]


@pytest.mark.parametrize(("f", "x", "computed", "exact"), CASES)
def test_float_mode_says_what_it_assumed(f: Any, x: Any, computed: float, exact: Fraction) -> None:
    report = an.verify(f, x)
    (switch,) = report.near
    assert (switch.value, switch.exact, switch.wrong) == (computed, exact, True)
    assert abs(Fraction(switch.value) - exact) <= Fraction(switch.bound)
    text = str(report)
    assert "1 with a float64 sign that is not the exact one; the verdict takes the float64 signs" in text
    assert "test_near.py" in text and str(switch) in text
    assert report.to_dict()["near"][0]["switch"] == 0
    assert str(switch).split(",")[0] in report._repr_html_()


@pytest.mark.parametrize(("f", "x", "computed", "exact"), CASES)
def test_exact_mode_finds_the_wrong_gradient(f: Any, x: Any, computed: float, exact: Fraction) -> None:
    report = an.verify(f, x, exact=True)
    assert report.verdict.name == "NOT_CLARKE" and not report.consistent
    assert report.proof.arithmetic == "rational"
    (switch,) = report.near
    assert (switch.value, switch.exact, switch.wrong) == (computed, exact, True)
    assert "the verdict takes the exact signs" in str(report)
    assert f"the tool's float64 sign is wrong: {switch}" in report.explanation
    assert report.certificate is not None and report.certificate.check()
    derivative = 1.0 if exact > 0 else -1.0
    assert report.clarke_gradient[0] == derivative * (1 if f is absorbed else 3)


TENTHS = [
    ("Fractions", [Fraction(44, 1000), Fraction(79, 1000), Fraction(53, 1000)]),
    ("SymPy", [sympy.Rational(44, 1000), sympy.Rational(79, 1000), sympy.Rational(53, 1000)]),
    ("an array of both", np.array([sympy.Rational(44, 1000), Fraction(79, 1000), sympy.Rational("0.053")])),
]


@pytest.mark.parametrize("x", [x for _, x in TENTHS], ids=[name for name, _ in TENTHS])
def test_exact_points_mean_what_they_say(x: Any) -> None:
    """3 * 0.044 = 0.079 + 0.053 holds for the decimals, and not for the floats."""
    report = an.verify(sums, x)
    assert len(report.problem.sweeps.alpha) == 1
    assert report.problem.sweeps.z[0] == 0
    (switch,) = report.near
    assert switch.exact == 0 and switch.wrong


@pytest.mark.parametrize("x", [Fraction(1, 10), sympy.Rational(1, 10), np.array(sympy.Rational(1, 10), dtype=object)])
def test_exact_scalars(x: Any) -> None:
    report = an.verify(lambda t: np.abs(10 * t - 1), x)
    assert len(report.problem.sweeps.alpha) == 1 and not report.near


def test_numbers_that_are_not_rational_are_refused() -> None:
    with pytest.raises(ValueError, match="x must hold real numbers, got Pow"):
        an.verify(lambda t: np.abs(t), sympy.sqrt(2))


def test_within_rounding_of_zero_behind_smooth_operations() -> None:
    """0 on paper, 2e-16 in float64: not active, and not told from 0."""
    report = an.verify(lambda x: np.abs(np.exp(x[0]) ** 2 - np.exp(2 * x[0])) + np.abs(x[0]), [0.3])
    (switch,) = report.near
    assert switch.switch == 0 and switch.exact is None and not switch.wrong
    assert 0 < abs(switch.value) <= switch.bound < 1e-12
    assert "near a kink: 1 switch, within rounding of 0; the verdict takes the float64 signs" in str(report)


def test_nothing_near() -> None:
    report = an.verify(lambda x: np.abs(x).sum() + np.maximum(x[0] - 1, x[1]), [0.0, 1.0, -3.0])
    assert report.near == () and "near a kink" not in str(report)
    assert an.verify(lambda x: x[0] ** 2, [1.0]).near == ()


@pytest.mark.slow
@fuzz(15)
@given(cases(), st.integers(1, 2**20))
def test_bounds_hold(a: Case, factor: int) -> None:
    """At points with rounding, the exact switching variables lie within the bound of the computed ones."""
    x = np.array(a.point) + 0.1 * factor
    sweeps = Sweeps(a.program, x)
    exact = a.program.switching(a.program.evaluate([np.array([Fraction(v) for v in x.tolist()], dtype=object)]))
    gaps = [abs(Fraction(z) - e) for z, e in zip(sweeps.z.tolist(), exact, strict=True)]
    assert all(gap <= Fraction(bound) for gap, bound in zip(gaps, value_errors(sweeps).tolist(), strict=True))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.abs(np.exp(x) @ np.log(x + 3) - x.sum() ** 3).sum() + np.max(np.cumsum(np.sin(x))),
        lambda x: np.abs(np.tanh(np.outer(x, x)) @ x - 0.3).sum() + np.sort(x / (1 + x**2))[0],
        lambda x: np.abs(np.prod(x) - np.sqrt(x[0] ** 2 + 2) * np.where(x > 0, x, 0.5 * x)).sum(),
    ],
)  # fmt: skip
def test_bounds_hold_for_smooth_operations(f: Any) -> None:
    """Against 80-bit or 128-bit arithmetic, where it is wider than float64."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        x = rng.standard_normal(4)
        program = an.trace(f, x)
        sweeps = Sweeps(program, x)
        values = _wide(program, x)
        gaps = np.abs(program.switching(values).astype(float) - sweeps.z) if values is not None else 0.0
        assert (gaps <= value_errors(sweeps)).all()
        assert (value_errors(sweeps) < 1e-11).all()


def _wide(program: an.Program, x: Any) -> Any:
    """The values of all nodes in long double."""
    from absnormal.ops import TABLE

    values: list[Any] = []
    for node in program.nodes:
        if node.op == "input":
            values.append(program.tree.split(x.astype(np.longdouble))[node.params["leaf"]])
        elif node.op == "constant":
            values.append(node.params["value"].astype(np.longdouble))
        else:
            values.append(TABLE[node.op].value(node.params, *(values[arg] for arg in node.args)))
    return values


def test_very_many_are_counted_and_a_few_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(0.1, 0.9, 300)
    report = an.verify(lambda x: np.sum(np.abs(np.exp(x) ** 2 - np.exp(2 * x)) + np.abs(x)), x)
    found = report.near
    assert 50 < len(found) <= 300 and repr(found) == f"<{len(found)} switches near a kink>"
    assert found[-1] == list(found)[-1] == found[-3:][2] and found == tuple(found) and found != tuple(found)[1:]
    assert found.wrong == () and all(0 < abs(one.value) <= one.bound for one in found)
    made = list[int]()
    own = near.NearKinks._made
    monkeypatch.setattr(near.NearKinks, "_made", lambda self, switch: made.append(switch) or own(self, switch))
    again = pickle.loads(pickle.dumps(report))
    for shown in (report, again):
        made.clear()
        assert f"near a kink: {len(found)} switches, within rounding of 0" in str(shown) and len(made) <= 8
        assert shown.to_dict()["near_switches"] == len(found) and len(made) <= 108
