"""One layer of kinks, those on one set together: J~, and for each class C a row rho_C and a weight W_C (THEORY 7.1).

    g_sigma = J~ + sum_C sigma_C W_C rho_C,          W_C = sum |k_j| w_j,          sigma_C the sign of the first switch

for all signatures that occur near x, where no active switch acts on another.  Slopes c that a tool uses, whether they
fit together or not, add T_C rho_C with T_C = sum c_j k_j w_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from absnormal.active.one_set import Classes
from absnormal.active.rows import ENTRIES, certainly_independent, certainly_triangular
from absnormal.active.system import MANY
from absnormal.arrays import Array, exactly, unit_vectors
from absnormal.ops import kink_of
from absnormal.rational.linear_algebra import rank
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.at_point import INTERVAL, once
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Nodes, Sweeps

#: Rows up to which singular values are computed.
_DENSE = 500


@dataclass(frozen=True, eq=False)
class OneLayer:
    """The classes of a layer, of which there must be one alone (`is_one_layer`).

    Numbers of classes have the shape (number of classes,).
    """

    sweeps: Sweeps
    classes: Classes

    @cached_property
    def _sigma(self) -> Array:
        return self.sweeps.signature(0 if self.sweeps.rational else 0.0)

    @cached_property
    def base(self) -> Array:
        """J~, shape (n,)."""
        return np.asarray(self.sweeps.pull(self._sigma, None, _seed(self.sweeps))[0][0])

    @property
    def _weights(self) -> Array:
        return _weights(self.sweeps)

    @cached_property
    def weights(self) -> Array:
        """W."""
        return self.classes.sums(np.abs(self.classes.factors) * self._weights)

    @cached_property
    def sizes(self) -> Array:
        """sum |k_j| |w_j|: the terms of W and of T."""
        return self.classes.sums(np.abs(self.classes.factors * self._weights))

    @cached_property
    def errors(self) -> Array:
        """Bounds on the rounding in W, and in T; 0 on rationals."""
        sweeps, factors = self.sweeps, np.abs(self.classes.factors)
        if sweeps.rational:
            return 0 * self.weights
        # A pull is longer than the products that factors are.
        depth = sweeps.pull_depth + len(factors) + 4
        return np.asarray(rounding(depth) * self.classes.sums(factors * _sizes_of_weights(sweeps)))

    @cached_property
    def negligible(self) -> Array:
        """Which classes have a W of 0, to rounding."""
        return np.asarray(np.abs(self.weights) <= self.errors)

    @cached_property
    def sure(self) -> Array:
        """W, with 0 where it is negligible."""
        return np.where(self.negligible, 0 * self.weights, self.weights)

    @property
    def sign(self) -> int:
        """+1 or -1 where all W have that sign or are negligible; otherwise 0."""
        up, down = bool((self.sure > 0).any()), bool((self.sure < 0).any())
        return 0 if up and down else -1 if down else 1

    @cached_property
    def whole(self) -> bool:
        """Whether J~ + sum [-1, 1] W_C rho_C is all of dC f(x): the W have one sign, or those rho are independent."""
        return self.sign != 0 or self.independent

    @cached_property
    def independent(self) -> bool:
        """Whether the rho of the classes that are not negligible are independent for sure."""
        kept = np.flatnonzero(~self.negligible)
        n, s = self.sweeps.program.n, self.sweeps.program.s
        if len(kept) > n or len(kept) * max(n, s) > ENTRIES:
            return False
        seeds = unit_vectors(self._first[kept], s)
        if self.sweeps.rational:
            rows = self.sweeps.pull(self._sigma, exactly(seeds), None)[0].tolist()
            return len(kept) <= MANY and rank(rows) == len(kept)
        rows = self.sweeps.pull(self._sigma, seeds, None)[0]
        errors = rounding(self.sweeps.pull_depth) * self.sweeps.pull_magnitude(self._sigma, seeds, None)[0]
        if not self._steady(None):
            errors = errors + beyond_values(
                self.sweeps, self._sigma, rows, lambda near: near.pull(self._sigma, seeds, None)[0])
        return certainly_triangular(rows, errors) or (len(kept) <= _DENSE and certainly_independent(rows, errors))

    def taken(self, c: Array) -> Array:
        """T for slopes at the active switches."""
        return self.classes.sums(np.asarray(c) * self.classes.factors * self._weights)

    def combined(self, numbers: Array, only: Nodes = None) -> Array:
        """sum over classes of numbers_C rho_C, shape (n,)."""
        if not np.any(numbers):
            return np.asarray(0 * self.base)
        return np.asarray(self.sweeps.pull(self._sigma, self._seeds(numbers), None, only)[0][0])

    def reach(self, numbers: Array) -> Array:
        """The same without any cancellation."""
        return np.asarray(self.sweeps.pull_magnitude(self._sigma, self._seeds(np.abs(numbers)), None)[0][0])

    def _seeds(self, numbers: Array) -> Array:
        seeds = np.zeros((1, self.sweeps.program.s), object if self.sweeps.rational else float)
        seeds[0, self._first] = numbers
        return seeds

    @cached_property
    def _first(self) -> Array:
        return np.asarray(self.sweeps.alpha[self.classes.first])

    def set_aside(self) -> Array:
        """What the negligible weights could change in a gradient, shape (n,)."""
        left = np.where(self.negligible, np.abs(self.weights) + self.errors, 0 * self.weights)
        return 2 * self.reach(left) if left.any() else np.zeros(self.sweeps.program.n)

    def rates(self, v: Array, only: Nodes = None) -> Array:
        """rho_C . v."""
        return np.asarray(self.sweeps.push(self._sigma, v[None], only)[0][0][self._first])

    def rate_errors(self, v: Array, only: Nodes = None) -> Array:
        """Bounds on their rounding; 0 on rationals."""
        if self.sweeps.rational:
            return 0 * self.weights
        size = self.sweeps.magnitude(self._sigma, v, only=only)[0][self._first]
        return np.asarray(rounding(self.sweeps.push_depth) * size + FLOOR)

    def noise(self, v: Array, only: Nodes = None) -> Array:
        """Bounds on their rounding, and on what the rounding of values makes of them where they depend on any."""
        size = self.rate_errors(v, only)
        if self.sweeps.rational or self._steady(only):
            return size
        here = self.rates(v)
        moved = beyond_values(self.sweeps, self._sigma, here, lambda near: near.push(self._sigma, v[None])[0][0][
            self._first])
        return size + moved

    def _steady(self, only: Nodes) -> bool:
        """Whether tangents go through linear operations on their way to the kinks."""
        program = self.sweeps.program
        used = self._upstream if only is None else only
        return all(
            program.is_linear(node) for node, through in zip(program.nodes, used, strict=True)
            if through and node.varied and node.op != "input"
        )

    @cached_property
    def _upstream(self) -> list[bool]:
        """The nodes on which active switches depend."""
        program = self.sweeps.program
        found = [False] * len(program.nodes)
        for index in range(len(program.nodes) - 1, -1, -1):
            node = program.nodes[index]
            own = bool(self.sweeps.active[node.own].any())
            if own or found[index]:
                for arg in node.args:
                    found[arg] = True
        return found

    def nearest(self) -> list[bool]:
        """The nodes between the input that is used last and the active switches."""
        program, upstream = self.sweeps.program, self._upstream
        found = [False] * len(program.nodes)
        last = max((
            arg for index, node in enumerate(program.nodes) if upstream[index] or node.switch >= 0
            for arg in node.args if program.nodes[arg].op == "input" and self._first_use[arg] == index
        ), key=self._first_use.__getitem__, default=-1)
        if last >= 0:
            found[last] = True
            for index, node in enumerate(program.nodes):
                tied = upstream[index] or self.sweeps.active[node.switch :][: node.switches].any()
                found[index] |= bool(tied) and any(found[arg] for arg in node.args)
        return found

    @cached_property
    def _first_use(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for index, node in enumerate(self.sweeps.program.nodes):
            for arg in node.args:
                found.setdefault(arg, index)
        return found

    def rows(self) -> Array:
        """rho in floating point, shape (number of classes, n)."""
        identity = np.eye(self.sweeps.program.n)
        pushed = self.sweeps.push(self._sigma, exactly(identity) if self.sweeps.rational else identity)[0]
        return np.asarray(pushed[:, self._first].T, dtype=float)


def _seed(sweeps: Sweeps) -> Array:
    one = np.ones((1, 1))
    return exactly(one) if sweeps.rational else one


@once
def _weights(sweeps: Sweeps) -> Array:
    """The weights of the active switches, which no class changes."""
    sigma = sweeps.signature(0 if sweeps.rational else 0.0)
    return np.asarray(sweeps.pull(sigma, None, _seed(sweeps), only=sweeps.depending)[1][0][sweeps.alpha])


@once
def _sizes_of_weights(sweeps: Sweeps) -> Array:
    """The same without any cancellation."""
    sigma = sweeps.signature(0.0)
    return np.asarray(
        sweeps.pull_magnitude(sigma, None, _seed(sweeps), only=sweeps.depending)[1][0][sweeps.alpha])


@once
def is_one_layer(sweeps: Sweeps) -> bool:
    """Whether no active switch acts on another one, for any slopes."""
    program, active = sweeps.program, sweeps.active
    tied = [i for i in program.kinked if active[program.nodes[i].switch :][: program.nodes[i].switches].any()]
    if not any(sweeps.depending[arg] for i in tied for arg in program.nodes[i].args) and all(
        kink_of(program.nodes[i].op).rates for i in tied
    ):
        return True
    seeds = np.zeros((1, program.s))
    seeds[0, sweeps.alpha] = 1.0
    wbar = sweeps.pull_magnitude(sweeps.signature(INTERVAL), seeds, None, change=nonzero)[1]
    return not wbar[0][sweeps.alpha].any()
