"""The run of f that is being followed: its thread, its builder, and the arrays of its own that hold variables."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.memory import CONSTANT, Memory

if TYPE_CHECKING:
    from absnormal.program.builder import Builder

_THREAD = threading.local()


class Run:
    """One call of f on variables.

    ``memories`` has those of the arrays that f made and wrote variables into, by the identity of the array that owns
    the numbers; these arrays are kept, so that no other one gets their identity.
    """

    def __init__(self, builder: Builder, f: Any) -> None:
        self.builder, self.f = builder, f
        self.memories: dict[int, tuple[Array, int, Memory]] = {}

    def memory(self, array: Array) -> Memory | None:
        """What an array holds, where there are variables in it or in an array that it is a view of."""
        known = self.memories.get(id(root_of(array))) if self.memories else None
        return None if known is None else known[2]

    def opened(self, array: Array) -> Memory:
        """The memory of an array, from now on."""
        root = root_of(array)
        known = self.memories.get(id(root))
        if known is None:
            flat = root.view(np.ndarray).ravel("K")
            known = root, address(root), Memory(self.builder, flat.size, CONSTANT, flat)
            self.memories[id(root)] = known
        return known[2]

    def numbers(self, array: Array) -> Array:
        """The numbers of an array's entries in its memory."""
        _, start, memory = self.memories[id(root_of(array))]
        if not array.size:
            return np.zeros(array.shape, int)
        offset = address(array) - start
        return np.ndarray(array.shape, memory.numbers.dtype, memory.numbers, offset, array.strides)


def root_of(array: Array) -> Array:
    """The array that owns an array's numbers."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def address(array: Array) -> int:
    """Where the first entry of an array is."""
    place: int = array.__array_interface__["data"][0]
    return place


def running() -> Run | None:
    """The run of f in this thread, if there is one."""
    return getattr(_THREAD, "run", None)


@contextmanager
def run_of(builder: Builder, f: Any) -> Iterator[Run]:
    """While f runs; the arrays of its own that it has kept hold plain numbers afterwards."""
    before: Any = running()
    _THREAD.run = Run(builder, f)
    try:
        yield _THREAD.run
    finally:
        run, _THREAD.run = _THREAD.run, before
        for _, _, memory in run.memories.values():
            memory.settle()
