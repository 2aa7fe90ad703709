"""The memory of arrays that are written into: for every entry the node, and the place in it, that it holds now.

A program has no assignments.  An array that f writes into keeps a list of where each of its entries comes from; an
assignment changes the list, and what reads the array puts its entries together.  Views of an array have the same
memory, so that what is written through one is seen in all.  A write and a read of one entry cost the same at any size.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.user_line import caller
from absnormal.program.moves import in_order, numbered

if TYPE_CHECKING:
    from absnormal.program.builder import Builder

#: The owner of an entry that is a constant, and of one of which only one side of a tied comparison was written.
CONSTANT, WAITING = -1, -2


class OneSide(NamedTuple):
    """What was written where a comparison holds, which jumps there beside what it was written over."""

    where: Array
    mask: Any
    value: Any
    error: TraceError


class Memory:
    """Which node each entry belongs to, and its place there; ``constants`` has the others.

    ``version`` counts the writes, so that what was read before one is known to be out of date.
    """

    __slots__ = ("builder", "constants", "numbers", "one_side", "owner", "place", "version")

    def __init__(self, builder: Builder, size: int, owner: int, constants: Array | None = None) -> None:
        self.builder = builder
        self.owner = np.full(size, owner)
        self.place = np.arange(size)
        self.numbers = np.arange(size)
        self.constants = constants
        self.one_side: OneSide | None = None
        self.version = 1

    def write(self, where: Any, node: int) -> None:
        """Entries become those of a node, whose shape broadcasts to theirs."""
        self.owner[where] = node
        self.place[where] = numbered(self.builder.nodes[node].shape)
        self.version += 1

    def forget(self, where: Any) -> None:
        """Entries became constants."""
        self.owner[where], self.place[where] = CONSTANT, where
        self.version += 1

    def wait(self, written: OneSide) -> None:
        """Entries are what was written once the other side is written too; until then they are not read."""
        self.one_side = written
        self.owner[written.where] = WAITING
        self.version += 1

    def other_side(self, where: Array, mask: Any) -> Any:
        """What waits where a comparison does not hold; None where nothing does."""
        held = self.one_side
        waits = held is not None and np.array_equal(held.where, where) and (self.owner[where] == WAITING).all()
        return held.value if held is not None and waits and held.mask.same(~mask) else None

    def settle(self) -> None:
        """Put the numbers that variables have at the point where they are: what f has kept is a plain array then."""
        assert self.constants is not None
        varying = np.flatnonzero(self.owner >= 0)
        varying = varying[np.argsort(self.owner[varying], kind="stable")]
        owners = self.owner[varying]
        for entries in np.split(varying, np.flatnonzero(np.diff(owners)) + 1) if varying.size else ():
            value = self.builder.values[int(self.owner[entries[0]])]
            self.constants[entries] = value.reshape(-1)[self.place[entries]]

    def varies(self, where: Any) -> bool:
        """Whether there are variables among some entries."""
        return bool(np.any(self.owner[where] != CONSTANT))

    def read(self, where: Any) -> int:
        """A node of some entries, in the shape of their numbers."""
        owner, place = np.asarray(self.owner[where]), np.asarray(self.place[where])
        owners = owner.reshape(-1)
        if not owners.size:
            return self.builder.constant(np.zeros(owner.shape))
        if self.one_side is not None and (owners == WAITING).any():
            raise self.one_side.error
        self._check(where, owner)
        if (owners == owners[0]).all():
            return self._taken(int(owners[0]), place)
        order = np.argsort(owners, kind="stable")
        owners, places = owners[order], place.reshape(-1)[order]
        cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
        parts = tuple([self._taken(int(owners[first]), places[first:last]) for first, last in pairwise(cuts)])
        joined = self._added("concatenate", parts, {"axis": 0})
        index = np.empty(len(order), int)
        index[order] = np.arange(len(order))
        return self._moved(joined, index.reshape(owner.shape))

    def _check(self, where: Any, owner: Array) -> None:
        """Raise where a number stands in the place of a variable: something has written there without a word."""
        if self.constants is not None and not np.isnan(self.constants[where][owner != CONSTANT]).all():
            raise TraceError(
                "array", "is written into by a function that is not followed, in the place of variables",
                "write into a new array, made with np.zeros", caller(),
            )

    def _taken(self, owner: int, places: Array) -> int:
        if owner == CONSTANT:
            assert self.constants is not None
            return self.builder.constant(self.constants[places])
        return self._moved(owner, places)

    def _moved(self, node: int, places: Array) -> int:
        """The entries of a node at some places."""
        shape = self.builder.nodes[node].shape
        if in_order(places, math.prod(shape)):
            return node if places.shape == shape else self._added("reshape", (node,), {"shape": places.shape})
        if not places.ndim:
            key = tuple(int(i) for i in np.unravel_index(int(places), shape))
            return self._added("index", (node,), {"key": key})
        return self._added("gather", (node,), {"index": places})

    def _added(self, op: str, args: tuple[int, ...], params: dict[str, Any]) -> int:
        operation, source = self.builder.user or ("array", caller())
        return self.builder.add(op, args, params, operation, source)
