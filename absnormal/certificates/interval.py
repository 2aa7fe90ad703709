"""The largest g_sigma . v over all slopes in [-1, 1] at active switches: one interval, pushed through a program.

A second way to the bound of a separating direction, apart from that of the search (`absnormal.sweeps.bounds`): two
ends instead of a middle and a radius, kinks by what they select, and rationals where the program is piecewise linear
and small; otherwise outward rounded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array, as_fraction, exactly
from absnormal.ops import TABLE, kink_of
from absnormal.ops.kinks.entrywise import interval
from absnormal.ops.linear_maps import LinearMap
from absnormal.sweeps.outer import weights_of_sorts
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

Ends = tuple[Array, Array]
#: Numbers in a program up to which it is done on rationals.
_EXACT = 20_000


#: So many active blocks are tried with both signs.
_BRANCHES = 8


def highest(sweeps: Sweeps, v: Array) -> Any:
    """A number that no g_sigma . v exceeds, for a program with one output: a Fraction or an outward rounded float."""
    sweeps = _on_rationals(sweeps)
    found = _pushed(sweeps, v)[sweeps.program.output]
    top = 0 if found is None else found[1].reshape(-1)[0]
    if sweeps.rational:
        return as_fraction(top)
    # Every number on the way is a sum over the paths that `magnitude` adds in absolute values.
    size = float(sweeps.magnitude(sweeps.signs, v, interval=True)[1][0])
    return float(top) + rounding(4 * sweeps.push_depth) * size + FLOOR


def highest_by_signs(sweeps: Sweeps, v: Array) -> float:
    """The same in floats, by all signs of the active blocks one after another; infinite where they are many.

    v . g_sigma is affine in what a block adds, and its maximum over the later blocks is convex in that.  Behind them
    sorts that come last put the largest rates in the places that count most.
    """
    blocks = _blocks(sweeps)
    if sweeps.rational or len(blocks) > _BRANCHES or (sweeps.sorts and weights_of_sorts(sweeps) is None):
        return np.inf
    size = float(sweeps.magnitude(sweeps.signs, v, interval=True)[1][0])
    return _largest(sweeps, v, sweeps.signs, blocks) + rounding(4 * sweeps.push_depth) * size + FLOOR


def _blocks(sweeps: Sweeps) -> list[Array]:
    """The active switches but those of sorts, those of a norm together, in the order of the program."""
    found = [lane for lanes in sweeps.balls for lane in lanes.T]
    apart = sweeps.alpha[~sweeps.in_blocks[sweeps.alpha]]
    return sorted([*found, *apart[:, None]], key=lambda numbers: int(numbers[0]))


def _largest(sweeps: Sweeps, v: Array, sigma: Array, blocks: list[Array]) -> float:
    dz, dy = sweeps.push(sigma, v[None])
    if not blocks:
        return float(dy[0, 0]) + sum(_beyond_even(sweeps, index, dz[0]) for index in weights_of_sorts(sweeps) or ())
    first, *others = blocks
    above, found = sweeps.not_negative[first], []
    for sign in (1.0, -1.0):
        branch, t = sigma.copy(), sign * dz[0, first]
        t[above & (t < 0)] = 0.0
        branch[first] = sign if len(first) == 1 and not above.any() else t / (float(np.sqrt(t @ t)) or 1.0)
        found.append(_largest(sweeps, v, branch, others))
    return max(found)


def _beyond_even(sweeps: Sweeps, index: int, dz: Array) -> float:
    """How much more a sort adds in its best order than where all entries share all places."""
    node, weights = sweeps.program.nodes[index], (weights_of_sorts(sweeps) or {})[index]
    rates = dz[node.own].reshape(len(weights) - 1, -1)
    rates = np.concatenate([np.zeros_like(rates[:1]), rates])
    best = (np.sort(rates, axis=0) * np.sort(weights, axis=0)).sum(axis=0)
    tied = sweeps.active[node.switch : node.switch + rates.shape[1]]
    return float((best - rates.mean(axis=0) * weights.sum(axis=0))[tied].sum())


def rates(sweeps: Sweeps, v: Array) -> Ends:
    """Bounds on r_i^sigma . v for all switches i and all slopes, outward rounded; none in folds."""
    ends = _pushed(sweeps, v)
    low, high = np.full(sweeps.program.s, -np.inf), np.full(sweeps.program.s, np.inf)
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        signs = kink_of(node.op).rates
        if not signs:
            continue
        least, most = interval(signs, [_full(ends[arg], node.shape) for arg in node.args[: len(signs)]], node.shape)
        own = node.own
        low[own], high[own] = least.reshape(-1), most.reshape(-1)
    slack = rounding(4 * sweeps.push_depth) * sweeps.magnitude(sweeps.signs, v, interval=True)[0] + FLOOR
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
        elif (kink := TABLE[node.op].kink) is not None:
            slopes = sweeps.slopes_of(index, sweeps.signs)
            full = [_full(pair, shape) for pair, shape in zip(inner, sweeps.shapes(node), strict=True)]
            ends.append(kink.selected(sweeps.params_of(index), full, node.shape, slopes))
        else:
            ends.append(_through_maps(sweeps.maps(index), inner, node.shape))
    return ends


def _on_rationals(sweeps: Sweeps) -> Sweeps:
    program = sweeps.program
    size = sum(math.prod(node.shape) for node in program.nodes)
    if sweeps.rational or not program.is_piecewise_linear or size > _EXACT:
        return sweeps
    found = Sweeps(program, None, sweeps.atol, [exactly(value) for value in sweeps.values])
    found.active = sweeps.active
    found.hold_signs(exactly(sweeps.signs))
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


def _full(pair: Ends | None, shape: tuple[int, ...]) -> Ends:
    """An argument in full shape; a constant does not move."""
    if pair is None:
        zero = np.zeros(shape, int)
        return zero, zero
    return np.broadcast_to(pair[0], shape), np.broadcast_to(pair[1], shape)
