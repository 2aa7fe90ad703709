"""Rules for convolution, pooling and resampling."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings import convolutions
from absnormal.frontends.meanings.complex_numbers import along
from absnormal.frontends.meanings.movements import replaced
from absnormal.frontends.meanings.windows import entries, folds, summed_over, tiles, windows
from absnormal.frontends.torch.kernels import TorchLayout
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.ops.convolution import Layout, forward_shape
from absnormal.program.moves import numbered


def _convolution(
    w: Writer, x: Arg, weight: Arg, /, bias: Arg | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int,
) -> int:
    spatial = len(weight.shape) - 2
    stride, padding, dilation, extra = (full(item, spatial) for item in (stride, padding, dilation, output_padding))
    ends = [(width, width) for width in padding]
    if transposed:
        made = convolutions.transposed(w, w.node(x), w.node(weight), stride, ends, dilation, groups, extra, TorchLayout)
    else:
        made = convolutions.convolved(w, w.node(x), w.node(weight), stride, ends, dilation, groups, TorchLayout)
    return convolutions.biased(w, made, None if bias is None else w.node(bias))


def full(item: Any, count: int) -> list[int]:
    items = list(item) if isinstance(item, (list, tuple)) else [item]
    return items * count if len(items) == 1 else items


def stride_of(item: Any, kernel: Sequence[int]) -> list[int]:
    """The stride of windows; without one they do not overlap."""
    return [*kernel] if isinstance(item, (list, tuple)) and not item else full(item, len(kernel))


def counts(
    space: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int],
) -> Sequence[int]:
    """How many windows there are along each axis: as many as a convolution has results."""
    layout = Layout(tuple(stride), tuple(padding), tuple(dilation))
    return forward_shape((1, 1, *space), (1, 1, *kernel), layout)[2:]


def window_numbers(
    shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], out: Sequence[int],
) -> Array:
    """The numbers of the entries in the windows of the last axes, shape (window, *lead, *out); -1 in the padding."""
    ends = [(p, (o - 1) * s + (k - 1) * d + 1 - size - p)
            for size, k, s, p, d, o in zip(shape[-len(kernel) :], kernel, stride, padding, dilation, out, strict=True)]
    return windows(shape, kernel, stride, ends, dilation)


def in_images(shape: Sequence[int], spatial: int, places: Array) -> Array:
    """The numbers of entries of an array, from their places in its images, which are the last axes."""
    lead = shape[:-spatial]
    first = numbered(lead) * math.prod(shape[-spatial:])
    return np.asarray(places + first.reshape(*lead, *([1] * spatial)))


def _flat(w: Writer, x: Arg) -> Any:
    return w.reshape(w.node(x), (math.prod(x.shape),))


def _pooled_max(
    w: Writer, x: Arg, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Any:
    """The largest entry of every window; ties take the entry whose index the kernel returned."""
    out, indices = w.returned[:2]
    count = len(kernel)
    lead, space, shape = x.shape[:-count], x.shape[-count:], tuple(out.shape)
    place = functools.partial(window_numbers, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
                              out=shape[-count:])

    def inside() -> Array:
        """The slopes where all images are cut into the same windows."""
        return _at(indices.cpu().numpy(), place(space).reshape(-1, *([1] * len(lead)), *shape[-count:]))

    plain = not any(padding) and all(step == 1 for step in dilation)
    tiled = tiles(w, w.node(x), kernel, shape[-count:]) if plain and list(stride) == list(kernel) else None
    if tiled is not None:
        return w.fold(tiled, 1, inside)
    return _chosen_max(w, x, count, place(space))


def _chosen_max(w: Writer, x: Arg, count: int, index: Array) -> Any:
    """The largest of the entries with these numbers in each image; ties take the entry whose index the kernel gave."""
    out, indices = w.returned[:2]
    held = in_images(x.shape, count, indices.cpu().numpy()).reshape(-1)
    found = folds(w, _flat(w, x), index.reshape(len(index), -1), 1,
                  lambda columns, block: functools.partial(_at, held[columns], block), math.prod(x.shape[:-count]))
    return w.reshape(found, tuple(out.shape))


def _at(chosen: Array, block: Array) -> Array:
    """The slopes of a maximum that takes the entries with these numbers: -1 where one is taken, else what was kept."""
    return np.where(block[1:] == chosen, -1.0, 1.0).reshape(-1)


def _max_pool(spatial: int) -> Rule:
    def rule(
        w: Writer, x: Arg, /, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1
    ) -> list[Any]:
        kernel, padding, dilation = (full(item, spatial) for item in (kernel_size, padding, dilation))
        return [_pooled_max(w, x, kernel, stride_of(stride, kernel), padding, dilation)]

    return rule


def _adaptive_max_pool(spatial: int) -> Rule:
    def rule(w: Writer, x: Arg, /) -> list[Any]:
        space, result = x.shape[-spatial:], tuple(w.record.outs[0].shape[-spatial:])
        if all(size % o == 0 for size, o in zip(space, result, strict=True)):
            kernel = [size // o for size, o in zip(space, result, strict=True)]
            return [_pooled_max(w, x, kernel, kernel, [0] * spatial, [1] * spatial)]
        return [_chosen_max(w, x, spatial, _unequal(space, result))]

    return rule


def _parts(size: int, count: int) -> tuple[Array, Array]:
    """Where so many parts of about the same length begin and end; they may overlap."""
    return np.arange(count) * size // count, -(-np.arange(1, count + 1) * size // count)


def _unequal(space: Sequence[int], out: Sequence[int]) -> Array:
    """The numbers of the entries in windows of about the same size, shape (window, *out); -1 for none."""
    total, known = np.zeros((), int), np.ones((), bool)
    for axis, (size, o) in enumerate(zip(space, out, strict=True)):
        start, stop = _parts(size, o)
        place = start + np.arange((stop - start).max())[:, None]
        view = [1] * (2 * len(out))
        view[axis], view[len(out) + axis] = place.shape
        total = total + (np.minimum(place, size - 1) * math.prod(space[axis + 1 :])).reshape(view)
        known = known & (place < stop).reshape(view)
    found = np.where(known, total, -1)
    return found.reshape(-1, *out)


def _unpooled(spatial: int) -> Rule:
    """Entries at the places that an index names, and zeros."""
    def rule(w: Writer, x: Arg, /, indices: Arg) -> int:
        shape = tuple(w.record.out.shape)
        where = in_images(shape, spatial, indices.array)
        if len(np.unique(where)) < where.size:
            w.refuse("is given an index twice, of which one counts", "use scatter_add")
        return replaced(w, w.constant(np.zeros(shape)), where, w.node(x))

    return rule


def shares(
    space: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], out: Sequence[int],
    padded: bool, divisor: int | None,
) -> Array:
    """1 over the number of entries of every window, or over another divisor."""
    if divisor is not None:
        return np.full((1,) * len(space), 1.0 / divisor)
    counts = np.ones((1,) * len(space))
    for axis, (size, k, s, p, o) in enumerate(zip(space, kernel, stride, padding, out, strict=True)):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, size + p)
        length = stop - start if padded else np.minimum(stop, size) - np.maximum(start, 0)
        counts = counts * length.reshape([-1 if i == axis else 1 for i in range(len(space))])
    return np.asarray(1.0 / counts)


def _avg_pool(spatial: int) -> Rule:
    def rule(
        w: Writer, x: Arg, /, kernel_size: Any, stride: Any = (), padding: Any = 0,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Any:
        kernel, padding = full(kernel_size, spatial), full(padding, spatial)
        stride = stride_of(stride, kernel)
        space, result = x.shape[-spatial:], tuple(w.record.out.shape[-spatial:])
        tiled = tiles(w, w.node(x), kernel, result) if stride == kernel and not any(padding) else None
        if tiled is not None:
            total = w.sum(tiled, [0])
        else:
            index = window_numbers(x.shape, kernel, stride, padding, [1] * spatial, result)
            total = summed_over(w, _flat(w, x), index)
        share = shares(space, kernel, stride, padding, result, count_include_pad, divisor_override)
        if (share == share.flat[0]).all():
            return w.scaled(total, float(share.flat[0]))
        return w.mul(total, w.constant(share))

    return rule


# -- separable resampling: one constant matrix an axis --------------------------------------------------------------


def resampled(w: Writer, u: int, matrices: Sequence[Array]) -> int:
    """``u`` with each of its last axes multiplied by a matrix (new, old)."""
    for back, matrix in enumerate(reversed(matrices)):
        if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
            continue
        u = along(w, u, matrix, len(w.shape(u)) - 1 - back)
    return u


def averages(space: Sequence[int], out: Sequence[int]) -> list[Array]:
    """For each axis the matrix (new, old) that takes means over parts of about the same length."""
    found = []
    for size, o in zip(space, out, strict=True):
        start, stop = (ends[:, None] for ends in _parts(size, o))
        found.append(((np.arange(size) >= start) & (np.arange(size) < stop)) / (stop - start))
    return found


def _adaptive_avg(spatial: int) -> Rule:
    def rule(w: Writer, x: Arg, /) -> int:
        result = w.record.out.shape[-spatial:]
        if all(size == 1 for size in result):
            return w.mean(w.node(x), range(len(x.shape) - spatial, len(x.shape)), True)
        return resampled(w, w.node(x), averages(x.shape[-spatial:], result))

    return rule


def matrices(kernel: Any, space: Sequence[int], args: Sequence[Any]) -> list[Array]:
    """For each axis the matrix (new, old) that an upsampling multiplies it with: what the kernel does to a line."""
    found, spatial = [], len(space)
    for axis, size in enumerate(space):
        probe = torch.zeros(size, 1, *space, dtype=torch.float64)
        for i in range(size):
            probe[(i, 0, *(slice(None) if j != axis else i for j in range(spatial)))] = 1.0
        made = kernel(probe, *args)[:, 0]
        line = made[(slice(None), *(0 if j != axis else slice(None) for j in range(spatial)))]
        found.append(line.numpy().T.copy())
    return found


def _upsampled(w: Writer, x: Arg, /, *args: Any, **kwargs: Any) -> int:
    """Nearest, linear and cubic upsampling are linear."""
    plain = [arg.tensor if isinstance(arg, Arg) else arg for arg in args]
    return resampled(w, w.node(x), matrices(functools.partial(w.record.func, **kwargs), x.shape[2:], plain))


def _im2col(w: Writer, x: Arg, /, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> int:
    kernel, dilation, padding, stride = (full(item, 2) for item in (kernel_size, dilation, padding, stride))
    out = counts(x.shape[-2:], kernel, stride, padding, dilation)
    views = entries(w, _flat(w, x), window_numbers(x.shape, kernel, stride, padding, dilation, out))
    moved = w.transpose(views, [1, 2, 0, 3, 4] if len(x.shape) == 4 else [1, 0, 2, 3])
    return w.reshape(moved, tuple(w.record.out.shape))


def _mkldnn(w: Writer, x: Arg, weight: Arg, /, bias: Any, padding: Any, stride: Any, dilation: Any, groups: int) -> int:
    return _convolution(w, x, weight, bias, stride, padding, dilation, False, [0], groups)


#: Upsampling operations whose derivative takes the same arguments, and the size of the input.
UPSAMPLED = (
    "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d",
    "upsample_trilinear3d", "upsample_bicubic2d",
)  # fmt: skip

RULES: dict[str, Rule] = {
    "convolution": _convolution, "_convolution": _convolution, "mkldnn_convolution": _mkldnn,
    "max_pool2d_with_indices": _max_pool(2), "max_pool3d_with_indices": _max_pool(3),
    "max_pool1d_with_indices": _max_pool(1), "adaptive_max_pool1d": _adaptive_max_pool(1),
    "adaptive_max_pool2d": _adaptive_max_pool(2), "adaptive_max_pool3d": _adaptive_max_pool(3),
    "max_unpool2d": _unpooled(2), "max_unpool3d": _unpooled(3),
    "avg_pool1d": _avg_pool(1), "avg_pool2d": _avg_pool(2), "avg_pool3d": _avg_pool(3),
    "_adaptive_avg_pool2d": _adaptive_avg(2), "_adaptive_avg_pool3d": _adaptive_avg(3),
    "adaptive_avg_pool1d": _adaptive_avg(1), "im2col": _im2col,
    **dict.fromkeys((*UPSAMPLED, "_upsample_bilinear2d_aa"), _upsampled),
}  # fmt: skip
