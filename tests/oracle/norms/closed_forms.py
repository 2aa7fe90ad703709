"""Sets that are known in closed form: sums of ellipsoids J + sum_j Y_j r_j^T (ball)."""

from __future__ import annotations

import numpy as np

from .form import NormForm
from .hull import Array


def is_convex_sum(form: NormForm) -> bool:
    """A linear function and norms of linear maps with weights >= 0."""
    return not form.coupled and all(w >= 0 for w in form.Y)


def is_apart(form: NormForm) -> bool:
    """Norms of linear maps with independent row spaces, and any weights."""
    return not form.coupled and form.spaces_independent


def support(form: NormForm, v: Array) -> float:
    """The support function of the sum of ellipsoids: dC f(x) itself for a convex sum, and where rows are apart."""
    a = form.arrays
    lengths = [float(np.linalg.norm(R @ v)) for R in a.R]
    return float(a.J @ v + np.abs(a.Y) @ np.array(lengths))


def least_slopes(form: NormForm, g: Array) -> float:
    """Where row spaces are independent: the largest length of the shortest s_j with g = J + sum_j Y_j r_j^T s_j.

    g is a Clarke gradient where it is at most 1.  Infinite where there are no such s_j.
    """
    a = form.arrays
    parts = [w * R.T for w, R in zip(a.Y, a.R, strict=True) if w and R.any()]
    rest = g - a.J
    if not parts:
        return 0.0 if np.allclose(rest, 0, atol=1e-9) else np.inf
    bases = [_basis(part) for part in parts]
    coordinates, *_ = np.linalg.lstsq(np.hstack(bases), rest, rcond=None)
    if not np.allclose(np.hstack(bases) @ coordinates, rest, atol=1e-9):
        return np.inf
    ends = np.cumsum([basis.shape[1] for basis in bases])
    own = np.split(coordinates, ends[:-1])
    shortest = (np.linalg.pinv(part) @ basis @ c for part, basis, c in zip(parts, bases, own, strict=True))
    return max(float(np.linalg.norm(s)) for s in shortest)


def _basis(part: Array) -> Array:
    """An orthonormal basis of the range."""
    u, s, _ = np.linalg.svd(part, full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * s[0]])
