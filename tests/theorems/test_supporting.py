"""Supporting: one sign for all adjoints under the tool's own slopes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active.system import System
from absnormal.certificates.certificate import Certificate
from absnormal.rational.linear_algebra import Vector
from absnormal.theorems.likq import likq
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import regular, regular_exactly
from absnormal.theorems.supporting import OwnAdjoints, own_adjoints, supporting, supporting_exactly

from ..oracle.expressions import Expr, maximum, minimum, relu, variables
from .generators import nests
from .judge import Rung, case, cases, caught, never_wrong, problem, wrong

x, y, w = variables(3)
BOTH = pytest.mark.parametrize("rung", [supporting, supporting_exactly])


def below(h: Fraction | float) -> Expr:
    """-|u - y| - h u with u = |x|: under the slope c of the outer kink the adjoint of |x| is -c - h."""
    u = abs(x)
    return -abs(u - y) - u * Fraction(h)


@BOTH
@pytest.mark.parametrize(("c", "proved"), [(0, True), (1, True), (Fraction(1, 2), True), (-1, False)])
def test_a_coupling_counts_with_the_slope_it_leads_to(rung: Rung, c: Any, proved: bool) -> None:
    for inner in (-1, 0, 1):
        a = case(below(Fraction(1, 2)), [0, 0], [inner, c])
        assert (never_wrong(rung, a) is not None) == proved
        assert regular(a.problem()) is None


@BOTH
def test_one_sign_for_each_kink_is_not_one_sign(rung: Rung) -> None:
    """|x| - |x| = 0, and slopes (1, -1) give 2."""
    assert never_wrong(rung, case(abs(x) - abs(x), [0], [1, -1])) is None


@BOTH
def test_slopes_that_no_limiting_gradient_has(rung: Rung) -> None:
    a = case(below(Fraction(1, 2)) - abs(x + y), [0, 0], 0)
    proof = never_wrong(rung, a)
    assert proof is not None and likq(a.problem()) is None and regular_exactly(a.problem()) is None
    assert not a.oracle.is_limiting(a.gradient)


def test_the_convex_side_and_the_concave_one() -> None:
    for sign in (1, -1):
        f = maximum(abs(x), y) + relu(x + y) - minimum(x, y)
        proof = never_wrong(supporting, case(f if sign > 0 else -f, [0, 0], 0))
        assert proof is not None and isinstance(proof.evidence, OwnAdjoints) and proof.evidence.sign == sign


@pytest.mark.parametrize(("excess", "proved"), [(0.0, True), (-1e-9, False), (-(2.0**-45), False)])
def test_an_adjoint_beyond_rounding_counts(excess: float, proved: bool) -> None:
    """-|u - y| + (c - excess) u under c: the adjoint of u is -excess, next to -1 of the outer kink."""
    c = 0.3

    def f(t: Any) -> Any:
        u = np.abs(t[0])
        return -np.abs(u - t[1]) + (c - excess) * u + t[0] + t[1]

    assert (supporting(problem(f, [0.0, 0.0], [1.0, c])) is not None) == (proved or excess > 0)


def test_what_is_set_aside_is_in_the_deviation_and_must_be_small() -> None:
    """(0.1 + 0.2 - 0.3) |x| - ||x| - y|, slope 0 at the outer kink: the adjoint of |x| is rounding, above 0."""

    def f(h: float) -> Callable[[Any], Any]:
        def summed(t: Any) -> Any:
            u = np.abs(t[0])
            return h * (0.1 * u + 0.2 * u - 0.3 * u) - np.abs(u - t[1]) + t[0]

        return summed

    found = supporting(problem(f(1.0), [0.0, 0.0]))
    weight = Fraction(0.1) + Fraction(0.2) - Fraction(0.3)
    assert found is not None and isinstance(found.evidence, OwnAdjoints) and found.evidence.set_aside == [0]
    assert Fraction(found.deviation) >= 2 * abs(weight) > 0
    assert supporting(problem(f(1e9), [0.0, 0.0])) is None


def test_a_zero_row_is_left_out_by_structure_only() -> None:
    """relu(a) - relu(b) of one dead unit, a = b = 0 w: the adjoints have both signs and the rows are zero."""
    f = lambda t: np.maximum(0.0 * t[0], 0.0) - np.maximum(0.0 * t[0], 0.0) + np.abs(t[1])  # noqa: E731
    assert supporting(problem(f, [0.0, 0.0], [0.0, 0.0, 0.5])) is not None


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_norms_support_with_slopes_in_the_ball(framework: str) -> None:
    """-|r - y| - |r + y| - r, r = ||p||, with slopes 0: the adjoints are -1; for all slopes that of r has no sign."""
    if framework == "numpy":

        def f(p: Any) -> Any:
            r = np.linalg.norm(p[:3])
            return -np.abs(r - p[3]) - np.abs(r + p[3]) - r + p[0]

        report = an.verify(f, np.zeros(4), slope=0.0)
    else:
        torch = pytest.importorskip("torch")

        def g(p: Any) -> Any:
            r = torch.linalg.vector_norm(p[:3])
            return -(r - p[3]).abs() - (r + p[3]).abs() - r + p[0]

        report = an.verify(g, torch.zeros(4, dtype=torch.float64))
    assert (report.verdict.name, report.method) == ("CLARKE", "supporting")
    assert report.certificate is not None and report.certificate.check()


def test_a_hundred_thousand_kinks_by_one_pull() -> None:
    def f(t: Any) -> Any:
        u = np.abs(t[:50_000])
        return -np.abs(u - t[50_000:]).sum() - 0.5 * u.sum()

    zero = np.zeros(100_000)
    proof = supporting(problem(f, zero))
    assert proof is not None and proof.deviation == 0


def test_the_certificate_is_checked_on_rationals() -> None:
    report = an.verify(
        lambda t: -np.abs(np.abs(t[0]) - t[1]) - 0.5 * np.abs(t[0]) - np.abs(t[0] + t[1]), [0.0, 0.0], slope=0.0
    )
    assert (report.verdict.name, report.method) == ("CLARKE", "supporting")
    found = report.certificate
    assert found is not None and found.kind == "adjoints for these slopes" and found.arithmetic == "rational"
    assert found.check() and Certificate.from_json(found.to_json()).check()


def _broken(chosen: Callable[[System, Vector], Vector]) -> Rung:
    """The theorem with adjoints that are chosen otherwise."""

    def rung(problem: Problem) -> Proof | None:
        system = problem.relevant
        if system is None or not system.explicit:
            return None
        own = chosen(system, problem.slopes_in(system))
        one = min(own, default=0) >= 0 or max(own, default=0) <= 0
        return Proof("supporting", True, "", "") if one else None

    return rung


def _moved_by_these(system: System, c: Vector) -> Vector:
    return [a for a, row in zip(own_adjoints(system, c), system.all_rows(c), strict=True) if any(row)]


def _with_base_rows(system: System, c: Vector) -> Vector:
    return [a for a, row in zip(own_adjoints(system, c), system.rows, strict=True) if any(row)]


@pytest.mark.parametrize(
    "chosen",
    [
        lambda system, c: system.weights[0],
        lambda system, c: own_adjoints(system, [Fraction(0)] * system.k),
        lambda system, c: [a for a, s in zip(own_adjoints(system, c), c, strict=True) if abs(s) < 1],
    ],
    ids=["weights", "slope 0", "slopes between"],
)  # fmt: skip
def test_a_broken_variant_is_caught(chosen: Any) -> None:
    assert caught(_broken(chosen), cases(nests()), 2000)


def test_rows_that_are_zero_for_some_slopes_are_not_left_out() -> None:
    """relu(|x| - x) - relu(|x| - x) = 0 with a row that is 0 under slope 1, and |x| - ||x|| = 0 with a base row 0."""
    hinges = [relu(abs(x) - x) for _ in range(2)]
    a = case(hinges[1] - hinges[0], [0], [-1, 1, 1, -1])
    u = abs(x)
    b = case(u - abs(u), [0], [1, -1])
    assert wrong(_broken(_moved_by_these), a) and wrong(_broken(_with_base_rows), b)
    for rung in (supporting, supporting_exactly):
        assert never_wrong(rung, a) is None and never_wrong(rung, b) is None
