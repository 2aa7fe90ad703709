"""NumPy's ways through the entries of arrays one by one: np.nditer and np.ndenumerate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from absnormal.frontends.numpy.held import variable_in
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import writer_of

_ENUMERATED, _VISITED = np.ndenumerate, np.nditer
_FLAGS = {"multi_index", "c_index", "refs_ok", "zerosize_ok"}


def enumerated(arr: Any) -> Any:
    """np.ndenumerate."""
    if not isinstance(variable_in(arr), TracedArray):
        return _ENUMERATED(arr)
    return ((place, arr[place]) for place in np.ndindex(*np.shape(arr)))


class Visit:
    """np.nditer: the entries of arrays that are broadcast together, in order."""

    def __init__(self, arrays: Sequence[Any], flags: Sequence[str] = (), op_flags: Any = None) -> None:
        if not _FLAGS.issuperset(flags):
            writer_of(arrays, "np.nditer").refuse(f"the flags {[*flags]} are not supported", "use np.ndindex")
        self.shape = np.broadcast_shapes(*map(np.shape, arrays))
        self.arrays = [array if np.shape(array) == self.shape else np.broadcast_to(array, self.shape)
                       for array in arrays]
        self.itersize, self.index = math.prod(self.shape), 0

    @property
    def finished(self) -> bool:
        return self.index >= self.itersize

    @property
    def multi_index(self) -> tuple[int, ...]:
        return tuple(int(place) for place in np.unravel_index(self.index, self.shape))

    @property
    def value(self) -> Any:
        """The entries here, as views that can be written."""
        place = tuple(slice(at, at + 1) for at in self.multi_index)
        entries = tuple(array[place].reshape(()) for array in self.arrays)
        return entries if len(entries) > 1 else entries[0]

    def __getitem__(self, key: Any) -> Any:
        return self.value[key] if len(self.arrays) > 1 else (self.value,)[key]

    def iternext(self) -> bool:
        """Go on to the next entry."""
        self.index += 1
        return not self.finished

    def __iter__(self) -> Iterator[Any]:
        while not self.finished:
            yield self.value
            self.index += 1

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def visited(op: Any, *args: Any, **kwargs: Any) -> Any:
    """np.nditer."""
    arrays = op if type(op) in (list, tuple) else [op]
    if not isinstance(variable_in(arrays), TracedArray):
        return _VISITED(op, *args, **kwargs)
    return Visit(arrays, *args, **kwargs)


VISITING: dict[Any, Callable[..., Any]] = {np.ndenumerate: enumerated, np.nditer: visited}
