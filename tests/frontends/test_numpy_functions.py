"""Does a traced function give NumPy's values, and the derivative of them?"""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from absnormal.frontends.numpy import functions as numpy_functions
from absnormal.frontends.numpy import ufuncs as numpy_ufuncs
from absnormal.frontends.numpy.functions import FUNCTIONS, METHODS
from absnormal.frontends.numpy.traced import trace
from absnormal.frontends.numpy.ufuncs import COMPARISONS, EXTREMA, JUMPS, RULES, SCALES, UFUNCS
from absnormal.sweeps.table import Sweeps
from tests.coverage import numpy_states

A = np.array([0.7, -1.3, 0.4])
M = np.array([[0.3, -1.1, 0.7], [1.2, 0.4, -0.6]])
ORDER = np.array([2, 0, 1])

def _written(x):
    a, b = np.zeros((3, 3)), x.copy()
    np.copyto(a[0], x)
    np.fill_diagonal(a[:, ::-1], x)
    np.put(b, [1, -1], x[:2] ** 2)
    np.putmask(b, [False, True, False], x[::-1] * 3)
    np.place(a, a == 0, [x[0], 2.0])
    np.add.at(b, [0, 0], x[1])
    c = np.outer(x, x)
    np.copyto(c[0], b)
    np.fill_diagonal(c, x)
    np.place(c, c > 0.3, [1.0])
    return a @ b + c @ x


# x is a vector of 3 entries, none of them on a kink.
VECTOR = {
    "arithmetic": lambda x: (2 - x) * x / (x**2 + 1) - (-x) + (+x),
    "broadcasting": lambda x: x[:, None] * A - x / M[0] + M[:1] * x,
    "numpy scalars": lambda x: np.float64(2) * x + np.float32(0.5) + True + np.int64(3) * x,
    "lists as constants": lambda x: [1, 2, 3] * x - np.array([1, 0, 1], dtype=bool) * x,
    "float **": lambda x: abs(x) ** 1.5 + x**3 + x**-2 + abs(x) ** 0.5 + x**1 + x**0,
    "variable exponent": lambda x: 2**x + 3.0**x + abs(x) ** x + A.__abs__() ** x,
    "modulo": lambda x: x % 0.9 + x // 0.35 + np.fmod(x, 0.45) + np.remainder(x, 0.9)
    + np.floor_divide(x, 0.3),
    "python builtins": lambda x: abs(x[0]) + max(x[0], x[1], x[2]) - min(x) + sum(list(x)) + pow(x[1], 2)
    + sum([x[0]]) + sorted(x)[1] - sorted([x[0], x[1], 0.3], reverse=True)[0],
    "if and loops": lambda x: sum(v * v if v > 0 else -v for v in x),
    "searched": lambda x: x * np.searchsorted([-1.0, 0.5, 1.0], x) + x * np.digitize(x, [-1.0, 0.5, 1.0]),
    "searched among variables": lambda x: x * np.sort(x).searchsorted([-1.0, 0.55]).sum(),
    "interpolated": lambda x: np.interp(x, [-3.0, -1.1, 0.6, 4.0], [1.0, 2.0, 0.0, 5.0]),
    "whole": lambda x: x * x.astype(int) + x * int(x[0]) + x * math.floor(x[1]) + x * math.ceil(x[1]),
    "round": lambda x: round(x[0]) * x + np.round(x, 1) * x + np.around(x) * x + np.fix(x) * x
    + x.round() * x,
    "@": lambda x: M @ x + np.dot(M, x) + np.matmul(M, x) + x @ M.T + (M * x).dot(x),
    "x.T @ x": lambda x: x.T @ x + x.dot(x) + np.vdot(x, A) + np.inner(x, A) + np.inner(2.0, x)[0],
    "tensordot": lambda x: np.tensordot(np.outer(x, A), M, ((1,), (1,)))
    + np.tensordot(x[:, None], M[:, :1].T, 1),
    "tensordot 0": lambda x: np.tensordot(x, M, 0),
    "tensordot 2": lambda x: np.tensordot(np.outer(x, x), np.outer(A, A)) + np.linalg.tensordot(x, A, axes=1),
    "einsum": lambda x: np.einsum("i,ij->j", x[:2], M) + np.einsum("i,i,ij", x[:2], x[1:], M),
    "einsum traces": lambda x: np.einsum("ii", np.outer(x, A)) + np.einsum("ii->i", np.outer(x, x)),
    "einsum ...": lambda x: np.einsum("...i,ij->...j", x, M.T, optimize=True) + np.einsum("i,...i", x, A),
    "einsum Z": lambda x: np.einsum("Z,YZ->Y", x, M) + np.einsum("ij,kj->", x[None], M),
    "einsum stretched": lambda x: np.einsum("ij,ij->ij", x[None], M),
    "einsum sums": lambda x: np.einsum("i->", x) + np.einsum("ij->j", x * M),
    "outer": lambda x: np.outer(x, A) + np.multiply.outer(x, x) + np.linalg.outer(A, x)
    + np.subtract.outer(x, A),
    "kron": lambda x: np.kron(x, A) + np.kron(x, np.eye(3))[0],
    "cross": lambda x: np.cross(x, A) + np.cross(np.outer(x, A), A, axis=0)[0] + np.linalg.cross(A, x),
    "convolve": lambda x: np.convolve(x, A) + np.convolve(A[:2], x)[0] + np.convolve(x, A, "same")[0],
    "correlate": lambda x: np.correlate(x, A[:2]) + np.correlate(x, A, "full")[1] + np.correlate(A[:2], x)[0],
    "polyval": lambda x: np.polyval(A, x) + np.polyval(x, 0.3),
    "trapezoid": lambda x: np.trapezoid(x) + np.trapezoid(x, np.array([0.0, 1.0, 3.0]))
    + np.trapezoid(M * x, dx=2.0),
    "writes": lambda x: _written(x),
    "indexing": lambda x: x[0] * x[-1] + x[1:] - x[:2] + x[::-1][:2] + x[None, 1:][0] + x[..., 1],
    "fancy indexing": lambda x: x[[0, 2]] + x[np.array([1, 1])] + x[A > 0] + x[np.array(0)],
    "boolean constants": lambda x: x[[True, False, True]] * x[x > -10][:2] + x[True][0, :2],
    "axes": lambda x: (M * x)[:, 1] + (M * x)[1, [0, 2]] + (M * x)[np.ix_([0, 1], [2])][:, 0],
    "iteration": lambda x: np.stack([v * 2 for v in x] + [row[0] for row in M * x] + list(x.flat)),
    "reshape": lambda x: np.reshape(M * x, (3, 2)) + (M * x).reshape(3, -1)
    + np.reshape(M * x, (3, 2), order="F"),
    "ravel": lambda x: np.ravel(M * x) + (M * x).ravel(order="F") + (M * x).flatten() + np.ravel((M * x).T),
    "transpose": lambda x: (M * x).T + np.transpose(M * x) + (M * x).transpose(1, 0)
    + np.swapaxes(M * x, 0, 1)
    + (M * x).swapaxes(-1, 0) + np.moveaxis(M * x, 0, -1) + (M * x).mT + np.matrix_transpose(M * x)
    + np.linalg.matrix_transpose(M * x) + np.rollaxis(M * x, 1) + (M * x).transpose((1, 0)),
    "moveaxis": lambda x: np.moveaxis((M * x)[:, :, None] * np.ones(4), [0, 2], [2, 1]),
    "squeeze": lambda x: np.squeeze(x[None, :, None]) + x[None].squeeze(0)
    + np.expand_dims(x, (0, 2)).squeeze(),
    "atleast": lambda x: np.atleast_1d(x[0]) + np.atleast_2d(x)[0] + np.atleast_3d(x)[0, :, 0],
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3)) + np.broadcast_arrays(x, M)[0],
    "meshgrid": lambda x: np.meshgrid(x, A[:2])[0] + np.meshgrid(A, x[:2])[1]
    + np.meshgrid(A[:2], x, indexing="ij")[1],
    "stack": lambda x: np.stack([x, A], axis=1).T + np.stack((x, x)) + np.stack([x * 1, x], -1).T,
    "concatenate": lambda x: np.concatenate([x, A, x * 2]) + np.concatenate([M * x, [A]], axis=None)
    + np.concatenate((x[:, None], x[:, None], x[:, None]), axis=-1).ravel(),
    "vstack": lambda x: np.vstack([x, A]) + np.vstack([x[None], x]) + np.hstack([x[:1], A[:2]])
    + np.vstack(M * x),
    "hstack": lambda x: np.hstack([M * x, M]) + np.hstack([x, A]),
    "dstack": lambda x: np.dstack([x, A]) + np.column_stack([x, A]),
    "block": lambda x: np.block([[x[:2, None], M[:, :2]], [np.zeros((1, 1)), x[None, 1:]]])
    + np.block([x, x])[0],
    "append": lambda x: np.append(x, [1.0, 2.0]) + np.append(x[None], M[:1], axis=0).ravel()[:5],
    "split": lambda x: sum(np.split(x, 3)) + sum(np.split(x, [1, 2])) + np.array_split(x, 2)[1],
    "hsplit": lambda x: np.hsplit(x, 3)[1] + np.vsplit(M * x, 2)[0] + np.dsplit((M * x)[None], 3)[2].sum(),
    "unstack": lambda x: (np.unstack(M * x)[1] if hasattr(np, "unstack") else (M * x)[1]),
    "take": lambda x: np.take(x, [1, 2, 2]) + x.take([0, 1, 2]) + np.take(M * x, 1, axis=0),
    "take_along_axis": lambda x: np.take_along_axis(x, ORDER, 0)
    + np.take_along_axis(M * x, ORDER[None], axis=1),
    "compress": lambda x: np.compress(A > 0, x) + x.compress([True, False, True]) + np.extract(A > 0, x),
    "delete": lambda x: np.delete(x, 1) + np.delete(M * x, 0, axis=1),
    "repeat": lambda x: np.repeat(x, 2) + x.repeat([1, 2, 3]) + np.tile(x, 2) + np.resize(x, 6),
    "tile": lambda x: np.tile(x, (2, 2)) + np.repeat(M * x, 2, axis=1),
    "flip": lambda x: np.flip(x) + np.flipud(x) + np.flip(M * x, 1) + np.fliplr(M * x)
    + np.rot90(np.rot90(M * x)),
    "roll": lambda x: np.roll(x, 1) + np.roll(M * x, 1, axis=0) + np.roll(M * x, (1, 1), (0, 1)),
    "pad": lambda x: np.pad(x, 1) + np.pad(x, (1, 1), constant_values=2.0) + np.pad(x, 1, mode="edge")
    + np.pad(x, 1, mode="reflect") + np.pad(x, 1, "symmetric") + np.pad(x, 1, "wrap"),
    "diagonal": lambda x: np.diagonal(np.outer(x, A)) + np.diag(np.outer(A, x)) + np.outer(x, x).diagonal()
    + np.linalg.diagonal(np.outer(x, x)),
    "diag": lambda x: np.diag(x) + np.diag(x[:2], 1) + np.diag(x[1:], -1) + np.diagflat(x),
    "tril": lambda x: np.tril(np.outer(x, A)) + np.triu(np.outer(x, A), 1),
    "trace": lambda x: np.trace(np.outer(x, A)) + np.outer(x, A).trace(1) + np.linalg.trace(np.outer(x, x)),
    "linalg": lambda x: np.linalg.matmul(M, x[:, None]) + np.linalg.vecdot(M, x)[:, None],
    "copy": lambda x: np.copy(x) + x.copy() + x.astype(float) + np.real(x) + x.conj() + x.real + x.conjugate()
    + np.astype(x, np.float64) + np.conjugate(x) + np.positive(x) + np.nan_to_num(x),
    "numbers": lambda x: x.item(1) + x[:1].item() + np.stack(x.tolist()) + (M * x).tolist()[1][2],
    "sum": lambda x: np.sum(x) + x.sum() + np.sum(M * x, axis=1) + np.sum(M * x, axis=(0, 1))
    + np.sum(x, initial=2.0),
    "sum keepdims": lambda x: np.sum(M * x, axis=0, keepdims=True) + (M * x).sum(axis=-1, keepdims=True),
    "sum options": lambda x: np.sum(M * x, 0, float, None, True)
    + np.sum(x, where=True, dtype=np.float64, out=None),
    "mean": lambda x: np.mean(x) + x.mean() + np.mean(M * x, axis=1)
    + np.mean(M * x, axis=(0, 1), keepdims=True),
    "average": lambda x: np.average(x) + np.average(x, weights=A**2) + np.average(M * x, axis=1, weights=A**2)
    + np.average(M, axis=1, weights=x**2),
    "prod": lambda x: np.prod(x) + x.prod() + np.prod(M * x, axis=1) + np.prod(M * x, (0, 1))
    + np.prod(x[:0], initial=2.0),
    "cumsum": lambda x: np.cumsum(x) + x.cumsum() + np.cumsum(M * x, axis=1) + np.cumsum(M * x)[:3],
    "cumprod": lambda x: np.cumprod(x) + x.cumprod() + np.cumprod(M * x, axis=0),
    "diff": lambda x: np.diff(x) + np.diff(M * x, axis=1)[0] + np.diff(x, prepend=0.0)[1:]
    + np.diff(x, n=2, append=1.0),
    "var": lambda x: np.var(x) + x.var() + np.var(M * x, axis=1) + np.var(x, ddof=1)
    + np.var(M * x, axis=0, keepdims=True)[0, 0],
    "std": lambda x: np.std(x) + x.std() + np.std(M * x, axis=1, ddof=1),
    "reduce": lambda x: np.add.reduce(x) + np.maximum.reduce(M * x, axis=1) + np.minimum.reduce(x)
    + np.multiply.reduce(x)
    + np.logaddexp.reduce(x) + np.hypot.reduce(x) + np.add.reduce(M * x, axis=(0, 1), keepdims=True)[0, 0],
    "accumulate": lambda x: np.add.accumulate(x) + np.maximum.accumulate(x) + np.add.accumulate(M * x)[1],
    "max": lambda x: np.max(x) + x.max() + np.amax(x) + np.max(M * x, axis=1) + np.max(x, keepdims=True)
    + np.max(x, initial=0.1),
    "min": lambda x: np.min(x) + x.min() + np.amin(x) + np.min(M * x, axis=(0, 1)) + np.min(M * x, axis=1),
    "max of one": lambda x: np.max(x[:1]) + np.max(x[None], axis=0) + np.median(x[:1]) + np.sort(x[:1])
    + np.ptp(x[None], 0),
    "ptp": lambda x: np.ptp(x) + np.ptp(M * x, axis=1) + np.ptp(M * x, axis=1, keepdims=True)[0],
    "median": lambda x: np.median(x) + np.median(M * x, axis=0) + np.median(M * x, axis=1, keepdims=True),
    "sort": lambda x: np.sort(x) + np.sort(M * x, axis=0) + np.sort(x)[::-1] + np.sort(M * x, axis=None)[:3],
    "partition": lambda x: np.sort(np.partition(x, 1)) + np.partition(x, 0)[0],
    "quantile": lambda x: np.quantile(x, 0.3) + np.percentile(x, 80) + np.quantile(M * x, 0.5, axis=1)
    + np.quantile(x, [0.1, 0.9]) + np.quantile(x, 1.0),
    "argmax": lambda x: x[np.argmax(x)] + x[x.argmin()] * x[np.argsort(x)] + x[x.argsort()]
    + (M * x)[0][np.argmin(M * x, axis=1)[0]]
    + x[x.argmax()] + x[np.argmin(x)],
    "orders": lambda x: x[np.lexsort((A, x))] + x[np.nanargmax(x)] * x[np.nanargmin(x)] + x[np.argpartition(x, 1)[1]]
    + x[x.argpartition(1)[1]],
    "clip": lambda x: np.clip(x, -0.5, 0.5) + x.clip(0) + np.clip(x, None, 0.2)
    + np.clip(x, min=A, max=None) + x.clip(max=0.3),
    "clip at infinity": lambda x: np.clip(x, -np.inf, 1) + np.maximum(x, -np.inf)
    + np.minimum([np.inf, 0, 1], x)
    + np.clip(x, [-np.inf, 0, -np.inf], np.inf),
    "masked max": lambda x: np.max(np.where([True, False, True], x, -np.inf))
    + np.max(np.where([True, False, False], x, -np.inf)),
    "masked softmax": lambda x: np.exp(np.where([True, False, True], x, -np.inf)) / 2,
    "maxima": lambda x: np.maximum(x, 0) + np.minimum(x, M) + np.fmax(x, A) + np.fmin(0.1, x)
    + np.maximum(M, x[:, None][0]),
    "where": lambda x: np.where(x > 0, x, 0.1 * x) + np.where(A > 0, x, 0) + np.where(x[0] > 0, x, A)
    + np.where(x, x, 1),
    "select": lambda x: np.select([x > 1, x > 0], [x, x**2], default=-x) + np.select([A > 0], [x]),
    "masks": lambda x: x * (x > 0) + (x < 0) * x + ~(x > 0) * x + x * ((x > 0) & (x < 1))
    + x * ((x > 0) | (x < -5)),
    "mask arithmetic": lambda x: np.sum(x > 0) * x + (x > 0).sum() * x + (1 - (x > 0)) * x
    + (x > 0).astype(float) * x
    + ((x > 0) == (A > 0)) * x + ((x > 0) ^ (x < 1)) * x + np.logical_not(x) * x
    + np.logical_and(x > 0, x < 1) * x,
    "mask choices": lambda x: x[x > 0].sum() + (x if np.any(x > 0) else -x) + (x if np.all(x > 0) else -x)
    + (x if (x > 0).any() else -x) + x[np.nonzero(x > 0)].sum() + x[np.where(x > 0)].sum(),
    "truth": lambda x: (x if np.all(x) else -x) + np.count_nonzero(x) * x + x[np.flatnonzero(x)]
    + x[np.argwhere(x)][0]
    + (x if x.any() and x.all() and np.any(x) else -x) + x[x.nonzero()] + x[np.nonzero(x)],
    "closeness": lambda x: (x if np.allclose(x, A) else -x) + np.isclose(x, A) * x
    + (x if np.array_equal(x, A) else 2 * x),
    "finite": lambda x: x * np.isfinite(x) + x * np.isnan(x) - x * np.isinf(x),
    "norms": lambda x: np.linalg.norm(x) + np.linalg.norm(x, 1) + np.linalg.norm(x, np.inf)
    + np.linalg.norm(x, -np.inf)
    + np.linalg.norm(x, 2) + np.linalg.norm(x, 3) + np.linalg.norm(x, keepdims=True),
    "norms over axes": lambda x: np.linalg.norm(M * x, axis=1) + np.linalg.norm(M * x, 1, axis=1)
    + np.linalg.norm(M * x)
    + np.linalg.norm(M * x, np.inf, 1) + np.linalg.norm(M * x, axis=1, keepdims=True)[0]
    + np.linalg.norm(M * x, "fro"),
    "matrix norms": lambda x: np.linalg.norm(M * x, 1) + np.linalg.norm(M * x, np.inf)
    + np.linalg.norm(M * x, -1)
    + np.linalg.norm(M * x, -np.inf, keepdims=True) + np.linalg.matrix_norm(M * x)
    + np.linalg.norm(M * x, 1, (1, 0)),
    "vector_norm": lambda x: np.linalg.vector_norm(M * x) + np.linalg.vector_norm(M * x, axis=1, ord=1),
    "hypot": lambda x: np.hypot(x, A) + np.hypot(0.0, x) + np.arctan2(x, A) + np.arctan2(A, x),
    "exp": lambda x: np.exp(x) + np.expm1(x) + np.exp2(x) + special.exp10(x) + np.logaddexp(x, A)
    + np.logaddexp2(0, x),
    "log": lambda x: np.log(x * x) + np.log1p(x * x) + np.log2(abs(x)) + np.log10(abs(x)),
    "roots": lambda x: np.sqrt(x * x + 1) + np.cbrt(x) + np.square(x) + np.reciprocal(x) + np.power(x, 3)
    + np.float_power(x, 2),
    "trigonometry": lambda x: np.sin(x) + np.cos(x) + np.tan(x) + np.arcsin(x / 3) + np.arccos(x / 3)
    + np.arctan(x),
    "hyperbolic": lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x) + np.arcsinh(x) + np.arccosh(x * x + 2)
    + np.arctanh(x / 3),
    "degrees": lambda x: np.deg2rad(x) + np.rad2deg(x) + np.radians(x) + np.degrees(x) + np.sinc(x),
    "locally constant": lambda x: x * np.sign(x) + np.floor(x) * x + np.ceil(x) + np.trunc(x) * x
    + np.rint(x) * x
    + np.heaviside(x, 0.5) * x + np.copysign(x, A) + np.copysign(A, x),
    "abs": lambda x: np.abs(x) + np.absolute(x) + np.fabs(x) + abs(x),
    "scipy": lambda x: special.expit(x) + special.erf(x) + special.erfc(x) + special.ndtr(x)
    + special.log_expit(x)
    + special.logit(special.expit(x)) + special.gammaln(x * x + 1) + special.xlogy(x, x * x)
    + special.xlog1py(A, x * x) + special.stdtr(4.0, x)
    + special.entr(x * x) + special.rel_entr(x * x, A * A) + special.log_ndtr(x),
    "softplus": lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0) + np.logaddexp(0, x),
    "logsumexp": lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
    "vecdot": lambda x: np.vecdot(M, x) + np.vecdot((M * x).T, M.T, axis=-2) + (np.matvec(M, x)
    + np.vecmat(x, M.T) if hasattr(np, "matvec") else 0),
    "shapes": lambda x: np.zeros_like(x) + np.ones_like(x) * x + np.full_like(x, 2) * x
    + np.empty_like(x) * 0 + x * len(x) * x.size
    + x * x.ndim * np.shape(x)[0] * np.size(x) * np.ndim(x) * x.shape[0] + np.size(M * x, 1) * np.isreal(x),
    "types": lambda x: x * np.isrealobj(x) + x * np.iscomplexobj(x) + np.ones(3, np.result_type(x, A))
    + np.ones(3, x.dtype)
    + np.ones(3, np.common_type(x, A)),
    "along several axes": lambda x: x * sum(np.real(transform(M * x)).sum() for transform in (
        np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn, np.fft.rfft2, np.fft.rfftn, np.fft.irfft2,
        np.fft.irfftn)),
    "real numbers": lambda x: np.angle(x * x + 1) + np.angle(-1 - x * x, True) + np.real_if_close(x) * ~np.iscomplex(x),
    "empty arrays": lambda x: np.sum(x[:0]) + np.concatenate([x[:0], x]) + np.sum((x[:0] * 2) @ M[:0])
    + x[[]].sum(),
    "in place": lambda x: _in_place(x),
    "constant": lambda x: 3.0,
    "list result": lambda x: [x[0], 2.0, x[1] * x[2]],
}  # fmt: skip


def _in_place(x):
    y = x * 2
    y += x
    y *= A
    y -= 1
    y /= 3
    y **= 2
    np.add(y, x, out=y)
    s = y[0]
    t = s
    s += 1
    total = 0.0
    for v in x:
        total += v
    return y + t + s + total


POINTS = [np.array([0.63, -0.37, 1.21]), np.array([-1.58, 0.29, 0.83]), np.array([0.234, 2.17, -0.41])]


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("name", VECTOR)
def test_are_value_and_derivative_those_of_numpy(name, point):
    f = VECTOR[name]
    expected = np.asarray(f(point.copy()), dtype=float)
    program = trace(f, point)
    result = np.asarray(program(point))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13)
    sweeps = Sweeps(program, point)
    _, dy = sweeps.push(sweeps.signs, np.eye(3))
    h = 1e-6
    for j in range(3):
        step = h * np.eye(3)[j]
        ahead, behind = (np.asarray(f(p), dtype=float).reshape(-1) for p in (point + step, point - step))
        np.testing.assert_allclose(dy[j], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-6)
    if program.m:
        back, _ = sweeps.pull(sweeps.signs, None, np.eye(program.m))
        np.testing.assert_allclose(back.T, dy, rtol=1e-12, atol=1e-12)


def _names_used(monkeypatch):
    used = set()
    apply_rule, applied = numpy_functions.apply_rule, numpy_ufuncs.apply_ufunc

    def rule_spy(traced, name, rule, args, kwargs, func=None):
        used.add(name)
        return apply_rule(traced, name, rule, args, kwargs, func)

    def ufunc_spy(traced, ufunc, method, inputs, kwargs):
        used.add(ufunc)
        return applied(traced, ufunc, method, inputs, kwargs)

    monkeypatch.setattr(numpy_functions, "apply_rule", rule_spy)
    monkeypatch.setattr(numpy_ufuncs, "apply_ufunc", ufunc_spy)
    for f in VECTOR.values():
        trace(f, POINTS[0])
    for name in numpy_states.FOLLOWED:
        trace(numpy_states.SNIPPETS[name], numpy_states.X)
    return used


@pytest.mark.slow
def test_is_every_entry_of_the_tables_covered_here(monkeypatch):
    used = _names_used(monkeypatch)
    missing = {
        ufunc for table in (UFUNCS, COMPARISONS, EXTREMA, JUMPS, SCALES, RULES) for ufunc in table
    } - used
    assert {u.__name__ for u in missing} <= {"matvec", "vecmat", "less_equal", "greater_equal", "equal"}
    names = {f"{f.__module__.replace('numpy', 'np', 1)}.{f.__name__}" for f in FUNCTIONS}
    assert names - used == set()
    assert {f"ndarray.{name}" for name in METHODS} - used == set()


def _loss(p):
    return np.sum(np.abs(p["w"] @ p["layers"][0] + p["b"])) + p["layers"][1] ** 2


def test_may_x_be_a_tree_of_arrays():
    point = {"w": M, "b": 0.5, "layers": [A, np.array(2.0)]}
    program = trace(_loss, point)
    assert program(point) == _loss(point)
    sweeps = Sweeps(program, program.tree.flatten(point))
    gradient = program.tree.unflatten(sweeps.gradient(sweeps.signs))
    signs = np.sign(M @ A + 0.5)
    np.testing.assert_allclose(gradient["w"], np.outer(signs, A))
    np.testing.assert_allclose(gradient["b"], signs.sum())
    np.testing.assert_allclose(gradient["layers"][0], signs @ M)
    np.testing.assert_allclose(gradient["layers"][1], 4.0)


@pytest.mark.parametrize("point", [0.7, np.float64(0.7), np.array(0.7)], ids=lambda p: type(p).__name__)
def test_may_x_be_a_number(point):
    program = trace(lambda x: x * abs(x) + np.maximum(x, 0.0), point)
    assert program(point) == pytest.approx(0.7**2 + 0.7)


def test_may_x_be_a_list_of_numbers():
    assert trace(lambda x: x[0] * x[1] + x.sum(), [2.0, 3])([2.0, 3.0]) == 11.0


def test_does_format_show_the_number():
    assert trace(lambda x: x * len(f"{x[0]:.2f}") + len(f"{x}") * 0, [0.5])([0.5]) == 2.0


@pytest.mark.parametrize("count", [1, 2, 5, 32, 33, 64, 70])
def test_are_long_lists_sorted(count):
    point = np.random.default_rng(count).standard_normal(count)
    np.testing.assert_array_equal(trace(np.sort, point)(point), np.sort(point))
    assert trace(np.median, point)(point) == np.median(point)


@pytest.mark.parametrize("method", [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
])  # fmt: skip
@pytest.mark.parametrize("point", [[1.0, 1.0, 0.0, 2.0, 2.0], [1.0, 1.0, 0.0, 2.0], [3.0]])
def test_are_quantiles_of_all_methods_order_statistics(method, point):
    rng = np.random.default_rng(0)
    for q in (0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0):
        program = trace(lambda x, q=q: np.quantile(x, q, method=method), point)
        for there in rng.standard_normal((5, len(point))):
            assert program(there) == pytest.approx(np.quantile(there, q, method=method), rel=1e-14)
    rows = np.array([point, point[::-1]])
    there = rows + rng.standard_normal(rows.shape)
    program = trace(lambda x: np.percentile(x, [25, 60], axis=1, method=method), rows)
    np.testing.assert_allclose(program(there), np.percentile(there, [25, 60], axis=1, method=method), rtol=1e-14)


def test_are_exact_numbers_kept_exact():
    point = np.array([Fraction(1, 3), Fraction(2, 7)])
    program = trace(
        lambda x: np.maximum(x[0], x[1]) * 3 + (x[0] - x[1]) ** 2 / 2 + np.clip(x, -np.inf, 1)[0], point
    )
    assert program(point) == 1 + Fraction(1, 21) ** 2 / 2 + Fraction(1, 3)
