"""The nodes of a graph, one after the other: constants are folded by ONNX's own reference, variables written by rules.

A node whose inputs are constants has constant outputs; random operators are refused.  Where an operator has no rule
the rest is only asked which others have none, so that all are listed at once.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.meanings.jumps import Either, eithers, lifted
from absnormal.frontends.meanings.places import plain as settled
from absnormal.frontends.numpy.masks import TracedMask, numbers
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.control import CONTROL
from absnormal.frontends.onnx.functions import body_of
from absnormal.frontends.onnx.graph import Graph, double, initializers
from absnormal.frontends.onnx.refused import REFUSED
from absnormal.frontends.onnx.rule import NEWEST, Call, account, attributes_of, output_name
from absnormal.frontends.onnx.rules import OF_DOMAINS
from absnormal.frontends.writing import Writer, in_words, without_rules
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source
from absnormal.program.program import Program
from absnormal.program.tree import Tree

Scope = MutableMapping[str, Any]

#: Operators whose results no point determines.
RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}


#: Operators that compute entry by entry, or keep the entries in their order.
ENTRYWISE = {
    "Abs", "Acos", "Add", "And", "Asin", "Atan", "Cast", "CastLike", "Ceil", "Clip", "Cos", "DequantizeLinear",
    "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Flatten", "Floor", "Greater", "GreaterOrEqual", "Identity",
    "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow",
    "QuantizeLinear", "Reciprocal", "Relu", "Reshape", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tan", "Tanh", "Unsqueeze", "Where", "Xor",
}
#: Operators that move the entries of their first input, and keep some of them.
MOVING = frozenset({"Expand", "Gather", "GatherElements", "GatherND", "Slice", "Split", "Tile", "Transpose"})


#: Operators that look entries up by indices, which may jump where these do not.
LOOKING = frozenset({"Gather", "GatherElements"})
#: Operators of constants that are computed by their rule: the reference draws at random, or takes no list of one depth.
OWN = {"Dropout", "OneHot"}

#: The same before opset 13: the reference has the newer meaning.
OWN_BEFORE_13 = {"Softmax", "LogSoftmax", "Hardmax"}

#: The operators that a refusal advises, by NumPy's names.
_OPERATORS = {
    "abs": "Abs", "max": "ReduceMax", "maximum": "Max", "min": "ReduceMin", "minimum": "Min", "sort": "TopK",
    "where": "Where",
}  # fmt: skip


def _domain(node: Any) -> str:
    """The domain of an operator, empty for the standard one."""
    return "" if node.domain == "ai.onnx" else str(node.domain)


class _Unknown:
    """What comes out of an operator without a rule; ``size`` where only its shape goes in, which is a constant."""

    def __init__(self, size: bool = False) -> None:
        self.size = size


def program_of(
    graph: Graph, point: Any, given: Mapping[str, Array], names: Sequence[str] | str, output: str
) -> Program:
    """The program that computes ``output``; ``names`` are the variables (one name: x is that array itself).

    Raises
    ------
    TraceError
        for operators without a rule, which are all listed, and for what a rule refuses
    """
    tree, leaves = Tree.of(point)
    builder = Builder(tree, leaves)
    order = [names] if isinstance(names, str) else list(names)
    known: dict[str, Any] = {**graph.constants, "": None}
    known.update((name, double(value)) for name, value in given.items())
    known.update((name, TracedArray(builder, place)) for place, name in enumerate(order))
    run = Interpreter(graph, builder)
    try:
        (result,) = run.results(graph.nodes, known, [output])
        if isinstance(result, Either):
            result.refuse()
    except TraceError as error:
        raise in_words(error, lambda name: _OPERATORS.get(name, name)) from error.__cause__
    if run.missing:
        kind, fix = itemgetter(1), "export f with supported operators"
        raise without_rules("onnx", "operator", run.missing, REFUSED, kind, kind, fix)
    return builder.program(
        result.index if isinstance(result, TracedArray) else builder.constant(np.asarray(result, dtype=float))
    )


class Interpreter:
    """Goes through the nodes of a graph and of the graphs in it."""

    def __init__(self, graph: Graph, builder: Builder) -> None:
        self.graph, self.builder = graph, builder
        #: The opsets of the nodes that run, by domain.
        self.opsets = {"" if item.domain == "ai.onnx" else item.domain: item.version
                       for item in graph.model.opset_import}
        #: Operators without a rule, with the node where each was met first.
        self.missing: dict[tuple[str, str], Source] = {}

    def results(self, nodes: Sequence[Any], known: Scope, wanted: Sequence[str]) -> list[Any]:
        """The values of the tensors that are wanted; ``known`` is filled with what they need."""
        for number, node, used in needed(nodes, wanted):
            outer = self.builder.user
            name = f"{node.op_type} {node.name}".strip()
            # What runs in a loop or a branch is found at the node of the outermost graph.
            source = Source(self.graph.file, number + 1) if outer is None else outer[1]
            self.builder.user = (name if outer is None else f"{name} in {outer[0]}", source)
            try:
                self._step(node, known, used)
                for output in node.output:
                    if output in wanted:
                        known[output] = numbers(known.get(output))
            finally:
                self.builder.user = outer
        return [known[name] for name in wanted]

    def inner(self, graph: Any, known: Scope, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs of a graph in a node, which sees the tensors around it."""
        constants, _ = initializers(graph)
        scope = ChainMap({**constants, **inputs}, known)
        return self.results(list(graph.node), scope, [item.name for item in graph.output])

    @property
    def writer(self) -> Writer:
        """A writer under the name and the place of the node that runs."""
        assert self.builder.user is not None
        return Writer(self.builder, *self.builder.user)

    def _step(self, node: Any, known: Scope, used: set[str]) -> None:
        read = [known.get(name) for name in reads(node)]
        unknown = [item for item in read if isinstance(item, _Unknown)]
        if unknown:
            made: list[Any] = [self._beyond(node, unknown)] * len(node.output)
        else:
            try:
                made = self._made(node, [known[name] for name in node.input], known, used)
            except (AbsNormalError, RecursionError):
                raise
            except Exception as error:
                said = str(error).splitlines() or [type(error).__name__]
                problem, fix = f"cannot be followed: {said[0]}", "check the node with onnx.checker, or rewrite it"
                raise TraceError(self.writer.operation, problem, fix, self.writer.source) from error
        known.update(zip(node.output, made, strict=False))
        for place in range(len(made), len(node.output)):
            if node.output[place] in used:
                name = output_name(self._schema(node), place)
                self.writer.refuse(f"the output {name} is not supported", "export f without it")

    def _beyond(self, node: Any, unknown: list[_Unknown]) -> _Unknown:
        """What comes out where an operator without a rule goes in."""
        size = node.op_type in ("Shape", "Size") or all(item.size for item in unknown)
        if not size and not self._follows(node):
            self._miss(node)
        return _Unknown(size)

    def _made(self, node: Any, inputs: list[Any], known: Scope, used: set[str]) -> list[Any]:
        standard = not _domain(node)
        if standard and node.op_type in CONTROL:
            return CONTROL[node.op_type](self, node, inputs, known)
        rule = self._rule(node)
        if rule is None or not rule.keeps_masks:
            inputs = [numbers(item) for item in inputs]
        if node.op_type not in LOOKING or not isinstance(inputs[0], TracedArray):
            inputs = [settled(item) for item in inputs]
        if eithers(inputs):
            looked_up = node.op_type == "Gather" and np.ndim(inputs[0]) == 1 and not isinstance(inputs[0], Either)
            alike = node.op_type in ENTRYWISE or looked_up
            moves = node.op_type in MOVING
            return [*lifted(lambda *given: self._made(node, [*given], known, used), inputs, alike, moves)]
        if standard and node.op_type in RANDOM:
            self.writer.refuse("is random", "give its values as an input of the model")
        if not any(isinstance(item, (TracedArray, TracedMask)) for item in inputs):
            return self._folded(node, inputs, used)
        if standard and node.op_type == "Shape":
            attributes = attributes_of(node)
            return [np.array(np.shape(inputs[0])[attributes.get("start", 0) : attributes.get("end")], dtype=np.int64)]
        return self._written(node, inputs, used)

    def _rule(self, node: Any) -> Any:
        return OF_DOMAINS.get(_domain(node), {}).get(node.op_type)

    def _follows(self, node: Any) -> bool:
        """Whether an operator has a rule, or is defined by others."""
        known = _domain(node)
        if self._rule(node) is not None or (not known and node.op_type in CONTROL):
            return True
        if not require("onnx.defs", "onnx").has(node.op_type, domain=known):
            return False
        schema = self._schema(node)
        return bool(schema.has_function or schema.has_context_dependent_function)

    def _miss(self, node: Any) -> None:
        assert self.builder.user is not None and self.builder.user[1] is not None
        self.missing.setdefault((_domain(node), node.op_type), self.builder.user[1])

    def _written(self, node: Any, inputs: list[Any], used: set[str]) -> list[Any]:
        """A node by its rule."""
        rule = self._rule(node)
        if rule is None:
            return self._defined(node, inputs, used)
        read = frozenset(place for place, name in enumerate(node.output) if name in used)
        call = Call(self.writer, node.op_type, rule, self._schema(node), attributes_of(node), len(node.output), read)
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        account(call, len(inputs))
        written = rule.write(call, *inputs)
        return written if isinstance(written, list) else [written]

    def _defined(self, node: Any, inputs: list[Any], used: set[str]) -> list[Any]:
        """A node without a rule, by ONNX's own definition of its operator by others, if there is one."""
        known, defs = _domain(node), require("onnx.defs", "onnx")
        opset = self.opsets.get(known)
        body = None
        if opset is not None and defs.has(node.op_type, domain=known):
            body = body_of(node, self._schema(node), opset, inputs)
        if body is None:
            self._miss(node)
            return [_Unknown()] * len(node.output)
        given = dict.fromkeys(body.inputs) | dict(zip(body.inputs, inputs, strict=False)) | {"": None}
        wanted = [inner for inner, outer in zip(body.outputs, node.output, strict=False) if outer in used and outer]
        outside, self.opsets = self.opsets, {"": NEWEST, **self.opsets, **body.opsets}
        try:
            made = dict(zip(wanted, self.results(body.nodes, given, wanted), strict=True))
        finally:
            self.opsets = outside
        return [made.get(name) for name in body.outputs[: len(node.output)]]

    def _schema(self, node: Any) -> Any:
        domain = _domain(node)
        return require("onnx.defs", "onnx").get_schema(node.op_type, self.opsets[domain], domain)

    def _alone(self, node: Any) -> Any:
        """The graph of one node."""
        onnx = require("onnx", "onnx")
        ends = ([onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names) if name]
                for names in (node.input, node.output))
        return onnx.helper.make_graph([node], "f", *ends)

    def _folded(self, node: Any, inputs: list[Any], used: set[str]) -> list[Any]:
        """A node of constants, by the reference evaluator, or by its rule where that has none."""
        reference = require("onnx.reference", "onnx")
        try:
            if node.op_type in OWN or (self.opsets.get("", NEWEST) < 13 and node.op_type in OWN_BEFORE_13):
                raise NotImplementedError("the rule is nearer to the specification")
            evaluator = reference.ReferenceEvaluator(self._alone(node), opsets=self.opsets)
        except (RuntimeError, NotImplementedError):
            first = TracedArray(self.builder, self.builder.constant(np.asarray(inputs[0], dtype=float)))
            made = self._written(node, [first, *inputs[1:]], used)
            return [item.value if isinstance(item, TracedArray) else item for item in made]
        feeds = {name: value for name, value in zip(node.input, inputs, strict=True) if name}
        results = dict(zip(filter(None, node.output), evaluator.run(None, feeds), strict=True))
        return [double(results.get(name)) for name in node.output]


def needed(nodes: Sequence[Any], wanted: Iterable[str]) -> list[tuple[int, Any, set[str]]]:
    """The nodes that tensors need, in order, with their numbers and all tensors that are used."""
    used, found = set(wanted), []
    for number in range(len(nodes) - 1, -1, -1):
        node = nodes[number]
        if not used.isdisjoint(node.output):
            used.update(reads(node))
            found.append((number, node, used))
    return found[::-1]


def reads(node: Any) -> set[str]:
    """The tensors that a node reads, those that graphs in it read from around them included."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            own = {item.name for item in (*graph.input, *graph.initializer)}
            own.update(item.values.name for item in graph.sparse_initializer)
            own.update(name for inner in graph.node for name in inner.output)
            used = {item.name for item in graph.output}.union(*(reads(inner) for inner in graph.node))
            names.update(used - own)
    return names
