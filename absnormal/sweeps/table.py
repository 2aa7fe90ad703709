"""The four verbs on NumPy arrays: evaluate, directional, push, pull, at one point.

    evaluate     x -> z, y                                (the constructor)
    directional  d -> sigma, z', y'                       slopes chosen on the way: sigma_i = sign z_i' where z_i = 0
    push         sigma, D -> dz, dy                       k directions at once
    pull         sigma, zbar, ybar -> xbar, wbar          wbar is the adjoint of |z|

A sweep in absolute values (`magnitude`, `pull_magnitude`) bounds the rounding of its twin and shows which rows are
zero: a linear sweep computes a sum of products over paths, each with at most K roundings, so its error is at most
K u / (1 - K u) times the sum of the absolute values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.ops import TABLE
from absnormal.ops.kinks.kink import Kink
from absnormal.ops.linear import applied
from absnormal.ops.linear_maps import Change
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.sweeps.adjoints import Adjoints, changed, nonzero, pushed
from absnormal.sweeps.at_point import INTERVAL, AtPoint, once
from absnormal.sweeps.last_steps import LastSteps
from absnormal.sweeps.rounding import FLOOR, largest, pull_depth, push_depth, rounding

#: Which nodes of a program a sweep goes through; None: all.
Nodes = Sequence[bool] | None


@dataclass(frozen=True, slots=True, eq=False)
class Directional:
    """The result of a directional sweep; ``certified`` says where the sign of z' is beyond its rounding error."""

    sigma: Array
    dz: Array
    dy: Array
    certified: Array


class Sweeps(AtPoint):
    """The verbs at a point."""

    def keeping(self, kept: Array) -> Sweeps:
        """The program in which those active |z_j|, norms and sorts that are not kept are linear: as they are in one
        direction."""
        signs = np.where(self.active, 1.0, self.signs)
        for numbers in self.balls:
            signs[numbers[1:]] = 0.0
        for numbers in self.sorts:
            signs[numbers] = (np.arange(1, len(numbers) + 1) / len(numbers))[:, None]
        found = Sweeps(self.program, None, self.atol, self.values, self.own, self.units)
        found.active, linear = self.active & kept, self.active & ~kept
        found.linear = linear if self.linear is None else linear | self.linear
        found.hold_signs(np.where(found.active, 0.0, signs))
        found._maps, found._norms = self._maps, self._norms
        return found

    # -- forward -----------------------------------------------------------------------------------------------

    def push(self, sigma: Array, directions: Array, only: Nodes = None) -> tuple[Array, Array]:
        """dz (k, s) and dy (k, m) along the rows of ``directions`` (k, n), with slopes ``sigma`` of |z|.

        With ``only`` tangents go through some nodes; dz is that of these, and what other nodes add is left out.
        """
        return self._forward(directions, sigma, only=only)

    def magnitude(
        self, sigma: Array, direction: Array, interval: bool = False, only: Nodes = None
    ) -> tuple[Array, Array]:
        """Push of |direction| through the absolute values of all derivatives.

        With ``interval`` the active slopes may be anything in [-1, 1].
        """
        slopes = self.signature(INTERVAL) if interval else sigma
        dz, dy = self._forward(np.abs(direction)[None], slopes, change=np.abs, only=only)
        return dz[0], dy[0]

    def pattern(self, sigma: Array | None = None) -> tuple[Array, Array]:
        """Where rows of z (s,) and y (m,) may be nonzero; False is a proof that the row is zero.

        Without ``sigma`` the active slopes may be anything in [-1, 1].
        """
        slopes = self.signature(INTERVAL) if sigma is None else sigma
        dz, dy = self._forward(np.ones((1, self.program.n)), slopes, change=nonzero)
        return dz[0] > 0, dy[0] > 0

    @cached_property
    def maybe_nonzero(self) -> Array:
        """Which switches may have a nonzero row for some slopes, shape (s,); False is a proof of a zero row."""
        return self.pattern()[0]

    @cached_property
    def moved(self) -> bool:
        """Whether some active switch may have a nonzero row for some slopes; False is a proof that there is none."""
        if "maybe_nonzero" in self.__dict__:
            return bool(self.maybe_nonzero[self.alpha].any())
        pattern, slopes = np.ones((1, self.program.n)), self.signature(INTERVAL)
        return bool(self._forward(pattern, slopes, change=nonzero, first=True)[0][:, self.alpha].any())

    def counts(self, directions: Array, sigma: Array | None = None) -> Array:
        """dz (k, s) of a push in which every nonzero coefficient is 1: sums over paths, exact for small integers.

        Without ``sigma`` the active slopes may be anything in [-1, 1].
        """
        slopes = self.signature(INTERVAL) if sigma is None else sigma
        return self._forward(directions, slopes, change=lambda a: nonzero(a))[0]

    def influence(self) -> Array:
        """Where |z_i| may change y for some active slopes, shape (s,); False is a proof that it does not."""
        one = np.ones((1, self.program.m))
        wbar = self.pull_magnitude(self.signature(INTERVAL), None, one, change=nonzero)[1]
        return np.asarray(wbar[0] != 0)

    def directional(self, direction: Array) -> Directional:
        """Choose sigma_i = sign z_i' at active switches on the way forward."""
        sigma = self.signature(0.0)
        dz, dy = self._forward(direction[None], sigma, choose=True)
        if not len(self.alpha):
            return Directional(sigma, dz[0], dy[0], np.ones(0, bool))
        rates = self.lengths(dz[0])[self.alpha]
        gamma = rounding(self.push_depth)
        if not self.lanes and rates.min() > gamma * largest(self, direction) + FLOOR:
            return Directional(sigma, dz[0], dy[0], np.ones(len(rates), bool))
        reach = self.magnitude(sigma, direction)[0]
        size = self.lengths(reach)
        for numbers in self.sorts:
            size[numbers] = 2 * reach[numbers].max(axis=0)
        size = size[self.alpha]
        return Directional(sigma, dz[0], dy[0], rates > gamma * size + FLOOR)

    @np.errstate(all="ignore")
    def _forward(
        self, directions: Array, sigma: Array, choose: bool = False, change: Change | None = None, only: Nodes = None,
        first: bool = False,
    ) -> tuple[Array, Array]:
        """With ``first`` it ends at the first node that moves an active switch."""
        program, count = self.program, len(directions)
        tangents: list[Array | None] = [None] * len(program.nodes)
        leaves = program.tree.split(directions)
        dz = np.zeros((count, program.s), directions.dtype)
        for index, node in enumerate(program.nodes):
            if only is not None and not only[index]:
                continue
            if node.op == "input":
                tangents[index] = leaves[node.params["leaf"]]
                continue
            if not node.varied:
                continue
            inner = [tangents[arg] for arg in node.args]
            kink = TABLE[node.op].kink
            if kink is not None:
                tangent = self._kink_forward(kink, index, inner, sigma, dz, choose, change)
                if first and dz[:, node.own][:, self.active[node.own]].any():
                    break
            else:
                tangent = applied(pushed(self.maps(index), change), inner, count, node.shape)
            # A pattern is kept at 0 and 1: neither underflow nor overflow can touch it.
            tangents[index] = nonzero(tangent) if change is nonzero else tangent
        dy = tangents[program.output]
        return dz, np.zeros((count, program.m)) if dy is None else np.asarray(dy).reshape(count, -1)

    def _kink_forward(
        self, kink: Kink, index: int, inner: list[Array | None], sigma: Array, dz: Array, choose: bool,
        change: Change | None,
    ) -> Array:
        node = self.program.nodes[index]
        own = node.own
        tied = self.active[own] if choose and node.switch >= 0 else None
        if node.switch < 0 or (tied is not None and not tied.any()):
            return self.derivative_of(index, sigma, change).push(inner, len(dz))
        rates = None
        if tied is not None:
            args = [self.values[arg] for arg in node.args]
            rates = kink.choose(node.params, args, inner, node.shape, tied, sigma[own])
        derivative = self.derivative_of(index, sigma, change)
        if rates is None:
            tangent, dz[:, own] = derivative.push_both(inner, len(dz))
        else:
            tangent, dz[:, own] = derivative.push(inner, len(dz)), rates
        return tangent

    # -- backward ----------------------------------------------------------------------------------------------

    def gradient(self, sigma: Array, adjoints: Callable[[Program, Array, int], Adjoints] = Adjoints) -> Array:
        """g_sigma for scalar y: one pull."""
        one = np.ones((1, 1))
        seed = exactly(one) if self.y.dtype == object else one.astype(self.y.dtype)
        made = adjoints(self.program, seed, self.program.output)
        found: Array = self._backward(sigma, None, seed, weigh=False, adjoints=made)[0][0]
        # A sum spreads its adjoint without writing it out.
        return found if found.flags.writeable else found.copy()

    def last_steps(self, sigma: Array, leaves: Sequence[Array]) -> LastSteps:
        """The sweep of g_sigma up to its last steps, and where they lead to in arrays like the leaves of x."""
        one = np.ones((1, 1), self.y.dtype)
        steps = LastSteps(self.program, one, leaves)
        self._backward(sigma, None, one, weigh=False, adjoints=steps)
        return steps

    def pull(self, sigma: Array, zbar: Array | None, ybar: Array | None, only: Nodes = None) -> tuple[Array, Array]:
        """xbar (k, n) and the adjoints wbar (k, s) of |z|, from seeds zbar (k, s) and ybar (k, m).

        With ``only`` adjoints go to some nodes; what others would pass on is left out.
        """
        return self._backward(sigma, zbar, ybar, only=only)

    def pull_magnitude(
        self, sigma: Array, zbar: Array | None, ybar: Array | None, change: Change = np.abs, only: Nodes = None
    ) -> tuple[Array, Array]:
        """Pull of the absolute seeds through the absolute values of all derivatives, which ``change`` takes."""
        zbar, ybar = (None if seed is None else np.abs(seed) for seed in (zbar, ybar))
        return self._backward(sigma, zbar, ybar, change=change, only=only)

    def magnitude_steps(
        self, leaves: Sequence[Array], sigma: Array | None = None, zbar: Array | None = None
    ) -> LastSteps:
        """The sweep of `gradient_magnitude`, or of `pull_magnitude` of ``zbar``, up to its last steps, likewise."""
        seed = np.ones((1, 1), self.y.dtype) if zbar is None else zbar
        steps = LastSteps(self.program, seed, leaves)
        slopes = self.signature(np.nan) if sigma is None else sigma
        ybar = seed if zbar is None else None
        self._backward(slopes, zbar, ybar, change=np.abs, weigh=False, adjoints=steps)
        return steps

    def gradient_magnitude(self) -> Array:
        """Bounds, shape (n,), on the sums of absolute values behind g_sigma."""
        seed, sigma = np.ones((1, 1), self.y.dtype), self.signature(np.nan)
        return np.asarray(self._backward(sigma, None, seed, change=np.abs, weigh=False)[0][0])

    def pull_node(self, sigma: Array, index: int, seeds: Array) -> Array:
        """xbar (k, n) from seeds (k, size) on one node, slopes ``sigma``."""
        return self._backward(sigma, None, seeds, start=index)[0]

    def pull_node_magnitude(self, sigma: Array, index: int, seeds: Array) -> Array:
        """`pull_node` in absolute values."""
        return self._backward(sigma, None, np.abs(seeds), change=np.abs, start=index)[0]

    @np.errstate(all="ignore")
    def _backward(
        self, sigma: Array, zbar: Array | None, ybar: Array | None, change: Change | None = None,
        start: int | None = None, weigh: bool = True, adjoints: Adjoints | None = None, only: Nodes = None,
    ) -> tuple[Array, Array]:
        program = self.program
        seed = ybar if ybar is not None else zbar
        assert seed is not None
        start = program.output if start is None else start
        count = len(seed)
        adjoints = Adjoints(program, seed, start) if adjoints is None else adjoints
        if ybar is not None:
            adjoints.arrays[start] = ybar.reshape(count, *program.nodes[start].shape)
        wbar = np.zeros((count, program.s if weigh else 0), seed.dtype)
        for index in range(len(program.nodes) - 1, -1, -1):
            node = program.nodes[index]
            if not node.varied or node.op == "input" or (only is not None and not only[index]):
                continue
            w = adjoints.take(index)
            if TABLE[node.op].kink is not None:
                if w is not None or (zbar is not None and node.switch >= 0):
                    self._kink_backward(index, node, w, zbar, sigma, wbar, adjoints, change, only)
            elif w is not None:
                for linear, arg in zip(changed(self.maps(index), change), node.args, strict=True):
                    if linear is not None and (only is None or only[arg]):
                        adjoints.add(arg, linear, w)
        return adjoints.join(), wbar

    def _kink_backward(
        self, index: int, node: Node, w: Array | None, zbar: Array | None, sigma: Array, wbar: Array,
        adjoints: Adjoints, change: Change | None, only: Nodes,
    ) -> None:
        own = node.own
        seeds = None if zbar is None else zbar[:, own]
        terms, weights = self.derivative_of(index, sigma, change).pull(w, seeds, bool(wbar.size))
        for position, linear, adjoint in terms:
            if only is None or only[node.args[position]]:
                adjoints.add(node.args[position], linear, adjoint)
        if weights is not None:
            wbar[:, own] = weights

    @cached_property
    def push_depth(self) -> int:
        """The number of roundings on the longest path of a push."""
        return push_depth(self)

    @cached_property
    def pull_depth(self) -> int:
        """The number of roundings on the longest path of a pull."""
        return pull_depth(self)


@once
def in_double_precision(sweeps: Sweeps) -> Sweeps:
    """The program at the same point with all values computed in float64, as those near it are; a tool's may be rounded
    more coarsely."""
    program = sweeps.program
    leaves = [np.asarray(leaf, dtype=float) for leaf in program.inputs(sweeps.values)]
    return Sweeps(program, None, values=program.unguarded(leaves))
