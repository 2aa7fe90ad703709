"""Normalizations: differences from a mean, over a deviation or another size, then a weight and a bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from absnormal.frontends.meanings.reductions import centred
from absnormal.frontends.terms import N, Terms


def affine(write: Terms[N], u: Any, weight: Any, bias: Any, shape: Sequence[int]) -> N:
    """u times a weight plus a bias, where these are given; ``shape`` is theirs beside u."""
    if weight is not None:
        u = write.mul(u, write.reshape(weight, shape))
    return u if bias is None else write.add(u, write.reshape(bias, shape))


def channels(ndim: int) -> list[int]:
    """The shape of one number for each entry of axis 1."""
    return [1, -1] + [1] * (ndim - 2)


def normalized(write: Terms[N], u: Any, axes: Sequence[int], eps: float) -> tuple[N, N, N]:
    """u with mean 0 and variance 1 over axes; with these axes kept the mean, and the root of the variance plus eps."""
    deviation, mean = centred(write, u, axes)
    spread = write.op("sqrt", write.shifted(write.mean(write.op("square", deviation), axes, True), eps))
    return write.div(deviation, spread), mean, spread


def root_normalized(write: Terms[N], u: Any, axes: Sequence[int], eps: float) -> tuple[N, N]:
    """u over the root of its mean square over axes plus eps, and this root."""
    root = write.op("sqrt", write.shifted(write.mean(write.op("square", u), axes, True), eps))
    return write.div(u, root), root


def group_normalized(write: Terms[N], u: Any, groups: int, eps: float) -> tuple[N, N, N]:
    """u normalized over each group of its channels; the mean and the root, shape (N, groups, 1)."""
    shape = write.shape(u)
    rest = math.prod(shape) // max(1, shape[0] * groups)
    result, mean, spread = normalized(write, write.reshape(u, (shape[0], groups, rest)), [2], eps)
    return write.reshape(result, shape), mean, spread


def pulled_back(write: Terms[N], adjoint: Any, result: Any, rate: Any, axes: Sequence[int], centred: bool = True) -> N:
    """The adjoint of what was `normalized`, or `root_normalized`, from that of the result.

    ``rate`` is 1 over the root.
    """
    parallel = write.mul(result, write.mean(write.mul(adjoint, result), axes, True))
    rest = write.sub(adjoint, write.mean(adjoint, axes, True)) if centred else adjoint
    return write.mul(write.sub(rest, parallel), rate)
