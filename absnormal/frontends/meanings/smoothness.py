"""Where operations of linear algebra are continuously differentiable, whatever front end computes them.

Each function takes the machine epsilon in which a framework computed, and arrays of matrices in the last two axes.  It
says whether the operation is continuously differentiable at all of them; where rounding may hide that it is not, it
says no.  An operation that is a polynomial, or the exponential of a matrix, is so `everywhere`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.complex_numbers import numbers
from absnormal.ops.opaque import Smooth

#: So many roundings of the largest number, for each row and column, are taken for none.
_ROUNDINGS = 64.0
#: The part of the largest singular value below which the smallest one makes minors inexact.
_LOST = 1e-4
#: The minors of larger matrices are not computed in rationals.
LARGEST = 32


def everywhere(eps: float, *args: Array) -> bool:
    """Polynomials, and the exponential of a matrix."""
    return True


def nowhere(eps: float, *args: Array) -> bool:
    """Vectors that fill up a basis, which are not unique."""
    return False


def well_conditioned(a: Array) -> Array:
    """Which matrices are so far from a singular one that rounding leaves most digits of their minors."""
    if not a.size:
        return np.ones(a.shape[:-2], bool)
    sizes = _singular(a)
    return np.asarray(sizes[..., -1] > _LOST * sizes[..., 0])


def with_minors(eps: float, a: Array) -> bool:
    """The determinant, a polynomial, where its derivative is computed: by minors next to singular matrices."""
    return a.shape[-1] <= LARGEST or bool(well_conditioned(a).all())


def invertible(eps: float, a: Array, *others: Array) -> bool:
    """Inverses, solutions of linear systems, the logarithm and the sign of a determinant: no singular value is 0."""
    return full_rank(eps, a)


def full_rank(eps: float, a: Array, *others: Array) -> bool:
    """Pseudo-inverses and least squares: no singular value is 0, nor is one that counts for 0."""
    if not a.size:
        return True
    sizes = _singular(a)
    return bool((sizes[..., -1] > _room(eps, a) * sizes[..., 0]).all())


def none_is_0(eps: float, a: Array) -> bool:
    """The nuclear norm, the sum of all singular values."""
    return full_rank(eps, a)


def with_diagonal(eps: float, a: Array, *others: Array) -> bool:
    """Solutions of triangular systems: no entry of the diagonal is 0."""
    return bool((np.diagonal(a, axis1=-2, axis2=-1) != 0).all())


def positive_definite(eps: float, a: Array) -> bool:
    """The Cholesky factor of a symmetric matrix."""
    if not a.size:
        return True
    values = np.linalg.eigvalsh(a)
    return bool((values[..., 0] > _room(eps, a) * np.abs(values[..., -1])).all())


def positive(eps: float, a: Array) -> bool:
    """The principal root and logarithm of a matrix: no eigenvalue is 0 or negative."""
    if not a.size:
        return True
    values = np.linalg.eigvals(a)
    room = np.sqrt(_room(eps, a)) * np.abs(values).max(axis=-1, keepdims=True)
    return bool(((values.real > room) | (np.abs(values.imag) > room)).all())


def apart(eps: float, a: Array) -> bool:
    """Eigenvalues and eigenvectors of a symmetric matrix: no two eigenvalues are equal."""
    return _separate(eps, a, np.linalg.eigvalsh(a)) if a.size else True


def singular_apart(eps: float, a: Array) -> bool:
    """Singular values and vectors: no two values are equal, and none is 0."""
    return full_rank(eps, a) and (not a.size or _separate(eps, a, _singular(a)[..., ::-1]))


def reflected(eps: float, a: Array) -> bool:
    """Q and R as LAPACK computes them: their signs are those of the entries that it reflects, none of which is 0.

    A column that is nothing but its first entry is not reflected at all, and those next to it are.
    """
    return all(_reflected(eps, matrix) for matrix in a.reshape(-1, *a.shape[-2:])) if a.size else True


def pivoted(eps: float, a: Array) -> bool:
    """The factors L and U: the rows that are exchanged are the same near the point, as no two pivots tie."""
    return all(_pivoted(eps, matrix) for matrix in a.reshape(-1, *a.shape[-2:])) if a.size else True


def eliminated(eps: float, a: Array) -> bool:
    """The factors L and U without exchanges: no pivot is 0."""
    return all(_eliminated(eps, matrix, False) for matrix in a.reshape(-1, *a.shape[-2:])) if a.size else True


def _room(eps: float, a: Array) -> float:
    return float(_ROUNDINGS * max(eps, float(np.finfo(float).eps)) * (a.shape[-2] + a.shape[-1]))


def _singular(a: Array) -> Array:
    return np.asarray(np.linalg.svd(a, compute_uv=False))


def _separate(eps: float, a: Array, rising: Array) -> bool:
    size = np.abs(rising).max(axis=-1, keepdims=True, initial=0.0)
    return bool((np.diff(rising, axis=-1) > _room(eps, a) * size).all())


def _reflected(eps: float, a: Array) -> bool:
    """Column by column, with the reflections of LAPACK."""
    rest, room = np.array(a, dtype=float), _room(eps, a)
    size = np.abs(rest).max(initial=0.0)
    for column in range(min(rest.shape)):
        x = rest[column:, column]
        below, whole = np.linalg.norm(x[1:]), np.linalg.norm(x)
        if whole <= room * size or (len(x) > 1 and min(abs(x[0]), below) <= room * size):
            return False
        if len(x) > 1:
            v = x.copy()
            v[0] += np.copysign(whole, x[0])
            rest[column:, column:] -= np.outer(v, v @ rest[column:, column:]) * (2 / (v @ v))
    return True


def _pivoted(eps: float, a: Array) -> bool:
    return _eliminated(eps, a, True)


def _eliminated(eps: float, a: Array, exchanging: bool) -> bool:
    rest, room = np.array(a, dtype=float), _room(eps, a)
    size = np.abs(rest).max(initial=0.0)
    for column in range(min(rest.shape)):
        sizes = np.abs(rest[column:, column])
        best = int(np.argmax(sizes)) if exchanging else 0
        others = np.delete(sizes, best)
        if sizes[best] <= room * size or (exchanging and (others >= (1 - room) * sizes[best]).any()):
            return False
        rest[[column, column + best]] = rest[[column + best, column]]
        factors = rest[column + 1 :, column] / rest[column, column]
        rest[column + 1 :, column:] -= np.outer(factors, rest[column, column:])
    return True


@dataclass(frozen=True, kw_only=True)
class OfFramework(Smooth):
    """One result of a kernel of a framework.

    Attributes
    ----------
    name
        what listings call it
    batch
        how many leading axes of all arguments and of the result count copies
    place
        which of the results of the kernel it is
    where
        where it is continuously differentiable, one of the functions above
    eps
        the machine epsilon of what the framework computed
    kept
        what the first argument stays
    paired
        whether arguments are complex numbers, as pairs along a last axis
    """

    name: str
    batch: int
    place: int
    where: Callable[..., bool]
    eps: float
    kept: str = ""
    paired: bool = False
    total: Smooth | None = None
    signs: tuple[str, int] | None = None

    def smooth_at(self, *args: Array) -> bool:
        return self.where(self.eps, *(map(numbers, args) if self.paired else args))

    def reason(self) -> tuple[str, str] | None:
        return REASONS.get(self.where)

    def turned(self, computed: Array, own: Array) -> Array:
        """-1 for vectors that the framework computed with another sign than the kernel in double precision, else 1."""
        return np.asarray(np.sign(self.lines(computed * own)))


#: What is wrong where something is not smooth, and the fix.
REASONS: dict[Callable[..., bool], tuple[str, str]] = {
    nowhere: ("has vectors that belong to no singular value", "use full_matrices=False, or the first columns"),
    none_is_0: (
        "adds up singular values of which some are 0 at this point: there the nuclear norm has a kink that neither |.|"
        " nor a 2-norm expresses.  With A = U S V^T for the values that are not 0, its Clarke gradients are U V^T + W"
        " with U^T W = 0, W V = 0 and no singular value of W above 1",
        "take U V^T for its gradient, which is one of them, or a point of full rank",
    ),
    singular_apart: (
        "has singular values at this point that are equal, or 0: a single one of these, and its vectors, are not"
        " differentiable there",
        "use what needs no order, such as the sum of all of them or of their squares, or move the point off it",
    ),
    apart: (
        "has eigenvalues at this point that are equal: a single one of these, and its vector, are not differentiable"
        " there",
        "use what needs no order, such as the trace, the sum of squares or the determinant, or move the point off it",
    ),
    full_rank: (
        "is not continuous next to this point, where the rank is not full",
        "add a multiple of the identity, as in inv(A^T A + eps I) A^T, or leave out columns that depend on others",
    ),
}
