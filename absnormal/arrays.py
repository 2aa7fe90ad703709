"""Real arrays as the package takes them: float64, or object arrays of exact numbers."""

from __future__ import annotations

import math
import numbers
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def as_real(value: Any, name: str) -> Array:
    """``value`` as a float64 array, or as an object array of Fractions when it holds exact numbers.

    Raises
    ------
    ValueError
        for anything that is not a real number or a rectangular array of real numbers
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} must be an array of real numbers, got a masked array")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers, got {type(value).__name__}") from error
    if array.dtype == np.float64:
        return array
    # NumPy knows no kind for the bfloat16 of JAX's arrays.
    if array.dtype.kind in "fiub" or array.dtype.name == "bfloat16":
        return array.astype(np.float64)
    if array.dtype.kind == "O":
        flat = [as_fraction(item, name) for item in array.ravel()]
        exact = np.empty(len(flat), dtype=object)
        exact[:] = flat
        return exact.reshape(array.shape)
    raise ValueError(f"{name} must be an array of real numbers, got dtype {array.dtype}")


def as_fraction(value: Any, name: str = "x") -> Fraction:
    """One exact number: a Fraction, an int, a float, a SymPy rational."""
    if isinstance(value, (Fraction, int, float, np.integer, np.floating)):
        try:
            return Fraction(value) if isinstance(value, (Fraction, int, float)) else Fraction(value.item())
        except (OverflowError, ValueError) as error:
            raise ValueError(f"{name} must be finite, got {value}") from error
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if getattr(value, "is_Rational", False):
        return Fraction(int(value.p), int(value.q))
    raise ValueError(f"{name} must hold real numbers, got {type(value).__name__}")


@np.errstate(all="ignore")
def finite(array: Array) -> bool:
    """Whether there is neither NaN nor infinity, which spread to a sum."""
    return math.isfinite(array.sum()) or bool(np.isfinite(array).all())


def unit_vectors(places: Any, size: int) -> Array:
    """The rows of the identity with these numbers, shape (len(places), size)."""
    result = np.zeros((len(places), size))
    result[np.arange(len(places)), places] = 1.0
    return result


def lengths(vectors: Array) -> Array:
    """The 2-norms over axis 0, of tiny and huge vectors too, whose squares would underflow or overflow."""
    largest = np.abs(vectors).max(axis=0, initial=0.0)
    scale = np.where((largest > 0) & (largest < np.inf), largest, 1.0)
    return np.asarray(scale * np.sqrt(((vectors / scale) ** 2).sum(axis=0)))


#: Columns up to which, and entries of the matrix from which, a product with both factors turned round is faster.
_NARROW, _LARGE = 16, 1 << 15


def times(matrix: Array, columns: Array, out: Array | None = None) -> Array:
    """matrix @ columns; of a large one and a few columns it is the product of both turned round, in half the time."""
    narrow = 1 < columns.shape[-1] <= _NARROW and matrix.ndim == 2 and matrix.size > _LARGE
    if narrow and matrix.dtype == columns.dtype == np.float64:
        product = np.swapaxes(np.matmul(np.swapaxes(columns, -1, -2), matrix.T), -1, -2)
        if out is None:
            return np.ascontiguousarray(product)
        out[...] = product
        return out
    return np.asarray(np.matmul(matrix, columns, out=out))


def filled(matrix: Array, axis: int) -> Array:
    """Where an entry along an axis, -1 or -2, is not 0; a few neighbours in the middle are looked at before all."""
    start = max(0, matrix.shape[axis] // 2 - 4)
    few = matrix[..., start : start + 8] if axis == -1 else matrix[..., start : start + 8, :]
    found = np.asarray((few != 0).any(axis=axis))
    return found if found.all() else np.asarray((matrix != 0).any(axis=axis))


def exactly(value: Array) -> Array:
    """A float array as an object array of the rationals that its entries are; infinite ones stay what they are."""
    if value.dtype == object:
        return value
    flat = np.empty(value.size, dtype=object)
    flat[:] = [as_fraction(item) if math.isfinite(item) else item for item in value.ravel().tolist()]
    return flat.reshape(value.shape)


#: Entries of a table by which pairs are told apart, for each pair.
_TABLE = 8


def distinct_pairs(first: Array, second: Array, size: int) -> tuple[Array, Array, Array]:
    """The pairs of numbers below ``size`` that differ, and for every pair which of them it is.

    Most pairs are a few steps apart from each other, so that a table by the step and the first one is small.
    """
    step = second - first + (size - 1)
    known = np.zeros(2 * size, bool)
    known[step] = True
    steps = np.flatnonzero(known)
    if len(steps) * size > _TABLE * first.size:
        unique, back = np.unique(first * size + second, return_inverse=True)
        return (*np.divmod(unique, max(1, size)), back)
    rank = np.cumsum(known) - 1
    codes = rank[step] * size + first
    there = np.zeros(len(steps) * size, bool)
    there[codes] = True
    unique = np.flatnonzero(there)
    which, low = np.divmod(unique, size)
    return low, low + steps[which] - (size - 1), (np.cumsum(there, dtype=np.int32) - 1)[codes]


def distinct_columns(table: Array) -> tuple[Array, Array]:
    """The columns of a table of integers that differ, in the order of their entries, and for every column which of them
    it is.

    The same as ``np.unique(table, axis=1, return_inverse=True)``, which compares whole columns one by one.
    """
    order = np.lexsort(table[::-1])
    columns = table[:, order]
    new = np.ones(len(order), bool)
    new[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    which = np.empty(len(order), np.intp)
    which[order] = np.cumsum(new) - 1
    return columns[:, new], which


def strides_of(shape: tuple[int, ...]) -> list[int]:
    """How far apart in memory the neighbours along every axis are, in entries."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
