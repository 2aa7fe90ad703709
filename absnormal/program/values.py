"""The values of the nodes of a program, where a framework computed some of them: the others are made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.nodes import Node
from absnormal.program.program import compute

#: What a reader of a verdict must know where f overflows in the precision of its framework (`Values.anew`).
OVERFLOWS = "an operation overflows in its precision: activity is decided by values in float64"

#: From what a framework computed to an array, in the precision in which it was computed.
Read = Callable[[Any], Array]


class Later(Mapping[str, Any]):
    """The parameters of a constant that a framework holds; it is read when its value is asked for."""

    def __init__(self, held: Any, read: Read) -> None:
        self._held, self._read = held, read
        self._value: Array | None = None

    def __getitem__(self, key: str) -> Any:
        if key != "value":
            raise KeyError(key)
        if self._value is None:
            self._value = self._read(self._held).astype(float)
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(("value",))

    def __len__(self) -> int:
        return 1

    def hold(self, given: Any) -> None:
        """Hold these numbers in the place of those that are held, which are the same."""
        self._held = given

    def same(self, other: Later) -> bool:
        """Whether both hold the same numbers; they are read only where they are held apart."""
        return self._held is other._held or bool(np.array_equal(self["value"], other["value"]))

    def __reduce__(self) -> Any:
        return dict, ({"value": self["value"]},)


class Values(Sequence[Array]):
    """The values of nodes in one precision.

    Attributes
    ----------
    nodes
        the nodes
    given
        for every node what a framework computed there, or None
    known
        for every node its value, or None where nobody has asked for it
    read
        makes an array of what a framework computed
    dtype
        the precision; None: each value in the one in which the framework computed it, entries that are only moved in
        theirs, and what else is written in between in float64
    checked
        whether NaN, infinity and points where an operation is not C^1 are errors where values are made
    """

    def __init__(
        self, nodes: Sequence[Node], given: list[Any], known: list[Array | None], read: Read, dtype: Any = float,
        checked: bool = False, arrays: dict[int, Array] | None = None,
    ) -> None:
        self.nodes, self.given, self.known, self.read, self.dtype = nodes, given, known, read, dtype
        self.checked = checked
        #: What was given as arrays, for values in every precision.
        self._arrays: dict[int, Array] = {} if arrays is None else arrays

    def in_precision(self, dtype: Any) -> Values:
        """The same values in another precision."""
        return Values(self.nodes, self.given, [None] * len(self.nodes), self.read, dtype, arrays=self._arrays)

    def own(self, memory: Callable[[Any], Any], copied: Callable[[Any], Any], shared: Container[Any] | None) -> None:
        """Take copies of the inputs and constants that a framework holds, and make anew what is a part of their memory.

        Whoever writes to them later changes neither these values nor the program.  Of what is computed from them,
        copies are taken of what lies in ``shared`` memory, which others hold, too; None: all of it.
        """
        held = [index for index, node in enumerate(self.nodes) if self.given[index] is not None and (
            node.op in ("input", "constant") or shared is None or memory(self.given[index]) in shared)]
        outside = {memory(self.given[index]) for index in held}
        for index in held:
            self.given[index] = copied(self.given[index])
            if isinstance(params := self.nodes[index].params, Later):
                params.hold(self.given[index])
            self.known[index] = None
        for index, node in enumerate(self.nodes):
            if TABLE[node.op].family == "movement":
                self.known[index] = None
                if self.given[index] is not None and memory(self.given[index]) in outside:
                    self.given[index] = None
        self._arrays.clear()

    def anew(self) -> Values:
        """The values in float64 as they follow from the inputs and constants, whatever a framework computed."""
        given, known = ([value if not node.varied or node.op == "input" else None
                         for node, value in zip(self.nodes, held, strict=True)] for held in (self.given, self.known))
        return Values(self.nodes, given, known, self.read)

    def taken(self, nodes: Sequence[Node], numbers: Sequence[int]) -> Values:
        """The values of some of the nodes, which have other arguments in the list ``nodes``."""
        given, known = ([held[number] for number in numbers] for held in (self.given, self.known))
        return Values(nodes, given, known, self.read, self.dtype, self.checked)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Array]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        found = self.known[index]
        return self._made(index if index >= 0 else len(self) + index) if found is None else found

    def at_hand(self, index: int) -> bool:
        """Whether the value of a node need not be computed."""
        return self.known[index] is not None or self.given[index] is not None

    def _made(self, index: int) -> Array:
        """The value of a node, and those of the nodes that it needs first."""
        nodes, known, stack = self.nodes, self.known, [index]
        while stack:
            at = stack[-1]
            if known[at] is None:
                known[at] = self._told(at)
            if known[at] is None:
                missing = [arg for arg in nodes[at].args if known[arg] is None]
                if missing:
                    stack += missing
                    continue
                known[at] = self._computed(nodes[at])
            stack.pop()
        found = known[index]
        assert found is not None
        return found

    def _told(self, index: int) -> Array | None:
        """The value of a node that is not computed from those of others."""
        node = self.nodes[index]
        if self.given[index] is not None and not (self.dtype is float and isinstance(node.params, Later)):
            held = self._arrays.get(index)
            if held is None:
                held = self._arrays[index] = self.read(self.given[index])
            return held if self.dtype is None else held.astype(self.dtype, copy=False)
        return np.asarray(node.params["value"], dtype=self.dtype) if node.op == "constant" else None

    def _computed(self, node: Node) -> Array:
        args: list[Any] = [self.known[arg] for arg in node.args]
        if self.checked:
            return compute(node, args)
        row = TABLE[node.op]
        if row.family == "movement":
            return np.asarray(row.value(node.params, *args))
        if self.dtype is None:
            args = [arg.astype(float, copy=False) for arg in args]
        with np.errstate(all="ignore"):
            value = np.asarray(row.value(node.params, *args))
        return value if self.dtype is None else value.astype(self.dtype, copy=False)

    def __len__(self) -> int:
        return len(self.nodes)

    def __reduce__(self) -> Any:
        return list, (list(self),)
