"""Normalizations: differences from a mean, over a deviation or another size, then a weight and a bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from absnormal.frontends.meanings.reductions import centred, variance
from absnormal.frontends.terms import N, Terms


def affine(write: Terms[N], u: Any, weight: Any, bias: Any, shape: Sequence[int]) -> N:
    """u times a weight plus a bias, where these are given; ``shape`` is theirs beside u."""
    if weight is not None:
        u = write.mul(u, write.reshape(weight, shape))
    return u if bias is None else write.add(u, write.reshape(bias, shape))


def channels(ndim: int) -> list[int]:
    """The shape of one number for each entry of axis 1."""
    return [1, -1] + [1] * (ndim - 2)


def normalized(write: Terms[N], u: Any, axes: Sequence[int], eps: float) -> N:
    """u less its mean over axes, over the root of its variance plus eps."""
    # An entry by itself less its mean is 0 whatever it is, as a difference shows.
    if eps > 0 and math.prod(write.shape(u)[axis] for axis in axes) != 1:
        return write.op("standardized", u, axes=tuple(sorted(axes)), eps=float(eps))
    deviation, _ = centred(write, u, axes)
    return write.div(deviation, moments(write, u, axes, eps)[1])


def moments(write: Terms[N], u: Any, axes: Sequence[int], eps: float) -> tuple[N, N]:
    """The mean over axes, and the root of the variance plus eps, with these axes kept."""
    found, mean = variance(write, u, axes, keep=True)
    return mean, write.op("sqrt", write.shifted(found, eps))


def root_normalized(write: Terms[N], u: Any, axes: Sequence[int], eps: float) -> tuple[N, N]:
    """u over the root of its mean square over axes plus eps, and this root."""
    root = write.op("sqrt", write.shifted(write.mean(write.op("square", u), axes, True), eps))
    return write.div(u, root), root


def by_groups(write: Terms[N], u: Any, groups: int) -> N:
    """u with the entries of each group of its channels along axis 2."""
    shape = write.shape(u)
    return write.reshape(u, (shape[0], groups, math.prod(shape) // max(1, shape[0] * groups)))


def group_normalized(write: Terms[N], u: Any, groups: int, eps: float) -> N:
    """u normalized over each group of its channels."""
    return write.reshape(normalized(write, by_groups(write, u, groups), [2], eps), write.shape(u))


def pulled_back(write: Terms[N], adjoint: Any, result: Any, rate: Any, axes: Sequence[int], centred: bool = True) -> N:
    """The adjoint of what was `normalized`, or `root_normalized`, from that of the result.

    ``rate`` is 1 over the root.
    """
    parallel = write.mul(result, write.mean(write.mul(adjoint, result), axes, True))
    rest = write.sub(adjoint, write.mean(adjoint, axes, True)) if centred else adjoint
    return write.mul(write.sub(rest, parallel), rate)
