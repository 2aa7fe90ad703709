"""Are real losses on the 1,797 handwritten digits decided, and by which theorem?"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.clarke.fallback import direction
from absnormal.gallery import digits, networks
from absnormal.judgement.descent import slope_along

SLOPES = (-1.0, 0.0, 1.0)


def flat(gradient: Any) -> np.ndarray[Any, Any]:
    leaves = gradient.values() if isinstance(gradient, dict) else [gradient]
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize(
    "problem",
    [digits.hinge(), digits.hinge("weston-watkins", margin=0.0), digits.l1_regression()],
    ids=lambda problem: problem.name,
)
def test_tied_linear_models_are_decided_by_regularity(problem: Any, slope: float) -> None:
    report = an.verify(problem.function, problem.point, slope=slope)
    assert report.verdict is an.Verdict.CLARKE and report.method == "regular"
    assert len(report.slopes) == problem.active > 10_000
    assert report.deviation == 0
    np.testing.assert_allclose(flat(report.gradient), flat(problem.hand_gradient(problem.point, slope)[1]), atol=1e-12)


@pytest.mark.parametrize("slope", SLOPES)
def test_hand_written_log_sum_exp_is_decided_with_its_rounding_stated(slope: float) -> None:
    problem = digits.stable_cross_entropy()
    report = an.verify(problem.function, problem.point, slope=slope)
    assert report.verdict is an.Verdict.CLARKE
    assert 0 < report.deviation < 1e-6
    np.testing.assert_allclose(
        flat(report.gradient), flat(problem.hand_gradient(problem.point, slope)[1]), atol=report.deviation
    )


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("images", [1, 64, None])
def test_integer_network_with_biases_is_decided_by_private_directions(images: int | None, slope: float) -> None:
    problem = digits.network(images)
    report = an.verify(problem.function, problem.point, slope=slope)
    assert report.verdict is an.Verdict.CLARKE and report.method == "private directions"
    assert len(report.slopes) == problem.active > 0
    np.testing.assert_allclose(flat(report.gradient), flat(problem.hand_gradient(problem.point, slope)[1]), atol=1e-12)


@pytest.mark.slow
def test_the_network_without_biases_is_decided_for_slopes_0_by_units_in_step() -> None:
    problem = digits.network_without_biases()
    report = an.verify(problem.function, problem.point, slope=0)
    assert report.verdict is an.Verdict.CLARKE and report.method == "membership"
    assert report.deviation < 1e-8


@pytest.mark.slow
def test_the_network_without_biases_is_left_open_for_slopes_minus_1_with_the_reason() -> None:
    problem = digits.network_without_biases()
    report = an.verify(problem.function, problem.point, slope=-1)
    assert report.verdict is an.Verdict.UNDECIDED
    assert str(problem.active) in report.proof.reason
    # The tool stays where it is, and f falls.
    g = report.flat_clarke_gradient
    rate, error = slope_along(report.tool, -g / np.linalg.norm(g))
    assert not report.flat_gradient.any() and rate < -2 < -1e3 * error


@pytest.mark.parametrize("problem", [digits.hinge(), digits.l1_regression(), digits.network()], ids=lambda p: p.name)
def test_the_fallback_gradient_is_the_one_along_its_direction(problem: Any) -> None:
    gradient = flat(an.clarke_gradient(problem.function, problem.point))
    program = an.trace(problem.function, problem.point)
    d, step = direction(program.n, 0), 1e-8
    there = program.tree.flatten(problem.point) + step * d
    assert (problem.function(program.tree.unflatten(there)) - problem.function(problem.point)) / step == pytest.approx(
        gradient @ d, rel=1e-3
    )


def test_a_large_network_takes_little_memory() -> None:
    problem = networks.dense_network()
    tracemalloc.start()
    report = an.verify(problem.function, problem.point, slope=-1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report and peak < 50e6
