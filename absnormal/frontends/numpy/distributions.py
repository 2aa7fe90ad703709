"""scipy.stats: densities, masses and distribution functions of common distributions, by their formulas.

A density is followed inside of its support, where it is smooth; at the end of the support it jumps or has a derivative
of one side only, and outside of it its logarithm is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of

_LOG_2, _LOG_2_PI = math.log(2), math.log(2 * math.pi)

#: Logarithms of densities, of the standard variable and the shapes.
LOG_DENSITIES: dict[str, Callable[..., Any]] = {
    "norm": lambda z: -z * z / 2 - _LOG_2_PI / 2,
    "logistic": lambda z: -z - 2 * np.logaddexp(0.0, -z),
    "cauchy": lambda z: -np.log1p(z * z) - math.log(math.pi),
    "laplace": lambda z: -np.abs(z) - _LOG_2,
    "gumbel_r": lambda z: -z - np.exp(-z),
    "gumbel_l": lambda z: z - np.exp(z),
    "t": lambda z, df: special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - np.log(df * math.pi) / 2
    - (df + 1) / 2 * np.log1p(z * z / df),
    "expon": lambda z: -z,
    "gamma": lambda z, a: (a - 1.0) * np.log(z) - z - special.gammaln(a),
    "chi2": lambda z, df: (df / 2 - 1) * np.log(z) - z / 2 - special.gammaln(df / 2) - df / 2 * _LOG_2,
    "invgamma": lambda z, a: -(a + 1.0) * np.log(z) - special.gammaln(a) - 1 / z,
    "lognorm": lambda z, s: -np.log(z) - np.log(s) - _LOG_2_PI / 2 - (np.log(z) / s) ** 2 / 2,
    "weibull_min": lambda z, c: np.log(c) + (c - 1) * np.log(z) - np.exp(c * np.log(z)),
    "halfnorm": lambda z: -z * z / 2 + _LOG_2 - _LOG_2_PI / 2,
    "rayleigh": lambda z: np.log(z) - z * z / 2,
    "pareto": lambda z, b: np.log(b) - (b + 1) * np.log(z),
    "beta": lambda z, a, b: (a - 1.0) * np.log(z) + (b - 1.0) * np.log1p(-z) - special.betaln(a, b),
}  # fmt: skip

#: Distribution functions.
DISTRIBUTIONS: dict[str, Callable[..., Any]] = {
    "norm": special.ndtr,
    "logistic": special.expit,
    "cauchy": lambda z: np.arctan(z) / math.pi + 0.5,
    "gumbel_r": lambda z: np.exp(-np.exp(-z)),
    "gumbel_l": lambda z: -np.expm1(-np.exp(z)),
    "t": lambda z, df: special.stdtr(df, z),
    "expon": lambda z: -np.expm1(-z),
    "gamma": lambda z, a: special.gammainc(a, z),
    "chi2": lambda z, df: special.gammainc(df / 2, z / 2),
    "invgamma": lambda z, a: special.gammaincc(a, 1 / z),
    "lognorm": lambda z, s: special.ndtr(np.log(z) / s),
    "weibull_min": lambda z, c: -np.expm1(-np.exp(c * np.log(z))),
    "halfnorm": lambda z: special.erf(z / math.sqrt(2)),
    "rayleigh": lambda z: -np.expm1(-z * z / 2),
    "pareto": lambda z, b: -np.expm1(-b * np.log(z)),
    "beta": lambda z, a, b: special.betainc(a, b, z),
}
#: Their logarithms, where these are more than the logarithm of a number.
LOG_DISTRIBUTIONS: dict[str, Callable[..., Any]] = {
    **{name: lambda *args, function=function: np.log(function(*args)) for name, function in DISTRIBUTIONS.items()},
    "norm": special.log_ndtr, "logistic": special.log_expit,
}  # fmt: skip

#: Where the standard variable is, where that is not the whole line.
_SUPPORTS: dict[str, tuple[float, float]] = {
    "beta": (0.0, 1.0),
    "pareto": (1.0, math.inf),
    **dict.fromkeys(
        ("expon", "gamma", "chi2", "invgamma", "lognorm", "weibull_min", "halfnorm", "rayleigh"), (0.0, math.inf)),
}  # fmt: skip

#: Logarithms of masses at whole numbers k, and distribution functions.
LOG_MASSES: dict[str, Callable[..., Any]] = {
    "poisson": lambda k, mu: k * np.log(mu) - mu - special.gammaln(k + 1),
    "bernoulli": lambda k, p: k * np.log(p) + (1 - k) * np.log1p(-p),
    "binom": lambda k, n, p: special.gammaln(n + 1.0) - special.gammaln(k + 1) - special.gammaln(n - k + 1.0)
    + k * np.log(p) + (n - k) * np.log1p(-p),
    "geom": lambda k, p: (k - 1) * np.log1p(-p) + np.log(p),
    "nbinom": lambda k, n, p: special.gammaln(n + k) - special.gammaln(k + 1) - special.gammaln(n) + n * np.log(p)
    + k * np.log1p(-p),
}  # fmt: skip
CUMULATIVE: dict[str, Callable[..., Any]] = {"poisson": lambda k, mu: special.gammaincc(k + 1, mu)}
LOG_CUMULATIVE: dict[str, Callable[..., Any]] = {"poisson": lambda k, mu: np.log(special.gammaincc(k + 1, mu))}
#: The least whole number that has a mass, and the greatest by the shapes.
_WHOLE: dict[str, Callable[..., tuple[float, Any]]] = {
    "geom": lambda p: (1, math.inf), "bernoulli": lambda p: (0, 1), "binom": lambda n, p: (0, n),
}  # fmt: skip


def _arguments(write: Writer, own: Any, table: dict[str, Any], args: tuple[Any, ...], *given: Any) -> list[Any]:
    """The function in a table, the shapes, and where the distribution is and how wide."""
    count = own.numargs
    if own.name not in table or len(args) < count:
        write.refuse(f"of the distribution {own.name} is not supported", "write the formula with NumPy's functions")
    rest = [*args[count:], *given[len(args) - count :]]
    return [table[own.name], args[:count], *rest]


def _with_shapes(own: Any, args: tuple[Any, ...], shapes: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a method, with shapes that were given by their names."""
    names = [name.strip() for name in own.shapes.split(",")] if own.shapes and shapes else []
    return (*args, *(shapes[name] for name in names if name in shapes))


def _inside(write: Writer, u: Any, low: float, high: float) -> None:
    values = np.asarray(u.value if isinstance(u, TracedArray) else u)
    if not ((values > low) & (values < high)).all():
        write.refuse("is followed inside of the support only, where it is smooth", "keep the points inside of it")
    if isinstance(u, TracedArray):
        # The program says where it holds.
        for bound, beyond in ((low, np.greater), (high, np.less)):
            assert np.isinf(bound) or bool(np.all(beyond(u, bound)))


def _continuous(name: str, table: dict[str, Any], density: bool, change: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Any, x: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0, **shapes: Any) -> Any:
        args = _with_shapes(self, args, shapes)
        write = writer_of([x, *args, loc, scale], f"scipy.stats.{self.name}.{name}")
        function, numbers, loc, scale = _arguments(write, self, table, args, loc, scale)
        z = (x - loc) / scale
        _inside(write, z, *_SUPPORTS.get(self.name, (-math.inf, math.inf)))
        value = function(z, *numbers)
        return change(value - np.log(scale) if density else value)

    return method


def _discrete(name: str, table: dict[str, Any], mass: bool, change: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Any, k: Any, *args: Any, loc: Any = 0, **shapes: Any) -> Any:
        args = _with_shapes(self, args, shapes)
        write = writer_of([k, *args, loc], f"scipy.stats.{self.name}.{name}")
        function, numbers, loc = _arguments(write, self, table, args, loc)
        if any(isinstance(item, TracedArray) for item in (k, loc)):
            write.refuse("is followed in its parameters only", "keep the counts constant")
        count = np.floor(np.asarray(k, float) - loc)
        low, high = _WHOLE[self.name](*numbers) if self.name in _WHOLE else (0, math.inf)
        if any(isinstance(item, TracedArray) for item in (low, high)) or not ((count >= low) & (count <= high)).all():
            write.refuse("is followed inside of a constant support only", "keep the counts inside of it")
        if mass and (count != np.asarray(k) - loc).any():
            write.refuse("is 0 between whole numbers", "keep the counts whole")
        return change(function(count, *numbers))

    return method


def _same(value: Any) -> Any:
    return value


CONTINUOUS: dict[str, Callable[..., Any]] = {
    "logpdf": _continuous("logpdf", LOG_DENSITIES, True, _same),
    "pdf": _continuous("pdf", LOG_DENSITIES, True, np.exp),
    "cdf": _continuous("cdf", DISTRIBUTIONS, False, _same),
    "logcdf": _continuous("logcdf", LOG_DISTRIBUTIONS, False, _same),
}
DISCRETE: dict[str, Callable[..., Any]] = {
    "logpmf": _discrete("logpmf", LOG_MASSES, True, _same),
    "pmf": _discrete("pmf", LOG_MASSES, True, np.exp),
    "cdf": _discrete("cdf", CUMULATIVE, False, _same),
    "logcdf": _discrete("logcdf", LOG_CUMULATIVE, False, _same),
}
