"""The abs-normal form: published cases, the piecewise-linear model, symbols."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from absnormal.errors import BudgetError, DomainError
from absnormal.form import AbsNormalForm, abs_normal_form, extract
from absnormal.frontends.numpy.traced import trace
from tests.oracle.expressions import numpy_callable
from tests.oracle.forms import abs_form
from tests.oracle.strategies import Program as Drawn
from tests.oracle.strategies import programs

DATA = Path(__file__).parents[1] / "data" / "abs_normal_cases.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text())["cases"]}
NAMES = {"c_abs": "c", "b_abs": "b", "signature_at_x": "signature"}
HELPERS: dict[str, Any] = {
    "max2": lambda a, b: (a + b + abs(b - a)) / 2,
    "min2": lambda a, b: (a + b - abs(b - a)) / 2,
    "relu": lambda v: (v + abs(v)) / 2,
    "Fr": lambda p, q: p / q,
    "exp": np.exp,
    "sin": np.sin,
}


def expected(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """All the numbers that a case states about its form."""
    stated = {**case["expected"]["derived_and_crosschecked"], **case["expected"]["from_repo"]}
    keys = ("Z", "L", "J", "Y", "z", "y", *NAMES)
    return {NAMES.get(key, key): np.array(stated[key], dtype=float) for key in keys if key in stated}


def case_form(name: str) -> AbsNormalForm:
    f = eval(CASES[name]["expr"], dict(HELPERS))  # the file is part of the tests
    return abs_normal_form(f, np.array(CASES[name]["x"], dtype=float))


def plain(part: Any) -> np.ndarray:
    return part if isinstance(part, np.ndarray) else np.asarray(part.toarray())


@pytest.mark.parametrize("name", CASES)
def test_published_numbers(name: str) -> None:
    form = case_form(name)
    numbers = expected(CASES[name])
    assert {"Z", "L", "J", "Y", "z", "y"} <= set(numbers)
    for key, value in numbers.items():
        found = plain(getattr(form, key))
        np.testing.assert_allclose(found, value.reshape(found.shape), rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["f_is_piecewise_linear"]])
def test_the_model_of_a_piecewise_linear_case_is_the_function(name: str) -> None:
    form = case_form(name)
    f = trace(eval(CASES[name]["expr"], dict(HELPERS)), form.x)
    for x in np.random.default_rng(0).normal(size=(5, form.n)) * 10:
        np.testing.assert_allclose(form(x), f(x), rtol=1e-12, atol=1e-10)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(programs(), st.integers(0, 100))
def test_the_model_of_random_programs_is_the_function(drawn: Drawn, seed: int) -> None:
    expr, at = drawn
    f = numpy_callable(expr)
    form = abs_normal_form(f, np.array(at, dtype=float))
    for shift in np.random.default_rng(seed).integers(-8, 9, (4, form.n)) / 8:
        x = form.x + shift
        assert np.isclose(form(x), float(f(x)), rtol=1e-13, atol=1e-13)
    assert form(form.x) == pytest.approx(float(f(form.x)), abs=1e-13)


@settings(max_examples=25, deadline=None)
@given(programs())
def test_random_programs_have_the_gradients_of_the_canonical_rewriting(drawn: Drawn) -> None:
    expr, at = drawn
    form = abs_normal_form(numpy_callable(expr), np.array(at, dtype=float))
    reference = abs_form(expr, len(at))
    for slope in (-1.0, 0.0, 0.5):
        sigma = np.where(form.z == 0, slope, np.sign(form.z))
        inner = np.linalg.solve(np.eye(form.s) - plain(form.L) * sigma, plain(form.Z))
        found = plain(form.J) + plain(form.Y) * sigma @ inner
        np.testing.assert_allclose(found[0], reference_gradient(reference, at, slope), rtol=1e-12, atol=1e-12)


def reference_gradient(form: Any, x: Any, slope: float) -> list[float]:
    """g_sigma of the rational form, switch by switch."""
    rates: list[list[Fraction]] = []
    sizes: list[Fraction] = []
    for c, first, second in zip(form.c, form.Z, form.L, strict=True):
        z = c + sum(a * v for a, v in zip(first, x, strict=True))
        z += sum(second[j] * size for j, size in enumerate(sizes))
        rate = [a + sum(second[j] * rates[j][k] for j in range(len(rates))) for k, a in enumerate(first)]
        sigma = Fraction(slope) if z == 0 else Fraction(1 if z > 0 else -1)
        sizes.append(abs(z))
        rates.append([sigma * r for r in rate])
    weighted = [*zip(form.Y, rates, strict=True)]
    return [float(a + sum(w * rate[k] for w, rate in weighted)) for k, a in enumerate(form.J)]


PIECEWISE_LINEAR: dict[str, Callable[[Any], Any]] = {
    "nested": lambda x: np.abs(x[0] - np.abs(x[1] - np.abs(x[2] - np.abs(x[3])))),
    "maxima": lambda x: np.max(x.reshape(2, 2), axis=0) - np.sort(x)[1:3],
    "clip": lambda x: np.clip(np.cumsum(x), -1, 1).sum() + np.median(x),
    "network": lambda x: np.maximum(np.arange(12.0).reshape(3, 4) @ np.maximum(x, 0) - 5, 0).sum(),
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_the_model_has_the_shape_of_the_function(name: str) -> None:
    f = PIECEWISE_LINEAR[name]
    form = abs_normal_form(f, np.zeros(4))
    for x in np.random.default_rng(1).normal(size=(6, 4)):
        assert np.shape(form(x)) == np.shape(f(x))
        np.testing.assert_allclose(form(x), f(x), rtol=1e-12, atol=1e-12)


def test_a_smooth_part_is_linearized() -> None:
    form = abs_normal_form(lambda x: np.exp(x[0]) * np.abs(x[0] - 1), [1.0])
    assert form([1.0]) == 0
    assert form([1.5]) == pytest.approx(0.5 * np.e)


def test_nested_arguments() -> None:
    def f(p: Any) -> Any:
        return np.abs(p["w"] @ p["v"][0] - p["v"][1]).sum()

    x = {"w": np.ones((2, 3)), "v": (np.arange(3.0), np.array(3.0))}
    form = abs_normal_form(f, x)
    assert (form.n, form.s, form.m) == (10, 2, 1)
    assert form(x) == f(x) == 0
    assert form(form.x) == 0
    with pytest.raises(ValueError, match="leaves"):
        form({"w": np.ones((2, 3))})


def test_rational_points_are_taken_in_floats() -> None:
    form = abs_normal_form(lambda x: np.abs(x[0]) / 2, np.array([Fraction(1, 4)], dtype=object))
    assert form.x.dtype == float
    assert form([-1.0]) == 0.5


def test_a_chain_of_a_hundred_thousand_switches() -> None:
    n = 100_000
    program = trace(lambda x: np.sum(np.abs(x)), np.ones(n))
    form = extract(program, np.ones(n))
    from scipy.sparse import csr_array

    below = np.arange(n - 1)
    chain = csr_array((np.full(n - 1, -1.0), (below + 1, below)), shape=(n, n))
    deep = AbsNormalForm(form.Z, chain, form.J, form.Y, form.c, form.b, form.x, form.z, form.y, form.tree, ())
    x = np.random.default_rng(0).normal(size=n)
    z = [x[0]]
    for value in x[1:].tolist():
        z.append(value - abs(z[-1]))
    np.testing.assert_allclose(deep.switching(x), z, rtol=0, atol=0)


def test_the_form_is_checked() -> None:
    form = abs_normal_form(lambda x: np.abs(x), [1.0, -1.0])
    parts = dict(vars(form))
    with pytest.raises(ValueError, match=r"Z must have shape \(2, 2\)"):
        AbsNormalForm(**{**parts, "Z": form.Z[:1]})
    with pytest.raises(ValueError, match="strictly lower"):
        AbsNormalForm(**{**parts, "L": form.Z})
    with pytest.raises(ValueError, match="entries"):
        AbsNormalForm(**{**parts, "shape": (3,)})


def test_limits_and_domains() -> None:
    program = trace(lambda x: np.max(np.log(x)), np.arange(1.0, 1001.0))
    with pytest.raises(BudgetError):
        extract(program, np.arange(1.0, 1001.0), limit=1000)
    with pytest.raises(DomainError):
        extract(program, np.zeros(1000))


def test_it_pickles() -> None:
    form = abs_normal_form(lambda x: np.abs(x[0] - np.abs(x[1])), [1.0, 2.0])
    copy = pickle.loads(pickle.dumps(form))
    assert copy([3.0, -1.0]) == form([3.0, -1.0]) == 2


def test_a_program_gives_its_form() -> None:
    form = trace(np.abs, np.array([-1.0, 0.0])).abs_normal_form([-1.0, 0.0])
    assert form.signature.tolist() == [-1, 0]
    assert repr(form) == "<AbsNormalForm n=2 m=2 s=2 nonzeros: Z 2, L 0, J 0, Y 2>"


# -- symbols ----------------------------------------------------------------------------------------------


def test_equations_hold_where_the_form_does() -> None:
    f = PIECEWISE_LINEAR["maxima"]
    form = abs_normal_form(f, np.zeros(4))
    equations = form.to_sympy()
    x = [0.5, -1.25, 3.0, 0.0]
    known = dict(zip(equations.x, x, strict=True))
    for equation in equations.equations:
        known[equation.lhs] = equation.rhs.subs(known)
    assert [float(known[symbol]) for symbol in equations.y] == f(np.array(x)).tolist()


def test_coefficients_are_not_rounded() -> None:
    form = abs_normal_form(lambda x: 0.1 * np.abs(x[0]) + 0.75 * x[0], [0.0])
    equations = form.to_sympy()
    (x,), (z,), right = equations.x, equations.z, equations.equations[1].rhs
    assert float(right.subs({x: 0, z: 1})) == 0.1
    assert str(right.coeff(x)) == "3/4"


def test_latex() -> None:
    form = abs_normal_form(lambda x: 1 + np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
    text = form.to_sympy()._repr_latex_()
    assert r"z_{1} &= x_{1} - \left|{z_{0}}\right|" in text
    assert r"y &= \left|{z_{1}}\right| + 1" in text


def test_a_large_form_is_not_written_out() -> None:
    form = abs_normal_form(lambda x: np.abs(x).sum(), np.ones(300))
    assert form._repr_latex_() is None and "Z: 300 x 300" in form._repr_html_()
    with pytest.raises(ValueError, match="up to 200"):
        form.to_sympy()
