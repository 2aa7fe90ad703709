"""Rules for convolution, pooling and resampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.windows import windows as window_numbers
from absnormal.frontends.torch.kernels import TorchLayout
from absnormal.frontends.torch.reductions import taking
from absnormal.frontends.torch.shapes import padded
from absnormal.frontends.torch.writer import Arg, Writer

Rule = Callable[..., Any]


def _convolution(
    w: Writer, x: Arg, weight: Arg, /, bias: Arg | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int,
) -> int:
    spatial = len(weight.shape) - 2
    held = [tuple(_full(item, spatial)) for item in (stride, padding, dilation)]
    layout = TorchLayout(held[0], held[1], held[2], groups)
    u, k = w.node(x), w.node(weight)
    if transposed:
        extra, crop = tuple(_full(output_padding, spatial)), None
        if any(e >= s for e, s in zip(extra, held[0], strict=True)):
            # The convolution that this transposes would have a larger result: transposed whole, then cropped.
            crop = [item for p, e in zip(held[1][::-1], extra[::-1], strict=True) for item in (-p, e - p)]
            layout, extra = TorchLayout(held[0], (0,) * spatial, held[2], groups), (0,) * spatial
        result = w.op("convolve_back", u, k, layout=layout, extra=extra)
        result = result if crop is None else padded(w, result, crop, 0.0)
    else:
        result = w.op("convolve", u, k, layout=layout)
    return result if bias is None else w.add(result, w.reshape(w.node(bias), (-1, *([1] * spatial))))


def _full(item: Any, count: int) -> list[int]:
    items = list(item) if isinstance(item, (list, tuple)) else [item]
    return items * count if len(items) == 1 else items


def _stride(item: Any, kernel: Sequence[int]) -> list[int]:
    """The stride of windows; without one they do not overlap."""
    return [*kernel] if isinstance(item, (list, tuple)) and not item else _full(item, len(kernel))


def _tiled(shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
           out: Sequence[int]) -> bool:
    """Whether windows tile the array: then they are a reshape."""
    whole = [o * k for o, k in zip(out, kernel, strict=True)] == list(shape)
    return whole and list(kernel) == list(stride) and not any(padding)


def windows(w: Writer, u: int, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
            dilation: Sequence[int], out: Sequence[int], fill: float) -> int:
    """The windows of the last axes, in front as one axis, shape (k, ..., *out); ``fill`` stands outside."""
    shape, count = w.shape(u), len(kernel)
    lead, space = shape[:-count], shape[-count:]
    if _tiled(space, kernel, stride, padding, out) and all(d == 1 for d in dilation):
        split = w.reshape(u, (*lead, *(item for pair in zip(out, kernel, strict=True) for item in pair)))
        front = [len(lead) + 2 * i + 1 for i in range(count)]
        rest = [*range(len(lead)), *(len(lead) + 2 * i for i in range(count))]
        return w.reshape(w.transpose(split, [*front, *rest]), (math.prod(kernel), *lead, *out))
    index = _places(space, kernel, stride, padding, dilation, out)
    size, many = math.prod(space), math.prod(lead)
    flat = w.reshape(u, (many * size,))
    reshaped = index.reshape(len(index), *([1] * len(lead)), *out)
    places = np.arange(many).reshape(1, *lead, *([1] * count)) * size + reshaped
    if (index < 0).any():
        flat = w.concatenate([flat, w.constant(np.full(1, fill))], 0)
        places = np.where(reshaped < 0, many * size, places)
    return w.gather(flat, places)


def _places(space: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
            dilation: Sequence[int], out: Sequence[int]) -> Array:
    """For every place in a window (rows) and every window the number of the entry; -1 outside of the array."""
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    around = [(p, whole - size - p) for p, whole, size in zip(padding, reach, space, strict=True)]
    return window_numbers(tuple(space), kernel, stride, around, dilation, [1] * len(space))


def _max_pool(spatial: int) -> Rule:
    def rule(
        w: Writer, x: Arg, /, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1
    ) -> list[Any]:
        out, indices = w.returned[:2]
        kernel, padding, dilation = (_full(item, spatial) for item in (kernel_size, padding, dilation))
        stride = _stride(stride, kernel)
        space, result = x.shape[-spatial:], tuple(out.shape[-spatial:])
        views = windows(w, w.node(x), kernel, stride, padding, dilation, result, -np.inf)

        def slopes() -> Array:
            index, chosen = _places(space, kernel, stride, padding, dilation, result), indices.cpu().numpy()
            places = index.reshape(len(index), *((1,) * (chosen.ndim - spatial)), *result)
            first = np.zeros(chosen.shape, int)
            for row in range(1, len(index)):
                first[np.broadcast_to(places[row], chosen.shape) == chosen] = row
            return taking(first, len(index), 1)

        return [w.fold(views, 1, slopes)]

    return rule


def _adaptive_max_pool(spatial: int) -> Rule:
    def rule(w: Writer, x: Arg, /) -> list[Any]:
        out, indices = w.returned[:2]
        space, result = x.shape[-spatial:], tuple(out.shape[-spatial:])
        if any(size % o for size, o in zip(space, result, strict=True)):
            w.refuse("pools windows of unequal size", "use an output size that divides the input")
        kernel = [size // o for size, o in zip(space, result, strict=True)]
        views = windows(w, w.node(x), kernel, kernel, [0] * spatial, [1] * spatial, result, -np.inf)
        index = _places(space, kernel, kernel, [0] * spatial, [1] * spatial, result)
        chosen = indices.cpu().numpy()
        places = index.reshape(len(index), *((1,) * (chosen.ndim - spatial)), *result)
        return [w.fold(views, 1, lambda: taking((places == chosen).argmax(axis=0), len(index), 1))]

    return rule


def _avg_pool(spatial: int) -> Rule:
    def rule(
        w: Writer, x: Arg, /, kernel_size: Any, stride: Any = (), padding: Any = 0,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> int:
        kernel, padding = _full(kernel_size, spatial), _full(padding, spatial)
        stride = _stride(stride, kernel)
        space, result = x.shape[-spatial:], tuple(w.record.out.shape[-spatial:])
        views = windows(w, w.node(x), kernel, stride, padding, [1] * spatial, result, 0.0)
        total = w.sum(views, [0])
        if divisor_override is not None:
            return w.scaled(total, 1.0 / divisor_override)
        counts = np.ones((1,) * spatial)
        for axis, (size, k, s, p, o) in enumerate(zip(space, kernel, stride, padding, result, strict=True)):
            start = np.arange(o) * s - p
            stop = np.minimum(start + k, size + p)
            length = stop - start if count_include_pad else np.minimum(stop, size) - np.maximum(start, 0)
            counts = counts * length.reshape([-1 if i == axis else 1 for i in range(spatial)])
        if (counts == counts.flat[0]).all():
            return w.scaled(total, 1.0 / float(counts.flat[0]))
        return w.mul(total, w.constant(1.0 / counts))

    return rule


# -- separable resampling: one constant matrix an axis --------------------------------------------------------------


def _resampled(w: Writer, u: int, matrices: Sequence[Array]) -> int:
    """``u`` with each of its last axes multiplied by a matrix (new, old)."""
    for back, matrix in enumerate(reversed(matrices)):
        if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
            continue
        axis = len(w.shape(u)) - 1 - back
        last = len(w.shape(u)) - 1
        moved = w.matmul(w.swap(u, axis, last), w.constant(matrix.T.copy()))
        u = w.swap(moved, axis, last)
    return u


def _adaptive_avg(spatial: int) -> Rule:
    def rule(w: Writer, x: Arg, /) -> int:
        result = w.record.out.shape[-spatial:]
        if all(size == 1 for size in result):
            return w.mean(w.node(x), range(len(x.shape) - spatial, len(x.shape)), True)
        matrices = []
        for size, o in zip(x.shape[-spatial:], result, strict=True):
            matrix = np.zeros((o, size))
            for i in range(o):
                start, stop = i * size // o, -(-(i + 1) * size // o)
                matrix[i, start:stop] = 1.0 / (stop - start)
            matrices.append(matrix)
        return _resampled(w, w.node(x), matrices)

    return rule


def _upsampled(w: Writer, x: Arg, /, *args: Any, **kwargs: Any) -> int:
    """Nearest, linear and bilinear upsampling are linear: the matrix of an axis is what the kernel does to a line."""
    import torch

    spatial = len(x.shape) - 2
    plain = [arg.tensor if isinstance(arg, Arg) else arg for arg in args]
    result = w.record.out.shape[-spatial:]
    matrices = []
    for axis, (size, _o) in enumerate(zip(x.shape[-spatial:], result, strict=True)):
        shape = [size if i == axis else x.shape[2 + i] for i in range(spatial)]
        probe = torch.zeros(size, 1, *shape, dtype=torch.float64)
        for i in range(size):
            probe[(i, 0, *(slice(None) if j != axis else i for j in range(spatial)))] = 1.0
        lines = w.record.func(probe, *plain, **kwargs)[:, 0]
        line = lines[(slice(None), *(0 if j != axis else slice(None) for j in range(spatial)))]
        matrices.append(line.numpy().T.copy())
    return _resampled(w, w.node(x), matrices)


def _im2col(w: Writer, x: Arg, /, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> int:
    kernel, dilation, padding, stride = (_full(item, 2) for item in (kernel_size, dilation, padding, stride))
    space = x.shape[-2:]
    out = [(size + 2 * p - d * (k - 1) - 1) // s + 1
           for size, k, d, p, s in zip(space, kernel, dilation, padding, stride, strict=True)]
    views = windows(w, w.node(x), kernel, stride, padding, dilation, out, 0.0)
    moved = w.transpose(views, [1, 2, 0, 3, 4] if len(x.shape) == 4 else [1, 0, 2, 3])
    return w.reshape(moved, tuple(w.record.out.shape))


def _mkldnn(
    w: Writer, x: Arg, weight: Arg, /, bias: Any, padding: Any, stride: Any, dilation: Any, groups: int
) -> int:
    return _convolution(w, x, weight, bias, stride, padding, dilation, False, [0], groups)


RULES: dict[str, Rule] = {
    "convolution": _convolution, "_convolution": _convolution, "mkldnn_convolution": _mkldnn,
    "max_pool2d_with_indices": _max_pool(2), "max_pool3d_with_indices": _max_pool(3),
    "max_pool1d_with_indices": _max_pool(1), "adaptive_max_pool1d": _adaptive_max_pool(1),
    "adaptive_max_pool2d": _adaptive_max_pool(2), "adaptive_max_pool3d": _adaptive_max_pool(3),
    "avg_pool1d": _avg_pool(1), "avg_pool2d": _avg_pool(2), "avg_pool3d": _avg_pool(3),
    "_adaptive_avg_pool2d": _adaptive_avg(2), "_adaptive_avg_pool3d": _adaptive_avg(3),
    "adaptive_avg_pool1d": _adaptive_avg(1), "im2col": _im2col,
    "upsample_nearest1d": _upsampled, "upsample_nearest2d": _upsampled, "upsample_nearest3d": _upsampled,
    "_upsample_nearest_exact1d": _upsampled, "_upsample_nearest_exact2d": _upsampled,
    "upsample_linear1d": _upsampled, "upsample_bilinear2d": _upsampled, "upsample_trilinear3d": _upsampled,
    "_upsample_bilinear2d_aa": _upsampled, "upsample_bicubic2d": _upsampled,
}  # fmt: skip
