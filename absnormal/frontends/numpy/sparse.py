"""Sparse matrices of SciPy beside variables, and those whose entries are variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.scattering import combined
from absnormal.frontends.numpy.creation import of_list
from absnormal.frontends.numpy.traced import MissingAttribute, TracedArray
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import Writer, writer_of

_DENSE = (TracedArray, np.ndarray, float, int)
#: So many entries are written out with their zeros at most.
_MOST = 1 << 22


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix or array."""
    # What a variable has not is an error that names the line, which takes longer than all the rest.
    return not isinstance(value, _DENSE) and hasattr(value, "tocoo") and hasattr(value, "toarray")


def is_matrix(value: Any) -> bool:
    """Whether * is the product of matrices for it, as it is for scipy.sparse.spmatrix."""
    if isinstance(value, Sparse):
        return value.matrix
    return is_sparse(value) and any(kind.__name__ == "spmatrix" for kind in type(value).__mro__)


class Sparse:
    """A sparse matrix by its entries, which may be variables; those of one place are added up."""

    #: NumPy leaves operators to it.
    __array_ufunc__ = None
    ndim = 2

    def __init__(self, shape: Sequence[int], row: Any, column: Any, data: Any, matrix: bool) -> None:
        rows, columns = shape
        self.shape = int(rows), int(columns)
        self.row, self.column = np.asarray(row, int), np.asarray(column, int)
        self.data, self.matrix = data, matrix

    @property
    def first(self) -> Any:
        """The variables that it holds, or its numbers."""
        return self.data

    def _with(self, data: Any) -> Sparse:
        return Sparse(self.shape, self.row, self.column, data, self.matrix)

    def __getattr__(self, name: str) -> Any:
        if name in _SAME:
            return lambda *args, **kwargs: self
        raise MissingAttribute(
            f"scipy.sparse.{name}", "is not supported on a sparse matrix of variables", "use toarray()", caller())

    # -- dense arrays ------------------------------------------------------------------------------------

    def toarray(self) -> Any:
        """The array with its zeros."""
        return self._summed(self.row * self.shape[1] + self.column, self.shape, self.data)

    todense = toarray

    def _summed(self, where: Array, shape: tuple[int, ...], data: Any) -> Any:
        write, size = writer_of(data, "scipy.sparse"), math.prod(shape)
        if size > _MOST:
            write.refuse(f"is an array of {size} numbers here", f"use at most {_MOST}")
        return write.reshape(combined(write, np.zeros(size), where, data, "sum", own=False), shape)

    def __getitem__(self, key: Any) -> Any:
        return self.toarray()[key]

    def diagonal(self) -> Any:
        """The entries of the diagonal."""
        kept = np.flatnonzero(self.row == self.column)
        return self._summed(self.row[kept], (min(self.shape),), self.data[kept])

    def sum(self, axis: Any = None) -> Any:
        """Sums over all, over rows or over columns."""
        if axis is None:
            return self.data.sum()
        over_rows = axis in (0, -2)
        total = self._summed(self.column if over_rows else self.row, (self.shape[over_rows],), self.data)
        return total.reshape((1, -1) if over_rows else (-1, 1)) if self.matrix else total

    def mean(self, axis: Any = None) -> Any:
        """Means over all, over rows or over columns."""
        return self.sum(axis) / (math.prod(self.shape) if axis is None else self.shape[axis])

    # -- entry by entry ----------------------------------------------------------------------------------

    @property
    def T(self) -> Sparse:
        return Sparse(self.shape[::-1], self.column, self.row, self.data, self.matrix)

    def transpose(self) -> Sparse:
        """The transposed matrix."""
        return self.T

    def multiply(self, other: Any) -> Sparse:
        """Products entry by entry."""
        if isinstance(other, Sparse):
            writer_of([self.data, other.data], "scipy.sparse.multiply").refuse(
                "of two sparse matrices of variables is not supported", "use toarray()")
        if is_sparse(other):
            factor: Any = np.asarray(other.tocsr()[self.row, self.column]).reshape(-1)
        else:
            factor = np.broadcast_to(of_list(other), self.shape)[self.row, self.column] if np.ndim(other) else other
        return self._with(self.data * factor)

    def __neg__(self) -> Sparse:
        return self._with(-self.data)

    def __mul__(self, other: Any) -> Any:
        return self @ other if self.matrix and np.ndim(other) else self.multiply(other)

    def __rmul__(self, other: Any) -> Any:
        return other @ self if self.matrix and np.ndim(other) else self.multiply(other)

    def __truediv__(self, other: Any) -> Any:
        return self.multiply(1.0 / other)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, Sparse) and not is_sparse(other):
            return self if np.ndim(other) == 0 and not isinstance(other, TracedArray) and other == 0 else (
                self.toarray() + other)
        both = (self, entries_of(other))
        row, column = (np.concatenate([getattr(one, name) for one in both]) for name in ("row", "column"))
        return Sparse(self.shape, row, column, np.concatenate([one.data for one in both]), self.matrix)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    # -- products of matrices ----------------------------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Sparse) or is_sparse(other):
            return _joined(self, entries_of(other))
        return _times(self, of_list(other))

    dot = __matmul__

    def __rmatmul__(self, other: Any) -> Any:
        if is_sparse(other):
            return _joined(entries_of(other), self)
        return _times(self.T, np.transpose(other)).T


#: What changes how a matrix is kept.
_SAME = frozenset({"asformat", "copy", "eliminate_zeros", "sort_indices", "sum_duplicates", "tobsr", "tocoo", "tocsc",
                   "tocsr", "todia", "todok", "tolil"})


def entries_of(a: Any) -> Sparse:
    """A sparse matrix by its entries."""
    if isinstance(a, Sparse):
        return a
    entries = a.tocoo()
    return Sparse(entries.shape, entries.row, entries.col, entries.data.astype(float), is_matrix(a))


def _times(a: Sparse, u: Any) -> Any:
    """A u for a vector or a matrix u: products of entries, summed into rows."""
    if np.ndim(u) not in (1, 2) or a.shape[1] != np.shape(u)[0]:
        raise ValueError(f"matmul: dimension mismatch with signature (n,k={a.shape[1]}),(k={np.shape(u)},m)->(n,m)")
    write = writer_of([a.data, u], "scipy.sparse")
    right = u if np.ndim(u) == 2 else u[:, None]
    count = right.shape[1]
    products: Any = right[a.column] * a.data[:, None]
    where = a.row[:, None] * count + np.arange(count)
    flat = combined(write, np.zeros(a.shape[0] * count), where, products, "sum", own=False)
    return write.reshape(flat, (a.shape[0], count) if np.ndim(u) == 2 else (a.shape[0],))


def _joined(a: Sparse, b: Sparse) -> Sparse:
    """A B: every entry of A times the entries of B in the row that it meets."""
    order = np.argsort(b.row, kind="stable")
    counts = np.bincount(b.row, minlength=b.shape[0])
    starts, met = np.cumsum(counts) - counts, counts[a.column]
    left = np.repeat(np.arange(len(a.row)), met)
    right = order[np.repeat(starts[a.column] - (np.cumsum(met) - met), met) + np.arange(len(left))]
    shape = a.shape[0], b.shape[1]
    return Sparse(shape, a.row[left], b.column[right], a.data[left] * b.data[right], a.matrix)


def operated(write: Writer, ufunc: np.ufunc, first: Any, second: Any) -> Any:
    """An operator between a sparse matrix of numbers and a variable."""
    left, right = (entries_of(item) if is_sparse(item) else item for item in (first, second))
    if ufunc is np.matmul:
        return left @ right
    if ufunc is np.multiply:
        return left * right
    if ufunc is np.true_divide and isinstance(left, Sparse):
        return left / right
    return write.refuse("a sparse matrix is not supported", "use A @ x, or A.toarray()")


# -- SciPy's functions -------------------------------------------------------------------------------------


def multiply(self: Any, other: Any) -> Any:
    """The method of sparse matrices, by a variable."""
    return entries_of(self).multiply(other)


def _diagonals(diagonals: Any, offsets: Any, shape: Any, matrix: bool) -> Sparse:
    """Diagonals above one another; where the shape is not given it is that of the first of them."""
    if not np.ndim(offsets):
        diagonals, offsets = [of_list(diagonals)], [offsets]
    parts = [np.atleast_1d(of_list(item)) for item in diagonals]
    if len(parts) != len(offsets):
        raise ValueError("Different number of diagonals and offsets.")
    rows, columns = (len(parts[0]) + abs(offsets[0]),) * 2 if shape is None else shape
    row, column, data = [], [], []
    for part, offset in zip(parts, offsets, strict=True):
        length = min(rows + min(offset, 0), columns - max(offset, 0))
        if len(part) not in (1, length):
            raise ValueError(f"Diagonal length does not agree with array size ({rows}, {columns}).")
        row.append(np.arange(length) - min(offset, 0))
        column.append(np.arange(length) + max(offset, 0))
        data.append(part if len(part) == length else np.broadcast_to(part, (length,)))
    return Sparse((rows, columns), np.concatenate(row), np.concatenate(column), np.concatenate(data), matrix)


def diags(diagonals: Any, offsets: Any = 0, shape: Any = None, format: Any = None) -> Sparse:
    """scipy.sparse.diags."""
    return _diagonals(diagonals, offsets, shape, True)


def diags_array(diagonals: Any, offsets: Any = 0, shape: Any = None, format: Any = None) -> Sparse:
    """scipy.sparse.diags_array."""
    return _diagonals(diagonals, offsets, shape, False)


def _maker(matrix: bool, by_columns: bool) -> Callable[..., Any]:
    """A class of sparse matrices, called for what has variables."""

    def make(arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False) -> Sparse:
        if isinstance(arg1, Sparse):
            return Sparse(arg1.shape, arg1.row, arg1.column, arg1.data, matrix)
        if not isinstance(arg1, tuple):
            u: Any = np.atleast_2d(of_list(arg1))
            row, column = (place.reshape(-1) for place in np.indices(u.shape))
            return Sparse(u.shape, row, column, u.reshape(-1), matrix)
        data = of_list(arg1[0])
        if len(arg1) == 2:
            row, column = (np.asarray(item) for item in arg1[1])
        else:
            column, ends = (np.asarray(item) for item in arg1[1:])
            row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
            row, column = (column, row) if by_columns else (row, column)
        return Sparse(shape or (row.max() + 1, column.max() + 1), row, column, data, matrix)

    return make


MAKERS: dict[str, Callable[..., Any]] = {
    "diags": diags, "diags_array": diags_array,
    **{f"{kind}_{holder}": _maker(holder == "matrix", kind == "csc")
       for kind in ("coo", "csr", "csc") for holder in ("matrix", "array")},
}  # fmt: skip
