"""Forms of switches: what is one form up to a factor that does not vanish, and what only looks like it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

Function = Callable[[Any], Any]


def verdict(f: Function, x: list[float], slopes: list[float]) -> str:
    return an.verify(f, x, slope=np.array(slopes)).verdict.name


def tangent(x: Any) -> Any:
    """|u| - |v|, u = x + z, v = (1 + y) x + (1 - y) z: two surfaces that touch, with thin cells between them.

    There u > 0 > v, so that 2 (1, 0, 1) is a limiting gradient, although u and v have one linearization.
    """
    return np.abs(x[0] + x[2]) - np.abs((1 + x[1]) * x[0] + (1 - x[1]) * x[2])


def one_factor(x: Any) -> Any:
    """The same with one factor, which does not vanish: one surface."""
    return np.abs(x[0] + x[2]) - np.abs((1 + x[1]) * x[0] + (1 + x[1]) * x[2])


def test_forms_with_different_factors_do_not_add_up_to_a_form() -> None:
    assert verdict(tangent, [0.0, 0.0, 0.0], [1, -1]) != "NOT_CLARKE"
    assert verdict(tangent, [0.0, 0.0, 0.0], [1, 1]) == "CLARKE"


def test_the_thin_cell_is_there() -> None:
    """The gradient in it, by hand: at (1, 1, -1 + t) with t small, u = t > 0 > v = ... for y > 0."""
    x = np.array([1e-3, -1e-3, -1e-3 + 1e-9])
    u, v = x[0] + x[2], (1 + x[1]) * x[0] + (1 - x[1]) * x[2]
    assert u > 0 > v
    np.testing.assert_allclose(an.gradient(tangent, x), [2, 0, 2], atol=1e-2)


def test_forms_with_one_factor_do() -> None:
    assert verdict(one_factor, [0.0, 0.0, 0.0], [1, -1]) == "NOT_CLARKE"
    assert verdict(one_factor, [0.0, 0.0, 0.0], [1, 1]) == "CLARKE"


def test_touching_surfaces_through_dependent_leaves_are_not_told_apart() -> None:
    """|x| - |x + x^2 y|: the leaf x^2 y has no row of its own at 0."""

    def f(x: Any) -> Any:
        return np.abs(x[0] + x[2]) - np.abs(x[0] + x[2] + x[0] * x[1])

    assert verdict(f, [0.0, 0.0, 0.0], [1, -1]) != "NOT_CLARKE"


@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_a_function_of_one_variable_keeps_the_sign_of_its_argument(turned: float) -> None:
    """relu(x) - relu(-sin x) rises on both sides, relu(x) - relu(sin x) does not change to first order."""

    def f(x: Any) -> Any:
        return np.maximum(x[0], 0) - np.maximum(turned * np.sin(x[0]), 0)

    slope = {1.0: "CLARKE", -1.0: "NOT_CLARKE"}
    assert an.verify(f, [0.0], slope=-1).verdict.name == slope[turned]


def of_a_stack(extreme: Any) -> Any:
    return lambda u, v: extreme(np.stack([u, v]))


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("smallest", [False, True])
def test_an_untied_extreme_is_the_form_of_its_leader(smallest: bool, folded: bool) -> None:
    """max(x, 2 x + 1) is 2 x + 1 near 0, the minimum is x: |2 x| - |x| is |x|, and |x| - |x| is 0."""
    extreme, constant = (np.minimum, 0.0) if smallest else (np.maximum, 1.0)
    if folded:
        extreme = of_a_stack(np.min if smallest else np.max)

    def f(x: Any) -> Any:
        return np.abs(extreme(x[0], 2 * x[0] + 1) - constant) - np.abs(x[0])

    assert verdict(f, [0.0], [0, 1, 0]) == "NOT_CLARKE"
    assert verdict(f, [0.0], [0, 1, 1]) == "CLARKE"
    gradients = an.generalized_gradient(f, [0.0])
    assert sorted(gradients.vertices.ravel().tolist()) == ([0.0] if smallest else [-1.0, 1.0])
