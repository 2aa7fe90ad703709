"""The last steps of a backward sweep, which add up to the gradient, next to a given one.

Most entries of the gradient of a network are those of its largest weights.  They are made place by place when they are
looked at, in the layout of the given gradient, and the whole is never there at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.program import Program
from absnormal.sweeps.carriers import Adjoints

#: Arrays that are broadcast, and whose product is a bound.
Factors = tuple[Array, ...]


class LastSteps(Adjoints):
    """The adjoints of all nodes but the inputs and their separate parts; floating point, one seed.

    ``places`` are those of the inputs and their parts in given arrays like the leaves of x, ``terms`` the maps and the
    adjoints that lead to each, ``depth`` the roundings on the longest path to a node.
    """

    def __init__(self, program: Program, seed: Array, leaves: Sequence[Array]) -> None:
        self._leaves = [leaf[None] for leaf in leaves]
        self._taken = program.output
        self.terms: dict[int, list[tuple[LinearMap, Array]]] = {}
        self.depth = [0] * len(program.nodes)
        super().__init__(program, seed, program.output)

    def settle(self) -> None:
        self.places = self.views(self._leaves)

    def take(self, index: int) -> Array | None:
        self._taken = index
        return super().take(index)

    def add(self, index: int, linear: LinearMap, w: Array) -> None:
        # One rounding more for the sum of what is added here.
        self.depth[index] = max(self.depth[index], self.depth[self._taken] + linear.pull_depth) + 1
        if index in self.places:
            self.terms.setdefault(index, []).append((linear, w))
        else:
            super().add(index, linear, w)

    def join(self) -> Array:
        """The gradient is not written."""
        return np.zeros((1, 0), self.dtype)

    def sums(self, unit: float) -> Iterator[tuple[Array, Array, list[Factors]]]:
        """For every place that a step leads to: g_sigma, the given entries, and a bound.

        The bound is the sum of the products of the factors: of sums of absolute values that a last step adds up, times
        ``unit`` for each rounding on the way.
        """
        for index, terms in self.terms.items():
            given, scale = self.places[index], unit * self.depth[index]
            made = np.empty_like(given, self.dtype)
            bounds = []
            for number, (linear, w) in enumerate(terms):
                (linear.pull_into if number else linear.pull_out)(w, made)
                first, *rest = linear.bound(w)
                bounds.append(tuple([_single(factor) for factor in (scale * first, *rest)]))
            yield _single(made), _single(given), bounds

    def unreached(self) -> Iterator[Array]:
        """The entries of the given arrays to which no step leads."""
        if sum(self.places[index].size for index in self.terms) == self.program.n:
            return
        rest = [np.ones(leaf.shape, bool) for leaf in self._leaves]
        views = self.views(rest)
        for index in self.terms:
            views[index][...] = False
        for leaf, mask in zip(self._leaves, rest, strict=True):
            yield leaf[mask]


def _single(array: Array) -> Array:
    """An array (1, *shape) without its first axis, unless it has no other."""
    return array.reshape(array.shape[1:]) if array.ndim > 1 else array
