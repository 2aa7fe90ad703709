"""What a program shows without numbers: inputs that reach one kink directly and nothing else (THEORY 2.2).

A *chain* is an input that was only moved (reshaped, indexed, broadcast): its entries are numbers of inputs.  A
private input of a kink is added directly before the kink, a bias, and reaches it in no other way.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE, kink_of
from absnormal.program.moves import MOVES
from absnormal.program.program import Program

_DEPTH = 12


@dataclass(frozen=True, eq=False)
class Private:
    """Inputs that move the switches of one kinked node one by one.

    Attributes
    ----------
    entries
        for each entry of the node, which has one switch, the number of the input; a view that repeats a bias
    sign
        the derivative of each switch with respect to its input is this sign times a positive number
    crossed
        earlier kinked nodes that these inputs reach
    """

    entries: Array
    sign: int
    crossed: tuple[int, ...]

    @cached_property
    def groups(self) -> Array:
        """The number of the input for each switch, shape (switches,)."""
        return self.entries.reshape(-1)

    def moving(self, own: Array) -> Array:
        """The inputs, in order, that move some of the switches ``own``, a mask of shape (switches,)."""
        repeated = [axis for axis, stride in enumerate(self.entries.strides) if stride == 0]
        wanted = own.reshape(self.entries.shape).any(axis=tuple(repeated))
        once = tuple(0 if axis in repeated else slice(None) for axis in range(self.entries.ndim))
        return np.unique(self.entries[once][wanted])


class PrivateInputs:
    """Finds private inputs, kink by kink, and remembers them."""

    def __init__(self, program: Program) -> None:
        # The program itself is not kept: this object is remembered as long as the program lives.
        self.nodes, self.n, self.kinked = program.nodes, program.n, program.kinked
        self._maps: dict[int, Array] = {}
        self._found: dict[int, list[Private]] = {}
        nodes = program.nodes
        self.chain = [False] * len(nodes)
        self.uses: dict[int, list[tuple[int, int]]] = {}
        self._leaf: dict[int, int] = {}
        self._first: dict[int, int] = {}
        offset = 0
        for index, node in enumerate(nodes):
            if node.op == "input":
                self._first[index] = offset
                offset += math.prod(node.shape)
                self._leaf[index], self.chain[index] = index, True
            elif node.op in MOVES and self.chain[node.args[0]]:
                self._leaf[index], self.chain[index] = self._leaf[node.args[0]], True
            else:
                for arg in node.args:
                    if self.chain[arg]:
                        self.uses.setdefault(self._leaf[arg], []).append((arg, index))
        if self.chain[program.output]:
            self.uses.setdefault(self._leaf[program.output], []).append((program.output, -1))

    def entries(self, index: int) -> Array:
        """The numbers of the inputs that a chain holds, in its shape."""
        found = self._maps.get(index)
        if found is None:
            node = self.nodes[index]
            if node.op == "input":
                first = self._first[index]
                found = np.arange(first, first + math.prod(node.shape)).reshape(node.shape)
            else:
                found = TABLE[node.op].value(node.params, self.entries(node.args[0]))
            self._maps[index] = found
        return found

    def of(self, index: int) -> list[Private]:
        """The candidates for a kinked node; empty where entries mix."""
        if index not in self._found:
            node = self.nodes[index]
            starts = zip(node.args, kink_of(node.op).rates, strict=False)
            self._found[index] = [found for start, sign in starts for found in self._candidates(index, start, sign)]
        return self._found[index]

    def _candidates(self, kink: int, start: int, sign: int) -> Iterator[Private]:
        stack: list[tuple[int, int, tuple[int, ...]]] = [(start, sign, (kink,))]
        while stack:
            index, sign, path = stack.pop()
            if self.chain[index]:
                found = self._checked(index, sign, path)
                if found is not None:
                    yield found
                continue
            node = self.nodes[index]
            below = (*path, index)
            if not node.varied or len(path) > _DEPTH:
                continue
            if node.op in MOVES:
                stack.append((node.args[0], sign, below))
            elif node.op == "neg":
                stack.append((node.args[0], -sign, below))
            elif node.op in ("add", "sub"):
                second = sign if node.op == "add" else -sign
                stack += [(node.args[0], sign, below), (node.args[1], second, below)]
            elif node.op in ("mul", "div"):
                stack += self._scaled(index, sign, below)

    def _scaled(self, index: int, sign: int, path: tuple[int, ...]) -> list[tuple[int, int, tuple[int, ...]]]:
        """Through a multiplication by one constant that is not 0."""
        node = self.nodes[index]
        positions = ((0, 1),) if node.op == "div" else ((0, 1), (1, 0))
        for position, other in positions:
            value = self.nodes[node.args[other]].params.get("value")
            if value is not None and np.size(value) == 1 and value.reshape(-1)[0] != 0:
                factor = 1 if value.reshape(-1)[0] > 0 else -1
                return [(node.args[position], sign * factor, path)]
        return []

    def _checked(self, chain: int, sign: int, path: tuple[int, ...]) -> Private | None:
        """The candidate, when its inputs move the switches of the kink by the path only."""
        nodes, kink = self.nodes, path[0]
        groups = self.entries(chain)
        marked = np.zeros(self.n, bool)
        marked[groups] = True
        touched = {
            index
            for used, consumer in self.uses[self._leaf[chain]]
            if consumer >= 0 and marked[self.entries(used)].any()
            for index in (used, consumer)
        }
        for index in range(min(touched), kink):
            if any(arg in touched and not self.chain[arg] for arg in nodes[index].args):
                touched.add(index)
        for outer, inner in zip(path, (*path[1:], chain), strict=True):
            args = nodes[outer].args if outer != kink else nodes[kink].args[: len(kink_of(nodes[kink].op).rates)]
            if [arg for arg in args if arg in touched] != [inner]:
                return None
        crossed = tuple(i for i in self.kinked if i in touched and i < kink)
        for index in reversed(path):
            node = nodes[index]
            moved = TABLE[node.op].value(node.params, groups) if node.op in MOVES else groups
            groups = np.broadcast_to(moved, node.shape)
        return Private(groups, sign, crossed)


_KNOWN: weakref.WeakKeyDictionary[Program, PrivateInputs] = weakref.WeakKeyDictionary()


def private_inputs(program: Program) -> PrivateInputs:
    """The private inputs of a program, remembered as long as it lives."""
    found = _KNOWN.get(program)
    if found is None:
        found = _KNOWN[program] = PrivateInputs(program)
    return found
