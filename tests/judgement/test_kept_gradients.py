"""Gradients that are known already, and bounds in the place of sums of absolute values, are those of what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.vector import Limits
from absnormal.ops import linear_maps
from absnormal.sweeps.bounds import moved_at_most
from absnormal.sweeps.conditioning import held
from absnormal.sweeps.gradients import Magnitude, cancelling, gradient_of, steps_of, terms
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

DATA = np.random.default_rng(0).standard_normal((500, 200))


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrices are large ones."""
    monkeypatch.setattr(linear_maps, "LARGE", DATA.size - 1)


def test_a_gradient_is_kept_for_its_slopes_alone() -> None:
    sweeps = Sweeps(an.trace(lambda x: np.abs(x[0]) + x[1] ** 2, np.zeros(2)), np.zeros(2))
    for slope in (1.0, -1.0, 0.5, 1.0):
        assert gradient_of(sweeps, sweeps.signature(slope)).tolist() == [slope, 0.0]


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "softmax": (lambda x, data: (torch.log(torch.exp(z := data @ x).sum(1)) - z[:, 0] + torch.relu(z[:, 1])).mean(),
                torch.zeros(200, 3, dtype=torch.float64)),
    "logistic": (lambda x, data: (torch.relu(z := data @ x) + torch.log1p(torch.exp(-z.abs()))).mean(),
                 torch.ones(200, dtype=torch.float64) / 64),
    "penalty": (lambda x, data: torch.exp((data @ x).abs() / 64).mean() + torch.exp(x).sum(),
                torch.zeros(200, dtype=torch.float64)),
    "parts": (lambda x, data: torch.exp((data @ x[:200]).abs() / 64).mean() + x[200:].abs().sum() + x[-1].exp(),
              torch.zeros(203, dtype=torch.float64)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_comparison_made_is_the_gradient(name: str) -> None:
    f, x = LOSSES[name]
    data = torch.tensor(DATA)
    report = an.verify(lambda x: f(x, data), x)
    problem = report.problem
    fresh = Sweeps(problem.sweeps.program, None, values=problem.sweeps.values).gradient(problem.sigma)
    found = problem.gradient
    assert np.allclose(found, fresh, rtol=1e-12, atol=1e-15) and found.any()
    # Nobody who writes to the report's gradient writes to it.
    report.gradient[...] = 7.0
    assert np.array_equal(problem.gradient, found) and not (found == 7.0).any()


@pytest.mark.parametrize("name", ["softmax", "logistic", "penalty"])
def test_what_roundings_change_is_no_more_than_its_bounds(name: str) -> None:
    f, x = LOSSES[name]
    data = torch.tensor(DATA)
    problem = an.verify(lambda x: f(x, data), x).problem
    sweeps, sigma = Sweeps(problem.sweeps.program, None, values=problem.sweeps.values), problem.sigma
    here, steps = gradient_of(sweeps, sigma).copy(), steps_of(sweeps, sigma)
    assert steps is not None and steps.bounded
    near = held(sweeps, [value + 1e-3 * np.cos(np.arange(value.size)).reshape(value.shape) if node.varied else value
                         for node, value in zip(sweeps.program.nodes, sweeps.values, strict=True)])
    for shared in (True, False):
        if shared:
            near.share_linear_maps(sweeps)
        assert all(map(near.knows, steps.bounded)) or not shared
        bounds = np.zeros(sweeps.program.n)
        near.last_steps(sigma, sweeps.program.tree.split(bounds)).write_apart(steps)
        apart = np.abs(near.gradient(sigma) - here)
        assert (bounds >= apart * (1 - 1e-9)).all() and apart.any() and bounds.max() <= 100 * apart.max()
        near = held(sweeps, near.values)


def test_what_is_set_aside_is_bounded_where_that_is_enough() -> None:
    x = np.zeros(200)
    sweeps = Sweeps(an.trace(lambda x: np.exp(np.abs(DATA @ x)).sum() + np.abs(x[0]), x), x)
    aside, sizes = np.ones(501, bool), np.arange(501.0)
    exact = moved_at_most(sweeps, aside, sizes)
    assert np.array_equal(moved_at_most(sweeps, aside, sizes, lambda effect: False), exact)
    seen: list[Any] = []
    bound = moved_at_most(sweeps, aside, sizes, lambda effect: seen.append(effect.copy()) is None)
    assert np.array_equal(bound, seen[0]) and (bound >= exact).all() and (bound > exact).any()
    assert bound.max() <= 2 * exact.max()


def scaled(size: float) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return np.exp(size * np.abs(DATA @ (x[:200] / 8))).sum() + (DATA.T @ np.sin(x[200:])).sum() + x[0] ** 3
    return f


@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_bounds_are_no_smaller_than_sums_of_absolute_values(size: float) -> None:
    x = np.r_[np.zeros(200), np.full(500, 0.25)]
    sweeps = Sweeps(an.trace(scaled(size), x), x)
    found = Magnitude(sweeps)
    assert (found.bounds >= sweeps.gradient_magnitude()).all() and found.bounds.max() <= 1e3 * found.entries.max()
    assert np.allclose(found.entries, sweeps.gradient_magnitude(), rtol=1e-12)
    assert np.isfinite(found.most).all() and found.most[0] >= found.entries.max()
    assert found.most[0] >= terms(sweeps, sweeps.signature(0.0))[0]
    assert found.most[0] <= 1e3 * found.entries.max()


def test_adjoints_that_are_one_number_again_and_again_count_each_time() -> None:
    tall, x = np.abs(DATA).reshape(-1, 5), np.zeros(5)
    sweeps = Sweeps(an.trace(lambda x: (tall @ x).sum() + np.abs(x[0]), x), x)
    found = Magnitude(sweeps)
    assert found.most[0] >= found.entries.max() > 0


@pytest.mark.parametrize("factor", [1.0, 1e-200, 1e200])
def test_a_matrix_whose_squares_are_no_numbers_has_its_sums(factor: float) -> None:
    x = np.zeros(200)
    sweeps = Sweeps(an.trace(lambda x: np.abs((factor * DATA) @ x).sum(), x), x)
    found = Magnitude(sweeps)
    assert not found.most[0] < found.entries.max() and found.entries.any()


def test_terms_that_cancel_are_asked_for() -> None:
    """Of two leaves one is 0 up to cancellation: what is allowed there is what its terms are; the other has a size."""
    data = torch.tensor(np.r_[DATA, -DATA] * 1e6)

    def f(x: Any) -> Any:
        return torch.exp(data @ x[0] / 1e9).sum() + x[1].exp().sum()

    x = [torch.zeros(200, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
    report = an.verify(f, x, gradient=[torch.zeros(200, dtype=torch.float64), torch.ones(2, dtype=torch.float64)])
    sweeps = report.tool
    vector = np.r_[np.zeros(200), np.ones(2)]
    limits = Limits(Problem(sweeps, np.zeros(0), an.Budget()), vector, sweeps)
    sigma = sweeps.signature(0.0)
    assert terms(sweeps, sigma).all()
    expected = limits.problem.around(vector, cancelling(sweeps, sigma, limits.problem.tolerance) * [1, 0])
    assert np.array_equal(limits.accepted, expected) and limits.accepted[0] > 0
