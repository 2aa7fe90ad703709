"""NumPy's functions that compute: entry by entry, reductions, products, polynomials, order, linear algebra."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import exp, sqrt
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial, chebyshev, legendre

A = np.array([0.7, -1.3, 0.4])
W = np.array([[0.3, -1.1, 0.7], [1.2, 0.4, -0.6], [0.2, 0.5, 2.0]])
KNOTS = np.array([-3.0, -1.0, 0.5, 1.0, 3.0])
VALUES = np.array([1.0, 0.0, 2.0, 1.5, 4.0])


def matrix(x):
    """A matrix with eigenvalues apart."""
    return W + np.diag([1.0, 3.0, 6.0]) + 0.1 * np.outer(x[:3], x[3:])


def positive(x):
    """A symmetric positive definite matrix."""
    return np.diag([1.0, 2.0, 4.0]) + 0.1 * np.outer(x[:3], x[:3])


def horner(x):
    y = 0.0
    for c in (1.0, -2.0, 0.5, 3.0):
        y = y * x + c
    return y


def newton(x):
    t = 1.0
    for _ in range(5):
        t = t - (t * t - np.abs(x[0])) / (2 * t)
    return t


def power_iteration(x):
    v = np.ones(3)
    for _ in range(4):
        v = positive(x) @ v
        v = v / np.linalg.norm(v)
    return v @ positive(x) @ v


def rosenbrock(x):
    return sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def rastrigin(x):
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def ackley(x):
    first = -20.0 * np.exp(-0.2 * np.sqrt(np.mean(x**2)))
    return first - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


def himmelblau(x):
    a, b = x[:2]
    return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2


def bits_of_math(x):
    a, b = x[0], x[3]
    return exp(-a) * math.cos(b) + sqrt(b) + math.atan2(a, b) + math.log(b) + math.floor(b) + math.erf(a)


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    **{f.__name__: f for f in (
        horner, newton, power_iteration, rosenbrock, rastrigin, ackley, himmelblau, bits_of_math,
    )},
    "math on entries": lambda x: math.sin(x[0]) + math.tanh(x[1]) * math.pi,
    "math.log of a base": lambda x: math.log(x[3], 2) + math.log10(x[3]) + math.log1p(x[0]),
    "math.hypot, dist": lambda x: math.hypot(x[0], x[1]) + math.dist(x[:2], x[2:4]),
    "math.prod, fsum": lambda x: math.prod(x) + math.fsum(x),
    "math.gamma": lambda x: math.gamma(x[3]) + math.lgamma(x[3]),
    "float of a result": lambda x: float(np.sum(x**2)),
    "float of entries": lambda x: [float(x[0]), float(x[1])],
    "float of a number in a product": lambda x: float(x[0]) * 2.0,
    "round of a number": lambda x: round(x[0]) + x[0],
    "round to digits": lambda x: round(x[0], 2) * x[1],
    "max, min of numbers": lambda x: max(x[0], x[1]) - min(x[2], 0.0),
    "max of a list": lambda x: max([v**2 for v in x]) + min(x),
    "abs, pow, divmod": lambda x: abs(x[1]) + pow(x[0], 3) + divmod(x[3], 0.8)[1],
    "sum of a generator": lambda x: sum(v * v for v in x if v > 0),
    "sorted": lambda x: sorted(x)[0] + 2 * sorted(x, reverse=True)[1],
    "isscalar": lambda x: x[0] * 2 if np.isscalar(x[0]) else x[0],
    "isfinite": lambda x: x[0] if np.isfinite(x[0]) and not math.isnan(x[1]) else 0.0,
    "exponentials": lambda x: np.exp(x) + np.expm1(x) + np.exp2(x),
    "logarithms": lambda x: np.log(x**2) + np.log1p(x**2) + np.log2(x**2) + np.log10(x**2),
    "roots": lambda x: np.sqrt(x**2 + 1) + np.cbrt(x) + np.abs(x) ** 0.3,
    "trigonometry": lambda x: np.sin(x) * np.cos(x) + np.tan(x) + np.arctan(x) + np.arctan2(x, 2.0),
    "hyperbolic": lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x) + np.arcsinh(x),
    "degrees": lambda x: np.deg2rad(x) + np.rad2deg(x) + np.radians(x),
    "sinc, hypot": lambda x: np.sinc(x) + np.hypot(x, 1.0),
    "sign times": lambda x: np.sign(x) * x**2,
    "heaviside": lambda x: np.heaviside(x, 0.5) * x,
    "floor, ceil, rint": lambda x: x - np.floor(x) + np.ceil(x) * x + np.rint(x),
    "modulo": lambda x: np.mod(x, 0.8) + np.fmod(x, 0.8) + x % 0.9 + x // 0.9,
    "divmod": lambda x: np.divmod(x, 0.8)[0] * x + np.divmod(x, 0.8)[1],
    "modf": lambda x: np.modf(x)[0] * 3 + np.modf(x)[1] * x,
    "copysign": lambda x: np.copysign(x**2, x),
    "maximum, minimum": lambda x: np.maximum(x, 0.5) + np.minimum(x, x[::-1]),
    "fmax": lambda x: np.fmax(x, 0.1) + np.fmin(x, 0.2),
    "clip": lambda x: np.clip(x, -1, 1) + x.clip(0, None),
    "absolute": lambda x: np.abs(x) + np.absolute(x - 1) + np.fabs(x),
    "nan_to_num": lambda x: np.nan_to_num(x) * 2,
    "nansum, nanmean": lambda x: np.nansum(x) + np.nanmean(x) + np.nanmax(x) - np.nanmin(x),
    "nanstd": lambda x: np.nanstd(x) + np.nanvar(x) + np.nanmedian(x) + np.nanprod(x),
    "logaddexp": lambda x: np.logaddexp(x, 0.0) + np.logaddexp(x[0], x),
    "log-sum-exp by hand": lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x),
    "where": lambda x: np.where(x > 0, x**2, -x),
    "select": lambda x: np.select([x < -1, x < 1], [x, x**2], default=1.0),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v**2]),
    "piecewise with numbers": lambda x: np.piecewise(x, [x < 0], [0.0, lambda v: v * 3]),
    "vectorize": lambda x: np.vectorize(lambda v: v**2 if v > 0 else -v)(x),
    "vectorize of two": lambda x: np.vectorize(lambda a, b: a * max(b, 0.0))(x, A[0]),
    "vectorize of rows": lambda x: np.vectorize(np.sum, signature="(n)->()")(x.reshape(2, 3)),
    "frompyfunc": lambda x: np.frompyfunc(lambda v: v * v, 1, 1)(x).sum(),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: row @ A, 1, x.reshape(2, 3)),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x.reshape(2, 3), [0]),
    "interp": lambda x: np.interp(x, KNOTS, VALUES),
    "interp of values": lambda x: np.interp(0.3, KNOTS[:4], x[:4]),
    "interp of both": lambda x: np.interp(x[:2], KNOTS, np.append(x[:4], 1.0)),
    "digitize": lambda x: x * A[np.digitize(x, [-1.0, 1.0])],
    "searchsorted": lambda x: x * VALUES[np.searchsorted(KNOTS, x)],
    "histogram": lambda x: np.histogram(x, bins=[-2.0, 0.0, 1.0, 3.0])[0] * x[:3],
    "a weighted histogram": lambda x: np.histogram(KNOTS, bins=[-4.0, 0.0, 4.0], weights=x[:5])[0],
    "bincount with weights": lambda x: np.bincount([0, 1, 1, 2, 0, 2], weights=x),
    "unique": lambda x: np.unique(x),
    "sums": lambda x: x.sum() + np.sum(x.reshape(2, 3), axis=0) + x.reshape(2, 3).sum(1, keepdims=True),
    "a sum of some": lambda x: np.sum(x, where=[True, False, True, True, False, True]),
    "means of some": lambda x: np.mean(x, where=x > 0),
    "a list in sum": lambda x: np.sum([x[0], x[1] ** 2]),
    "mean, var, std": lambda x: x.mean() + x.var() + x.std(ddof=1),
    "average": lambda x: np.average(x, weights=np.arange(1, 7)),
    "median": lambda x: np.median(x) + np.median(x[:5]),
    "quantiles": lambda x: np.percentile(x, [25, 75]) + np.quantile(x, 0.4),
    "products": lambda x: np.prod(x) + np.cumprod(x) + np.cumsum(x),
    "extrema": lambda x: x.max() + np.min(x) + np.ptp(x) + np.amax(x.reshape(2, 3), axis=1).sum(),
    "argmax": lambda x: x[np.argmax(x)] * x[np.argmin(x)],
    "argsort": lambda x: x[np.argsort(x)] * np.arange(6),
    "sort": lambda x: np.sort(x) * np.arange(6),
    "sort in place": lambda x: (lambda y: (y.sort(), y)[1])(x.copy()),
    "partition": lambda x: np.partition(x, 2)[:3].sum(),
    "argpartition": lambda x: np.sum(x[np.argpartition(x, 2)[:3]]),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x) - np.minimum.accumulate(x),
    "drawdown": lambda x: np.max(np.maximum.accumulate(np.cumsum(x)) - np.cumsum(x)),
    "reduceat": lambda x: np.add.reduceat(x, [0, 2, 4]),
    "maximum.reduceat": lambda x: np.maximum.reduceat(x, [0, 3]),
    "ufunc methods": lambda x: np.add.reduce(x) + np.multiply.reduce(x) + np.add.accumulate(x),
    "any, all": lambda x: x * np.any(x > 2) + x[0] * np.all(x > -5),
    "count_nonzero": lambda x: np.count_nonzero(x > 0) * x[0],
    "a mean of a mask": lambda x: np.mean(x > 0) * x,
    "nonzero": lambda x: x[np.nonzero(x > 0)] + x[np.flatnonzero(x > 0)],
    "diff": lambda x: np.diff(x) ** 2,
    "second differences": lambda x: np.sum(np.abs(np.diff(x, 2))),
    "ediff1d": lambda x: np.ediff1d(x),
    "gradient": lambda x: np.gradient(x),
    "gradient with steps": lambda x: np.gradient(x, 0.5) + np.gradient(x, np.arange(6.0) ** 2),
    "gradient of second order": lambda x: np.gradient(x, edge_order=2),
    "gradient along an axis": lambda x: np.gradient(np.outer(x, x), axis=1),
    "gradient of a matrix": lambda x: np.gradient(np.outer(x, x))[0],
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5) + np.trapezoid(x, np.arange(6.0) ** 2),
    "convolve": lambda x: np.convolve(x, A, mode="same"),
    "correlate": lambda x: np.correlate(x, A, mode="valid"),
    "cov": lambda x: np.cov(x.reshape(2, 3)),
    "corrcoef": lambda x: np.corrcoef(x[:3], x[3:])[0, 1],
    "dot, matmul, @": lambda x: np.dot(W, x[:3]) + np.matmul(W, x[3:]) + x[:3] @ W,
    "array.dot": lambda x: np.ones((2, 6)).dot(x) + x.dot(np.ones((6, 2))),
    "vdot, inner": lambda x: np.vdot(x, x) + np.inner(x[:3], W),
    "einsum": lambda x: np.einsum("i,ij,j->", x[:3], W, x[3:]),
    "einsum with lists": lambda x: np.einsum(x[:3], [0], W, [0, 1], [1]),
    "tensordot, kron": lambda x: np.tensordot(x[:3], W, 1).sum() + np.kron(x[:2], x[2:4]),
    "cross": lambda x: np.cross(x[:3], x[3:]),
    "cross of lists": lambda x: np.cross([x[0], x[1], 0.0], [x[2], x[3], 1.0]),
    "trace": lambda x: np.trace(np.outer(x, x)),
    "polyval": lambda x: np.polyval([1.0, -2.0, 0.5], x),
    "polyval of coefficients": lambda x: np.polyval(x, 0.5),
    "poly1d": lambda x: np.poly1d([1.0, -2.0, 0.5])(x),
    "Polynomial": lambda x: Polynomial([1.0, 2.0, 3.0])(x),
    "chebval, legval": lambda x: chebyshev.chebval(x, [1.0, 2.0, 0.5]) + legendre.legval(x, [1.0, 2.0, 0.5]),
    "polyfit": lambda x: np.polyfit(np.arange(6.0), x, 2),
    "polyder, polymul": lambda x: np.polymul(x[:3], [1.0, 2.0]) + np.polyadd(np.polyder(x[:4]), [1.0, 0.0, 2.0])[0],
    "norms": lambda x: np.linalg.norm(x) + np.linalg.norm(x, 1) + np.linalg.norm(x, np.inf) + np.linalg.norm(x, 3),
    "norms of rows": lambda x: np.linalg.norm(x.reshape(2, 3), axis=1),
    "Frobenius": lambda x: np.linalg.norm(np.outer(x, x)) + np.linalg.norm(np.outer(x, x), "fro"),
    "the spectral norm": lambda x: np.linalg.norm(matrix(x), 2),
    "the nuclear norm": lambda x: np.linalg.norm(matrix(x), "nuc"),
    "solve": lambda x: np.linalg.solve(matrix(x), x[:3]),
    "solve with a constant matrix": lambda x: np.linalg.solve(W, x[:3]),
    "solve several": lambda x: np.linalg.solve(matrix(x), x.reshape(3, 2)),
    "inv": lambda x: np.linalg.inv(matrix(x)) @ x[:3],
    "pinv": lambda x: np.linalg.pinv(x.reshape(3, 2) + np.eye(3, 2)),
    "det": lambda x: np.linalg.det(matrix(x)),
    "slogdet": lambda x: np.linalg.slogdet(matrix(x))[1],
    "slogdet by name": lambda x: np.linalg.slogdet(positive(x)).logabsdet,
    "cholesky": lambda x: np.linalg.cholesky(positive(x)),
    "log det by Cholesky": lambda x: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(positive(x))))),
    "eigvalsh": lambda x: np.linalg.eigvalsh(positive(x)),
    "eigh": lambda x: np.linalg.eigh(positive(x))[0],
    "one triangle": lambda x: np.linalg.eigvalsh(np.array([[x[0], x[5]], [x[1], x[3]]]))
    + np.linalg.cholesky(np.array([[x[3] + 3, x[4]], [x[1], x[5] + 2]]))[1],
    "largest eigenvalue": lambda x: np.max(np.linalg.eigvalsh(positive(x))),
    "svd": lambda x: np.linalg.svd(matrix(x), compute_uv=False),
    "svdvals": lambda x: np.linalg.svdvals(matrix(x)),
    "lstsq": lambda x: np.linalg.lstsq(np.vander(np.arange(6.0), 3), x, rcond=None)[0],
    "matrix_power": lambda x: np.linalg.matrix_power(matrix(x), 3),
    "multi_dot": lambda x: np.linalg.multi_dot([W, matrix(x), x[:3]]),
    "cond": lambda x: np.linalg.cond(positive(x)),
    "qr": lambda x: np.abs(np.linalg.qr(matrix(x))[1]),
    "eig": lambda x: np.linalg.eig(matrix(x))[0].real.sum(),
    "rfft power": lambda x: np.abs(np.fft.rfft(x)) ** 2,
    "fft filter": lambda x: np.fft.irfft(np.fft.rfft(x) * np.array([1.0, 0.5, 0.2, 0.1]), 6),
    "fft real part": lambda x: np.fft.fft(x).real + np.fft.ifft(x).imag + np.fft.irfft(x, 6),
    "fft spectrum": lambda x: np.sum(np.abs(np.fft.fft(x))),
    "fft of a complex signal": lambda x: np.abs(np.fft.fft(x[:3] + 1j * x[3:])) ** 2,
    "spectral convolution": lambda x: np.fft.ifft(np.fft.fft(x) * np.fft.fft(x[::-1])).real,
    "power spectrum": lambda x: (np.fft.rfft(x) * np.conj(np.fft.rfft(x))).real,
    "shifted spectrum": lambda x: np.fft.fftshift(np.abs(np.fft.fft(x))) + np.fft.fftshift(x) + np.fft.ifftshift(x),
    "phase": lambda x: np.angle(np.fft.rfft(x))[1:3],
    "complex arithmetic": lambda x: np.sum(((x + 2j) / (1 - 1j * x) - (3 + x * 1j) ** 2).imag),
    "complex impedance": lambda x: np.abs(1 / (1 / (x + 5) + 1j * 2.0 * x)),
    "imaginary part": lambda x: np.imag(x) + np.real(x),
    "complex exponent": lambda x: np.real(np.exp(1j * x)),
    "complex modulus": lambda x: np.abs(x + 1j),
    "unwrap": lambda x: np.unwrap(x * 3),
    "division where it is safe": lambda x: np.divide(1.0, x - 0.7, out=np.zeros_like(x), where=x > 0.71),
    "logarithms where they are": lambda x: np.log(x, out=np.zeros(6), where=x > 0) + np.sqrt(x, out=x * 1, where=x > 0),
    "isclose": lambda x: x * np.isclose(x, 0.7) + x[0] * np.allclose(x, x),
    "array_equal": lambda x: x[0] if np.array_equal(x, x[::-1]) else x[1],
    "round to tenths": lambda x: np.round(x, 1) * x,
    "lexsort of constants": lambda x: x[np.lexsort((KNOTS, VALUES))],
    "signbit": lambda x: np.where(np.signbit(x), -x, 2 * x),
    "ldexp, frexp": lambda x: np.ldexp(x, 2),
    "float_power, square": lambda x: np.float_power(np.abs(x), 1.5) + np.square(x) + np.reciprocal(x),
    "logical functions": lambda x: x * np.logical_and(x > -1, x < 1) + x * np.logical_not(x > 0),
    "a mask as a factor": lambda x: x * (x > 0) + (x < 1) * 2.0 * x,
    "masks combined": lambda x: np.where((x > -1) & (x < 1), x**2, 2 * np.abs(x) - 1),
    "isin": lambda x: x[np.isin(np.arange(6), [0, 2])],
    "triu_indices": lambda x: np.outer(x, x)[np.triu_indices(6, 1)],
    "pairwise distances": lambda x: np.sqrt(((x[:3, None] - x[None, 3:]) ** 2 + 1).sum()),
    "cumulative_sum": lambda x: np.cumulative_sum(x),
    "nancumsum": lambda x: np.nancumsum(x) + np.nancumprod(x) + np.nanquantile(x, 0.3) + np.nanpercentile(x, 60),
    "polyint, polysub": lambda x: np.polysub(np.polyint(x[:3]), [1.0, 2.0]),
    "cumulative_prod": lambda x: np.cumulative_prod(x, include_initial=True),
    "shares_memory": lambda x: x if np.shares_memory(x, x) and np.may_share_memory(x, x) else 2 * x,
    "i0": lambda x: np.i0(x),
    "windows": lambda x: x * np.hanning(6) + x * np.hamming(6) + np.blackman(6),
    "angle of vectors": lambda x: np.arccos(x[:3] @ x[3:] / (np.linalg.norm(x[:3]) * np.linalg.norm(x[3:]))),
    "softmax by hand": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
}  # fmt: skip
