"""Quantization: rounding to a grid of integers, which is constant between its jumps, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.meanings.jumps import eithers, lifted
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.rule import Call, Rule, held, reading
from absnormal.frontends.onnx.windows import PLACED, convolution

#: The integers of the types that hold no whole byte.
_SMALL = {"uint4": (0, 15), "int4": (-8, 7), "uint2": (0, 3), "int2": (-2, 1)}


def _beside(u: Any, shape: tuple[int, ...], axis: int, block: int) -> Any:
    """A scale or a zero point beside an array of this shape: one number, one for each index, or one for each block."""
    if np.size(u) == 1:
        return np.reshape(u, ())
    if not block:
        return np.reshape(u, [-1 if place == axis % len(shape) else 1 for place in range(len(shape))])
    key = (slice(None),) * (axis % len(shape)) + (slice(shape[axis]),)
    return np.repeat(u, block, axis)[key]


def _quantized(call: Call, u: Any, like: Any, kind: int) -> Any:
    """u rounded to the nearest integer plus the zero point, inside of what the type holds."""
    dtype = np.dtype(require("onnx.helper", "onnx").tensor_dtype_to_np_dtype(kind))
    if dtype.name not in _SMALL and dtype.kind not in "iu":
        call.write.refuse(f"rounds to {dtype}, where it jumps", "quantize to integers, or judge the model before that")
    low, high = _SMALL[dtype.name] if dtype.name in _SMALL else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    whole = call.write.constant_piece("rint", u) + (0.0 if like is None else like)
    result = np.minimum(np.maximum(whole, low), high)
    if eithers([result]):
        return lifted(lambda value: np.asarray(value).astype(dtype), [result], True)
    return np.asarray(result).astype(dtype)


def _quantize(call: Call, u: Any, scale: Any, zero: Any = None) -> Any:
    axis, block = call.get("axis"), call.get("block_size") or 0
    helper, declared = require("onnx.helper", "onnx"), call.get("output_dtype")
    kind = declared or (2 if zero is None else helper.np_dtype_to_tensor_dtype(np.asarray(zero).dtype))
    shape = np.shape(u)
    point = None if zero is None else np.asarray(_beside(zero, shape, axis, block), dtype=float)
    return _quantized(call, call.write.div(u, _beside(scale, shape, axis, block)), point, kind)


def _dequantize(call: Call, u: Any, scale: Any, zero: Any = None) -> Any:
    axis, block, shape = call.get("axis"), call.get("block_size") or 0, np.shape(u)
    numbers = u if isinstance(u, TracedArray) else np.asarray(u).astype(float)
    if zero is not None:
        numbers = numbers - np.asarray(_beside(zero, shape, axis, block)).astype(float)
    return numbers * _beside(scale, shape, axis, block)


def _product(
    call: Call, a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, scale: Any, zero: Any
) -> Any:
    """A product of quantized matrices, quantized."""
    columns = np.ndim(b) - 1
    left = np.asarray(held(call, a, "a")).astype(float) - _rows(a_zero, np.ndim(a))
    right = np.asarray(held(call, b, "b")).astype(float) - _beside(np.asarray(b_zero, float), np.shape(b), columns, 0)
    factor = _rows(a_scale, np.ndim(a)) * _beside(b_scale, np.shape(b), columns, 0) / _rows(scale, np.ndim(a))
    kind = require("onnx.helper", "onnx").np_dtype_to_tensor_dtype(np.asarray(zero).dtype)
    return _quantized(call, call.write.array((left @ right) * factor), _rows(np.asarray(zero, float), np.ndim(a)), kind)


def _convolution(
    call: Call, u: Any, u_scale: Any, u_zero: Any, weight: Any, weight_scale: Any, weight_zero: Any, scale: Any,
    zero: Any, bias: Any = None
) -> Any:
    """A convolution of quantized images, quantized; the bias has the scale of the products."""
    image = np.asarray(held(call, u, "x")).astype(float) - np.asarray(u_zero, dtype=float)
    shape = np.shape(weight)
    kernel = np.asarray(held(call, weight, "w")).astype(float) - _beside(np.asarray(weight_zero, float), shape, 0, 0)
    made = convolution(call, image, kernel, None if bias is None else np.asarray(bias, dtype=float))
    factor = u_scale * _beside(weight_scale, np.shape(made), 1, 0) / scale
    kind = require("onnx.helper", "onnx").np_dtype_to_tensor_dtype(np.asarray(zero).dtype)
    return _quantized(call, call.write.mul(made, factor), np.asarray(zero, dtype=float), kind)


def _rows(u: Any, ndim: int) -> Any:
    """One number, or one for each row."""
    u = u if isinstance(u, TracedArray) else np.asarray(u, dtype=float)
    return np.reshape(u, (*np.shape(u)[: ndim - 1], -1, 1) if np.size(u) > 1 else ())


# How numbers are rounded on the way matters for types that are refused.
QUANTIZED: dict[str, Rule] = {
    "QuantizeLinear": reading(
        _quantize, "axis", "block_size", "output_dtype", idle=("saturate", "precision")),
    "DequantizeLinear": reading(_dequantize, "axis", "block_size", idle=("output_dtype",)),
    "QLinearMatMul": Rule(_product),
    "QLinearConv": reading(_convolution, *PLACED, "group", idle=("kernel_shape",)),
}
