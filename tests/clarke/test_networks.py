"""ReLU networks without biases, on many kinks: are the gradients for relu'(0) = 0, 1/2, 1 judged as by brute force?"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import absnormal as an
from tests.oracle.expressions import numpy_callable, relu, variables
from tests.oracle.oracle import Oracle

WIDTHS = (4, 7, 7, 1)


def network(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.integers(-3, 4, (out, into)).astype(float) for into, out in pairwise(WIDTHS)]


def forward(weights: list[Any], x: Any) -> Any:
    for matrix in weights[:-1]:
        x = np.maximum(matrix @ x, 0)
    return (weights[-1] @ x)[0]


def points(weights: list[Any]) -> dict[str, Any]:
    """The origin; an integer point at which as many units of the first layer vanish as were found."""
    drawn = np.random.default_rng(1).integers(-6, 7, (20000, WIDTHS[0])).astype(float)
    drawn = drawn[drawn.any(axis=1)]
    vanishing = np.count_nonzero(drawn @ weights[0].T == 0, axis=1)
    return {"origin": np.zeros(WIDTHS[0]), "kinks": drawn[np.argmax(vanishing)]}


def sampled(weights: list[Any], x: Any, count: int) -> Any:
    """Gradients by hand on the way into random directions; in integers, so exact."""
    directions = np.random.default_rng(2).integers(-10**6, 10**6, (count, WIDTHS[0])).astype(float)
    value, rate = np.tile(x, (count, 1)), directions
    masks = []
    for matrix in weights[:-1]:
        value, rate = value @ matrix.T, rate @ matrix.T
        on = (value > 0) | ((value == 0) & (rate > 0))
        masks.append(on)
        value, rate = value * on, rate * on
    adjoint = np.tile(weights[-1], (count, 1))
    for matrix, on in zip(weights[-2::-1], masks[::-1], strict=True):
        adjoint = (adjoint * on) @ matrix
    return np.unique(adjoint, axis=0)


def inside(g: Any, hull: Any) -> bool:
    matrix = np.vstack([hull.T, np.ones(len(hull))])
    return bool(linprog(np.zeros(len(hull)), A_eq=matrix, b_eq=np.append(g, 1.0), method="highs").status == 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("where", ["origin", "kinks"])
def test_verdicts_are_those_of_brute_force(seed: int, where: str) -> None:
    weights = network(seed)
    x = points(weights)[where]
    G = an.generalized_gradient(lambda v: forward(weights, v), x)
    assert G.complete and G.exact
    listed = {tuple(row) for row in G.limiting_gradients.tolist()}
    seen = sampled(weights, x, 30_000)
    assert {tuple(row) for row in (seen + 0.0).tolist()} <= {tuple(a + 0.0 for a in row) for row in listed}
    for slope in (-1.0, 0.0, 1.0):
        report = an.verify(lambda v: forward(weights, v), x, slope=slope)
        expected = inside(report.gradient, G.limiting_gradients)
        assert report.verdict is (an.Verdict.CLARKE if expected else an.Verdict.NOT_CLARKE)
        assert expected or not inside(report.gradient, seen)
        assert G.contains(report.gradient) is expected
        assert report.certificate is not None and report.certificate.check()
        assert G.contains(report.clarke_gradient) is True


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slope", [-1, 0, 1])
def test_small_networks_against_the_oracle(seed: int, slope: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, last = (rng.integers(-2, 3, shape).tolist() for shape in ((3, 3), (3, 3), (3,)))
    hidden: Any = list(variables(3))
    for matrix in (first, second):
        hidden = [relu(sum((w * u for w, u in zip(row, hidden, strict=True)), 0 * hidden[0])) for row in matrix]
    expression = sum((w * u for w, u in zip(last, hidden, strict=True)), 0 * hidden[0])
    oracle = Oracle.of(expression, [Fraction(0)] * 3)
    report = an.verify(numpy_callable(expression), np.zeros(3), slope=slope)
    true = oracle.contains(oracle.gradient(slope))
    assert report.verdict is (an.Verdict.CLARKE if true else an.Verdict.NOT_CLARKE)
