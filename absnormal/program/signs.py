"""Nodes of one sign by structure: powers above 1 of what is nowhere negative are C^1 at 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.nodes import Node

#: How many movements after another are looked through entry by entry.
_DEPTH = 100
#: Not negative, whatever the argument is; where all arguments are not negative.
_ALWAYS = frozenset({"square", "sqrt", "hypot", "exp", "exp2", "expit"})
_KEEPING = frozenset({"add", "mul", "div", "sum", "prod", "where", "cumsum", "matmul", "einsum", "power"})

#: Not positive where no argument is.
_SUMS = frozenset({"add", "sum", "where", "cumsum"})


def never_negative(nodes: Sequence[Node], values: Sequence[Array], index: int) -> bool:
    """Whether a node cannot be negative: |u|, relu(u), norms, squares, and sums, products and roots of these."""
    return _of_sign(nodes, values, index, 1)


def never_positive(nodes: Sequence[Node], values: Sequence[Array], index: int) -> bool:
    """Whether a node cannot be positive: -|u|, min(u, 0), and sums of these."""
    return _of_sign(nodes, values, index, -1)


def _of_sign(nodes: Sequence[Node], values: Sequence[Array], index: int, sign: int) -> bool:
    """Whether the sign times a node cannot be negative."""
    seen, stack = {(index, sign)}, [(index, sign)]
    while stack:
        at, sign = stack.pop()
        node = nodes[at]
        if not node.varied:
            if not np.all(sign * values[at] >= 0):
                return False
            continue
        factor, asked = _multiple(nodes, values, node) or (1, _asked(node, nodes, sign))
        if asked is None:
            return False
        for item in ((arg, factor * sign) for arg in asked):
            if item not in seen:
                seen.add(item)
                stack.append(item)
    return True


def _multiple(nodes: Sequence[Node], values: Sequence[Array], node: Node) -> tuple[int, tuple[int, ...]] | None:
    """The sign of the constant that a node is a multiple with, and of what; None for another operation."""
    if node.op == "neg":
        return -1, node.args
    if node.op == "mul":
        for constant, u in (node.args, node.args[::-1]):
            if not nodes[constant].varied:
                return (1, (u,)) if np.all(values[constant] >= 0) else (
                    (-1, (u,)) if np.all(values[constant] <= 0) else None)
    return None


def certainly_positive(nodes: Sequence[Node], values: Sequence[Array], index: int) -> bool:
    """Whether a node is positive by structure: a positive constant plus what is never negative, or the root of that."""
    node = nodes[index]
    while node.op == "sqrt" or (TABLE[node.op].family == "movement" and len(node.args) == 1):
        index = node.args[0]
        node = nodes[index]
    if node.op != "add":
        return False
    constants = [arg for arg in node.args if not nodes[arg].varied]
    return len(constants) == 1 and bool(np.all(values[constants[0]] > 0)) and all(
        never_negative(nodes, values, arg) for arg in node.args
    )


def where_never_negative(nodes: Sequence[Node], values: Sequence[Array], index: int, depth: int = 0) -> Array:
    """Which entries of a node cannot be negative: those of its parts, where it holds entries of others."""
    node = nodes[index]
    if depth < _DEPTH and node.varied and TABLE[node.op].family == "movement":
        inner = [where_never_negative(nodes, values, arg, depth + 1) for arg in node.args]
        return np.asarray(TABLE[node.op].value(node.params, *inner))
    if not node.varied:
        return np.broadcast_to(np.asarray(values[index]) >= 0, node.shape)
    return np.full(node.shape, never_negative(nodes, values, index))


def _asked(node: Node, nodes: Sequence[Node], sign: int) -> tuple[int, ...] | None:
    """The arguments that must have the sign; None where that does not help."""
    kink = TABLE[node.op].kink
    sort = kink is not None and kink.permutes
    norm = kink is not None and kink.blocks and not sort
    if node.op in _ALWAYS or norm or (node.op == "mul" and len({*node.args}) == 1):
        return () if sign > 0 else None
    if node.op in (_KEEPING if sign > 0 else _SUMS) or sort or TABLE[node.op].family == "movement":
        return node.args
    if node.op == "sub":
        # u - relu(u) is min(u, 0).
        slopes = _slopes(nodes[node.args[1]], node.args[0])
        return () if slopes is not None and sign * (1 - slopes[0]) >= 0 >= sign * (1 - slopes[1]) else None
    if isinstance(kink, Entrywise) and kink.rates:
        above, below = kink.sides(node.params, float)
        if len(node.args) == 1:
            # Above 0 the result is a multiple of u, and below of -u.
            return () if sign * above[0] >= 0 >= sign * below[0] else None
        constants = tuple(arg for arg in node.args if not nodes[arg].varied)
        if constants and kink.rates == (1, -1) and (above, below)[::sign] == ((1, 0), (0, 1)):
            # A maximum is not less than its bound, a minimum not greater.
            return constants
        return node.args if all(c >= 0 for c in (*above, *below)) else None
    return None


def _slopes(node: Node, u: int) -> tuple[float, float] | None:
    """The slopes of a kink of u above and below 0; None where a node is none, or of another shape."""
    kink = TABLE[node.op].kink
    if node.args != (u,) or not isinstance(kink, Entrywise) or kink.rates != (1,):
        return None
    above, below = kink.sides(node.params, float)
    return float(above[0]), float(below[0])
