"""Rules for linear algebra: opaque operations on matrices in the last two axes.

Where each of them is smooth is written in `absnormal.frontends.meanings.smoothness`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.jax.complex_numbers import paired, part
from absnormal.frontends.jax.jumps import Jump
from absnormal.frontends.jax.opaque import Factor, opaque
from absnormal.frontends.jax.run import Call, Run, Seen
from absnormal.frontends.meanings import complex_numbers as meaning
from absnormal.frontends.meanings import halves, smoothness
from absnormal.frontends.numpy.linear_algebra import OnMatrices, Solve
from absnormal.frontends.writing import Writer
from absnormal.program.slicing import hold

#: A linear system of more unknowns is not written out.
_MOST = 2000


def _open(call: Call, what: str, fix: str) -> Jump:
    """A result that is not unique: nothing that f returns may need it."""
    return Jump(call.write.operation, call.write.source, f"returns {what}, and f uses them", fix)


def all_of_them(call: Call, what: str, count: int, subset: Any, in_order: bool = True) -> None:
    """Refuse a decomposition that leaves some values out."""
    if not in_order or subset not in (None, (0, count)):
        call.write.refuse(f"leaves {what} out, or out of order", "take all of them, in order")


def cholesky(call: Call, a: Any) -> Any:
    """The factor of a symmetric matrix, of which the lower half is read; the primitive leaves anything above it."""
    u = halves.mirrored(call.write, a)
    return opaque(call, [u], smoothness.positive_definite, 0, np.ndim(a) - 2, kept="symmetric", kind=Factor)


def eigh(call: Call, a: Any, *, lower: bool, sort_eigenvalues: bool, subset_by_index: Any, algorithm: Any) -> list[Any]:
    """Eigenvectors, and eigenvalues."""
    all_of_them(call, "eigenvalues", np.shape(a)[-1], subset_by_index, sort_eigenvalues)
    params = {"lower": lower, "sort_eigenvalues": True, "subset_by_index": subset_by_index, "algorithm": algorithm}
    u, batch = halves.mirrored(call.write, a, lower), np.ndim(a) - 2
    vectors = opaque(call, [u], smoothness.apart, 0, batch, kept="symmetric", signs=("eigh", 1), **params)
    values = opaque(call, [u], smoothness.apart, 1, batch, kept="symmetric", total=OnMatrices("trace", batch), **params)
    return [vectors, values]


def svd(
    call: Call, a: Any, *, full_matrices: bool, compute_uv: bool, subset_by_index: Any, algorithm: Any
) -> list[Any]:
    """Singular values, and vectors."""
    all_of_them(call, "singular values", min(np.shape(a)[-2:]), subset_by_index)
    batch, (rows, columns) = np.ndim(a) - 2, np.shape(a)[-2:]
    params = {"subset_by_index": subset_by_index, "algorithm": algorithm, "compute_uv": compute_uv}
    free = full_matrices and rows != columns
    # JAX differentiates the vectors of the smaller side alone; the values are those of the reduced form.
    sizes = opaque(call, [a], smoothness.singular_apart, 0, batch, total=OnMatrices("nuclear norm", batch),
                   full_matrices=full_matrices and not free, **params)
    if not compute_uv:
        return [sizes]
    if free:
        said = _open(call, "vectors that fill up the larger side and are not unique", "use full_matrices=False")
        return [sizes, said, said]
    return [sizes, *(opaque(call, [a], smoothness.singular_apart, place, batch, signs=("svd", place),
                            full_matrices=full_matrices, **params) for place in (1, 2))]


def qr(call: Call, a: Any, *, full_matrices: bool, pivoting: bool, use_magma: Any) -> list[Any]:
    """Q and R, without exchanges of columns."""
    rows, columns = np.shape(a)[-2:]
    if pivoting:
        call.write.refuse("exchanges columns, which jumps", "use pivoting=False")
    if rows < columns or (full_matrices and rows != columns):
        call.write.refuse("is not differentiated by JAX where Q is not unique", "use mode='reduced' on a tall matrix")
    params = {"full_matrices": False, "pivoting": False, "use_magma": use_magma}
    return [opaque(call, [a], smoothness.reflected, place, np.ndim(a) - 2, signs=("qr", place + 1), **params)
            for place in range(2)]


def lu(call: Call, a: Any) -> list[Any]:
    """Both factors in one matrix; the exchanges of rows are constant near the point."""
    factors = opaque(call, [a], smoothness.pivoted, 0, np.ndim(a) - 2)
    # At other points rows may be exchanged in another way.
    hold(call.write.builder, factors.index, call.write.source, call.write.operation)
    return [factors, None, None]


def triangular_solve(
    call: Call, a: Any, b: Any, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
    unit_diagonal: bool,
) -> Any:
    """The solution of triangular systems."""
    where = smoothness.everywhere if unit_diagonal else smoothness.with_diagonal
    return opaque(
        call, [a, b], where, 0, np.ndim(a) - 2, left_side=left_side, lower=lower, transpose_a=transpose_a,
        conjugate_a=conjugate_a, unit_diagonal=unit_diagonal)


def tridiagonal_solve(
    call: Call, below: Any, diagonal: Any, above: Any, b: Any, *, perturb_singular: bool = False
) -> Any:
    """The solution of tridiagonal systems, as one of full matrices."""
    if perturb_singular:
        call.write.refuse("changes a matrix that is nearly singular", "use perturb_singular=False")
    size = np.shape(diagonal)[-1]
    rows = np.arange(size)
    full: Any = 0.0
    for band, offset in ((below, -1), (diagonal, 0), (above, 1)):
        inside = (rows + offset >= 0) & (rows + offset < size)
        spread = np.eye(size, k=offset) * inside[:, None]
        full = full + np.expand_dims(band, -1) * spread
    return call.write.op("opaque", full, b, function=Solve(np.ndim(diagonal) - 1), given=call.outs[0])


def linear_solve(run: Run, eqn: Any, inputs: list[Seen], *, const_lengths: Any, jaxprs: Any) -> list[Seen]:
    """lax.custom_linear_solve, by the matrix of its linear map: its own rule differentiates the solution of that."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    count = const_lengths.matvec
    consts, right = inputs[:count], inputs[sum(const_lengths) :]
    shapes = [np.shape(seen.value) for seen in right]
    sizes = [math.prod(shape) for shape in shapes]
    total, dtype = sum(sizes), right[0].value.dtype
    assert run.builder.user is not None
    write = Writer(run.builder, *run.builder.user)
    if total > _MOST:
        write.refuse(f"solves a linear system of {total} unknowns", f"solve systems of at most {_MOST}")

    def columns(*held: Any) -> Any:
        def applied(unit: Any) -> Any:
            parts = jnp.split(unit, np.cumsum(sizes)[:-1].tolist())
            given = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            made = jax.core.eval_jaxpr(jaxprs.matvec.jaxpr, jaxprs.matvec.consts, *held, *given)
            return jnp.concatenate([part.reshape(-1) for part in made])

        return jax.vmap(applied)(jnp.eye(total, dtype=dtype)).T

    values = [seen.value for seen in inputs]
    solution = list(eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params)))
    (matrix,) = run.closed(jax.make_jaxpr(columns)(*(seen.value for seen in consts)), consts)
    start, ends = len(run.builder.nodes), np.cumsum(sizes)

    def side(name: str) -> Any:
        return np.concatenate([np.reshape(write.array(run.operand(part(seen, name))), -1) for seen in right])

    def apart(entries: Any) -> list[Any]:
        return [np.reshape(entries[end - size : end], shape)
                for end, size, shape in zip(ends, sizes, shapes, strict=True)]

    if np.issubdtype(dtype, np.complexfloating):
        # As the real system of twice as many unknowns.
        block = meaning.block_matrix(write, (run.operand(part(matrix, "real")), run.operand(part(matrix, "imag"))))
        both: Any = np.reshape(np.concatenate([side("real"), side("imag")]), (-1, 1))
        halves_of: Any = np.reshape(write.op("opaque", block, both, function=Solve(0)), (2, -1))
        return [paired(value, run.seen(value.real, real, start), run.seen(value.imag, imag, start))
                for value, real, imag in zip(solution, apart(halves_of[0]), apart(halves_of[1]), strict=True)]
    found = write.op("opaque", run.operand(matrix), np.reshape(side("real"), (-1, 1)), function=Solve(0))
    parts = apart(np.reshape(found, -1))
    return [run.seen(value, one, start) for value, one in zip(solution, parts, strict=True)]


ALGEBRA: dict[str, Callable[..., Any]] = {
    "cholesky": cholesky,
    "eigh": eigh,
    "svd": svd,
    "qr": qr,
    "lu": lu,
    "triangular_solve": triangular_solve,
    "tridiagonal_solve": tridiagonal_solve,
}
