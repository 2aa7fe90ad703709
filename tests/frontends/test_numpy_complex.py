"""Are complex numbers in NumPy functions of real variables followed as pairs, with the gradient of differences?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

_LINE = np.random.default_rng(0).standard_normal(8)
_HELD = np.array([[1.0, 2.0, 3.0, 4.0j]])


def _told(z: Any) -> Any:
    """One number that tells all entries and their parts apart."""
    return (z.real * np.cos(np.arange(z.size)).reshape(z.shape)).sum() + (z.imag**3).sum()


def _square(z: Any) -> Any:
    return z.reshape(2, 2)


CASES: dict[str, Callable[[Any], Any]] = {
    **{ufunc.__name__: ufunc for ufunc in (
        np.sqrt, np.log, np.exp, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.sign, np.reciprocal, np.square)},
    "powers": lambda z: z**3 + z**-1 + z**0.5 + z**z + z**0, "matrices": lambda z: _square(z) @ _square(z),
    "a matrix and a vector": lambda z: _square(z) @ z[:2], "inner product": lambda z: np.vdot(z, z * 1j),
    "quotients": lambda z: 1 / z + z / 2 + z / (z + 3j), "sums": lambda z: z + 1 - _HELD[0] + (1 - z) * _HELD[0],
    "back": np.fft.ifft, "with constants": lambda z: _HELD @ z + z @ np.arange(4.0),
    "a real line of a Hermitian one": lambda z: np.fft.irfft(z, 5) + 0j,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_differences(name: str) -> None:
    def f(x: Any) -> Any:
        return _told(CASES[name](x[:4] + 1j * x[4:]))

    report = an.verify(f, _LINE)
    steps = 1e-6 * np.eye(8)
    differences = [(f(_LINE + step) - f(_LINE - step)) / 2e-6 for step in steps]
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(report.clarke_gradient, differences, rtol=1e-6, atol=1e-6)


def test_the_absolute_value_of_zero_is_a_norm_with_the_gradient_of_autograd() -> None:
    report = an.verify(lambda x: x[0] - np.abs(x[0] + 1j * x[1]), np.zeros(2))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient, [1.0, 0.0])


def test_the_direction_of_zero_jumps() -> None:
    with pytest.raises(an.TraceError, match="jumps where a number is 0"):
        an.verify(lambda x: _told(np.sign(x[:4] + 1j * x[4:])), np.zeros(8))
