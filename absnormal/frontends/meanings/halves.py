"""Kernels that read one half of a matrix.

A factorization by Cholesky, or eigenvalues of a symmetric matrix, is computed from the half below or above the
diagonal.  So what a kernel computes is a function of that half: it factors the symmetric matrix that has it
(`mirrored`).  Its derivative formula is one for symmetric matrices, and so are the directions in which the opaque node
may move (`absnormal.ops.opaque.Smooth.within`).

Tools give back the derivative by the symmetric part, or some other one that is right for symmetric directions.  Where
the matrix is symmetric whatever the variables are, (A + A.T) / 2 or A A.T, all of them lead to the same gradient.
Where the entries of the matrix are themselves the variables this is no gradient of the function that was computed.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.terms import Shape, Terms

N = TypeVar("N")


def half(shape: Shape, lower: bool = True, strict: bool = False) -> Array:
    """Which entries lie in the lower half of the last two axes, or in the upper one; ``strict``: off the diagonal."""
    below = np.tril(np.ones(shape[-2:], bool), -int(strict))
    return np.broadcast_to(below if lower else below.T, shape)


def mirrored(t: Terms[N], u: N, lower: bool = True) -> N:
    """The symmetric matrices of which a kernel reads the lower half, or the upper one, of the last two axes."""
    shape = t.shape(u)
    return t.where(half(shape, lower), u, t.swap(u, len(shape) - 2, len(shape) - 1))


def hermitian(t: Terms[N], real: Any, imaginary: Any, lower: bool = True) -> tuple[N, N]:
    """The same for complex matrices, which are Hermitian: the imaginary part changes its sign, and is 0 within."""
    shape = t.shape(real)
    other = t.where(half(shape, not lower, True), t.op("neg", t.swap(imaginary, len(shape) - 2, len(shape) - 1)),
                    t.constant(0.0))
    return mirrored(t, real, lower), t.where(half(shape, lower, True), imaginary, other)
