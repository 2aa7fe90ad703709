"""Does `minimize` end where 0 is nearly a Clarke gradient, and is that the known minimum of the classical problems?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from tests.training.problems import SMALL, large

#: It has stationary points that are no minimum.
_OTHERS = {"crescent II"}


@pytest.mark.slow
def test_the_classical_problems_are_solved_and_certified() -> None:
    problems = SMALL | {f"{name}, n = 8": problem for name, problem in large(8).items() if name != "MXHILB"}
    for name, (f, x0, least) in problems.items():
        found = an.minimize(f, x0)
        assert found.success and found.certificate.norm <= 1e-5, (name, found.message)
        if name.partition(",")[0] not in _OTHERS:
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
