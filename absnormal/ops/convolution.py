"""Convolution: sums over sliding windows, of any number of dimensions, strides, dilations and groups.

    convolve       y[n, o] = sum over c, k of  W[o, c, k] x[n, c, s i + d k - p]       x (N, C, *S), W (O, C / G, *K)
    convolve_back  its transpose in x, that is a transposed convolution                x (N, O, *T), W (O, C / G, *K)

A tangent or an adjoint with k rows is a batch k times as large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.ops.table import Op, Params

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Stride, padding and dilation of each axis, and the number of groups; a framework may bring its kernels."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def convolve(self, x: Array, weight: Array) -> Array:
        """The convolution of x (N, C, *S)."""
        out = forward_shape(x.shape, weight.shape, self)
        rows = self._windows(x, weight.shape[2:], out[2:])
        made = np.matmul(self._weights(weight), rows.transpose(0, 2, 1))
        made = made.reshape(self.groups, -1, out[0], math.prod(out[2:])).transpose(2, 0, 1, 3)
        return np.asarray(made.reshape(out))

    def convolve_back(self, y: Array, weight: Array, shape: Shape) -> Array:
        """The transpose of `convolve` in x: y (N, O, *T) to x of ``shape`` (N, C, *S)."""
        kernel, out = weight.shape[2:], y.shape[2:]
        columns = np.matmul(self._weights(weight).transpose(0, 2, 1), self._rows(y).transpose(0, 2, 1))
        columns = columns.reshape(self.groups * weight.shape[1], *kernel, y.shape[0], *out)
        space = (s + 2 * p for s, p in zip(shape[2:], self.padding, strict=True))
        padded = np.zeros((shape[1], shape[0], *space), y.dtype)
        for position in np.ndindex(*kernel):
            key = tuple(
                slice(k * d, k * d + s * (o - 1) + 1, s)
                for k, d, s, o in zip(position, self.dilation, self.stride, out, strict=True)
            )
            padded[(slice(None), slice(None), *key)] += columns[(slice(None), *position)]
        return padded.swapaxes(0, 1)[self._inside(shape[2:])]

    def correlate(self, x: Array, y: Array, kernel: Shape) -> Array:
        """The transpose of `convolve` in W: products of x and y (N, O, *T) summed over the batch, (O, C / G, *K)."""
        made = np.matmul(self._rows(y).transpose(0, 2, 1), self._windows(x, kernel, y.shape[2:]))
        return np.asarray(made.reshape(y.shape[1], x.shape[1] // self.groups, *kernel))

    def _inside(self, space: Sequence[int]) -> tuple[slice, ...]:
        """Where an array lies that is padded."""
        return (slice(None), slice(None), *(slice(p, p + s) for p, s in zip(self.padding, space, strict=True)))

    def _windows(self, x: Array, kernel: Shape, out: Shape) -> Array:
        """The windows of x (N, C, *S), padded, as rows, shape (G, N * out, C / G * K): a copy."""
        count, groups, (n, channels) = len(kernel), self.groups, x.shape[:2]
        if any(self.padding):
            space = (s + 2 * p for s, p in zip(x.shape[2:], self.padding, strict=True))
            padded = np.zeros((n, channels, *space), x.dtype)
            padded[self._inside(x.shape[2:])] = x
            x = padded
        strides = x.strides
        view = np.lib.stride_tricks.as_strided(
            x, (n, channels, *out, *kernel),
            (*strides[:2], *(a * s for a, s in zip(strides[2:], self.stride, strict=True)),
             *(a * d for a, d in zip(strides[2:], self.dilation, strict=True))),
            writeable=False,
        )
        view = view.reshape(n, groups, channels // groups, *out, *kernel) if groups > 1 else view[:, None]
        order = (1, 0, *range(3, 3 + count), 2, *range(3 + count, 3 + 2 * count))
        return view.transpose(order).reshape(groups, n * math.prod(out), -1)

    def _rows(self, y: Array) -> Array:
        """y (N, O, *T) as rows, shape (G, N * T, O / G)."""
        n, channels = y.shape[:2]
        split = y.reshape(n, self.groups, channels // self.groups, -1)
        return split.transpose(1, 0, 3, 2).reshape(self.groups, -1, channels // self.groups)

    def _weights(self, weight: Array) -> Array:
        """W as matrices, shape (G, O / G, C / G * K)."""
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)


def forward_shape(x: Shape, weight: Shape, layout: Layout) -> Shape:
    """The shape of a convolution."""
    space = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(x[-len(layout.stride) :], weight[2:], *_axes(layout), strict=True)
    )
    return (*x[: -1 - len(layout.stride)], weight[0], *space)


def backward_shape(x: Shape, weight: Shape, layout: Layout, extra: Sequence[int]) -> Shape:
    """The shape of a transposed convolution."""
    space = (
        (size - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for size, k, e, s, p, d in zip(x[-len(layout.stride) :], weight[2:], extra, *_axes(layout), strict=True)
    )
    return (*x[: -1 - len(layout.stride)], weight[1] * layout.groups, *space)


def _axes(layout: Layout) -> tuple[tuple[int, ...], ...]:
    return layout.stride, layout.padding, layout.dilation


def _batched(x: Array, shape: Shape) -> Array:
    """k rows of x as one batch; without a batch axis k is one."""
    return x.reshape(-1, *shape[1:]) if x.ndim > len(shape) else x


@dataclass(slots=True, eq=False)
class ConvolveInput(LinearMap):
    """x -> convolve(x, W), or with ``back`` its transpose."""

    weight: Array
    layout: Layout
    shape: Shape
    out: Shape
    back: bool

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 1 + math.prod(self.weight.shape[1:] if not self.back else self.weight.shape[2:]) * (
            self.weight.shape[0] // self.layout.groups if self.back else 1)

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        channels = max(self.weight.shape[0] // self.layout.groups, self.weight.shape[1])
        return int(1 + math.prod(self.weight.shape[2:]) * channels)

    def _apply(self, t: Array, shape: Shape, out: Shape, back: bool) -> Array:
        rows = _batched(t, shape)
        count = t.shape[0]
        if back:
            made = self.layout.convolve_back(rows, self.weight, (count * out[0], *out[1:]))
        else:
            made = self.layout.convolve(rows, self.weight)
        return made.reshape(count, *out)

    def push(self, t: Array) -> Array:
        return self._apply(t, self.shape, self.out, self.back)

    def pull(self, w: Array) -> Array:
        return self._apply(w, self.out, self.shape, not self.back)

    def norm(self) -> float:
        size = np.abs(self.weight)
        axes = (0, *range(2, size.ndim)) if self.back else tuple(range(1, size.ndim))
        return float(size.sum(axis=axes).max(initial=0.0))

    def entrywise(self, change: Change) -> LinearMap:
        return ConvolveInput(change(self.weight), self.layout, self.shape, self.out, self.back)

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self.signed(self.weight)


@dataclass(slots=True, eq=False)
class ConvolveWeight(LinearMap):
    """W -> convolve(x, W), or with ``back`` W -> its transpose applied to x."""

    x: Array
    layout: Layout
    shape: Shape
    out: Shape
    back: bool

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 1 + math.prod(self.shape[1:]) * (self.shape[0] // self.layout.groups if self.back else 1)

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        small = self.x.shape if self.back else self.out
        return 1 + small[0] * math.prod(small[2:])

    def push(self, t: Array) -> Array:
        layout = self.layout
        rows = (layout.convolve_back(self.x, one, self.out) if self.back else layout.convolve(self.x, one) for one in t)
        return np.stack([*rows])

    def pull(self, w: Array) -> Array:
        kernel = self.shape[2:]
        pairs = ((one, self.x) if self.back else (self.x, one) for one in w)
        rows = [self.layout.correlate(x, y, kernel) for x, y in pairs]
        return rows[0][None] if len(rows) == 1 else np.stack(rows)

    def pull_like(self, w: Array, like: Array, dtype: Any) -> Array:
        return self.pull(w).astype(dtype, copy=False)

    def norm(self) -> float:
        unit = np.ones((1, *self.shape))
        return float(self.absolute().push(unit).max(initial=0.0))

    def entrywise(self, change: Change) -> LinearMap:
        return ConvolveWeight(change(self.x), self.layout, self.shape, self.out, self.back)

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self.signed(self.x)


def _maps(back: bool) -> Any:
    def maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
        x, weight = args
        layout = params["layout"]
        return [
            ConvolveInput(weight, layout, x.shape, shape, back), ConvolveWeight(x, layout, weight.shape, shape, back)
        ]

    return maps


def _value(params: Params, x: Array, weight: Array) -> Array:
    layout: Layout = params["layout"]
    return layout.convolve(x, weight)


def _value_back(params: Params, x: Array, weight: Array) -> Array:
    layout: Layout = params["layout"]
    return layout.convolve_back(x, weight, backward_shape(x.shape, weight.shape, layout, params["extra"]))


def touched(some: Array, kernel: tuple[int, ...], out: tuple[int, ...], layout: Layout) -> Array:
    """Which windows of an array of Booleans (N, *S) hold one that is true, axis by axis."""
    for axis, (size, count) in enumerate(zip(kernel, out, strict=True), start=1):
        stride, padding, dilation = (numbers[axis - 1] for numbers in (layout.stride, layout.padding, layout.dilation))
        lines = np.moveaxis(some, axis, -1)
        padded = np.zeros((*lines.shape[:-1], lines.shape[-1] + 2 * padding), bool)
        padded[..., padding : padding + lines.shape[-1]] = lines
        span = stride * (count - 1) + 1
        views = (padded[..., i * dilation : i * dilation + span : stride] for i in range(size))
        some = np.moveaxis(np.logical_or.reduce(list(views)), -1, axis)
    return some


def entries_under(outputs: list[Any], x: Any, weight: Any, layout: Layout) -> tuple[Array, Array]:
    """The flat numbers of the entries under a filter at ``outputs``, and whether they are inside."""
    per_group = weight[0] // layout.groups
    channels = (outputs[1] // per_group)[:, None] * weight[1] + np.arange(weight[1])
    total = outputs[0][:, None] * x[1] + channels
    inside = np.ones_like(total, bool)
    axes = zip(outputs[2:], x[2:], weight[2:], layout.stride, layout.padding, layout.dilation, strict=True)
    for at, size, kernel, stride, padding, dilation in axes:
        position = (at * stride - padding)[:, None] + np.arange(kernel) * dilation
        fine = (position >= 0) & (position < size)
        total = (total[:, :, None] * size + np.where(fine, position, 0)[:, None, :]).reshape(len(at), -1)
        inside = (inside[:, :, None] & fine[:, None, :]).reshape(len(at), -1)
    return total, inside


CONVOLUTION = (
    Op("convolve", _value, _maps(False), "bilinear", show="convolve({0}, {1})",
       shape=lambda params, x, weight: forward_shape(x, weight, params["layout"])),
    Op("convolve_back", _value_back, _maps(True), "bilinear", show="convolve_back({0}, {1})",
       shape=lambda params, x, weight: backward_shape(x, weight, params["layout"], params["extra"])),
)
