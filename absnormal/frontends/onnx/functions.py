"""Operators that ONNX itself defines by other operators: the body of such a definition, for a node and its inputs.

A body may depend on which inputs there are, and on their types and shapes; all real numbers are of type double here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray


@dataclass(frozen=True)
class Body:
    """The nodes that an operator stands for, the names of what goes in and out, and the opsets that they are of."""

    nodes: list[Any]
    inputs: list[str]
    outputs: list[str]
    opsets: dict[str, int]


def body_of(node: Any, schema: Any, opset: int, inputs: Sequence[Any]) -> Body | None:
    """What a node stands for; None for an operator without such a definition."""
    onnx = require("onnx", "onnx")
    if schema.has_function:
        text = schema.get_function_with_opset_version(_newest(schema.function_opset_versions, opset))
    elif schema.has_context_dependent_function:
        types = [_type(value).SerializeToString() for value in inputs]
        version = _newest(schema.context_dependent_function_opset_versions, opset)
        text = schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types)
    else:
        return None
    function = onnx.FunctionProto.FromString(text)
    given = {item.name: item for item in node.attribute}
    nodes = [_bound(inner, given, schema) for inner in function.node]
    opsets = {item.domain: item.version for item in function.opset_import}
    return Body(nodes, list(function.input), list(function.output), opsets)


def _newest(versions: Sequence[int], opset: int) -> int:
    return max((version for version in versions if version <= opset), default=min(versions))


def _type(value: Any) -> Any:
    """The type of an input; an empty one for an input that is left out."""
    onnx = require("onnx", "onnx")
    if value is None:
        return onnx.TypeProto()
    helper = onnx.helper
    if isinstance(value, TracedArray):
        kind = onnx.TensorProto.DOUBLE
    elif isinstance(value, TracedMask):
        kind = onnx.TensorProto.BOOL
    else:
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype)
    return helper.make_tensor_type_proto(kind, np.shape(value))


def _bound(node: Any, given: Mapping[str, Any], schema: Any) -> Any:
    """A node of a definition with the attributes that it takes over from the operator, or their defaults."""
    copy = type(node)()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for item in node.attribute:
        if item.ref_attr_name:
            known = schema.attributes.get(item.ref_attr_name)
            default = known.default_value if known and known.default_value.name else None
            held = given.get(item.ref_attr_name) or default
            if held is None:
                continue
            copy.attribute.add().CopyFrom(held)
            copy.attribute[-1].name = item.name
            continue
        copy.attribute.add().CopyFrom(item)
        if item.HasField("g"):
            inner = copy.attribute[-1].g
            bound = [_bound(one, given, schema) for one in item.g.node]
            del inner.node[:]
            inner.node.extend(bound)
    return copy
