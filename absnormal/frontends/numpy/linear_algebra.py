"""NumPy's linear algebra: smooth operations whose derivative is a formula, where they are smooth.

A row is the value, the derivative along tangents, and where the operation is continuously differentiable
(`absnormal.frontends.meanings.smoothness`).  Sources: Giles, Collected matrix derivative results for forward and
reverse mode algorithmic differentiation (2008), for all but the factors of QR and Cholesky; for these Walter and
Lehmann (2010) and Murray (2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings import halves, smoothness
from absnormal.frontends.numpy import spectral
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.spectral import turned
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of
from absnormal.ops.opaque import Smooth
from absnormal.rational.adjugate import exact_adjugate

_EPS = float(np.finfo(float).eps)


def _trace(a: Array) -> Array:
    return np.asarray(np.trace(a, axis1=-2, axis2=-1))


def _adjugate(a: Array) -> Array:
    """det(a) times the inverse, of singular matrices, too."""
    if not smoothness.well_conditioned(a).all():
        return np.stack([exact_adjugate(one) for one in a.reshape(-1, *a.shape[-2:])]).reshape(a.shape)
    u, s, v = np.linalg.svd(a)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1.0, s[..., None, :]).prod(axis=-1)
    size = np.linalg.det(u) * np.linalg.det(v)
    return np.asarray(size[..., None, None] * turned(v) @ (others[..., :, None] * turned(u)))


def _cholesky(a: Array, d: Array) -> Array:
    factor = np.linalg.cholesky(a)
    inverse = np.linalg.inv(factor)
    inner = np.tril(inverse @ d @ turned(inverse))
    return np.asarray(factor @ (inner - inner * np.eye(inner.shape[-1]) / 2))


def _pinv(a: Array, d: Array) -> Array:
    p = np.linalg.pinv(a)
    left, right = np.eye(a.shape[-2]) - a @ p, np.eye(a.shape[-1]) - p @ a
    return np.asarray(-p @ d @ p + p @ turned(p) @ turned(d) @ left + right @ turned(d) @ turned(p) @ p)


def _q_and_r(a: Array, d: Array) -> tuple[Array, Array]:
    q, r = np.linalg.qr(a)
    scaled = d @ np.linalg.inv(r)
    inner = turned(q) @ scaled
    skew = np.tril(inner, -1) - turned(np.tril(inner, -1))
    return np.asarray(q @ (skew - inner) + scaled), np.asarray((inner - skew) @ r)


def _of_matrix(name: str) -> Callable[[Array], Any]:
    """A function of a matrix that SciPy has."""

    def function(a: Array) -> Any:
        import scipy.linalg

        return getattr(scipy.linalg, name)(a)

    return function


def _along(name: str) -> Callable[[Array, Array], Array]:
    """Its derivative, the upper right block of the function of [[a, d], [0, a]]."""

    def tangent(a: Array, d: Array) -> Array:
        n, function = len(a), _of_matrix(name)
        return np.stack([function(np.block([[a, one], [np.zeros_like(a), a]]))[:n, n:] for one in d])

    return tangent


def _factors(a: Array) -> tuple[Array, Array, Array]:
    from scipy.linalg import lu

    return lu(a)  # type: ignore[no-any-return]


def _factor_rates(a: Array, d: Array) -> tuple[Array, Array]:
    """The tangents of the factors L and U of a square matrix."""
    p, lower, upper = _factors(a)
    inner = np.linalg.inv(lower) @ turned(p) @ d @ np.linalg.inv(upper)
    return np.asarray(lower @ np.tril(inner, -1)), np.asarray(np.triu(inner) @ upper)


class Row(NamedTuple):
    """An operation on matrices: ``tangent(a, d)`` is the derivative along many tangents."""

    value: Callable[..., Any]
    tangent: Callable[[Array, Array], Array]
    smooth_at: Callable[..., bool]
    kept: str = ""
    total: str = ""
    signs: tuple[str, int] | None = None


def _vectors(name: str, eigh: Callable[[Array], Any]) -> Row:
    """The eigenvectors that a function returns, with its signs."""
    return Row(lambda a: eigh(a)[1], lambda a, d: spectral.eigenvectors(a, d, eigh), smoothness.apart, "symmetric",
               signs=(name, 1))


ROWS = {
    "inv": Row(np.linalg.inv, lambda a, d: -np.linalg.inv(a) @ d @ np.linalg.inv(a), smoothness.invertible),
    "det": Row(np.linalg.det, lambda a, d: _trace(_adjugate(a) @ d), smoothness.with_minors),
    "logabsdet": Row(
        lambda a: np.linalg.slogdet(a)[1], lambda a, d: _trace(np.linalg.inv(a) @ d), smoothness.invertible),
    "cholesky": Row(np.linalg.cholesky, _cholesky, smoothness.positive_definite, "symmetric"),
    "trace": Row(_trace, lambda a, d: _trace(d), smoothness.everywhere, "symmetric"),
    "eigenvalues": Row(np.linalg.eigvalsh, spectral.eigenvalues, smoothness.apart, "symmetric", "trace"),
    "eigenvectors": _vectors("eigh", np.linalg.eigh),
    "eigenvectors by the upper half": _vectors("eigh by the upper half", spectral.by_upper_half),
    "eigenvectors by SciPy": _vectors("scipy eigh", spectral.scipy_eigh(True)),
    "eigenvectors by SciPy and the upper half": _vectors("scipy eigh by the upper half", spectral.scipy_eigh(False)),
    "singular values": Row(lambda a: np.linalg.svd(a, compute_uv=False), spectral.singular_values,
                           smoothness.singular_apart, total="nuclear norm"),
    "nuclear norm": Row(lambda a: np.linalg.svd(a, compute_uv=False).sum(axis=-1),
                        lambda a, d: spectral.singular_values(a, d).sum(axis=-1), smoothness.none_is_0),
    "pinv": Row(np.linalg.pinv, _pinv, smoothness.full_rank),
    "q": Row(lambda a: np.linalg.qr(a)[0], lambda a, d: _q_and_r(a, d)[0], smoothness.reflected),
    "r": Row(lambda a: np.linalg.qr(a)[1], lambda a, d: _q_and_r(a, d)[1], smoothness.reflected),
    "left factor": Row(lambda a: spectral.thin(a)[0], lambda a, d: spectral.turns(a, d)[0], smoothness.singular_apart,
                       signs=("svd", 1)),
    "right factor": Row(lambda a: spectral.thin(a)[2], lambda a, d: spectral.turns(a, d)[1], smoothness.singular_apart,
                        signs=("svd", 2)),
    "rest of the left factor": Row(
        lambda a: np.linalg.svd(a)[0][..., a.shape[-1]:], lambda a, d: np.zeros(0), smoothness.nowhere),
    "rest of the right factor": Row(
        lambda a: np.linalg.svd(a)[2][..., a.shape[-2]:, :], lambda a, d: np.zeros(0), smoothness.nowhere),
    "lower": Row(lambda a: _factors(a)[1], lambda a, d: _factor_rates(a, d)[0], smoothness.pivoted),
    "upper": Row(lambda a: _factors(a)[2], lambda a, d: _factor_rates(a, d)[1], smoothness.pivoted),
    **{name: Row(_of_matrix(name), _along(name), smoothness.everywhere)
       for name in ("expm", "cosm", "sinm", "coshm", "sinhm")},
    **{name: Row(_of_matrix(name), _along(name), smoothness.positive) for name in ("sqrtm", "logm")},
}  # fmt: skip


@dataclass(frozen=True)
class OnMatrices(Smooth):
    """A row, for arrays of matrices in the last two axes."""

    name: str
    batch: int

    def value(self, *args: Array) -> Any:
        return ROWS[self.name].value(*args)

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        (a,) = args
        shape = a.shape[self.batch :]
        count = math.prod(shape)
        units = np.eye(count).reshape(count, *(1,) * self.batch, *shape)
        rates = np.moveaxis(ROWS[self.name].tangent(a, units), 0, -1)
        return rates.reshape(*a.shape[: self.batch], -1, count)

    def smooth_at(self, *args: Array) -> bool:
        return ROWS[self.name].smooth_at(_EPS, *args)

    def reason(self) -> tuple[str, str] | None:
        return smoothness.REASONS.get(ROWS[self.name].smooth_at)

    @property
    def kept(self) -> str:  # type: ignore[override]
        return ROWS[self.name].kept

    @property
    def total(self) -> OnMatrices | None:  # type: ignore[override]
        total = ROWS[self.name].total
        return OnMatrices(total, self.batch) if total else None

    @property
    def signs(self) -> tuple[str, int] | None:  # type: ignore[override]
        return ROWS[self.name].signs


@dataclass(frozen=True)
class Solve(Smooth):
    """x with A x = b, for matrices b."""

    batch: int
    name: str = "solve"

    def value(self, *args: Array) -> Array:
        return np.linalg.solve(*args)

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        """dx = A^-1 (db - dA x)."""
        a, b = args
        inverse, (size, columns) = np.linalg.inv(a), b.shape[-2:]
        if own == 1:
            found = np.einsum("...ij,kl->...ikjl", inverse, np.eye(columns))
        else:
            found = -np.einsum("...ij,...lk->...ikjl", inverse, np.linalg.solve(a, b))
        return np.asarray(found.reshape(*a.shape[:-2], size * columns, size * (columns if own else size)))

    def smooth_at(self, *args: Array) -> bool:
        return smoothness.invertible(_EPS, args[0])


def made(name: str, a: Any) -> TracedArray:
    """A node of a row of the table."""
    write = writer_of(a, f"np.linalg.{name}")
    u = _matrices(write, a)
    return write.op("opaque", u, function=OnMatrices(name, u.ndim - 2))


def _matrices(write: Writer, a: Any) -> TracedArray:
    u = write.array(a)
    if u.ndim < 2:
        raise np.linalg.LinAlgError(f"{u.ndim}-dimensional array given. Array must be at least two-dimensional")
    return u


def _of(name: str) -> Callable[[Any], Any]:
    return lambda a: made(name, a)


inv, det, pinv, svdvals = map(_of, ("inv", "det", "pinv", "singular values"))


def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve; with a constant matrix it is a product with its inverse, which is linear."""
    vector = np.ndim(b) == 1
    right = b[:, None] if vector else b
    if not isinstance(a, TracedArray):
        if not smoothness.invertible(_EPS, np.asarray(a, float)):
            raise np.linalg.LinAlgError("Singular matrix")
        result: Any = np.matmul(np.linalg.inv(a), right)
    else:
        write = writer_of([a, b], "np.linalg.solve")
        lead = np.broadcast_shapes(a.shape[:-2], np.shape(right)[:-2])
        full = [broadcast_to(_matrices(write, u), lead + np.shape(u)[-2:]) for u in (a, right)]
        result = write.op("opaque", *full, function=Solve(len(lead)))
    return result[..., 0] if vector else result


def slogdet(a: Any) -> Any:
    """np.linalg.slogdet: the sign is constant near a matrix that can be inverted."""
    write = writer_of(a, "np.linalg.slogdet")
    sign = write.constant_piece("sign", det(a))
    return type(np.linalg.slogdet(np.eye(1)))(sign, made("logabsdet", a))


def _mirrored(a: Any, name: str, lower: bool) -> Any:
    """The symmetric matrix of which one half is read."""
    write = writer_of(a, f"np.linalg.{name}")
    return halves.mirrored(write, _matrices(write, a), lower)


def cholesky(a: Any, upper: bool = False) -> Any:
    """np.linalg.cholesky, which reads the lower triangle, or the upper one."""
    factor = made("cholesky", _mirrored(a, "cholesky", not upper))
    return np.swapaxes(factor, -1, -2) if upper else factor


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh."""
    return made("eigenvalues", _mirrored(a, "eigvalsh", UPLO.upper() == "L"))


def eigh(a: Any, UPLO: str = "L", vectors: str = "eigenvectors") -> Any:
    """np.linalg.eigh; ``vectors`` says whose algorithm chooses the signs of eigenvectors, for the lower half."""
    lower = UPLO.upper() == "L"
    u = _mirrored(a, "eigh", lower)
    result: Any = type(np.linalg.eigh(np.eye(1)))
    by_upper = {"eigenvectors": "eigenvectors by the upper half"}.get(vectors, f"{vectors} and the upper half")
    return result(made("eigenvalues", u), made(vectors if lower else by_upper, u))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """np.linalg.svd: the values, and the vectors that belong to them."""
    write = writer_of(a, "np.linalg.svd")
    if hermitian:
        write.refuse("is not followed for hermitian=True", "leave it out, or use np.linalg.eigh")
    if not compute_uv:
        return svdvals(a)
    left: Any = made("left factor", a)
    right: Any = made("right factor", a)
    rows, columns = np.shape(a)[-2:]
    if full_matrices and rows != columns:
        rest: Any = made("rest of the left factor" if rows > columns else "rest of the right factor", a)
        # No tool has a derivative of it.
        rest = rest.value if write.builder.as_tool else rest
        if rows > columns:
            left = np.concatenate([left, rest], axis=-1)
        else:
            right = np.concatenate([right, rest], axis=-2)
    result: Any = type(np.linalg.svd(np.eye(1)))
    return result(left, svdvals(a), right)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """np.linalg.lstsq at full rank: the solution, the sum of squares, the rank, the singular values."""
    write = writer_of([a, b], "np.linalg.lstsq")
    rows, columns = np.shape(a)
    if not isinstance(a, TracedArray):
        inverse, values = np.linalg.pinv(a), np.linalg.svd(a, compute_uv=False)
    else:
        inverse, values = pinv(a), svdvals(a)
    sizes = np.linalg.svd(np.asarray(a.value if isinstance(a, TracedArray) else a, float), compute_uv=False)
    if not sizes.size or sizes[-1] <= (_EPS * max(rows, columns) if rcond is None else rcond) * sizes[0]:
        write.refuse("the matrix has no full rank", "leave out columns that depend on others")
    x: Any = np.matmul(inverse, b)
    rest = np.atleast_2d((b - np.matmul(a, x)).T)
    residuals: Any = np.sum(rest * rest, axis=1) if rows > columns else np.zeros(0)
    return x, residuals, min(rows, columns), values


def qr(a: Any, mode: str = "reduced") -> Any:
    """np.linalg.qr of a matrix with at least as many rows as columns."""
    write = writer_of(a, "np.linalg.qr")
    if mode not in ("reduced", "r") or a.shape[-2] < a.shape[-1]:
        write.refuse("is followed for the reduced factors of a tall matrix", "use mode='reduced'")
    r = made("r", a)
    result: Any = type(np.linalg.qr(np.eye(1)))
    return r if mode == "r" else result(made("q", a), r)


def matrix_power(a: Any, n: int) -> Any:
    """np.linalg.matrix_power."""
    if n < 0:
        return matrix_power(inv(a), -n)
    result: Any = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    while n:
        result = np.matmul(result, a) if n & 1 else result
        a, n = (np.matmul(a, a), n >> 1) if n > 1 else (a, 0)
    return result


def multi_dot(arrays: Sequence[Any]) -> Any:
    """np.linalg.multi_dot, from left to right."""
    result = arrays[0]
    for item in arrays[1:]:
        result = np.matmul(result, item)
    return result


def cond(x: Any, p: Any = None) -> Any:
    """np.linalg.cond."""
    if p in (None, 2, -2):
        values = svdvals(x)
        ratio = values[..., 0] / values[..., -1]
        return 1 / ratio if p == -2 else ratio
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inv(x), p, (-2, -1))


#: NumPy's functions, with what they are of variables.
ALGEBRA: dict[Any, Callable[..., Any]] = {
    np.linalg.inv: inv, np.linalg.solve: solve, np.linalg.det: det, np.linalg.slogdet: slogdet,
    np.linalg.cholesky: cholesky, np.linalg.eigvalsh: eigvalsh, np.linalg.eigh: eigh, np.linalg.svd: svd,
    np.linalg.svdvals: svdvals, np.linalg.pinv: pinv, np.linalg.lstsq: lstsq, np.linalg.qr: qr,
    np.linalg.matrix_power: matrix_power, np.linalg.multi_dot: multi_dot, np.linalg.cond: cond,
}  # fmt: skip
