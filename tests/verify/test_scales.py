"""Huge and tiny scales, next to nothing of a program, and a budget of nothing: right, or honest."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates import checker
from absnormal.report.plain import number

from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz

NOTHING = an.Budget(cells=0, programs=0, seconds=0)
POWERS = (-500, -130, 0, 70, 500)


def settled(report: an.Report, clarke: bool, decided: bool = True) -> None:
    """The verdict is the true one (or, where that is allowed, open), and every certificate checks."""
    true = "CLARKE" if clarke else "NOT_CLARKE"
    assert report.verdict.name == true or (not decided and report.verdict.name == "UNDECIDED")
    assert (report.certificate is None) == (report.verdict.name == "UNDECIDED")
    for certificate in (report.certificate, report.clarke_certificate):
        if certificate is not None:
            assert certificate.check()
            try:
                assert checker.holds(json.loads(certificate.to_json()))
            except checker.NeedsProgram:
                assert "merged" in certificate.kind or certificate.kind == "mean under regular"
    assert str(report) and report.explanation and json.dumps(report.to_dict(certificate=True), allow_nan=False)


@pytest.mark.slow
@fuzz(15)
@given(cases() | cases(nests()), st.sampled_from(POWERS), st.sampled_from(POWERS))
def test_scaled_programs(a: Case, up: int, across: int) -> None:
    """F f(x / G) has the verdict of f, for factors from 1e-150 to 1e150."""
    big, wide = 2.0**up, 2.0**across
    x = np.array(a.point) * wide

    def scaled(t: Any) -> Any:
        return big * a.function(t * (1 / wide))

    report = an.verify(scaled, x, slope=a.slopes)
    settled(report, a.clarke)
    offered = [Fraction(v) * Fraction(wide) / Fraction(big) for v in np.ravel(report.clarke_gradient).tolist()]
    assert a.oracle.contains(offered)
    given_ = [float(v * Fraction(big) / Fraction(wide)) for v in a.gradient]
    settled(an.verify(scaled, x, gradient=given_), a.clarke)


@pytest.mark.slow
@fuzz(15)
@given(cases() | cases(nests()), st.data())
def test_every_kink_at_its_own_scale(a: Case, data: st.DataObject) -> None:
    """|F u| / F is |u|: the program is the same, its rows are not."""
    factors = data.draw(st.lists(st.sampled_from(POWERS), min_size=4, max_size=4))
    n = len(a.x)
    scales = 2.0 ** np.array((factors * n)[:n])

    def rescaled(t: Any) -> Any:
        return a.function(t * scales)

    report = an.verify(rescaled, np.array(a.point) / scales, slope=a.slopes)
    settled(report, a.clarke)


@pytest.mark.slow
@fuzz(15)
@given(cases() | cases(nests()) | network_cases())
def test_a_budget_of_nothing(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes, budget=NOTHING)
    settled(report, a.clarke, decided=False)
    if report.verdict.name == "UNDECIDED":
        assert report.method == "budget" and "the budget ended" in report.explanation
    vector = an.verify(a.program, a.point, gradient=[float(v) for v in a.gradient], budget=NOTHING)
    settled(vector, a.clarke, decided=False)


@pytest.mark.parametrize("budget", [None, NOTHING])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("f", "x", "slope", "clarke"),
    [
        (lambda x: x.sum(), np.zeros(0), 0, True),
        (lambda x: np.abs(x).sum(), np.zeros(0), 0, True),
        (lambda x: 2 * x[0], [3.0], 0, True),
        (lambda x: 3.0 + 0 * x[0], [3.0], 0, True),
        (lambda x: np.abs(0 * x[0]), [3.0], 0.25, True),
        (lambda x: np.maximum(0 * x[0], 0) - np.abs(x[0]), [0.0], 1, True),
        (lambda x: 0 * np.abs(x[0]) + x[1], [0.0, 0.0], 0.5, True),
        (lambda x: np.abs(x[0] - x[0]) - np.abs(x[1]), [0.0, 0.0], 0.5, True),
        (lambda x: np.maximum(1e300 * x[0], 0) - np.maximum(-1e300 * x[0], 0), [0.0], -1, False),
        (lambda x: np.maximum(1e150 * x[0], 0) - np.maximum(-1e-150 * x[0], 0), [0.0], -1, False),
        (lambda x: np.abs(1e-320 * x[0]) - np.abs(x[0]), [0.0], [1, -1], False),
        (lambda x: np.abs(x[0]) - np.abs(2 * x[0]), [5e-324], 0, True),
        (lambda x: abs(x) - abs(2 * x), 0.0, [1, -1], False),
    ],
)  # fmt: skip
def test_next_to_nothing(f: Any, x: Any, slope: Any, clarke: bool, exact: bool, budget: Any) -> None:
    settled(an.verify(f, x, slope=slope, exact=exact, budget=budget), clarke, decided=budget is None)


def test_underflow_is_found_in_exact_mode() -> None:
    """1e-320 * 1e-10 is 0 in float64 and not 0."""
    report = an.verify(lambda x: np.abs(x[0] * 1e-10) + x[0], [1e-320], slope=0, exact=True)
    settled(report, False)
    (switch,) = report.near
    assert switch.value == 0 and switch.exact > 0
    assert "e-331 exactly" in str(switch) or "e-330 exactly" in str(switch)


def test_overflow_is_an_error_with_the_line() -> None:
    with pytest.raises(an.DomainError, match=r"multiply at test_scales.py:\d+: overflow"):
        an.verify(lambda x: np.abs(x[0] * 1e200 * 1e200), [1.0])


def test_numbers_too_long_for_decimals_survive_json() -> None:
    """Gordan weights of 14 computed rows at scales from 1e-150 to 1e150."""
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((9, 8)) * 2.0 ** rng.integers(-500, 500, (9, 8))
    signs = np.concatenate([rng.choice([-1.0, 1.0], 9), np.ones(1)])
    report = an.verify(lambda x: np.abs(rows @ x).sum() - 3 * np.abs(x[0]), np.zeros(8), slope=signs)
    assert report.certificate is not None
    settled(report, report.verdict.name == "CLARKE")


def test_text_of_numbers_beyond_float64() -> None:
    assert number(Fraction(10) ** 400) == "1e+400"
    assert number(Fraction(-3, 7 * 10**330)) == "-4.28571e-331"


@pytest.mark.parametrize("value", [Fraction(3**9000, 7), Fraction(-(3**9000), 5**8000)])
def test_numbers_longer_than_python_prints(value: Fraction) -> None:
    from absnormal.certificates.certificate import _text

    assert checker.number(_text(value)) == value


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e150, 1e300])
def test_sets_at_every_scale(factor: float) -> None:
    G = an.generalized_gradient(lambda x: factor * (np.abs(x[0] + x[1]) - 2 * np.abs(x[0])), np.zeros(2))
    corners = np.round(G.vertices / factor, 9).tolist()
    assert sorted(corners) == [[-3.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [3.0, 1.0]]
    assert G.contains([3 * factor, factor]) and G.contains([3 * factor, -factor]) is False


@pytest.mark.parametrize("count", [51, 251])
def test_medians_of_equal_numbers_end(count: int) -> None:
    """Absolute values of differences from an entry of a sort with ties: an answer, if only an open one."""
    report = an.verify(lambda x: np.sum(np.abs(x - np.median(x))), np.zeros(count))
    assert sum(group.count for group in report.active) == 2 * count - 1
    assert report.verdict.name in ("CLARKE", "UNDECIDED")


@pytest.mark.slow
def test_many_lines_in_the_plane_are_listed() -> None:
    """200 kinks through the origin of R^2, against the cells between the lines in the order of their angles."""
    rng = np.random.default_rng(0)
    W, c = rng.integers(-9, 10, size=(200, 2)).astype(float), rng.integers(-3, 4, size=200).astype(float)
    used = W[(c != 0) & W.any(axis=1)]
    angles = np.unique(np.round(np.arctan2(used[:, 1], used[:, 0]) % np.pi, 12)) + np.pi / 2
    edges = np.sort(np.concatenate([angles, angles + np.pi]))
    middles = (edges + np.append(edges[1:], edges[0] + 2 * np.pi)) / 2
    expected = {tuple((c * np.sign(W @ d)) @ W) for d in np.stack([np.cos(middles), np.sin(middles)], axis=1)}
    G = an.generalized_gradient(lambda x: c @ np.abs(W @ x), np.zeros(2))
    assert G.complete and G.exact
    assert {tuple(row) for row in G.limiting_gradients.tolist()} == expected
    outside = 2 * G.vertices[0]
    assert an.verify(lambda x: c @ np.abs(W @ x), np.zeros(2), gradient=outside).verdict.name == "NOT_CLARKE"
