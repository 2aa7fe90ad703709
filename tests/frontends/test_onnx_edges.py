"""Slices of ONNX at and past both ends, forwards and backwards, against the reference evaluator of the onnx package."""

from __future__ import annotations

from itertools import product
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
def test_a_slice(step: int) -> None:
    """Weighted by its order: the sum of the running sums."""
    x = np.array([1.0, 10.0, 100.0])
    for start, stop in product((-9, -3, -1, 0, 2, 9), (-9, -4, -3, -2, -1, 0, 2, 3, 9)):
        found = model(start, stop, step)
        (expected,) = ReferenceEvaluator(found).run(None, {"x": x})
        assert an.onnx.load(found)(x) == expected, (start, stop)


#: What an index of the largest entry chooses, in spellings that exporters write; an index that chooses elsewhere jumps.
CHOSEN = {
    "gather": "k = ArgMax<axis = 0, keepdims = 0>(x) y = Gather(x, k)",
    "gather elements": "k = ArgMax<axis = 0>(x) g = GatherElements(x, k) y = ReduceSum<keepdims = 0>(g)",
    "hardmax": "e = Hardmax<axis = 0>(x) p = Mul(e, x) y = ReduceSum<keepdims = 0>(p)",
    "one hot": "k = ArgMax<axis = 0, keepdims = 0>(x) e = OneHot(k, n, b) p = Mul(e, x) y = ReduceSum<keepdims = 0>(p)",
    "a mask": "k = ArgMax<axis = 0>(x) m = Equal(k, r) w = Where(m, x, z) y = ReduceSum<keepdims = 0>(w)",
}
ELSEWHERE = {
    "gather": "k = ArgMax<axis = 0, keepdims = 0>(x) y = Gather(w, k)",
    "hardmax": "e = Hardmax<axis = 0>(x) p = Mul(e, w) y = ReduceSum<keepdims = 0>(p)",
    "a number": "k = ArgMax<axis = 0, keepdims = 0>(x) c = Cast<to = 11>(k) g = ReduceMax(x) y = Add(c, g)",
}


def of_three(body: str, x: list[float]) -> Any:
    text = (
        '<ir_version: 10, opset_import: ["": 18]> f (double[3] x) => (double y) <int64[3] r = {0, 1, 2}, '
        f"double z = {{0.0}}, double[3] w = {{5.0, 6.0, 7.0}}, "
        f"int64[1] n = {{3}}, double[2] b = {{0.0, 1.0}}> {{ {body} }}")
    return an.onnx.load(onnx.parser.parse_model(text), np.array(x))


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("x", [[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [3.0, 1.0, 2.0]])
def test_what_the_index_of_the_largest_chooses_is_the_largest(x: list[float], name: str) -> None:
    program = of_three(CHOSEN[name], x)
    report = an.verify(program, x, slope="torch")
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient, np.eye(3)[np.argmax(x)])
    for d in np.eye(3) * 0.25:
        assert float(program(x + d)) == np.max(x + d)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_it_chooses_elsewhere_jumps(name: str) -> None:
    with pytest.raises(an.TraceError, match="jumps"):
        of_three(ELSEWHERE[name], [1.0, 1.0, 0.0])


def test_advice_is_in_operators() -> None:
    text = """zero = Constant<value_float = 0.0>() one = Constant<value_float = 1.0>()
        big = Greater(x, zero) chosen = Where(big, x, one) y = ReduceSum<keepdims = 0>(chosen)"""
    with pytest.raises(an.TraceError, match=r"with Max, Min or Abs\.$"):
        of_three(text, [0.0, 1.0, 2.0])
