"""Storage of sparse rows: the derivative of an array, one sparse row for every entry of it.

Rows are stored as chunks, pairs (columns, values) of arrays (k, \\*shape) with k entries for every row, so that
whatever moves the entries of an array moves its rows by the same array operation.  What is too irregular for
that, one long row among short ones, is stored as a CSR matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from absnormal.arrays import Array
from absnormal.errors import BudgetError

Shape = tuple[int, ...]
#: The type of column numbers.
INDEX = np.int32
#: Rows are summed up when they have more entries than this, and twice as many as after the last time.
_WIDE = 16
#: Entries that are transposed at once.
_BLOCK = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """k entries for every row: column numbers and values, both (k, \\*shape); a column may occur twice."""

    columns: Array
    values: Array


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The sum of chunks and a CSR matrix; ``settled`` is the width when they were last summed up."""

    chunks: Sequence[Chunk]
    rest: Any = None
    settled: int = 0

    @property
    def width(self) -> int:
        """The number of entries that chunks have for every row."""
        return sum(len(chunk.columns) for chunk in self.chunks)


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """A local derivative: entry j of the result is the sum over i of weight[i, j] * moved[i, j].

    ``move`` takes (k, \\*shape of the argument) to (k, inner, \\*shape of the result), only moving entries;
    None leaves them where they are.  ``weight`` broadcasts against (inner, \\*shape of the result).
    """

    move: Callable[[Array], Array] | None
    weight: Any = 1.0
    inner: int = 1

    @property
    def is_zero(self) -> bool:
        return self.weight == 0 if isinstance(self.weight, float) else not np.any(self.weight)

    def matrix(self, shape: Shape, out: Shape) -> Any:
        """The same as a CSR matrix."""
        size, rows = math.prod(shape), math.prod(out)
        positions = np.arange(size, dtype=INDEX).reshape(1, *shape)
        positions = positions if self.move is None else self.move(positions)[0]
        weights = np.broadcast_to(np.asarray(self.weight, float), positions.shape)
        return uniform(positions.reshape(self.inner, rows), weights.reshape(self.inner, rows), size)


def scaled(scale: Any, out: Shape) -> Local:
    """The local derivative of an entrywise operation."""
    shape = scale.shape
    if shape == out:
        return Local(None, scale.p)
    lift = (1,) * (1 + len(out) - len(shape))
    return Local(lambda t: np.broadcast_to(t.reshape(len(t), *lift, *shape), (len(t), 1, *out)), scale.p)


def uniform(columns: Array, values: Array, width: int) -> Any:
    """The CSR matrix with k entries a row; ``columns`` and ``values`` are (k, rows)."""
    count, rows = columns.shape
    starts = np.arange(0, count * rows + 1, count, dtype=INDEX) if count else np.zeros(rows + 1, INDEX)
    return csr_array((values.T.copy().reshape(-1), columns.T.copy().reshape(-1), starts), shape=(rows, width))


class Space:
    """The columns that rows may have, and how many entries may be stored."""

    def __init__(self, width: int, limit: int) -> None:
        self.width = width
        self.limit = min(limit, np.iinfo(INDEX).max - 1)

    def spend(self, entries: int) -> None:
        """Raise BudgetError where so many entries are past the limit."""
        if entries > self.limit:
            raise BudgetError(
                f"the sparse rows take up to {entries} entries at one operation, the limit is {self.limit};"
                " raise it, or use push and pull, which store no rows"
            )

    # -- one representation from the other -------------------------------------------------------------------

    def flat(self, rows: Rows, size: int) -> tuple[Array, Array, Array]:
        """Entries a row, columns and values in the order of rows; a column may occur twice."""
        if rows.rest is not None:
            matrix = self.csr(rows, size)
            return np.diff(matrix.indptr), matrix.indices, matrix.data
        columns, values = _stacked(rows.chunks, size)
        return np.full(size, len(columns), INDEX), columns.T.copy().reshape(-1), values.T.copy().reshape(-1)

    def csr(self, rows: Rows, size: int) -> Any:
        """Rows as a CSR matrix, summed up and without zeros."""
        if not rows.chunks and rows.rest is not None:
            return rows.rest
        self.spend(rows.width * size)
        matrix = uniform(*_stacked(rows.chunks, size), self.width)
        if rows.rest is not None:
            matrix = matrix + rows.rest
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def rows(self, matrix: Any, shape: Shape) -> Rows:
        """A CSR matrix as one chunk where its rows are about equally long."""
        size, counts = math.prod(shape), np.diff(matrix.indptr)
        widest = int(counts.max(initial=0))
        if widest * size > 2 * matrix.nnz + _WIDE:
            return Rows((), matrix, widest)
        filled = np.arange(widest) < counts[:, None]
        columns, values = np.zeros((widest, size), INDEX), np.zeros((widest, size))
        columns.T[filled], values.T[filled] = matrix.indices, matrix.data
        return Rows((Chunk(columns.reshape(widest, *shape), values.reshape(widest, *shape)),), None, widest)

    # -- arithmetic ------------------------------------------------------------------------------------------

    def apply(self, local: Local, rows: Rows, shape: Shape, out: Shape) -> Rows | None:
        """The local derivative times the rows of its argument; None for zero."""
        if local.is_zero:
            return None
        size = math.prod(out)
        if rows.width > 1 and local.inner * rows.width * size > 4096 and local.inner > 1:
            self.spend(local.inner * size)
            if not self._apart(rows, local.inner * size):
                return self.rows(self.product(local.matrix(shape, out), self.csr(rows, math.prod(shape))), out)
            rows = Rows(rows.chunks, None, rows.width * local.inner)
        self.spend(local.inner * rows.width * size)
        chunks = [_moved(chunk, local, out) for chunk in rows.chunks]
        rest = None
        if rows.rest is not None:
            self.spend(local.inner * size)
            rest = self.product(local.matrix(shape, out), rows.rest)
        return Rows(chunks, rest, rows.settled)

    def _apart(self, rows: Rows, times: int) -> bool:
        """Whether no column occurs twice, so that sums of these rows have nothing to sum up, within the limit."""
        if rows.rest is not None or rows.width * times > self.limit:
            return False
        columns = np.concatenate([chunk.columns.reshape(-1) for chunk in rows.chunks])
        return bool(np.bincount(columns).max(initial=0) <= 1)

    def product(self, left: Any, right: Any) -> Any:
        """A product of CSR matrices, after a look at how many entries it can have."""
        terms = int(np.diff(right.indptr).astype(np.int64)[left.indices].sum())
        self.spend(min(terms, left.shape[0] * self.width))
        return left @ right

    def total(self, terms: Sequence[Rows | None], shape: Shape) -> Rows | None:
        """The sum of rows of the same shape; None for zero."""
        present = [term for term in terms if term is not None]
        if len(present) < 2:
            return present[0] if present else None
        merged: dict[int, Chunk] = {}
        rest = None
        for rows in present:
            for chunk in rows.chunks:
                same = merged.get(id(chunk.columns))
                values = chunk.values if same is None else same.values + chunk.values
                merged[id(chunk.columns)] = Chunk(chunk.columns, values)
            if rows.rest is not None:
                rest = rows.rest if rest is None else rest + rows.rest
        settled = max(rows.settled for rows in present)
        result = Rows([*merged.values()], rest, settled)
        if result.width > max(_WIDE, 2 * settled):
            return self.rows(self.csr(result, math.prod(shape)), shape)
        return result

    def placed(self, parts: Sequence[tuple[Rows | None, Shape]], axis: int, shape: Shape) -> Rows | None:
        """Rows next to each other along an axis; None for zero."""
        present, start = [], 0
        for rows, part in parts:
            if rows is not None:
                present.append((rows, part, (*(slice(None),) * axis, slice(start, start + part[axis]))))
            start += part[axis]
        if not present:
            return None
        size = math.prod(shape)
        widest = max(rows.width for rows, _, _ in present)
        used = sum(rows.width * math.prod(part) for rows, part, _ in present)
        regular = widest * size <= 2 * used + _WIDE and all(rows.rest is None for rows, _, _ in present)
        if not regular:
            return self._placed_csr(present, shape)
        self.spend(widest * size)
        columns, values = np.zeros((widest, *shape), INDEX), np.zeros((widest, *shape))
        for rows, _, key in present:
            start = 0
            for chunk in rows.chunks:
                position = (slice(start, start + len(chunk.columns)), *key)
                columns[position], values[position] = chunk.columns, chunk.values
                start += len(chunk.columns)
        return Rows((Chunk(columns, values),), None, max(rows.settled for rows, _, _ in present))

    def _placed_csr(self, present: list[tuple[Rows, Shape, tuple[slice, ...]]], shape: Shape) -> Rows:
        positions = np.arange(math.prod(shape)).reshape(shape)
        flats = [self.flat(rows, math.prod(part)) for rows, part, _ in present]
        self.spend(sum(len(values) for _, _, values in flats))
        keys = [key for _, _, key in present]
        where = [np.repeat(positions[key].reshape(-1), flat[0]) for key, flat in zip(keys, flats, strict=True)]
        columns, values = (np.concatenate([flat[i] for flat in flats]) for i in (1, 2))
        return self.rows(self.gathered(np.concatenate(where), columns, values, positions.size), shape)

    def gathered(self, rows: Array, columns: Array, values: Array, size: int, width: int | None = None) -> Any:
        """The CSR matrix with these entries, summed up and without zeros."""
        shape = (size, self.width if width is None else width)
        matrix = csr_array((values, (rows.astype(INDEX), columns.astype(INDEX))), shape=shape)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def joined(self, parts: Sequence[tuple[Rows | None, int]], cut: int, keep: Array | None = None) -> tuple[Any, Any]:
        """Rows below each other as CSR matrices, one of the columns before ``cut`` and one of the others.

        ``keep`` (rows,) says which rows are wanted; the others are empty.
        """
        self.spend(sum(rows.width * size for rows, size in parts if rows is not None))
        pieces, start = [], 0
        for rows, size in parts:
            own = None if keep is None or keep[start : start + size].all() else keep[start : start + size]
            pieces.append(self._cut(rows or Rows(()), size, cut, own))
            start += size
        lefts, rights = ([piece[side] for piece in pieces] for side in (0, 1))
        return self._below(lefts, cut), self._below(rights, self.width - cut)

    def _cut(self, rows: Rows, size: int, cut: int, keep: Array | None) -> tuple[_Part, _Part]:
        if rows.rest is None and keep is None:
            runs = _ascending(rows.chunks, size) or _ascending([Chunk(*_stacked(rows.chunks, size))], size)
            halves = None if runs is None else _halves(runs, size, cut)
            if halves is not None:
                return halves
        matrix = self.csr(rows, size)
        if keep is not None:
            unwanted = np.repeat(keep, np.diff(matrix.indptr))
            matrix = csr_array((matrix.data * unwanted, matrix.indices, matrix.indptr), shape=matrix.shape)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        left, right = matrix[:, :cut], matrix[:, cut:]
        return _Part(np.diff(left.indptr), left), _Part(np.diff(right.indptr), right)

    def _below(self, parts: Sequence[_Part], width: int) -> Any:
        starts = np.concatenate([np.zeros(1, INDEX), *(part.counts for part in parts)]).cumsum(dtype=INDEX)
        columns, values = np.empty(starts[-1], INDEX), np.empty(starts[-1])
        first = 0
        for part in parts:
            own = slice(starts[first], starts[first + len(part.counts)])
            part.write(columns[own], values[own])
            first += len(part.counts)
        matrix = csr_array((values, columns, starts), shape=(len(starts) - 1, width))
        matrix.has_canonical_format = True
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Entries that all rows have in the same order: columns and values (k, size), and which k in which order."""

    columns: Array
    values: Array
    order: Array

    def write(self, columns: Array, values: Array, less: int) -> None:
        """Write them row by row, shape (size, len(order)), block by block so that both sides stay in the cache."""
        block = max(_BLOCK // self.columns.shape[1], 1)
        for start in range(0, len(self.order), block):
            positions = self.order[start : start + block]
            np.subtract(self.columns[positions].T, INDEX(less), out=columns[:, start : start + block])
            values[:, start : start + block] = self.values[positions].T


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Sorted rows without duplicates and zeros: how long they are, and a CSR matrix or runs whose columns are larger
    by ``less``."""

    counts: Array
    entries: Any
    less: int = 0

    def write(self, columns: Array, values: Array) -> None:
        """Put the entries where they belong in a CSR matrix."""
        if not isinstance(self.entries, list):
            columns[:], values[:] = self.entries.indices, self.entries.data
            return
        size, start = len(self.counts), 0
        for run in self.entries:
            stop = start + len(run.order)
            run.write(*(array.reshape(size, -1)[:, start:stop] for array in (columns, values)), self.less)
            start = stop


def _ascending(chunks: Sequence[Chunk], size: int) -> list[_Run] | None:
    """Chunks one after the other with ascending columns; None where rows differ in their order or in where they are
    zero, or hold a column twice."""
    runs = []
    for chunk in chunks:
        columns, values = (array.reshape(len(chunk.columns), size) for array in (chunk.columns, chunk.values))
        order = np.argsort(columns[:, :1].ravel(), kind="stable")
        full: Array = np.asarray(values.all(axis=1))
        if not full.all():
            if values[~full].any():
                return None
            order = order[full[order]]
        if len(order) and size:
            inner = columns if (np.diff(order) > 0).all() else columns[order]
            if not (inner[1:] > inner[:-1]).all():
                return None
            runs.append(_Run(columns, values, order))
    runs.sort(key=lambda run: int(run.columns[run.order[0], 0]))
    apart = all(np.all(a.columns[a.order[-1]] < b.columns[b.order[0]]) for a, b in pairwise(runs))
    return runs if apart else None


def _halves(runs: list[_Run], size: int, cut: int) -> tuple[_Part, _Part] | None:
    """The entries before and past a column; None where rows have different numbers of them."""
    left, right = [], []
    for run in runs:
        columns, values, order = run.columns, run.values, run.order
        position = int(np.searchsorted(columns[order, 0], cut))
        before, after = columns[order[:position][-1:]], columns[order[position:][:1]]
        if (before >= cut).any() or (after < cut).any():
            return None
        left += [_Run(columns, values, order[:position])] if position else []
        right += [_Run(columns, values, order[position:])] if position < len(order) else []
    counts = (np.full(size, sum(len(run.order) for run in half), INDEX) for half in (left, right))
    return _Part(next(counts), left), _Part(next(counts), right, cut)


def _stacked(chunks: Sequence[Chunk], size: int) -> tuple[Array, Array]:
    """All chunks as two arrays (k, size)."""
    if not chunks:
        return np.zeros((0, size), INDEX), np.zeros((0, size))
    columns = [chunk.columns.reshape(len(chunk.columns), size) for chunk in chunks]
    values = [chunk.values.reshape(len(chunk.values), size) for chunk in chunks]
    return (columns[0], values[0]) if len(chunks) == 1 else (np.concatenate(columns), np.concatenate(values))


def _moved(chunk: Chunk, local: Local, out: Shape) -> Chunk:
    one = isinstance(local.weight, float) and local.weight == 1
    if local.move is None:
        return chunk if one else Chunk(chunk.columns, np.multiply(chunk.values, local.weight))
    columns, values = local.move(chunk.columns), local.move(chunk.values)
    if not one:
        values = values * local.weight
    shape = (len(chunk.columns) * local.inner, *out)
    return Chunk(columns.reshape(shape), values.reshape(shape))


def unrolled(p: Array, q: Array, wanted: Array, count: int, space: Space) -> tuple[Array, Array, Array]:
    """All pairs (j, i) with q_i != 0, i <= j and no p = 0 among p_{i+1} ... p_j, and the products of these p.

    Only for the wanted j.  Lanes of length ``count`` follow each other; each begins with p = 0.
    """
    numbers = np.arange(len(p))
    begin = np.maximum.accumulate(np.where(p == 0, numbers, 0))
    entering = np.flatnonzero(q)
    upto = np.cumsum(q != 0)
    before = upto[begin] - (q[begin] != 0)
    lengths = np.where(wanted, upto - before, 0)
    pairs = int(lengths.sum())
    space.spend(pairs)
    first = np.repeat(numbers, lengths)
    offsets = np.cumsum(lengths) - lengths
    second = entering[np.arange(pairs) - np.repeat(offsets - before, lengths)]
    # In powers of two the usual p = 1/2 and p = 1 are exact, and long products do not lose their quotients.
    powers = np.cumsum(np.log2(np.where(p == 0, 1, p)).reshape(-1, count), axis=1).reshape(-1)
    return first, second, np.exp2(powers[first] - powers[second])
