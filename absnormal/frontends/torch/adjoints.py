"""Rules for the kernels of derivatives of linear operations, of windows and of normalizations.

What a linear operation moves, adds up or weighs comes back the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings import convolutions
from absnormal.frontends.meanings.movements import added
from absnormal.frontends.meanings.normalizations import channels, pulled_back
from absnormal.frontends.torch.kernels import TorchLayout
from absnormal.frontends.torch.windows import (
    UPSAMPLED,
    averages,
    counts,
    full,
    in_images,
    matrices,
    resampled,
    shares,
    stride_of,
    window_numbers,
)
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered


def _wanted(mask: Sequence[bool], *made: Callable[[], int]) -> list[int]:
    """The results that are asked for."""
    return [one() for wanted, one in zip(mask, made, strict=True) if wanted]


def _sent_back(w: Writer, shape: Sequence[int], where: Array, values: int) -> int:
    """Zeros with values added where they came from."""
    return added(w, w.constant(np.zeros(shape)), where, values)


# -- convolutions and windows -----------------------------------------------------------------------------------------


def _convolution(
    w: Writer, grad: Arg, x: Arg, weight: Arg, /, bias_sizes: Any, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int, output_mask: Sequence[bool],
) -> list[int]:
    """``output_padding`` and ``bias_sizes`` are told by the shapes."""
    spatial = len(weight.shape) - 2
    stride, padding, dilation = (full(item, spatial) for item in (stride, padding, dilation))
    ends, kernel = [(width, width) for width in padding], weight.shape[2:]

    def of_input() -> int:
        if transposed:
            return convolutions.convolved(w, grad.node, weight.node, stride, ends, dilation, groups, TorchLayout)
        extra = [size - ((o - 1) * s - 2 * p + d * (k - 1) + 1) for size, o, s, p, d, k in zip(
            x.shape[2:], grad.shape[2:], stride, padding, dilation, kernel, strict=True)]
        return convolutions.transposed(w, grad.node, weight.node, stride, ends, dilation, groups, extra, TorchLayout)

    def of_weight() -> int:
        adjoint, images = (x.node, grad.node) if transposed else (grad.node, x.node)
        return convolutions.weight_adjoint(w, adjoint, images, kernel, stride, ends, dilation, groups, TorchLayout)

    assert len(output_padding) and (bias_sizes is None or len(bias_sizes) == 1)
    return _wanted(output_mask, of_input, of_weight, lambda: w.sum(grad.node, [0, *range(2, 2 + spatial)]))


def _chosen(spatial: int) -> Rule:
    """Max pooling: adjoints go to the entries whose indices the kernel returned."""
    def rule(w: Writer, grad: Arg, x: Arg, /, indices: Arg) -> int:
        return _sent_back(w, x.shape, in_images(x.shape, spatial, indices.tensor.cpu().numpy()), grad.node)

    return rule


def _avg_pool(spatial: int) -> Rule:
    def rule(
        w: Writer, grad: Arg, x: Arg, /, kernel_size: Any, stride: Any, padding: Any, count_include_pad: bool,
        divisor_override: int | None,
    ) -> int:
        kernel, padding = full(kernel_size, spatial), full(padding, spatial)
        stride, out = stride_of(stride, kernel), grad.shape[-spatial:]
        index = window_numbers(x.shape, kernel, stride, padding, [1] * spatial, out)
        share = shares(x.shape[-spatial:], kernel, stride, padding, out, count_include_pad, divisor_override)
        scaled = w.mul(grad.node, w.constant(share))
        return _sent_back(w, x.shape, index, w.broadcast(scaled, index.shape))

    return rule


def _adaptive_avg(spatial: int) -> Rule:
    def rule(w: Writer, grad: Arg, x: Arg, /) -> int:
        found = averages(x.shape[-spatial:], grad.shape[-spatial:])
        return resampled(w, grad.node, [matrix.T.copy() for matrix in found])

    return rule


def _upsampled(forward: Any) -> Rule:
    """The transposes of the matrices by which axes are resampled."""
    def rule(
        w: Writer, grad: Arg, /, output_size: Sequence[int], input_size: Sequence[int], align_corners: Any = None,
        scales: Any = None, scales_d: Any = None, scales_h: Any = None, scales_w: Any = None,
    ) -> int:
        spatial = len(output_size)
        given = [scales] if spatial == 1 else [scales_d, scales_h, scales_w][-spatial:]
        args = [list(output_size), *([] if align_corners is None else [align_corners]), *given]
        found = matrices(forward, input_size[-spatial:], args)
        return resampled(w, grad.node, [matrix.T.copy() for matrix in found])

    return rule


def _col2im(
    w: Writer, x: Arg, /, output_size: Sequence[int], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> int:
    """Windows added up where they lie: the transpose of im2col."""
    kernel, dilation, padding, stride = (full(item, 2) for item in (kernel_size, dilation, padding, stride))
    shape = tuple(w.record.out.shape)
    out = counts(output_size, kernel, stride, padding, dilation)
    index = window_numbers(shape, kernel, stride, padding, dilation, out)
    batch = shape[:-3]
    split = w.reshape(x.node, (*batch, shape[-3], len(index), *out))
    moved = w.transpose(split, [2, 0, 1, 3, 4] if batch else [1, 0, 2, 3])
    return _sent_back(w, shape, index, moved)


# -- movements --------------------------------------------------------------------------------------------------------


def _moved_back(forward: Any) -> Rule:
    """Adjoints go back to the entries from which the operation moves numbers."""
    def rule(w: Writer, grad: Arg, x: Arg, /, padding: Sequence[int]) -> int:
        places = forward(torch.from_numpy(numbered(x.shape)).to(torch.float64), padding)
        return _sent_back(w, x.shape, places.numpy().astype(int), grad.node)

    return rule


def _select(w: Writer, grad: Arg, /, input_sizes: Sequence[int], dim: int, index: int) -> int:
    return _taken(w, grad, input_sizes, lambda places: places.select(dim, index))


def _slice(w: Writer, grad: Arg, /, input_sizes: Sequence[int], dim: int, start: int, end: int, step: int) -> int:
    return _taken(w, grad, input_sizes, lambda p: torch.ops.aten.slice.Tensor(p, dim, start, end, step))


def _diagonal(w: Writer, grad: Arg, /, input_sizes: Sequence[int], offset: int, dim1: int, dim2: int) -> int:
    return _taken(w, grad, input_sizes, lambda places: places.diagonal(offset, dim1, dim2))


def _unfold(w: Writer, grad: Arg, /, input_sizes: Sequence[int], dim: int, size: int, step: int) -> int:
    return _taken(w, grad, input_sizes, lambda places: places.unfold(dim, size, step))


def _taken(w: Writer, grad: Arg, sizes: Sequence[int], view: Callable[[Any], Any]) -> int:
    """Adjoints go back to the entries that a view has."""
    return _sent_back(w, tuple(sizes), view(torch.from_numpy(numbered(sizes))).numpy(), grad.node)


def _embedding(
    w: Writer, grad: Arg, index: Arg, /, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> int:
    if scale_grad_by_freq:
        w.refuse("divides by how often a row was looked up", "leave scale_grad_by_freq at its default")
    rows, width = index.tensor.cpu().numpy(), grad.shape[-1]
    where = np.where((rows == padding_idx)[..., None], -1, rows[..., None] * width + np.arange(width))
    return _sent_back(w, (num_weights, width), where, grad.node)


def _dropout(w: Writer, grad: Arg, mask: Arg, /, scale: float) -> int:
    return w.scaled(w.mul(grad.node, w.constant(mask.array.astype(float))), scale)


def _masked_scatter(w: Writer, grad: Arg, mask: Arg, /, sizes: Sequence[int]) -> int:
    """The adjoints where the mask holds, one after the other, and zeros."""
    taken = numbered(grad.shape)[np.broadcast_to(mask.array.astype(bool), grad.shape)]
    rest = w.constant(np.zeros(math.prod(sizes) - taken.size))
    return w.reshape(w.concatenate([w.gather(grad.node, taken), rest], 0), tuple(sizes))


# -- normalizations ---------------------------------------------------------------------------------------------------


def _layer_norm(
    w: Writer, grad: Arg, x: Arg, /, normalized_shape: Sequence[int], mean: Arg, rstd: Arg, weight: Arg | None,
    output_mask: Sequence[bool],
) -> list[int]:
    lead = len(x.shape) - len(normalized_shape)
    result = w.mul(w.sub(x.node, mean.node), rstd.node)
    adjoint = grad.node if weight is None else w.mul(grad.node, weight.node)
    return _wanted(
        output_mask, lambda: pulled_back(w, adjoint, result, rstd.node, range(lead, len(x.shape))),
        lambda: w.sum(w.mul(grad.node, result), range(lead)), lambda: w.sum(grad.node, range(lead)))


def _rms_norm(
    w: Writer, grad: Arg, x: Arg, /, normalized_shape: Sequence[int], rstd: Arg, weight: Arg | None,
    output_mask: Sequence[bool],
) -> list[int]:
    lead = len(x.shape) - len(normalized_shape)
    result = w.mul(x.node, rstd.node)
    adjoint = grad.node if weight is None else w.mul(grad.node, weight.node)
    return _wanted(
        output_mask, lambda: pulled_back(w, adjoint, result, rstd.node, range(lead, len(x.shape)), False),
        lambda: w.sum(w.mul(grad.node, result), range(lead)))


def _group_norm(
    w: Writer, grad: Arg, x: Arg, mean: Arg, rstd: Arg, /, weight: Arg | None, N: int, C: int, HxW: int, group: int,
    output_mask: Sequence[bool],
) -> list[int]:
    view = (N, group, C // group * HxW)
    rate = w.reshape(rstd.node, (N, group, 1))
    result = w.mul(w.sub(w.reshape(x.node, view), w.reshape(mean.node, (N, group, 1))), rate)
    scale = None if weight is None else w.reshape(weight.node, channels(len(x.shape)))
    adjoint = w.reshape(grad.node if scale is None else w.mul(grad.node, scale), view)
    others = [0, *range(2, len(x.shape))]
    return _wanted(
        output_mask, lambda: w.reshape(pulled_back(w, adjoint, result, rate, [2]), x.shape),
        lambda: w.sum(w.mul(grad.node, w.reshape(result, x.shape)), others), lambda: w.sum(grad.node, others))


def _batch_norm(
    w: Writer, grad: Arg, x: Arg, weight: Any, /, running_mean: Any, running_var: Any, save_mean: Any,
    save_invstd: Any, train: bool, eps: float, output_mask: Sequence[bool],
) -> list[int]:
    shape, others = channels(len(x.shape)), [0, *range(2, len(x.shape))]
    if train:
        mean, rate = w.reshape(save_mean.node, shape), w.reshape(save_invstd.node, shape)
    else:
        mean = w.constant(running_mean.array.reshape(shape))
        rate = w.constant(1.0 / np.sqrt(running_var.array.astype(float).reshape(shape) + eps))
    result = w.mul(w.sub(x.node, mean), rate)
    adjoint = grad.node if weight is None else w.mul(grad.node, w.reshape(weight.node, shape))
    return _wanted(
        output_mask, lambda: pulled_back(w, adjoint, result, rate, others) if train else w.mul(adjoint, rate),
        lambda: w.sum(w.mul(grad.node, result), others), lambda: w.sum(grad.node, others))


RULES: dict[str, Rule] = {
    "convolution_backward": _convolution, "max_pool2d_with_indices_backward": _chosen(2),
    "max_pool3d_with_indices_backward": _chosen(3), "adaptive_max_pool2d_backward": _chosen(2),
    "adaptive_max_pool3d_backward": _chosen(3), "avg_pool2d_backward": _avg_pool(2),
    "avg_pool3d_backward": _avg_pool(3), "_adaptive_avg_pool2d_backward": _adaptive_avg(2),
    "_adaptive_avg_pool3d_backward": _adaptive_avg(3), "col2im": _col2im,
    **{f"{name}_backward": _upsampled(getattr(torch.ops.aten, name).default) for name in UPSAMPLED},
    **{f"{kind}_pad{n}d_backward": _moved_back(getattr(torch.ops.aten, f"{kind}_pad{n}d"))
       for kind in ("reflection", "replication") for n in (1, 2, 3)},
    "select_backward": _select, "slice_backward": _slice, "diagonal_backward": _diagonal, "unfold_backward": _unfold,
    "embedding_dense_backward": _embedding, "native_dropout_backward": _dropout,
    "masked_scatter_backward": _masked_scatter, "native_layer_norm_backward": _layer_norm,
    "native_group_norm_backward": _group_norm, "native_batch_norm_backward": _batch_norm,
    "_fused_rms_norm_backward": _rms_norm,
}  # fmt: skip
