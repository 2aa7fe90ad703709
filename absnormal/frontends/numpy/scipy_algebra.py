"""SciPy's linear algebra, written with NumPy's and the table of `absnormal.frontends.numpy.linear_algebra`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.frontends.meanings.halves import half
from absnormal.frontends.numpy import linear_algebra as algebra
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import writer_of

#: A banded matrix is written with its zeros for so many rows at most.
MOST_ROWS = 2048


def _of_one(name: str) -> Callable[..., Any]:
    """A function of one matrix."""

    def function(A: Any) -> Any:
        if np.ndim(A) != 2:
            writer_of(A, f"scipy.linalg.{name}").refuse("is followed for one matrix", "take one after the other")
        return algebra.made(name, A)

    return function


cosm, sinm, coshm, sinhm = map(_of_one, ("cosm", "sinm", "coshm", "sinhm"))


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """scipy.linalg.solve_triangular."""
    part = np.where(half(np.shape(a), lower, unit_diagonal), a, np.eye(len(a)) if unit_diagonal else 0.0)
    return algebra.solve(part.T if trans in (1, "T") else part, b)


def solve(a: Any, b: Any, lower: bool = False, assume_a: Any = None, transposed: bool = False) -> Any:
    """scipy.linalg.solve; of a matrix that is said to be symmetric one triangle is read."""
    if assume_a in ("sym", "her", "pos", "symmetric", "hermitian", "positive definite"):
        a = _mirrored(a, lower)
    elif assume_a not in (None, "gen", "general"):
        writer_of([a, b], "scipy.linalg.solve").refuse(f"assume_a={assume_a!r} is not supported", "leave it out")
    return algebra.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


def _mirrored(a: Any, lower: bool) -> Any:
    return np.where(half(np.shape(a), lower), a, np.swapaxes(a, -1, -2))


def solve_banded(l_and_u: Any, ab: Any, b: Any) -> Any:
    """scipy.linalg.solve_banded, as a matrix with zeros outside of its bands."""
    size = np.shape(ab)[1]
    if size > MOST_ROWS:
        writer_of([ab, b], "scipy.linalg.solve_banded").refuse(
            f"is a matrix with {size} rows here", f"use at most {MOST_ROWS} rows")
    row, column = np.indices((size, size))
    band = l_and_u[1] + row - column
    inside = (band >= 0) & (band <= sum(l_and_u))
    return algebra.solve(np.where(inside, ab[np.where(inside, band, 0), column], 0.0), b)


def cholesky(a: Any, lower: bool = False) -> Any:
    """scipy.linalg.cholesky, which reads the triangle that it returns."""
    return algebra.cholesky(a, not lower)


def cho_factor(a: Any, lower: bool = False) -> Any:
    """scipy.linalg.cho_factor: the other triangle is that of the matrix."""
    return np.where(half(np.shape(a), lower), cholesky(a, lower), a), lower


def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """scipy.linalg.cho_solve."""
    factor, lower = c_and_lower
    first = solve_triangular(factor, b, 0 if lower else 1, lower)
    return solve_triangular(factor, first, 1 if lower else 0, lower)


def lu(a: Any, permute_l: bool = False) -> Any:
    """scipy.linalg.lu of a square matrix, whose rows are exchanged in the same way near the point."""
    _check_square(a, "scipy.linalg.lu")
    from scipy.linalg import lu as original

    p, lower, upper = original(a.value)[0], algebra.made("lower", a), algebra.made("upper", a)
    return (p @ lower, upper) if permute_l else (p, lower, upper)


def lu_factor(a: Any) -> Any:
    """scipy.linalg.lu_factor of a square matrix."""
    _check_square(a, "scipy.linalg.lu_factor")
    from scipy.linalg import lu_factor as original

    lower = algebra.made("lower", a)
    return lower - np.eye(len(a)) + algebra.made("upper", a), original(a.value)[1]


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0) -> Any:
    """scipy.linalg.lu_solve."""
    factors, exchanged = lu_and_piv
    order = np.arange(len(factors))
    for row, other in enumerate(np.asarray(exchanged)):
        order[[row, other]] = order[[other, row]]
    if trans:
        first = solve_triangular(factors, b, 1)
        return solve_triangular(factors, first, 1, True, True)[np.argsort(order)]
    return solve_triangular(factors, solve_triangular(factors, b[order], 0, True, True))


def _check_square(a: Any, name: str) -> None:
    if np.ndim(a) != 2 or len(a) != np.shape(a)[1]:
        writer_of(a, name).refuse("is followed for one square matrix", "take one after the other")


def qr(a: Any, mode: str = "full") -> Any:
    """scipy.linalg.qr of a matrix with at least as many rows as columns."""
    if mode == "full" and len(a) != np.shape(a)[1]:
        writer_of(a, "scipy.linalg.qr").refuse("has columns that the matrix does not determine", "use mode='economic'")
    if mode not in ("full", "economic", "r"):
        writer_of(a, "scipy.linalg.qr").refuse(f"mode={mode!r} is not supported", "use mode='economic'")
    return (algebra.qr(a, "r"),) if mode == "r" else tuple(algebra.qr(a))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """scipy.linalg.svd."""
    made = algebra.svd(a, full_matrices, compute_uv)
    return tuple(made) if compute_uv else made


def lstsq(a: Any, b: Any, cond: Any = None) -> Any:
    """scipy.linalg.lstsq at full rank."""
    return algebra.lstsq(a, b, cond)


def _whitened(a: Any, b: Any, lower: bool) -> tuple[Any, Any]:
    """The symmetric matrix with the eigenvalues of a y = w b y, and the factor that goes from its vectors to y."""
    inverse = algebra.inv(algebra.cholesky(b, not lower)) if isinstance(b, TracedArray) else np.linalg.inv(
        np.linalg.cholesky(b, upper=not lower))
    factor = inverse if lower else inverse.T
    return factor @ _mirrored(a, lower) @ factor.T, factor.T


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Any:
    """scipy.linalg.eigvalsh."""
    return algebra.eigvalsh(a if b is None else _whitened(a, b, lower)[0], "L" if lower else "U")


def eigh(a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False) -> Any:
    """scipy.linalg.eigh."""
    if eigvals_only:
        return eigvalsh(a, b, lower)
    if b is None:
        return tuple(algebra.eigh(a, "L" if lower else "U", "eigenvectors by SciPy"))
    matrix, back = _whitened(a, b, lower)
    values, vectors = algebra.eigh(matrix, "L" if lower else "U")
    return values, back @ vectors


#: The functions by their names.
SCIPY_ALGEBRA: dict[str, Callable[..., Any]] = {
    "solve": solve, "solve_banded": solve_banded, "inv": algebra.inv, "det": algebra.det, "cholesky": cholesky,
    "pinv": algebra.pinv, "svdvals": algebra.svdvals, "solve_triangular": solve_triangular, "eigvalsh": eigvalsh,
    "eigh": eigh, "cho_factor": cho_factor, "cho_solve": cho_solve, "lu": lu, "lu_factor": lu_factor,
    "lu_solve": lu_solve, "qr": qr, "svd": svd, "lstsq": lstsq, "cosm": cosm, "sinm": sinm, "coshm": coshm,
    "sinhm": sinhm,
    **{name: _of_one(name) for name in ("expm", "sqrtm", "logm")},
    "tanm": lambda A: algebra.solve(cosm(A), sinm(A)), "tanhm": lambda A: algebra.solve(coshm(A), sinhm(A)),
    "norm": lambda a, ord=None, axis=None, keepdims=False: np.linalg.norm(a, ord, axis, keepdims),
}  # fmt: skip
