"""Operations of a user's own: followed like ours, and refused where a rule is wrong."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import special

import absnormal as an
from absnormal import extend
from absnormal.frontends.numpy.functions import FUNCTIONS
from absnormal.frontends.numpy.ufuncs import RULES
from absnormal.frontends.ties import slopes
from absnormal.ops import TABLE

MIX = np.array([[1.0, -2.0, 0.0], [0.5, 1.0, 3.0]])
POINT = np.array([[2.0, 1.0], [0.0, 3.0]])


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """What a test registers is gone after it."""
    tables: list[dict[Any, Any]] = [TABLE, RULES, FUNCTIONS, slopes.TABLES]
    held = [dict(table) for table in tables]
    yield
    for table, before in zip(tables, held, strict=True):
        for key in [key for key in table if key not in before]:
            del table[key]


def mixed() -> Callable[..., Any]:
    return extend.linear("mixed", lambda u: MIX @ u, lambda w, shape: MIX.T @ w, examples=[np.ones(3)])


def softsign() -> Callable[..., Any]:
    return extend.smooth("softsign_like", lambda u: u / np.sqrt(1 + u * u), lambda u: [(1 + u * u) ** -1.5])


def inverse() -> Callable[..., Any]:
    return extend.opaque(
        "inverted", np.linalg.inv, lambda a, t: -np.linalg.inv(a[0]) @ t[0] @ np.linalg.inv(a[0]),
        lambda a, w: [-np.linalg.inv(a[0]).T @ w @ np.linalg.inv(a[0]).T],
        lambda a: abs(np.linalg.det(a)) > 0, examples=[[POINT]],
    )  # fmt: skip


def test_an_entrywise_operation_is_followed_as_one_of_ours() -> None:
    own = softsign()

    def ours(x: Any) -> Any:
        return np.abs(x[0] / np.sqrt(1 + x[0] * x[0])) - np.maximum(x[1] / np.sqrt(1 + x[1] * x[1]), 0) + x[2] ** 2

    def theirs(x: Any) -> Any:
        return np.abs(own(x[0])) - np.maximum(own(x[1]), 0) + x[2] ** 2

    for x in ([0.0, 0.0, 1.0], [0.5, 0.0, -1.0], [1.0, -2.0, 0.0]):
        for slope in (-1, 0, 1):
            a, b = (an.verify(f, x, slope=slope) for f in (ours, theirs))
            assert a.verdict is b.verdict and a.certificate is not None and b.certificate is not None
            np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-14)
            assert b.certificate.check()
        np.testing.assert_allclose(an.trace(theirs, x)(x), ours(x))
    form = an.abs_normal_form(theirs, [0.5, 0.0, 1.0])
    np.testing.assert_allclose(form.J.toarray(), an.abs_normal_form(ours, [0.5, 0.0, 1.0]).J.toarray(), rtol=1e-14)
    assert "softsign_like(" in str(an.trace(theirs, [0.5, 0.0, 1.0]))


def test_a_listing_names_all_arguments_of_an_own_operation() -> None:
    warp = extend.smooth("warp", lambda u, v: np.exp(u) * v, lambda u, v: [np.exp(u) * v, np.exp(u)])
    assert "= warp(v1, v2)" in str(an.trace(lambda x: warp(x[0], x[1]), [1.0, 2.0]))


def test_a_linear_operation_stays_piecewise_linear_and_exact() -> None:
    own = mixed()

    def ours(x: Any) -> Any:
        return np.abs(MIX @ x).sum() - np.maximum(x[0], 0)

    def theirs(x: Any) -> Any:
        return np.abs(own(x)).sum() - np.maximum(x[0], 0)

    for x in (np.zeros(3), np.array([2.0, 1.0, -2 / 3]), np.array([1.0, 2.0, 3.0])):
        a, b = (an.verify(f, x) for f in (ours, theirs))
        assert a.verdict is b.verdict
        np.testing.assert_array_equal(a.gradient, b.gradient)
        assert an.trace(theirs, x).is_piecewise_linear
        assert b.certificate is not None and b.certificate.check()
    fractions = [Fraction(2), Fraction(1), Fraction(-2, 3)]
    assert an.verify(theirs, fractions).problem.sweeps.rational
    a, b = (an.generalized_gradient(f, np.zeros(3)) for f in (ours, theirs))
    assert a.exact and b.exact and len(a.vertices) == len(b.vertices)
    np.testing.assert_array_equal(
        an.abs_normal_form(theirs, np.ones(3)).Z.toarray(), an.abs_normal_form(ours, np.ones(3)).Z.toarray()
    )


def test_an_opaque_operation_has_its_kinks_behind_it() -> None:
    inverted = inverse()

    def f(A: Any) -> Any:
        return np.abs(inverted(A)).sum()

    report = an.verify(f, POINT)
    assert report.verdict.name == "CLARKE" and len(report.problem.sweeps.alpha) == 1
    step = 1e-6
    for place in np.ndindex(2, 2):
        if place != (1, 0):
            moved = [POINT + side * step * (np.arange(4).reshape(2, 2) == 2 * place[0] + place[1]) for side in (1, -1)]
            change = (f(moved[0]) - f(moved[1])) / (2 * step)
            np.testing.assert_allclose(report.gradient[place], change, rtol=1e-6)
    with pytest.raises(an.DomainError):
        an.verify(lambda A: inverted(A - A).sum() + A[0, 0], POINT)
    doubled = an.verify(lambda A: np.abs(inverted(A)[1, 0]) - np.abs(2 * inverted(A)[1, 0]), POINT, slope=1)
    assert doubled.verdict.name == "CLARKE"


def test_a_computed_zero_of_an_opaque_derivative_proves_nothing() -> None:
    zero = extend.opaque("third", lambda u: u**3, lambda a, t: 3 * a[0] ** 2 * t[0], lambda a, w: [3 * a[0] ** 2 * w],
                         examples=[[np.array([1.0, -2.0])]])  # fmt: skip
    report = an.verify(lambda x: np.abs(zero(x)).sum(), np.zeros(2))
    assert report.method != "smooth"


def test_a_kink_has_its_place_and_its_tie() -> None:
    bent = extend.kink("bent", 0.5, -1.5, at=2.0)
    u = np.array([-1.0, 2.0, 5.0])
    np.testing.assert_array_equal(bent(u), 0.5 * u - 1.5 * np.abs(u - 2))
    report = an.verify(lambda x: bent(x).sum(), u, slope=1)
    np.testing.assert_array_equal(report.gradient, [2.0, -1.0, -1.0])
    assert report.active[0].operation == "bent" and report.verdict.name == "CLARKE"
    as_max = extend.kink("as_max", 0.0, 1.0, tie="maximum")
    assert an.gradient(lambda x: as_max(x[0]), [0.0], slope="jax") == 0 != an.gradient(np.abs, 0.0, slope="jax")


def test_numpy_s_function_takes_the_rule_and_only_once() -> None:
    roots = np.array([2.0, 3.0])
    polynomial = extend.opaque(
        "polynomial of two roots", np.poly, lambda a, t: np.array([0.0, -t[0].sum(), t[0] @ a[0][::-1]]),
        lambda a, w: [w[2] * a[0][::-1] - w[1]], examples=[[roots]],
    )  # fmt: skip
    with pytest.raises(an.TraceError):
        an.trace(lambda x: np.poly(x).sum(), roots)
    extend.rule(np.poly, polynomial)
    assert an.trace(lambda x: np.poly(x).sum(), roots)(roots) == np.poly(roots).sum()
    omega = extend.smooth(
        "omega", special.wrightomega, lambda u: [special.wrightomega(u) / (1 + special.wrightomega(u))]
    )
    extend.rule(special.wrightomega, omega)
    assert an.gradient(lambda x: special.wrightomega(x[0]), [1.0]) == 0.5
    for function in (np.exp, np.abs, np.sort, np.linalg.inv, np.poly, special.wrightomega):
        with pytest.raises(ValueError, match="has a rule"):
            extend.rule(function, omega)
    with pytest.raises(ValueError, match="call the operation itself"):
        extend.rule(len, omega)


def test_a_tool_of_ones_own() -> None:
    kinks = ("abs", "maximum", "minimum", "fmax", "fmin", "clip.low", "clip.high", "max.fold", "min.fold", "sort")
    known: dict[str, Any] = {**dict.fromkeys(kinks, 0.5), "root": 0.0}
    extend.ties("half", known)
    assert an.gradient(np.abs, 0.0, slope="half") == 0.5
    assert an.gradient(lambda x: np.maximum(x[0], 0), [0.0], slope="half") == 0.75
    with pytest.raises(ValueError, match="there is a table"):
        extend.ties("half", known)
    with pytest.raises(ValueError, match="lacks 'abs'"):
        extend.ties("none", {tie: slope for tie, slope in known.items() if tie != "abs"})
    with pytest.raises(ValueError, match="reluu"):
        extend.ties("none", {**known, "reluu": 0.0})
    with pytest.raises(ValueError, match="must lie in"):
        extend.ties("none", {**known, "abs": 2.0})
    assert "none" not in slopes.TABLES


def test_programs_with_own_operations_pickle() -> None:
    own = softsign()
    program = an.trace(lambda x: np.abs(own(x)).sum(), [0.0, 1.0])
    assert pickle.loads(pickle.dumps(program))([1.0, 2.0]) == program([1.0, 2.0])


def cube(u: Any) -> Any:
    return u**3


WRONG: dict[str, tuple[str, Callable[[], Any]]] = {
    "a wrong partial derivative": (
        r"argument 1 is .* differences of the value give",
        lambda: extend.smooth("w", cube, lambda u: [2 * u**2])),
    "wrong in one argument of two": (
        "argument 2", lambda: extend.smooth("w", lambda u, v: u * v, lambda u, v: [v, v])),
    "a partial derivative is missing": (
        "must return 2 arrays, got 1", lambda: extend.smooth("w", lambda u, v: u * v, lambda u, v: [v])),
    "wrong on one side": ("differences", lambda: extend.smooth("w", np.abs, lambda u: [np.ones_like(u)])),
    "wrong at 0 alone": ("at \\(0.0,\\), and differences", lambda: extend.smooth(
        "w", np.square, lambda u: [np.where(u == 0, 3.0, 2 * u)])),
    "a kink": ("has a kink by argument 1 at \\(0.0,\\)", lambda: extend.smooth("w", np.abs, lambda u: [np.sign(u)])),
    "a kink at 1": ("has a kink by argument 1 at \\(1.0,\\)", lambda: extend.smooth(
        "w", lambda u: np.maximum(u, 1), lambda u: [(u > 1) * 1.0])),
    "an elu whose sides differ": ("has a kink", lambda: extend.smooth(
        "w", lambda u: np.where(u > 0, u, 2 * np.expm1(u)), lambda u: [np.where(u > 0, 1.0, 2 * np.exp(u))])),
    "a kink in the second argument": ("by argument 2 at", lambda: extend.smooth(
        "w", lambda u, v: u + np.abs(v), lambda u, v: [np.ones_like(u), np.sign(v)])),
    "a jump": ("has a kink", lambda: extend.smooth("w", np.floor, lambda u: [0 * u])),
    "a root": ("has a kink", lambda: extend.smooth(
        "w", lambda u: np.sqrt(np.abs(u)), lambda u: [np.sign(u) / 2 / np.sqrt(np.abs(u) + 1e-300)])),
    "no value outside its domain": (
        "NaN or infinite inside", lambda: extend.smooth("w", np.log, lambda u: [1 / u])),
    "entries that depend on each other": (
        "use linear or opaque", lambda: extend.smooth("w", np.cumsum, lambda u: [np.ones_like(u)])),
    "another shape": ("has shape", lambda: extend.smooth("w", np.sum, lambda u: [np.ones_like(u)])),
    "an empty domain": (
        "give examples=", lambda: extend.smooth("w", cube, lambda u: [3 * u * u], lambda u: u > 1e9)),
    "arguments that are not counted": (
        "give examples=", lambda: extend.smooth("w", cube, np.gradient)),
    "a known name": ("there is an operation", lambda: extend.smooth("exp", np.exp, lambda u: [np.exp(u)])),
    "no name": ("must be a word", lambda: extend.smooth("", np.exp, lambda u: [np.exp(u)])),
    "not linear": ("not linear", lambda: extend.linear("w", cube, lambda w, shape: w)),
    "an offset": ("not linear", lambda: extend.linear("w", lambda u: u + 1, lambda w, shape: w)),
    "a wrong transpose": (
        "not the transpose", lambda: extend.linear("w", np.cumsum, lambda w, shape: np.cumsum(w).reshape(shape))),
    "a transpose of another shape": (
        "returns shape", lambda: extend.linear("w", lambda u: u.reshape(-1), lambda w, shape: w, examples=[POINT])),
    "shapes that do not fit": (
        "give examples=", lambda: extend.linear("w", lambda u: MIX @ u[:3, None, None], lambda w, shape: w)),
    "a wrong jvp": (
        "jvp is not the derivative", lambda: extend.opaque(
            "w", cube, lambda a, t: 2 * a[0] ** 2 * t[0], lambda a, w: [3 * a[0] ** 2 * w], examples=[[POINT]])),
    "a wrong vjp": (
        "vjp is not the transpose", lambda: extend.opaque(
            "w", cube, lambda a, t: 3 * a[0] ** 2 * t[0], lambda a, w: [2 * a[0] ** 2 * w], examples=[[POINT]])),
    "a vjp of another shape": (
        "shaped like it", lambda: extend.opaque(
            "w", cube, lambda a, t: 3 * a[0] ** 2 * t[0], lambda a, w: [w.sum()], examples=[[POINT]])),
    "no example": ("give examples=", lambda: extend.opaque(
        "w", cube, lambda a, t: t[0], lambda a, w: [w], examples=[])),
    "an example off its domain": ("not smooth", lambda: extend.opaque(
        "w", cube, lambda a, t: t[0], lambda a, w: [w], lambda u: u > 5, examples=[[POINT]])),
    "an unknown tie": ("tie must be one of", lambda: extend.kink("w", 0.0, 1.0, tie="bs")),
    "an infinite place": ("must be finite", lambda: extend.kink("w", 0.0, 1.0, at=np.inf)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_refused_and_not_registered(name: str) -> None:
    match, register = WRONG[name]
    with pytest.raises(ValueError, match=match):
        register()
    assert "w" not in TABLE


def late(u: Any) -> Any:
    """Smooth where it is checked, with a kink at 7."""
    return np.abs(u - 7) + u**2


def of_late(u: Any) -> Any:
    return np.sign(u - 7) + 2 * u


@pytest.mark.parametrize("kind", ["smooth", "opaque"])
def test_a_kink_that_the_examples_do_not_show_is_refused_where_it_counts(kind: str) -> None:
    own = extend.smooth("w", late, lambda u: [of_late(u)]) if kind == "smooth" else extend.opaque(
        "w", late, lambda a, t: of_late(a[0]) * t[0], lambda a, w: [of_late(a[0]) * w], examples=[[np.ones(2)]])
    for beside in ([7.5], [6.999, 0.0], [7 - 1e-5], [7 + 1e-6, 1e-9]):
        assert an.verify(lambda x: own(x).sum(), beside)
    for at in ([7.0], [1.0, 7.0], [7.0, 0.0, 1e-9]):
        with pytest.raises(an.TraceError, match="not continuously differentiable"):
            an.verify(lambda x: own(x).sum(), at)


@pytest.mark.parametrize("u", [0.0, 1e-300, -1e-9, 1.0, -1.0, np.pi, 1e5, 1e8, 1e15])
def test_what_is_smooth_is_not_refused(u: float) -> None:
    """C^1 with second derivatives that jump or are infinite, curved, flat, fast, and with ten digits only."""
    operations: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "elu": (lambda u: np.where(u > 0, u, np.expm1(np.minimum(u, 0))), lambda u: np.exp(np.minimum(u, 0))),
        "huber": (lambda u: np.where(np.abs(u) <= 1, u * u / 2, np.abs(u) - 0.5), lambda u: np.clip(u, -1, 1)),
        "three halves": (lambda u: np.abs(u) ** 1.5, lambda u: 1.5 * np.sign(u) * np.sqrt(np.abs(u))),
        "waves": (np.sin, np.cos),
        "rounded": (lambda u: np.tanh(u) * (1 + 1e-11 * np.sin(1e9 * u)), lambda u: 1 / np.cosh(u) ** 2),
        "nearly constant": (lambda u: 1 + 1e-12 * np.tanh(u), lambda u: 1e-12 / np.cosh(u) ** 2),
    }
    with np.errstate(over="ignore"):
        for name, (value, partial) in operations.items():
            own = extend.smooth(name, value, lambda u: [partial(u)], examples=[[np.linspace(0.1, 2)]]
                                if name == "rounded" else ())
            assert an.verify(lambda x: own(x).sum(), [u, 0.3])


def test_arrays_that_f_makes_are_arguments_with_and_without_variables_in_them() -> None:
    def value(u, v):
        return np.sqrt(1 + u * u + v * v)

    own = an.extend.smooth("hypotenuse with one", value, lambda u, v: (u / value(u, v), v / value(u, v)))
    point = np.array([1.0, -2.0, 0.5])

    def written(x):
        made = np.ones(3)
        made[1] = x[0]
        return own(np.abs(x), made).sum()

    for f in (lambda x: own(np.abs(x), np.ones(3)).sum(), written):
        sides = [(f(point + 1e-6 * d) - f(point - 1e-6 * d)) / 2e-6 for d in np.eye(3)]
        np.testing.assert_allclose(an.gradient(f, point), sides, atol=1e-8)
        assert an.verify(f, np.zeros(3))
