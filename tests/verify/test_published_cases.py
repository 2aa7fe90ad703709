"""Are the known answers of the gallery and of the literature reproduced?"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery

CASES = json.loads((Path(__file__).parents[1] / "data/abs_normal_cases.json").read_text())["cases"]
FUNCTIONS = {
    "max2": lambda a, b: (a + b + abs(b - a)) / 2,
    "min2": lambda a, b: (a + b - abs(b - a)) / 2,
    "relu": lambda v: (v + abs(v)) / 2,
    "Fr": lambda a, b: a / b,
    "exp": np.exp,
    "sin": np.sin,
}


def flat(value: Any) -> np.ndarray[Any, Any]:
    leaves = value.values() if isinstance(value, dict) else [value]
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


@pytest.mark.parametrize("name", sorted(gallery.examples()))
def test_the_gallery_tells_the_truth(name: str) -> None:
    example = gallery.get(name)
    report = an.verify(example.function, example.point, slope=example.slope)
    assert report.verdict.name == example.verdict
    np.testing.assert_allclose(flat(report.gradient), flat(example.gradient), rtol=1e-12, atol=1e-12)
    for gradient in example.clarke_gradients:
        assert an.verify(example.function, example.point, gradient=gradient).verdict is an.Verdict.CLARKE
    assert an.verify(example.function, example.point, gradient=report.clarke_gradient).verdict is an.Verdict.CLARKE
    assert report.certificate.check() and report.clarke_certificate.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_literature(case: dict[str, Any]) -> None:
    expected = case["expected"]["derived_and_crosschecked"]
    function = eval(case["expr"], {**FUNCTIONS})
    x = [float(a) for a in case["x"]]
    G = an.generalized_gradient(function, x)
    jacobians = np.array([[[float(Fraction(a)) for a in row] for row in jacobian]
                          for jacobian in expected["limiting_jacobians_of_PL_model"]])
    found = G.limiting_gradients.reshape(-1, *jacobians.shape[1:])
    assert len(found) == len(jacobians)
    for jacobian in jacobians:
        assert np.isclose(found, jacobian, rtol=1e-12, atol=1e-12).all(axis=(1, 2)).any()
    if jacobians.shape[1] == 1:
        report = an.verify(function, x, slope=0)
        assert report.likq is expected["likq"]
        np.testing.assert_allclose(flat(report.gradient), expected["jacobian_with_sign0_eq_0"][0], atol=1e-12)
