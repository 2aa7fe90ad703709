"""How a rule accounts for its operator: the attributes, inputs and outputs that it reads; anything else is refused.

ONNX's own schemas say what an operator may be given, and the defaults.  A rule names what it reads of that.  What a
node has beyond it, off its default, is an error that names it: no rule can forget an attribute that a version adds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from absnormal._optional import require
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

#: The opset that the rules were written for: an operator that changed later is refused.
NEWEST = 28


@dataclass(frozen=True)
class Rule:
    """One operator.

    Attributes
    ----------
    write
        (call, *inputs) -> its output, or the list of its outputs; its parameters are the inputs that it reads
    reads
        the attributes that it reads
    idle
        attributes without effect on the real numbers that it computes, such as the precision of an accumulator
    outputs
        how many outputs it makes at most; None: as many as the node asks for
    keeps_masks
        whether it can defer a comparison that is tied; other rules have comparisons decided first
    """

    write: Callable[..., Any]
    reads: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    outputs: int | None = 1
    keeps_masks: bool = False

    @cached_property
    def inputs(self) -> int | None:
        """How many inputs it reads; None: any number."""
        parameters = [*inspect.signature(self.write).parameters.values()][1:]
        if any(item.kind is inspect.Parameter.VAR_POSITIONAL for item in parameters):
            return None
        return sum(item.kind is not inspect.Parameter.KEYWORD_ONLY for item in parameters)


def reading(write: Callable[..., Any], *reads: str, **others: Any) -> Rule:
    """A rule with the attributes that it reads."""
    return Rule(write, reads, **others)


@dataclass(slots=True)
class Call:
    """One node, for its rule."""

    write: Writer
    kind: str
    rule: Rule
    schema: Any
    attributes: Mapping[str, Any]
    outputs: int
    #: The numbers of the outputs that something reads.
    used: frozenset[int]

    def get(self, name: str) -> Any:
        """An attribute, or its default in the model's opset; None where there is none."""
        if name not in self.rule.reads:
            raise AssertionError(f"the rule of {self.kind} reads the attribute {name}, which it does not declare")
        return self.attributes[name] if name in self.attributes else default_of(self.schema, name)

    def choice(self, name: str, *allowed: Any) -> Any:
        """An attribute that has one of a few values; the first of them where the opset does not have it."""
        value = self.get(name)
        value = allowed[0] if value is None else value
        if value not in allowed:
            self.refuse_attribute(name, value, f"give one of {', '.join(map(repr, allowed))}")
        return value

    def refuse_attribute(self, name: str, value: Any, fix: str) -> None:
        """Refuse a node for one of its attributes."""
        self.write.refuse(f"the attribute {name} = {value!r} is not supported", fix)


def plain(value: Any) -> Any:
    """An attribute's value, with text for bytes."""
    if isinstance(value, bytes):
        return value.decode()
    return [plain(item) for item in value] if isinstance(value, list) else value


def attributes_of(node: Any) -> dict[str, Any]:
    """The values of a node's attributes by their names."""
    value = require("onnx.helper", "onnx").get_attribute_value
    return {item.name: plain(value(item)) for item in node.attribute}


def default_of(schema: Any, name: str) -> Any:
    """The default of an attribute; None where it has none."""
    known = schema.attributes.get(name)
    if known is None or not known.default_value.name:
        return None
    return plain(require("onnx.helper", "onnx").get_attribute_value(known.default_value))


def account(call: Call, inputs: int) -> None:
    """Refuse what a node of so many inputs has and its rule does not read.

    Raises
    ------
    TraceError
        which names the attribute or the input
    """
    rule, schema, write = call.rule, call.schema, call.write
    if schema.since_version > NEWEST:
        write.refuse(
            f"version {schema.since_version} of the operator is newer than its rule",
            f"convert the model to opset {NEWEST} (onnx.version_converter)",
        )
    for name, value in call.attributes.items():
        if name not in schema.attributes:
            call.refuse_attribute(name, value, f"leave it out: version {schema.since_version} of {call.kind} has none")
        default = default_of(schema, name)
        if name not in rule.reads and name not in rule.idle and value != default:
            fix = "leave it out" if default is None else f"leave it at its default {default!r}"
            call.refuse_attribute(name, value, fix)
    if rule.inputs is not None and inputs > rule.inputs:
        write.refuse(f"the input {input_name(schema, inputs - 1)} is not supported", "leave it out")


def input_name(schema: Any, place: int) -> str:
    """What an operator calls an input."""
    return str(schema.inputs[min(place, len(schema.inputs) - 1)].name)


def output_name(schema: Any, place: int) -> str:
    """What an operator calls an output."""
    return str(schema.outputs[min(place, len(schema.outputs) - 1)].name)


def held(call: Call, value: Any, name: str) -> Any:
    """An input that says how the operator works; it must not depend on the variables."""
    if isinstance(value, TracedArray):
        call.write.refuse(f"the input {name} depends on the variables", f"hold {name} constant: choose other variables")
    return value
