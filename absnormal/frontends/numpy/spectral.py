"""Eigenvalues, singular values, and their vectors: derivatives along many tangents, as rows of a table have them.

Signs of vectors are those that the function chooses which computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array


def turned(a: Array) -> Array:
    """Matrices turned over."""
    return np.swapaxes(a, -1, -2)


def eigenvalues(a: Array, d: Array) -> Array:
    v = np.linalg.eigh(a)[1]
    return np.asarray(np.einsum("...ki,...kl,...li->...i", v, d, v))


def eigenvectors(a: Array, d: Array, eigh: Callable[[Array], Any] = np.linalg.eigh) -> Array:
    w, v = eigh(a)
    gaps = w[..., None, :] - w[..., :, None]
    rates = np.where(np.eye(w.shape[-1], dtype=bool), 0.0, 1 / np.where(gaps == 0, 1, gaps))
    return np.asarray(v @ (rates * (turned(v) @ d @ v)))


def by_upper_half(a: Array) -> Any:
    return np.linalg.eigh(a, "U")


def scipy_eigh(lower: bool) -> Callable[[Array], Any]:
    """SciPy's eigh, of one matrix after the other."""

    def eigh(a: Array) -> Any:
        import scipy.linalg

        pairs = [scipy.linalg.eigh(one, lower=lower) for one in a.reshape(-1, *a.shape[-2:])]
        values, vectors = (np.reshape([pair[k] for pair in pairs], (*a.shape[:-2], -1)) for k in (0, 1))
        return values, vectors.reshape(a.shape)

    return eigh


def singular_values(a: Array, d: Array) -> Array:
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return np.asarray(np.einsum("...ki,...kl,...il->...i", u, d, v))


def thin(a: Array) -> tuple[Array, Array, Array]:
    return np.linalg.svd(a, full_matrices=False)


def turns(a: Array, d: Array) -> tuple[Array, Array]:
    """The tangents of the left and right singular vectors, as np.linalg.svd returns them."""
    u, s, vt = thin(a)
    v, inner = turned(vt), turned(u) @ d @ turned(vt)
    gaps = s[..., None, :] ** 2 - s[..., :, None] ** 2
    rates = np.where(np.eye(s.shape[-1], dtype=bool), 0.0, 1 / np.where(gaps == 0, 1, gaps))
    row, column = s[..., None, :], s[..., :, None]
    of_u = u @ (rates * (inner * row + column * turned(inner))) + (d @ v - u @ inner) / row
    of_v = v @ (rates * (column * inner + turned(inner) * row)) + (turned(d) @ u - v @ turned(inner)) / row
    return np.asarray(of_u), np.asarray(turned(of_v))
