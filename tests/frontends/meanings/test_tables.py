"""Interpolation in a table by hand: cells and weights as arrays of their own or of all coordinates at once."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

from .test_jumps import assert_right, of, verified, whole

TABLE = np.random.default_rng(3).integers(-5, 6, (5, 5)).astype(float)
LIBRARIES = pytest.mark.parametrize("lib", [np, torch, jnp], ids=["numpy", "torch", "jax"])

#: The cells and the weights along both axes, from coordinates (2, points).
SPLIT: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "apart": lambda lib, u: (
        tuple(whole(lib, lib.floor(row)) for row in u), tuple(row - lib.floor(row) for row in u)),
    "rows": lambda lib, u: (whole(lib, lib.floor(u)), u - lib.floor(u)),
    "columns": lambda lib, u: (
        whole(lib, lib.floor(u.T)).T, (u.T - lib.floor(u.T)).T),
}


def interpolated(lib: Any, u: Any, split: str, flat: bool, wrong: bool = False) -> Any:
    """Between the four corners of cells; with a factor missing where it is wrong."""
    (i, j), (a, b) = SPLIT[split](lib, u)
    table = of(lib, TABLE)

    def corner(i: Any, j: Any) -> Any:
        return table.reshape(-1)[5 * i + j] if flat else table[i, j]

    upper = corner(i, j) * ((1 - a) * (1 - b)) + corner(i + 1, j) * a * (1 - b)
    return (upper + corner(i, j + 1) * (b if wrong else (1 - a) * b) + a * b * corner(i + 1, j + 1)).sum()


@LIBRARIES
@pytest.mark.parametrize("flat", [True, False], ids=["a list", "two axes"])
@pytest.mark.parametrize("split", SPLIT)
def test_on_a_line_of_a_table(lib, split, flat):
    assert_right(lib, lambda lib, u: interpolated(lib, u, split, flat), np.array([[1.0], [2.5]]))


@pytest.mark.slow
@LIBRARIES
@pytest.mark.parametrize("flat", [True, False], ids=["a list", "two axes"])
@pytest.mark.parametrize("split", SPLIT)
def test_many_points_on_lines_of_a_table(lib, split, flat):
    for u in ([[2.0], [1.0]], [[1.0, 0.25], [1.5, 3.0]], [[1.0, 0.25, 1.5], [0.5, 1.25, 3.0]]):
        report = verified(lib, lambda lib, u: interpolated(lib, u, split, flat), np.array(u))
        assert report.verdict is an.Verdict.CLARKE


@LIBRARIES
@pytest.mark.parametrize("split", SPLIT)
def test_weights_that_do_not_fit_jump(lib, split):
    with pytest.raises(an.TraceError, match="jumps"):
        verified(lib, lambda lib, u: interpolated(lib, u, split, False, wrong=True), np.array([[1.0], [2.5]]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_sides_of_an_array_in_any_order_of_memory(order):
    """A plain table is asked with both numbers of the cell, however the array of cells lies in memory."""
    cells = np.arange(25.0) ** 2

    def f(u: Any) -> Any:
        v = u.reshape(2, 2) if order == "C" else u.reshape(2, 2).T
        i = np.floor(v).astype(int)
        j, b = i[:, 1], v[:, 1] - i[:, 1]
        return (cells[j] * (1 - b) + cells[j + 1] * b).sum()

    report = an.verify(f, np.array([2.75, 3.0, 3.25, 2.0] if order == "C" else [2.75, 3.25, 3.0, 2.0]))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(np.sort(report.gradient), [0, 0, 5, 7])
    hull = an.generalized_gradient(f, np.array([2.75, 3.25, 3.0, 2.0]) if order == "F" else np.array([0.5, 3, 1.5, 2]))
    assert sorted(np.unique(hull.vertices)) == [0, 3, 5, 7]
