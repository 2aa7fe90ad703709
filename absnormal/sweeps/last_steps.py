"""The last steps of a backward sweep, which add up to the gradient, next to a given one.

Most entries of the gradient of a network are those of its largest weights.  They are made buffer by buffer when they
are looked at, in the layout of the given gradient, and the whole is never there at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.large_matrices import is_bounded, pulled_at_most
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.program import Program
from absnormal.program.values import Values
from absnormal.sweeps.adjoints import Adjoints

#: Operations whose value is no larger than what this makes of bounds on the arguments.
_BOUNDED: dict[str, Callable[[list[float]], float]] = {
    "add": sum, "sub": sum, "neg": sum, "mul": math.prod, "square": lambda sizes: sizes[0] * sizes[0],
}
#: Operations that mask entries with constants beyond some number: their adjoints are 0 there.
_MASKING, _MASK = frozenset({"add", "sub", "where"}), 1024.0
#: Lengths from here on are those of squares in single precision, too, and products of two are.
_TINY = 1e-15


def largest(array: Array) -> float:
    """The largest absolute value."""
    return float(max(array.max(initial=0.0), -array.min(initial=0.0)))


def length(array: Array) -> float:
    """The 2-norm of the entries, without those that are others once more: no entry is larger."""
    if 0 in array.strides:
        array = array[tuple(slice(None) if stride else slice(1) for stride in array.strides)]
    found = math.sqrt(np.vdot(array, array))
    # Squares of what is smaller underflow.
    return found if found > _TINY else math.sqrt(array.size) * largest(array)


def _behind_masks(program: Program) -> list[int]:
    """The nodes in which large constants are added to others, or take their place, and where these are moved."""
    nodes, found = program.nodes, dict[int, None]()
    for index, node in enumerate(nodes):
        masking = node.op in _MASKING
        if masking or TABLE[node.op].family == "movement":
            for arg in node.args:
                large = masking and nodes[arg].op == "constant" and _finite(nodes[arg].params["value"]) > _MASK
                if large or arg in found:
                    found[index] = None
    return [*found]


def _finite(value: Array) -> float:
    """The largest finite absolute value; what is infinite is passed on nowhere."""
    found = largest(value)
    return found if math.isfinite(found) else largest(value[np.isfinite(value)])


class LastSteps(Adjoints):
    """The adjoints of all nodes but the inputs and their separate parts; floating point, one seed.

    ``buffers`` are those of the inputs and their parts in given arrays like the leaves of x, ``terms`` the maps and the
    adjoints that lead to each, ``lengths`` the 2-norms of the adjoints of the nodes, 0 where these only move entries,
    and so round nothing; ``masked`` are adjoints of nodes whose largest entries are those of a mask.
    """

    def __init__(self, program: Program, seed: Array, leaves: Sequence[Array]) -> None:
        self._leaves = [leaf[None] for leaf in leaves]
        self.terms: dict[int, list[tuple[LinearMap, Array]]] = {}
        self.lengths: dict[int, float] = {}
        self.masked: dict[int, Array | None] = dict.fromkeys(_behind_masks(program))
        super().__init__(program, seed, program.output)

    def settle(self) -> None:
        self.buffers = self.views(self._leaves)

    def take(self, index: int) -> Array | None:
        w = super().take(index)
        if w is not None:
            moves = TABLE[self.program.nodes[index].op].family == "movement"
            self.lengths[index] = 0.0 if moves else length(w)
            if index in self.masked:
                self.masked[index] = w
        return w

    def sensitivity(self, values: Sequence[Array]) -> float:
        """A bound on how much f changes, to first order, where the value of one node but the inputs is doubled."""
        sizes: dict[int, float] = {}
        most = 0.0
        for index in sorted(self.lengths):
            sizes[index] = self._size(index, values, sizes)
            product = self.lengths[index] * sizes[index]
            if product and (w := self.masked.get(index)) is not None:
                product = length(np.where(w == 0, 0.0, w * values[index].astype(float)))
            # Where that is no number nothing is known.
            most = max(most, math.inf if math.isnan(product) else product)
        return most

    def _size(self, index: int, values: Sequence[Array], known: dict[int, float]) -> float:
        """A bound on the finite entries of a value, from those on its arguments where these are known and tell, so that
        the value need not be computed."""
        nodes = self.program.nodes
        node = nodes[index]
        if TABLE[node.op].family == "movement" or node.op in _BOUNDED:
            for arg in node.args:
                if arg in self.buffers or nodes[arg].op == "constant":
                    known[arg] = known[arg] if arg in known else _finite(values[arg])
            if all(arg in known for arg in node.args):
                return _BOUNDED.get(node.op, max)([known[arg] for arg in node.args])
        elif isinstance(values, Values) and not values.at_hand(index) and index in self._sums:
            total, other = self._sums[index]
            if values.at_hand(total) and (values.at_hand(other) or TABLE[nodes[other].op].family == "movement"):
                bound = largest(values[total]) + largest(values[other])
                if math.isfinite(bound):
                    return bound
        return _finite(values[index])

    @cached_property
    def _sums(self) -> dict[int, tuple[int, int]]:
        """For arguments of sums the sum, and what is added to them: a product and a bias."""
        sums = ((index, node.args) for index, node in enumerate(self.program.nodes) if node.op in ("add", "sub"))
        return {arg: (index, other) for index, args in sums for arg, other in (args, args[::-1])}

    def add(self, index: int, linear: LinearMap, w: Array) -> None:
        if index in self.buffers:
            self.terms.setdefault(index, []).append((linear, w))
        else:
            super().add(index, linear, w)

    def join(self) -> Array:
        """The gradient is not written."""
        return np.zeros((1, 0), self.dtype)

    def places_made(self, only: Collection[int] | None = None) -> Iterator[tuple[int, Array, Array]]:
        """For every buffer that a step leads to: the leaf it lies in, g_sigma there, and the given entries.

        With ``only`` those of some leaves.
        """
        for index, terms in self.terms.items():
            if only is not None and self.leaf(index) not in only:
                continue
            given = self.buffers[index]
            made = terms[0][0].pull_like(terms[0][1], given, self.dtype)
            for linear, w in terms[1:]:
                linear.pull_into(w, made)
            yield self.leaf(index), _single(made), _single(given)

    @np.errstate(all="ignore")
    def write(self) -> None:
        """Write g_sigma into the given arrays, which hold zeros."""
        self._reach()
        for index, terms in self.terms.items():
            (first, adjoint), *others = terms
            first.pull_out(adjoint, self.buffers[index])
            for linear, w in others:
                linear.pull_into(w, self.buffers[index])

    @property
    def bounded(self) -> list[LinearMap]:
        """The maps of which bounds cost less."""
        return [linear for terms in self.terms.values() for linear, _ in terms if is_bounded(linear)]

    @np.errstate(all="ignore")
    def write_at_most(self) -> None:
        """Write bounds in its place, where nothing on the way is negative."""
        self._reach()
        for index, terms in self.terms.items():
            self.buffers[index][...] = sum(pulled_at_most(linear, w) for linear, w in terms)

    @np.errstate(all="ignore")
    def write_apart(self, known: LastSteps) -> None:
        """Write bounds on how far these steps of a sweep at other values lead from those of a known one."""
        for index, terms in self.terms.items():
            bounds = [
                pulled_at_most(linear, w - v) if linear is other else np.abs(linear.pull(w) - other.pull(v))
                for (linear, w), (other, v) in zip(terms, known.terms[index], strict=True)
            ]
            self.buffers[index][...] = sum(bounds)

    def leaf(self, index: int) -> int:
        """The number of the leaf that a buffer lies in."""
        node = self.program.nodes[index]
        while node.op != "input":
            node = self.program.nodes[node.args[0]]
        return int(node.params["leaf"])

    def at_most(self) -> Array:
        """For every leaf a bound on the entries of what is written, where nothing on the way is negative; NaN where
        there is none."""
        found = np.zeros(len(self._leaves))
        with np.errstate(all="ignore"):
            for index, terms in self.terms.items():
                bound = sum(largest(pulled_at_most(linear, w, each=False)) for linear, w in terms)
                found[self.leaf(index)] = np.maximum(found[self.leaf(index)], bound)
        return found

    def cancelling(self, only: Collection[int] | None = None) -> Array:
        """For every leaf, or ``only`` some, the largest root of the sum of squares of the terms that the last steps add
        up.

        It is the size that a sum of these terms has when their signs are accidental; a leaf that is much smaller is
        zero up to cancellation.
        """
        found = np.zeros(len(self._leaves))
        for index, terms in self.terms.items():
            if only is not None and self.leaf(index) not in only:
                continue
            with np.errstate(all="ignore"):
                squares = sum(linear.entrywise(np.square).pull(np.square(w)) for linear, w in terms)
            size = math.sqrt(np.max(squares, initial=0.0))
            # Where squares overflow nothing is known to cancel.
            found[self.leaf(index)] = max(found[self.leaf(index)], size if math.isfinite(size) else 0.0)
        return found

    def partial_sums(self, only: Collection[int]) -> Array:
        """The same with the root of the number of terms times the sum of their absolute values: eps times that is what
        rounding makes of a long sum that is added up term by term (Higham and Mary, SIAM J. Sci. Comput. 41, 2019)."""
        found = np.zeros(len(self._leaves))
        for index, terms in self.terms.items():
            if (leaf := self.leaf(index)) not in only:
                continue
            with np.errstate(all="ignore"):
                count = sum(linear.entrywise(_nonzero).pull(_nonzero(w)) for linear, w in terms)
                sums = sum(linear.absolute().pull(np.abs(w)) for linear, w in terms)
                size = float(np.max(np.sqrt(count) * sums, initial=0.0))
            found[leaf] = max(found[leaf], size if math.isfinite(size) else 0.0)
        return found

    def unreached(self) -> Iterator[tuple[int, Array]]:
        """The entries of the given arrays to which no step leads, leaf by leaf."""
        if sum(self.buffers[index].size for index in self.terms) == self.program.n:
            return
        rest = [np.ones(leaf.shape, bool) for leaf in self._leaves]
        views = self.views(rest)
        for index in self.terms:
            views[index][...] = False
        for number, (leaf, mask) in enumerate(zip(self._leaves, rest, strict=True)):
            yield number, leaf[mask]


def _nonzero(array: Array) -> Array:
    """1 where an entry is not 0."""
    return np.not_equal(array, 0).astype(float)


def _single(array: Array) -> Array:
    """An array (1, *shape) without its first axis, unless it has no other."""
    return array.reshape(array.shape[1:]) if array.ndim > 1 else array
