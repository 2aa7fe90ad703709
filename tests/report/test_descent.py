"""Is what a report says of descent true, and a one-sided derivative that of the function?"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import absnormal as an
from absnormal import gallery
from tests.oracle.expressions import numpy_callable
from tests.oracle.strategies import programs


@settings(max_examples=12, deadline=None)
@given(programs())
def test_the_derivative_along_a_line_is_that_of_a_piecewise_linear_function(drawn: Any) -> None:
    expression, point = drawn
    f, x = numpy_callable(expression), [Fraction(entry) for entry in point]
    rng = np.random.default_rng(0)
    d = [Fraction(int(a)) for a in rng.integers(-3, 4, len(x))]
    slope = an.directional_derivative(f, x, d)
    # Up to the next kink f is linear along d.
    step = Fraction(1, 2**20)
    value, further = (f(np.array([a + t * b for a, b in zip(x, d, strict=True)])) for t in (0, step))
    assert isinstance(slope, (Fraction, int))
    assert float(further - value) == pytest.approx(float(step * slope), rel=1e-9, abs=1e-13)
    floats = an.directional_derivative(f, np.array(x, dtype=float), np.array(d, dtype=float), exact=True)
    assert floats == slope


@settings(max_examples=12, deadline=None)
@given(programs())
def test_f_falls_along_a_direction_of_descent_and_nowhere_from_a_stationary_point(drawn: Any) -> None:
    expression, point = drawn
    f, x = numpy_callable(expression), np.array(point, dtype=float)
    report = an.verify(f, x)
    try:
        d = report.descent_direction()
    except an.BudgetError:
        return
    G = an.generalized_gradient(f, x)
    if d is None:
        assert G.is_stationary() is not False
    else:
        assert np.linalg.norm(d) == pytest.approx(1.0)
        assert an.directional_derivative(f, x, d) < 0 and G.is_stationary() is not True


def test_directions_have_the_structure_of_x() -> None:
    x = {"w": torch.zeros(2), "b": torch.zeros(())}

    def f(x: Any) -> Any:
        return torch.relu(x["w"]).sum() - 2 * x["b"]

    assert an.directional_derivative(f, x, {"w": torch.tensor([1.0, -1.0]), "b": torch.tensor(2.0)}) == -3.0
    d = an.verify(f, x).descent_direction()
    assert d["b"].item() == 1.0 and isinstance(d["w"], torch.Tensor)
    both = an.directional_derivative(lambda x: np.stack([np.abs(x[0]), x[1] ** 2]), [0.0, 3.0], [-2.0, 1.0])
    assert both.tolist() == [2.0, 6.0]
    with pytest.raises(ValueError, match="d must have leaves of shapes"):
        an.directional_derivative(np.sum, [0.0, 1.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="d must hold finite numbers"):
        an.directional_derivative(np.sum, [0.0, 1.0], [1.0, np.nan])


def wrong_by_slope() -> an.Report:
    return an.verify(gallery.identity, [0.0], slope=-1)


def test_the_text_answers_the_next_question() -> None:
    def valley(x: Any) -> Any:
        return np.maximum(x[0], -x[0]) + np.abs(x[1])

    said = str(an.verify(valley, [0.0, 0.0], gradient=[2.0, 0.0]))
    assert "next: 0 is in dC f(x), so that x is stationary; the tool steps away along -gradient, and f rises" in said
    assert "next: f falls along d = [-1] at the rate 1; the tool, whose gradient is 0, stays" in str(wrong_by_slope())
    wrong = an.verify(lambda x: np.abs(x[0]) - 3 * x[1], [0.0, 0.0], gradient=[0.0, 3.0])
    assert wrong.next_step == (
        "f falls along d = [0, 1] at the rate 3; the tool steps along -gradient, and f rises along it at the rate 3"
    )
    steep = an.verify(lambda x: np.abs(x[0]) - 3 * x[1] - 4 * x[2], np.zeros(3), gradient=[2.0, -3.0, -4.0])
    assert steep.next_step == (
        "f falls along d = [0, 0.75, 1] at the rate 5 per unit of length; the tool steps along -gradient, and f falls"
        " along it at the rate 4.27099"
    )
    # A Clarke gradient that leads away from a stationary point is no wrong one, and is said.
    right = an.verify(valley, [0.0, 0.0], gradient=[1.0, 0.0])
    assert right and "next: 0 is in dC f(x), so that x is stationary; the tool steps away along -gradient" in str(right)
    assert "next: 0 is in dC f(x)" in right._repr_html_() and "by convention: " in wrong_by_slope()._repr_html_()
    assert "next:" not in str(an.verify(lambda x: valley(x) - 3 * x[0], [0.0, 0.0]))
    assert "next:" not in str(an.verify(lambda x: x[0] ** 2, [1.0]))
    assert "next:" not in str(an.verify(valley, [0.0, 0.0]))
    assert "next:" not in str(an.verify(valley, [0.0, 0.0], gradient=[np.nan, 0.0]))
    assert json.loads(wrong.to_json(certificate=True))["certificate"] == wrong.to_dict(certificate=True)["certificate"]
