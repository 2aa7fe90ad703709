"""Products of SciPy's sparse matrices, which are constants, with variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.meanings.scattering import combined
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

_DENSE = (TracedArray, np.ndarray, float, int)


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix or array."""
    # What a variable has not is an error that names the line, which takes longer than all the rest.
    return not isinstance(value, _DENSE) and hasattr(value, "tocoo") and hasattr(value, "toarray")


def is_matrix(value: Any) -> bool:
    """Whether * is the product of matrices for it, as it is for scipy.sparse.spmatrix."""
    return is_sparse(value) and any(kind.__name__ == "spmatrix" for kind in type(value).__mro__)


def times(write: Writer, a: Any, u: TracedArray) -> Any:
    """A u for a sparse matrix A, and a vector or a matrix u: products of entries, summed into rows."""
    if u.ndim not in (1, 2) or a.shape[1] != u.shape[0]:
        raise ValueError(f"matmul: dimension mismatch with signature (n,k={a.shape[1]}),(k={u.shape},m)->(n,m)")
    entries = a.tocoo()
    right = u if u.ndim == 2 else u[:, None]
    count = right.shape[1]
    products: Any = right[entries.col] * entries.data.astype(float)[:, None]
    where = entries.row[:, None].astype(int) * count + np.arange(count)
    flat = combined(write, np.zeros(a.shape[0] * count), where, products, "sum", own=False)
    result = write.reshape(flat, (a.shape[0], count))
    return result if u.ndim == 2 else write.reshape(result, (a.shape[0],))


def product(write: Writer, first: Any, second: Any) -> Any:
    """first @ second, of which one is sparse."""
    if isinstance(second, TracedArray):
        return times(write, first, second)
    turned: Any = times(write, second.T, first.T if first.ndim == 2 else first)
    return turned.T
