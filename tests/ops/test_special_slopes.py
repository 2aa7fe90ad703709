"""Derivatives of special functions where their textbook formulas cancel, against series."""

from __future__ import annotations

import numpy as np
import pytest

from absnormal.arrays import Array
from absnormal.ops import TABLE


def slope(name: str, u: Array) -> Array:
    row = TABLE[name]
    assert row.maps is not None
    value = row.value({}, u)
    return np.asarray(row.maps({}, [u], value, u.shape)[0].push(np.ones((1, *u.shape)))[0])


@pytest.mark.parametrize(("name", "first", "second"), [("ellipk", 1 / 8, 9 / 64), ("ellipe", -1 / 8, -3 / 64)])
def test_elliptic_integrals_near_0(name: str, first: float, second: float) -> None:
    m = np.array([0.0, 1e-14, -1e-11, 1e-8, -1e-6])
    np.testing.assert_allclose(slope(name, m), np.pi * (first + second * m), rtol=1e-11)


def test_dawsons_function_far_out() -> None:
    u = np.array([50.0, -1e3, 1e6])
    expected = -1 / (2 * u**2) * (1 + 3 / (2 * u**2) + 15 / (4 * u**4))
    np.testing.assert_allclose(slope("dawsn", u), expected, rtol=1e-9)
    near = np.array([9.999999, 10.000001])
    np.testing.assert_allclose(*slope("dawsn", near), rtol=1e-6)
