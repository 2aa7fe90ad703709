"""SciPy's functions of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.special import expit, logsumexp

A = np.array([0.7, -1.3, 0.4])
W = np.array([[1.3, -1.1, 0.7], [1.2, 3.4, -0.6], [0.2, 0.5, 5.0]])
SPARSE = sparse.csr_array(np.array([[1.0, 0, 0, 2, 0, 0], [0, 3, 0, 0, 0, -1], [0, 0, 0, 4, 5, 0]]))
MATRIX = sparse.csc_matrix(SPARSE)
KNOTS = np.array([-3.0, -1.0, 0.5, 1.0, 3.0])
VALUES = np.array([1.0, 0.0, 2.0, 1.5, 4.0])
SPLINE = interpolate.CubicSpline(KNOTS, VALUES)
LINEAR = interpolate.interp1d(KNOTS, VALUES)


def low_pass(x):
    z = np.fft.rfft(x)
    z[np.fft.rfftfreq(6) > 0.3] = 0
    z *= 2
    w = x + 1j * x**2
    w[0] = 5.0  # Of its own: x stays.
    w -= z.sum()
    return np.fft.irfft(z) + np.abs(w) + x


def positive(x):
    return np.diag([1.0, 2.0, 4.0]) + 0.1 * np.outer(x[:3], x[:3])


def gaussian_log_density(x):
    return np.sum(-0.5 * x**2 - 0.5 * np.log(2 * np.pi)) + special.gammaln(np.abs(x[0]) + 1)


def dirichlet(x):
    a = np.exp(x)
    return special.gammaln(a.sum()) - special.gammaln(a).sum() + np.sum((a - 1) * np.log(1 / 6))


def student(x):
    nu = np.exp(x[0]) + 2
    norm = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
    return np.sum(norm - (nu + 1) / 2 * np.log1p(x[1:] ** 2 / nu))


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    **{f.__name__: f for f in (gaussian_log_density, dirichlet, student)},
    "expit, logit": lambda x: expit(x) + special.logit(expit(x)),
    "log_expit": lambda x: special.log_expit(x),
    "erf, erfc": lambda x: special.erf(x) + special.erfc(x) + special.erfcx(x),
    "erfinv": lambda x: special.erfinv(np.tanh(x)),
    "erfcinv": lambda x: special.erfcinv(1 + 0.5 * np.tanh(x)),
    "ndtr": lambda x: special.ndtr(x) + special.log_ndtr(x),
    "ndtri": lambda x: special.ndtri(special.expit(x)),
    "gamma": lambda x: special.gamma(np.abs(x)) + special.rgamma(np.abs(x)),
    "gammaln, loggamma": lambda x: special.gammaln(np.abs(x)) + special.loggamma(np.abs(x)),
    "digamma": lambda x: special.digamma(np.abs(x)) + special.psi(np.abs(x)),
    "polygamma": lambda x: special.polygamma(1, np.abs(x)),
    "beta": lambda x: special.beta(np.abs(x), 2.0) + special.betaln(np.abs(x), np.abs(x[::-1])),
    "binom": lambda x: special.binom(5.0 + x, 2.0),
    "gammainc": lambda x: special.gammainc(2.0, np.abs(x)) + special.gammaincc(0.5, np.abs(x)),
    "betainc": lambda x: special.betainc(2.0, 3.0, expit(x)),
    "bessel": lambda x: special.j0(x) + special.j1(x) + special.jv(2, x),
    "bessel of the second kind": lambda x: special.y0(np.abs(x)) + special.y1(np.abs(x)),
    "modified bessel": lambda x: special.i0(x) + special.i1(x) + special.i0e(x) + special.i1e(x),
    "modified bessel k": lambda x: special.k0(np.abs(x)) + special.k1(np.abs(x)) + special.kv(2.5, np.abs(x)),
    "bessel of other orders": lambda x: special.jn(3, x) + special.yn(2, x**2 + 1) + special.kn(2, x**2) + special.yv(
        1.5, x**2 + 1) + special.kve(2, x**2) + special.k0e(x**2) + special.k1e(x**2),
    "degrees": lambda x: special.tandg(x) + special.radian(x, 2.0, 3.0) + special.boxcox1p(x**2, 0.3),
    "expm1, log1p": lambda x: special.expm1(x) + special.log1p(x**2),
    "agm": lambda x: special.agm(x**2 + 1, 2.0),
    "other polynomials": lambda x: special.eval_chebyu(3, x) + special.eval_hermitenorm(2, x),
    "Laguerre": lambda x: special.eval_laguerre(2, x),
    "iv": lambda x: special.iv(1.5, np.abs(x)) + special.ive(2, np.abs(x)),
    "xlogy": lambda x: special.xlogy(np.abs(x), np.abs(x)) + special.xlog1py(x, np.abs(x)),
    "entropy": lambda x: special.entr(np.abs(x)) + special.rel_entr(np.abs(x), 2.0) + special.kl_div(np.abs(x), 1.0),
    "huber": lambda x: special.huber(1.0, x),
    "pseudo_huber": lambda x: special.pseudo_huber(1.0, x),
    "boxcox": lambda x: special.boxcox(np.abs(x), 0.5) + special.inv_boxcox(np.abs(x), 0.5),
    "dawsn, exp1": lambda x: special.dawsn(x) + special.exp1(np.abs(x)) + special.expi(np.abs(x)),
    "spence, sici": lambda x: special.spence(np.abs(x)) + special.sici(x)[0],
    "fresnel": lambda x: special.fresnel(x)[0],
    "lambertw": lambda x: special.lambertw(np.abs(x)).real,
    "Hurwitz zeta": lambda x: special.zeta(2.5, x**2 + 0.5),
    "zeta": lambda x: special.zeta(np.abs(x) + 1.5),
    "ellipk": lambda x: special.ellipk(0.5 * expit(x)) + special.ellipe(0.5 * expit(x)),
    "airy": lambda x: special.airy(x)[0],
    "legendre": lambda x: special.eval_legendre(3, np.tanh(x)) + special.eval_chebyt(2, x),
    "hermite": lambda x: special.eval_hermite(2, x),
    "exprel, cosm1": lambda x: special.exprel(x) + special.cosm1(x) + special.log1p(np.abs(x)),
    "sindg, exp10": lambda x: special.sindg(x) + special.cosdg(x) + special.exp10(x) + special.cbrt(x),
    "exp2": lambda x: special.exp2(x),
    "logsumexp": lambda x: logsumexp(x),
    "logsumexp along an axis": lambda x: special.logsumexp(x.reshape(2, 3), axis=1),
    "logsumexp with weights": lambda x: special.logsumexp(x, b=np.arange(1.0, 7.0)),
    "softmax": lambda x: special.softmax(x),
    "softmax of rows": lambda x: special.softmax(x.reshape(2, 3), axis=1),
    "log_softmax": lambda x: special.log_softmax(x)[2],
    "softplus": lambda x: np.logaddexp(x, 0).sum(),
    "comb": lambda x: special.comb(5, 2) * x,
    "sparse @ x": lambda x: SPARSE @ x,
    "sparse * x": lambda x: MATRIX * x,
    "sparse.dot": lambda x: SPARSE.dot(x),
    "sparse transposed": lambda x: SPARSE.T @ x[:3],
    "x @ sparse": lambda x: x[:3] @ SPARSE,
    "sparse @ matrix": lambda x: SPARSE @ np.outer(x, A),
    "sparse quadratic form": lambda x: x @ (MATRIX.T @ (MATRIX @ x)),
    "sparse diagonal": lambda x: sparse.diags([1.0, 2.0, 3.0]) @ x[:3],
    "spsolve": lambda x: sparse.linalg.spsolve(sparse.csc_matrix(W), x[:3]),
    "linalg.solve": lambda x: linalg.solve(W, x[:3]),
    "linalg.solve of variables": lambda x: linalg.solve(positive(x), x[3:], assume_a="pos"),
    "solve_triangular": lambda x: linalg.solve_triangular(np.triu(W) + np.diag(x[:3] ** 2), x[3:]),
    "solve_banded": lambda x: linalg.solve_banded((1, 1), np.array([[0, 1.0, 1], [4, 4, 4], [1, 1, 0]]), x[:3]),
    "linalg.inv, det": lambda x: linalg.inv(positive(x)) * linalg.det(positive(x)),
    "linalg.norm": lambda x: linalg.norm(x) + linalg.norm(np.outer(x, x)),
    "linalg.cholesky": lambda x: linalg.cholesky(positive(x), lower=True),
    "cho_solve": lambda x: linalg.cho_solve(linalg.cho_factor(np.eye(3) * 2), x[:3]),
    "linalg.eigvalsh": lambda x: linalg.eigvalsh(positive(x)),
    "linalg.svdvals": lambda x: linalg.svdvals(positive(x)),
    "expm": lambda x: linalg.expm(0.1 * np.outer(x[:3], x[3:])),
    "block_diag": lambda x: linalg.block_diag(np.outer(x[:2], x[2:4]), np.eye(1)),
    "toeplitz": lambda x: linalg.toeplitz(x[:3]) @ A,
    "lfilter": lambda x: signal.lfilter([1.0, 0.5], [1.0, -0.3], x),
    "filtfilt": lambda x: signal.filtfilt([0.5, 0.5], [1.0], np.tile(x, 3)),
    "sosfilt": lambda x: signal.sosfilt(np.array([[1.0, 0.5, 0.1, 1.0, -0.3, 0.2]]), x),
    "fftconvolve": lambda x: signal.fftconvolve(x, A, mode="same"),
    "signal.convolve": lambda x: signal.convolve(x, A) + signal.correlate(x, A),
    "convolve2d": lambda x: signal.convolve2d(x.reshape(2, 3), np.ones((2, 2)), mode="valid"),
    "detrend": lambda x: signal.detrend(x),
    "savgol_filter": lambda x: signal.savgol_filter(x, 5, 2),
    "medfilt": lambda x: signal.medfilt(x, 3),
    "stft": lambda x: np.abs(signal.stft(x, nperseg=4)[2]) ** 2,
    "spectrogram": lambda x: signal.spectrogram(x, nperseg=4)[2],
    "freqz": lambda x: np.abs(signal.freqz(x[:3], np.array([1, 0.5]), 8)[1]),
    "complex numbers in place": low_pass,
    "complex numbers in lists": lambda x: np.abs(np.array([x[0] + 1j * x[1], 2.0 + x[2], 1j]))
    + np.abs(np.array([[x[0], 1j * x[1], 1], [-1j * x[1], x[2], 0]]) @ A).sum(),
    "converted to complex numbers": lambda x: np.abs(x.astype(complex) * 1j + np.array(x, dtype=complex) ** 2)
    + np.abs(np.asarray([x[0], 1.0], dtype=complex)).sum(),
    "hilbert": lambda x: np.abs(signal.hilbert(x)),
    "gaussian_filter": lambda x: ndimage.gaussian_filter1d(x, 1.0),
    "uniform_filter": lambda x: ndimage.uniform_filter(x.reshape(2, 3), 2),
    "ndimage.convolve": lambda x: ndimage.convolve1d(x, A),
    "maximum_filter": lambda x: ndimage.maximum_filter1d(x, 3),
    "map_coordinates": lambda x: ndimage.map_coordinates(np.outer(x, x), [[1.0], [2.0]], order=1),
    "CubicSpline": lambda x: SPLINE(x),
    "spline of values": lambda x: interpolate.CubicSpline(np.arange(6.0), x)(2.5),
    "interp1d": lambda x: LINEAR(x),
    "PchipInterpolator": lambda x: interpolate.PchipInterpolator(KNOTS, VALUES)(x),
    "BSpline": lambda x: interpolate.BSpline(np.arange(10.0), x, 3)(4.5),
    "trapezoid, simpson": lambda x: integrate.trapezoid(x) + integrate.simpson(x, dx=0.5),
    "cumulative_trapezoid": lambda x: integrate.cumulative_trapezoid(x, initial=0),
    "rosen": lambda x: optimize.rosen(x),
    "rosen by its derivative": lambda x: optimize.rosen_der(x) @ x,
    "dct": lambda x: fft.dct(x, norm="ortho"),
    "rfft": lambda x: np.abs(fft.rfft(x)) ** 2,
    "cdist": lambda x: spatial.distance.cdist(x.reshape(2, 3), W),
    "pdist": lambda x: spatial.distance.pdist(x.reshape(3, 2)),
    "euclidean": lambda x: spatial.distance.euclidean(x[:3], x[3:]),
    "cityblock, cosine": lambda x: spatial.distance.cityblock(x[:3], x[3:]) + spatial.distance.cosine(x[:3], x[3:]),
    "norm.pdf": lambda x: stats.norm.pdf(x),
    "norm.logpdf": lambda x: stats.norm.logpdf(x, 0.5, 2.0),
    "other densities": lambda x: stats.t.logpdf(x, 3.0) + stats.logistic.pdf(x, loc=0.1) + stats.cauchy.logpdf(x)
    + stats.laplace.pdf(x, 0.05, 2.0) + stats.norm.logcdf(x) + stats.logistic.cdf(x, 0.5, x[0] ** 2),
    "derivative of a spline": lambda x: SPLINE(x, 1) * SPLINE(x[::-1]),
    "norm.cdf": lambda x: stats.norm.cdf(x),
    "multivariate_normal": lambda x: stats.multivariate_normal.logpdf(x[:3], np.zeros(3), np.eye(3)),
    "poisson": lambda x: stats.poisson.logpmf(2, np.abs(x)),
    "gmean, zscore": lambda x: stats.gmean(np.abs(x)) + stats.zscore(x),
    "skew": lambda x: stats.skew(x) + stats.kurtosis(x),
    "linregress": lambda x: stats.linregress(np.arange(6.0), x).slope,
    "gaussian_kde": lambda x: stats.gaussian_kde(np.array([0.0, 1.0, 3.0]))(x),
    "brentq": lambda x: optimize.brentq(lambda t: t**3 - x[3], 0, 3),
    "quad": lambda x: integrate.quad(lambda t: t * x[0], 0, 1)[0],
    "solve_ivp": lambda x: integrate.solve_ivp(lambda t, y: -x[0] * y, (0, 1), [1.0]).y[0, -1],
    "minimize": lambda x: optimize.minimize(lambda t: (t[0] - x[0]) ** 2, [0.0]).fun,
}  # fmt: skip
