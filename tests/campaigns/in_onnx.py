"""How ONNX writes the nodes of an expression: functions of terms, each of which adds operators to a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..oracle import expressions as ex
from .spelled import Spellings


@dataclass
class Graph:
    """The operators of a model from x to y."""

    dtype: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: Any, dtype: Any = None) -> Term:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype or self.dtype), name))
        return Term(self, name)

    def written(self, f: Callable[[Any], Term], n: int) -> onnx.ModelProto:
        """The model of f at n numbers."""
        output = op("Identity", f([op("Gather", Term(self, "x"), self.constant(i, np.int64)) for i in range(n)]))
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes, "f", [helper.make_tensor_value_info("x", kind, [n])],
            [helper.make_tensor_value_info(output.name, kind, [])], self.constants,
        )  # fmt: skip
        return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


@dataclass(frozen=True, eq=False)
class Term:
    """A value in a graph, a scalar where nothing else is said."""

    graph: Graph
    name: str

    def __add__(self, other: Term | float) -> Term:
        return op("Add", self, other)

    def __sub__(self, other: Term | float) -> Term:
        return op("Sub", self, other)

    def __mul__(self, factor: Term | float) -> Term:
        return op("Mul", self, factor)

    def __rmul__(self, factor: float) -> Term:
        return op("Mul", self.graph.constant(factor), self)

    def __truediv__(self, divisor: float) -> Term:
        return op("Div", self, divisor)

    def __neg__(self) -> Term:
        return op("Neg", self)


def op(kind: str, *inputs: Any, output: int = 0, **attributes: Any) -> Term:
    """An output of an operator."""
    graph = next(term.graph for term in inputs if isinstance(term, Term))
    names = [term.name if isinstance(term, Term) else graph.constant(term).name for term in inputs]
    outputs = [f"v{len(graph.nodes)}_{i}" for i in range(output + 1)]
    graph.nodes.append(helper.make_node(kind, names, outputs, **attributes))
    return Term(graph, outputs[output])


def _whole(like: Term, *numbers: int) -> Term:
    return like.graph.constant(list(numbers), np.int64)


def _shaped(u: Term, *shape: int) -> Term:
    return op("Reshape", u, u.graph.constant(np.array(shape, np.int64), np.int64))


def _row(*entries: Term) -> Term:
    return op("Concat", *(_shaped(u, 1) for u in entries), axis=0)


def _first(row: Term, place: int = 0) -> Term:
    return op("Gather", row, row.graph.constant(place, np.int64))


def _summed(row: Term, *weights: float) -> Term:
    return op("MatMul", row, row.graph.constant(list(weights)))


def _pooled(*entries: Term) -> Term:
    return _shaped(op("MaxPool", _shaped(_row(*entries), 1, 1, -1), kernel_shape=[len(entries)]))


def _either(comparison: str, u: Term, v: Term) -> Term:
    return op("Where", op(comparison, u, v), u, v)


def _gemm(u: Term, k: float) -> Term:
    return _shaped(op("Gemm", _shaped(u, 1, 1), u.graph.constant([[k]]), transB=1))


_LARGEST = (
    lambda *entries: op("Max", *entries),
    lambda *entries: op("ReduceMax", _row(*entries), keepdims=0),
    lambda *entries: _first(op("TopK", _row(*entries), _whole(entries[0], 1))),
    lambda *entries: reduce(lambda u, v: op("Max", u, v), entries),
    _pooled,
)

SPELLINGS: Spellings = {
    ex.Add: (
        lambda u, v: u + v, lambda u, v: op("Sum", u, v), lambda u, v: _summed(_row(u, v), 1, 1),
        lambda u, v: _first(op("CumSum", _row(u, v), u.graph.constant(0, np.int64)), 1),
        lambda u, v: op("ReduceSum", _row(u, v), keepdims=0),
    ),
    ex.Sub: (
        lambda u, v: u - v, lambda u, v: _summed(_row(u, v), 1, -1),
        lambda u, v: op("Einsum", _row(u, v), u.graph.constant([1, -1]), equation="i,i->"),
    ),
    ex.Scale: (lambda u, k: k * u, lambda u, k: u / (1 / k) if k else u * k, _gemm),
    ex.Abs: (
        lambda u: op("Abs", u), lambda u: op("Max", u, -u), lambda u: op("ReduceL1", _row(u), keepdims=0),
        lambda u: op("Where", op("Less", u, 0), -u, u),
        lambda u: op("ReduceSum", op("Relu", _row(u, -u)), keepdims=0),
    ),
    ex.Max: (*_LARGEST, lambda u, v: _either("Greater", u, v), lambda u, v: _either("GreaterOrEqual", u, v)),
    ex.Min: (
        lambda u, v: op("Min", u, v), lambda u, v: op("ReduceMin", _row(u, v), keepdims=0),
        lambda u, v: _either("Less", u, v), lambda u, v: -_pooled(-u, -v),
        lambda u, v: _first(op("TopK", _row(u, v), _whole(u, 2)), 1),
        lambda u, v: _first(op("TopK", _row(u, v), _whole(u, 1), largest=0)),
    ),
    ex.Relu: (
        lambda u: op("Relu", u), lambda u: op("Max", u, 0), lambda u: op("Clip", u, 0),
        lambda u: op("LeakyRelu", u, alpha=0.0), lambda u: op("Where", op("Greater", u, 0), u, 0),
        lambda u: op("ThresholdedRelu", u, alpha=0.0),
    ),
    ex.Clip: (
        lambda u, lo, hi: op("Clip", u, lo, hi), lambda u, lo, hi: op("Min", op("Max", u, lo), hi),
        lambda u, lo, hi: op("Clip", op("Max", u, lo), -9.0, hi),
    ),
    ex.MaxList: _LARGEST,
}  # fmt: skip

LEAKY = (
    lambda u, k: op("Max", u, k * u), lambda u, k: op("LeakyRelu", u, alpha=k), lambda u, k: op("PRelu", u, k),
    lambda u, k: op("Where", op("Greater", u, 0), u, k * u),
)  # fmt: skip

SOFT = (
    lambda t: op("Tanh", t), lambda t: op("Exp", t) - 1, lambda t: op("Sin", t), lambda t: op("Asinh", t),
    lambda t: op("Softsign", t), lambda t: op("Log", t + 1), lambda t: 4 * op("Sigmoid", t) - 2,
    lambda t: 4 * _first(op("Softmax", _row(t, 0 * t))) - 2, lambda t: t * (t + 1) * op("Cos", t),
    lambda t: t * op("ReduceL2", _row(t + 3, 0 * t + 4), keepdims=0) / 5,
)  # fmt: skip
