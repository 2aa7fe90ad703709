"""Is a function judged by what it is near the point, and the same in every front end?

A row is a function, the point, the only Clarke gradient there, and a point at which a program that was traced at the
first one is right or says that it is not to be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest

import absnormal as an

from .frameworks import FRAMEWORKS, Function


@dataclass(frozen=True)
class Case:
    """A function at a point; ``among`` are Clarke gradients there, where it jumps for a tool."""

    f: Function
    x: list[float]
    gradient: list[float]
    other: list[float] | None = None
    among: tuple[list[float], ...] = ()


#: Comparisons of what is constant near the point: they are equal there, and no ties.
CONSTANT = {
    "a mask of relu": Case(lambda ns, x: (x * ns.real(ns.relu(x) > 0)).sum(), [-1.0, 2.0], [0, 1], [1.0, 2.0]),
    "a count of relu": Case(
        lambda ns, x: x.sum() / ns.real(ns.relu(x) > 0).sum(), [-1.0, 2.0, 3.0], [0.5] * 3, [1.0, 2.0, 3.0]),
    "clipped at its bound": Case(
        lambda ns, x: ns.where(ns.clip(x, 0.0, 1.0) == 1.0, x * x, x).sum(), [2.0, 0.5, -1.0], [4, 1, 1],
        [2.0, 1.5, -1.0]),
    "masked entries": Case(
        lambda ns, x: ns.where(ns.where(ns.array([1.0, 0.0]) > 0.5, 0.0, x) != 0.0, x * x, x).sum(), [3.0, 2.0], [1, 4],
        [3.0, 0.0]),
    "a masked diagonal": Case(
        lambda ns, x: (lambda d: ns.where((d * ns.array([0.0, 1.0])) != 0.0, d, 2.0 * d).sum())(x), [3.0, 2.0], [2, 1],
        [3.0, 0.0]),
    "a product with 0": Case(
        lambda ns, x: (x * ns.real(ns.relu(x) * x > 0)).sum(), [-1.0, 2.0], [0, 1], [1.0, 2.0]),
    "a sum of relus": Case(lambda ns, x: (x * ns.real(ns.relu(x).sum() > 0)).sum(), [-1.0, -2.0], [0, 0], [1.0, -2.0]),
    "the sign of relu": Case(lambda ns, x: (x + ns.sign(ns.relu(x)) * x).sum(), [-1.0, 2.0], [1, 2], [1.0, 2.0]),
    "below a bound": Case(
        lambda ns, x: ns.where(ns.maximum(x, ns.array([1.0, 1.0])) > 1.0, x * x, x).sum(), [0.5, 2.0], [1, 4],
        [1.5, 2.0]),
}  # fmt: skip

TABLE = [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]


def straight(ns: Any, x: Any, low: Any, high: Any) -> Any:
    """Linear interpolation between entries of a list."""
    weight, table = x - low, ns.array(TABLE)
    return ((1.0 - weight) * ns.taken(table, low) + weight * ns.taken(table, high)).sum()


def jumping(f: Function, x: list[float], tool: list[float], *others: list[float]) -> Case:
    return Case(f, x, tool, None, others)


#: Jumps that cancel: what is returned where the jump counts as a constant, and the ends of the generalized gradient.
JUMPING = {
    "x sign(x)": jumping(lambda ns, x: (x * ns.sign(x)).sum(), [0.0, 2.0, 0.0], [0, 1, 0], [1, 1, -1], [-1, 1, 1]),
    "a soft threshold": jumping(
        lambda ns, x: (ns.sign(x) * ns.relu(ns.abs(x) - 1.0)).sum(), [0.0, 2.0], [0, 1], [0, 1]),
    "a saw tooth": jumping(lambda ns, x: ns.abs(x - ns.round(x)).sum(), [0.5, 1.25], [1, 1], [1, 1], [-1, 1]),
    "a parabola on each tooth": jumping(
        lambda ns, x: ((x - ns.floor(x)) * (ns.floor(x) + 1.0 - x)).sum(), [1.0, 0.5], [1, 0], [1, 0], [-1, 0]),
    "lines by floor and floor + 1": jumping(
        lambda ns, x: straight(ns, x, ns.floor(x), ns.floor(x) + 1.0), [2.0, 1.5, 1.0], [5, 3, 3], [5, 3, 3],
        [3, 3, 1]),
    "lines by floor and ceil": jumping(
        lambda ns, x: straight(ns, x, ns.floor(x), ns.ceil(x)), [2.0, 1.5], [0, 3], [5, 3], [3, 3]),
    "a value at one point": jumping(lambda ns, x: ns.where(x == 1.0, 1.0, x * x).sum(), [1.0, 2.0], [0, 4], [2, 4]),
    "a value at one point by !=": jumping(
        lambda ns, x: ns.where(x != 1.0, x * x, 1.0).sum(), [1.0, 2.0], [0, 4], [2, 4]),
    "a mask as a number": jumping(lambda ns, x: (ns.real(x > 0.0) * x).sum(), [0.0, 2.0], [0, 1], [0, 1], [1, 1]),
    "two masks": jumping(
        lambda ns, x: (ns.real(x > 0.0) * ns.real(x < 5.0) * x).sum(), [0.0, 2.0], [0, 1], [0, 1], [1, 1]),
    "the sign of what is turned round": jumping(
        lambda ns, x: (ns.sign(-x) * ns.abs(x) + 2.0 * x).sum(), [0.0, 2.0], [2, 1], [1, 1]),
    "a sign and a mask": jumping(
        lambda ns, x: ((ns.sign(x) + 1.0 - 2.0 * ns.real(x > 0.0)) * x + x).sum(), [0.0, 2.0], [2, 1], [1, 1]),
    "the product of two": jumping(
        lambda ns, x: (ns.sign(x) * ns.sign(x - 1.0) * x * (x - 1.0)).sum(), [0.0, 1.0], [0, 0], [1, 1], [-1, -1]),
}  # fmt: skip

#: What does not count near the point, and is no number there or has no derivative.
DEAD = {
    "a root that is not taken": Case(lambda ns, x: ns.where(x < 1.0, x, ns.sqrt(x)).sum(), [0.0, 4.0], [1, 0.25]),
    "a logarithm that is not taken": Case(
        lambda ns, x: ns.where(x > 0.5, ns.log(x), x * x).sum(), [0.0, 2.0, -1.0], [0, 0.5, -2]),
    "a quotient that is not taken": Case(
        lambda ns, x: ns.where(ns.abs(x) > 0.5, ns.array([1.0, 1.0]) / x, x).sum(), [0.0, 2.0], [1, -0.25]),
    "sin(x)/x with a series": Case(
        lambda ns, x: ns.where(ns.abs(x) > 1e-3, ns.sin(x) / x, 1.0 - x * x / 6.0).sum(), [0.0], [0]),
    "a root below a bound": Case(
        lambda ns, x: ns.maximum(ns.sqrt(ns.abs(x)), ns.array([0.5, 0.5])).sum(), [0.0, 4.0], [0, 0.25]),
    "a distance below a bound": Case(
        lambda ns, x: (x / ns.maximum(ns.sqrt((x * x).sum()), ns.array([0.5, 0.5]))).sum(), [0.0, 0.0], [2, 2]),
    "an inverse above a bound": Case(
        lambda ns, x: (x * ns.minimum(1.0 / ns.sqrt((x * x).sum()), ns.array([1.0, 1.0]))).sum(), [0.0, 0.0], [1, 1]),
    "an inverse of |x| above a bound": Case(
        lambda ns, x: (ns.minimum(2.0 / ns.abs(x), ns.array([3.0, 3.0])) + x).sum(), [0.0, 2.0], [1, 0.5]),
    "a soft threshold of a vector": Case(
        lambda ns, x: (x * ns.relu(ns.array([1.0, 1.0]) - 0.5 / ns.sqrt((x * x).sum()))).sum(), [0.0, 0.0], [0, 0]),
    "a logarithm below a bound": Case(
        lambda ns, x: ns.maximum(ns.log(ns.abs(x)), ns.array([-3.0, -3.0])).sum(), [0.0, 2.0], [0, 0.5]),
    "a root times 0": Case(
        lambda ns, x: (ns.relu(-1.0 - x) * ns.sqrt(ns.abs(x)) + x).sum(), [0.0, 2.0], [1, 1]),
    "entries that are left out": Case(
        lambda ns, x: ns.where(ns.array([1.0, 0.0]) > 0.5, x, ns.log(x)).sum(), [0.0, 2.0], [1, 0.5]),
    "infinity": Case(
        lambda ns, x: ns.where(x > 0.5, x * x, x * ns.array([np.inf, np.inf])).sum(), [1.0, 2.0], [2, 4]),
    "a branch in a branch": Case(
        lambda ns, x: ns.where(x > 0.5, ns.where(x > 1.5, ns.log(x), x), ns.sqrt(x)).sum(), [1.0, 2.0], [1, 0.5]),
}  # fmt: skip

#: What counts near the point, and is not Lipschitz or no number there.
OUTSIDE = {
    "a root of |x|": (lambda ns, x: ns.sqrt(ns.abs(x)).sum(), [0.0, 2.0], "not Lipschitz"),
    "a root that is compared, and ends": (
        lambda ns, x: ns.maximum(ns.sqrt(x), ns.array([0.5, 0.5])).sum(), [0.0, 2.0], "not Lipschitz"),
    "a root that ends, times 0": (
        lambda ns, x: (ns.relu(-1.0 - x) * ns.sqrt(x) + x).sum(), [0.0, 2.0], "not Lipschitz"),
    "a root at its bound": (
        lambda ns, x: ns.maximum(ns.sqrt(ns.abs(x)), ns.array([0.0, 0.0])).sum(), [0.0, 2.0], "not Lipschitz"),
    "a p-norm": (
        lambda ns, x: (ns.abs(x) * x * x).sum() ** (1 / 3), [0.0, 0.0], "neither |.| nor a 2-norm".replace("|", "[|]")),
    "an inverse with two signs, above a bound": (
        lambda ns, x: ns.minimum(1.0 / x, ns.array([3.0, 3.0])).sum(), [0.0, 2.0], "NaN or infinite"),
    "what has no limit": (
        lambda ns, x: ns.minimum(ns.sin(1.0 / ns.abs(x)), ns.array([3.0, 3.0])).sum(), [0.0, 2.0], "NaN or infinite"),
    "a logarithm": (lambda ns, x: ns.log(x).sum(), [0.0, 2.0], "NaN or infinite"),
    "a logarithm that is taken in one entry": (
        lambda ns, x: ns.where(x > 1.0, x, ns.log(x)).sum(), [0.0, 2.0], "NaN or infinite"),
}  # fmt: skip

#: The outcome may change near the point, and so does the function.
REFUSED = {
    "a sign": (lambda ns, x: ns.sign(x).sum(), [0.0, 2.0]),
    "a sign of another entry": (lambda ns, x: (ns.sign(x) * (x.sum() - x)).sum(), [0.0, 0.0]),
    "one side only": (lambda ns, x: (ns.sign(x) * ns.relu(x + 1.0)).sum(), [0.0, 2.0]),
    "one entry only": (lambda ns, x: (ns.sign(x) * (x - ns.array([0.0, 1.0]))).sum(), [0.0, 0.0]),
    "a fraction": (lambda ns, x: (x - ns.floor(x)).sum(), [1.0, 0.5]),
    "another value at one point": (lambda ns, x: ns.where(x == 1.0, 2.0, x * x).sum(), [1.0, 2.0]),
    "a value on a line": (
        lambda ns, x: (ns.where(x == 0.0, x.sum() - x, 0.0) + ns.abs(x)).sum(), [0.0, 0.0]),
    "a mask of relu at its kink": (lambda ns, x: (x + ns.real(ns.relu(x) > 0)).sum(), [0.0, 2.0]),
    "a count of relu at its kink": (lambda ns, x: x.sum() / (1.0 + ns.real(ns.relu(x) > 0).sum()), [0.0, 2.0]),
    "one entry of two": (lambda ns, x: (x + ns.real(ns.relu(x) > 0)).sum(), [0.0, -1.0]),
    "a product that is 0 here": (lambda ns, x: (x + ns.real(x * (x - 1.0) > 0)).sum(), [1.0, 2.0]),
    "rounding": (lambda ns, x: x.sum() * ns.real(ns.relu(x - 0.1 - 0.2).sum() > 0), [0.3, -2.0]),
}  # fmt: skip




def norm(ns: Any, u: Any) -> Any:
    return ns.sqrt((u * u).sum())


#: 2-norms at 0: the function, a Clarke gradient, and a vector that is none, at the point 0 or another one.
NORMS: dict[str, tuple[Function, list[float], list[float], list[float]]] = {
    "a norm": (norm, [0.0, 0.0], [0.6, 0.8], [0.61, 0.81]),
    "away from 0": (norm, [3.0, 4.0], [0.6, 0.8], [0.6, 0.7]),
    "minus a norm": (lambda ns, x: (x * ns.array([2.0, 0.0])).sum() - norm(ns, x), [0, 0], [2.6, 0.8], [3.1, 0]),
    "of relus": (lambda ns, x: norm(ns, ns.relu(x)), [0, 0], [0.5, 0.5], [1.2, 0.5]),
    "of relus, too long": (lambda ns, x: norm(ns, ns.relu(x)), [0, 0], [0.0, 0.0], [0.9, 0.9]),
    "the relu of a norm": (
        lambda ns, x: ns.relu(norm(ns, x) - (x * ns.array([1.0, 0.0])).sum()), [0, 0], [-0.5, 0.2], [0.1, 0.0]),
    "and |x|": (lambda ns, x: norm(ns, x) + ns.abs(x).sum(), [0, 0], [1.5, 0.9], [2.1, 0.0]),
    "one a number": (lambda ns, x: ns.sqrt(x * x).sum(), [0, 0], [1.0, -1.0], [1.1, 0.0]),
    "squared": (lambda ns, x: norm(ns, x) * norm(ns, x), [0, 0], [0, 0], [0.1, 0]),
    "times what is 0": (lambda ns, x: norm(ns, x) * x.sum(), [0, 0], [0, 0], [0.1, 0]),
    "below a bound": (lambda ns, x: ns.maximum(norm(ns, x), ns.array(0.5)) + x.sum(), [0, 0], [1, 1], [1.1, 1]),
    "of equal numbers": (
        lambda ns, x: norm(ns, x.sum() * ns.array([1.0, 1.0])), [0, 0], [1.0, 1.0], [1.0, 0.5]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_double_precision() -> Any:
    with jax.enable_x64(True):
        yield


def both(cases: dict[str, Case]) -> list[Any]:
    return [(name, ns) for name in cases for ns in FRAMEWORKS]


def right_or_guarded(program: Any, f: Function, other: Any) -> bool:
    """Whether a program has the value of f at another point, or says that it is not f there."""
    try:
        value = program.evaluate(program.tree.flatten(other))[program.output]
    except an.GuardError:
        return True
    with np.errstate(all="ignore"):
        return bool(value == pytest.approx(float(f(FRAMEWORKS["numpy"](), other))))


@pytest.mark.parametrize(("name", "framework"), both(CONSTANT))
def test_is_what_is_constant_near_the_point_no_tie(name: str, framework: str) -> None:
    case, ns = CONSTANT[name], FRAMEWORKS[framework]()
    report = ns.report(case.f, case.x)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(np.asarray(report.clarke_gradient), case.gradient, atol=1e-12)
    program = report.program
    near = np.array(case.x) * 1.0001
    assert program(near) == pytest.approx(float(case.f(FRAMEWORKS["numpy"](), near)))
    assert right_or_guarded(program, case.f, np.array(case.other))


@pytest.mark.parametrize(("name", "framework"), both(DEAD))
def test_may_what_does_not_count_be_no_number(name: str, framework: str) -> None:
    case, ns = DEAD[name], FRAMEWORKS[framework]()
    report = ns.report(case.f, case.x)
    vector = np.asarray(report.gradient)
    # A tool may return NaN all the same.
    assert report.verdict is (an.Verdict.CLARKE if np.isfinite(vector).all() else an.Verdict.NOT_CLARKE)
    assert np.isfinite(vector).all() or report.method == "nonfinite"
    np.testing.assert_allclose(np.asarray(report.clarke_gradient), case.gradient, atol=1e-12)
    program = report.program
    random = np.random.default_rng(0)
    for other in (np.array(case.x), np.array(case.x) * 1.001, *random.uniform(-2, 3, (8, len(case.x)))):
        with np.errstate(all="ignore"):
            expected = float(case.f(FRAMEWORKS["numpy"](), other))
        if np.isfinite(expected):
            assert right_or_guarded(program, case.f, other)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", OUTSIDE)
def test_is_what_counts_and_is_not_lipschitz_refused(name: str, framework: str) -> None:
    f, x, problem = OUTSIDE[name]
    with pytest.raises((an.TraceError, an.DomainError), match=problem) as caught:
        FRAMEWORKS[framework]().report(f, x)
    assert "into the domain" not in str(caught.value)


@pytest.mark.parametrize(("name", "framework"), both(JUMPING))
def test_is_a_jump_that_cancels_judged_by_its_sides(name: str, framework: str) -> None:
    case, ns = JUMPING[name], FRAMEWORKS[framework]()
    vertices = np.array(case.among, float)
    report = ns.report(case.f, case.x)
    program = report.program
    for g in vertices:
        assert an.verify(program, np.array(case.x), gradient=g).verdict is an.Verdict.CLARKE
    if framework != "onnx":
        np.testing.assert_allclose(np.asarray(report.gradient), case.gradient, atol=1e-12)
        inside = (vertices.min(0) <= case.gradient).all() and (case.gradient <= vertices.max(0)).all()
        assert report.verdict is (an.Verdict.CLARKE if inside else an.Verdict.NOT_CLARKE)
    offered = np.asarray(report.clarke_gradient)
    assert (vertices.min(0) - 1e-9 <= offered).all() and (offered <= vertices.max(0) + 1e-9).all()
    beyond = ns.array(vertices.max(0) + 0.5)
    assert ns.report(case.f, case.x, gradient=beyond).verdict is an.Verdict.NOT_CLARKE
    for near in np.array(case.x) + 1e-3 * np.random.default_rng(0).standard_normal((8, len(case.x))):
        assert program(near) == pytest.approx(float(case.f(FRAMEWORKS["numpy"](), near)))
    for other in np.random.default_rng(1).uniform(-4, 4, (8, len(case.x))):
        if name not in ("lines by floor and floor + 1", "lines by floor and ceil") or (other > 0).all():
            assert right_or_guarded(program, case.f, other)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", REFUSED)
def test_is_a_function_that_may_jump_refused(name: str, framework: str) -> None:
    f, x = REFUSED[name]
    with pytest.raises(an.TraceError):
        FRAMEWORKS[framework]().report(f, x)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NORMS)
def test_has_a_norm_one_set_everywhere(name: str, framework: str) -> None:
    f, x, inside, outside = NORMS[name]
    for vector, verdict in ((inside, an.Verdict.CLARKE), (outside, an.Verdict.NOT_CLARKE)):
        ns = FRAMEWORKS[framework]()
        report = ns.report(f, [float(entry) for entry in x], gradient=ns.array(vector))
        assert report.verdict is verdict, (vector, report.explanation)
        assert report.certificate is not None and report.certificate.check()
