"""Programs from ONNX models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.onnx.graph import Graph, program_of, read
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
        a path, or an ``onnx.ModelProto``; opset 13 or newer
    inputs
        values of the inputs: an array when there is one, or a dict by name.  They are the point at which branches are
        followed (zeros by default), and the values of inputs that are no variables.
    variables
        "inputs", "parameters" (the floating-point initializers), or the names of tensors of either kind
    output
        the name of the output, by default the first

    Returns
    -------
    Program
        of an array when there is one variable, otherwise of a dict by name

    Raises
    ------
    TraceError
        for operators without a rule, which are all listed, and for branches at a tie
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
    values = {name: _value(graph, name, given) for name in {*names, *graph.inputs} - set(graph.constants)}
    point = {name: np.asarray(values.get(name, graph.constants.get(name)), dtype=float) for name in names}
    held = {name: value for name, value in values.items() if name not in names}
    if len(names) == 1:
        return program_of(graph, point[names[0]], held, names[0], chosen)
    return program_of(graph, point, held, names, chosen)


def parameters(model: Any) -> dict[str, Array]:
    """The floating-point initializers of a model: the point at which ``variables="parameters"`` is judged.

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
    if variables == "inputs":
        names = list(graph.inputs)
    elif variables == "parameters":
        names = list(graph.parameters)
    else:
        names = [variables] if isinstance(variables, str) else list(variables)
    known = {*graph.inputs, *graph.parameters}
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
    shape = graph.inputs[name]
    value = given.get(name)
    if value is None:
        if None in shape:
            raise ValueError(f"input {name!r} has the shape {shape} with free sizes: give its value with inputs=")
        return np.zeros([size for size in shape if size is not None])
    fits = value.ndim == len(shape) and all(a is None or a == b for a, b in zip(shape, value.shape, strict=True))
    if not fits:
        # A flat vector, where the shape is known.
        if None in shape or value.size != int(np.prod([size or 1 for size in shape], dtype=int)):
            raise ValueError(f"input {name!r} must have the shape {shape}, got {value.shape}")
        value = value.reshape([size for size in shape if size is not None])
    return value
