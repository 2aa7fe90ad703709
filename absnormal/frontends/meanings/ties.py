"""Where two nodes are equal: of what else that is a tie, and which quotients are 0 / 0 on ties alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.program.affine import ratio
from absnormal.program.builder import Builder
from absnormal.program.nodes import Node

if TYPE_CHECKING:
    from absnormal.frontends.meanings.jumps import Jump


class Ties:
    """The ties of some jumps."""

    def __init__(self, builder: Builder, jumps: Sequence[Jump]) -> None:
        self.builder, self.jumps = builder, [jump for jump in jumps if jump.together is None]
        self.first = min((jump.left for jump in jumps), default=0)

    def hold_zeros(self, index: int, open_: Array) -> bool:
        """Whether a node is 0 in the entries ``open_`` where one of the jumps is tied in the same entry, and nowhere
        else."""
        return any(self._on(jump, index, open_) for jump in self.jumps)

    def _on(self, jump: Jump, index: int, open_: Array) -> bool:
        builder = self.builder
        if jump.size > 1 and (builder.nodes[index].shape != jump.tied.shape or np.any(open_ & ~jump.tied)):
            return False
        own, zero = inside(builder, index, builder.constant(np.zeros(())), open_)
        left, right = inside(builder, jump.left, jump.right, jump.tied)
        own, left, roots = _flat(builder, own), _flat(builder, left), builder.roots
        if own == left or roots.get(own) == left or roots.get(left) == own:
            varied = builder.nodes[right].varied or builder.nodes[zero].varied
            first, second = (np.broadcast_to(builder.values[node].reshape(-1), jump.size) for node in (zero, right))
            apart = (first != second) & jump.tied.reshape(-1)
            return zero == right or not (varied or apart.any())
        if builder.nodes[right].varied:
            return _ratio(builder, own, zero, left, right) != 0
        knots = np.unique(np.broadcast_to(builder.values[right], jump.tied.shape)[jump.tied])
        return len(knots) == 1 and _ratio(builder, own, zero, left, builder.constant(knots[0])) != 0


def _flat(builder: Builder, index: int) -> int:
    """The node whose entries a node has, in their order."""
    while builder.nodes[index].op == "reshape":
        index = builder.nodes[index].args[0]
    return index


def _ratio(builder: Builder, own: int, zero: int, left: int, right: int) -> Fraction:
    """The k for which own - zero = k (left - right); 0 where there is none."""
    above, below = (
        {key if isinstance(key, str) else _flat(builder, key): c for key, c in builder.affine.difference(*pair).items()}
        for pair in ((own, zero), (left, right))
    )
    return ratio(above, below)


def inside(builder: Builder, left: int, right: int, tied: Array) -> tuple[int, int]:
    """What is equal where two nodes are, in the entries ``tied``: |u| or u^2 is 0 where u is, u - v where u = v."""
    nodes = builder.nodes
    while _is_zero(builder, right, tied):
        node = nodes[left]
        if _is_square(node) or (node.op == "kink" and node.params["a"] == 0 and node.params["b"]):
            left = node.args[0]
            continue
        if node.op == "sub" and {nodes[arg].shape for arg in node.args} == {node.shape}:
            first, second = node.args
            return (first, second) if nodes[first].varied else (second, first)
        break
    return left, right


def all_inside(builder: Builder, left: int, right: int, tied: Array) -> tuple[int, int, Array]:
    """The same for what is compared as a whole: a norm, or a sum of squares, is 0 where all its entries are."""
    nodes = builder.nodes
    while True:
        left, right = inside(builder, left, right, tied)
        node = nodes[left]
        whole = node.op == "norm" or (node.op == "sum" and _is_square(nodes[node.args[0]]))
        moved = node.op in ("reshape", "transpose") and tied.all()
        if not _is_zero(builder, right, tied) or not (moved or (whole and node.shape == ())):
            return left, right, tied
        left, shape = node.args[0], nodes[node.args[0]].shape
        right, tied = builder.constant(np.zeros(shape)), np.ones(shape, bool)


def _is_zero(builder: Builder, index: int, tied: Array) -> bool:
    values = np.broadcast_to(builder.values[index], tied.shape)
    return not builder.nodes[index].varied and not np.any(values[tied])


def _is_square(node: Node) -> bool:
    return node.op == "square" or (node.op == "mul" and node.args[0] == node.args[1])
