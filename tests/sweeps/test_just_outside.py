"""Cases just outside of what conditions on structure allow: equal rows, norms, signs, directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.program.nodes import Node
from absnormal.program.signs import never_negative
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.direction import along_candidates
from absnormal.theorems.problem import Problem


def at(f: Callable[[Any], Any], x: Any) -> Sweeps:
    return Sweeps(an.trace(f, x), np.asarray(x, dtype=float))


def zero_rows(f: Callable[[Any], Any], x: Any) -> list[bool]:
    sweeps = at(f, x)
    return [bool(zero) for zero in EqualRows(sweeps, sweeps.signature(0.0)).zero_rows()]


def test_entries_of_two_nodes_are_not_equal_because_they_stand_at_one_position() -> None:
    x = np.zeros(4)
    assert zero_rows(lambda x: np.abs(np.exp(x[:2]) - np.exp(x[2:])).sum(), x) == [False, False]

    def same(x: Any) -> Any:
        e = np.exp(x)
        return np.abs(e[:2] - e[:2]).sum()

    assert zero_rows(same, x) == [True, True]


def test_entries_with_zero_rows_are_equal_where_their_values_are() -> None:
    """u is constant near the point, with two values or with one; u w at w = 0 has the rows u."""

    def f(constants: list[float]) -> Callable[[Any], Any]:
        def loss(x: Any) -> Any:
            v = (np.array(constants) + np.maximum(x[0] - 5, 0)) * x[1]
            return np.abs(v[:1] - v[1:]).sum()

        return loss

    assert zero_rows(f([1.0, 2.0]), np.zeros(2)) == [False]
    assert zero_rows(f([1.0, 1.0]), np.zeros(2)) == [True]


def test_every_kink_that_is_written_has_switches_of_its_own() -> None:
    assert an.trace(lambda x: (np.abs(x) + np.abs(x)).sum(), np.zeros(2)).s == 4
    assert len({node.switch for node in an.trace(lambda x: np.abs(x[0]) * np.abs(x[0]), [1.0]).nodes}) == 3


def test_roots_of_what_is_no_sum_of_squares_are_refused() -> None:
    refused: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda x: np.sqrt((x[:, None] * x[None, :]).sum()), np.zeros(2)),
        (lambda x: np.sqrt(x[0] ** 2 + x[1]), np.zeros(2)),
        (lambda x: np.sqrt(np.where(np.array([True, False]), x**2, x).sum()), np.zeros(2)),
    ]
    for f, x in refused:
        with pytest.raises(an.TraceError, match="not Lipschitz"):
            an.verify(f, x)
    for f, x in ((lambda x: np.sqrt((x[:, None] * x[:, None]).sum()), np.zeros(2)),
                 (lambda x: np.sqrt(x[0] ** 2 + x[1] ** 2), np.zeros(2))):
        assert an.trace(f, x).s == 2


def test_a_kink_is_never_negative_where_both_sides_are_not() -> None:
    """a u + b |u|, whose 3/2-th power is continuously differentiable where u cannot be negative."""
    for (a, b), never in {(0.5, 0.5): True, (0.0, 1.0): True, (0.495, 0.505): True, (0.505, 0.495): False,
                          (0.0, -1.0): False, (-0.5, 0.5): True, (-0.5, -0.5): False}.items():
        nodes = [Node("input", (), {"leaf": 0}, (1,), None, "", True),
                 Node("kink", (0,), {"a": a, "b": b}, (1,), None, "", True, 0, 1)]
        assert never_negative(nodes, [np.zeros(1), np.zeros(1)], 1) == never, (a, b)


def test_slopes_of_a_block_that_is_not_active_are_those_of_its_values() -> None:
    program = an.trace(lambda x: np.sqrt((x**2).sum()), np.zeros(2))
    sweeps = Sweeps(program, np.array([3.0, 4.0]))
    (index,) = sweeps.program.kinked
    np.testing.assert_allclose(sweeps.slopes_of(index, np.array([1.0, 0.0])), [0.6, 0.8])


def test_slopes_of_a_block_that_directions_realize_have_length_1() -> None:
    sweeps = at(lambda x: np.sqrt((x**2).sum()), np.zeros(2))
    for length, opened in ((1.0, True), (0.999, False), (1.001, False)):
        sigma = sweeps.signature(length * np.array([0.6, 0.8]))
        assert realizes(sweeps, sigma, np.array([0.6, 0.8])).all() == opened


def test_directions_realize_definite_slopes_only() -> None:
    """max(x, 0) - max(2 x, 0) / 2 is 0; slopes inside of (-1, 1) whose signs a direction has are no limits."""
    sweeps = at(lambda x: np.maximum(x[0], 0) - np.maximum(2 * x[0], 0) / 2, np.zeros(1))
    assert along_candidates(Problem(sweeps, np.array([1.0, 1.0]), an.Budget())) is not None
    for c in ([0.5, 0.9], [1.0, 0.5], [1.0, 1 - 1e-9]):
        assert along_candidates(Problem(sweeps, np.array(c), an.Budget())) is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_switch_that_is_no_number_is_not_tied_in_any_precision(dtype: Any) -> None:
    x = np.array([-1.5, 0.0, 2.0, 6e4, 1e-7, -0.0])
    program = an.trace(lambda x: np.abs(x).sum(), x)
    for odd in (np.inf, np.nan):
        single = [np.array(value, dtype) for value in program.evaluate(x)]
        single[0][0] = odd
        sweeps = Sweeps(program, None, 0.0, program.evaluate(x), own=single)
        np.testing.assert_array_equal(sweeps.signs, np.sign(single[0]))
        assert sweeps.alpha.tolist() == [1, 5]
        np.testing.assert_array_equal(sweeps.signature(0.5)[sweeps.alpha], 0.5)
