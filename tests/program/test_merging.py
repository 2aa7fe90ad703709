"""Is a program with merged kinks the same function, with fewer switches?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.program.merging import merged


def pairs_of_pairs(high: Any, low: Any, other: Any) -> Any:
    """Of two that are sorted already, and a third."""
    return np.maximum(high, low) - np.abs(low - high) + 2 * np.minimum(low, other)


FUNCTIONS: dict[str, tuple[Any, int]] = {
    "relu and abs": (lambda x: np.sum(np.maximum(x, 0) + np.abs(x)), 3),
    "both signs": (lambda x: np.sum(np.maximum(x, 0) - 2 * np.maximum(-x, 0) + np.minimum(0, x)), 3),
    "a maximum twice": (lambda x: np.maximum(x[0], x[1]) * 2 - np.maximum(x[0], x[1]) + np.abs(x[2]), 2),
    "a fold twice": (lambda x: np.max(x) - 3 * np.max(x), 2), "the second argument": (
        lambda x: np.sum(np.maximum(0, x) + np.abs(-x)), 3),
    "a maximum of one entry with three zeros": (
        lambda x: np.maximum(x[0], np.zeros(3)) @ np.array([1.0, 2.0, 4.0]) - np.maximum(x[0], 0) + np.abs(x[0]), 4),
    "a pair that is sorted": (lambda x: 3 * np.maximum(x[0], x[1]) - np.minimum(x[1], x[0]) + np.abs(x[2]), 2),
    "the size of a difference": (
        lambda x: np.sum(np.maximum(x[:2], x[1:]) - 2 * np.abs(x[1:] - x[:2]) + np.abs(-(x[:2] - x[1:]))), 2),
    "pairs of pairs": (lambda x: pairs_of_pairs(np.maximum(x[0], x[1]), np.minimum(x[1], x[0]), x[2]), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_function(name: str) -> None:
    f, expected = FUNCTIONS[name]
    x = np.zeros(3)
    program = an.trace(f, x)
    found = merged(program, program.evaluate(x))
    assert found is not None and found.program is not None and found.twice
    found.program.check()
    assert found.program.s == expected < program.s
    for point in np.random.default_rng(0).standard_normal((20, 3)).round(1):
        np.testing.assert_allclose(found.program(point), f(point), atol=1e-14)
    for value, again in zip(found.values, found.program.evaluate(x), strict=True):
        np.testing.assert_array_equal(value, again)


def test_kinks_of_their_own_are_left_alone() -> None:
    for f in (lambda x: np.abs(x[0]) + np.abs(x[1]), lambda x: np.maximum(x[0], x[1]) + np.maximum(x[0], 2 * x[1]),
              lambda x: np.maximum(x[0], -np.inf) + np.abs(x[0])):
        program = an.trace(f, [0.0, 0.0])
        assert merged(program, program.evaluate(np.zeros(2))) is None


def test_an_infinite_constant_is_not_halved() -> None:
    """max(u, -inf) is u, and (u - inf + |u + inf|) / 2 is no number."""
    x, low = torch.zeros(2, dtype=torch.float64), torch.tensor([0.0, -np.inf], dtype=torch.float64)
    sweeps = an.verify(lambda x: (torch.maximum(x, low) + torch.maximum(low, x)).sum(), x).problem.sweeps
    assert sweeps.program.s == 4 and merged(sweeps.program, sweeps.values) is None


@pytest.mark.parametrize(("f", "sign"), [
    (lambda a, b: np.maximum(a, b) + np.minimum(a, b), 1), (lambda a, b: np.maximum(a, b) + np.minimum(b, a), -1),
    (lambda a, b: np.abs(b - a) + np.minimum(a, b), -1), (lambda a, b: np.abs(-(b - a)) + np.minimum(a, b), 1),
])  # fmt: skip
def test_pairs_are_known_with_their_sense(f: Any, sign: int) -> None:
    program = an.trace(lambda x: f(x[0], x[1]), [1.0, 0.0])
    found = merged(program, program.evaluate(np.array([1.0, 0.0])))
    assert found is not None and [told for _, _, told in found.twice] == [sign]


@pytest.mark.parametrize(("f", "sign"), [
    (lambda x: np.maximum(x[0], 0) + np.abs(x[0]), 1), (lambda x: np.maximum(0, x[0]) + np.abs(x[0]), -1),
    (lambda x: np.maximum(0, -x[0]) + np.abs(x[0]), 1), (lambda x: np.abs(-x[0]) + np.abs(x[0]), -1),
])  # fmt: skip
def test_kinks_on_one_set_are_known_with_their_sense(f: Any, sign: int) -> None:
    """The switching variable of max(0, x) is -x."""
    program = an.trace(f, [1.0])
    found = merged(program, program.evaluate(np.array([1.0])))
    assert found is not None
    ((second, first, told),) = found.twice
    z = program.switching(program.evaluate(np.array([1.0])))
    nodes = program.nodes
    assert told == sign == np.sign(z[nodes[second].switch] * z[nodes[first].switch])
