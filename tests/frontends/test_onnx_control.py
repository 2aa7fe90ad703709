"""Are If, Loop, Scan, scatters with reductions and resampling right at ties and off them, as the runtime computes them?

Values are those of onnxruntime; derivatives along random directions are one-sided differences of its values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from onnx import helper as make

import absnormal as an

_DOUBLE, _RANDOM = TensorProto.DOUBLE, np.random.default_rng(0)
_node = make.make_node
Constants = dict[str, Any]


def _info(name: str, kind: int = _DOUBLE, shape: Any = None) -> Any:
    return make.make_tensor_value_info(name, kind, shape)


def _sub(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    return make.make_graph(list(nodes), "inner", list(inputs), list(outputs))


def _model(nodes: Sequence[Any], x: Any, constants: Constants, opset: int = 18) -> Any:
    held = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = make.make_graph(list(nodes), "outer", [_info("x", shape=x.shape)], [_info("y")], held)
    return make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=10)


def _check(nodes: Sequence[Any], x: Any, constants: Constants | None = None, opset: int = 18) -> None:
    model = _model(nodes, x, constants or {}, opset)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def value(point: Any) -> Any:
        return np.asarray(session.run(None, {"x": point})[0])

    program = an.onnx.load(model, x)
    np.testing.assert_allclose(program(x), value(x), rtol=1e-12, atol=1e-12)
    for _ in range(3):
        d, step = _RANDOM.standard_normal(x.shape), 1e-6
        expected = (value(x + step * d) - value(x)) / step
        np.testing.assert_allclose(an.directional_derivative(program, x, d), expected, rtol=1e-4, atol=1e-4)


_MEETING = _sub([_node("Identity", ["total"], ["taken"])], [], [_info("taken")])
_ELSE = _sub([_node("Identity", ["zero"], ["other"])], [], [_info("other")])


def _branching(then: Any, other: Any) -> list[Any]:
    return [
        _node("ReduceSum", ["x"], ["total"], keepdims=0), _node("Greater", ["total", "zero"], ["which"]),
        _node("If", ["which"], ["y"], then_branch=then, else_branch=other),
    ]  # fmt: skip


@pytest.mark.parametrize("point", [[1.0, 2.0, -2.0], [1.0, 2.0, -3.0], [1.0, -2.0, 0.0]])
def test_the_branches_of_an_if_meet_at_a_tie(point: list[float]) -> None:
    _check(_branching(_MEETING, _ELSE), np.array(point), {"zero": 0.0})


def test_an_if_whose_branches_do_not_meet_at_a_tie_is_refused() -> None:
    jumping = _sub([_node("Add", ["total", "one"], ["taken"])], [], [_info("taken")])
    x = np.array([1.0, 2.0, -3.0])
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.onnx.load(_model(_branching(jumping, _ELSE), x, {"zero": 0.0, "one": 1.0}), x)


def _repeated(outputs: list[str]) -> list[Any]:
    body = _sub(
        [_node("Mul", ["a", "x"], ["m"]), _node("Relu", ["m"], ["next"]), _node("Identity", ["next"], ["row"]),
         _node("Identity", ["going"], ["on"])],
        [_info("i", TensorProto.INT64, []), _info("going", TensorProto.BOOL, []), _info("a")],
        [_info("on", TensorProto.BOOL, []), _info("next"), _info("row")])
    return [_node("Loop", ["count", "", "x"], outputs, body=body)]


@pytest.mark.parametrize("outputs", [["y", "rows"], ["last", "y"]])
@pytest.mark.parametrize("point", [[1.0, 2.0, -3.0], [1.0, 0.0, -3.0]])
def test_steps_of_a_loop(outputs: list[str], point: list[float]) -> None:
    _check(_repeated(outputs), np.array(point), {"count": np.array(3)})


@pytest.mark.parametrize("options", [
    {}, {"scan_input_directions": [1]}, {"scan_output_directions": [1]}, {"scan_input_axes": [1]},
    {"scan_output_axes": [1]},
])  # fmt: skip
@pytest.mark.parametrize("tied", [False, True])
def test_a_scan(options: dict[str, list[int]], tied: bool) -> None:
    body = _sub(
        [_node("Add", ["state", "row"], ["p"]), _node("Relu", ["p"], ["next"]), _node("Identity", ["next"], ["out"])],
        [_info("state", shape=[3]), _info("row", shape=[3])], [_info("next", shape=[3]), _info("out", shape=[3])])
    x = np.round(_RANDOM.standard_normal((3, 3))) if tied else _RANDOM.standard_normal((3, 3))
    for outputs in (["last", "y"], ["y", "rows"]):
        _check([_node("Scan", ["start", "x"], outputs, body=body, num_scan_inputs=1, **options)], x,
               {"start": np.array([0.0, 0.0, -1.0])})


@pytest.mark.parametrize("operator", ["ScatterElements", "ScatterND"])
@pytest.mark.parametrize("reduction", ["add", "mul", "max", "min"])
@pytest.mark.parametrize("tied", [False, True])
def test_scatters_with_reductions(operator: str, reduction: str, tied: bool) -> None:
    x = np.round(_RANDOM.standard_normal((4, 3))) if tied else _RANDOM.standard_normal((4, 3))
    other = np.round(_RANDOM.standard_normal((4, 3)))
    index = _RANDOM.integers(0, 4, (3, 3) if operator == "ScatterElements" else (3, 1))
    _check([_node(operator, ["x", "i", "u"], ["y"], reduction=reduction)], x, {"i": index, "u": other[:3]})
    _check([_node(operator, ["u", "i", "x"], ["y"], reduction=reduction)], x[:3], {"i": index, "u": other})
    both = [_node("Slice", ["x", "a", "b"], ["v"]), _node(operator, ["x", "i", "v"], ["y"], reduction=reduction)]
    _check(both, x, {"i": index, "a": np.array([0]), "b": np.array([3])})


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("sizes", [(7, 3), (2, 2), (9, 10)])
def test_resizing(mode: str, coordinates: str, sizes: tuple[int, int]) -> None:
    options = {"mode": mode, "coordinate_transformation_mode": coordinates}
    model = _model([_node("Resize", ["x", "", "", "s"], ["y"], **options)], np.zeros((1, 1, 4, 5)),
                   {"s": np.array([1, 1, *sizes])}, 19)
    x = _RANDOM.standard_normal((1, 1, 4, 5))
    expected = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})[0]
    np.testing.assert_allclose(an.onnx.load(model, x)(x), expected, rtol=1e-6, atol=1e-6)
