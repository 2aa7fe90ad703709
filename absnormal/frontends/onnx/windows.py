"""Convolution and pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.windows import folds, summed_over, windows
from absnormal.frontends.onnx.rule import Call, Rule, reading
from absnormal.ops.convolution import Layout


def _padding(call: Call, space: tuple[int, ...], kernel: tuple[int, ...]) -> list[tuple[int, int]]:
    """Padding before and after, axis by axis."""
    count = len(kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    auto = call.choice("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
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
    layout = Layout(tuple(stride), padding, tuple(dilation), call.get("group"))
    result = call.write.op("convolve", u, weight, layout=layout)
    return result if bias is None else result + np.reshape(bias, (-1, *([1] * count)))


def _transposed(call: Call, u: Any, weight: Any, bias: Any = None) -> Any:
    u, weight = call.write.array(u), call.write.array(weight)
    count = len(weight.shape) - 2
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    extra = tuple(call.get("output_padding") or [0] * count)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    full = [s * (n - 1) + r + e for s, n, r, e in zip(stride, u.shape[2:], reach, extra, strict=True)]
    cut = _cut(call, [s * n for s, n in zip(stride, u.shape[2:], strict=True)], full)
    even = all(low == high for low, high in cut)
    padding = tuple(low for low, _ in cut) if even else (0,) * count
    layout = Layout(tuple(stride), padding, tuple(dilation), call.get("group"))
    result = call.write.op("convolve_back", u, weight, layout=layout, extra=extra)
    if not even:
        inside = (slice(low, size - high) for (low, high), size in zip(cut, full, strict=True))
        result = result[(slice(None), slice(None), *inside)]
    return result if bias is None else result + np.reshape(bias, (-1, *([1] * count)))


def _cut(call: Call, scaled: list[int], full: list[int]) -> list[tuple[int, int]]:
    """What a transposed convolution leaves out before and after, axis by axis, of all that it could compute."""
    auto = call.choice("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    shape = call.get("output_shape")
    if not shape and auto == "VALID":
        return [(0, 0)] * len(full)
    if not shape and auto == "NOTSET":
        count, pads = len(full), call.get("pads") or [0] * (2 * len(full))
        return [(int(pads[i]), int(pads[count + i])) for i in range(count)]
    totals = [size - out for size, out in zip(full, shape or scaled, strict=True)]
    if min(totals) < 0:
        call.write.refuse("the output is larger than what the input and the weights reach", "give output_padding")
    halves = [(total // 2, total - total // 2) for total in totals]
    return halves if auto == "SAME_UPPER" else [(high, low) for low, high in halves]


def _places(call: Call, u: Any) -> tuple[Array, tuple[int, ...]]:
    """The numbers of the entries in every window, -1 in the padding, and in the outermost overhang -2."""
    kernel = tuple(call.get("kernel_shape"))
    count = len(kernel)
    stride, dilation = call.get("strides") or [1] * count, call.get("dilations") or [1] * count
    padding = _padding(call, u.shape[2:], kernel)
    if call.get("ceil_mode"):
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
    return np.reshape(flat, index.shape[1:])


def _average_pool(call: Call, u: Any) -> Any:
    index, kernel = _places(call, u)
    total = summed_over(call.write, np.reshape(u, -1), index)
    if not call.get("count_include_pad"):
        return total / (index >= 0).sum(axis=0)
    return total / _inside_padding(call, u.shape, index, kernel)


def _inside_padding(call: Call, shape: tuple[int, ...], index: Array, kernel: tuple[int, ...]) -> Any:
    """How many entries of a window lie in the array or its declared padding: an overhang does not count."""
    if not call.get("ceil_mode"):
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


_PLACED = ("auto_pad", "dilations", "pads", "strides")

WINDOWS: dict[str, Rule] = {
    # The shape of the kernel is that of the weights.
    "Conv": reading(_convolution, *_PLACED, "group", idle=("kernel_shape",)),
    "ConvTranspose": reading(
        _transposed, *_PLACED, "group", "output_padding", "output_shape", idle=("kernel_shape",)),
    "MaxPool": reading(_max_pool, *_PLACED, "ceil_mode", "kernel_shape", idle=("storage_order",)),
    "AveragePool": reading(_average_pool, *_PLACED, "ceil_mode", "count_include_pad", "kernel_shape"),
    "GlobalAveragePool": Rule(_global_average),
    "GlobalMaxPool": Rule(_global_max),
}
