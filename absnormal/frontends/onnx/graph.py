"""An ONNX model as it is read: its inputs, constants, outputs and nodes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array

#: Since then bounds, sizes and padding are inputs.
OLDEST = 11

#: Types of real numbers that a variable may have: FLOAT, FLOAT16, DOUBLE, BFLOAT16.
REAL = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input: the number and the name of its type, and its shape.

    A free size is None; so is the shape where not even the number of axes is declared.
    """

    type: int
    type_name: str
    shape: tuple[int | None, ...] | None

    @property
    def real(self) -> bool:
        """Whether it holds real numbers."""
        return self.type in REAL


@dataclass(slots=True)
class Graph:
    """A model with its functions inlined.

    ``inputs`` are the declared inputs that are no parameters; ``constants`` the values of the initializers, and
    ``parameters`` those that are real numbers.
    """

    model: Any
    file: str
    opset: int
    inputs: dict[str, Input]
    constants: dict[str, Array]
    outputs: list[str]
    nodes: list[Any]
    parameters: dict[str, Array] = field(default_factory=dict)


def read(model: Any) -> Graph:
    """A graph from a file or a ModelProto.

    Raises
    ------
    ValueError
        when it is neither, or its opset is older than 11
    """
    onnx, inliner = require("onnx", "onnx"), require("onnx.inliner", "onnx")
    file = "model.onnx"
    if isinstance(model, (str, os.PathLike)):
        file = os.fspath(model)
        model = onnx.load(file)
    if not isinstance(model, onnx.ModelProto):
        raise ValueError(f"model must be a path or an onnx.ModelProto, got {type(model).__name__}")
    if len(model.functions):
        model = inliner.inline_local_functions(model)
    opsets = [item.version for item in model.opset_import if item.domain in ("", "ai.onnx")]
    # A model of operators of other domains alone need not say which it would use of these.
    opset = max(opsets, default=OLDEST)
    if opset < OLDEST:
        raise ValueError(f"the model has opset {opset}: convert it to {OLDEST} or newer (onnx.version_converter)")
    graph = model.graph
    constants, real = initializers(graph)
    parameters = {name: constants[name] for name in real}
    inputs = {item.name: _input(item, onnx) for item in graph.input if item.name not in constants}
    outputs = [item.name for item in graph.output]
    return Graph(model, file, opset, inputs, constants, outputs, list(graph.node), parameters)


def initializers(graph: Any) -> tuple[dict[str, Array], list[str]]:
    """The values of the initializers of a graph, sparse ones written out, and the names of those of real numbers."""
    numpy_helper = require("onnx.numpy_helper", "onnx")
    read = {item.name: double(numpy_helper.to_array(item)) for item in graph.initializer}
    real = [item.name for item in graph.initializer if item.data_type in REAL]
    for item in graph.sparse_initializer:
        name, values = item.values.name, double(numpy_helper.to_array(item.values))
        places = numpy_helper.to_array(item.indices)
        full = np.zeros(tuple(item.dims), values.dtype)
        if places.ndim == 2:
            full[tuple(places.T)] = values
        else:
            full.reshape(-1)[places] = values
        read[name] = full
        if item.values.data_type in REAL:
            real.append(name)
    return read, real


def double(value: Any) -> Any:
    """Real numbers in float64, whatever precision of `REAL` they are stored in; anything else as it is."""
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, list):
        return [double(item) for item in value]
    array = np.asarray(value)
    return array.astype(float) if array.dtype.name in REAL.values() else array


def _input(item: Any, onnx: Any) -> Input:
    kind = item.type.WhichOneof("value")
    if kind != "tensor_type":
        return Input(0, (kind or "a value of no declared type").removesuffix("_type").replace("_", " "), None)
    tensor = item.type.tensor_type
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    if not tensor.HasField("shape"):
        return Input(tensor.elem_type, name, None)
    # A size of -1 is how some exporters write a free one.
    sizes = (dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else None for dim in tensor.shape.dim)
    return Input(tensor.elem_type, name, tuple(sizes))
