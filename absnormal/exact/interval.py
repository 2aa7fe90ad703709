"""The largest g_sigma . v over all slopes in [-1, 1] at active switches: one interval, pushed through a program.

A second way to the bound of a separating direction, apart from that of the search (`absnormal.sweeps.bounds`): two
ends instead of a middle and a radius, kinks by what they select, and rationals where the program is piecewise linear
and small; otherwise outward rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array, as_fraction
from absnormal.ops import TABLE
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.nodes import Node
from absnormal.program.program import exactly
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

Ends = tuple[Array, Array]
#: Numbers in a program up to which it is done on rationals.
_EXACT = 20_000


def highest(sweeps: Sweeps, v: Array) -> Any:
    """A number that no g_sigma . v exceeds, for a program with one output: a Fraction or an outward rounded float."""
    sweeps = _on_rationals(sweeps)
    found = _pushed(sweeps, v)[sweeps.program.output]
    top = 0 if found is None else found[1].reshape(-1)[0]
    if sweeps.rational:
        return as_fraction(top)
    # Every number on the way is a sum over the paths that `magnitude` adds in absolute values.
    size = float(sweeps.magnitude(sweeps.signs, v, hull=True)[1][0])
    return float(top) + rounding(4 * sweeps.push_depth) * size + FLOOR


def rates(sweeps: Sweeps, v: Array) -> Ends:
    """Bounds on r_i^sigma . v for all switches i and all slopes, outward rounded; none in folds."""
    ends = _pushed(sweeps, v)
    low, high = np.full(sweeps.program.s, -np.inf), np.full(sweeps.program.s, np.inf)
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        if node.op == "fold":
            continue
        first = _full(ends[node.args[0]], node.shape)
        second = _full(ends[node.args[1]] if node.op == "max" else None, node.shape)
        own = slice(node.switch, node.switch + node.switches)
        low[own], high[own] = (first[0] - second[1]).reshape(-1), (first[1] - second[0]).reshape(-1)
    slack = rounding(4 * sweeps.push_depth) * sweeps.magnitude(sweeps.signs, v, hull=True)[0] + FLOOR
    return low - slack, high + slack


def _pushed(sweeps: Sweeps, v: Array) -> list[Ends | None]:
    """The interval of each node."""
    ends: list[Ends | None] = []
    leaves = sweeps.program.tree.split(exactly(v) if sweeps.rational else v)
    for index, node in enumerate(sweeps.program.nodes):
        inner = [ends[arg] for arg in node.args]
        if node.op == "input":
            ends.append((leaves[node.params["leaf"]],) * 2)
        elif not node.varied:
            ends.append(None)
        elif TABLE[node.op].family == "kinked":
            ends.append(_through_kink(sweeps, index, node, inner))
        else:
            ends.append(_through_maps(sweeps.maps(index), inner, node.shape))
    return ends


def _on_rationals(sweeps: Sweeps) -> Sweeps:
    program = sweeps.program
    size = sum(int(np.prod(value.shape, dtype=int)) for value in sweeps.values)
    if sweeps.rational or not program.is_piecewise_linear or size > _EXACT:
        return sweeps
    found = Sweeps(program, None, sweeps.atol, [exactly(value) for value in sweeps.values])
    found.active = sweeps.active
    return found


def _through_maps(maps: list[LinearMap | None], inner: list[Ends | None], shape: tuple[int, ...]) -> Ends:
    low, high = np.zeros(shape, int), np.zeros(shape, int)
    for linear, pair in zip(maps, inner, strict=True):
        if linear is None or pair is None:
            continue
        positive, negative = linear.parts()
        if positive is not None:
            low, high = low + positive.push(pair[0][None])[0], high + positive.push(pair[1][None])[0]
        if negative is not None:
            low, high = low - negative.push(pair[1][None])[0], high - negative.push(pair[0][None])[0]
    return np.broadcast_to(low, shape), np.broadcast_to(high, shape)


def _through_kink(sweeps: Sweeps, index: int, node: Node, inner: list[Ends | None]) -> Ends:
    """A tied kink gives one of its sides or a mean of them."""
    slopes = sweeps.slopes_of(index, sweeps.signs)
    if node.op == "fold":
        return _through_fold(node, slopes, _full(inner[0], sweeps.program.nodes[node.args[0]].shape))
    sign = slopes.reshape(node.shape)
    if node.op == "kink":
        a, b = node.params["a"], node.params["b"]
        if sign.dtype == object:
            a, b = exactly(np.array([a, b], dtype=float))
        low, high = _full(inner[0], node.shape)
        sides = [((a + s * b) * low, (a + s * b) * high) for s in (1, -1)]
        pairs = [(np.minimum(*side), np.maximum(*side)) for side in sides]
    else:
        first, second = (0, 1) if node.op == "max" else (1, 2)
        pairs = [_full(inner[first], node.shape), _full(inner[second], node.shape)]
        if node.op == "max" and node.params["sign"] < 0:
            pairs.reverse()
    return _either(sign, *pairs)


def _through_fold(node: Node, slopes: Array, pair: Ends) -> Ends:
    low, high = pair
    sign = node.params["sign"] * slopes.reshape(len(low) - 1, *node.shape)
    current = low[0], high[0]
    for j in range(1, len(low)):
        current = _either(sign[j - 1], current, (low[j], high[j]))
    return current


def _either(sign: Array, first: Ends, second: Ends) -> Ends:
    """The first where the sign is positive, the second where it is negative, and both where it is 0."""
    low = np.where(sign > 0, first[0], np.where(sign < 0, second[0], np.minimum(first[0], second[0])))
    high = np.where(sign > 0, first[1], np.where(sign < 0, second[1], np.maximum(first[1], second[1])))
    return low, high


def _full(pair: Ends | None, shape: tuple[int, ...]) -> Ends:
    """An argument in full shape; a constant does not move."""
    if pair is None:
        zero = np.zeros(shape, int)
        return zero, zero
    return np.broadcast_to(pair[0], shape), np.broadcast_to(pair[1], shape)
