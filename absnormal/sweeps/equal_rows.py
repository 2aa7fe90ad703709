"""Entries with the same row, by value numbering: the same operation on arguments with the same rows and values.

For given slopes two entries of a node have equal values and equal rows r^sigma when they are computed by the same
operation from entries of which that holds: windows of equal pixels through a convolution, a relu and a pool.  An entry
has a structurally zero row when it is a constant, or what a slope of 0 lets through.  A tie of two such entries, or of
two equal ones, has a zero row.  Values are only compared with each other; no float that came out 0 counts as a proof
(THEORY 4.2).
"""

from __future__ import annotations

import math

import numpy as np

from absnormal.arrays import Array, distinct_pairs, filled, strides_of
from absnormal.ops import SMOOTH, TABLE, kink_of
from absnormal.ops.convolution import Layout, entries_under, touched
from absnormal.ops.kinks.kink import LocalDerivative
from absnormal.ops.standardized import grouped
from absnormal.program.moves import MOVES, numbered, origin
from absnormal.program.nodes import Node
from absnormal.sweeps.table import Sweeps

#: Operations entry by entry, with broadcasting.
_ENTRYWISE = frozenset(row.name for row in SMOOTH)
#: Pairs of entries past which no more are compared, for all switches and for some.
_PAIRS, _OF_SOME = 30_000_000, 3_000_000
#: Nodes that are asked about, again and again in a network that sorts, past which no more are compared.
_CALLS = 5_000
#: Of so many chains one or none has a tie: then the others are left out.
_NARROW = 8


class EqualRows:
    """Rows under the slopes ``sigma``, which must be definite at the ties of folds."""

    def __init__(self, sweeps: Sweeps, sigma: Array) -> None:
        self.sweeps, self.sigma = sweeps, sigma
        self.nodes = sweeps.program.nodes
        self._zeros: dict[int, Array] = {}
        self._places: dict[int, Array] = {}
        self._known: Array | None = None

    def zero_rows(self, among: Array | None = None) -> Array:
        """For each active switch, whether its row is zero for sure; only ``among`` some, if they are given."""
        if self._known is not None:
            return self._known
        sweeps, program = self.sweeps, self.sweeps.program
        self._left, self._calls = _PAIRS if among is None else _OF_SOME, 0
        result, asked = np.zeros(program.s, bool), sweeps.active
        if among is not None:
            asked = np.zeros(program.s, bool)
            asked[sweeps.alpha[among]] = True
        for index in program.kinked:
            node = program.nodes[index]
            own = node.own
            if asked[own].any():
                result[own] = self._tied_zero(index, node, asked[own])
        found = (result & asked)[sweeps.alpha]
        if among is None:
            self._known = found
            self._zeros.clear()
            self._places.clear()
        return found

    def _tied_zero(self, index: int, node: Node, active: Array) -> Array:
        rates = kink_of(node.op).rates
        if kink_of(node.op).blocks:
            each = self.zero(node.args[0])
            return np.asarray(each[1:] & each[:1] if kink_of(node.op).permutes else each).reshape(-1)
        if not rates:
            return self._zero_in_chain(index, node, active)
        zero = [np.broadcast_to(self.zero(arg), node.shape).reshape(-1) for arg in node.args[: len(rates)]]
        return np.asarray(np.logical_and.reduce(zero))

    def _zero_in_chain(self, index: int, node: Node, active: Array) -> Array:
        """Comparison j is that of the entry chosen so far with entry j."""
        width, chosen = math.prod(node.shape), self.derivative(index).chosen
        if chosen is None:
            return np.zeros(active.shape, bool)
        arg, ties, lines = node.args[0], active.reshape(-1, width), chosen.reshape(len(chosen), -1)
        zeros, lanes = self.zero(arg).reshape(lines.shape), np.arange(width)
        if _NARROW * np.count_nonzero(active) < width:
            lanes = np.flatnonzero(ties.any(axis=0))
            ties, lines, zeros = ties[:, lanes], lines[:, lanes], zeros[:, lanes]
        result = np.zeros(ties.shape, bool)
        # Row by row: most ties are between entries with zero rows, and need no list of pairs.
        before = zeros[0]
        for j, (tied, both) in enumerate(zip(ties, result, strict=True), start=1):
            np.logical_and(before, zeros[j], out=both)
            both &= tied
            before = np.where(lines[j] == j, zeros[j], before)
        row, column = np.nonzero(ties & ~result)
        if row.size:
            first = lines[row, column].astype(np.intp) * width + lanes[column]
            result[row, column] = self.equal(arg, first, (row + 1) * width + lanes[column])
        if len(lanes) == width:
            return result.reshape(-1)
        found = np.zeros(active.shape, bool)
        found.reshape(-1, width)[:, lanes] = result
        return found

    def derivative(self, index: int) -> LocalDerivative:
        """A kinked node with the slopes."""
        return self.sweeps.derivative_of(index, self.sigma)

    # -- entries with zero rows --------------------------------------------------------------------------------

    def zero(self, index: int) -> Array:
        """Which entries of a node have a structurally zero row."""
        found = self._zeros.get(index)
        if found is None:
            found = self._zeros[index] = self._find_zero(index)
        return found

    def _find_zero(self, index: int) -> Array:
        node = self.nodes[index]
        if not node.varied:
            return np.broadcast_to(np.True_, node.shape)
        nothing = np.broadcast_to(np.False_, node.shape)
        row = TABLE[node.op]
        if node.op in MOVES or node.op == "concatenate":
            parts = [self.zero(arg) for arg in node.args]
            moves = any(part.any() for part in parts)
            return np.asarray(row.value(node.params, *parts)) if moves else nothing
        if row.kink is not None:
            coefficients, chosen = self.derivative(index).coefficients, self.derivative(index).chosen
            if coefficients is None:
                zero = self.zero(node.args[0])
                if row.kink.blocks:
                    return np.broadcast_to(zero.all(axis=0), node.shape)
                return nothing if chosen is None else np.take_along_axis(zero, chosen[-1:], axis=0)[0]
            total = np.ones(node.shape, bool)
            for p, arg in zip(coefficients, node.args, strict=True):
                if p is not None:
                    total &= (p == 0) | self.zero(arg)
            return total
        if node.op in ("convolve", "matmul") and not self.nodes[node.args[0]].varied:
            return self._blank(node)
        if node.op == "sub":
            first, second = (np.broadcast_to(self.zero(arg), node.shape) for arg in node.args)
            return np.asarray((first & second) | self._same(node.args, node.shape))
        if node.op in _ENTRYWISE and any(self.zero(arg).any() for arg in node.args if self.nodes[arg].varied):
            return np.asarray(np.logical_and.reduce([np.broadcast_to(self.zero(arg), node.shape) for arg in node.args]))
        return nothing

    def _same(self, pair: tuple[int, ...], shape: tuple[int, ...]) -> Array:
        """Where two nodes that hold moved entries of one node hold equal ones, broadcast to a shape."""
        (base, positions), (other, others) = (origin(self.nodes, arg) for arg in pair)
        if base != other or not self._room(math.prod(shape)):
            return np.broadcast_to(np.False_, shape)
        first, second = (np.broadcast_to(numbers, shape).reshape(-1) for numbers in (positions, others))
        return self.equal(base, first, second).reshape(shape)

    def _blank(self, node: Node) -> Array:
        """Where a constant window, or row of a matrix, is 0 throughout."""
        constant = self.sweeps.own[node.args[0]]
        if node.op == "matmul":
            rows = filled(constant, -1)
            wide = len(self.nodes[node.args[1]].shape) > 1 and constant.ndim > 1
            return np.broadcast_to(~(rows[..., None] if wide else rows), node.shape)
        some, weight = constant != 0, self.nodes[node.args[1]].shape
        layout: Layout = node.params["layout"]
        if layout.groups > 1:
            return np.broadcast_to(np.False_, node.shape)
        return np.broadcast_to(~touched(some.any(axis=1), weight[2:], node.shape[2:], layout)[:, None], node.shape)

    # -- equal entries -----------------------------------------------------------------------------------------

    def equal(self, index: int, first: Array, second: Array, distinct: bool = False) -> Array:
        """For pairs of entries (flat numbers), whether their values and their rows are equal for sure.

        ``distinct`` says that no pair is there twice.
        """
        self._calls += 1
        if self._calls > _CALLS:
            return np.zeros(first.shape, bool)
        if not self.nodes[index].varied:
            values = self.sweeps.own[index].reshape(-1)
            return np.asarray((first == second) | (values[first] == values[second]))
        if distinct:
            return self._equal(index, first, second)
        low, high, back = distinct_pairs(np.minimum(first, second), np.maximum(first, second),
                                    math.prod(self.nodes[index].shape))
        return np.asarray(self._equal(index, low, high)[back].reshape(first.shape))

    def _equal(self, index: int, first: Array, second: Array) -> Array:
        """The same for distinct pairs."""
        node = self.nodes[index]
        result = first == second
        hopeful = ~result
        if node.op in MOVES:
            # What is only moved is compared where it comes from.
            result[hopeful] = self._moved(index, node, first[hopeful], second[hopeful])
            return np.asarray(result)
        if node.op not in ("convolve", "matmul"):
            # What these compute need not be known: equal arguments say as much.
            values = self.sweeps.own[index].reshape(-1)
            hopeful &= values[first] == values[second]
        rest = np.flatnonzero(hopeful)
        if not rest.size:
            return np.asarray(result)
        zero = self.zero(index).reshape(-1)
        both = zero[first[rest]] & zero[second[rest]]
        result[rest[both]] = True
        rest = rest[~both]
        if rest.size:
            result[rest] = self._argued(index, node, first[rest], second[rest])
        return np.asarray(result)

    def _argued(self, index: int, node: Node, first: Array, second: Array) -> Array:
        """Whether two entries of a node come from equal ones."""
        if node.op in MOVES or node.op == "concatenate":
            return self._moved(index, node, first, second)
        if TABLE[node.op].kink is not None:
            coefficients, chosen = self.derivative(index).coefficients, self.derivative(index).chosen
            if coefficients is None:
                if chosen is None:
                    return np.zeros(first.size, bool)
                last, width = chosen[-1].reshape(-1).astype(np.intp), chosen[-1].size
                return self.equal(node.args[0], last[first] * width + first, last[second] * width + second, True)
            result = np.ones(first.size, bool)
            for p, arg in zip(coefficients, node.args, strict=True):
                weights = None if p is None else p.reshape(-1)
                equal = True if weights is None else weights[first] == weights[second]
                idle = False if weights is None else (weights[first] == 0) & (weights[second] == 0)
                result &= equal & (idle | self._through(node, arg, first, second, ~np.asarray(idle)))
            return result
        if node.op == "convolve":
            return self._convolved(node, first, second)
        if node.op == "matmul":
            return self._multiplied(node, first, second)
        if node.op == "standardized":
            group = grouped(node.params["axes"], node.shape).reshape(-1)
            return np.asarray((group[first] == group[second]) & self._through(node, node.args[0], first, second, True))
        if node.op not in _ENTRYWISE:
            return np.zeros(first.size, bool)
        result = np.ones(first.size, bool)
        for arg in node.args:
            result &= self._through(node, arg, first, second, result)
        return result

    def _through(self, node: Node, arg: int, first: Array, second: Array, needed: Array | bool) -> Array:
        """`equal` for the entries of an argument that entries of an elementwise result come from."""
        needed = np.broadcast_to(needed, first.shape)
        shape = self.nodes[arg].shape
        if shape == node.shape:
            positions = None
        else:
            numbers = numbered(shape)
            positions = np.broadcast_to(numbers, node.shape).reshape(-1)
        result = np.ones(first.shape, bool)
        i, j = first[needed], second[needed]
        if positions is not None:
            i, j = positions[i], positions[j]
        result[needed] = self.equal(arg, i, j, distinct=positions is None)
        return result

    def _moved(self, index: int, node: Node, first: Array, second: Array) -> Array:
        if node.op == "reshape":
            return self.equal(node.args[0], first, second, True)
        if node.op == "transpose":
            before = tuple(self.nodes[node.args[0]].shape[axis] for axis in node.params["axes"])
            strides = strides_of(self.nodes[node.args[0]].shape)
            own = [strides[axis] for axis in node.params["axes"]]
            at = (np.unravel_index(numbers, before) for numbers in (first, second))
            i, j = (sum(c * stride for c, stride in zip(position, own, strict=True)) for position in at)
            return self.equal(node.args[0], i, j, True)
        positions, starts = self._positions(index, node)
        i, j = positions[first], positions[second]
        result = np.zeros(first.size, bool)
        left = np.ones(first.size, bool)
        for arg, start, stop in zip(node.args, starts[:-1], starts[1:], strict=True):
            inside = (i >= start) & (i < stop) & (j >= start) & (j < stop)
            if inside.any():
                result[inside] = self.equal(arg, i[inside] - start, j[inside] - start)
                left &= ~inside
        if left.any():
            result[left] = self._across(index, first[left], second[left])
        return result

    def _positions(self, index: int, node: Node) -> tuple[Array, Array]:
        """Which entry of its arguments, numbered one after the other, every entry is; where each argument starts."""
        starts = np.cumsum([0, *(math.prod(self.nodes[arg].shape) for arg in node.args)])
        positions = self._places.get(index)
        if positions is None:
            numbers = [
                np.arange(start, stop).reshape(self.nodes[arg].shape)
                for arg, start, stop in zip(node.args, starts[:-1], starts[1:], strict=True)
            ]
            positions = self._places[index] = np.asarray(TABLE[node.op].value(node.params, *numbers)).reshape(-1)
        return positions, starts

    def _across(self, index: int, first: Array, second: Array) -> Array:
        """Whether entries of several nodes come from equal entries of one node (windows at a border and inside)."""
        (bases, i), (others, j) = (self._source(index, numbers) for numbers in (first, second))
        result = np.zeros(first.size, bool)
        for base in np.unique(bases[bases == others]):
            here = (bases == base) & (others == base)
            result[here] = self.equal(int(base), i[here], j[here])
        return result

    def _source(self, index: int, numbers: Array) -> tuple[Array, Array]:
        """The nodes and the entries that entries of a node are, by moves and by what folds choose."""
        node = self.nodes[index]
        chosen = self.derivative(index).chosen if TABLE[node.op].kink is not None else None
        if chosen is not None:
            last = chosen[-1].reshape(-1)[numbers].astype(np.intp)
            return self._source(node.args[0], last * chosen[-1].size + numbers)
        if node.op not in MOVES and node.op != "concatenate":
            return np.full(numbers.shape, index), numbers
        positions, starts = self._positions(index, node)
        places = positions[numbers]
        bases, entries = np.empty(numbers.shape, np.intp), np.empty(numbers.shape, np.intp)
        for arg, start, stop in zip(node.args, starts[:-1], starts[1:], strict=True):
            inside = (places >= start) & (places < stop)
            if inside.any():
                bases[inside], entries[inside] = self._source(arg, places[inside] - start)
        return bases, entries

    def _room(self, pairs: int) -> bool:
        self._left -= pairs
        return self._left >= 0

    def _multiplied(self, node: Node, first: Array, second: Array) -> Array:
        """Equal rows of the left matrix times the same column of the right one."""
        result = np.zeros(first.size, bool)
        left, right = (self.nodes[arg].shape for arg in node.args)
        if len(left) != 2 or len(right) > 2:
            return result
        width = right[1] if len(right) == 2 else 1
        (row, column), (other, same) = np.divmod(first, width), np.divmod(second, width)
        able = column == same
        if not self._room(int(able.sum()) * left[1]):
            return result
        k = np.arange(left[1])
        i, j = (rows[able][:, None] * left[1] + k for rows in (row, other))
        result[able] = self.equal(node.args[0], i.reshape(-1), j.reshape(-1)).reshape(i.shape).all(axis=1)
        return result

    def _convolved(self, node: Node, first: Array, second: Array) -> Array:
        """Equal windows under the same filter; what stands outside is the constant 0."""
        result = np.zeros(first.size, bool)
        at, other = np.unravel_index(first, node.shape), np.unravel_index(second, node.shape)
        able = at[1] == other[1]
        if not able.any():
            return result
        places, others = ([c[able] for c in position] for position in (at, other))
        layout: Layout = node.params["layout"]
        if layout.groups > 1:
            result[able] = self._equal_windows(node, places, others)
            return result
        # Every filter looks at the same windows.
        shape = (node.shape[0], *node.shape[2:])
        codes = [np.ravel_multi_index((p[0], *p[2:]), shape) for p in (places, others)]
        low, high, back = distinct_pairs(codes[0], codes[1], math.prod(shape))
        pairs = (np.unravel_index(numbers, shape) for numbers in (low, high))
        one = [[p[0], np.zeros_like(p[0]), *p[1:]] for p in pairs]
        result[able] = self._equal_windows(node, *one)[back]
        return result

    def _equal_windows(self, node: Node, at: list[Array], other: list[Array]) -> Array:
        """For pairs of entries of a convolution, given by their places along the axes, whether they see the same."""
        arg, (x, weight) = node.args[0], (self.nodes[arg].shape for arg in node.args)
        layout: Layout = node.params["layout"]
        if not self._room(len(at[0]) * math.prod(weight[1:])):
            return np.zeros(len(at[0]), bool)
        # All channels that a filter looks at are at the same places.
        together = layout.groups == 1
        if together:
            x, weight = (x[0], 1, *x[2:]), (weight[0], 1, *weight[2:])
        (i, inside), (j, within) = (entries_under(places, x, weight, layout) for places in (at, other))
        equal = inside == within
        both = inside & within
        # An entry against the padding: a constant, or an entry with a zero row, that is 0.
        for entries, alone in ((i, inside & ~within), (j, within & ~inside)):
            if alone.any():
                nothing = self.zero(arg) & (self.sweeps.own[arg] == 0)
                nothing = nothing.all(axis=1) if together else nothing
                equal[alone] = nothing.reshape(-1)[entries[alone]]
        # Rows that fail already are not looked at.
        hopeful = both & equal.all(axis=1, keepdims=True)
        compared = self._equal_columns if together else self.equal
        equal[hopeful] = compared(arg, i[hopeful], j[hopeful])
        return np.asarray(equal.all(axis=1))

    def _equal_columns(self, index: int, first: Array, second: Array) -> Array:
        """For pairs of places (N, *S) of a node (N, C, *S), whether the entries there are equal in all channels."""
        count, channels, *space = self.nodes[index].shape
        size = math.prod(space)
        low, high, back = distinct_pairs(first, second, count * size)
        i, j = (
            ((place // size * (channels * size) + place % size)[:, None] + np.arange(channels) * size).reshape(-1)
            for place in (low, high)
        )
        return np.asarray(self.equal(index, i, j, True).reshape(-1, channels).all(axis=1))[back]
