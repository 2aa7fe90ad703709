"""What a traced array holds: a node, or entries of a memory once it or a view of it was written into."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.memory import Memory
from absnormal.ops import TABLE
from absnormal.program.builder import Builder
from absnormal.program.moves import numbered


class Stored:
    """Entries that are nodes of a program.

    ``base`` is the array that this one is a view of, by ``move``, an operation and its parameters; once one of them is
    written into, the first of them has a memory.  A ``scalar`` is a NumPy number, which ``+=`` replaces, where a 0-d
    array is changed in place.
    """

    __slots__ = ("__weakref__", "_index", "_version", "_where", "base", "builder", "memory", "move", "scalar", "viewed")

    def __init__(
        self, builder: Builder, index: int, base: Stored | None = None, scalar: bool | None = None,
        move: tuple[str, Any] | None = None,
    ) -> None:
        self.builder = builder
        self._index = index
        self._where: Any = None
        self.memory: Memory | None = None
        self.viewed = False
        self.scalar = (scalar is None or scalar) and not builder.nodes[index].shape
        self.base = None if self.scalar else base
        self.move = move
        self._version = 0
        if self.base is not None:
            root = self.root
            self._version = 0 if root.memory is None else root.memory.version
            root.viewed = True

    # -- what it holds now -------------------------------------------------------------------------------

    @property
    def root(self) -> Stored:
        """The array whose memory this one has."""
        found = self
        while found.base is not None:
            found = found.base
        return found

    @property
    def index(self) -> int:
        """The node that holds the entries."""
        memory = self.root.memory
        if memory is not None and memory.version != self._version:
            self._index, self._version = memory.read(self.where), memory.version
        return self._index

    @property
    def where(self) -> Any:
        """The numbers of the entries in the memory."""
        if self._where is None:
            if self.base is None:
                self._where = numbered(self.shape)
            else:
                assert self.move is not None
                self._where = np.asarray(TABLE[self.move[0]].value(self.move[1], self.base.where))
        return self._where

    def keeps(self, shape: tuple[int, ...]) -> bool:
        """Whether the array in another shape is a view, as it is in NumPy where its entries lie evenly in memory."""
        if self.base is None:
            return True
        layout = self._layout()
        return bool(np.shares_memory(layout.reshape(shape), layout)) if layout.size else True

    def _layout(self) -> Array:
        """A plain array that lies in memory as this one does in NumPy."""
        if self.base is None:
            return np.empty(self.shape, np.int8)
        assert self.move is not None
        return np.asarray(TABLE[self.move[0]].value(self.move[1], self.base._layout()))

    def write(self, where: Any, value: Stored) -> None:
        """Put a value, whose shape broadcasts, into entries with some numbers."""
        node = value.index
        self.opened().write(where, node)

    def opened(self) -> Memory:
        """The memory that the array has from now on."""
        root = self.root
        if root.memory is None:
            root.memory = Memory(self.builder, root.size, root._index)
            root._version = root.memory.version
        return root.memory

    def change(self, value: Stored) -> None:
        """Put a value of the same shape into all entries."""
        if self.base is None and self.memory is None and not self.viewed:
            self._index = value.index
        else:
            self.write(self.where, value)

    @property
    def value(self) -> Array:
        return self.builder.values[self.index]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.builder.nodes[self._index].shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        return np.dtype(float).itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(self.itemsize * step for step in self._layout().strides)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))
