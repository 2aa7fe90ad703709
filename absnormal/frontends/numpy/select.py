"""np.where and np.select: constant masks, untied comparisons, and kinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.frontends.meanings.jumps import eithers, lifted
from absnormal.frontends.meanings.selections import chosen
from absnormal.frontends.numpy.masks import TracedMask, concrete, numbers
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of


def where(condition: Any, *choices: Any) -> Any:
    """np.where(condition, a, b); at a tie of condition it is a kink if a - b = k (left - right)."""
    from absnormal.frontends.numpy.held import taken

    condition, *choices = taken([condition, *choices])  # type: ignore[assignment]
    if isinstance(condition, TracedArray):
        condition = condition != 0
    if len(choices) != 2:
        return np.where(concrete(condition))
    a, b = choices
    if eithers([a, b]):
        return lifted(np.where, [condition, a, b], True)
    if isinstance(condition, TracedMask) and condition.touches:
        return _tied(writer_of([condition], "np.where"), condition, a, b)
    mask = np.array(concrete(condition), dtype=bool)
    if not isinstance(a, TracedArray) and not isinstance(b, TracedArray):
        return np.where(mask, *concrete(choices))
    write = writer_of(choices, "np.where")
    shape = np.broadcast_shapes(mask.shape, np.shape(a), np.shape(b))
    if mask.all() or not mask.any():
        taken_, other = (a, b) if mask.all() else (b, a)
        builder = write.builder
        if not (isinstance(other, TracedArray) and builder.nearby.is_felt(other.index, builder.faults)):
            if isinstance(other, TracedArray):
                builder.here_only |= builder.nearby.may_be_felt(other.index)
            return broadcast_to(write.array(taken_), shape)
    return write.op("where", a, b, mask=np.broadcast_to(mask, shape))


def _tied(write: Writer, mask: TracedMask, a: Any, b: Any) -> Any:
    made = chosen(write, mask.left, mask.relation, mask.right, write.node(a), write.node(b))
    if made is None:
        return np.where(numbers(mask), a, b)
    return made


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    """np.select: the last condition is asked first, so that the first one wins."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return result


def upward(mask: TracedMask) -> tuple[int, int, str]:
    """The comparison as > or >=."""
    if mask.relation in ("==", "!="):
        mask.concrete()
    flipped = {"<": ">", "<=": ">="}
    if mask.relation in flipped:
        return mask.right, mask.left, flipped[mask.relation]
    return mask.left, mask.right, mask.relation
