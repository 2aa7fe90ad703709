"""Componentwise qualification."""

from __future__ import annotations

from fractions import Fraction

import pytest

from absnormal.clarke import components as parts
from absnormal.rational.linear_program import convex_weights
from absnormal.theorems import componentwise as module
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.likq import likq
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import max_list, maximum, relu, variables
from .judge import case, cases, caught, never_wrong, wrong

x, y, w = variables(3)
HALF = Fraction(1, 2)


def test_first_moments_alone_do_not_do() -> None:
    """2|x| - |2x + |x||: c = (0, 0) is the mean of the open signatures, g_c = -2 is outside [1, -1]."""
    a = case(2 * abs(x) - abs(2 * x + abs(x)), [0], 0)
    assert not a.clarke
    assert never_wrong(componentwise, a) is None


def test_a_regular_block_must_receive_no_coupling() -> None:
    """|x| + |x + |y|| - |y| with c = (1, 1, -1) on (|y|, |x|, |x + |y||)."""
    inner = abs(y)
    a = case(abs(x) + abs(x + inner) - abs(y), [0, 0], [1, 1, -1, 1])
    shared = case(-inner + abs(x) + abs(x + inner), [0, 0], [1, 1, -1])
    assert not shared.clarke
    assert never_wrong(componentwise, shared) is None
    never_wrong(componentwise, a)


def test_product_cells_are_only_some_of_the_cells() -> None:
    """|x| - |x + |y||: 4 product cells, 6 cells; the slopes of the other two are Clarke."""
    a = case(abs(x) - abs(x + abs(y)), [0, 0], [-1, 1, 1])
    assert len(a.oracle.open_signatures) == 6 and a.clarke
    never_wrong(componentwise, a)


@pytest.mark.parametrize("c", [-1, -HALF, 0, HALF, 1])
def test_duplicates_in_components_of_their_own(c: Fraction) -> None:
    a = case(relu(x) - 2 * relu(3 * x) + relu(y) - relu(2 * y), [0, 0], c)
    assert never_wrong(likq, a) is None
    assert never_wrong(componentwise, a) is not None


def test_a_kink_that_vanishes_in_a_cell_hands_its_sign_to_the_outside() -> None:
    """relu(|x| - x) and |(|x| - x) + |y| |: where the internal row is 0, |y| decides."""
    never_wrong(componentwise, case(abs(abs(x) - x - abs(y)) - abs(y), [0, 0], [1, 1, -1, -1]))


def test_first_moments_are_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system, cells = problem.relevant, problem.cells
        if system is None or cells is None:
            return None
        points = [[Fraction(s) for s in cell.signature] for cell in cells.cells]
        weights, _ = convex_weights(points, problem.slopes_in(system))
        return None if weights is None else Proof("componentwise", True, "", "")

    assert wrong(broken, case(x + maximum(0 - maximum(x, 0), 0), [0], [Fraction(1, 2), Fraction(-3, 4)]))


def test_a_partition_into_single_switches_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "matroid_components", lambda system: [(i,) for i in range(system.k)])
    assert caught(componentwise, cases())


def test_regular_blocks_that_receive_couplings_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """relu(y - relu(x + 2y)): the inner switch is a component of its own; what comes in from it decides the block."""

    def receiving(system, component):  # type: ignore[no-untyped-def]
        blind = parts.Component(component.members, component.system, (), component.tracker)
        return one_sign(system, blind)

    a = case(relu(y - relu(x + 2 * y)) + maximum(x, x + x), [0, 0], [-1, -HALF, -1])
    assert never_wrong(componentwise, a) is None and not a.clarke
    one_sign = module._one_sign
    monkeypatch.setattr(module, "_one_sign", receiving)
    assert componentwise(a.problem()) is not None


def test_transfer_without_what_enters_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def inner(self, whole):  # type: ignore[no-untyped-def]
        return self.system

    a = case(max_list(3 * x, abs(y)) + abs(-x) + abs(-x) - abs(x), [0, 0], -1)
    assert never_wrong(componentwise, a) is None and not a.clarke
    monkeypatch.setattr(parts.Component, "transfer", inner)
    assert componentwise(a.problem()) is not None
