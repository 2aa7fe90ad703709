"""In which order definite slopes put the entries that are compared: a direction that opens comparisons.

Under slopes -1 and 1 a maximum or minimum of two entries passes one of them on.  So behind networks of them, as sorts
are, every comparison is one of two entries of something else, and its slope says which of the two must grow faster.  If
these demands have no cycle, rates in their topological order meet them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE, kink_of
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.ops.kinks.order import ordering
from absnormal.program.nodes import Node
from absnormal.sweeps.table import Sweeps

#: Demands up to which an order is looked for.
_MANY = 20_000_000


@dataclass(frozen=True, eq=False)
class Order:
    """Rates that meet the demands of comparisons.

    Attributes
    ----------
    rates
        what z' must be, to keep the order, at each active switch that is a comparison; NaN at others
    direction
        shape (n,), where all that is compared are inputs and constants; otherwise None
    """

    rates: Array
    direction: Array | None


def ordered(sweeps: Sweeps, sigma: Array, chosen: Array) -> Order | None:
    """An order of what the chosen active switches compare under definite slopes; None where there is none."""
    demands = _Demands(sweeps, sigma)
    first, second = demands.pairs()
    known = chosen & (first >= 0) & (first != second)
    if not known.any() or known.sum() > _MANY:
        return None
    each = known.copy()
    for numbers in sweeps.sorts:
        # A sort asks for the order of neighbours only.
        each[np.searchsorted(sweeps.alpha, numbers)] = False
    up = sigma[sweeps.alpha[each]] > 0
    high = np.concatenate([np.where(up, first[each], second[each]), *demands.above])
    low = np.concatenate([np.where(up, second[each], first[each]), *demands.below])
    count = int(known.sum())
    sources, places = np.unique(np.concatenate([first[known], second[known], high, low]), return_inverse=True)
    left, right, (high, low) = places[:count], places[count : 2 * count], np.split(places[2 * count :], 2)
    shape = (len(sources), len(sources))
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    groups, label = connected_components(csr_array((np.ones(len(high)), (low, high)), shape), connection="strong")
    if groups < len(sources):
        return None
    rank = label if (label[high] > label[low]).all() else -label
    if not (rank[high] > rank[low]).all():
        return None
    rank = (rank - rank.mean()) / max(1, len(sources))
    constant = sources == _CONSTANT
    if constant.any():
        rank = rank - rank[constant]
    rates = np.full(len(sweeps.alpha), np.nan)
    rates[known] = rank[left] - rank[right]
    n = sweeps.program.n
    if not (sources < n + 1).all():
        return Order(rates, None)
    d = np.zeros(n)
    d[sources[~constant] - 1] = rank[~constant]
    return Order(rates, d)


def compared(sweeps: Sweeps, sigma: Array) -> tuple[Array, Array]:
    """The two entries that each active switch compares under definite slopes, by their numbers: inputs are 1 to n, what
    is constant is 0; -1 where it is no comparison."""
    return _Demands(sweeps, sigma).pairs()


#: The number of all constants; inputs are 1 to n, other entries come after them.
_CONSTANT = 0


class _Demands:
    """Which entries are passed on to where, by their numbers."""

    def __init__(self, sweeps: Sweeps, sigma: Array) -> None:
        self.sweeps, self.sigma = sweeps, sigma
        self.next = sweeps.program.n + 1
        self.numbers: list[Array | None] = [None] * len(sweeps.program.nodes)
        #: What sorts ask for: which entries must be above which.
        self.above: list[Array] = []
        self.below: list[Array] = []

    def pairs(self) -> tuple[Array, Array]:
        """The two entries that each active switch compares; -1 where it is no comparison."""
        program, alpha = self.sweeps.program, self.sweeps.alpha
        first, second = np.full(program.s, -1), np.full(program.s, -1)
        start = 1
        for index, node in enumerate(program.nodes):
            if node.op == "input":
                size = int(np.prod(node.shape, dtype=int))
                self.numbers[index] = np.arange(start, start + size).reshape(node.shape)
                start += size
                continue
            args = [self.numbers[arg] for arg in node.args]
            if TABLE[node.op].kink is not None and node.switch >= 0:
                found = self._compared(node, args)
                if found is not None:
                    passed, left, right = found
                    own = node.own
                    first[own], second[own] = left.reshape(-1), right.reshape(-1)
                    self.numbers[index] = passed
                    continue
            self.numbers[index] = self._moved(node, args)
        return first[alpha], second[alpha]

    def _moved(self, node: Node, args: list[Array | None]) -> Array:
        if not node.varied:
            return np.broadcast_to(_CONSTANT, node.shape)
        if TABLE[node.op].family == "movement":
            return np.asarray(TABLE[node.op].value(node.params, *args))
        if node.op == "where":
            first, second = (np.asarray(arg) for arg in args)
            return np.asarray(np.where(node.params["mask"], first, second))
        size = int(np.prod(node.shape, dtype=int))
        self.next += size
        return np.arange(self.next - size, self.next).reshape(node.shape)

    def _compared(self, node: Node, args: list[Array | None]) -> tuple[Array, Array, Array] | None:
        """What a comparison passes on, and the two sides of its switches; None where it is none."""
        kink = kink_of(node.op)
        slopes = self.sigma[node.own]
        if isinstance(kink, Entrywise) and kink.selects and kink.rates == (1, -1) and len(args) == 2:
            left, right = (np.broadcast_to(np.asarray(arg), node.shape) for arg in args)
            above = kink.sides(node.params, float)[0][0] == 1
            return np.where((slopes.reshape(node.shape) > 0) == above, left, right), left, right
        if kink.permutes:
            return self._sorted(node, np.asarray(args[0]), slopes)
        sign = kink.extremum(node.params)
        if not sign:
            return None
        (entries,) = args
        assert entries is not None
        keeps = sign * slopes.reshape(len(entries) - 1, *node.shape) > 0
        leading = np.empty(keeps.shape, int)
        current = entries[0]
        for j, stays in enumerate(keeps):
            leading[j] = current
            current = np.where(stays, current, entries[j + 1])
        return current, leading, entries[1:]

    def _sorted(self, node: Node, entries: Array, slopes: Array) -> tuple[Array, Array, Array] | None:
        """The same of a sort, where the codes of all entries differ."""
        columns = entries.reshape(len(entries), -1)
        order = ordering(slopes.reshape(len(entries) - 1, -1))
        if order is None:
            return None
        along = np.take_along_axis(columns, order, 0)
        self.above.append(along[1:].reshape(-1))
        self.below.append(along[:-1].reshape(-1))
        first = np.broadcast_to(columns[:1], columns[1:].shape)
        return along[list(node.params["ranks"])].reshape(node.shape), columns[1:], first
