"""Forms of switches: what is one form up to a factor that does not vanish, and what only looks like it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

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


#: Functions of one variable that are compared, with derivatives away from 0 near 0 and 0.3.
COMPARED: dict[str, Function] = {
    "exp": np.exp, "square": lambda u: (u + 3.0) ** 2, "cube": lambda u: (u + 1.5) ** 3, "tanh": np.tanh,
    "falling": lambda u: np.exp(-u), "logarithm": lambda u: np.log(u + 5.0),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("at", [0.0, 0.3])
def test_comparing_functions_of_two_numbers_is_comparing_the_numbers(name: str, at: float) -> None:
    """max(phi(u), phi(w)) with w = u - |v| is phi of the larger or the smaller one."""
    phi = COMPARED[name]

    def f(x: Any) -> Any:
        u = x[0] + 2 * x[1] + at
        return np.maximum(phi(u), phi(u - np.abs(x[0] - x[1]))) - 2 * np.abs(x[0] - x[1])

    step = 1e-6
    larger = phi(at) > phi(at - step)
    slope = (phi(at + step) - phi(at - step)) / (2 * step)
    u, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    ends = [slope * u + s * v for s in ((2, -2) if larger else (2 + slope, -2 - slope))]
    for t, verdict in ((0.0, "CLARKE"), (0.3, "CLARKE"), (1.0, "CLARKE"), (1.5, "NOT_CLARKE"), (-0.5, "NOT_CLARKE")):
        given = t * ends[0] + (1 - t) * ends[1]
        report = an.verify(f, [0.0, 0.0], gradient=given, atol_gradient=1e-6)
        assert report.verdict.name == verdict, (t, report)
        assert report.certificate is not None and report.certificate.check()


def test_a_clipped_value_loss_at_its_bound() -> None:
    targets = np.linspace(-2.0, -1.0, 5)

    def loss(v: Any) -> Any:
        return np.maximum((v - targets) ** 2, (np.clip(v, -0.2, 0.2) - targets) ** 2).sum()

    at = np.full(5, 0.2)
    # The first square is the larger one above the bound, and equal below: f is smooth.
    true = 2 * (at - targets)
    assert an.verify(loss, at, gradient=true).verdict.name == "CLARKE"
    assert an.verify(loss, at, gradient=true / 2).verdict.name == "NOT_CLARKE"
    # Half of both squares, with the clip's derivative 0 or 1 at its bound.
    for slope in (-1, 0, 1):
        report = an.verify(loss, at, slope=slope)
        assert bool(report) == np.allclose(report.gradient, true), (slope, report)
        assert report.verdict.name != "UNDECIDED"


def test_equal_squares_of_different_numbers_are_not_compared_by_these() -> None:
    """(x + 1)^2 = (2 x - 1)^2 at 0, and they cross there: the gradients are 2 and -4."""

    def f(x: Any) -> Any:
        u, w = x[0] + x[1] + 1, 2 * x[0] + 2 * x[1] - 1
        return np.maximum(u**2, w**2) - np.abs(x[0] + x[1])

    for slope, verdict in ((0.9, "CLARKE"), (-2.9, "CLARKE"), (1.5, "NOT_CLARKE")):
        report = an.verify(f, [0.0, 0.0], gradient=[slope, slope])
        assert report.verdict.name in (verdict, "UNDECIDED"), (slope, report)


def test_only_differences_are_comparisons() -> None:
    """2 tanh(x) - tanh(y) is 0 at 0, and kinks where y = 2 x to first order, not where y = x."""

    def f(x: Any) -> Any:
        return np.abs(2 * np.tanh(x[0]) - np.tanh(x[1])) - np.abs(np.tanh(x[0]) + np.tanh(x[1]))

    # The gradients are s (2, -1) - t (1, 1) with signs s and t that occur together in all ways.
    corners = np.array([[2 * s - t, -s - t] for s in (1, -1) for t in (1, -1)], dtype=float)
    for corner in corners:
        assert an.verify(f, [0.0, 0.0], gradient=0.9 * corner).verdict.name == "CLARKE"
        assert an.verify(f, [0.0, 0.0], gradient=1.1 * corner).verdict.name == "NOT_CLARKE"


#: Comparisons of what has several arguments, or arguments of another shape: nothing is seen through them.
SEVERAL = {
    "products": lambda x: np.maximum(np.prod(x[:2]), np.prod(x[1:])),
    "sums of exponentials": lambda x: np.maximum(np.log(np.exp(x[:2]).sum()), np.log(np.exp(x[1:]).sum())),
    "matrices": lambda x: np.max(np.stack([x[:2], x[1:]]) @ np.exp(x[:2])),
    "convolutions": lambda x: np.max(np.convolve(np.exp(x), x, "valid")) + np.abs(x[0] - x[1]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_comparisons_of_several_arguments_are_judged(name: str) -> None:
    report = an.verify(SEVERAL[name], np.ones(3))
    assert report.verdict is not an.Verdict.NOT_CLARKE


def test_a_pool_behind_a_convolution_of_a_constant_input_is_judged() -> None:
    layers = [torch.nn.Conv1d(1, 2, 3), torch.nn.MaxPool1d(2), torch.nn.ReLU(), torch.nn.Flatten()]
    model = torch.nn.Sequential(torch.nn.Unflatten(1, (1, 6)), *layers, torch.nn.Linear(4, 1)).double()
    assert an.verify(lambda x: model(x).sum(), torch.zeros(2, 6, dtype=torch.float64))


ADVANTAGES = (1.0, -1.0, 2.0, -2.0, 0.5)


def policy_loss(u: Any, lib: Any, clip: Any) -> Any:
    """PPO's, with the ratio exp(u): at a bound of the ratio it compares the ratio with what it clips to it."""
    r = lib.exp(u)
    advantages = lib.asarray(np.resize(ADVANTAGES, len(u)))
    return -lib.minimum(r * advantages, clip(r, 0.8, 1.2) * advantages).sum()


def one_sided(u: Any) -> tuple[Any, Any]:
    """The one-sided derivatives of the policy loss, a function of each entry by itself, by hand."""
    r, a = np.exp(u), np.resize(ADVANTAGES, len(u))
    right = -r * a * np.where(a > 0, r < 1.2, r >= 0.8)
    left = -r * a * np.where(a > 0, r <= 1.2, r > 0.8)
    return np.minimum(left, right), np.maximum(left, right)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("slope", ["autograd", 0, -1, 1])
def test_a_ratio_that_is_clipped_is_a_coordinate(size: int, slope: Any) -> None:
    u = np.log(np.resize([0.8, 1.2, 1.0, 1.2, 0.8, 1.2, 0.8], size))
    # In every turn there is time for 100 kinks on any machine.
    report = an.verify(lambda u: policy_loss(u, np, np.clip), u, slope=slope, budget=an.Budget(seconds=200))
    low, high = one_sided(u)
    inside = bool(((low - 1e-9 <= report.gradient) & (report.gradient <= high + 1e-9)).all())
    assert report.verdict.name == ("CLARKE" if inside else "NOT_CLARKE")
    assert ((low - 1e-9 <= report.clarke_gradient) & (report.clarke_gradient <= high + 1e-9)).all()


@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_the_set_of_clipped_ratios_is_a_box(scale: float) -> None:
    u = np.log(np.resize([0.8, 1.2, 1.0], 7))
    G = an.generalized_gradient(lambda x: policy_loss(scale * x, np, np.clip), u / scale)
    low, high = np.sort([scale * side for side in one_sided(u)], axis=0)
    v = np.array([1.0, -1.0, 2.0, -2.0, 0.5, 1.0, -1.0])
    assert G.exact and G.support(v) == pytest.approx(np.maximum(v * low, v * high).sum())
    assert G.contains(low) and G.contains((low + high) / 2) and not G.contains(low - 1e-3)


def logarithm(ratio: float) -> float:
    """A number whose exponential is the ratio on this machine, by torch."""
    near = np.log(ratio) + np.arange(-50, 51) * np.spacing(np.log(ratio))
    found = torch.tensor(near)[[float(torch.tensor([u, u]).exp()[0]) == ratio for u in near]]
    return float(found[len(found) // 2])


def test_a_ratio_of_a_network_is_a_coordinate_too() -> None:
    inputs = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    weights = torch.zeros(2, dtype=torch.float64)
    old = torch.tensor([-logarithm(0.8), -logarithm(1.2)], dtype=torch.float64)

    def f(w: Any) -> Any:
        return policy_loss(inputs @ w - old, torch, torch.clamp)

    report = an.verify(f, weights)
    assert len(report.problem.sweeps.alpha) >= 3
    low, high = (side @ inputs.numpy() for side in one_sided(-old.numpy()))
    # The second ratio is at its upper bound with a negative factor, where the loss is smooth.
    np.testing.assert_allclose(low, high)
    inside = np.allclose(report.gradient, low)
    assert report.verdict.name == ("CLARKE" if inside else "NOT_CLARKE")
    np.testing.assert_allclose(report.clarke_gradient, low)


def test_a_function_of_two_inputs_is_none_of_one() -> None:
    u = np.log([0.8])

    def f(x: Any) -> Any:
        return policy_loss(x[:1] + x[1:], np, np.clip)

    G = an.generalized_gradient(f, np.array([u[0], 0.0]))
    np.testing.assert_allclose(G.limiting_gradients, [[one_sided(u)[0][0]] * 2])


def test_an_input_beside_a_function_of_it_is_no_second_coordinate() -> None:
    """|exp(x) - 1 - x + y| - |y|: between the two surfaces, which touch, the derivative with respect to y is 2."""

    def f(x: Any) -> Any:
        return np.abs(np.exp(x[0]) - 1 - x[0] + x[1]) - np.abs(x[1])

    np.testing.assert_allclose(an.gradient(f, [1e-2, -1e-5])[1], 2.0)
    assert verdict(f, [0.0, 0.0], [1, -1]) != "NOT_CLARKE" and verdict(f, [0.0, 0.0], [-1, 1]) != "CLARKE"
