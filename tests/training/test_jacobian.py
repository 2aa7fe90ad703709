"""Does clarke_jacobian make SciPy's methods safe at kinks, with branches, args and points outside of the domain?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize, root

import absnormal as an


def identity(x: Any) -> Any:
    return np.maximum(x, 0) - np.maximum(-x, 0)


def square(x: Any) -> Any:
    return np.sum((identity(x) - 1) ** 2)


def test_a_start_at_a_kink_is_no_solution() -> None:
    start = np.zeros(3)
    stuck = minimize(square, start, jac=lambda x: an.gradient(square, x, slope=-1))
    assert stuck.success and np.array_equal(stuck.x, start)
    found = minimize(square, start, jac=an.clarke_jacobian(square))
    assert found.success and np.allclose(found.x, 1)
    for method in ("L-BFGS-B", "CG", "SLSQP", "TNC"):
        assert np.allclose(minimize(square, start, jac=an.clarke_jacobian(square), method=method).x, 1, atol=1e-4)

    def residuals(x: Any) -> Any:
        return identity(x) - 1

    for method in ("trf", "dogbox", "lm"):
        assert np.allclose(least_squares(residuals, start, jac=an.clarke_jacobian(residuals), method=method).x, 1)
    assert np.allclose(root(residuals, start, jac=an.clarke_jacobian(residuals)).x, 1)


def test_it_is_the_certified_gradient_traced_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.abs(x[0] - x[1]) + np.maximum(x[0], 0) - np.maximum(-x[0], 0)

    jacobian, points = an.clarke_jacobian(f), np.random.default_rng(0).integers(-1, 2, (20, 2)).astype(float)
    found = [jacobian(x) for x in points]
    assert len(calls) < 5
    for x, gradient in zip(points, found, strict=True):
        assert gradient.shape == (2,) and an.verify(f, x, gradient=gradient)


def test_branches_and_further_arguments() -> None:
    def f(x: Any, scale: float = 1.0) -> Any:
        return scale * np.abs(x[0]) if x[0] > 1 else scale * x[0] ** 2

    jacobian = an.clarke_jacobian(f)
    assert [jacobian([x]).tolist() for x in (2.0, 0.5, 2.0)] == [[1.0], [1.0], [1.0]]
    assert jacobian([0.5], 3.0).tolist() == [3.0] and jacobian([0.25]).tolist() == [0.5]
    assert minimize(f, [3.0], args=(2.0,), jac=jacobian).fun == pytest.approx(0.0, abs=1e-8)
    program = an.trace(lambda x: np.stack([np.abs(x[0]), x[0] * x[1]]), [1.0, 2.0])
    assert an.clarke_jacobian(program)([3.0, 4.0]).tolist() == [[1.0, 0.0], [4.0, 3.0]]


def test_outside_of_the_domain_it_is_nan() -> None:
    def f(x: Any) -> Any:
        return np.abs(x[0] - 1) - np.log(x[0])

    jacobian = an.clarke_jacobian(f)
    assert jacobian([1.0])[0] <= 0.0 and np.isnan(jacobian([-1.0])).all()
    with pytest.raises(an.TraceError, match="branch"):
        an.clarke_jacobian(lambda x: x[0] if x[0] > 0 else -x[0])([0.0])
