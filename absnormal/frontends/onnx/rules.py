"""The operators of ONNX, a line each: written with NumPy's functions on traced arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.meanings.losses import negative_log_likelihood
from absnormal.frontends.meanings.order import in_order
from absnormal.frontends.meanings.outcomes import looked_up
from absnormal.frontends.meanings.places import plain, sorted_places
from absnormal.frontends.meanings.reductions import log_softmax, softmax
from absnormal.frontends.numpy.masks import TracedMask, numbers
from absnormal.frontends.numpy.order import largest, smallest
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.activations import ACTIVATIONS
from absnormal.frontends.onnx.graph import REAL
from absnormal.frontends.onnx.ml import ML
from absnormal.frontends.onnx.normalization import NORMALIZATIONS
from absnormal.frontends.onnx.quantized import QUANTIZED
from absnormal.frontends.onnx.recurrent import RECURRENT
from absnormal.frontends.onnx.resizing import RESIZING
from absnormal.frontends.onnx.rule import Call, Rule, reading
from absnormal.frontends.onnx.sampling import SAMPLING
from absnormal.frontends.onnx.shapes import SHAPES
from absnormal.frontends.onnx.spectral import SPECTRAL
from absnormal.frontends.onnx.windows import WINDOWS
from absnormal.frontends.writing import axes_of, writer_of

Write = Callable[..., Any]

UNARY = {
    "Neg": "neg", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
    "Reciprocal": "reciprocal", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "arcsin", "Acos": "arccos",
    "Atan": "arctan", "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh", "Asinh": "arcsinh", "Acosh": "arccosh",
    "Atanh": "arctanh", "Sigmoid": "expit", "Erf": "erf",
}  # fmt: skip

BINARY = {"Add": "add", "Sub": "sub", "Div": "div", "MatMul": "matmul"}

COMPARISONS = {
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal,
    "Equal": np.equal,
}

JUMPS = {"Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "rint"}


# -- several arguments -----------------------------------------------------------------------------------


def _extrema(sign: int) -> Write:
    def rule(call: Call, *args: Any) -> Any:
        result = args[0]
        for arg in args[1:]:
            result = call.write.extremum(result, arg, sign, "maximum" if sign > 0 else "minimum")
        return result

    return rule


def _total(call: Call, *args: Any) -> Any:
    result = args[0]
    for arg in args[1:]:
        result = result + arg
    return result / len(args) if call.kind == "Mean" else result


# -- reductions --------------------------------------------------------------------------------------------


def _rows(call: Call, u: Any) -> tuple[Any, int]:
    """What a softmax is taken of, and the axis: before opset 13 all axes from the given one on are one."""
    axis = call.get("axis")
    if call.schema.since_version >= 13:
        return u, axis
    shape = np.shape(u)
    axis %= len(shape)
    return np.reshape(u, (math.prod(shape[:axis]), math.prod(shape[axis:]))), 1


def _of_rows(function: Callable[..., Any]) -> Rule:
    return reading(lambda call, u: np.reshape(function(call.write, *_rows(call, u)), np.shape(u)), "axis")


def _hardmax(call: Call, u: Any) -> Any:
    rows, axis = _rows(call, u)
    moved = np.moveaxis(rows, axis, -1)
    chosen = plain(call.write.constant_piece("argmax", moved).astype(int))
    return np.reshape(np.moveaxis(looked_up(np.eye(np.shape(moved)[-1]), chosen), -1, axis), np.shape(u))


def _axes(call: Call, u: Any, axes: Any) -> tuple[int, ...]:
    """What a reduction reduces over: an attribute before opset 18, an input since then; none is all, or nothing."""
    given = call.get("axes") if axes is None else axes
    if given is None or len(given) == 0:
        return () if call.get("noop_with_empty_axes") else tuple(range(u.ndim))
    return axes_of(tuple(int(axis) for axis in given), u.ndim)


def _euclidean(u: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if not axis:
        return np.abs(u)
    return writer_of(u, "ReduceL2").op("sqrt", np.sum(u * u, axis, keepdims=keepdims), tie="norm")


def _log_sums(call: Call, u: Any, axes: Any = None) -> Any:
    axis = _axes(call, u, axes)
    for one in axis:
        u = call.write.logsumexp(u, [one], True)
    return u if call.get("keepdims") else np.squeeze(u, axis)


def _selected(relation: str) -> Write:
    def rule(call: Call, u: Any) -> Any:
        axis = call.get("axis")
        chosen = call.write.constant_piece(relation, np.moveaxis(u, axis, -1))
        return np.expand_dims(chosen, axis).astype(np.int64) if call.get("keepdims") else chosen.astype(np.int64)

    return rule


def _top_k(call: Call, u: Any, k: Any) -> Any:
    axis, many = call.get("axis"), bool(call.get("largest"))
    order = np.argsort(-u.value if many else u.value, axis=axis, kind="stable")
    count = int(np.reshape(k, -1)[0])
    values = in_order(call.write, u, order, axis, descending=many, ranks=range(count))
    first = np.take(np.take_along_axis(u.value, order, axis), range(min(count + 1, u.shape[axis])), axis)
    places: Any = order.astype(np.int64)
    if 1 in call.used and np.any(np.diff(first, axis=axis) == 0):
        places = sorted_places(call.write, u, places, axis, many, "use its values only")
    return [values, np.moveaxis(np.moveaxis(places, axis, 0)[:count], 0, axis)]


# -- contractions and losses -------------------------------------------------------------------------------


def _gemm(call: Call, a: Any, b: Any, c: Any = None) -> Any:
    a = np.transpose(a) if call.get("transA") else a
    b = np.transpose(b) if call.get("transB") else b
    result = call.write.op("matmul", a, b)
    alpha, beta = call.get("alpha"), call.get("beta")
    result = result if alpha == 1 else alpha * result
    return result if c is None else result + (c if beta == 1 else beta * c)


def _likelihood(call: Call, logs: Any, target: Any, weight: Any = None) -> Any:
    labels, reduction = np.asarray(target).astype(int), call.choice("reduction", "mean", "sum", "none")
    return negative_log_likelihood(call.write, logs, labels, reduction, weight, call.get("ignore_index"))


def _cross_entropy(call: Call, scores: Any, target: Any, weight: Any = None) -> Any:
    logs = log_softmax(call.write, scores, 1)
    return [_likelihood(call, logs, target, weight), logs]


# -- choices -----------------------------------------------------------------------------------------------


def _cast(call: Call, u: Any) -> Any:
    to = call.get("to")
    helper = require("onnx.helper", "onnx")
    return _as_type(call, u, np.dtype(helper.tensor_dtype_to_np_dtype(to)))


def _cast_like(call: Call, u: Any, like: Any) -> Any:
    return _as_type(call, u, np.dtype(bool) if isinstance(like, TracedMask) else like.dtype)


def _as_type(call: Call, u: Any, dtype: np.dtype[Any]) -> Any:
    """A conversion: between real numbers a rounding of the identity, to integers a jump, to truth values u != 0."""
    if isinstance(u, TracedMask) and np.any(u.tied):
        return u if dtype.kind == "b" else numbers(u).astype(float if dtype.name in REAL.values() else dtype)
    if isinstance(u, TracedMask):
        return np.asarray(u.concrete()).astype(float if dtype.name in REAL.values() else dtype)
    if not isinstance(u, TracedArray):
        return np.asarray(u).astype(float if dtype.name in REAL.values() else dtype)
    if dtype.name in REAL.values():
        return u
    if dtype.kind == "b":
        return np.not_equal(u, 0)
    if dtype.kind not in "iu":
        call.write.refuse(f"to {dtype} is not supported", "convert to a real type, to integers or to bool")
    whole = call.write.constant_piece("trunc", u)
    limits = np.iinfo(dtype)
    if np.any((whole < limits.min) | (whole > limits.max)):
        call.write.refuse(f"to {dtype} of a number that it cannot hold is not defined", "convert to a wider type")
    return whole.astype(dtype)


def _dropout(call: Call, u: Any, ratio: Any = None, training: Any = None) -> Any:
    drops = ratio is None or isinstance(ratio, TracedArray) or np.any(ratio)
    if training is not None and np.any(training) and drops:
        call.write.refuse("drops entries at random in training mode", "export the model in evaluation mode")
    return [u, np.ones(np.shape(u), bool)]


_LOGICAL = {"And": operator.and_, "Or": operator.or_, "Xor": operator.xor}


def _power(call: Call, u: Any, e: Any) -> Any:
    if not isinstance(e, TracedArray):
        e = np.asarray(e, dtype=float)
        e = e.reshape(()) if e.size == 1 and e.ndim <= np.ndim(u) else e
    result = np.power(u, e)
    # A power has the type of its base.
    whole = not isinstance(u, TracedArray) and np.asarray(u).dtype.kind in "iu"
    return call.write.constant_piece("trunc", result) if whole else result


_REDUCED = ("axes", "keepdims", "noop_with_empty_axes")


def _reducing(function: Callable[..., Any]) -> Rule:
    def rule(call: Call, u: Any, axes: Any = None) -> Any:
        return function(u, axis=_axes(call, u, axes), keepdims=bool(call.get("keepdims")))

    return Rule(rule, _REDUCED)


RULES: dict[str, Rule] = {
    **{name: Rule(lambda call, u, *, op=op: call.write.op(op, u)) for name, op in UNARY.items()},
    **{name: Rule(lambda call, u, v, *, op=op: call.write.op(op, u, v)) for name, op in BINARY.items()},
    **{name: Rule(lambda call, a, b, *, ufunc=ufunc: ufunc(a, b)) for name, ufunc in COMPARISONS.items()},
    **{name: Rule(lambda call, u, *, relation=relation: call.write.constant_piece(relation, u))
       for name, relation in JUMPS.items()},
    **ACTIVATIONS,
    **NORMALIZATIONS,
    **SHAPES,
    **WINDOWS,
    **RECURRENT,
    **RESIZING,
    **QUANTIZED,
    **SAMPLING,
    **SPECTRAL,
    "Mul": Rule(lambda call, a, b: np.multiply(a, b), keeps_masks=True),
    "Pow": Rule(_power),
    "Abs": Rule(lambda call, u: np.abs(u)),
    "Max": Rule(_extrema(1)),
    "Min": Rule(_extrema(-1)),
    "Sum": Rule(_total),
    "Mean": Rule(_total),
    "Softmax": _of_rows(softmax),
    "LogSoftmax": _of_rows(log_softmax),
    "ReduceSum": _reducing(np.sum),
    "ReduceMean": _reducing(np.mean),
    "ReduceProd": _reducing(np.prod),
    "ReduceMax": _reducing(lambda u, axis, keepdims: largest(u, axis, keepdims=keepdims)),
    "ReduceMin": _reducing(lambda u, axis, keepdims: smallest(u, axis, keepdims=keepdims)),
    "ReduceL1": _reducing(lambda u, axis, keepdims: np.sum(np.abs(u), axis, keepdims=keepdims)),
    "ReduceL2": _reducing(_euclidean),
    "ReduceSumSquare": _reducing(lambda u, axis, keepdims: np.sum(u * u, axis, keepdims=keepdims)),
    "ReduceLogSum": _reducing(lambda u, axis, keepdims: np.log(np.sum(u, axis, keepdims=keepdims))),
    "ReduceLogSumExp": Rule(_log_sums, _REDUCED),
    # Where entries tie the selection is refused, so that it does not matter which of them comes first.
    "ArgMax": reading(_selected("argmax"), "axis", "keepdims", idle=("select_last_index",)),
    "ArgMin": reading(_selected("argmin"), "axis", "keepdims", idle=("select_last_index",)),
    "TopK": reading(_top_k, "axis", "largest", idle=("sorted",), outputs=2),
    "Det": Rule(lambda call, u: np.linalg.det(u)),
    "Gemm": reading(_gemm, "alpha", "beta", "transA", "transB"),
    "Einsum": reading(lambda call, *args: np.einsum(call.get("equation"), *args), "equation"),
    "NegativeLogLikelihoodLoss": reading(_likelihood, "ignore_index", "reduction"),
    "SoftmaxCrossEntropyLoss": reading(_cross_entropy, "ignore_index", "reduction", outputs=2),
    "Where": Rule(lambda call, mask, a, b: np.where(mask, a, b), keeps_masks=True),
    "Not": Rule(lambda call, mask: ~mask, keeps_masks=True),
    # Of comparisons that are tied the versions are joined one by one.
    **{name: Rule(lambda call, a, b, *, join=join: join(numbers(a), numbers(b)), keeps_masks=True)
       for name, join in _LOGICAL.items()},
    "IsNaN": Rule(lambda call, u: np.isnan(u)),
    # Nothing that is finite near the point is infinite.
    "IsInf": Rule(lambda call, u: np.isinf(u), idle=("detect_negative", "detect_positive")),
    "Mod": reading(lambda call, u, v: (np.fmod if call.get("fmod") else np.remainder)(u, v), "fmod"),
    "Hardmax": reading(_hardmax, "axis"),
    # How a number is rounded, and to what it saturates, matters for types that are refused.
    "Cast": reading(_cast, "to", idle=("saturate", "round_mode"), keeps_masks=True),
    "CastLike": reading(_cast_like, idle=("saturate", "round_mode"), keeps_masks=True),
    "Identity": Rule(lambda call, u: u, keeps_masks=True),
    # Before opset 12 it is the identity, whatever its ratio.
    "Dropout": reading(_dropout, idle=("seed", "ratio"), outputs=2),
}

#: The rules of each domain.
OF_DOMAINS = {"": RULES, "ai.onnx.ml": ML}
