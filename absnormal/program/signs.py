"""Nodes that are nowhere negative by structure, whose powers above 1 are C^1 at 0."""

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


def never_negative(nodes: Sequence[Node], values: Sequence[Array], index: int) -> bool:
    """Whether a node cannot be negative: |u|, relu(u), norms, squares, and sums, products and roots of these."""
    seen, stack = {index}, [index]
    while stack:
        node = nodes[at := stack.pop()]
        if not node.varied:
            if not np.all(values[at] >= 0):
                return False
            continue
        asked = _asked(node, nodes)
        if asked is None:
            return False
        for arg in asked:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return True


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


def _asked(node: Node, nodes: Sequence[Node]) -> tuple[int, ...] | None:
    """The arguments that must not be negative; None where that does not help."""
    kink = TABLE[node.op].kink
    sort = kink is not None and kink.permutes
    norm = kink is not None and kink.blocks and not sort
    if node.op in _ALWAYS or norm or (node.op == "mul" and len({*node.args}) == 1):
        return ()
    if node.op in _KEEPING or sort or TABLE[node.op].family == "movement":
        return node.args
    if isinstance(kink, Entrywise) and kink.rates:
        above, below = kink.sides(node.params, float)
        if len(node.args) == 1:
            # Above 0 the result is a multiple of u, and below of -u.
            return () if above[0] >= 0 >= below[0] else None
        constants = tuple(arg for arg in node.args if not nodes[arg].varied)
        if constants and kink.rates == (1, -1) and (above, below) == ((1, 0), (0, 1)):
            # A maximum is not less than its bound.
            return constants
        return node.args if all(c >= 0 for c in (*above, *below)) else None
    return None
