"""Are real losses on the 1,797 handwritten digits decided, and by which theorem?"""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates.witness import Witness
from absnormal.clarke.fallback import direction
from absnormal.gallery import digits, networks
from absnormal.judgement.descent import slope_along
from absnormal.rational.alternative import least_squares
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.membership import LimitingGradients

from ..oracle.rational import membership

Array = np.ndarray[Any, Any]

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
    report = an.verify(problem.function, problem.point, slope=0, budget=an.Budget(seconds=100))
    assert report.verdict is an.Verdict.CLARKE and report.method == "membership"
    assert report.deviation < 1e-8


@pytest.mark.slow
def test_the_network_without_biases_is_left_open_for_slopes_minus_1_with_the_reason() -> None:
    problem = digits.network_without_biases()
    report = an.verify(problem.function, problem.point, slope=-1, budget=an.Budget(seconds=1))
    assert report.verdict is an.Verdict.UNDECIDED
    assert str(problem.active) in report.proof.reason
    # The tool stays where it is, and f falls.
    g = report.flat_clarke_gradient
    rate, error = slope_along(report.tool, -g / np.linalg.norm(g))
    assert not report.flat_gradient.any() and rate < -2 < -1e3 * error


#: Pixels that are brighter than the mean at one image of a two, and at four images of a four.
PIXELS, DIGITS = (56, 31), (2, 4)


def units_at_few_images(second: Array, adjoints: Sequence[Array]) -> tuple[Array, Array, Array]:
    """For each unit of the first layer which of the two pixels it sees, and its size: choices for which gradients at
    the images of these pixels have the mean 0, by column generation; their weights, and what each unit is multiplied
    with at these images."""
    rng, units = np.random.default_rng(0), len(second)

    def gradients(sizes: Array) -> Array:
        """At the images of either pixel: what each unit is multiplied with, where it is on."""
        parts = [(own > 0) * (((own @ second > 0) * c) @ second.T) for own, c in zip(sizes, adjoints, strict=True)]
        return np.concatenate(parts, axis=1)

    def placed(first: Array, sizes: Array) -> Array:
        return np.stack([first * sizes, ~first * sizes])

    def drawn(count: int) -> Array:
        return placed(rng.random((count, units)) < rng.random((count, 1)), 10.0 ** rng.uniform(-4, 0, (count, units)))

    chosen = drawn(200)
    for _ in range(300):
        points = gradients(chosen)
        weights, _ = least_squares(points.T, np.zeros(len(points), int), np.zeros(2 * units))
        kept = weights > 0
        chosen, left = chosen[:, kept], weights @ points / weights.sum()
        if np.abs(left).max() < 1e-12:
            return chosen, weights[kept] / weights.sum(), points[kept]
        # Choices against what is left: some at random and those known, changed again and again.
        tried = np.concatenate([chosen, drawn(500)], axis=1)
        for _ in range(20):
            tried = tried[:, np.argsort(gradients(tried) @ left)[:40]]
            again, fresh = np.repeat(tried, 10, axis=1), drawn(400).sum(axis=0)
            first = (again[0] > 0) ^ (rng.random(again[0].shape) < 0.06)
            sizes = np.where(rng.random(fresh.shape) < 0.1, fresh, again.sum(axis=0))
            tried = np.concatenate([tried, placed(first, sizes)], axis=1)
        chosen = np.concatenate([chosen, tried[:, np.argsort(gradients(tried) @ left)[:40]]], axis=1)
    raise AssertionError(f"{np.abs(left).max()} is left")


@pytest.mark.slow
def test_the_gradient_0_of_the_network_without_biases_is_a_clarke_gradient() -> None:
    """0 is a mean of limiting gradients where every unit is on at one image of a two, or at four of fours."""
    problem, data = digits.network_without_biases(), digits.load()
    point = problem.point
    # Softmax of equal scores less the label, through the last layer.
    adjoints = [(0.1 - np.eye(10)[digit]) @ point["W3"].T for digit in DIGITS]
    brighter = [np.flatnonzero(data.images[:, pixel] > data.images[:, pixel].mean()) for pixel in PIXELS]
    assert [data.labels[own].argmax(axis=1).tolist() for own in brighter] == [[2], [4] * 4]
    chosen, weights, points = units_at_few_images(point["W2"], adjoints)
    # Tenths of integers: without rounding, too, their hull holds 0.
    tenths = [tuple(Fraction(round(10 * a)) for a in gradient) for gradient in points.tolist()]
    assert np.abs(10 * points - np.array(tenths, dtype=float)).max() < 1e-9
    assert membership(tenths, (Fraction(0),) * points.shape[1]).inside
    program = an.trace(problem.function, point)
    sweeps = Sweeps(program, program.tree.flatten(point))
    directions = []
    for sizes in chosen.transpose(1, 0, 2):
        first = np.zeros_like(point["W1"])
        first[[*PIXELS]] = sizes
        directions.append(program.tree.flatten({**{name: 0 * own for name, own in point.items()}, "W1": first}))
    used = [(float(w), sweeps.directional(d).sigma[sweeps.alpha], d) for w, d in zip(weights, directions, strict=True)]
    witness = Witness(sweeps, np.full(len(sweeps.alpha), -1.0))
    assert not witness.gradient.any()
    assert LimitingGradients.of(used).proves(witness, np.random.default_rng(0))


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
