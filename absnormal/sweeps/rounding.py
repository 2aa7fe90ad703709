"""Bounds on the rounding of sweeps: the one module with tolerances.

A linear sweep computes a sum of products over paths.  If no path has more than K roundings, the error is at most
gamma_K = K u / (1 - K u) times the sum of the absolute values (Higham, Accuracy and Stability of Numerical
Algorithms, ch. 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import ALONG, TABLE
from absnormal.ops.linear import applied
from absnormal.program.nodes import Node

if TYPE_CHECKING:
    from absnormal.sweeps.table import Sweeps

UNIT = float(np.finfo(np.float64).eps) / 2
#: Entries below this are not certified to differ from zero: products of this size may have lost digits to underflow.
FLOOR = 1e-290


def rounding(depth: int) -> float:
    """gamma_K, with room for the rounding of the bound itself."""
    return 4 * depth * UNIT


def along(v: Array, g: Array, bounds: Array) -> float:
    """By how much v . g may be off where the entries of g are off by at most these bounds."""
    return float(np.abs(v) @ (bounds + 4 * len(v) * np.finfo(float).eps * np.abs(g)))


def push_depth(sweeps: Sweeps) -> int:
    """The number of roundings on the longest path of a push."""
    nodes = sweeps.program.nodes
    depth = [0] * len(nodes)
    for index, node in enumerate(nodes):
        if node.varied and node.args:
            depth[index] = _local(sweeps, index, node, "push") + max(depth[arg] for arg in node.args)
    return max(depth, default=0) + 1


def pull_depth(sweeps: Sweeps) -> int:
    """The number of roundings on the longest path of a pull, additions of adjoints counted."""
    nodes = sweeps.program.nodes
    depth, uses = [0] * len(nodes), [0] * len(nodes)
    for index in range(len(nodes) - 1, -1, -1):
        node = nodes[index]
        if not node.varied:
            continue
        own = depth[index] + uses[index] + (_local(sweeps, index, node, "pull") if node.args else 0)
        for arg in node.args:
            depth[arg] = max(depth[arg], own)
            uses[arg] += 1
    return max((d + u for d, u in zip(depth, uses, strict=True)), default=0) + 1


def _local(sweeps: Sweeps, index: int, node: Node, way: str) -> int:
    kink = TABLE[node.op].kink
    if kink is not None:
        return kink.roundings(sweeps.shapes(node), node.shape)
    maps = [m for m in sweeps.shaped_maps(index) if m is not None]
    return len(maps) + max((m.push_depth if way == "push" else m.pull_depth for m in maps), default=0)


def largest(sweeps: Sweeps, direction: Array) -> float:
    """A bound on the magnitude of z' and y' along a direction for any active slopes, from one number a node."""
    nodes = sweeps.program.nodes
    bounds = [0.0] * len(nodes)
    start = float(np.abs(direction).max(initial=0.0))
    result = 0.0
    for index, node in enumerate(nodes):
        kink = TABLE[node.op].kink
        if node.op == "input":
            bounds[index] = start
        elif node.varied and kink is not None:
            inner = sum(bounds[arg] for arg in node.args)
            result = max(result, 2 * inner)
            bounds[index] = kink.bound(node.params) * inner
        elif node.varied:
            terms = zip(sweeps.norms_of(index), node.args, strict=True)
            bounds[index] = sum(bounds[arg] * norm for norm, arg in terms if bounds[arg])
    return result


def value_errors(sweeps: Sweeps) -> Array:
    """For each switching variable, to first order, how far its float64 value is from that of exact arithmetic at x."""
    return running_errors(sweeps)[1]


def output_errors(sweeps: Sweeps) -> Array:
    """For each entry of y, to first order, how far its float64 value is from that of exact arithmetic at x."""
    return np.broadcast_to(running_errors(sweeps)[0][sweeps.program.output], sweeps.program.shape)


def running_errors(sweeps: Sweeps) -> tuple[list[Array], Array]:
    """To first order, how far the float64 values of all nodes, and those of the switching variables, are from exact
    arithmetic at x.

    A running error analysis: what comes in goes through the absolute values of the local derivatives, and every
    operation adds its own roundings (Higham, ch. 3).  Kinks are Lipschitz.  Infinite values, which come from infinite
    constants, have no error.
    """
    program, values = sweeps.program, sweeps.values
    errors: list[Array] = []
    result = np.zeros(program.s)
    with np.errstate(all="ignore"):
        for index, node in enumerate(program.nodes):
            inner = [np.broadcast_to(errors[arg], program.nodes[arg].shape) for arg in node.args]
            if not node.varied or not node.args:
                errors.append(np.zeros(()))
            elif (kink := TABLE[node.op].kink) is not None:
                own, switching = kink.errors(node.params, inner, node.shape)
                errors.append(_of_finite(own + rounding(2) * np.abs(values[index]), values[index]))
                if node.switch >= 0:
                    result[node.own] = switching.reshape(-1)
            else:
                errors.append(_map_errors(sweeps, index, node, inner))
    return errors, _of_finite(result + rounding(1) * np.abs(sweeps.z), sweeps.z)


def _of_finite(errors: Array, values: Array) -> Array:
    """The errors of values, 0 where these are infinite."""
    return np.where(np.isfinite(values), errors, 0.0)


def _map_errors(sweeps: Sweeps, index: int, node: Node, inner: list[Array]) -> Array:
    maps = [None if m is None else m.absolute() for m in sweeps.maps(index)]
    error: Array = applied(maps, [e[None] for e in inner], 1, node.shape)[0]
    if TABLE[node.op].family == "movement":
        return error
    local = rounding(8) * np.abs(sweeps.values[index])
    if TABLE[node.op].family in ("linear", "bilinear") or node.op in ALONG:
        # What is infinite, and not selected, is no term.
        values = [sweeps.values[arg] for arg in node.args]
        sizes: list[Array | None] = [_of_finite(np.abs(value), value)[None] for value in values]
        local = local + rounding(_local(sweeps, index, node, "push")) * applied(maps, sizes, 1, node.shape)[0]
    total = np.nan_to_num(error + local, nan=np.inf, posinf=np.inf)
    return _of_finite(total, sweeps.values[index])
