"""Rules for linear algebra: opaque operations on matrices in the last two axes.

Where each of them is smooth is written in `absnormal.frontends.meanings.smoothness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from absnormal.frontends.meanings import halves, smoothness
from absnormal.frontends.numpy.linear_algebra import OnMatrices
from absnormal.frontends.torch.opaque import Slot, Where, opaque
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered

_FIRST, _SECOND = Slot(0), Slot(1)


def single(where: Where, count: int = 1, paired: bool = False) -> Rule:
    """An operation on one matrix, of complex numbers where ``paired``; the first ``count`` of its results."""
    def rule(w: Writer, a: Arg, /) -> list[int]:
        batch = len(a.shape) - 2
        return [opaque(w, [a.node], [_FIRST], where, place, batch, paired=paired) for place in range(count)]

    return rule


def _det(w: Writer, a: Arg, /) -> list[Any]:
    """A polynomial, which is smooth at singular matrices, too; the factors are not.

    Where the determinant is 0 torch returns 0 for its derivative, which is the adjugate matrix.
    """
    if not w.returned[0].all():
        at = "" if w.source is None else f" at {w.source}"
        w.others.append(f"torch.linalg.det{at}, whose derivative torch takes for 0 at a singular matrix")
    return [w.op("opaque", a.node, function=OnMatrices("det", len(a.shape) - 2)), None, None]


def _cholesky(w: Writer, a: Arg, /, upper: bool = False) -> list[int]:
    u = halves.mirrored(w, a.node, not upper)
    factor = opaque(w, [u], [_FIRST], smoothness.positive_definite, 0, len(a.shape) - 2, kept="symmetric", upper=upper)
    # What is 0 in every factor is seen to be constant.
    return [w.where(halves.half(a.shape, not upper), factor, w.constant(0.0))]


def _one_cholesky(w: Writer, a: Arg, /, upper: bool = False) -> int:
    u = halves.mirrored(w, a.node, not upper)
    return opaque(w, [u], [_FIRST, upper], smoothness.positive_definite, 0, len(a.shape) - 2, kept="symmetric")


def _eigh(w: Writer, a: Arg, /, UPLO: str = "L", compute_v: bool = True) -> list[int]:
    u = halves.mirrored(w, a.node, UPLO.upper() == "L")
    args, batch = [_FIRST, UPLO, compute_v], len(a.shape) - 2
    values = opaque(w, [u], args, smoothness.apart, 0, batch, kept="symmetric", total=OnMatrices("trace", batch))
    if not compute_v:
        return [values]
    return [values, opaque(w, [u], args, smoothness.apart, 1, batch, kept="symmetric", signs=("eigh", 1))]


def _svd(w: Writer, a: Arg, /, full_matrices: bool = False, compute_uv: bool = True) -> list[Any]:
    args, batch, (rows, columns) = [_FIRST, False, compute_uv], len(a.shape) - 2, a.shape[-2:]
    sizes = opaque(w, [a.node], args, smoothness.singular_apart, 1, batch, total=OnMatrices("nuclear norm", batch))
    # The vectors that fill up the larger side are not unique.
    known = (not full_matrices or rows <= columns, not full_matrices or columns <= rows)
    left, right = (
        opaque(w, [a.node], args, smoothness.singular_apart, place, batch, signs=("svd", axis))
        if compute_uv and side else None
        for place, axis, side in zip((0, 2), (1, 2), known, strict=True)
    )
    return [left, sizes, right]


def _qr(w: Writer, a: Arg, /, mode: str = "reduced") -> list[Any]:
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        w.refuse("fills Q up with vectors that are not unique", "use mode='reduced'")
    places = (0, 1) if mode != "r" else (1,)
    found: list[Any] = [None, None]
    for place in places:
        found[place] = opaque(w, [a.node], [_FIRST, mode], smoothness.reflected, place, len(a.shape) - 2)
    return found


def _pinv(
    w: Writer, a: Arg, /, rcond: float | None = None, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> int:
    given = [bound.array if isinstance(bound, Arg) else bound for bound in (rcond, atol, rtol)]
    first, low, high = (0.0 if bound is None else float(np.max(bound, initial=0.0)) for bound in given)
    _refuse_small(w, a, low, max(first, high))
    u = halves.mirrored(w, a.node) if hermitian else a.node
    return _inverse(w, u)


def _refuse_small(w: Writer, a: Arg, low: float, share: float) -> None:
    """Singular values up to a bound, or a share of the largest one, count for 0."""
    sizes = np.linalg.svd(w.here(a.node), compute_uv=False)
    if sizes.size and (sizes <= 2 * np.maximum(low, share * sizes[..., :1])).any():
        w.refuse("takes singular values for 0", "take away the bound, or use a matrix of full rank")
    if a.varied and sizes.size and (low or share):
        # They count at other points, too, or the program is another one there.
        batch = len(a.shape) - 2
        found = opaque(w, [a.node], [_FIRST], smoothness.everywhere, 0, batch, "aten::linalg_svdvals.default")
        w.guard(found, w.constant(low), ">")
        w.guard(found, w.scaled(w.index(found, (..., slice(0, 1))), share), ">")


def _inverse(w: Writer, u: int) -> int:
    """The pseudo-inverse of matrices of full rank."""
    batch = len(w.shape(u)) - 2
    return opaque(w, [u], [_FIRST], smoothness.full_rank, 0, batch, "aten::linalg_pinv.atol_rtol_float")


# -- systems ----------------------------------------------------------------------------------------------------------


def together(w: Writer, a: int, b: int) -> tuple[int, int, int]:
    """Two arrays of matrices with the same leading axes, and how many these are."""
    first, second = w.shape(a), w.shape(b)
    lead = np.broadcast_shapes(first[:-2], second[:-2])
    return w.broadcast(a, (*lead, *first[-2:])), w.broadcast(b, (*lead, *second[-2:])), len(lead)


def as_columns(w: Writer, node: int, a: Arg, b: Arg) -> int:
    """The node of right-hand sides b of systems with the matrices a, which may be one vector for each of them."""
    vector = len(b.shape) == 1 or (len(a.shape) - 1 == len(b.shape) and b.shape == a.shape[:-1])
    return w.reshape(node, (*b.shape, 1, *w.shape(node)[len(b.shape) :])) if vector else node


def _solve(w: Writer, a: Arg, b: Arg, /, left: bool = True) -> list[int]:
    out = tuple(w.record.outs[0].shape)
    u = as_columns(w, b.node, a, b)
    first, second, batch = together(w, a.node, u)
    found = opaque(w, [first, second], [_FIRST, _SECOND], smoothness.invertible, 0, batch, left=left)
    return [w.reshape(found, out)]


def _solve_triangular(w: Writer, a: Arg, b: Arg, /, upper: bool, left: bool = True, unitriangular: bool = False) -> int:
    first, second, batch = together(w, a.node, b.node)
    where = smoothness.everywhere if unitriangular else smoothness.with_diagonal
    return opaque(w, [first, second], [_FIRST, _SECOND], where, 0, batch, upper=upper, left=left,
                  unitriangular=unitriangular)


def _triangular_solve(
    w: Writer, b: Arg, a: Arg, /, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> list[Any]:
    first, second, batch = together(w, a.node, b.node)
    where = smoothness.everywhere if unitriangular else smoothness.with_diagonal
    found = opaque(w, [first, second], [_SECOND, _FIRST, upper, transpose, unitriangular], where, 0, batch)
    return [found, a.node]


def _cholesky_solve(w: Writer, b: Arg, a: Arg, /, upper: bool = False) -> int:
    first, second, batch = together(w, _triangle(w, a, upper), b.node)
    return opaque(w, [first, second], [_SECOND, _FIRST, upper], smoothness.with_diagonal, 0, batch,
                  kept="upper" if upper else "lower")


def _cholesky_inverse(w: Writer, a: Arg, /, upper: bool = False) -> int:
    return opaque(w, [_triangle(w, a, upper)], [_FIRST, upper], smoothness.with_diagonal, 0, len(a.shape) - 2,
                  kept="upper" if upper else "lower")


def _triangle(w: Writer, a: Arg, upper: bool) -> int:
    """The half of a factor that a kernel reads; its derivative takes the other half for 0."""
    return w.where(halves.half(a.shape, not upper), a.node, w.constant(0.0))


def _least_squares(w: Writer, a: Arg, b: Arg, /, rcond: float | None = None) -> list[Any]:
    """The solution of least squares, or of least norm, by the pseudo-inverse of a matrix of full rank."""
    _refuse_small(w, a, 0.0, rcond or 0.0)
    u = as_columns(w, b.node, a, b)
    found = w.matmul(_inverse(w, a.node), u)
    shape = tuple(w.record.outs[0].shape)
    residuals = w.constant(np.zeros(tuple(w.record.outs[1].shape)))
    if a.shape[-2] > a.shape[-1] and w.record.outs[1].numel():
        apart = w.sub(w.matmul(a.node, found), u)
        residuals = w.reshape(w.sum(w.op("square", apart), [len(w.shape(apart)) - 2]), tuple(w.record.outs[1].shape))
    return [w.reshape(found, shape), residuals]


# -- factors ----------------------------------------------------------------------------------------------------------


def _lu_factor(w: Writer, a: Arg, /, pivot: bool = True) -> list[Any]:
    where = smoothness.pivoted if pivot else smoothness.eliminated
    return [opaque(w, [a.node], [_FIRST], where, 0, len(a.shape) - 2, pivot=pivot)]


def _lu(w: Writer, a: Arg, /, pivot: bool = True) -> list[Any]:
    where = smoothness.pivoted if pivot else smoothness.eliminated
    return [None, *(opaque(w, [a.node], [_FIRST], where, place, len(a.shape) - 2, pivot=pivot) for place in (1, 2))]


def _lu_unpack(w: Writer, a: Arg, _pivots: Arg, /) -> list[Any]:
    """The factors below and above the diagonal."""
    rows, columns = a.shape[-2:]
    inner, numbers = min(rows, columns), numbered(a.shape)
    low, high = (w.gather(a.node, part) for part in (numbers[..., :inner], numbers[..., :inner, :]))
    below = np.broadcast_to(np.tri(rows, inner, -1, bool), w.shape(low))
    above = np.broadcast_to(~np.tri(inner, columns, -1, dtype=bool), w.shape(high))
    one = np.broadcast_to(np.eye(rows, inner), w.shape(low))
    return [None, w.where(below, low, w.constant(one)), w.where(above, high, w.constant(0.0))]


def _lu_solve(w: Writer, lu: Arg, pivots: Arg, b: Arg, /, left: bool = True, adjoint: bool = False) -> int:
    """Rows are exchanged as they were, then two triangular systems are solved."""
    lead = np.broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    exchanged = torch.lu_unpack(lu.here, pivots.here, unpack_data=False)[0].to(torch.float64).numpy()
    order = w.broadcast(w.constant(exchanged), (*lead, *exchanged.shape[-2:]))
    low, high = _lu_unpack(w, lu, pivots)[1:]
    whole = w.matmul(w.matmul(order, low), high)
    if adjoint:
        whole = w.swap(whole, len(w.shape(whole)) - 2, len(w.shape(whole)) - 1)
    first, second, batch = together(w, whole, b.node)
    return opaque(w, [first, second], [_FIRST, _SECOND], smoothness.invertible, 0, batch,
                  "aten::_linalg_solve_ex.default", left=left)


def _householder(w: Writer, a: Arg, tau: Arg, /) -> int:
    return opaque(w, [a.node, tau.node], [_FIRST, _SECOND], smoothness.everywhere, 0, len(a.shape) - 2)


def _ormqr(w: Writer, a: Arg, tau: Arg, b: Arg, /, left: bool = True, transpose: bool = False) -> int:
    nodes = [a.node, tau.node, b.node]
    return opaque(w, nodes, [_FIRST, _SECOND, Slot(2), left, transpose], smoothness.everywhere, 0, len(a.shape) - 2)


def _cross(w: Writer, a: Arg, b: Arg, /, dim: int = -1) -> int:
    shape = tuple(np.broadcast_shapes(a.shape, b.shape))
    numbers, axis = numbered(shape), dim % len(shape)
    u, v = (w.broadcast(side.node, shape) for side in (a, b))

    def product(first: int, second: int) -> int:
        rolled: Sequence[Any] = (np.roll(numbers, -first, axis), np.roll(numbers, -second, axis))
        return w.mul(w.gather(u, rolled[0]), w.gather(v, rolled[1]))

    return w.sub(product(1, 2), product(2, 1))


RULES: dict[str, Rule] = {
    "linalg_inv_ex": single(smoothness.invertible), "_linalg_det": _det,
    "_linalg_slogdet": single(smoothness.invertible, 2), "linalg_matrix_exp": single(smoothness.everywhere),
    "linalg_cholesky_ex": _cholesky, "cholesky": _one_cholesky, "_linalg_eigh": _eigh, "_linalg_svd": _svd,
    "linalg_qr": _qr, "linalg_pinv": _pinv, "_linalg_solve_ex": _solve, "linalg_solve_triangular": _solve_triangular,
    "triangular_solve": _triangular_solve, "cholesky_solve": _cholesky_solve, "cholesky_inverse": _cholesky_inverse,
    "linalg_lstsq": _least_squares, "linalg_lu_factor_ex": _lu_factor, "linalg_lu": _lu, "lu_unpack": _lu_unpack,
    "linalg_lu_solve": _lu_solve, "linalg_householder_product": _householder, "ormqr": _ormqr, "linalg_cross": _cross,
}  # fmt: skip
