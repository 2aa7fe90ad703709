"""Whether two nodes are the same, whatever the variables are: by structure, and constants up to their rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings import combinations, identities
from absnormal.frontends.meanings.combinations import ROUNDINGS, size
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.ops.linear import applied
from absnormal.program.builder import Builder
from absnormal.program.nearby import LINEAR, sizes_of_maps
from absnormal.program.nodes import Node
from absnormal.program.postorder import unknown_behind


def same(a: Any, b: Any, open_: Array | None = None) -> bool:
    """Whether two traced arrays are the same in every entry that counts; None: in all."""
    builder = a.builder
    if a.index == b.index or not builder.affine.difference(a.index, b.index):
        return True
    counts = np.ones(a.shape, bool) if open_ is None else open_
    if np.all(agreement(builder, a.index, b.index) | ~counts):
        return True
    return counts.shape == a.shape == b.shape and any(
        agree(builder, a.index, b.index, counts) for agree in (combinations.agree, identities.agree))


def agreement(builder: Builder, first: int, second: int) -> Any:
    """Where two nodes are the same, entry by entry, whatever the variables are."""
    nodes, number = builder.nodes, builder.numbering.of
    known: dict[tuple[int, int], Any] = {}

    def inner(pair: tuple[int, int]) -> list[tuple[int, int]] | None:
        """The pairs of arguments; None where two nodes are other operations."""
        one, other = nodes[pair[0]], nodes[pair[1]]
        if number(pair[0]) == number(pair[1]):
            return []
        if not _comparable(nodes, one, other):
            return _of_choices(nodes, pair)
        return [*zip(one.args, other.args, strict=True)]

    for pair in unknown_behind((first, second), known, lambda pair: inner(pair) or ()):
        args = inner(pair)
        known[pair] = _agreeing(builder, pair, None if args is None else [known[arg] for arg in args])
    return known[first, second]


def _of_choices(nodes: Sequence[Node], pair: tuple[int, int]) -> list[tuple[int, int]] | None:
    """What a selection by a constant mask takes, each beside the other node; None where neither is one."""
    first, second = pair
    for chosen, other in (pair, pair[::-1]):
        if nodes[chosen].op == "where" and first != second and nodes[chosen].shape == nodes[other].shape:
            return [(arg, other) for arg in nodes[chosen].args]
    return None


def _comparable(nodes: Sequence[Node], one: Node, other: Node) -> bool:
    """Whether two nodes are the same operation, so that they are the same if their arguments are."""
    if one.op != other.op or one.shape != other.shape or not one.args or len(one.args) != len(other.args):
        return False
    shapes = all(nodes[a].shape == nodes[b].shape for a, b in zip(one.args, other.args, strict=True))
    return shapes and _equal(one.params, other.params)


def _agreeing(builder: Builder, pair: tuple[int, int], flags: list[Any] | None) -> Any:
    """Where two nodes agree, from where their arguments do; None where they are other operations."""
    first, second = pair
    node = builder.nodes[first]
    if builder.numbering.of(first) == builder.numbering.of(second):
        return np.ones(node.shape, bool)
    found = _constants(builder, first, second)
    if flags is None or (found.shape == node.shape and found.all()):
        return found
    if not _comparable(builder.nodes, node, builder.nodes[second]):
        mask = builder.nodes[first if node.op == "where" else second].params["mask"]
        return found | np.where(mask, *flags)
    if all(flag.all() for flag in flags):
        return np.ones(node.shape, bool)
    if TABLE[node.op].family in LINEAR:
        zeros = [_zeros(builder, *args) for args in zip(node.args, builder.nodes[second].args, strict=True)]
        maps = sizes_of_maps(node, [1.0 - zero for zero in zeros])
        return found | (applied(maps, [(~flag).astype(float)[None] for flag in flags], 1, node.shape)[0] == 0)
    if node.op in ENTRYWISE:
        return found | np.logical_and.reduce(np.broadcast_arrays(*flags, found & False)[:-1])
    return found


def _zeros(builder: Builder, first: int, second: int) -> Array:
    """Where both are the constant 0."""
    constant = builder.nearby.fixed(first) & builder.nearby.fixed(second)
    return np.asarray(constant & (builder.values[first] == 0) & (builder.values[second] == 0))


def _constants(builder: Builder, first: int, second: int) -> Array:
    """Where both are constants, and equal up to the rounding of what they were computed from."""
    one, other = builder.values[first], builder.values[second]
    if not (one.shape == other.shape or one.size == 1 or other.size == 1):
        return np.zeros((), bool)
    fixed = builder.nearby.fixed(first) & builder.nearby.fixed(second)
    if not fixed.any():
        return fixed
    room: Any = 0.0
    if one.dtype != object and other.dtype != object:
        unit = max(float(np.finfo(float).eps), builder.units[first], builder.units[second])
        room = ROUNDINGS * unit * np.maximum(size(builder, first), size(builder, second))
    with np.errstate(invalid="ignore"):
        gap = np.abs(one - other)
    return np.asarray((gap <= room) & fixed)


def _equal(first: Any, second: Any) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)
