"""Statistics of samples, filters of images, tables and splines, as SciPy has them; what NumPy writes in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import interpolate, ndimage, signal, stats

PLACES = np.arange(6.0)
POINTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5], [0.2, 0.7]])
HOLES = np.array([[1, 0, 1], [0, 1, 1]], bool)
TABLE = np.outer(PLACES, PLACES**2)


def image(x):
    return x.reshape(2, 3)


def filtered_into(x):
    y = np.zeros(6)
    ndimage.gaussian_filter(x, 1.0, output=y)
    ndimage.maximum_filter(y, 3, output=y)
    return y


def put_around(x):
    y = np.zeros(6)
    np.put(y, [7, 2], x[:2], mode="clip")
    z = x.copy()
    z.put([7, -8], [x[1], 2.0], mode="wrap")
    return y + z


def partitioned(x):
    y = x.copy()
    y.partition(2)
    return y[:2].sum() + y[2]


def columns_first(x):
    y = x.reshape(2, 3).copy(order="F")
    z = y.ravel()
    z[0] = 0.0  # A copy: the entries of y are not in order.
    return y.sum() + z[0] * x.nbytes + x.strides[0] * x[1]


def visited(x):
    total = 0.0
    for value in np.nditer(x):
        total = total + value**2
    return total


def visited_by_index(x):
    it, total = np.nditer(x.reshape(2, 3), flags=["multi_index"]), 0.0
    while not it.finished:
        total += it[0] * (it.multi_index[0] + 2 * it.multi_index[1])
        it.iternext()
    return total


def visited_together(x):
    y = np.zeros((2, 3))
    with np.nditer([x[:3], y], op_flags=[["readonly"], ["readwrite"]]) as it:
        for a, b in it:
            b[...] = a * a
    return y


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    "maximum_filter": lambda x: ndimage.maximum_filter(image(x), 3, mode="constant", cval=0.1),
    "minimum_filter": lambda x: ndimage.minimum_filter(image(x), footprint=HOLES, mode="wrap"),
    "median_filter": lambda x: ndimage.median_filter(image(x), (2, 3), mode="mirror"),
    "percentile_filter": lambda x: ndimage.percentile_filter(image(x), -30, size=3, mode="nearest"),
    "rank_filter": lambda x: ndimage.rank_filter(x, -2, 4, origin=-1),
    "minimum_filter1d": lambda x: ndimage.minimum_filter1d(image(x), 2, axis=0, origin=-1),
    "grey_dilation": lambda x: ndimage.grey_dilation(image(x), footprint=HOLES) + ndimage.grey_dilation(image(x), 2),
    "grey_erosion": lambda x: ndimage.grey_erosion(image(x), (2, 2)),
    "grey_closing": lambda x: ndimage.grey_closing(x, 3),
    "white_tophat": lambda x: ndimage.white_tophat(image(x), 2),
    "morphological_gradient": lambda x: ndimage.morphological_gradient(image(x), 3),
    "medfilt2d": lambda x: signal.medfilt2d(image(x), 3),
    "filters into arrays": filtered_into,
    "gaussian_gradient_magnitude": lambda x: ndimage.gaussian_gradient_magnitude(image(x), 1.0),
    "map_coordinates at variables": lambda x: ndimage.map_coordinates(TABLE, [x[:3] + 2, x[3:] + 2], order=1),
    "make_interp_spline": lambda x: interpolate.make_interp_spline(PLACES, x, k=2)(1.3),
    "a spline at variables": lambda x: interpolate.make_interp_spline(PLACES, PLACES**2)(x / 4 + 2),
    "splrep, splev": lambda x: interpolate.splev([1.2, 2.3], interpolate.splrep(PLACES, x), der=1),
    "cubic interp1d": lambda x: interpolate.interp1d(PLACES, x, kind="cubic")([1.5, 2.2]),
    "pchip of values": lambda x: interpolate.PchipInterpolator(PLACES, x)([1.5, 2.2]),
    "derivative of a spline of values": lambda x: interpolate.CubicSpline(PLACES, x)(1.5, 1),
    "griddata": lambda x: interpolate.griddata(POINTS, x, np.array([[0.3, 0.3]])),
    "RegularGridInterpolator": lambda x: interpolate.RegularGridInterpolator((PLACES, PLACES), TABLE)(
        (x[0] + 2, x[1] + 3)),
    "RegularGridInterpolator of uneven knots": lambda x: interpolate.RegularGridInterpolator(
        (np.array([-3.0, -1, 0.5, 4]),), np.array([1.0, 2, 0, 3]))(x[:, None]),
    "RegularGridInterpolator of values": lambda x: interpolate.RegularGridInterpolator(
        (PLACES[:2], PLACES[:3]), image(x))([[0.3, 1.2]]),
    "zscore": lambda x: stats.zscore(image(x), axis=1, ddof=1),
    "zmap": lambda x: stats.zmap(x, PLACES + x),
    "iqr": lambda x: stats.iqr(x) + stats.iqr(image(x), axis=1, rng=(10, 90)),
    "pearsonr": lambda x: sum(stats.pearsonr(x, np.sin(PLACES))),
    "wasserstein_distance": lambda x: stats.wasserstein_distance(x[:4], x[4:]) + stats.wasserstein_distance(x, PLACES),
    "energy_distance": lambda x: stats.energy_distance(x, PLACES + 0.1),
    "shapes by name": lambda x: stats.gamma.logpdf(PLACES + 1, a=np.exp(x[0]), scale=np.exp(x[1]))
    + stats.binom.logpmf(2, n=5, p=1 / (1 + np.exp(-x[2]))),
    "searchsorted among variables": lambda x: np.searchsorted(np.cumsum(np.exp(x)), 3.0, side="right") * x[0],
    "cov with weights": lambda x: np.cov(image(x), aweights=[1, 2, 3.0])
    + np.cov(image(x), fweights=[1, 2, 3], aweights=[0.1, 0.2, 0.3], ddof=0),
    "put with modes": put_around,
    "choose with modes": lambda x: np.choose([0, 1, 4], [x[:3], x[3:]], mode="wrap")
    + np.choose([0, 1, 4], [x[:3], x[3:]], mode="clip"),
    "methods of lists": lambda x: x.dot([x[0], 1.0, 2.0, x[1], 0.0, 3.0]),
    "partition in place": partitioned,
    "copies in Fortran's order": columns_first,
    "nditer": visited,
    "nditer with indices": visited_by_index,
    "nditer of two arrays": visited_together,
}  # fmt: skip
