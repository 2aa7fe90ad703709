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

from absnormal.frontends.terms import Terms

N = TypeVar("N")


def mirrored(t: Terms[N], u: N, lower: bool = True) -> N:
    """The symmetric matrices of which a kernel reads the lower half, or the upper one, of the last two axes."""
    shape = t.shape(u)
    below = np.tril(np.ones(shape[-2:], bool))
    read = np.broadcast_to(below if lower else below.T, shape)
    return t.where(read, u, t.swap(u, len(shape) - 2, len(shape) - 1))


def hermitian(t: Terms[N], real: Any, imaginary: Any, lower: bool = True) -> tuple[N, N]:
    """The same for complex matrices, which are Hermitian: the imaginary part changes its sign, and is 0 within."""
    shape = t.shape(real)
    below = np.tril(np.ones(shape[-2:], bool), -1)
    read, others = (below, below.T) if lower else (below.T, below)
    other = t.where(np.broadcast_to(others, shape), t.op("neg", t.swap(imaginary, len(shape) - 2, len(shape) - 1)),
                    t.constant(0.0))
    return mirrored(t, real, lower), t.where(np.broadcast_to(read, shape), imaginary, other)
