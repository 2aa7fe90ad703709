"""Even part: slope 0 at the kinks that move, and f sees only how far they move."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active.system import System
from absnormal.certificates.certificate import Certificate
from absnormal.rational.linear_algebra import Vector
from absnormal.theorems.even_part import EvenPart, even_part, even_part_exactly, is_even
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import maximum, minimum, relu, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import MIXED, programs
from .generators import nests, networks
from .judge import Case, Rung, case, cases, caught, fuzz, never_wrong, wrong

x, y, w = variables(3)
BOTH = pytest.mark.parametrize("rung", [even_part, even_part_exactly])


@st.composite
def middles(draw: st.DrawFn, source: Any = None, rest: Any = MIXED) -> Case:
    """Slope 0 at switches with a base row, any slope at others."""
    a = draw(cases(source if source is not None else st.one_of(programs(), nests())))
    rows = a.oracle.rows(a.oracle.signature)
    drawn = [draw(st.sampled_from(rest)) for _ in a.c]
    c = tuple(Fraction(0 if any(row) else slope) for row, slope in zip(rows, drawn, strict=True))
    return Case(a.expr, a.x, c, a.function)


@BOTH
@pytest.mark.parametrize("outer", [-1, 0, 1])
def test_any_slope_behind_the_kinks_that_move(rung: Rung, outer: int) -> None:
    """| |x| - |y| | - |x| - |2 x + y|: the outer kink has no base row."""
    u = abs(x)
    a = case(abs(u - abs(y)) - u - abs(2 * x + y) + 3 * x, [0, 0], [0, 0, outer, 0])
    assert never_wrong(rung, a) is not None and a.gradient == (3, 0)


@BOTH
def test_a_slope_that_is_not_0_is_not_the_middle(rung: Rung) -> None:
    """-|x| - |x + y| + |y|."""
    for c in ([1, 0, 0], [0, -1, 0], [0, 0, Fraction(1, 2)]):
        assert never_wrong(rung, case(abs(y) - abs(x) - abs(x + y), [0, 0], c)) is None
    assert never_wrong(rung, case(abs(y) - abs(x) - abs(x + y), [0, 0], 0)) is not None


@BOTH
def test_a_kink_that_moves_may_depend_on_no_other(rung: Rung) -> None:
    """2 |x| - |2 x + |x|| = -x: slopes 0 give 0."""
    u = abs(x)
    a = case(2 * u - abs(2 * x + u), [0], [0, 0])
    assert a.gradient == (0,) and not a.clarke
    assert never_wrong(rung, a) is None


def test_a_dynamic_program_with_costs_in_absolute_values() -> None:
    """The minimum over paths of sums of |x_i - y_j|, at equal sequences: every comparison is one of sizes."""

    def warped(z: Any) -> Any:
        a, b = z[:5], z[5:]
        cost = np.abs(a[:, None] - b[None, :])
        table = [[None] * 5 for _ in range(5)]
        for i in range(5):
            for j in range(5):
                before = [table[p][q] for p, q in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if p >= 0 and q >= 0]
                best: Any = before[0] if before else 0.0
                for other in before[1:]:
                    best = np.minimum(best, other)
                table[i][j] = cost[i, j] + best
        return table[4][4]

    report = an.verify(warped, np.ones(10), slope=0.0)
    assert report.verdict.name == "CLARKE" and report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_least_trimmed_residuals_of_a_perfect_fit(framework: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(-3, 4, (60, 3)).astype(float)
    if framework == "numpy":

        def f(v: Any) -> Any:
            r = np.abs(data @ v)
            return np.minimum(r[:30], r[30:]).sum() - np.maximum(r[::2], r[1::2]).sum() / 4

        report = an.verify(f, np.zeros(3), slope=0.0)
    else:
        torch = pytest.importorskip("torch")
        given_data = torch.tensor(data)

        def g(v: Any) -> Any:
            r = (given_data @ v).abs()
            return torch.minimum(r[:30], r[30:]).sum() - torch.relu(r[::2] - r[1::2]).sum() / 4

        report = an.verify(g, torch.zeros(3, dtype=torch.float64))
    assert (report.verdict.name, report.method) == ("CLARKE", "even part")
    assert report.certificate is not None and report.certificate.check()


def test_norms_with_slope_0() -> None:
    """The differences of ||p|| and |p_0|, minus both, at 0."""

    def f(p: Any) -> Any:
        r = np.linalg.norm(p)
        return np.abs(r - np.abs(p[0])) - 2 * r - np.abs(p[1]) + p[2]

    report = an.verify(f, np.zeros(3), slope=0.0)
    assert (report.verdict.name, report.method) == ("CLARKE", "even part")
    assert report.certificate is not None and report.certificate.check()


def test_the_certificate_is_checked_on_rationals() -> None:
    report = an.verify(lambda t: np.abs(np.abs(t[0]) - np.abs(t[1])) - 2 * np.abs(t[0] + t[1]), [0.0, 0.0], slope=0.0)
    assert (report.verdict.name, report.method) == ("CLARKE", "even part")
    assert isinstance(report.proof.evidence, EvenPart)
    found = report.certificate
    assert found is not None and (found.kind, found.arithmetic) == ("even part", "rational")
    assert found.check() and Certificate.from_json(found.to_json()).check()


@fuzz(15)
@given(middles())
def test_never_wrong(a: Case) -> None:
    proof = never_wrong(even_part, a)
    assert proof is None or never_wrong(even_part_exactly, a) is not None


@fuzz(15)
@given(middles(networks().map(lambda net: (net.expr, net.point)).filter(lambda p: len(Oracle.of(*p).active) <= 7)))
def test_never_wrong_on_networks(a: Case) -> None:
    never_wrong(even_part, a)
    never_wrong(even_part_exactly, a)


def _broken(holds: Callable[[System, Vector], bool]) -> Rung:
    """The theorem with other hypotheses."""

    def rung(problem: Problem) -> Proof | None:
        system = problem.relevant
        if system is None or not system.explicit or not holds(system, problem.slopes_in(system)):
            return None
        return Proof("even part", True, "", "")

    return rung


def _behind_a_kink(system: System, c: Vector) -> bool:
    return all(not any(row) or not slope for row, slope in zip(system.rows, c, strict=True))


def _other_slopes(system: System, c: Vector) -> bool:
    return all(not any(row) or not any(own) for row, own in zip(system.rows, system.couplings, strict=True))


def _other_rows(system: System, c: Vector) -> bool:
    return all(not slope or any(own) for slope, own in zip(c, system.couplings, strict=True))


@pytest.mark.slow
def test_broken_variants_are_caught() -> None:
    u = abs(x)
    one_behind = case(2 * u - abs(2 * x + u), [0], [0, 0])
    assert wrong(_broken(_behind_a_kink), one_behind)
    assert caught(_broken(_behind_a_kink), middles(), 2000)
    assert caught(_broken(_other_slopes), cases(), 2000)
    assert caught(_broken(_other_rows), middles(nests()), 2000)


def test_the_hypotheses_are_those_of_a_system() -> None:
    a = case(abs(abs(x) - abs(y)) + maximum(x, y) - minimum(x, y) + relu(x), [0, 0], 0)
    system = a.problem().relevant
    assert system is not None and is_even(system, [Fraction(0)] * system.k)
    first = [Fraction(int(i == 0)) for i in range(system.k)]
    assert not is_even(system, first)
