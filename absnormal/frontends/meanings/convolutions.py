"""Convolutions of u (N, C, *S) with weights (O, C / groups, *K), and their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absnormal.frontends.meanings.movements import padded
from absnormal.frontends.terms import N, Terms
from absnormal.ops.convolution import Layout

#: Entries before and after each axis of space.
Ends = Sequence[tuple[int, int]]


def convolved(
    write: Terms[N], u: Any, weight: Any, stride: Sequence[int], padding: Ends, dilation: Sequence[int], groups: int,
    layout: type[Layout] = Layout,
) -> N:
    """The convolution of u with zeros around it, or where the padding is negative of a part of u."""
    if any(low != high or low < 0 for low, high in padding):
        u, padding = padded(write, u, [(0, 0), (0, 0), *padding]), [(0, 0)] * len(padding)
    lows = tuple(int(low) for low, _ in padding)
    return write.op("convolve", u, weight, layout=layout(tuple(stride), lows, tuple(dilation), groups))


def transposed(
    write: Terms[N], u: Any, weight: Any, stride: Sequence[int], cut: Ends, dilation: Sequence[int], groups: int,
    extra: Sequence[int], layout: type[Layout] = Layout,
) -> N:
    """The transpose of a convolution, with extra entries behind, less what is cut before and after."""
    lows, extra = tuple(low for low, _ in cut), tuple(extra)
    fits = all(low == high for low, high in cut) and all(more < step for more, step in zip(extra, stride, strict=True))
    if not fits:
        # No convolution of this layout has this transpose: it is computed whole, then cut.
        cut = [(-low, more - high) for (low, high), more in zip(cut, extra, strict=True)]
        lows = extra = (0,) * len(cut)
    result = write.op(
        "convolve_back", u, weight, layout=layout(tuple(stride), lows, tuple(dilation), groups), extra=extra)
    return result if fits else padded(write, result, [(0, 0), (0, 0), *cut])


def biased(write: Terms[N], u: N, bias: Any) -> N:
    """u plus one number for each channel, if there are any."""
    return u if bias is None else write.add(u, write.reshape(bias, (-1, *([1] * (len(write.shape(u)) - 2)))))


def weight_adjoint(
    write: Terms[N], adjoint: Any, u: Any, kernel: Sequence[int], stride: Sequence[int], padding: Ends,
    dilation: Sequence[int], groups: int, layout: type[Layout] = Layout,
) -> N:
    """The adjoint of the weights of a convolution of u: a convolution of u with the adjoint of the result."""
    count, channels, *space = write.shape(u)
    out = write.shape(adjoint)[1]
    axes = range(3, 3 + len(space))
    images = write.transpose(write.reshape(u, (count, groups, channels // groups, *space)), [2, 1, 0, *axes])
    images = write.reshape(images, (channels // groups, groups * count, *space))
    found = convolved(write, images, write.swap(adjoint, 0, 1), dilation, padding, stride, groups, layout)
    assert write.shape(found)[1] == out
    return write.swap(write.index(found, (slice(None), slice(None), *(slice(0, size) for size in kernel))), 0, 1)
