"""The operators of ONNX, a line each: written with NumPy's functions on traced arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.numpy import TracedArray
from absnormal.frontends.numpy_masks import TracedMask
from absnormal.frontends.numpy_order import largest, smallest
from absnormal.frontends.numpy_select import combined
from absnormal.frontends.onnx.graph import Call
from absnormal.frontends.onnx.recurrent import gru, lstm, rnn
from absnormal.frontends.onnx.shapes import SHAPES
from absnormal.frontends.onnx.windows import WINDOWS
from absnormal.frontends.ordered import in_order
from absnormal.frontends.writing import axes_of, extremum, kink

Rule = Callable[..., Any]

ROWS = {
    "Add": "add", "Sub": "sub", "Div": "div", "Neg": "neg", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
    "Reciprocal": "reciprocal", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "arcsin", "Acos": "arccos",
    "Atan": "arctan", "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh", "Asinh": "arcsinh", "Acosh": "arccosh",
    "Atanh": "arctanh", "Sigmoid": "expit", "Erf": "erf", "MatMul": "matmul",
}  # fmt: skip

COMPARISONS = {
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal,
    "Equal": np.equal,
}

JUMPS = {"Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "rint"}


def _row(op: str) -> Rule:
    return lambda call, *args: call.write.op(op, *args)


# -- activations -------------------------------------------------------------------------------------------


def _parts(call: Call, u: Any, tie: str) -> tuple[Any, Any]:
    """max(u, 0) and min(u, 0), of one kink."""
    r = kink(call.write, u, 0.5, 0.5, tie)
    return r, u - r


def _leaky_relu(call: Call, u: Any) -> Any:
    a = call.get("alpha", 0.01)
    return kink(call.write, u, (1 + a) / 2, (1 - a) / 2, "leaky_relu")


def _prelu(call: Call, u: Any, slope: Any) -> Any:
    above, below = _parts(call, u, "leaky_relu")
    return above + below * slope


def _elu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    return above + call.get("alpha", 1.0) * np.expm1(below)


def _selu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    alpha, gamma = call.get("alpha", 1.67326319217681884765625), call.get("gamma", 1.05070102214813232421875)
    return gamma * (above + alpha * np.expm1(below))


def _celu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    alpha = call.get("alpha", 1.0)
    return above + alpha * np.expm1(below / alpha)


def _hard_sigmoid(call: Call, u: Any, alpha: float | None = None, beta: float | None = None) -> Any:
    a = call.get("alpha", 0.2) if alpha is None else alpha
    b = call.get("beta", 0.5) if beta is None else beta
    low = extremum(call.write, a * u + b, 0.0, 1, "hard.low")
    return extremum(call.write, low, 1.0, -1, "hard.high")


def _gelu(call: Call, u: Any) -> Any:
    if call.get("approximate", "none") == "tanh":
        return 0.5 * u * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
    return u * special.ndtr(u)


def _thresholded(call: Call, u: Any) -> Any:
    return np.where(u > call.get("alpha", 1.0), u, 0.0)


def _softplus(call: Call, u: Any) -> Any:
    return call.write.op("logaddexp", u, 0.0)


def _clip(call: Call, u: Any, low: Any = None, high: Any = None) -> Any:
    if low is not None:
        u = extremum(call.write, u, low, 1, "clip.low")
    return u if high is None else extremum(call.write, u, high, -1, "clip.high")


def _extrema(sign: int) -> Rule:
    def rule(call: Call, *args: Any) -> Any:
        result = args[0]
        for arg in args[1:]:
            result = extremum(call.write, result, arg, sign, "maximum" if sign > 0 else "minimum")
        return result

    return rule


def _total(call: Call, *args: Any) -> Any:
    result = args[0]
    for arg in args[1:]:
        result = result + arg
    return result / len(args) if call.kind == "Mean" else result


# -- reductions --------------------------------------------------------------------------------------------


def log_sum_exp(call: Call, u: Any, axis: int) -> Any:
    """log sum exp over an axis, which stays."""
    return call.write.op("logsumexp", u, axes=(axis % u.ndim,))


def _log_softmax(call: Call, u: Any) -> Any:
    return u - log_sum_exp(call, u, call.get("axis", -1))


def _softmax(call: Call, u: Any) -> Any:
    return np.exp(_log_softmax(call, u))


def _reduction(function: Callable[..., Any]) -> Rule:
    def rule(call: Call, u: Any, axes: Any = None) -> Any:
        given = call.get("axes") if axes is None else axes
        given = None if given is None or len(given) == 0 else tuple(int(axis) for axis in given)
        if given is None and call.get("noop_with_empty_axes", 0):
            return u
        return function(u, axis=axes_of(given, u.ndim), keepdims=bool(call.get("keepdims", 1)))

    return rule


def _log_sums(call: Call, u: Any, axes: Any = None) -> Any:
    given = call.get("axes") if axes is None else axes
    axis = axes_of(None if given is None else tuple(int(item) for item in given), u.ndim)
    for one in axis:
        u = log_sum_exp(call, u, one)
    return u if call.get("keepdims", 1) else np.squeeze(u, axis)


def _selected(relation: str) -> Rule:
    def rule(call: Call, u: Any) -> Any:
        axis = call.get("axis", 0)
        chosen = call.write.constant_piece(relation, np.moveaxis(u, axis, -1))
        return np.expand_dims(chosen, axis).astype(np.int64) if call.get("keepdims", 1) else chosen.astype(np.int64)

    return rule


def _top_k(call: Call, u: Any, k: Any) -> Any:
    axis, many = call.get("axis", -1), bool(call.get("largest", 1))
    order = np.argsort(-u.value if many else u.value, axis=axis, kind="stable")
    count = int(np.reshape(k, -1)[0])
    values = in_order(call.write, u, order, axis, descending=many, count=count)
    return [values, np.take(order, range(count), axis).astype(np.int64)]


def _norm(call: Call, u: Any) -> Any:
    axis, p = call.get("axis", -1), call.get("p", 2)
    size = np.sum(np.abs(u), axis, keepdims=True) if p == 1 else np.sqrt(np.sum(u * u, axis, keepdims=True))
    return u / size


# -- normalization -----------------------------------------------------------------------------------------


def _batch_norm(call: Call, u: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    if call.get("training_mode", 0):
        call.write.refuse("in training mode is not supported", "export the model in eval mode")
    lift = (-1, *([1] * (np.ndim(u) - 2)))
    scale, bias, mean, var = (np.reshape(item, lift) for item in (scale, bias, mean, var))
    return (u - mean) * (scale / np.sqrt(var + call.get("epsilon", 1e-5))) + bias


def _normalized(call: Call, u: Any, axes: tuple[int, ...]) -> Any:
    centred = u - np.mean(u, axes, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axes, keepdims=True) + call.get("epsilon", 1e-5))


def _layer_norm(call: Call, u: Any, scale: Any, bias: Any = None) -> Any:
    axis = call.get("axis", -1) % np.ndim(u)
    result = _normalized(call, u, tuple(range(axis, np.ndim(u)))) * scale
    return result if bias is None else result + bias


def _instance_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    lift = (-1, *([1] * (np.ndim(u) - 2)))
    return _normalized(call, u, tuple(range(2, np.ndim(u)))) * np.reshape(scale, lift) + np.reshape(bias, lift)


def _group_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    shape, groups = np.shape(u), call.get("num_groups")
    split = np.reshape(u, (shape[0], groups, -1))
    result = np.reshape(_normalized(call, split, (2,)), (shape[0], groups, shape[1] // groups, -1))
    per_group = np.size(scale) == groups and call.opset < 21
    lift = (1, groups, 1, 1) if per_group else (1, groups, shape[1] // groups, 1)
    return np.reshape(result * np.reshape(scale, lift) + np.reshape(bias, lift), shape)


# -- contractions and losses -------------------------------------------------------------------------------


def _gemm(call: Call, a: Any, b: Any, c: Any = None) -> Any:
    a = np.transpose(a) if call.get("transA", 0) else a
    b = np.transpose(b) if call.get("transB", 0) else b
    result = call.write.op("matmul", a, b)
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    result = result if alpha == 1 else alpha * result
    return result if c is None else result + (c if beta == 1 else beta * c)


def _likelihood(call: Call, log_probabilities: Any, target: Any, weight: Any = None) -> Any:
    """-log p of the target class, with axis 1 the classes."""
    target = np.asarray(target).astype(int)
    ignore = call.get("ignore_index")
    kept = np.ones(target.shape) if ignore is None else (target != ignore).astype(float)
    classes = np.where(kept > 0, target, 0)
    weights = kept if weight is None else np.asarray(weight, dtype=float)[classes] * kept
    numbers = np.arange(math.prod(np.shape(log_probabilities))).reshape(np.shape(log_probabilities))
    place = np.take_along_axis(numbers, np.expand_dims(classes, 1), 1)[:, 0]
    losses = -call.write.op("gather", log_probabilities, index=place) * weights
    reduction = call.get("reduction", "mean")
    if reduction == "none":
        return losses
    return np.sum(losses) / weights.sum() if reduction == "mean" else np.sum(losses)


def _cross_entropy(call: Call, scores: Any, target: Any, weight: Any = None) -> Any:
    logs = scores - log_sum_exp(call, scores, 1)
    return [_likelihood(call, logs, target, weight), logs]


# -- choices -----------------------------------------------------------------------------------------------


def _cast(call: Call, u: Any) -> Any:
    kinds = {1: "f", 10: "f", 11: "f", 16: "f", 9: "b"}
    kind = kinds.get(call.get("to"), "i")
    if isinstance(u, TracedMask):
        return u
    if kind == "f":
        return u
    return np.not_equal(u, 0) if kind == "b" else call.write.constant_piece("trunc", u).astype(np.int64)


def _logical(name: str) -> Rule:
    return lambda call, a, b: combined(call.write, name, a, b)


def _power(call: Call, u: Any, e: Any) -> Any:
    if not isinstance(e, TracedArray) and np.all(np.asarray(e) == 2):
        return call.write.op("square", u) if np.size(e) == 1 else np.power(u, np.asarray(e, dtype=float))
    return np.power(u, e if isinstance(e, TracedArray) else np.asarray(e, dtype=float))


RULES: dict[str, Rule] = {
    **{name: _row(op) for name, op in ROWS.items()},
    **{name: (lambda call, a, b, ufunc=ufunc: ufunc(a, b)) for name, ufunc in COMPARISONS.items()},
    **{name: (lambda call, u, relation=relation: call.write.constant_piece(relation, u))
       for name, relation in JUMPS.items()},
    **SHAPES,
    **WINDOWS,
    "Mul": lambda call, a, b: np.multiply(a, b),
    "Pow": _power,
    "Abs": lambda call, u: np.abs(u),
    "Relu": lambda call, u: kink(call.write, u, 0.5, 0.5, "relu"),
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Elu": _elu,
    "Selu": _selu,
    "Celu": _celu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda call, u: u * _hard_sigmoid(call, u, 1 / 6, 0.5),
    "Gelu": _gelu,
    "Mish": lambda call, u: u * np.tanh(_softplus(call, u)),
    "Softplus": _softplus,
    "Softsign": lambda call, u: u / (1 + np.abs(u)),
    "Swish": lambda call, u: u * special.expit(call.get("alpha", 1.0) * u),
    "ThresholdedRelu": _thresholded,
    "Clip": _clip,
    "Max": _extrema(1),
    "Min": _extrema(-1),
    "Sum": _total,
    "Mean": _total,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "ReduceSum": _reduction(np.sum),
    "ReduceMean": _reduction(np.mean),
    "ReduceProd": _reduction(np.prod),
    "ReduceMax": _reduction(lambda u, axis, keepdims: largest(u, axis, keepdims=keepdims)),
    "ReduceMin": _reduction(lambda u, axis, keepdims: smallest(u, axis, keepdims=keepdims)),
    "ReduceL1": _reduction(lambda u, axis, keepdims: np.sum(np.abs(u), axis, keepdims=keepdims)),
    "ReduceL2": _reduction(lambda u, axis, keepdims: np.sqrt(np.sum(u * u, axis, keepdims=keepdims))),
    "ReduceSumSquare": _reduction(lambda u, axis, keepdims: np.sum(u * u, axis, keepdims=keepdims)),
    "ReduceLogSum": _reduction(lambda u, axis, keepdims: np.log(np.sum(u, axis, keepdims=keepdims))),
    "ReduceLogSumExp": _log_sums,
    "ArgMax": _selected("argmax"),
    "ArgMin": _selected("argmin"),
    "TopK": _top_k,
    "LpNormalization": _norm,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "Gemm": _gemm,
    "Einsum": lambda call, *args: np.einsum(call.get("equation"), *args),
    "NegativeLogLikelihoodLoss": _likelihood,
    "SoftmaxCrossEntropyLoss": _cross_entropy,
    "Where": lambda call, mask, a, b: np.where(mask, a, b),
    "Not": lambda call, mask: ~mask,
    "And": _logical("and"),
    "Or": _logical("or"),
    "Cast": _cast,
    "CastLike": lambda call, u, like: u,
    "Identity": lambda call, u: u,
    "Dropout": lambda call, u, *rest: [u, np.ones(np.shape(u), bool)],
    "LSTM": lstm,
    "GRU": gru,
    "RNN": rnn,
}
