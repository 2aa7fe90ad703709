"""Values on a tie alone, which do not count: where(all(u == v), e, a) is a (THEORY 9).

f is e where u = v and a elsewhere.  If e and a agree with v in the place of u, whatever all other variables are, they
agree wherever u = v, and f is a.  That is an identity of functions: nothing is asked of a but that it is what f is
elsewhere, and a quotient that is 0 / 0 at the tie may be written in another way (`removable`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings.removable import Removable
from absnormal.frontends.meanings.sameness import same
from absnormal.frontends.meanings.sides import Side
from absnormal.frontends.meanings.ties import Ties, all_inside, inside
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

if TYPE_CHECKING:
    from absnormal.frontends.meanings.jumps import Either, Jump


class Hole:
    """Where u = v in the entries ``tied`` of u.

    ``numbers`` says for every entry of u of which entry of a result it decides; None: all that is computed is looked
    at where all tied entries are equal.
    """

    def __init__(self, write: Writer, left: int, right: int, tied: Array, numbers: Array | None) -> None:
        builder = write.builder
        if numbers is None:
            left, right, tied = all_inside(builder, left, right, tied)
        else:
            left, right = inside(builder, left, right, tied)
        self.write, self.left, self.numbers = write, left, numbers
        self.u = TracedArray(builder, left)
        # Entry by entry, those that are not tied are not looked at.
        everywhere = tied.all() or (numbers is not None and numbers.size == len(np.unique(numbers)))
        mask = np.broadcast_to(tied | everywhere, self.u.shape)
        v = broadcast_to(TracedArray(builder, right), self.u.shape)
        self.on_tie = v if mask.all() else write.op("where", v, self.u, mask=mask)

    def apart(self, nodes: Sequence[int], shape: tuple[int, ...], open_: Array) -> bool:
        """Whether every entry that counts depends on no entry of u but those that decide it."""
        if self.numbers is None:
            return True
        side = Side(self.write, self.left, self.u, 1, numbers=self.numbers)
        return side.entry_by_entry(tuple(nodes), np.arange(open_.size).reshape(shape), open_)

    def closed(self, nodes: Sequence[int]) -> list[int] | None:
        """The nodes with v in the place of u; None where that is not known."""
        side = Side(self.write, self.left, self.u, 1, alone=True)
        ends = [side.replayed(node, self.on_tie) for node in nodes]
        return None if any(end is None for end in ends) else [end.index for end in ends]


def filled(jumping: Either) -> TracedArray | None:
    """What is computed on several sides of ties, if it is one function off them that the values on them agree with."""
    cases = [*_cases(jumping, ())]
    off = [value for ties, value in cases if not ties]
    if not isinstance(off[0], TracedArray):
        return None
    first, write = off[0], jumping.jump.writer
    try:
        if any(other is not first and not same(first, write.array(other)) for other in off[1:]):
            return None
        first = Removable(write, Ties(write.builder, _jumps(cases))).rewritten(first)
        met = all(_agree(write, first, write.array(value), ties) for ties, value in cases if ties)
    except (DomainError, TraceError):
        return None
    return first if met else None


def _agree(write: Writer, elsewhere: TracedArray, there: TracedArray, ties: Sequence[Jump]) -> bool:
    """Whether two nodes agree in the entries in which all these jumps are tied, wherever they are."""
    nodes = [elsewhere.index, there.index]
    open_ = np.ones(elsewhere.shape, bool)
    for jump in ties:
        if not jump.single:
            if jump.tied.size != open_.size:
                return False
            open_ &= jump.tied.reshape(open_.shape)
    for jump in ties:
        hole = jump.hole
        closed = hole.closed(nodes) if hole.apart(nodes, elsewhere.shape, open_) else None
        if closed is None:
            return False
        nodes = closed
    one, other = (TracedArray(write.builder, node) for node in nodes)
    return same(one, other, open_)


def _cases(value: Any, ties: tuple[Jump, ...]) -> Iterator[tuple[tuple[Jump, ...], Any]]:
    """What is computed on all sides of all jumps, with the jumps that are on their ties there."""
    jump = getattr(value, "jump", None)
    if jump is None:
        yield ties, value
        return
    yield from _cases(value.own, (*ties, jump))
    yield from _cases(value.up, ties)
    if value.down is not value.up:
        yield from _cases(value.down, ties)


def _jumps(cases: Sequence[tuple[tuple[Jump, ...], Any]]) -> list[Jump]:
    return list(dict.fromkeys(jump for ties, _ in cases for jump in ties))
