"""Minima without alternatives that are dominated: the same function with fewer ties.

In a dynamic program an alternative of a minimum is often a cost that is never negative, added to a minimum that has one
of the other alternatives itself: the cell beside the one on the diagonal, in the warping of two series.  To choose it
there, and in it that other one, is never better than to choose that one at once.  Here such pairs of choices are left
out, so that no slopes stand for them (THEORY 7.11).  The same for maxima and what is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.merging import Merged
from absnormal.program.nodes import Node
from absnormal.program.numbering import value_numbers
from absnormal.program.program import Program
from absnormal.program.signs import never_negative

#: How many times as many nodes the program may have.
_LONGER = 5


class _Part(NamedTuple):
    """A node, by its number, that is an alternative of a maximum (1) or a minimum (-1), or adds something to it; what
    is not to be chosen in it, as it is another alternative itself."""

    number: int
    side: int = 0
    excluded: frozenset[int] = frozenset()

    @property
    def dominated(self) -> bool:
        """Whether it is not to be chosen itself."""
        return self.number in self.excluded


def undominated(program: Program, values: Sequence[Array]) -> Merged | None:
    """The program without dominated alternatives; None where there are none that are seen, or it would be long."""
    found = _Pruned(program, values)
    return found.made() if found.sides else None


class _Pruned:
    """A program on its way to one without dominated alternatives."""

    def __init__(self, program: Program, values: Sequence[Array]) -> None:
        self.program, self.nodes, self.values = program, program.nodes, values
        self.numbers = value_numbers(program.nodes)
        #: For extrema of two entries, -1 for minima and 1 for maxima.
        self.sides = {index: side for index in program.kinked if (side := _side(program, index))}
        self._alternatives: dict[int, list[int]] = {}
        self._choices: dict[int, frozenset[int]] = {}
        self._dropped = False

    def alternatives(self, number: int) -> list[int]:
        """What an extremum is one of, with those of extrema among its arguments in their place, each once."""
        if number not in self._alternatives:
            found: dict[int, None] = {}
            stack = [*self.nodes[number].args][::-1]
            while stack:
                arg = self.numbers[stack.pop()]
                if self.sides.get(arg) == self.sides[number]:
                    stack += self.nodes[arg].args[::-1]
                else:
                    found[arg] = None
            self._alternatives[number] = [*found]
        return self._alternatives[number]

    def choices(self, number: int) -> frozenset[int]:
        """The nodes that a node may be, or be a sum with: alternatives of extrema, but not those in these."""
        stack = [number]
        while stack:
            at = stack[-1]
            node = self.nodes[at]
            inner = [self.numbers[arg] for arg in node.args] if node.op in ("add", "sub") else []
            missing = [arg for arg in inner if arg not in self._choices]
            if at in self._choices or not missing:
                own = self.alternatives(at) if at in self.sides else ()
                self._choices.setdefault(at, frozenset({at, *own}).union(*(self._choices[arg] for arg in inner)))
                stack.pop()
            else:
                stack += missing
        return self._choices[number]

    def without(self, number: int, side: int, excluded: frozenset[int]) -> _Part:
        """A node in which some nodes are not to be chosen, if it may be one of them."""
        known = excluded & self.choices(number)
        return _Part(number, side, known) if known else _Part(number)

    def needs(self, part: _Part) -> Iterator[_Part]:
        """What a node is made of."""
        number, side, excluded = part
        node = self.nodes[number]
        if number in self.sides:
            own, kept = self.alternatives(number), excluded if side == self.sides[number] else frozenset[int]()
            for arg in own:
                if arg in kept:
                    self._dropped = True
                else:
                    yield self.without(arg, self.sides[number], frozenset(own) - {arg})
            return
        for position, arg in enumerate(node.args):
            inner = self.numbers[arg]
            follows = excluded and node.op in ("add", "sub") and excluded & self.choices(inner)
            if follows and self.nodes[inner].shape == node.shape and self._adds(node, position, side):
                yield self.without(inner, side, excluded)
            else:
                yield _Part(inner)

    def _adds(self, node: Node, position: int, side: int) -> bool:
        """Whether what is added to an argument is never negative, for a minimum, or never positive, for a maximum."""
        if node.op == "sub" and position:
            return False
        other, down = node.args[1 - position], node.op == "sub"
        while self.nodes[other].op == "neg":
            (other,), down = self.nodes[other].args, not down
        return down == (side > 0) and never_negative(self.nodes, self.values, other)

    def made(self) -> Merged | None:
        """The new program."""
        output = _Part(self.numbers[self.program.output])
        needed, stack = {output}, [output]
        while stack:
            for part in self.needs(stack.pop()):
                if part not in needed:
                    needed.add(part)
                    self._dropped |= part.dominated
                    stack += [] if part.dominated else [part]
            if len(needed) > _LONGER * len(self.nodes):
                return None
        if not self._dropped:
            return None
        made, places = Merged(), dict[_Part, int | None]()
        for part in sorted(needed, key=lambda part: (part.number, part.side, sorted(part.excluded))):
            own = [] if part.dominated else [places[inner] for inner in self.needs(part)]
            places[part] = None if part.dominated else self._write(made, part, own)
        last = places[output]
        if last is None:
            return None
        made.program = Program(tuple(made.nodes), last, self.program.tree)
        return made

    def _write(self, made: Merged, part: _Part, parts: list[int | None]) -> int | None:
        """Write a node of these; None where all of its alternatives are dominated."""
        number, excluded = part.number, part.excluded
        node, value = self.nodes[number], None if excluded else self.values[number]
        kept = [place for place in parts if place is not None]
        if number not in self.sides:
            return None if None in parts else self._add(made, node, kept, value)
        if not kept:
            return None
        total = kept[0]
        for place, other in enumerate(kept[1:], 2):
            total = self._add(made, node, [total, other], value if place == len(kept) else None)
        return total

    def _add(self, made: Merged, node: Node, args: Sequence[int], value: Array | None) -> int:
        """Add a node of these arguments."""
        if value is None:
            value = np.asarray(TABLE[node.op].value(node.params, *(made.values[arg] for arg in args)))
        return made.add(node._replace(args=tuple(args)), value)


def _side(program: Program, index: int) -> int:
    """1 for the maximum of two entries, -1 for the minimum, 0 for anything else."""
    node, kink = program.nodes[index], TABLE[program.nodes[index].op].kink
    if not isinstance(kink, Entrywise) or kink.rates != (1, -1):
        return 0
    if any(program.nodes[arg].shape != node.shape for arg in node.args):
        return 0
    sides = kink.sides(node.params, float)
    return {((1, 0), (0, 1)): 1, ((0, 1), (1, 0)): -1}.get((tuple(sides[0]), tuple(sides[1])), 0)
