"""The angle of a pair of numbers, of which the first may be a constant 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.writing import Writer
from absnormal.program.moves import origins


def arctan2(write: Writer, u: Any, v: Any) -> Any:
    """arctan2(u, v), which is constant, pi or -pi, near entries where u is a constant 0 and v negative."""
    first, second = write.array(u), write.array(v)
    cut = np.asarray((first.value == 0) & (second.value < 0))
    if cut.any():
        # A zero that is computed may change its sign, and the angle with it.
        nodes = write.builder.nodes
        held, _ = origins(nodes, first.index)
        cut = cut & np.vectorize(lambda index: not nodes[index].varied, otypes=[bool])(held)
    if not cut.any():
        return write.op("arctan2", first, second)
    below = write.gather(write.reshape(write.broadcast(second, cut.shape), (cut.size,)), np.flatnonzero(cut)).index
    none = write.builder.constant(np.zeros(int(cut.sum())))
    write.builder.guard(below, none, "<", np.ones(int(cut.sum()), bool), write.operation, write.source)
    angle = np.where(cut, np.arctan2(first.value, second.value), 0.0)
    return write.where(cut, angle, write.op("arctan2", first, write.where(cut, 1.0, second)))
