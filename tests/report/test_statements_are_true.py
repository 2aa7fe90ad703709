"""Every statement of an explanation is true of random programs: the oracle, and the program at points nearby, judge."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal import gallery
from absnormal.rational.linear_algebra import circuits, dot, rank
from absnormal.report import relation as relations
from absnormal.report.explanation import excess
from absnormal.report.remedy import Remedy

from ..oracle.expressions import relu, variables
from ..oracle.oracle import Oracle
from ..theorems.generators import nests
from ..theorems.judge import Case, case, cases, fuzz

STEP = Fraction(1, 2**24)
CONTRADICTIONS = {
    "they change sign together": lambda a, b: a == b,
    "where one is positive the other is negative": lambda a, b: a == -b,
}


def nearby(a: Case, count: int = 24) -> list[tuple[Fraction, ...]]:
    """The switching variables at random points near x, in exact arithmetic."""
    rng = np.random.default_rng(5)
    steps = rng.integers(-9, 10, (count, len(a.x))).tolist()
    points = [tuple(v + STEP * d for v, d in zip(a.x, step, strict=True)) for step in steps]
    return [Oracle(a.oracle.form, point).z for point in points]


def holds(equation: str, z: tuple[Fraction, ...]) -> bool:
    """Whether an equation such as "z2 = 1/2 z0 - |z1|" holds for the switching variables z."""
    last, terms = equation.split(" = ")
    total = Fraction(0)
    for sign, factor, bar, place in re.findall(r"([+-]?) ?(\d+(?:/\d+)?)? ?(\|?)z(\d+)\|?", terms):
        value = abs(z[int(place)]) if bar else z[int(place)]
        total += (-1 if sign == "-" else 1) * Fraction(factor or 1) * value
    return total == z[int(last[1:])]


def check_text(a: Case, report: an.Report) -> None:
    """The equation, and what contradicts the slopes."""
    said = report.explanation
    near = nearby(a)
    found = re.search(r"(z\d+ = [^(]*[z|\d]) \(", said)
    if found:
        assert all(holds(found[1], z) for z in near), (said, a)
    for place in re.findall(r"z(\d+) is zero near x", said):
        assert all(z[int(place)] == 0 for z in near)
    pair = re.match(r"z(\d+) and z(\d+) kink on the same set", said)
    if pair:
        i, j = map(int, pair.groups())
        for words, true in CONTRADICTIONS.items():
            if words in said:
                assert all(true(np.sign(z[i]), np.sign(z[j])) for z in near), (said, a)
    names = r"((?:z\d+,? (?:and )?)+)depend on each other.*"
    listed = re.match(names + r"they cannot have the signs ([+-](?:, [+-])*)", said)
    if listed:
        members = [int(i) for i in re.findall(r"z(\d+)", listed[1])]
        wanted = [1 if sign == "+" else -1 for sign in listed[2].split(", ")]
        assert not any([np.sign(z[i]) for i in members] == wanted for z in near), (said, a)
    all_signs = re.match(names + r"they cannot all be (negative|positive)", said)
    if all_signs:
        members = [int(i) for i in re.findall(r"z(\d+)", all_signs[1])]
        wanted = -1 if all_signs[2] == "negative" else 1
        assert not any(all(np.sign(z[i]) == wanted for i in members) for z in near), (said, a)


def slopes_with(a: Case, report: an.Report, found: Remedy) -> list[Fraction]:
    """The tool's slopes of all switches, changed as the remedy says."""
    return [found.slopes.get(i, c) for i, c in enumerate(a.c)]


@pytest.mark.slow
@fuzz(60)
@given(cases() | cases(nests()))
def test_wrong_gradients(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    check_text(a, report)
    if report.verdict.name != "NOT_CLARKE":
        assert report.remedy is None
        return
    found = excess(report)
    assert found is not None
    d = [Fraction(v) for v in found.direction.tolist()]
    assert a.oracle.support(d) <= Fraction(found.highest) + Fraction(1, 10**12)
    assert Fraction(found.predicted) == pytest.approx(float(dot(list(a.gradient), d)))
    assert found.highest < found.predicted
    assert report.remedy is not None
    assert a.oracle.contains(a.oracle.gradient(slopes_with(a, report, report.remedy))), (report.remedy, a)
    assert "would do" in report.explanation


@st.composite
def rings(draw: st.DrawFn) -> Case:
    """Kinks of forms that have a positive combination 0, up to signs: some signs they cannot have together."""
    x = variables(2)
    p, q, r = (draw(st.sampled_from((1, 2, -1, -3))) for _ in range(3))
    forms = [p * x[0], q * x[1], -r * x[0] - x[1]]
    weights = [draw(st.sampled_from((1, -1, 2, -2))) for _ in forms]
    how = draw(st.sampled_from((abs, relu)))
    expr = weights[0] * how(forms[0]) + weights[1] * how(forms[1]) + weights[2] * how(forms[2])
    slopes = [draw(st.sampled_from((1, -1)))] * 3 if draw(st.booleans()) else [
        draw(st.sampled_from((1, -1))) for _ in forms
    ]  # fmt: skip
    return case(expr, [0, 0], slopes)


@pytest.mark.slow
@fuzz(20)
@given(rings())
def test_signs_that_cannot_be(a: Case) -> None:
    check_text(a, an.verify(a.program, a.point, slope=a.slopes))


def test_both_sentences_about_signs_occur() -> None:
    """So that the test above is about something."""
    x = variables(2)
    expr = abs(x[0]) + abs(x[1]) + abs(-x[0] - x[1])
    concave = -abs(x[0]) - abs(x[1]) + abs(-x[0] - x[1])
    seen: set[str] = set()
    for signs in ([1, 1, 1], [1, 1, -1]):
        for f in (expr, concave):
            other = f if signs[-1] > 0 else (-abs(x[0]) + abs(x[1]) - abs(x[0] + x[1]))
            a = case(other, [0, 0], signs)
            report = an.verify(a.program, a.point, slope=a.slopes)
            check_text(a, report)
            seen |= {words for words in ("cannot all be", "cannot have the signs") if words in report.explanation}
    assert seen == {"cannot all be", "cannot have the signs"}


@pytest.mark.slow
@fuzz(12)
@given(cases())
def test_one_switch_is_changed_where_that_is_enough(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    if report.remedy is None or report.remedy.everywhere:
        return
    single = [
        (i, t) for i in a.oracle.active for t in (-1, 0, 1)
        if a.oracle.contains(a.oracle.gradient([*a.c[:i], Fraction(t), *a.c[i + 1 :]]))
    ]  # fmt: skip
    assert len(report.remedy.slopes) == 1 or not single


X = variables(2)


def test_a_slope_between() -> None:
    """relu(x) - relu(-x)/3 with relu'(0) = 0 at the first: only slopes of 1/3 and more do."""
    a = case(relu(X[0]) - Fraction(1, 4) * relu(-X[0]), [0, 0], [-1, -1])
    report = an.verify(a.program, a.point, slope=np.array([-1.0, -0.5]))
    assert report.verdict.name == "NOT_CLARKE" and report.remedy is not None
    changed = {0: Fraction(-1), 1: Fraction(-1, 2), **report.remedy.slopes}
    assert a.oracle.contains(a.oracle.gradient([changed[0], changed[1]]))


def test_the_words_of_a_remedy() -> None:
    program = an.trace(gallery.identity, [0.0])
    assert Remedy({1: Fraction(1)}, False).in_words(program) == "relu'(0) = 1 at z1 would do"
    both = Remedy({0: Fraction(1), 1: Fraction(-1)}, False)
    assert both.in_words(program) == "relu'(0) = 0 at z1 and relu'(0) = 1 at z0 would do"
    assert Remedy({0: Fraction(0), 1: Fraction(0)}, True).in_words(program) == "relu'(0) = 1/2 at every tie would do"


@fuzz(50)
@given(st.lists(st.lists(st.sampled_from((0, 0, 1, -1, 2)), min_size=3, max_size=3), min_size=1, max_size=6))
def test_circuits(rows: list[list[int]]) -> None:
    """Each is a dependency no proper part of which is one; there are as many as rows too many."""
    exact = [[Fraction(v) for v in row] for row in rows]
    found = list(circuits(exact))
    assert len(found) == len(rows) - rank(exact)
    for weights in found:
        assert not any(dot(weights, list(column)) for column in zip(*exact, strict=True))
        members = [i for i, w in enumerate(weights) if w]
        assert rank([exact[i] for i in members]) == len(members) - 1
        assert all(rank([exact[i] for i in members if i != out]) == len(members) - 1 for out in members)


def test_the_smallest_of_the_circuits_found() -> None:
    """x, y, x + y and 2y: the pair is named, not the three."""
    def f(v: Any) -> Any:
        return np.abs(v[0]) + np.abs(v[1]) - np.abs(v[0] + v[1]) - np.abs(2 * v[1])

    report = an.verify(f, [0.0, 0.0], slope=0.0)
    system = report.problem.relevant
    assert system is not None
    found = relations._first(system)
    assert found is not None and found.switches == (1, 3)
