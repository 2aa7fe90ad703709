"""What a report, a set, a form or a result keeps is not changed by whoever writes to what they gave, or were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import absnormal as an


def f(x: Any) -> Any:
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0) + np.abs(x[1])


def g(x: Any) -> Any:
    return np.exp(x[0]) + np.abs(x[1] + 1) + np.maximum(x[0], x[1])


@pytest.mark.parametrize("name", ["gradient", "clarke_gradient"])
@pytest.mark.parametrize("slope", [-1, 1])
def test_a_gradient_that_is_scaled_in_place(name: str, slope: int) -> None:
    report = an.verify(f, np.zeros(2), slope=slope)
    before, said = getattr(report, name).tolist(), str(report)
    found = getattr(report, name)
    found *= -7
    assert getattr(report, name).tolist() == before and str(report) == said and report.certificate.check()


def test_the_elements_of_a_set() -> None:
    for G in (an.generalized_gradient(f, np.zeros(2)), an.generalized_gradient(g, np.array([1.0, -1.0]))):
        least = G.min_norm()
        before = least.tolist()
        least += 9
        assert G.min_norm().tolist() == before
        for listed in (G.limiting_gradients, G.vertices, G.signatures):
            with pytest.raises(ValueError, match="read-only"):
                listed[0] = 9


def test_the_point_of_a_form_and_of_a_minimizer() -> None:
    for function in (f, g):
        x = np.zeros(2)
        form = an.abs_normal_form(function, x)
        x += 5
        assert form.x.tolist() == [0.0, 0.0]
    found = an.minimize(lambda x: np.abs(x - 1).sum(), np.zeros(2))
    found.x[:] = 5
    assert found.certificate.check()


def test_points_that_are_written_where_the_last_one_was() -> None:
    buffer = np.zeros(2)

    def points() -> Iterator[Any]:
        for k in range(3):
            buffer[0] = k
            yield buffer

    records = list(an.sweep(f, points(), slope=-1))
    assert [record.verdict for record in records] == ["NOT_CLARKE", "CLARKE", "CLARKE"]
    assert [record.active for record in records] == [3, 1, 1]
