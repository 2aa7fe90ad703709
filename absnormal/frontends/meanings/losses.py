"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import along
from absnormal.frontends.terms import N, Terms


def reduced(write: Terms[N], u: N, reduction: str) -> N:
    """The losses of entries ("none"), or their "mean" or "sum"."""
    return u if reduction == "none" else write.mean(u) if reduction == "mean" else write.sum(u)


def negative_log_likelihood(
    write: Terms[N], logs: Any, labels: Array, reduction: str, weight: Any = None, ignored: int | None = None
) -> N:
    """- weight * log p of the class that a label names, with axis 1 (of a vector: 0) the classes.

    ``ignored`` is a label that does not count; a mean is over the weights.
    """
    axis = min(1, len(write.shape(logs)) - 1)
    kept = np.ones(labels.shape, bool) if ignored is None else labels != ignored
    classes = np.where(kept, labels, 0)
    place = along(write.shape(logs), np.expand_dims(classes, axis), axis).squeeze(axis)
    losses = write.op("neg", write.gather(logs, place))
    if weight is None and kept.all():
        return reduced(write, losses, reduction)
    share = write.constant(kept.astype(float))
    if weight is not None:
        share = write.mul(write.gather(weight, classes), share)
    losses = write.mul(losses, share)
    if reduction == "none":
        return losses
    total = write.sum(losses)
    return total if reduction == "sum" else write.div(total, write.sum(share))
