"""Bounds on adjoints and on derivatives when the active slopes may be anything in [-1, 1].

An adjoint w is bounded by two numbers that are computed without cancellation, -N <= w <= P, and by a middle, a radius
and a magnitude with which cancellation and its rounding are known.  At a tied max(u, v) an adjoint w passes as [0, w]
to each argument, at a u + b|u| at 0 as w [a - |b|, a + |b|].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.linear import applied
from absnormal.ops.linear_maps import LinearMap, Scale
from absnormal.program.nodes import Node
from absnormal.sweeps.adjoints import Adjoints
from absnormal.sweeps.at_point import once
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """For each active switch, bounds on what must have one sign: w at a max, -w at a min, b w at a u + b|u|.

    ``error`` bounds the rounding in them.
    """

    lower: Array
    upper: Array
    error: Array

    @property
    def negligible(self) -> Array:
        """Which are 0 to rounding."""
        return np.asarray((self.lower >= -self.error) & (self.upper <= self.error))

    def may_have(self, sign: int, needed: Array) -> bool:
        """Whether all that are needed certainly have a sign (0 allowed)."""
        if sign > 0:
            return bool(((self.lower >= 0) | (self.lower > self.error))[needed].all())
        return bool(((self.upper <= 0) | (self.upper < -self.error))[needed].all())


@once
def curvatures(sweeps: Sweeps) -> Curvature:
    """One backward sweep over the nodes that depend on active kinks."""
    found = curvatures_of_one_sign(sweeps) or _walked(sweeps, lambda own, found: False)
    assert found is not None
    return found


@once
def curvatures_of_one_sign(sweeps: Sweeps) -> Curvature | None:
    """The same, or None as soon as those that were passed are seen not to have one sign all together."""
    return _walked(sweeps, _Signs(sweeps))


class _Signs:
    """The signs that what was passed so far may have all together, but for what is within its rounding of 0.

    Rows that are zero by structure are looked for only where neither sign is left without them.
    """

    def __init__(self, sweeps: Sweeps) -> None:
        self._sweeps = sweeps
        self._counted, self._all = sweeps.active, True
        self._left = {1, -1}

    def __call__(self, own: slice, found: Curvature) -> bool:
        """Whether there is none, once the switches ``own`` were passed after all that have larger numbers."""
        self._look(own, found)
        if not self._left and self._all:
            self._counted, self._all = self._sweeps.active & self._sweeps.maybe_nonzero, False
            self._left = {1, -1}
            self._look(slice(own.start, None), found)
        return not self._left

    def _look(self, own: slice, found: Curvature) -> None:
        part, counted = Curvature(found.lower[own], found.upper[own], found.error[own]), self._counted[own]
        if not counted.all():
            part = Curvature(part.lower[counted], part.upper[counted], part.error[counted])
        self._left &= {sign for sign in (1, -1) if part.may_have(sign, ~part.negligible)}


def _walked(sweeps: Sweeps, hopeless: Callable[[slice, Curvature], bool]) -> Curvature | None:
    program = sweeps.program
    depending = sweeps.depending
    signed = Adjoints(program, np.zeros((2, 1)))
    middle = Adjoints(program, np.zeros((1, 1)))
    spread = Adjoints(program, np.zeros((2, 1)))
    signed.arrays[program.output] = _stacked([1.0, 0.0], program.shape)
    middle.arrays[program.output] = _stacked([1.0], program.shape)
    spread.arrays[program.output] = _stacked([0.0, 1.0], program.shape)
    gamma = rounding(sweeps.pull_depth)
    found = Curvature(*(np.zeros(program.s) for _ in range(3)))
    lower, upper, error = found.lower, found.upper, found.error
    for index in range(len(program.nodes) - 1, -1, -1):
        node = program.nodes[index]
        both, mid, wide = signed.take(index), middle.take(index), spread.take(index)
        if both is None or mid is None or wide is None or not depending[index]:
            continue
        kink = TABLE[node.op].kink
        if kink is not None:
            low, high = _tightened(both, mid, wide, gamma)
            if node.switch >= 0:
                own = node.own
                if kink.permutes:
                    # A sort bends both ways.
                    lower[own], upper[own] = -np.inf, np.inf
                    if hopeless(own, found):
                        return None
                    _through_kink(sweeps, index, node, low, high, wide[1], depending, (signed, middle, spread))
                    continue
                weight = kink.curvature(node.params)
                ends = weight * low, weight * high
                _on_switches(lower[own], np.minimum(*ends))
                _on_switches(upper[own], np.maximum(*ends))
                _on_switches(error[own], 3 * gamma * abs(weight) * wide[1])
                if hopeless(own, found):
                    return None
            _through_kink(sweeps, index, node, low, high, wide[1], depending, (signed, middle, spread))
            continue
        for linear, arg in zip(sweeps.maps(index), node.args, strict=True):
            if linear is None or not depending[arg]:
                continue
            positive, negative = linear.parts()
            if positive is not None:
                signed.add(arg, positive, both)
            if negative is not None:
                signed.add(arg, negative, both[::-1])
            middle.add(arg, linear, mid)
            spread.add(arg, linear.absolute(), wide)
    if sweeps.active.all():
        return found
    alpha = sweeps.alpha
    return Curvature(lower[alpha], upper[alpha], error[alpha])


def _stacked(values: list[float], shape: tuple[int, ...]) -> Array:
    return np.asarray(values).reshape(-1, *([1] * len(shape))) * np.ones(shape)


def _tightened(both: Array, mid: Array, wide: Array, gamma: float) -> tuple[Array, Array]:
    """The tighter of the two bounds on an adjoint."""
    slack = wide[0] + gamma * (wide[1] + wide[0])
    low = np.maximum(-both[1] * (1 + gamma), mid[0] - slack)
    high = np.minimum(both[0] * (1 + gamma), mid[0] + slack)
    return low, high


def _on_switches(switches: Array, values: Array) -> None:
    """Write what a result has to its switches; where it is compared several times, each comparison has its adjoint."""
    if values.size:
        switches.reshape(-1, values.size)[...] = values.reshape(-1)


def _through_kink(
    sweeps: Sweeps, index: int, node: Node, low: Array, high: Array, size: Array, depending: list[bool],
    adjoints: tuple[Adjoints, Adjoints, Adjoints],
) -> None:
    """Pass an interval on to the arguments that depend on active kinks."""
    positions = {position: arg for position, arg in enumerate(node.args) if depending[arg]}
    if positions:
        intervals = sweeps.intervals_of(index)
        for position, arg in positions.items():
            found = intervals.pull(position, low, high, size)
            if found is not None:
                _deliver(sweeps, arg, found, adjoints)


def _deliver(
    sweeps: Sweeps, arg: int, ends: tuple[Array, Array, Array], adjoints: tuple[Adjoints, Adjoints, Adjoints]
) -> None:
    low, high, reach = ends
    shape = sweeps.program.nodes[arg].shape
    identity = Scale(1.0, shape, low.shape)
    signed, middle, spread = adjoints
    signed.add(arg, identity, np.stack([np.maximum(high, 0), np.maximum(-low, 0)]))
    middle.add(arg, identity, ((low + high) / 2)[None])
    spread.add(arg, identity, np.stack([(high - low) / 2, reach]))


def moved_at_most(
    sweeps: Sweeps, aside: Array, sizes: Array, enough: Callable[[Array], bool] | None = None
) -> Array:
    """What some active |z|, whose adjoints are at most ``sizes`` for any slopes, change in a gradient, shape (n,).

    A change of a slope is at most 2; ``aside`` and ``sizes`` have an entry for each active switch.  Bounds that are
    ``enough`` stand for products with large matrices.
    """
    effect = np.zeros(sweeps.program.n)
    if aside.any():
        seeds = np.zeros((1, sweeps.program.s))
        seeds[0, sweeps.alpha[aside]] = 2 * sizes[aside]
        steps = sweeps.magnitude_steps(sweeps.program.tree.split(effect), sweeps.signature(1.0), seeds)
        if enough is not None and steps.bounded:
            steps.write_at_most()
            if enough(effect):
                return effect
        steps.write()
    return effect


def derivative_bounds(sweeps: Sweeps, direction: Array) -> tuple[Array, Array]:
    """Bounds (low, high), shape (m,), on g_sigma . d over all slopes in [-1, 1] at active switches, outward rounded.

    One push of an interval (THEORY 3): whatever f is, dC f(x) . d lies between them.
    """
    program = sweeps.program
    gamma = rounding(sweeps.push_depth)
    middle, spread = Tangents(sweeps, direction, 1), Tangents(sweeps, np.abs(direction), 2)
    for index, node in enumerate(program.nodes):
        if node.op == "input" or not node.varied:
            continue
        if TABLE[node.op].kink is not None:
            mids, wides = (zip(*(tangents.of(arg) for arg in node.args), strict=True) for tangents in (middle, spread))
            low, high, size = sweeps.intervals_of(index).push(*mids, *wides)
            middle.arrays[index] = ((low + high) / 2)[None]
            spread.arrays[index] = np.stack([(high - low) / 2, size])
            continue
        middle.push(index, sweeps.maps(index))
        spread.push(index, [None if m is None else m.absolute() for m in sweeps.maps(index)])
    mid, wide = middle.output(), spread.output()
    slack = wide[0] + gamma * (wide[0] + wide[1])
    return mid[0] - slack, mid[0] + slack


class Tangents:
    """Tangents of the nodes, ``count`` together: all start as the given direction, a radius (row 0 of 2) as 0."""

    def __init__(self, sweeps: Sweeps, direction: Array, count: int) -> None:
        self.program, self.count = sweeps.program, count
        self.arrays: list[Array | None] = [None] * len(self.program.nodes)
        leaves = self.program.tree.split(direction)
        for index, node in enumerate(self.program.nodes):
            if node.op == "input":
                leaf = leaves[node.params["leaf"]]
                self.arrays[index] = leaf[None] if count == 1 else np.stack([np.zeros_like(leaf), leaf])

    def push(self, index: int, maps: list[LinearMap | None]) -> None:
        """Push through one node."""
        node = self.program.nodes[index]
        self.arrays[index] = applied(maps, [self.arrays[arg] for arg in node.args], self.count, node.shape)

    def of(self, index: int) -> tuple[Array | None, ...]:
        """The tangents of a node, one by one."""
        found = self.arrays[index]
        return (None,) * self.count if found is None else tuple(found)

    def output(self) -> Array:
        """The tangents of y, shape (count, m)."""
        found = self.arrays[self.program.output]
        return np.zeros((self.count, self.program.m)) if found is None else found.reshape(self.count, -1)
