"""Convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.onnx.graph import Call
from absnormal.frontends.pooling import folds, summed_over, windows
from absnormal.ops.convolution import Layout


def _padding(call: Call, space: tuple[int, ...], kernel: tuple[int, ...]) -> list[tuple[int, int]]:
    """Padding before and after, axis by axis."""
    count = len(kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    auto = call.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return [(0, 0)] * count
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        needed = [
            max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
            for size, k, s, d in zip(space, kernel, stride, dilation, strict=True)
        ]
        halves = [(total // 2, total - total // 2) for total in needed]
        return halves if auto == "SAME_UPPER" else [(high, low) for low, high in halves]
    pads = call.get("pads") or [0] * (2 * count)
    return [(int(pads[i]), int(pads[count + i])) for i in range(count)]


def _padded(call: Call, u: Any, kernel: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """u with the padding that a layout cannot express, and the rest, which is the same on both sides."""
    padding = _padding(call, u.shape[2:], kernel)
    if all(low == high for low, high in padding):
        return u, tuple(low for low, _ in padding)
    return np.pad(u, [(0, 0), (0, 0), *padding]), (0,) * len(kernel)


def _convolution(call: Call, u: Any, weight: Any, bias: Any = None) -> Any:
    u, weight = call.write.array(u), call.write.array(weight)
    kernel = weight.shape[2:]
    count = len(kernel)
    u, padding = _padded(call, u, kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    layout = Layout(tuple(stride), padding, tuple(dilation), call.get("group", 1))
    result = call.write.op("convolve", u, weight, layout=layout)
    return result if bias is None else result + np.reshape(bias, (-1, *([1] * count)))


def _transposed(call: Call, u: Any, weight: Any, bias: Any = None) -> Any:
    u, weight = call.write.array(u), call.write.array(weight)
    count = len(weight.shape) - 2
    padding = _padding(call, u.shape[2:], weight.shape[2:])
    uneven = any(low != high for low, high in padding)
    if uneven or call.get("output_shape") or call.get("auto_pad", "NOTSET") != "NOTSET":
        call.write.refuse("with output_shape or uneven padding is not supported", "give pads that are even")
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    layout = Layout(tuple(stride), tuple(low for low, _ in padding), tuple(dilation), call.get("group", 1))
    extra = tuple(call.get("output_padding") or [0] * count)
    result = call.write.op("convolve_back", u, weight, layout=layout, extra=extra)
    return result if bias is None else result + np.reshape(bias, (-1, *([1] * count)))


def _places(call: Call, u: Any) -> tuple[Array, tuple[int, ...]]:
    """The numbers of the entries in every window, -1 in the padding, and in the outermost overhang -2."""
    kernel = tuple(call.get("kernel_shape"))
    count = len(kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    padding = _padding(call, u.shape[2:], kernel)
    if call.get("ceil_mode", 0):
        padding = [_overhang(*item) for item in zip(u.shape[2:], kernel, stride, dilation, padding, strict=True)]
    one = (1,) * (count + 2)
    index = windows(u.shape, (1, 1, *kernel), (1, 1, *stride), ((0, 0), (0, 0), *padding), (1, 1, *dilation), one)
    return index, kernel


def _overhang(size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> tuple[int, int]:
    """More padding behind, for a last window that is not full; it must begin inside."""
    low, high = padding
    reach = dilation * (kernel - 1) + 1
    count = -(-(size + low + high - reach) // stride) + 1
    if (count - 1) * stride >= size + low:
        count -= 1
    return low, max(high, (count - 1) * stride + reach - size - low)


def _max_pool(call: Call, u: Any) -> Any:
    index, _ = _places(call, u)
    flat = folds(call.write, np.reshape(u, -1), index.reshape(len(index), -1), 1, "max.window")
    result = np.reshape(flat, index.shape[1:])
    return [result, None] if call.outputs > 1 else result


def _average_pool(call: Call, u: Any) -> Any:
    index, kernel = _places(call, u)
    total = summed_over(call.write, np.reshape(u, -1), index)
    if not call.get("count_include_pad", 0):
        return total / (index >= 0).sum(axis=0)
    return total / _inside_padding(call, u.shape, index, kernel)


def _inside_padding(call: Call, shape: tuple[int, ...], index: Array, kernel: tuple[int, ...]) -> Any:
    """How many entries of a window lie in the array or its declared padding: an overhang does not count."""
    if not call.get("ceil_mode", 0):
        return math.prod(kernel)
    padding = _padding(call, shape[2:], kernel)
    padded = (1, 1, *(size + low + high for size, (low, high) in zip(shape[2:], padding, strict=True)))
    count = len(kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    over = [
        (0, _overhang(size, k, s, d, pair)[1] - pair[1])
        for size, k, s, d, pair in zip(shape[2:], kernel, stride, dilation, padding, strict=True)
    ]
    one = (1,) * (count + 2)
    places = windows(padded, (1, 1, *kernel), (1, 1, *stride), ((0, 0), (0, 0), *over), (1, 1, *dilation), one)
    return (places >= 0).sum(axis=0)


def _global_average(call: Call, u: Any) -> Any:
    return np.mean(u, tuple(range(2, u.ndim)), keepdims=True)


def _global_max(call: Call, u: Any) -> Any:
    space = (1,) * (u.ndim - 2)
    flat = np.moveaxis(np.reshape(u, (*u.shape[:2], -1)), -1, 0)
    return np.reshape(call.write.op("fold", flat, tie="max.window", sign=1), (*u.shape[:2], *space))


WINDOWS: dict[str, Callable[..., Any]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
}
