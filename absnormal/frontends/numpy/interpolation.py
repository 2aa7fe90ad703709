"""scipy.interpolate: splines and tables at variables, and those of values that are variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.frontends.meanings.grids import interpolated, linear_taps
from absnormal.frontends.meanings.outcomes import looked_up
from absnormal.frontends.meanings.steps import searched
from absnormal.frontends.numpy.held import taken
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of

_BOTH = "has variables in its coefficients and in x", "keep one of them constant"


def _affine(write: Writer, value: Callable[[Any], Any], u: Any) -> Any:
    from absnormal.frontends.numpy.library import affine_map

    return affine_map(write, value, write.array(u))


def _kept(one: Any, name: str) -> Any:
    """What an object keeps under a name, or under that of a property."""
    return taken(getattr(one, f"_{name}", None) if hasattr(one, f"_{name}") else getattr(one, name))


def piecewise_polynomial(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    """scipy.interpolate.PPoly.__call__, of which splines and monotone cubics are made."""
    c, knots, reach = _kept(self, "c"), self.x, self.extrapolate if extrapolate is None else extrapolate
    write = writer_of([x, c], "scipy.interpolate.PPoly")
    if "BPoly" in {kind.__name__ for kind in type(self).__mro__}:
        write.refuse("is not followed in the Bernstein basis", "use PPoly.from_bernstein_basis")
    if c.ndim != 2 or reach == "periodic":
        write.refuse("is followed for one number each, not periodic", "evaluate one curve after the other")
    low, high = sorted((knots[0], knots[-1]))
    values = np.asarray(x.value if isinstance(x, TracedArray) else x, dtype=float)
    if knots[0] > knots[-1] or (not reach and ((values < low) | (values > high)).any()):
        write.refuse("is NaN outside of its knots", "extrapolate, or keep x between the knots")
    if nu >= len(c):
        return np.zeros(values.shape)
    inner = knots[1:-1]
    place: Any = np.searchsorted(inner, values, "right")
    if isinstance(x, TracedArray):
        place = searched(write, inner, x, "right")
    step, value = x - looked_up(knots, place), 0.0
    for power in range(len(c) - 1, nu - 1, -1):
        value = value * step + looked_up(c[len(c) - 1 - power], place) * math.perm(power, nu)
    return value


def _of_coefficients(knots: Any, c: Any, degree: int, axis: int = 0) -> Any:
    """A spline whose coefficients are variables."""
    from scipy.interpolate import BSpline

    made = BSpline.construct_fast(knots, np.zeros(c.shape), degree, axis=axis)
    setattr(made, "_c" if hasattr(made, "_c") else "c", c)
    return made


def spline(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    """scipy.interpolate.BSpline.__call__: linear in the coefficients, a piecewise polynomial in x."""
    from scipy.interpolate import BSpline, PPoly

    c, reach = _kept(self, "c"), self.extrapolate if extrapolate is None else extrapolate
    write = writer_of([x, c], "scipy.interpolate.BSpline")
    if not isinstance(c, TracedArray):
        ends, curves = slice(self.k, -self.k or None), []
        for curve in np.reshape(c, (len(c), -1)).T:
            made = PPoly.from_spline((self.t, curve, self.k))
            # The knots that are repeated at the ends have nothing between them.
            curves.append(piecewise_polynomial(PPoly(made.c[:, ends], made.x[ends], reach), x, nu))
        together: Any = np.stack(curves, -1)
        return together.reshape(np.shape(x) + c.shape[1:])
    if isinstance(x, TracedArray):
        write.refuse(*_BOTH)
    return _affine(write, lambda v: BSpline(self.t, v, self.k, reach, self.axis)(x, nu), c)


def make_interp_spline(x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0) -> Any:
    """scipy.interpolate.make_interp_spline at constant places."""
    from scipy.interpolate import make_interp_spline as of_numbers

    write = writer_of([x, y], "scipy.interpolate.make_interp_spline")
    if isinstance(x, TracedArray):
        write.refuse("the places are variables", "keep the places constant")
    empty = of_numbers(x, np.zeros(np.shape(y)), k, t, bc_type, axis)
    c = _affine(write, lambda v: of_numbers(x, v, k, t, bc_type, axis).c, y)
    return _of_coefficients(empty.t, c, empty.k, empty.axis)


def splrep(x: Any, y: Any, k: int = 3, s: Any = None) -> Any:
    """scipy.interpolate.splrep of what interpolates."""
    from scipy.interpolate import splrep as of_numbers

    write = writer_of([x, y], "scipy.interpolate.splrep")
    if isinstance(x, TracedArray) or s:
        write.refuse("is followed at constant places without smoothing", "leave s out, and keep the places constant")
    return of_numbers(x, np.zeros(np.shape(y)), k=k)[0], _affine(write, lambda v: of_numbers(x, v, k=k)[1], y), k


def splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """scipy.interpolate.splev."""
    from scipy.interpolate import BSpline
    from scipy.interpolate import splev as of_numbers

    knots, c, degree = tck
    write = writer_of([x, c], "scipy.interpolate.splev")
    if isinstance(c, TracedArray) and not isinstance(x, TracedArray):
        return _affine(write, lambda v: of_numbers(x, (knots, v, degree), der, ext), c)
    if ext:
        write.refuse("is followed where it extrapolates", "leave ext out, and keep x between the knots")
    if isinstance(c, TracedArray):
        write.refuse(*_BOTH)
    return spline(BSpline(knots, c, degree), x, der)


def _between(write: Writer, values: Any, coordinates: list[Any]) -> Any:
    """Multilinear interpolation of entries, at coordinates that count them."""
    along = []
    for at in coordinates:
        low, taps = linear_taps(write, at)
        along.append(([np.expand_dims(low + step, 0) for step, _ in taps], [np.expand_dims(w, 0) for _, w in taps]))
    return interpolated(write, write.array(values)[None, None], along)[0, 0]


def _check_inside(write: Writer, at: Any, low: float, high: float) -> None:
    values = np.asarray(at.value if isinstance(at, TracedArray) else at, dtype=float)
    if not ((values > low) & (values < high)).all():
        write.refuse("is followed between the first and the last entry", "keep the coordinates inside")


def table(self: Any, xi: Any, method: Any = None) -> Any:
    """scipy.interpolate.RegularGridInterpolator.__call__."""
    from scipy.interpolate import RegularGridInterpolator

    grid, values, kind = self.grid, _kept(self, "values"), method or self.method
    write = writer_of([xi, values], "scipy.interpolate.RegularGridInterpolator")
    points = np.stack(np.broadcast_arrays(*xi), -1) if isinstance(xi, tuple) else xi
    if not isinstance(points, TracedArray):
        fill = self.fill_value
        return _affine(write, lambda v: RegularGridInterpolator(grid, v, kind, self.bounds_error, fill)(points), values)
    if kind != "linear" or np.ndim(values) != len(grid):
        write.refuse("is followed in x for method='linear', of one number", "interpolate one table after the other")
    coordinates = [points[..., axis] for axis in range(len(grid))]
    for at, knots in zip(coordinates, grid, strict=True):
        _check_inside(write, at, knots[0], knots[-1])
    return _between(write, values, [np.interp(at, knots, np.arange(len(knots)))
                                    for at, knots in zip(coordinates, grid, strict=True)])


def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant", cval: float = 0.0,
    prefilter: bool = True,
) -> Any:
    """scipy.ndimage.map_coordinates."""
    from scipy.ndimage import map_coordinates as of_numbers

    write = writer_of([input, coordinates], "scipy.ndimage.map_coordinates")
    if not isinstance(coordinates, TracedArray):
        return _affine(write, lambda v: of_numbers(v, coordinates, None, order, mode, cval, prefilter), input)
    if order != 1:
        write.refuse("is followed in the coordinates for order=1", "use order=1")
    for at, size in zip(coordinates, np.shape(input), strict=True):
        _check_inside(write, at, 0, size - 1)
    return _between(write, input, list(coordinates))
