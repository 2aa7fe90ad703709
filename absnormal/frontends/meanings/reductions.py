"""Sums of exponentials, moments and norms, over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from absnormal.frontends.terms import N, Terms


def log_softmax(write: Terms[N], u: Any, axis: int) -> N:
    """u - log sum exp(u) along an axis."""
    return write.sub(u, write.logsumexp(u, [axis], True))


def softmax(write: Terms[N], u: Any, axis: int) -> N:
    """exp(u) over its sum along an axis."""
    return write.op("exp", log_softmax(write, u, axis))


def centred(write: Terms[N], u: Any, axes: Sequence[int]) -> tuple[N, N]:
    """u less its mean over axes, and the mean with these axes kept."""
    mean = write.mean(u, axes, True)
    return write.sub(u, mean), mean


def variance(write: Terms[N], u: Any, axes: Sequence[int], correction: float = 0.0, keep: bool = False) -> tuple[N, N]:
    """The variance over axes, with a count that is less by the correction, and the mean with these axes kept."""
    count = math.prod(write.shape(u)[axis] for axis in axes) - correction
    deviation, mean = centred(write, u, axes)
    return write.div(write.sum(write.op("square", deviation), axes, keep), write.constant(max(0.0, count))), mean


def accumulated(write: Terms[N], u: N, axis: int, op: str) -> N:
    """Entry i along an axis is that of entries 0 to i, joined by an operation that is associative: "mul", "logaddexp".

    The lines are joined with themselves, moved by 1, 2, 4, ... places.
    """
    count, ahead, step = write.shape(u)[axis], (slice(None),) * axis, 1
    while step < count:
        first = write.index(u, (*ahead, slice(0, step)))
        late, early = (write.index(u, (*ahead, part)) for part in (slice(step, count), slice(0, count - step)))
        u = write.concatenate([first, write.op(op, late, early)], axis)
        step *= 2
    return u
