"""Which side of a comparison counts at its edge, in every spelling?  The gradient is the slope of the side taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

Condition = Callable[[Any], Any]

#: Conditions on x at 0, in pairs of a spelling and the outcome at the tie.
AT_THE_EDGE: dict[str, tuple[Condition, bool]] = {
    "x > 0": (lambda x: x > 0, False),
    "x >= 0": (lambda x: x >= 0, True),
    "x < 0": (lambda x: x < 0, False),
    "x <= 0": (lambda x: x <= 0, True),
    "0 < x": (lambda x: 0 < x, False),  # noqa: SIM300
    "0 >= x": (lambda x: 0 >= x, True),  # noqa: SIM300
    "~(x > 0)": (lambda x: ~(x > 0), True),
    "~(x >= 0)": (lambda x: ~(x >= 0), False),
    "~(x < 0)": (lambda x: ~(x < 0), True),
    "~(x <= 0)": (lambda x: ~(x <= 0), False),
    "~~(x <= 0)": (lambda x: ~~(x <= 0), True),
    "logical_not(x > 0)": (lambda x: np.logical_not(x > 0), True),
    "invert(x <= 0)": (lambda x: np.invert(x <= 0), False),
    "-x < 0": (lambda x: -x < 0, False),
    "-x <= 0": (lambda x: -x <= 0, True),
}


@pytest.mark.parametrize("name", AT_THE_EDGE)
@pytest.mark.parametrize("size", [1, 3])
def test_the_side_that_is_taken_at_a_tie_is_the_one_that_python_takes(name: str, size: int) -> None:
    """where(c, 2 x, x): the branch taken at 0 decides the slope, as it does in a tool that follows the branch."""
    condition, outcome = AT_THE_EDGE[name]
    x = np.zeros(size)
    assert (np.asarray(condition(x)) == outcome).all()
    report = an.verify(lambda x: np.sum(np.where(condition(x), 2 * x, x)), x)
    np.testing.assert_array_equal(report.gradient, np.full(size, 2.0 if outcome else 1.0))
    assert report


@pytest.mark.parametrize("name", AT_THE_EDGE)
@pytest.mark.parametrize("x", [-1.0, 1.0])
def test_the_side_that_is_taken_next_to_a_tie(name: str, x: float) -> None:
    condition, _ = AT_THE_EDGE[name]
    program = an.trace(lambda x: np.where(condition(x[0]), 2 * x[0], x[0]), [0.0])
    assert program([x]) == (2 * x if condition(np.float64(x)) else x)


@pytest.mark.parametrize(("sides", "meet"), [
    ((lambda x: x * np.exp(x), np.sin), True), ((lambda x: x + 1e-12, np.sin), False),
    ((np.cos, lambda x: 1 - x * x), True), ((lambda x: np.cos(x) + 2.0**-40, lambda x: 1 - x * x), False),
])  # fmt: skip
def test_sides_that_do_not_meet_are_refused(sides: tuple[Condition, Condition], meet: bool) -> None:
    first, second = sides

    def f(x: Any) -> Any:
        return np.where(x[0] > 0, first(x[0]), second(x[0]))

    if meet:
        assert an.verify(f, [0.0])
    else:
        with pytest.raises(an.TraceError, match=r"np\.where"):
            an.verify(f, [0.0])


def test_sides_that_differ_by_a_multiple_elsewhere_too_are_no_multiple() -> None:
    """2 x + y and x differ by x + y, which is no multiple of x."""
    with pytest.raises(an.TraceError, match=r"np\.where"):
        an.verify(lambda x: np.where(x[0] > 0, 2 * x[0] + x[1], x[0]), [0.0, 0.0])


@pytest.mark.parametrize(("name", "share"), [("autograd", "even"), ("jax", "even"), ("torch", "even")])
@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0], [2.0, 2.0, 1.0], [1.0, 2.0, 1.0, 2.0]])
def test_tied_entries_share_evenly(name: str, share: str, x: list[float]) -> None:
    point = np.array(x)
    for extreme, fold in ((np.max, 1), (np.min, -1)):
        tied = point == extreme(point)
        gradient = an.gradient(lambda x, extreme=extreme: extreme(x), point, slope=name)
        np.testing.assert_allclose(gradient, tied / tied.sum(), rtol=0, atol=1e-15, err_msg=f"{share} {fold}")


def test_a_branch_is_guarded_at_its_edge() -> None:
    """x <= 1 was seen at 0: at 1 itself the sides are tied, and beyond another branch is taken."""

    def f(x: Any) -> Any:
        return x[0] if x[0] <= 1 else 2 * x[0]

    program = an.trace(f, [0.0])
    assert program([np.nextafter(1.0, 0.0)]) < 1
    for x in (1.0, 2.0):
        with pytest.raises(an.GuardError):
            program([x])


@pytest.mark.parametrize("f", [
    lambda x: np.where(np.minimum(x[0], 0.0) < 0, -x[0], 0.0),
    lambda x: np.where(np.minimum(x[0], 0.0) >= 0, 0.0, -x[0]),
    lambda x: np.where(np.maximum(x[0], 0.0) > 0, x[0], 0.0),
    lambda x: np.where(np.maximum(x[0], 0.0) <= 0, 0.0, x[0]),
])  # fmt: skip
def test_a_comparison_of_an_extremum_with_one_of_its_arguments_is_one_of_the_other(f: Any) -> None:
    report = an.verify(f, [0.0])
    assert report.verdict is an.Verdict.CLARKE and float(report.gradient[0]) == 0.0
    assert [report.program([x]) for x in (-2.0, 2.0)] == [f([x]) for x in (-2.0, 2.0)]


def test_a_mask_by_its_name_is_followed_where_it_is_not_tied_and_refused_where_it_is() -> None:
    def f(x: Any) -> Any:
        return np.where(np.expand_dims(a=x > 0, axis=0), x**2, 0.0).sum()

    assert an.verify(f, [1.0, -1.0]).method == "smooth"
    with pytest.raises(an.TraceError, match="the two sides are equal"):
        an.verify(f, [1.0, 0.0])
