"""The values of the nodes of a lowered program, made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.nodes import Node

_HALF = frozenset({torch.bfloat16, torch.float16})


def array(tensor: Any) -> Array:
    """A tensor as a NumPy array, without a copy where there is one of its type."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if not tensor.is_cpu:
        tensor = tensor.cpu()
    if tensor.dtype in _HALF:
        tensor = tensor.float()
    try:
        found: Array = tensor.numpy()
    except RuntimeError:  # zeros without memory, or a view that negates
        found = tensor.numpy(force=True)
    return found


class Constant(Mapping[str, Any]):
    """The parameters of a constant node; the tensor is converted when its value is asked for."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self._value: Array | None = None

    def __getitem__(self, key: str) -> Any:
        if key != "value":
            raise KeyError(key)
        if self._value is None:
            self._value = array(self._tensor).astype(float)
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(("value",))

    def __len__(self) -> int:
        return 1

    def __reduce__(self) -> Any:
        return dict, ({"value": self["value"]},)


class Values(Sequence[Array]):
    """Values in one precision: those that the framework computed, and what is written in between.

    Without a precision every value keeps the one in which the framework computed it, and entries that are only moved
    keep theirs; what else is written in between is in float64.
    """

    def __init__(self, nodes: Sequence[Node], tensors: Sequence[Any], dtype: Any, arrays: dict[int, Array]) -> None:
        self._nodes, self._tensors, self._dtype = nodes, tensors, dtype
        #: The tensors as arrays, for values in every precision.
        self._arrays = arrays
        self._known: list[Array | None] = [None] * len(nodes)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Array]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        found = self._known[index]
        if found is None:
            found = self._known[index] = self._made(index if index >= 0 else len(self) + index)
        return found

    def _made(self, index: int) -> Array:
        node, tensor = self._nodes[index], self._tensors[index]
        if tensor is not None:
            held = self._arrays.get(index)
            if held is None:
                held = self._arrays[index] = array(tensor)
            return held if self._dtype is None else held.astype(self._dtype, copy=False)
        if node.op == "constant":
            return np.asarray(node.params["value"], dtype=self._dtype)
        args = [self[arg] for arg in node.args]
        row = TABLE[node.op]
        if row.family == "movement":
            return np.asarray(row.value(node.params, *args))
        if self._dtype is None:
            args = [arg.astype(float, copy=False) for arg in args]
        with np.errstate(all="ignore"):
            value = np.asarray(row.value(node.params, *args))
        return value if self._dtype is None else value.astype(self._dtype, copy=False)

    def __len__(self) -> int:
        return len(self._nodes)

    def __reduce__(self) -> Any:
        return list, (list(self),)
