"""Filters of neighbours, tables and distances between samples at ties, against one-sided differences of values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import interpolate, ndimage, signal, stats

import absnormal as an

TIED = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 2.0])
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "maximum_filter": lambda x: ndimage.maximum_filter(x.reshape(2, 3), 2) @ np.array([1.0, 2.0, -1.0]),
    "minimum_filter1d": lambda x: ndimage.minimum_filter1d(x, 2, mode="wrap") * np.arange(6.0),
    "median_filter": lambda x: ndimage.median_filter(x, 3, mode="constant", cval=1.0) * np.arange(6.0),
    "grey_dilation": lambda x: ndimage.grey_dilation(x.reshape(2, 3), 2, mode="nearest") ** 2,
    "medfilt": lambda x: signal.medfilt(x, 3) * np.arange(6.0),
    "map_coordinates": lambda x: ndimage.map_coordinates(
        np.outer(np.arange(4.0), [0.0, 1.0, 3.0, 3.0]), [x[1:3] + 1, x[3:5] + 1], order=1),
    "RegularGridInterpolator": lambda x: interpolate.RegularGridInterpolator(
        ([-1.0, 0.0, 1.0, 3.0],), [2.0, 0.0, 1.0, -1.0])(x[:, None]),
    "wasserstein_distance": lambda x: stats.wasserstein_distance(x[:4], x[4:]),
    "iqr": lambda x: stats.iqr(x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_directional_derivatives_at_ties_are_those_of_scipy(name: str) -> None:
    def f(x: Any) -> Any:
        return np.sum(FUNCTIONS[name](x))

    program, random, bends = an.trace(f, TIED), np.random.default_rng(0), 0.0
    for _ in range(10):
        step = 1e-7 * random.normal(size=6)
        ahead, behind = f(TIED + step) - f(TIED), f(TIED - step) - f(TIED)
        np.testing.assert_allclose(program(TIED + step) - program(TIED), ahead, 1e-5, 1e-12)
        bends += abs(ahead + behind)
    assert bends > 1e-8


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_that_are_certified_are_clarke(name: str) -> None:
    def f(x: Any) -> Any:
        return np.sum(FUNCTIONS[name](x))

    vertices = an.generalized_gradient(f, TIED).vertices
    found = an.clarke_gradient(f, TIED)
    assert np.any(np.all(np.isclose(vertices, found), axis=1)) or an.verify(f, TIED, gradient=found).verdict is (
        an.Verdict.CLARKE)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_table_ends_where_it_ends(axis: int) -> None:
    with pytest.raises(an.TraceError, match="between the first and the last entry"):
        an.trace(lambda x: ndimage.map_coordinates(np.eye(3), [x, x[::-1]], order=1).sum(), np.eye(2)[axis] * 2)


def test_code_in_c_is_given_no_variable() -> None:
    # It took the process down, so it is asked in one of its own.
    code = """
import absnormal as an, numpy as np, scipy.spatial as s
for kind in ("ConvexHull", "Delaunay", "Voronoi"):
    try:
        an.trace(lambda x: getattr(s, kind)(x.reshape(-1, 2)).points.sum(), np.arange(10) ** 2 % 7.0)
    except an.TraceError as error:
        print(error.operation)
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = [f"scipy.spatial.{kind}.__init__" for kind in ("ConvexHull", "Delaunay", "Voronoi")]
    assert made.stdout.split() == expected, made.stderr
