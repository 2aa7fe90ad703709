"""How far is the nearest kink?  Judged by exact evaluation on random piecewise-linear programs."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal import gallery
from absnormal.gallery import digits
from absnormal.kinks import near
from tests.oracle.expressions import numpy_callable
from tests.oracle.strategies import programs

OFFSETS = st.sampled_from([Fraction(k, 16) for k in range(-24, 25)])
RADII = (0.125, 0.75, 2.0)


@st.composite
def places(draw: st.DrawFn) -> tuple[an.Program, Any]:
    """A program and a point that is, or is not, on kinks."""
    expression, point = draw(programs())
    moved = [float(p + draw(OFFSETS)) for p in point]
    return an.trace(numpy_callable(expression), np.array(moved)), np.array(moved)


def signs(program: an.Program, x: Any) -> Any:
    exact = np.array([Fraction(v) for v in x], dtype=object)
    return np.sign(program.switching(program.evaluate(exact))).astype(int)


def ball(x: Any, radius: float, seed: int) -> Any:
    """Corners and random points of a ball, all dyadic."""
    corners = itertools.islice(itertools.product((-1, 0, 1), repeat=len(x)), 81)
    random = np.random.default_rng(seed).integers(-64, 64, (40, len(x)), endpoint=True) / 64
    yield from (x + radius * np.array(d) for d in (*corners, *random))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(places(), st.sampled_from(RADII), st.booleans())
def test_what_is_proved_holds_on_the_ball(place: tuple[an.Program, Any], radius: float, rational: bool) -> None:
    program, x = place
    with pytest.MonkeyPatch.context() as patch:
        if not rational:
            patch.setattr(near, "_EXACT_ENTRIES", -1)
        found = an.kinks_near(program, x, radius)
    assert found.proved and found.arithmetic == ("rational" if rational else "float64")
    here = signs(program, x)
    steady = np.setdiff1d(np.arange(program.s), found.possible)
    inside = min(radius, found.distance) * (1 - 2.0**-40)
    for point in ball(x, radius, 0):
        assert (signs(program, point)[steady] == here[steady]).all()
    for point in ball(x, inside if np.isfinite(inside) else 1.0, 1):
        there = signs(program, point)
        assert (there[here != 0] == here[here != 0]).all()
    seen = [signs(program, point) for point in ball(x, radius, 2)]
    changing = {i for i in range(program.s) if {1, -1} <= {here[i], *(there[i] for there in seen)}}
    assert changing <= set(found.possible)
    assert set(found.certain) <= set(found.possible)


@settings(max_examples=25, deadline=None)
@given(places())
def test_the_distance_is_attained_on_rationals(place: tuple[an.Program, Any]) -> None:
    program, x = place
    found = an.kinks_near(program, x, 1.0)
    if found.nearest is None:
        assert found.distance == np.inf or not program.s
        return
    assert (signs(program, found.nearest) == 0).any()
    exact = max(abs(Fraction(v) - Fraction(float(w))) for v, w in zip(found.nearest, x, strict=True))
    assert found.distance <= exact and float(exact) == pytest.approx(found.distance, abs=0, rel=1e-15)


@settings(max_examples=25, deadline=None)
@given(places())
def test_float64_bounds_are_below_the_exact_distance_and_close(place: tuple[an.Program, Any]) -> None:
    program, x = place
    exact = an.kinks_near(program, x, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "_EXACT_ENTRIES", -1)
        rounded = an.kinks_near(program, x, 1.0)
    assert rounded.distance <= exact.distance
    # Rows that are zero on paper are rounding in floats: a distance far away in place of infinity.
    assert min(rounded.distance, 1e9) == pytest.approx(min(exact.distance, 1e9), abs=1e-12, rel=1e-9)
    assert set(exact.possible) <= set(rounded.possible)


def test_a_smooth_function_is_estimated_and_said_to_be() -> None:
    found = an.kinks_near(lambda x: np.abs(x[0] ** 2 - 1), [0.5], 1.0)
    assert not found.proved and found.nearest is None
    assert found.distance == pytest.approx(0.75)
    assert str(found).startswith("to first order no kink is closer than 0.75")


def test_a_branch_in_the_ball_is_no_proof() -> None:
    def f(x: Any) -> Any:
        return np.abs(x[0]) if x[0] > 1 else np.abs(x[0] - 4)

    assert not an.kinks_near(f, [2.0], 1.5).proved
    inside = an.kinks_near(f, [2.0], 0.5)
    assert inside.proved and inside.distance == 0.5 and not inside.possible


def test_lines_of_the_possible_switches() -> None:
    found = an.kinks_near(gallery.identity, [0.25], 0.5)
    assert [(line.operation, line.switches) for line in found.lines] == [("np.maximum", "z0..z1")]
    assert "kinks.py" in str(found) and "2 switches may change sign, 2 do" in str(found)


def test_an_early_entry_of_a_list_moves_late_comparisons() -> None:
    # At 8 * 0.5 + 1 = 5 the first entry passes the third, 3: two comparisons later.
    found = an.kinks_near(lambda x: np.max(np.stack([8 * x[0] + 1, x[1], x[2] + 3])), np.zeros(3), 0.5)
    assert found.certain == (0, 1) == found.possible


def test_a_network_on_a_batch() -> None:
    problem = digits.network(64)
    program = an.trace(problem.function, problem.point)
    assert an.kinks_near(program, problem.point, 0.5).distance == 0.0


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf"), "1", None])
def test_a_bad_radius(radius: Any) -> None:
    with pytest.raises(ValueError, match="radius must be a finite number >= 0"):
        an.kinks_near(gallery.identity, [0.0], radius)
