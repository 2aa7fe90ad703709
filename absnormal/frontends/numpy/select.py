"""np.where and np.select: constant masks, untied comparisons, and kinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.frontends.meanings.selections import chosen
from absnormal.frontends.numpy.masks import TracedMask, concrete
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of


def where(condition: Any, *choices: Any) -> Any:
    """np.where(condition, a, b); at a tie of condition it is a kink if a - b = k (left - right)."""
    if isinstance(condition, TracedArray):
        condition = condition != 0
    if len(choices) != 2:
        return np.where(concrete(condition))
    a, b = choices
    if isinstance(condition, TracedMask) and condition.touches:
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
    made = chosen(write, mask.left, mask.relation, mask.right, write.node(a), write.node(b))
    if made is None:
        write.refuse(
            f"its condition {mask.relation} is tied at this point, and the two choices do not differ by a"
            " constant multiple of its two sides' difference, nor are they seen to meet there",
            "write the kink with np.maximum, np.minimum or np.abs",
        )
    return made


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    """np.select: the last condition is asked first, so that the first one wins."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return result


def combined(write: Writer, name: str, a: Any, b: Any) -> Any:
    """``a`` and ``b``, ``a`` or ``b``, for comparisons that are not both tied in one place."""
    masks = [item for item in (a, b) if isinstance(item, TracedMask)]
    tied = [np.any(mask.tied) for mask in masks]
    if not any(tied):
        first, second = concrete(a), concrete(b)
        return first & second if name == "and" else first | second
    if len(masks) == 2 and all(tied):
        return _both(write, name, *masks)
    mask = masks[0] if tied[0] else masks[1]
    other = np.asarray(concrete(b if mask is a else a))
    # What the other one decides is decided.
    return _forced(write, mask, other if name == "and" else ~other, name == "or")


def _forced(write: Writer, mask: TracedMask, open_: Any, outcome: bool) -> Any:
    """The comparison where ``open_``, and ``outcome`` elsewhere."""
    left, right, relation = upward(mask)
    shape = np.broadcast_shapes(mask.shape, open_.shape)
    end = 1.0 if outcome else -1.0
    u, v = (broadcast_to(TracedArray(write.builder, side), shape) for side in (left, right))
    first, second = where(open_, u, end), where(open_, v, 0.0)
    return TracedMask(write.builder, write.node(first), relation, write.node(second), mask.source)


def _both(write: Writer, name: str, a: TracedMask, b: TracedMask) -> Any:
    """Two comparisons that are tied in different places, in the same sense."""
    if np.any(a.tied & b.tied) or upward(a)[2] != upward(b)[2]:
        write.refuse("combines two comparisons that are tied at this point", "write the kinks one after the other")
    decisive = name == "or"
    first = _forced(write, a, (b.outcome != decisive) & ~b.tied | a.tied & (b.outcome != decisive), decisive)
    # Where b is tied, a is decided: b counts there unless a has settled it.
    open_ = b.tied & (a.outcome != decisive)
    left, right, relation = upward(b)
    u, v = TracedArray(write.builder, left), TracedArray(write.builder, right)
    p, q = TracedArray(write.builder, first.left), TracedArray(write.builder, first.right)
    settled = b.tied & (a.outcome == decisive)
    end = 1.0 if decisive else -1.0
    top = np.where(settled, end, np.where(open_, u, p))
    below = np.where(settled, 0.0, np.where(open_, v, q))
    return TracedMask(write.builder, write.node(top), relation, write.node(below), a.source)


def upward(mask: TracedMask) -> tuple[int, int, str]:
    """The comparison as > or >=."""
    if mask.relation in ("==", "!="):
        mask.concrete()
    flipped = {"<": ">", "<=": ">="}
    if mask.relation in flipped:
        return mask.right, mask.left, flipped[mask.relation]
    return mask.left, mask.right, mask.relation
