"""A mask that jumps at the point, and the operation on it: a kink where its branches meet there.

where(u > 0, a, b), u * (u > 0), u.masked_fill(u <= 0, 0) and y[y < 0] = 0 are selections; see
`absnormal.frontends.meanings.selections`.  The slope of |u| is the side that the user's comparison takes at the tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from absnormal.arrays import Array
from absnormal.frontends.meanings.selections import chosen
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.ties.names import OWN
from absnormal.frontends.torch.jumps import RELATIONS
from absnormal.frontends.torch.steps import Mask
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.writer import Arg, Writer

#: An argument as the mask that jumps, its opposite, or entries of one of them; None where it is none.
Masks = Callable[[Any], Mask | None]


def at_ties(
    w: Writer, record: Record, args: Sequence[Any], relation: str, compared: Sequence[Any], masks: Masks
) -> int | None:
    """The operation as a kink, or None where it is none."""
    if relation not in RELATIONS or len(compared) != 2:
        return None
    branches = _branches(w, record, args, masks)
    if branches is None:
        return None
    first, second, numbers = branches
    left, right = (w.rounded(side, compared) for side in compared)
    if numbers is not None:
        # A view of the mask holds these entries of the comparison.
        part = TracedMask(w.builder, left, RELATIONS[relation], right, record.source)
        part = part.moved(lambda u: u.reshape(-1)[numbers])
        left, right = part.left, part.right
    start = len(w.nodes)
    made = chosen(w.entrywise, left, RELATIONS[relation], right, first, second)
    # Nobody knows the slopes of a kink of torch's own that was written again.
    known = made is not None and all(node.tie != OWN for node in w.nodes[start:])
    return made.index if made is not None and known else None


def _branches(w: Writer, record: Record, args: Sequence[Any], masks: Masks) -> tuple[int, int, Array | None] | None:
    """What the operation gives where the comparison holds, and where it does not; the entries of it that decide."""
    name = record.name.rstrip("_")
    if name == "index_put" and len(args[1]) == 1 and not any(args[3:]):
        x, keys, value = args[:3]
        if keys[0].shape != x.shape or (isinstance(value, Arg) and value.here.numel() != 1):
            return None
        here, found = masks(keys[0]), (w.reshape(w.node(value), ()), w.node(x))
    else:
        own = [masks(arg) for arg in args]
        at = next((i for i, item in enumerate(own) if item is not None), None)
        if at is None or own.count(None) < len(own) - 1:
            return None
        here = own[at]
        if name == "where" and at == 0:
            found = w.node(args[1]), w.node(args[2])
        elif name == "mul":
            other = w.node(args[1 - at])
            found = other, w.scaled(other, 0.0)
        elif name == "masked_fill" and at == 1:
            found = w.node(args[2]), w.node(args[0])
        else:
            return None
    return None if here is None else (*(found if here.holds else found[::-1]), here.numbers)
