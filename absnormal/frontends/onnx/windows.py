"""Convolution and pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings import convolutions
from absnormal.frontends.meanings.movements import added, padded, replaced
from absnormal.frontends.meanings.windows import chosen, folds, summed_over, windows
from absnormal.frontends.onnx.rule import Call, Rule, held, reading


def _steps(call: Call, count: int) -> tuple[list[int], list[int]]:
    """The strides and the dilations of so many axes."""
    return call.get("strides") or [1] * count, call.get("dilations") or [1] * count


def _pads(call: Call, count: int) -> list[tuple[int, int]]:
    """The padding of so many axes that is given, before and after."""
    pads = call.get("pads") or [0] * (2 * count)
    return [(int(pads[i]), int(pads[count + i])) for i in range(count)]


def _padding(call: Call, space: tuple[int, ...], kernel: tuple[int, ...]) -> list[tuple[int, int]]:
    """Padding before and after, axis by axis."""
    count = len(kernel)
    stride, dilation = _steps(call, count)
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
    return _pads(call, count)


def convolution(call: Call, u: Any, weight: Any, bias: Any = None) -> Any:
    """Conv."""
    u, weight = call.write.array(u), call.write.array(weight)
    stride, dilation = _steps(call, weight.ndim - 2)
    padding = _padding(call, u.shape[2:], weight.shape[2:])
    made = convolutions.convolved(call.write, u, weight, stride, padding, dilation, call.get("group"))
    return convolutions.biased(call.write, made, bias)


def _transposed(call: Call, u: Any, weight: Any, bias: Any = None) -> Any:
    u, weight = call.write.array(u), call.write.array(weight)
    count = weight.ndim - 2
    stride, dilation = _steps(call, count)
    extra = call.get("output_padding") or [0] * count
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    full = [s * (n - 1) + r + e for s, n, r, e in zip(stride, u.shape[2:], reach, extra, strict=True)]
    cut = _cut(call, [s * n for s, n in zip(stride, u.shape[2:], strict=True)], full)
    made = convolutions.transposed(call.write, u, weight, stride, cut, dilation, call.get("group"), extra)
    return convolutions.biased(call.write, made, bias)


def _cut(call: Call, scaled: list[int], full: list[int]) -> list[tuple[int, int]]:
    """What a transposed convolution leaves out before and after, axis by axis, of all that it could compute."""
    auto = call.choice("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    shape = call.get("output_shape")
    if not shape and auto == "VALID":
        return [(0, 0)] * len(full)
    if not shape and auto == "NOTSET":
        return _pads(call, len(full))
    totals = [size - out for size, out in zip(full, shape or scaled, strict=True)]
    # What lies beyond the reach of the weights is zero.
    halves = [(total // 2, total - total // 2) for total in totals]
    return halves if auto == "SAME_UPPER" else [(high, low) for low, high in halves]


def _places(call: Call, u: Any) -> tuple[Array, tuple[int, ...]]:
    """The numbers of the entries in every window, -1 in the padding, and in the outermost overhang -2."""
    kernel = tuple(call.get("kernel_shape"))
    count = len(kernel)
    stride, dilation = _steps(call, count)
    padding = _padding(call, u.shape[2:], kernel)
    if call.get("ceil_mode"):
        padding = [_overhang(*item) for item in zip(u.shape[2:], kernel, stride, dilation, padding, strict=True)]
    return windows(u.shape, kernel, stride, padding, dilation), kernel


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
    columns = index.reshape(len(index), -1)
    flat = folds(call.write, np.reshape(u, -1), columns, 1, "max.window")
    result = np.reshape(flat, index.shape[1:])
    return [result, _indices(call, u, columns).reshape(index.shape[1:])] if 1 in call.used else result


def _indices(call: Call, u: Any, columns: Array) -> Array:
    """Which entry of each window is the largest, as long as no other one is."""
    found = chosen(u, u.value, columns, 1)
    if call.get("storage_order"):
        height, width = u.shape[-2:]
        row, column = np.divmod(found % (height * width), width)
        found = found - found % (height * width) + column * height + row
    return np.asarray(found, dtype=np.int64)


def _max_unpool(call: Call, u: Any, indices: Any, shape: Any = None) -> Any:
    kernel = call.get("kernel_shape")
    strides, pads = call.get("strides") or [1] * len(kernel), _pads(call, len(kernel))
    space = [(size - 1) * step - low - high + reach
             for size, step, (low, high), reach in zip(u.shape[2:], strides, pads, kernel, strict=True)]
    full = tuple(space) if shape is None else tuple(int(size) for size in np.reshape(shape, -1)[2:])
    empty = call.write.array(np.zeros((*u.shape[:2], *space)))
    result = replaced(call.write, empty, np.asarray(held(call, indices, "I")).astype(int), u)
    return padded(call.write, result, [(0, 0), (0, 0), *((0, big - own) for big, own in zip(full, space, strict=True))])


def _powers(call: Call, u: Any) -> Any:
    """|u| ** p, of the attribute p."""
    p = float(call.get("p"))
    return np.abs(u) if p == 1 else u * u if p == 2 else call.write.op("size_power", u, p)


def _root(call: Call, u: Any) -> Any:
    p = float(call.get("p"))
    return u if p == 1 else call.write.op("sqrt", u, tie="norm") if p == 2 else np.power(u, 1 / p)


def _power_pool(call: Call, u: Any) -> Any:
    index, _ = _places(call, u)
    return _root(call, summed_over(call.write, np.reshape(_powers(call, u), -1), index))


def _col_to_im(call: Call, u: Any, image: Any, block: Any) -> Any:
    """Sums of blocks that were taken from an image, at their places."""
    space, kernel = ([int(size) for size in np.reshape(item, -1)] for item in (image, block))
    count = len(space)
    stride, dilation = _steps(call, count)
    rows, channels = u.shape[0], u.shape[1] // math.prod(kernel)
    index = windows((rows, channels, *space), kernel, stride, _pads(call, count), dilation)
    where = np.moveaxis(index.reshape(len(index), rows, channels, -1), 0, 2)
    empty = call.write.array(np.zeros((rows, channels, *space)))
    return added(call.write, empty, where.reshape(u.shape), u)


def _response_norm(call: Call, u: Any) -> Any:
    size = call.get("size")
    before = (size - 1) // 2
    reach = windows((u.shape[1],), [size], [1], [(before, size - 1 - before)])
    squares = np.moveaxis(u * u, 1, 0)
    rows = np.concatenate([squares, np.zeros((1, *squares.shape[1:]))])
    total = np.moveaxis(np.sum(np.take(rows, reach, axis=0), 0), 0, 1)
    base = total * (call.get("alpha") / size) + call.get("bias")
    return u / np.power(base, call.get("beta"))


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
    stride, dilation = _steps(call, count)
    over = [
        (0, _overhang(size, k, s, d, pair)[1] - pair[1])
        for size, k, s, d, pair in zip(shape[2:], kernel, stride, dilation, padding, strict=True)
    ]
    return (windows(padded, kernel, stride, over, dilation) >= 0).sum(axis=0)


def _global_max(call: Call, u: Any) -> Any:
    space = (1,) * (u.ndim - 2)
    flat = np.moveaxis(np.reshape(u, (*u.shape[:2], -1)), -1, 0)
    return np.reshape(call.write.op("fold", flat, tie="max.window", sign=1), (*u.shape[:2], *space))


PLACED = ("auto_pad", "dilations", "pads", "strides")

WINDOWS: dict[str, Rule] = {
    # The shape of the kernel is that of the weights.
    "Conv": reading(convolution, *PLACED, "group", idle=("kernel_shape",)),
    "ConvTranspose": reading(
        _transposed, *PLACED, "group", "output_padding", "output_shape", idle=("kernel_shape",)),
    "MaxPool": reading(_max_pool, *PLACED, "ceil_mode", "kernel_shape", "storage_order", outputs=2),
    "MaxUnpool": reading(_max_unpool, "kernel_shape", "pads", "strides"),
    "LpPool": reading(_power_pool, *PLACED, "ceil_mode", "kernel_shape", "p"),
    "GlobalLpPool": reading(lambda call, u: _root(
        call, np.sum(_powers(call, u), tuple(range(2, u.ndim)), keepdims=True)), "p"),
    "Col2Im": reading(_col_to_im, "dilations", "pads", "strides"),
    "LRN": reading(_response_norm, "alpha", "beta", "bias", "size"),
    "AveragePool": reading(_average_pool, *PLACED, "ceil_mode", "count_include_pad", "kernel_shape"),
    "GlobalAveragePool": Rule(lambda call, u: np.mean(u, tuple(range(2, u.ndim)), keepdims=True)),
    "GlobalMaxPool": Rule(_global_max),
}
