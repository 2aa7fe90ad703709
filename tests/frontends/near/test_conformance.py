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
    """A function at a point; ``without`` are the front ends that cannot write it."""

    f: Function
    x: list[float]
    gradient: list[float]
    other: list[float] | None = None
    without: tuple[str, ...] = ()


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

#: The outcome may change near the point, and so does the function.
REFUSED = {
    "a mask of relu at its kink": (lambda ns, x: (x + ns.real(ns.relu(x) > 0)).sum(), [0.0, 2.0]),
    "a count of relu at its kink": (lambda ns, x: x.sum() / ns.real(ns.relu(x) >= 0).sum(), [0.0, 2.0]),
    "one entry of two": (lambda ns, x: (x + ns.real(ns.relu(x) > 0)).sum(), [0.0, -1.0]),
    "a product that is 0 here": (lambda ns, x: (x + ns.real(x * (x - 1.0) > 0)).sum(), [1.0, 2.0]),
    "rounding": (lambda ns, x: x.sum() * ns.real(ns.relu(x - 0.1 - 0.2).sum() > 0), [0.3, -2.0]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_double_precision() -> Any:
    with jax.enable_x64(True):
        yield


def both(cases: dict[str, Case]) -> list[Any]:
    return [(name, ns) for name, case in cases.items() for ns in FRAMEWORKS if ns not in case.without]


def right_or_guarded(program: Any, f: Function, other: Any) -> bool:
    """Whether a program has the value of f at another point, or says that it is not f there."""
    try:
        value = program.evaluate(program.tree.flatten(other))[program.output]
    except an.GuardError:
        return True
    return bool(value == pytest.approx(float(f(FRAMEWORKS["numpy"](), other))))


@pytest.mark.parametrize(("name", "framework"), both(CONSTANT))
def test_is_what_is_constant_near_the_point_no_tie(name: str, framework: str) -> None:
    case, ns = CONSTANT[name], FRAMEWORKS[framework]()
    report = ns.report(case.f, case.x)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(np.asarray(report.clarke_gradient), case.gradient, atol=1e-12)
    program = ns.program(case.f, case.x)
    near = np.array(case.x) * 1.0001
    assert program(near) == pytest.approx(float(case.f(FRAMEWORKS["numpy"](), near)))
    assert right_or_guarded(program, case.f, np.array(case.other))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", REFUSED)
def test_is_a_function_that_may_jump_refused(name: str, framework: str) -> None:
    f, x = REFUSED[name]
    with pytest.raises(an.TraceError):
        FRAMEWORKS[framework]().report(f, x)
