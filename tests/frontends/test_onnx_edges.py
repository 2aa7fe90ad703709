"""Slices of ONNX at and past both ends, forwards and backwards, against the reference evaluator of the onnx package."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.parser
import pytest
from onnx.reference import ReferenceEvaluator

import absnormal as an


def model(start: int, stop: int, step: int) -> Any:
    return onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18]> f (double[3] x) => (double y) '
        f"<int64[1] s = {{{start}}}, int64[1] e = {{{stop}}}, int64[1] a = {{0}}, int64[1] t = {{{step}}}, "
        "double[1] zero = {0.0}> { c = Slice(x, s, e, a, t) d = Concat<axis = 0>(c, zero) "
        "w = CumSum(d, o) y = ReduceSum<keepdims = 0>(w) }".replace("zero = {0.0}>", "zero = {0.0}, int64 o = {0}>"))


@pytest.mark.parametrize("step", [1, 2, -1, -2])
@pytest.mark.parametrize("stop", [-9, -4, -3, -2, -1, 0, 2, 3, 9])
@pytest.mark.parametrize("start", [-9, -3, -1, 0, 2, 9])
def test_a_slice(start: int, stop: int, step: int) -> None:
    """Weighted by its order: the sum of the running sums."""
    x = np.array([1.0, 10.0, 100.0])
    found = model(start, stop, step)
    (expected,) = ReferenceEvaluator(found).run(None, {"x": x})
    assert an.onnx.load(found)(x) == expected
