"""Sparse matrices beside variables, and those that are made of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

S = sp.csr_matrix(np.array([[0.0, 1, 0, 2, 0, 0], [3, 0, 0, 0, 1, 0]]))
T = sp.csr_array(S)
LAPLACE = sp.diags([np.ones(5), -2 * np.ones(6), np.ones(5)], [-1, 0, 1]).tocsr()
ROWS, COLUMNS = np.array([0, 1, 2, 0, 3, 1]), np.array([0, 1, 1, 3, 2, 0])
ENDS = np.array([0, 2, 3, 4, 6])
B = np.arange(4.0)


def bars(x):
    """Displacements of a chain of bars, as codes for topology optimization assemble it."""
    element = np.array([[1.0, -1.0], [-1.0, 1.0]])
    rows = np.kron(np.arange(3), np.ones(4, int)) + np.tile([0, 0, 1, 1], 3)
    columns = np.kron(np.arange(3), np.ones(4, int)) + np.tile([0, 1, 0, 1], 3)
    values = (element.flatten()[np.newaxis].T * (1e-3 + x[:3] ** 2)).flatten(order="F")
    stiffness = sp.coo_matrix((values, (rows, columns)), shape=(4, 4)).tocsc()[1:, :][:, 1:]
    return sla.spsolve(sp.csc_matrix(stiffness), np.array([0.0, 0.0, 1.0]))


def triplets(x):
    return sp.coo_matrix((x, (ROWS, COLUMNS)), shape=(4, 4))


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    "multiply": lambda x: np.asarray(S.multiply(x).sum(axis=1)).ravel() + S.multiply(x) @ np.arange(6.0),
    "multiply twice": lambda x: T.multiply(x).multiply(x[:2, None]).toarray(),
    "multiply, transposed": lambda x: T.multiply(x).T @ np.array([1.0, 2.0]),
    "times a number": lambda x: (S * x[0]) @ x + (x[1] * T) @ x + (T / x[2]) @ x,
    "sums": lambda x: (T + x[0] * T) @ x - (T.multiply(x) - T) @ x + (-T.multiply(x)) @ x,
    "diags": lambda x: sp.diags([x[1:], x, x[:-1]], [-1, 0, 1]) @ x,
    "diags between": lambda x: sp.diags(x) @ LAPLACE @ sp.diags(x) @ x,
    "diags of one number": lambda x: sp.diags_array([x[:1], x[1:]], offsets=[0, 1], shape=(6, 6)) @ x,
    "a tridiagonal system": lambda x: sla.spsolve(
        sp.diags([x[1:], 5 + x**2, x[:-1]], [-1, 0, 1], format="csc"), np.ones(6)),
    "an implicit step": lambda x: sla.spsolve((sp.eye(6) - 0.1 * x[0] ** 2 * LAPLACE).tocsc(), x),
    "triplets": lambda x: triplets(x).tocsr() @ B if isinstance(S, sp.csr_matrix) else x,
    "compressed rows": lambda x: sp.csr_array((x, COLUMNS, ENDS), shape=(4, 4)) @ B,
    "compressed columns": lambda x: sp.csc_matrix((x, ROWS, ENDS), shape=(4, 4)).T @ B,
    "of an array": lambda x: sp.csr_matrix(x.reshape(2, 3)) @ np.arange(3.0),
    "sums over axes": lambda x: triplets(x).sum(axis=0)[0, 1] + triplets(x).sum(1)[2, 0] + triplets(x).mean(),
    "a diagonal": lambda x: triplets(x).diagonal() + triplets(x).tocsr()[0, 3],
    "from the left": lambda x: np.ones(6) @ sp.diags(x) + x @ LAPLACE + LAPLACE.dot(sp.diags(x)).sum(axis=0)[0, 1],
    "a chain of bars": bars,
    "a linear operator": lambda x: sla.aslinearoperator(LAPLACE) @ x + sla.aslinearoperator(LAPLACE).matvec(x),
    "power": lambda x: sp.diags(x).power(2),
    "splu": lambda x: sla.splu(LAPLACE.tocsc()).solve(x),
    "cg": lambda x: sla.cg(-LAPLACE, x, rtol=1e-12)[0],
}  # fmt: skip
