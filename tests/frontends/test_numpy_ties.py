"""Is a kink of NumPy's functions a kink at its tie, whatever it is written with?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import interpolate, sparse, special, stats

import absnormal as an

SPARSE = sparse.csr_array(np.array([[1.0, 2.0], [0.0, 1.0]]))
LINEAR = interpolate.PPoly(np.array([[2.0, -1.0], [0.0, 2.0]]), np.array([0.0, 1.0, 3.0]))


def cleared(x):
    y = x * 1
    y[y < 0] = 0
    return y.sum()


def sorted_in_place(x):
    y = x * 1
    y.sort()
    return y @ np.arange(3.0)


def by_entries(x):
    y = np.zeros(2)
    y[0], y[1] = np.sign(x[0]) * x[0], abs(x[1])
    return np.sum(y)


def largest_so_far(x):
    best = x[0]
    for v in x:
        best = max(best, v)
    return best


def steps(x):
    return np.sum(np.piecewise(x, [x < 0, x >= 0], [lambda v: 1 - v, lambda v: 1 + 2 * v]))


#: f, the point, the extreme points of the generalized gradient.
KINKS = [
    (steps, [0.0, 1.0, -2.0], [[-1, 2, -1], [2, 2, -1]]),
    (lambda x: np.sum(np.piecewise(x, [x < 0], [lambda v: 1 - v, lambda v: 1 + 2 * v])), [0.0, 1.0], [[-1, 2], [2, 2]]),
    (lambda x: np.sum(np.piecewise(x, [x < -1, x > 1], [-1.0, 1.0, lambda v: v])), [1.0, 0.3], [[0, 1], [1, 1]]),
    (lambda x: np.sum(np.piecewise(x, [x < 1, x >= 1], [lambda v: v - 1, np.log])), [1.0, -2.0], [[1, 1]]),
    (lambda x: np.sum(np.vectorize(lambda v: max(v, 0.0))(x)), [0.0, 1.0, -1.0], [[0, 1, 0], [1, 1, 0]]),
    (lambda x: np.sum(np.vectorize(lambda v: np.maximum(v, 0.0))(x)), [0.0, 1.0], [[0, 1], [1, 1]]),
    (lambda x: np.sum(np.apply_along_axis(np.max, 0, x)), [1.0, 1.0], [[0, 1], [1, 0]]),
    (lambda x: np.sum(np.maximum.accumulate(x)), [1.0, 1.0, 0.5], [[1, 2, 0], [3, 0, 0]]),
    (lambda x: np.interp(x[0], [0, 1, 2], [0.0, 1.0, 0.0]), [1.0], [[-1], [1]]),
    (cleared, [0.0, 1.0], [[0, 1], [1, 1]]),
    (sorted_in_place, [1.0, 1.0, 0.0], [[1, 2, 0], [2, 1, 0]]),
    (by_entries, [0.0, 0.0], [[-1, -1], [-1, 1], [1, -1], [1, 1]]),
    (largest_so_far, [1.0, 1.0, 0.0], [[0, 1, 0], [1, 0, 0]]),
    (lambda x: np.array([np.sign(x[0]), 1.0]) @ np.array([x[0], x[1]]), [0.0, 0.0], [[-1, 1], [1, 1]]),
    (lambda x: math.fabs(x[0]) + math.copysign(x[1], 1.0), [0.0, 1.0], [[-1, 1], [1, 1]]),
    (lambda x: np.max([x[0], x[1], 0.5]), [1.0, 1.0], [[0, 1], [1, 0]]),
    (lambda x: np.abs(SPARSE @ x).sum(), [0.0, 0.0], [[-1, -3], [-1, -1], [1, 1], [1, 3]]),
    (lambda x: np.abs(np.linalg.solve([[2.0, 0.0], [0.0, 4.0]], x)).sum(), [0.0, 1.0], [[-0.5, 0.25], [0.5, 0.25]]),
    (lambda x: abs(np.linalg.det(np.array([[x[0], 1.0], [1.0, x[1]]]))), [1.0, 1.0], [[-1, -1], [1, 1]]),
    (lambda x: special.softmax(x)[0] + abs(x[0] - x[1]), [1.0, 1.0], [[-0.75, 0.75], [1.25, -1.25]]),
    (lambda x: special.i0e(x[0]) + special.j0(x[1]), [0.0, 0.0], [[-1, 0], [1, 0]]),
    (lambda x: np.maximum(special.exp1(x[0] + 1) - special.exp1(1.0), x[1]), [0.0, 0.0],
     [[-math.exp(-1), 0], [0, 1]]),
    (lambda x: np.abs(np.fft.rfft(np.maximum(x, 0))[0].real) + x[1], [0.0, 1.0], [[0, 2], [1, 2]]),
    (lambda x: np.abs(np.exp(1j * x[0]).imag) + x[1], [0.0, 1.0], [[-1, 1], [1, 1]]),
    (lambda x: LINEAR(x[0]) + x[1], [1.0, 0.0], [[-1, 1], [2, 1]]),
    (lambda x: stats.laplace.logpdf(x[0]) + stats.norm.logpdf(x[1]), [0.0, 0.0], [[-1, 0], [1, 0]]),
    (lambda x: np.linalg.norm(np.array([[x[0], x[1]], [x[1], 2.0]]), 2), [1.0, 0.0], [[0, 0]]),
]


@pytest.mark.parametrize("number", range(len(KINKS)))
def test_a_tie_is_a_kink(number):
    f, x, vertices = KINKS[number]
    found = an.generalized_gradient(f, x).vertices
    np.testing.assert_allclose(sorted(found.tolist()), vertices, atol=1e-12)
    form = an.abs_normal_form(f, x)
    np.testing.assert_allclose(form(np.asarray(x)), f(np.asarray(x)), atol=1e-12)
    assert an.verify(f, x).verdict in (an.Verdict.CLARKE, an.Verdict.NOT_CLARKE)


def test_numbers_that_python_sorts_keep_their_order() -> None:
    x = np.array([1.0, 1.0, 1.0])
    report = an.verify(lambda x: sorted(x)[1] + 3 * sorted([x[2], 1.0, x[0]], reverse=True)[0], x)
    assert report
    np.testing.assert_array_equal(report.gradient, [0.0, 1.0, 3.0])
    assert an.directional_derivative(lambda x: sorted(x)[0], x, [1.0, -2.0, 0.5]) == -2.0
    with pytest.raises(an.TraceError, match="comparison"):
        an.verify(lambda x: sorted(x, key=lambda v: v * v)[0], x)
