"""Operations that step, at their ties: the outcomes on both sides, and what keeps them at other points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import Jump
from absnormal.frontends.meanings.outcomes import jump_of
from absnormal.frontends.meanings.selections import never_below
from absnormal.frontends.meanings.ties import inside
from absnormal.frontends.numpy.masks import TracedMask, numbers
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.program.program import RELATIONS

#: From the value at a tie to the outcomes above and below it.
_OUTCOMES: dict[str, Callable[[Array], tuple[Any, Any]]] = {
    "sign": lambda u: (np.ones(u.shape), -np.ones(u.shape)),
    "floor": lambda u: (u, u - 1),
    "ceil": lambda u: (u + 1, u),
    "trunc": lambda u: (np.where(u > 0, u, u + 1), np.where(u > 0, u - 1, u)),
    "rint": lambda u: (np.ceil(u), np.floor(u)),
}

#: The outcomes of a comparison where its left side is the larger one, and where it is the smaller one.
_COMPARED = {
    ">": (True, False), ">=": (True, False), "<": (False, True), "<=": (False, True), "==": (False, False),
    "!=": (True, True),
}  # fmt: skip

SIDES = (
    "its condition {relation} is tied at this point, and the two choices do not differ by a constant multiple of its"
    " two sides' difference, nor are they seen to meet there"
)
KINK = "write the kink with np.maximum, np.minimum or np.abs"


def stepped(write: Writer, u: TracedArray, relation: str) -> Any:
    """A rounding or a sign, which steps at the point in some entries."""
    builder, value = write.builder, u.value
    tied = builder.tied(u.index, u.index, relation)
    own = np.asarray(RELATIONS[relation][0](value, value), dtype=float)
    plain = value.astype(float)
    up, down = (np.where(tied, side, own) for side in _OUTCOMES[relation](plain))
    _keep_rest(write, u, relation, own, tied)
    if relation == "sign":
        knots = np.zeros(u.shape)
    else:
        _keep_between(write, u, np.where(tied, plain - 1, -np.inf), np.where(tied, plain + 1, np.inf))
        knots = plain - ~tied
    jump = Jump(builder, u.index, builder.constant(knots), tied, write.operation, write.source)
    return jump_of(jump, own, up, down)


def searched(write: Writer, edges: Array, u: TracedArray, side: str) -> Any:
    """The number of edges below a number: np.searchsorted(edges, u, side)."""
    value = u.value.astype(float)
    up, down = (np.searchsorted(edges, value, end) for end in ("right", "left"))  # type: ignore[call-overload]
    bounded = np.concatenate([[-np.inf], edges, [np.inf]])
    _keep_between(write, u, bounded[down], bounded[up + 1])
    tied = np.asarray(up != down) & ~write.builder.nearby.constant(u.index)
    if not tied.any():
        return np.asarray(up if side == "right" else down)
    knots = np.where(tied, value, value - 1)
    jump = Jump(write.builder, u.index, write.builder.constant(knots), tied, write.operation, write.source)
    return jump_of(jump, up if side == "right" else down, up, down)


def cells(write: Writer, u: TracedArray) -> tuple[Array, Array]:
    """The whole numbers below coordinates, and where these are whole: near there a coordinate may cross to the cell
    before, and the number is that of the point."""
    low = np.floor(u.value.astype(float))
    tied = write.builder.tied(u.index, u.index, "floor")
    _keep_rest(write, u, "floor", low, tied)
    _keep_between(write, u, np.where(tied, low - 1, -np.inf), np.where(tied, low + 1, np.inf))
    return low.astype(int), np.asarray(tied)


def as_number(mask: TracedMask) -> Any:
    """A comparison that is tied at the point, as what jumps there."""
    write = Writer(mask.builder, *(mask.builder.user or (f"comparison {mask.relation}", mask.source)))
    tied = np.asarray(mask.tied)
    if not tied.any():
        return mask.concrete()
    own = np.array(mask.outside(tied))
    above, below = _COMPARED[mask.relation]
    if never_below(mask.builder, mask.left, mask.right):
        below = above  # there is no point on that side
    elif never_below(mask.builder, mask.right, mask.left):
        above = below
    up, down = (np.where(tied, side, own) for side in (above, below))
    left, right = (broadcast_to(TracedArray(mask.builder, node), own.shape) for node in (mask.left, mask.right))
    tied = np.broadcast_to(tied, own.shape)
    if above == below:
        left, right = (TracedArray(mask.builder, node) for node in inside(mask.builder, left.index, right.index, tied))
    jump = Jump(
        mask.builder, left.index, right.index, tied, write.operation, write.source,
        SIDES.format(relation=mask.relation), KINK,
    )
    return jump_of(jump, own, up, down)


def over_entries(mask: TracedMask, kind: str, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all entries of a comparison hold, or any.

    Where all of several entries are equal at once, or any differ, at the point, is one tie of all of them.  Everything
    else is asked of the entries one by one.
    """
    function, whole = (np.all, "==") if kind == "all" else (np.any, "!=")
    tied = np.broadcast_to(mask.tied, mask.shape)
    if mask.relation != whole or np.sum(tied) < 2:
        return function(numbers(mask), axis=axis, keepdims=keepdims)
    outcome = np.array(mask.outside(tied))
    own = np.asarray(function(outcome, axis=axis, keepdims=keepdims))
    counts = np.any(tied, axis=axis, keepdims=keepdims)
    # One entry that differs beyond a tie settles it.
    settled = np.any(~tied & (outcome != (kind == "all")), axis=axis, keepdims=keepdims)
    counts = np.asarray(counts & ~settled)
    kept = np.any(tied, axis=axis, keepdims=True)
    places = np.broadcast_to(np.arange(kept.size).reshape(kept.shape), mask.shape)
    tied = tied & counts.reshape(-1)[places]
    if not counts.any():
        return own
    write = Writer(mask.builder, *(mask.builder.user or (f"comparison {mask.relation}", mask.source)))
    left, right = (broadcast_to(TracedArray(mask.builder, node), mask.shape) for node in (mask.left, mask.right))
    jump = Jump(
        mask.builder, left.index, right.index, counts, write.operation, write.source,
        SIDES.format(relation=mask.relation), KINK, (tied, places),
    )
    apart = np.where(counts, kind != "all", own)
    return jump_of(jump, own, apart, apart)


def _keep_rest(write: Writer, u: TracedArray, relation: str, own: Array, tied: Array) -> None:
    """Keep the outcome in the entries in which it does not step."""
    rest = np.flatnonzero(~tied)
    if rest.size:
        flat: Any = np.reshape(u, -1)  # type: ignore[call-overload]
        kept = flat[rest]
        outcome = own.reshape(-1)[rest]
        write.builder.keep(kept.index, kept.index, relation, outcome, write.operation, write.source)


def _keep_between(write: Writer, u: TracedArray, low: Array, high: Array) -> None:
    """Keep low < u < high, where these are finite."""
    flat: Any = np.reshape(u, -1)  # type: ignore[call-overload]
    for bound, relation in ((low.reshape(-1), ">"), (high.reshape(-1), "<")):
        open_ = np.flatnonzero(np.isfinite(bound))
        if open_.size:
            kept = flat[open_] if open_.size < bound.size else flat
            write.builder.keep(
                kept.index, write.node(bound[open_]), relation, np.ones(open_.size, bool), write.operation,
                write.source,
            )
