"""np.where and np.select: constant masks, untied comparisons, and kinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.frontends.numpy import TracedArray
from absnormal.frontends.numpy_masks import TracedMask, concrete
from absnormal.frontends.numpy_shapes import broadcast_to
from absnormal.frontends.writing import Writer, writer_of


def where(condition: Any, *choices: Any) -> Any:
    """np.where(condition, a, b); at a tie of condition it is a kink if a - b = k (left - right)."""
    if isinstance(condition, TracedArray):
        condition = condition != 0
    if len(choices) != 2:
        return np.where(concrete(condition))
    a, b = choices
    if isinstance(condition, TracedMask) and np.any(condition.tied):
        return _tied(writer_of([condition], "np.where"), condition, a, b)
    mask = np.array(concrete(condition), dtype=bool)
    if not isinstance(a, TracedArray) and not isinstance(b, TracedArray):
        return np.where(mask, *concrete(choices))
    write = writer_of(choices, "np.where")
    shape = np.broadcast_shapes(mask.shape, np.shape(a), np.shape(b))
    if mask.all() or not mask.any():
        return broadcast_to(write.array(a if mask.all() else b), shape)
    return write.op("where", a, b, mask=np.broadcast_to(mask, shape))


def _tied(write: Writer, mask: TracedMask, a: Any, b: Any) -> Any:
    first, second, left, right = write.node(a), write.node(b), mask.left, mask.right
    if mask.relation in ("<", "<="):
        left, right = right, left
    k = write.builder.multiple(first, second, left, right) if mask.relation not in ("==", "!=") else None
    if k is None:
        write.refuse(
            f"its condition {mask.relation} is tied at this point, and the two choices do not differ by a"
            " constant multiple of its two sides' difference",
            "write the kink with np.maximum, np.minimum or np.abs",
        )
    shape = np.broadcast_shapes(mask.shape, np.shape(a), np.shape(b))
    if k == 0:
        return broadcast_to(write.array(a), shape)
    u = write.op("sub", TracedArray(write.builder, left), TracedArray(write.builder, right))
    tie = "where>" if mask.relation in (">", "<") else "where>="
    return write.op("select", broadcast_to(u, shape), a, b, tie=tie, k=float(k) if float(k) == k else k)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    """np.select: the last condition is asked first, so that the first one wins."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return result
