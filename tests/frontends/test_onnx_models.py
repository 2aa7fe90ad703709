"""Do programs from ONNX models have onnxruntime's values, and the verdicts of the models they were exported from?"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

import absnormal as an
from absnormal.cli import main

WRONG, RIGHT = an.Verdict.NOT_CLARKE, an.Verdict.CLARKE


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any], inner: nn.Module | None = None) -> None:
        super().__init__()
        self.function, self.inner = function, inner

    def forward(self, *args: Any) -> Any:
        """The function of what the inner module returns."""
        return self.function(*args) if self.inner is None else self.function(self.inner(*args))


class Residual(nn.Module):
    """Two convolutions with batch normalization, and the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])

    def forward(self, x: Any) -> Any:
        """relu(x + ...)."""
        inner = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(x + self.norms[1](self.second(inner)))


def activations(x: Any) -> Any:
    """Every activation that torch exports."""
    f = functional
    return (
        f.relu(x) + f.relu6(x) + f.leaky_relu(x) + f.elu(x) + f.selu(x) + f.celu(x, 2.0) + f.hardtanh(x)
        + f.hardsigmoid(x) + f.hardswish(x) + f.gelu(x) + f.silu(x) + f.mish(x) + f.softplus(x) + f.softsign(x)
        + f.tanh(x) + f.sigmoid(x) + f.logsigmoid(x) + f.softmax(x, -1) + f.log_softmax(x, -1)
        + f.prelu(x, torch.tensor([0.3]))
    )  # fmt: skip


TARGET, CLASSES = torch.tensor([[0.3, -1.0, 0.5], [1.0, 0.2, 0.1]]), torch.tensor([2, 0])


def losses(x: Any) -> Any:
    """Common losses, added up."""
    f = functional
    return (
        f.cross_entropy(x, CLASSES) + f.mse_loss(x, TARGET) + f.l1_loss(x, TARGET) + f.smooth_l1_loss(x, TARGET)
        + f.huber_loss(x, TARGET) + f.binary_cross_entropy_with_logits(x, TARGET.sigmoid())
        + f.kl_div(x, TARGET.softmax(-1)) + f.relu(1 - x * TARGET).mean() + x.logsumexp(1).sum() + x.norm()
    )  # fmt: skip


def exported(module: nn.Module, args: tuple[Any, ...]) -> onnx.ModelProto:
    module.eval()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.onnx.export(module, args, dynamo=True, verbose=False).model_proto
    finally:
        logging.disable(logging.NOTSET)


def run(model: onnx.ModelProto, args: tuple[Any, ...]) -> tuple[dict[str, Any], Any]:
    """The inputs by name, and what onnxruntime returns first."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {item.name: np.asarray(arg) for item, arg in zip(session.get_inputs(), args, strict=True)}
    return feeds, session.run(None, feeds)[0]


def network(name: str) -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    if name == "mlp":
        return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)), (torch.randn(2, 5),)
    if name == "lenet":
        layers = [nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.ReLU(),
                  nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(36, 3)]  # fmt: skip
        return nn.Sequential(*layers), (torch.randn(2, 1, 14, 14),)
    if name == "resnet":
        layers = [nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), Residual(4), nn.AdaptiveAvgPool2d(1),
                  nn.Flatten(), nn.Linear(4, 3)]  # fmt: skip
        return nn.Sequential(*layers), (torch.randn(2, 3, 9, 9),)
    if name == "transformer":
        return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (torch.randn(2, 4, 8),)
    if name == "lstm":
        return nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True), (torch.randn(2, 3, 5),)
    if name == "gru":
        return nn.GRU(5, 4), (torch.randn(3, 2, 5),)
    function = activations if name == "activations" else losses
    return Apply(function), (3 * torch.randn(2, 3),)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mlp", "lenet", "resnet", "transformer", "lstm", "gru", "activations", "losses"]
)
def test_values_are_those_of_onnxruntime(name: str) -> None:
    module, args = network(name)
    model = exported(module, args)
    feeds, expected = run(model, args)
    (x,) = feeds.values()
    size = max(1.0, float(np.abs(expected).max()))
    program = an.onnx.load(model, feeds)
    np.testing.assert_allclose(np.reshape(program(x), expected.shape), expected, rtol=0, atol=4e-6 * size)
    parameters = an.onnx.parameters(model)
    if len(parameters) > 1:
        program = an.onnx.load(model, feeds, variables="parameters")
        assert program.n == sum(value.size for value in parameters.values())
        np.testing.assert_allclose(np.reshape(program(parameters), expected.shape), expected, rtol=0, atol=4e-6 * size)


def zeros_for(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("name", "verdict"), [
    ("identity", WRONG), ("relu", RIGHT), ("residual block", WRONG), ("pools", WRONG), ("elu", RIGHT),
    ("two layers", RIGHT),
])  # fmt: skip
def test_an_exported_model_and_its_original_get_the_same_verdict(name: str, verdict: an.Verdict) -> None:
    f = functional
    two = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        two[0].bias.zero_()
    functions: dict[str, Callable[..., Any]] = {
        "identity": lambda x: (f.relu(x) - f.relu(-x)).sum(),
        "relu": lambda x: f.relu(x).sum(),
        "residual block": lambda x: (x - f.relu(x) + f.relu(-x)).sum(),
        "pools": lambda x: (f.max_pool1d(x.reshape(1, 1, 3), 3) - f.max_pool1d(-x.reshape(1, 1, 3), 3)).sum(),
        "elu": lambda x: f.elu(x, 2.0).sum(),
        "two layers": lambda x: f.softplus(two(x)).sum(),
    }
    function, x = functions[name], torch.zeros(3)
    original = an.verify(function, x)
    model = exported(Apply(function, None), (x,))
    report = an.verify(an.onnx.load(model), np.zeros(3), slope="torch")
    np.testing.assert_allclose(np.ravel(report.gradient), np.asarray(original.gradient), rtol=0, atol=1e-6)
    assert report.verdict is original.verdict
    assert report.verdict is verdict


# -- single operators --------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
U, IMAGE = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(1, 4, 7, 6))
M, SEQUENCE = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 2, 3))
GATES = [RNG.normal(size=shape) for shape in ((2, 16, 3), (2, 16, 4), (2, 32), (2, 2, 4), (2, 2, 4), (2, 12))]
INDEX = np.array([[0, -1, 1, 0]])

#: (operator, attributes, inputs)
OPERATORS: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("Gemm", {"alpha": 0.5, "beta": 2.0, "transA": 1, "transB": 1}, [M, RNG.normal(size=(2, 3)), RNG.normal(size=2)]),
    ("HardSwish", {}, [3 * U]), ("HardSigmoid", {"alpha": 0.3}, [3 * U]), ("ThresholdedRelu", {"alpha": 0.4}, [U]),
    ("Shrink", {"lambd": 0.3, "bias": 0.3}, [U]), ("Shrink", {"lambd": 0.3}, [U]),
    ("Celu", {"alpha": 2.0}, [U]), ("PRelu", {}, [U, RNG.normal(size=4)]), ("Mish", {}, [U]),
    ("Gelu", {"approximate": "tanh"}, [U]), ("Clip", {}, [U, np.array(-0.3), np.array(0.4)]),
    ("Max", {}, [U, M, 0 * M]), ("Min", {}, [U, M]), ("Sum", {}, [U, M, M]), ("Mean", {}, [U, M]),
    ("Pow", {}, [abs(U), np.array(1.5)]), ("Pow", {}, [U, np.array(2.0)]), ("Pow", {}, [U[0, 0], np.full((1, 1), 2.0)]),
    ("Softsign", {}, [U]), ("Erf", {}, [U]),
    ("ReduceMax", {"keepdims": 0}, [U, np.array([1])]), ("ReduceMin", {}, [U, np.array([0, 2])]),
    ("ReduceL1", {}, [U, np.array([-1])]), ("ReduceL2", {}, [U, np.array([-1])]),
    ("ReduceProd", {}, [U, np.array([1])]),
    ("ReduceLogSumExp", {"keepdims": 0}, [50 * U, np.array([1, 2])]), ("ReduceSumSquare", {}, [U]),
    ("ReduceLogSum", {}, [abs(U), np.array([0])]), ("LogSoftmax", {"axis": 1}, [300 * U]), ("Softmax", {}, [300 * U]),
    ("LpNormalization", {"axis": 1}, [U]), ("Einsum", {"equation": "bij,ij->bi"}, [U, M]),
    ("LayerNormalization", {"axis": -1}, [U, RNG.normal(size=4), RNG.normal(size=4)]),
    ("InstanceNormalization", {}, [U, RNG.normal(size=3), RNG.normal(size=3)]),
    ("GroupNormalization", {"num_groups": 2}, [IMAGE, RNG.normal(size=4), RNG.normal(size=4)]),
    ("BatchNormalization", {}, [IMAGE, *(RNG.normal(size=4) for _ in range(3)), abs(RNG.normal(size=4))]),
    ("Conv", {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2], "group": 2},
     [IMAGE, RNG.normal(size=(6, 2, 3, 2)), RNG.normal(size=6)]),
    ("Conv", {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, [IMAGE, RNG.normal(size=(3, 4, 2, 2))]),
    ("ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]},
     [IMAGE, RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=3)]),
    ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}, [IMAGE]),
    ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, [IMAGE]),
    ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}, [IMAGE]),
    ("AveragePool", {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}, [IMAGE]),
    ("GlobalAveragePool", {}, [IMAGE]), ("GlobalMaxPool", {}, [IMAGE]),
    ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, [IMAGE]), ("DepthToSpace", {"blocksize": 2}, [IMAGE]),
    ("SpaceToDepth", {"blocksize": 2}, [IMAGE[:, :, :6]]),
    ("Slice", {}, [U, np.array([-1, 0]), np.array([-9, 3]), np.array([1, 2]), np.array([-1, 2])]),
    ("Split", {"axis": 1, "num_outputs": 2}, [U]), ("Split", {"axis": 2}, [U, np.array([1, 3])]),
    ("Gather", {"axis": 1}, [U, np.array([[2, -1], [0, 0]])]), ("GatherElements", {"axis": 0}, [M, INDEX]),
    ("GatherND", {}, [U, np.array([[0, 1], [1, 2]])]), ("Tile", {}, [M, np.array([2, 1])]),
    ("Pad", {}, [M, np.array([1, 0, -1, 2]), np.array(0.5)]),
    ("Pad", {"mode": "reflect"}, [M, np.array([1, 1, 0, 2])]),
    ("ScatterND", {}, [M, np.array([[2], [0]]), RNG.normal(size=(2, 4))]),
    ("ScatterElements", {"axis": 1}, [M, np.array([[1, 3]]), RNG.normal(size=(1, 2))]),
    ("Trilu", {"upper": 0}, [M, np.array(1)]), ("CumSum", {"reverse": 1, "exclusive": 1}, [M, np.array(1)]),
    ("TopK", {"axis": 1}, [U, np.array([2])]), ("TopK", {"largest": 0}, [U, np.array([3])]),
    ("Expand", {}, [M, np.array([2, 1, 4])]), ("Flatten", {"axis": 2}, [U]),
    ("Reshape", {}, [U, np.array([0, -1])]), ("Unsqueeze", {}, [M, np.array([0, 3])]), ("Transpose", {}, [U]),
    ("LSTM", {"hidden_size": 4, "direction": "bidirectional"},
     [SEQUENCE, GATES[0], GATES[1], GATES[2], None, GATES[3], GATES[4], GATES[5]]),
    ("GRU", {"hidden_size": 4, "direction": "reverse", "linear_before_reset": 1},
     [SEQUENCE, GATES[0][:1, :12], GATES[1][:1, :12], GATES[2][:1, :24], None, GATES[3][:1]]),
    ("GRU", {"hidden_size": 4}, [SEQUENCE, GATES[0][:1, :12], GATES[1][:1, :12]]),
    ("RNN", {"hidden_size": 4, "activations": ["Relu"]}, [SEQUENCE, GATES[0][:1, :4], GATES[1][:1, :4]]),
    ("NegativeLogLikelihoodLoss", {"ignore_index": 1}, [-abs(U), np.array([[0, 1, 2, 1], [2, 2, 1, 0]])]),
    ("SoftmaxCrossEntropyLoss", {"reduction": "sum"},
     [U, np.array([[0, 1, 2, 1], [2, 2, 1, 0]]), np.array([1.0, 2.0, 0.5])]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "attributes", "inputs"), OPERATORS, ids=lambda item: item if isinstance(item, str) else ""
)
def test_an_operator(kind: str, attributes: dict[str, Any], inputs: list[Any]) -> None:
    names = ["" if value is None else f"i{place}" for place, value in enumerate(inputs)]
    values = [None if v is None else v.astype(np.float32 if v.dtype.kind == "f" else np.int64) for v in inputs]
    helper = onnx.helper
    outputs = ["y", "second"][: 2 if kind in ("Split", "TopK") else 1]
    node = helper.make_node(kind, names, outputs, **attributes)
    declared = [helper.make_tensor_value_info(names[0], onnx.TensorProto.FLOAT, values[0].shape)]
    held = [onnx.numpy_helper.from_array(v, name) for v, name in zip(values[1:], names[1:], strict=True) if name]
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "f", declared, [y], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    _, expected = run(model, (values[0],))
    program = an.onnx.load(model, values[0])
    size = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(program(values[0].astype(float)), expected, rtol=0, atol=1e-5 * size)


# -- the public face ---------------------------------------------------------------------------------------

TEXT = """
    <ir_version: 10, opset_import: ["": 18]>
    f (float[3] x, float[3] t) => (float y) <float[3] w = {1.0, 1.0, -1.0}> {
        p = Mul(x, w)  a = Relu(p)  n = Neg(p)  b = Relu(n)  d = Sub(a, b)  e = Mul(d, t)
        y = ReduceSum<keepdims = 0>(e)
    }"""


def test_variables_are_inputs_parameters_or_names() -> None:
    model = onnx.parser.parse_model(TEXT)
    t = np.array([1.0, 2.0, 3.0])
    both = an.onnx.load(model, {"t": t})
    assert both.n == 6 and both({"x": np.ones(3), "t": t}) == 0.0
    assert an.onnx.load(model, {"t": t}, variables="x")(np.ones(3)) == 0.0
    parameters = an.onnx.load(model, {"x": np.ones(3), "t": t}, variables="parameters")
    assert parameters(an.onnx.parameters(model)["w"]) == 0.0
    assert an.onnx.load(model, {"t": t}, variables=["x", "w"]).n == 6
    assert an.onnx.load(model, variables="x", output="a").shape == (3,)
    report = an.verify(an.onnx.load(model, {"t": t}, variables="x"), np.zeros(3), slope="torch")
    assert report.verdict is WRONG and report.gradient.tolist() == [0.0, 0.0, 0.0]
    assert report.clarke_gradient.tolist() == [1.0, 2.0, -3.0]
    assert "model.onnx" in str(report)


def test_operators_without_a_rule_are_all_listed() -> None:
    both = """f (float[3] x) => (float y) {
        u = Unique(x)  b = BitCast<to = 6>(u)  c = Cast<to = 1>(b)  y = ReduceSum<keepdims = 0>(c) }"""
    header = '<ir_version: 13, opset_import: ["": 26]> '
    with pytest.raises(an.TraceError, match=r"2 operator.*BitCast at model.onnx:2 \(works on the bits.*Unique at"):
        an.onnx.load(onnx.parser.parse_model(header + both))
    alone = both.replace("b = BitCast<to = 6>(u)", "").replace("(b)", "(u)")
    with pytest.raises(an.TraceError, match=r"Unique at model.onnx:1: sorts and counts entries, which jumps. Fix: use"):
        an.onnx.load(onnx.parser.parse_model(header + alone))


@pytest.mark.parametrize(("arguments", "words"), [
    ((3,), "path or an onnx.ModelProto"),
    ((None, {"z": np.zeros(3)}), "must be named"),
    ((None, np.zeros(3)), "must be a dict"),
    ((None, {"x": np.zeros(4)}), "must have the shape"),
])  # fmt: skip
def test_bad_arguments(arguments: tuple[Any, ...], words: str) -> None:
    model = onnx.parser.parse_model(TEXT)
    with pytest.raises(ValueError, match=words):
        an.onnx.load(*(model if item is None else item for item in arguments))
    for options, said in (({"variables": "q"}, "variables must be"), ({"output": "q"}, "output must be")):
        with pytest.raises(ValueError, match=said):
            an.onnx.load(model, **options)


def test_an_old_opset_is_refused() -> None:
    model = onnx.parser.parse_model(TEXT.replace("18", "10"))
    with pytest.raises(ValueError, match="opset 10"):
        an.onnx.load(model)


def test_the_command_takes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.parser.parse_model(TEXT.replace(", float[3] t", "").replace("Mul(d, t)", "Mul(d, w)"))
    onnx.save(model, tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", np.zeros(3))
    status = main(["check", str(tmp_path / "net.onnx"), "--at", str(tmp_path / "x.npy"), "--slope", "torch"])
    assert status == 1
    out = capsys.readouterr().out
    assert out.startswith("NOT_CLARKE") and "net.onnx:" in out


def test_the_zeros_that_stand_for_inputs_are_named_where_they_lie_outside_of_the_domain() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["": 18]> f (double[2] x, double[2] w) => (double y) {
            a = Log(x)  b = Mul(a, w)  y = ReduceSum<keepdims = 0>(b)
        }""")
    with pytest.raises(an.DomainError, match="where zeros stand for x, w: give values with inputs="):
        an.onnx.load(model)
    with pytest.raises(an.DomainError, match="where zeros stand for w:"):
        an.onnx.load(model, {"x": -np.ones(2)})
    with pytest.raises(an.DomainError, match=r"at this point\. Fix"):
        an.onnx.load(model, {"x": np.zeros(2), "w": np.ones(2)})
    assert an.onnx.load(model, {"x": np.ones(2)})({"x": np.ones(2), "w": np.ones(2)}) == 0
