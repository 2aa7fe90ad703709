"""The oracle against independent computations on random programs."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .expressions import Expr, Var, Vector, copy, evaluate, numpy_callable
from .forms import abs_form, active
from .oracle import Oracle
from .rational import dot, membership
from .strategies import Program, programs, slopes

fuzz = settings(max_examples=40, deadline=None)


@fuzz
@given(programs(), st.data())
def test_three_evaluations_agree(program: Program, data: st.DataObject) -> None:
    expr, point = program
    f = numpy_callable(expr)
    form = abs_form(expr, len(point))
    for _ in range(3):
        shift = data.draw(st.tuples(*[st.integers(-4, 4)] * len(point)))
        near = tuple(p + Fraction(d, 8) for p, d in zip(point, shift, strict=True))
        assert Oracle(form, near).y == evaluate(expr, near) == Fraction(float(f(np.array(near, dtype=float))))


@fuzz
@given(programs())
def test_open_cells_are_those_of_elimination_and_their_gradients_those_of_the_function(program: Program) -> None:
    """Switches that vanish are counted from values alone."""
    expr, point = program
    oracle = Oracle.of(expr, point)
    assert active([expr], point, {}) == len(oracle.active)
    for sigma in oracle.definite_signatures():
        assert feasible(list(oracle.signed_rows(sigma))) == (sigma in oracle.open_signatures)
    step = Fraction(1, 2**60)
    for sigma in oracle.open_signatures:
        d = oracle.direction(sigma)
        assert d is not None
        inner = tuple(p + step * v for p, v in zip(point, d, strict=True))
        g = oracle.gradient(sigma)
        for i in range(len(point)):
            beside = tuple(v + step**3 * (j == i) for j, v in enumerate(inner))
            assert evaluate(expr, beside) - evaluate(expr, inner) == step**3 * g[i]


@fuzz
@given(programs(), st.data())
def test_gradients_in_random_directions_are_listed(program: Program, data: st.DataObject) -> None:
    expr, point = program
    oracle = Oracle.of(expr, point)
    for _ in range(4):
        d = data.draw(st.tuples(*[st.integers(-99, 99)] * len(point)))
        beside = tuple(p + Fraction(v, 2**60) for p, v in zip(point, d, strict=True))
        nearby = Oracle(oracle.form, beside)
        assert evaluate(expr, beside) - evaluate(expr, point) == oracle.directional(d) / 2**60
        assert oracle.directional(d) <= oracle.support(d) <= oracle.outer_support(d)
        if all(not any(row) for row in nearby.base_rows):
            assert oracle.is_limiting(nearby.gradient(0))


def feasible(rows: list[Vector]) -> bool:
    """Whether some d has row . d > 0 for all rows: Fourier-Motzkin elimination."""
    while rows and rows[0]:
        lower = [row for row in rows if row[0] > 0]
        upper = [row for row in rows if row[0] < 0]
        pairs = [
            tuple(a / p[0] - b / q[0] for a, b in zip(p[1:], q[1:], strict=True))
            for p, q in product(lower, upper)
        ]
        rows = [*{*pairs, *(row[1:] for row in rows if row[0] == 0)}]
    return not rows


@fuzz
@given(programs(), st.data())
def test_membership_and_least_norm(program: Program, data: st.DataObject) -> None:
    oracle = Oracle.of(*program)
    g = oracle.gradient(data.draw(slopes(oracle.form.s)))
    assert oracle.outer_membership(g).inside
    answer = oracle.membership(g)
    if answer.separator is not None:
        assert dot(answer.separator, g) > oracle.support(answer.separator)
    if oracle.likq:
        assert answer.inside
        assert len(oracle.open_signatures) == 2 ** len(oracle.active)
    least = oracle.min_norm()
    assert oracle.contains(least)
    assert all(dot(least, vertex) >= dot(least, least) for vertex in oracle.vertices)
    assert all(membership(oracle.vertices, point).inside for point in oracle.limiting_gradients)


@pytest.mark.slow
@fuzz
@given(programs(), programs())
def test_a_sum_in_separate_inputs_has_the_sum_of_the_sets(first: Program, second: Program) -> None:
    (f, p), (g, q) = first, second
    left, right = Oracle.of(f, p), Oracle.of(g, q)
    if len(left.active) + len(right.active) > 7:
        return
    shifted = shift_inputs(g, len(p))
    both = Oracle.of(f + shifted, p + q)
    assert set(both.limiting_gradients) == {
        a + b for a, b in product(left.limiting_gradients, right.limiting_gradients)
    }
    assert both.likq == (left.likq and right.likq)


def shift_inputs(expr: Expr, offset: int) -> Expr:
    """The expression with x[i] replaced by x[i + offset]."""
    return copy(expr, lambda node: Var(node.index + offset))


@pytest.mark.slow
def test_programs_cover_the_hard_cases() -> None:
    """The strategy draws what it promises: with and without LIKQ, zero rows, right and wrong gradients."""
    seen: set[object] = set()

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(programs())
    def draw(program: Program) -> None:
        oracle = Oracle.of(*program)
        seen.update(
            {
                ("likq", oracle.likq),
                ("zero row", any(not any(row) for row in oracle.base_rows)),
                ("active", len(oracle.active)),
                ("contained", oracle.contains(oracle.gradient(-1)), oracle.contains(oracle.gradient(0))),
            }
        )

    draw()
    assert {("likq", True), ("likq", False), ("zero row", True), ("active", 6)} <= seen
    assert {("contained", *pair) for pair in product((True, False), repeat=2)} <= seen
