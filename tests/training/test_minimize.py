"""Does `minimize` end where 0 is nearly a Clarke gradient, and is that the known minimum of the classical problems?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch

import absnormal as an
from absnormal.model_step import model_step
from tests.training.problems import LONG, SMALL, large


@pytest.mark.slow
def test_the_classical_problems_are_solved_and_certified() -> None:
    long = {name: LONG[name] for name in ("El-Attar", "HS78", "OET5", "Polak 2", "Davidon 2")}
    problems = SMALL | long | {f"{name}, n = 8": problem for name, problem in large(8).items() if name != "MXHILB"}
    for name, (f, x0, least) in problems.items():
        found = an.minimize(f, x0)
        assert found.success and found.certificate.norm <= 1e-5, (name, found.message)
        assert found.fun == pytest.approx(least, abs=1e-6, rel=1e-6), name
        assert found.certificate.check(), name


def test_a_kink_that_is_hit_is_proved_to_be_stationary() -> None:
    found = an.minimize(lambda x: np.abs(x[0]) + 2 * np.abs(x[1]), [1.0, 0.0])
    assert found.success and found.certificate.norm == 0.0 and found.fun < 1e-8
    exact = an.minimize(lambda x: np.abs(x).sum(), [0.0, 0.0])
    assert exact.message == "0 is a Clarke gradient at x: x is stationary"
    assert (exact.certificate.radius, exact.nit, exact.x.tolist()) == (0.0, 0, [0.0, 0.0])


def test_points_keep_their_structure() -> None:
    x0 = {"w": torch.tensor([2.0, -1.0], dtype=torch.float64), "b": torch.tensor(3.0, dtype=torch.float64)}
    seen: list[Any] = []
    found = an.minimize(lambda x: (x["w"] - 1).abs().sum() + torch.relu(x["b"]) ** 2, x0, callback=seen.append)
    assert found.success and torch.allclose(found.x["w"], torch.ones(2, dtype=torch.float64), atol=1e-6)
    assert len(seen) == found.nit and set(seen[0]) == {"w", "b"}
    program = an.trace(lambda x: np.maximum(x[0], -2 * x[0]) + x[1] ** 2, [1.0, 1.0])
    assert an.minimize(program, [1.0, 1.0]).fun < 1e-8


def test_branches_are_followed_and_domains_kept() -> None:
    def f(x: Any) -> Any:
        return np.abs(x[0] - 1) - np.log(x[0]) if x[0] < 3 else 2 * x[0] - 4 - np.log(3.0)

    found = an.minimize(f, [5.0])
    assert found.success and found.x[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_it_says_why_it_ended() -> None:
    short = an.minimize(SMALL["Rosen-Suzuki"][0], [0.0] * 4, maxiter=3)
    assert not short.success and short.status == 2 and short.nit == 3 and "maxiter steps were made" in short.message
    with pytest.raises(ValueError, match="f must return one number"):
        an.minimize(lambda x: x, [1.0, 2.0])
    with pytest.raises(ValueError, match="gtol must be a number > 0"):
        an.minimize(np.sum, [1.0], gtol=0.0)
    with pytest.raises(an.DomainError):
        an.minimize(lambda x: np.log(x[0]), [-1.0])


@pytest.mark.parametrize("f", [lambda x: x[0], lambda x: np.abs(x[1]) - 2 * np.abs(x[0]), lambda x: -np.sum(x**2)])
def test_a_function_without_a_lower_bound_ends_the_search(f: Any) -> None:
    found = an.minimize(f, [0.5, 0.25])
    assert not found.success and found.status == 3 and found.nfev < 500
    assert "no lower bound" in found.message


def test_a_minimizer_far_away_is_no_end_of_a_ray() -> None:
    found = an.minimize(lambda x: np.abs(x[0] - 1e6), [0.0])
    assert found.success and found.x[0] == pytest.approx(1e6)


def _convex(x: Any) -> Any:
    return np.max(np.stack([np.abs(x[0] - x[1]) + x[2], 2 * np.abs(x[0] + np.abs(x[2] - 1)), -3 * x[1] - x[2], x[1]]))


def _of_both_signs(x: Any) -> Any:
    return np.abs(x[0] - x[1]) - 0.5 * np.maximum(x[1], x[2]) + np.abs(x[2] - x[0]) - np.abs(x[1] + x[2])


@pytest.mark.parametrize("radius", [0.1, 1.0, 10.0])
def test_a_step_of_the_model_goes_to_its_minimum_within_the_radius(radius: float) -> None:
    """A function of max and |.| is its own model: no point that is drawn is lower, and the change is that of f."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=3)
        step = model_step(an.abs_normal_form(_convex, x), radius)
        assert step is not None and np.abs(step[0]).max() <= radius * (1 + 1e-9)
        least = _convex(x + step[0])
        assert step[1] == pytest.approx(least - _convex(x), abs=1e-6 * radius)
        others = x + radius * rng.uniform(-1, 1, (200, 3))
        assert min(map(_convex, others)) >= least - 1e-6 * radius


@pytest.mark.parametrize("spent", [False, True])
def test_the_largest_of_many_numbers_is_minimized_in_one_step(spent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the form of a maximum most weights are tiny; what the simplex method does not solve is solved otherwise."""
    asked, own = [], scipy.optimize.linprog

    def linprog(*program: Any, method: str, options: Any, **others: Any) -> Any:
        asked.append(method)
        return own(*program, method=method, options={"maxiter": 1} if spent and len(asked) == 1 else options, **others)

    monkeypatch.setattr(scipy.optimize, "linprog", linprog)
    x = np.linspace(-1, 2, 60)
    step = model_step(an.abs_normal_form(lambda x: np.max(np.abs(x)), x), 3.0)
    assert asked == ["highs-ds", "highs-ipm"][: 1 + spent]
    assert step is not None and step[1] == pytest.approx(-2.0, abs=1e-4)
    assert np.abs(x + step[0]).max() == pytest.approx(2.0 + step[1], abs=1e-6)


def test_a_step_of_the_model_is_bounded_from_above_where_kinks_bend_down() -> None:
    rng = np.random.default_rng(1)
    for x in rng.normal(size=(40, 3)):
        step = model_step(an.abs_normal_form(_of_both_signs, x), 0.5)
        assert step is not None and step[1] <= 1e-6
        assert _of_both_signs(x + step[0]) - _of_both_signs(x) <= step[1] + 1e-6


def test_a_weight_that_is_0_on_paper_bends_nothing_down() -> None:
    """0.3 - (0.1 + 0.2) is less than 0 in float64: |x0| was taken for x0, and f to have no lower bound."""
    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return 0.3 * u + np.abs(0.1 * (u - x[1])) + np.abs(0.2 * (u - x[1]))

    x = np.array([0.5, 1.0])
    step = model_step(an.abs_normal_form(f, x), 10.0)
    assert step is not None and step[1] == pytest.approx(-f(x), abs=1e-4)
    assert f(x + step[0]) == pytest.approx(0.0, abs=1e-4)


def test_what_is_sharp_at_its_minimum_is_found_in_few_steps() -> None:
    """Steps of the model end at once where f is its own model, and converge quadratically at corners."""
    assert an.minimize(_convex, [3.0, -2.0, 5.0]).nit < 8
    f, x0, least = large(8)["crescent II"]
    found = an.minimize(f, x0, maxiter=30)
    assert found.fun == pytest.approx(least, abs=1e-7)


@pytest.mark.slow
def test_a_first_step_of_bfgs_is_no_longer_than_the_last_one_of_the_model() -> None:
    """The product that HS78 adds to its constraints has no lower bound far away."""
    f, x0, least = LONG["HS78"]
    assert an.minimize(f, x0, maxiter=15).fun == pytest.approx(least, abs=1e-2)


def test_entries_that_are_masked_by_infinity_stay_out_of_the_model() -> None:
    first = np.array([True, False, True])

    def f(x: Any) -> Any:
        return np.max(np.where(first, x, -np.inf)) + np.maximum(np.where(first, x, -np.inf), -1).sum() + np.abs(x).sum()

    found = an.minimize(f, np.array([2.0, 2.0, 1.0]))
    assert found.success and found.fun == pytest.approx(-2.0)
