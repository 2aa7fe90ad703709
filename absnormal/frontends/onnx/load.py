"""Programs from ONNX models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import DomainError, GuardError, TraceError
from absnormal.frontends.onnx.graph import Graph, Input, read
from absnormal.frontends.onnx.interpret import program_of
from absnormal.program.program import Program


def load(
    model: Any, inputs: Any = None, *, variables: str | Sequence[str] = "inputs", output: str | None = None
) -> Program:
    """The program of an ONNX graph, in float64.

    ONNX has no gradient of its own: give ``slope="torch"`` or ``slope="jax"`` to `absnormal.verify` for the tool whose
    ties are to be assumed.  A Clip that was exported from torch's relu6 or hardtanh is taken for torch.clamp, which
    uses other slopes at its bounds.

    Parameters
    ----------
    model
        a path, or an ``onnx.ModelProto``; opset 11 or newer
    inputs
        values of the inputs: an array when there is one, or a dict by name.  They are the point at which branches are
        followed (zeros by default), and the values of inputs that are no variables.
    variables
        "inputs" (those of a floating-point type: token ids, masks and lengths keep their values), "parameters" (the
        floating-point initializers), or the names of tensors of either kind
    output
        the name of the output, by default the first

    Returns
    -------
    Program
        of an array when there is one variable, otherwise of a dict by name.  It is called and judged at any point;
        what goes from one point to others takes the branches that were followed, or raises GuardError

    Raises
    ------
    TraceError
        for operators without a rule, which are all listed, for attributes, inputs and outputs that a rule does not
        read, and for branches at a tie
    DomainError
        for NaN or infinity at the values of the inputs
    ValueError
        for names, shapes and models that do not fit

    Examples
    --------
    >>> import numpy as np, absnormal as an, onnx.parser
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 10, opset_import: ["": 18]>
    ...     f (double[1] x) => (double y) {
    ...         n = Neg(x)  a = Relu(x)  b = Relu(n)  d = Sub(a, b)  y = ReduceSum<keepdims = 0>(d)
    ...     }''')
    >>> an.verify(an.onnx.load(model), [0.0], slope="torch").verdict.name
    'NOT_CLARKE'
    """
    graph = read(model)
    chosen = _output(graph, output)
    names = _variables(graph, variables)
    given = _given(graph, inputs)
    ordered = dict.fromkeys((*names, *graph.inputs))
    values = {name: _value(graph, name, given) for name in ordered if name not in graph.constants}
    point = {name: np.asarray(values.get(name, graph.constants.get(name)), dtype=float) for name in names}
    held = {name: value for name, value in values.items() if name not in names}
    variable = names[0] if len(names) == 1 else names
    try:
        made = program_of(graph, point[names[0]] if len(names) == 1 else point, held, variable, chosen)
    except (DomainError, TraceError) as error:
        zeros = [name for name in values if name not in given]
        if not zeros or "at this point" not in error.problem:
            raise
        stand = f"where zeros stand for {', '.join(zeros)}: give values with inputs="
        problem = error.problem.replace("at this point", f"at this point, {stand}", 1)
        if isinstance(error, DomainError):
            raise DomainError(error.operation, problem, error.source) from error
        raise TraceError(error.operation, problem, error.fix, error.source) from error
    return Model(
        made.nodes, made.output, made.tree, made.guards, graph=graph, held=held, variable=variable, chosen=chosen
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Model(Program):
    """A program that has its graph with it: called where other branches are taken, it goes through that again."""

    graph: Graph
    held: Mapping[str, Array]
    variable: str | Sequence[str]
    chosen: str

    def __call__(self, x: Any) -> Any:
        """The value of the graph at x.

        Raises
        ------
        TraceError
            for a branch at a tie
        DomainError
            for NaN or infinity
        """
        try:
            return super().__call__(x)
        except GuardError:
            return self._again(self.tree.unflatten(self.tree.flatten(x)))(x)

    def followed(self, leaves: list[Array]) -> tuple[Program, list[Array]]:
        """The program with the branches that the graph takes at x, and the values of its nodes."""
        try:
            return super().followed(leaves)
        except GuardError:
            return self._again(self.tree.rebuild(leaves)).followed(leaves)

    def _again(self, point: Any) -> Program:
        return program_of(self.graph, point, self.held, self.variable, self.chosen)


def parameters(model: Any) -> dict[str, Array]:
    """The floating-point initializers of a model: the point at which ``variables="parameters"`` is judged.

    Parameters
    ----------
    model
        as in `load`

    Returns
    -------
    dict
        the arrays by name, each of its own shape

    Raises
    ------
    TraceError, ValueError
        as `load` does

    Examples
    --------
    >>> import onnx.parser
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 10, opset_import: ["": 18]>
    ...     f (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}> { y = Mul(x, w) }''')
    >>> parameters(model)
    {'w': array([1., 2.])}
    """
    return dict(read(model).parameters)


def _output(graph: Graph, output: str | None) -> str:
    if output is None:
        return graph.outputs[0]
    made = {name for node in graph.nodes for name in node.output}
    if output not in made:
        raise ValueError(f"output must be one of {graph.outputs} or another tensor of the graph, got {output!r}")
    return output


def _variables(graph: Graph, variables: str | Sequence[str]) -> list[str]:
    real = [name for name, item in graph.inputs.items() if item.real]
    known = {*real, *graph.parameters}
    if variables == "inputs":
        names = real
        if not names and graph.inputs:
            kinds = ", ".join(f"{name!r} is {item.type_name}" for name, item in graph.inputs.items())
            raise ValueError(f'no input holds real numbers ({kinds}): give variables="parameters"')
    elif variables == "parameters":
        names = list(graph.parameters)
    else:
        names = [variables] if isinstance(variables, str) else list(variables)
        for name in names:
            if name in graph.inputs and name not in known:
                kind = graph.inputs[name].type_name
                raise ValueError(f"{name!r} is {kind}, which has no gradient: give its value with inputs=")
    if not names or not set(names) <= known:
        raise ValueError(f'variables must be "inputs", "parameters" or some of {sorted(known)}, got {variables!r}')
    return names


def _given(graph: Graph, inputs: Any) -> dict[str, Array]:
    if inputs is None:
        return {}
    if isinstance(inputs, Mapping):
        unknown = sorted(set(inputs) - set(graph.inputs))
        if unknown:
            raise ValueError(f"inputs must be named {sorted(graph.inputs)}, got {unknown}")
        return {name: np.asarray(value) for name, value in inputs.items()}
    if len(graph.inputs) != 1:
        raise ValueError(f"inputs must be a dict with the names {sorted(graph.inputs)}")
    return {next(iter(graph.inputs)): np.asarray(inputs)}


def _value(graph: Graph, name: str, given: Mapping[str, Array]) -> Array:
    """The value of an input, in its declared shape; zeros where none is given."""
    item, value = graph.inputs[name], given.get(name)
    shape = item.shape
    if value is None:
        if shape is None or None in shape:
            said = "no declared shape" if shape is None else f"the shape {shape} with free sizes"
            raise ValueError(f"input {name!r} has {said}: give its value with inputs=")
        return np.zeros([size for size in shape if size is not None], float if item.real else _dtype(item.type))
    fits = shape is None or (
        value.ndim == len(shape) and all(a is None or a == b for a, b in zip(shape, value.shape, strict=True))
    )
    if not fits:
        assert shape is not None
        # A flat vector, where the shape is known.
        if None in shape or value.size != int(np.prod([size or 0 for size in shape], dtype=int)):
            raise ValueError(f"input {name!r} must have the shape {shape}, got {value.shape}")
        value = value.reshape([size for size in shape if size is not None])
    return value if item.real else _whole(name, item, value)


def _dtype(kind: int) -> Any:
    return require("onnx.helper", "onnx").tensor_dtype_to_np_dtype(kind)


def _whole(name: str, item: Input, value: Array) -> Array:
    """The value of an input of integers, truth values or text."""
    if item.type == 0:
        raise ValueError(f"input {name!r} is {item.type_name}: only tensors can be inputs")
    dtype = np.dtype(_dtype(item.type))
    if value.dtype.kind in "fiub" and dtype.kind in "iub" and not np.array_equal(value, value.astype(dtype)):
        raise ValueError(f"input {name!r} is {item.type_name}, got numbers that are not")
    return value.astype(dtype) if value.dtype.kind in "fiub" else value
