"""Rules that a user registers for operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.onnx.control import CONTROL
from absnormal.frontends.onnx.rule import Call, Rule
from absnormal.frontends.onnx.rules import RULES
from absnormal.frontends.own_rules import Compute, OwnRule, keywords


def register(kind: str, f: Callable[..., Any]) -> None:
    """Follow an operator as f, which takes by name the attributes that it reads.

    Raises
    ------
    ValueError
        where the operator has a rule, or ONNX has no such operator
    """
    if kind in RULES or kind in CONTROL:
        raise ValueError(f"the operator {kind} has a rule")
    if not require("onnx.defs", "onnx").has(kind):
        raise ValueError(f"ONNX has no operator {kind}")
    own, names = OwnRule("the reference of ONNX", f), tuple(item.name for item in keywords(f))

    def write(call: Call, *inputs: Any) -> Any:
        named = {name: value for name in names if (value := call.get(name)) is not None}
        return own(call.write, inputs, named, _reference(call, inputs), float(np.finfo(np.float32).eps))

    RULES[kind] = Rule(write, names)


def _reference(call: Call, inputs: Sequence[Any]) -> Compute | None:
    """The operator as ONNX's own evaluator computes it; None where that does not know it."""
    letters = [f"x{place}" if item is not None else "" for place, item in enumerate(inputs)]
    node = require("onnx.helper", "onnx").make_node(call.kind, letters, ["y"], **call.attributes)
    reference = require("onnx.reference", "onnx")
    try:
        evaluator = reference.ReferenceEvaluator(node, opsets={"": call.schema.since_version})
    except (RuntimeError, NotImplementedError):
        return None

    def compute(values: Sequence[Any]) -> Array:
        # In single precision, in which every operator is defined.
        single = [np.float32(value) if getattr(value, "dtype", None) == np.float64 else value for value in values]
        feeds = {name: value for name, value in zip(letters, single, strict=True) if name}
        return np.asarray(evaluator.run(None, feeds)[0]).astype(float)

    return compute
