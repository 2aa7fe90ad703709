"""An ONNX graph, node by node: constants are folded by ONNX's own reference, variables are written by rules."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.numpy import TracedArray
from absnormal.frontends.numpy_masks import TracedMask, concrete
from absnormal.frontends.writing import Writer
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source
from absnormal.program.program import Program
from absnormal.program.tree import Tree

#: Since then axes and sizes are inputs.
OLDEST = 13


@dataclass(slots=True)
class Call:
    """One node, for its rule."""

    write: Writer
    kind: str
    attributes: dict[str, Any]
    opset: int
    outputs: int

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)


@dataclass(slots=True)
class Graph:
    """A model with its functions inlined.

    ``inputs`` are the declared inputs that are no parameters, with their shapes (None where a size is free);
    ``constants`` the values of the initializers, and ``parameters`` those that are real numbers.
    """

    model: Any
    file: str
    opset: int
    inputs: dict[str, tuple[int | None, ...]]
    constants: dict[str, Array]
    outputs: list[str]
    nodes: list[Any]
    parameters: dict[str, Array] = field(default_factory=dict)


def read(model: Any) -> Graph:
    """A graph from a file or a ModelProto.

    Raises
    ------
    ValueError
        when it is neither, or its opset is older than 13
    """
    onnx = require("onnx", "onnx")
    numpy_helper, inliner = require("onnx.numpy_helper", "onnx"), require("onnx.inliner", "onnx")
    file = "model.onnx"
    if isinstance(model, (str, os.PathLike)):
        file = os.fspath(model)
        model = onnx.load(file)
    if not isinstance(model, onnx.ModelProto):
        raise ValueError(f"model must be a path or an onnx.ModelProto, got {type(model).__name__}")
    if len(model.functions):
        model = inliner.inline_local_functions(model)
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST:
        raise ValueError(f"the model has opset {opset}: convert it to {OLDEST} or newer (onnx.version_converter)")
    graph = model.graph
    read = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    parameters = {name: value.astype(float) for name, value in read.items() if value.dtype.kind == "f"}
    constants = {name: _double(value) for name, value in read.items()}
    inputs = {item.name: _shape(item) for item in graph.input if item.name not in constants}
    outputs = [item.name for item in graph.output]
    return Graph(model, file, opset, inputs, constants, outputs, list(graph.node), parameters)


def _double(value: Any) -> Array:
    """Real numbers in float64, whatever precision they are stored in; integers and booleans as they are."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biuSUO" else array.astype(float)


def _shape(item: Any) -> tuple[int | None, ...]:
    dims = item.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)


def program_of(
    graph: Graph, point: Any, given: Mapping[str, Array], names: Sequence[str] | str, output: str
) -> Program:
    """The program that computes ``output``; ``names`` are the variables (one name: x is that array itself)."""
    tree, leaves = Tree.of(point)
    builder = Builder(tree, leaves)
    order = [names] if isinstance(names, str) else list(names)
    known: dict[str, Any] = {**graph.constants, "": None}
    known.update((name, _double(value)) for name, value in given.items())
    known.update((name, TracedArray(builder, place)) for place, name in enumerate(order))
    missing: dict[str, Source] = {}
    for number, node in _needed(graph, output):
        source = Source(graph.file, number + 1)
        builder.user = (f"{node.op_type} {node.name}".strip(), source)
        results = _results(graph, node, [known[name] for name in node.input], builder, missing)
        known.update(zip(node.output, results, strict=False))
    builder.user = None
    if missing:
        listed = ", ".join(f"{kind} at {source}" for kind, source in sorted(missing.items()))
        raise TraceError(
            "onnx", f"no rule for {len(missing)} operator(s): {listed}", "export f with supported operators",
            next(iter(missing.values())),
        )
    result = known[output]
    return builder.program(
        result.index if isinstance(result, TracedArray) else builder.constant(np.asarray(concrete(result), dtype=float))
    )


def _needed(graph: Graph, output: str) -> list[tuple[int, Any]]:
    """The nodes that the output needs, in order."""
    wanted, found = {output}, []
    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
            found.append((number, node))
    return found[::-1]


def _results(graph: Graph, node: Any, inputs: list[Any], builder: Builder, missing: dict[str, Source]) -> list[Any]:
    helper = require("onnx.helper", "onnx")
    if not any(isinstance(item, (TracedArray, TracedMask)) for item in inputs):
        return _folded(graph, node, inputs, builder, missing)
    assert builder.user is not None and builder.user[1] is not None
    if node.op_type == "Shape":
        start, stop = _attribute(node, helper, "start", 0), _attribute(node, helper, "end", None)
        return [np.array(np.shape(inputs[0])[start:stop], dtype=np.int64)]
    return _written(graph, node, inputs, builder, missing)


def _written(graph: Graph, node: Any, inputs: list[Any], builder: Builder, missing: dict[str, Source]) -> list[Any]:
    """A node by its rule."""
    from absnormal.frontends.onnx.rules import RULES

    helper = require("onnx.helper", "onnx")
    assert builder.user is not None and builder.user[1] is not None
    rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None:
        missing.setdefault(node.op_type, builder.user[1])
    if missing:
        # Shapes behind an operator without a rule are not known: it is only asked which others have none.
        return [TracedArray(builder, 0)] * len(node.output)
    assert rule is not None
    attributes = {item.name: _plain(helper.get_attribute_value(item)) for item in node.attribute}
    call = Call(Writer(builder, *builder.user), node.op_type, attributes, graph.opset, len(node.output))
    written = rule(call, *inputs)
    return written if isinstance(written, list) else [written]


def _attribute(node: Any, helper: Any, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(item) for item in node.attribute if item.name == name), default)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _folded(graph: Graph, node: Any, inputs: list[Any], builder: Builder, missing: dict[str, Source]) -> list[Any]:
    """A node of constants, by the reference evaluator, or by its rule where that has none."""
    reference = require("onnx.reference", "onnx")
    opsets = {item.domain: item.version for item in graph.model.opset_import}
    try:
        evaluator = reference.ReferenceEvaluator(node, opsets=opsets)
    except (RuntimeError, NotImplementedError):
        first = TracedArray(builder, builder.constant(np.asarray(inputs[0], dtype=float)))
        made = _written(graph, node, [first, *inputs[1:]], builder, missing)
        return [item.value if isinstance(item, TracedArray) else item for item in made]
    feeds = {name: value for name, value in zip(node.input, inputs, strict=True) if name}
    return [_double(value) for value in evaluator.run(None, feeds)]
