"""Nested dicts, lists and tuples of arrays, flattened in a stable order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array, as_real


@dataclass(frozen=True, slots=True)
class Tree:
    """The structure of the argument x: its containers and the shape of every leaf."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes)

    @classmethod
    def of(cls, value: Any) -> tuple[Tree, list[Array]]:
        """The tree of ``value`` and its leaves as real arrays."""
        leaves: list[Array] = []
        structure = _map(value, lambda leaf: _append(leaves, as_real(leaf, "x")))
        return cls(structure, tuple(leaf.shape for leaf in leaves)), leaves

    def flatten(self, value: Any, name: str = "x") -> Array:
        """``value`` as one flat vector, after a check of its structure; a flat vector is taken as it is."""
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.shape == (self.size,):
            return as_real(value, name)
        tree, leaves = Tree.of(value)
        if tree.structure != self.structure or tree.shapes != self.shapes:
            single = len(leaves) == len(self.shapes) == 1 and leaves[0].size == self.size
            if single and (leaves[0].shape == self.shapes[0] or leaves[0].ndim <= 1):
                return leaves[0].reshape(-1)
            raise ValueError(f"{name} must have leaves of shapes {self.shapes}, got {tree.shapes}")
        return join(leaves)

    def leaves_of(self, value: Any, name: str) -> list[Array]:
        """The leaves of ``value``, as they are, after a check that it has the structure of x."""
        if not isinstance(value, dict) and not _is_nested(value) and np.shape(value) == (self.size,):
            return [_number_array(value, name)]
        leaves: list[Array] = []
        structure = _map(value, lambda leaf: _append(leaves, _number_array(leaf, name)))
        shapes = tuple(leaf.shape for leaf in leaves)
        if structure != self.structure and shapes == self.shapes:
            raise ValueError(f"{name} must have the keys and nesting of x")
        if structure != self.structure or shapes != self.shapes:
            raise ValueError(f"{name} must have leaves of shapes {self.shapes}, got {shapes}")
        return leaves

    def leaves(self, value: Any) -> list[Array]:
        """The leaves of x, checked; a flat vector is split."""
        tree, leaves = Tree.of(value)
        if tree.structure == self.structure and tree.shapes == self.shapes:
            return leaves
        return self.split(self.flatten(value))

    def split(self, flat: Array) -> list[Array]:
        """The leaves of a flat vector, as views."""
        return split(flat, self.shapes)

    def unflatten(self, flat: Array) -> Any:
        """A flat vector in the structure of x."""
        return self.rebuild(self.split(flat))

    def entry(self, index: int, name: str = "x") -> str:
        """What an entry of the flat vector is called: "x[0]", "W1[0, 2]".

        >>> Tree.of({"W": np.eye(2), "b": np.zeros(1)})[0].entry(3)
        'W[1, 1]'
        """
        number, position = place_of(self.shapes, index)
        return (self._names[number] or name) + (f"[{position}]" if position else "")

    def leaf_name(self, number: int) -> str:
        """What a leaf is called: "x", "W1", "layers[0].bias".

        >>> Tree.of({"W": np.eye(2), "b": np.zeros(1)})[0].leaf_name(1)
        'b'
        """
        return self._names[number] or "x"

    @property
    def _names(self) -> list[str]:
        return [name for name, _ in named(self.structure)]

    def rebuild(self, leaves: list[Any]) -> Any:
        """Any leaves in the structure of x."""
        return _rebuild(self.structure, leaves)


def _number_array(value: Any, name: str) -> Array:
    """``value`` in its own precision, after a check that it holds real numbers."""
    array = np.asarray(value)
    return array if array.dtype.kind in "fiub" else as_real(value, name)


def join(leaves: Sequence[Array]) -> Array:
    """One flat vector; a copy."""
    if len(leaves) == 1:
        return leaves[0].reshape(-1).copy()
    return np.concatenate([leaf.reshape(-1) for leaf in leaves]) if leaves else np.zeros(0)


def split(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Arrays that lie one after the other in the last axis of flat vectors, as views; other axes come first."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        parts.append(flat[..., start:stop].reshape(flat.shape[:-1] + shape))
        start = stop
    return parts


def place_of(shapes: Sequence[tuple[int, ...]], index: int) -> tuple[int, str]:
    """In which of such arrays an entry of a flat vector lies, and where: "1, 0"; "" in a number."""
    for number, shape in enumerate(shapes):
        size = math.prod(shape)
        if index < size:
            return number, ", ".join(str(int(k)) for k in np.unravel_index(index, shape)) if shape else ""
        index -= size
    raise IndexError(f"there are {sum(map(math.prod, shapes))} entries")


def of_kind(value: Any, items: Sequence[Any]) -> Any:
    """Other items in a list, a tuple or a named tuple of the kind of ``value``.

    >>> of_kind((1, 2), [3, 4])
    (3, 4)
    """
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def taken_apart(value: Any) -> tuple[Any, list[Any]]:
    """The structure of nested dicts, lists and tuples, for a `Tree`, and all else that they hold: its leaves."""
    leaves: list[Any] = []
    return _apart(value, leaves), leaves


def _apart(item: Any, leaves: list[Any]) -> Any:
    if isinstance(item, dict):
        return {key: _apart(part, leaves) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return of_kind(item, [_apart(part, leaves) for part in item])
    return _append(leaves, item)


def _append(leaves: list[Any], leaf: Any) -> int:
    leaves.append(leaf)
    return len(leaves) - 1


def _map(value: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _map(value[key], leaf) for key in value}
    if _is_nested(value):
        return of_kind(value, [_map(item, leaf) for item in value])
    return leaf(value)


def _is_nested(value: Any) -> bool:
    """Whether a list or tuple holds more than numbers."""
    return isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple, np.ndarray)) for item in value)


def named(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dicts, lists and tuples with their names: keys joined by dots, positions in brackets."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from named(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from named(item, f"{name}[{position}]")
    else:
        yield name, value


def _rebuild(structure: Any, leaves: list[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: _rebuild(item, leaves) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return of_kind(structure, [_rebuild(item, leaves) for item in structure])
    return leaves[structure]
