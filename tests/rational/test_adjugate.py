"""Is the adjugate of a matrix of floating-point numbers that of its rational numbers, rounded once?"""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from absnormal.rational.adjugate import exact_adjugate


def _by_minors(a: np.ndarray) -> np.ndarray:
    rational = sympy.Matrix([[sympy.Rational(*item.as_integer_ratio()) for item in row] for row in a.tolist()])
    return np.array(rational.adjugate().tolist(), float).reshape(a.shape)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("noise", [0.0, 1e-12, 1.0])
def test_it_is_the_matrix_of_minors(size: int, noise: float) -> None:
    random = np.random.default_rng(size)
    for rank in range(size + 1):
        low = random.integers(-3, 4, (size, rank)) @ random.integers(-3, 4, (rank, size))
        a = low + noise * random.standard_normal((size, size))
        np.testing.assert_array_equal(exact_adjugate(a), _by_minors(a))


def test_sizes_far_apart() -> None:
    a = np.array([[1e300, 1e-300], [3.0, -1e200]])
    np.testing.assert_array_equal(exact_adjugate(a), [[-1e200, -1e-300], [-3.0, 1e300]])
    assert exact_adjugate(np.zeros((0, 0))).shape == (0, 0)
