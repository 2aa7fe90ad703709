"""Operations that are something else where what they are taken of is not smooth: roots of squares and powers above 1
at 0 (THEORY 8), and the sum of all singular values, or eigenvalues, where some are equal."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.ops.kinks import AFFINE, NORM
from absnormal.program.nodes import Source
from absnormal.program.signs import never_negative
from absnormal.program.squares import Squares

if TYPE_CHECKING:
    from absnormal.program.builder import Builder

#: Operations that are 2-norms where all under the root is 0, and the tie of such a kink.
ROOTS = {"sqrt": "root", "hypot": "hypot"}

Args = tuple[int, ...]
Params = Mapping[str, Any]


def _norm(
    builder: Builder, op: str, args: Args, params: Params, operation: str, source: Source | None, tie: str, given: Any
) -> int | None:
    """The 2-norm that a root is, where it is 0 and what is under it is a sum of squares; otherwise None."""
    if not any(builder.nodes[arg].varied for arg in args):
        return None
    first, *others = [builder.values[arg] == 0 for arg in args]
    zero = functools.reduce(np.logical_and, others, first)
    if not zero.any():
        return None

    def add(op: str, args: Args, params: Params) -> int:
        return builder.add(op, args, params, operation, source)

    squares = Squares(builder.nodes, builder.values, add, builder.constant)
    u = squares.under_root(args[0]) if op == "sqrt" else squares.together(args, zero.shape)
    if u is None:
        return None
    tie, count, shape = tie or ROOTS[op], builder.nodes[u].shape[0], builder.nodes[u].shape[1:]
    if not count:
        return builder.constant(np.zeros(shape))
    if count > 1:
        made = builder.add(NORM.name, (u,), {"entries": count}, operation, source, tie, given)
    else:
        u = add("reshape", (u,), {"shape": shape})
        made = builder.add(AFFINE.name, (u,), {"a": 0.0, "b": 1.0}, operation, source, tie, given)
    if op == "sqrt":
        builder.roots[made] = args[0]
    return made


def _power(
    builder: Builder, op: str, args: Args, params: Params, operation: str, source: Source | None, tie: str, given: Any
) -> int | None:
    """|u| ** e for u ** e, where u is 0 somewhere and nowhere negative by structure: it is C^1 for e > 1."""
    base, exponent = args
    if not builder.nodes[base].varied or builder.nodes[exponent].varied:
        return None
    e = builder.values[exponent]
    if not ((e > 1) & (e != np.round(e))).all() or not (builder.values[base] == 0).any():
        return None
    if not never_negative(builder.nodes, builder.values, base):
        return None
    return builder.add("size_power", args, {}, operation, source, given=given)


def _total(
    builder: Builder, op: str, args: Args, params: Params, operation: str, source: Source | None, tie: str, given: Any
) -> int | None:
    """The sum of all values that an operation puts in an order, which is smooth where some of them are equal."""
    node = builder.nodes[args[0]]
    if node.op != "opaque" or args[0] not in builder.faults or [*params["axes"]] != [len(node.shape) - 1]:
        return None
    total = node.params["function"].total
    return None if total is None else builder.add(
        "opaque", node.args, {"function": total}, operation, source, given=given)


#: What is tried in place of an operation.
AT_ZERO: dict[str, Callable[..., int | None]] = {**dict.fromkeys(ROOTS, _norm), "power": _power, "sum": _total}
