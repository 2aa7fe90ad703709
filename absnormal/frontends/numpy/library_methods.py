"""Methods of SciPy's classes: piecewise polynomials at variables, densities of distributions on the whole line."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.meanings.jumps import looked_up
from absnormal.frontends.meanings.steps import searched
from absnormal.frontends.writing import Writer, writer_of


def piecewise_polynomial(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    """scipy.interpolate.PPoly.__call__, of which splines and monotone cubics are made."""
    write = writer_of(x, "scipy.interpolate.PPoly")
    if "BPoly" in {kind.__name__ for kind in type(self).__mro__}:
        write.refuse("is not followed in the Bernstein basis", "use PPoly.from_bernstein_basis")
    made = self.derivative(nu) if nu else self
    reach = made.extrapolate if extrapolate is None else extrapolate
    if made.c.ndim != 2 or reach == "periodic":
        write.refuse("is followed for one number each, not periodic", "evaluate one curve after the other")
    u = write.array(x)
    low, high = sorted((made.x[0], made.x[-1]))
    if made.x[0] > made.x[-1] or (not reach and ((u.value < low) | (u.value > high)).any()):
        write.refuse("is NaN outside of its knots", "extrapolate, or keep x between the knots")
    place = searched(write, made.x[1:-1], u, "right")
    step = u - looked_up(made.x, place)
    value = looked_up(made.c[0], place)
    for row in made.c[1:]:
        value = value * step + looked_up(row, place)
    return value


#: Logarithms of densities on the whole line, of the standard variable and the shapes.
LOG_DENSITIES: dict[str, Callable[..., Any]] = {
    "norm": lambda z: -z * z / 2 - math.log(2 * math.pi) / 2,
    "logistic": lambda z: -z - 2 * np.logaddexp(0.0, -z),
    "cauchy": lambda z: -np.log1p(z * z) - math.log(math.pi),
    "laplace": lambda z: -np.abs(z) - math.log(2),
    "t": lambda z, df: special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - np.log(df * math.pi) / 2
    - (df + 1) / 2 * np.log1p(z * z / df),
}  # fmt: skip

#: Logarithms of distribution functions.
LOG_DISTRIBUTIONS: dict[str, Callable[..., Any]] = {"norm": special.log_ndtr, "logistic": special.log_expit}
DISTRIBUTIONS: dict[str, Callable[..., Any]] = {"norm": special.ndtr, "logistic": special.expit}


def _standard(write: Writer, own: Any, table: dict[str, Any], args: tuple[Any, ...], loc: Any, scale: Any) -> Any:
    """The function in a table, the shapes, and where the distribution is."""
    count = own.numargs
    rest = args[count:]
    loc, scale = rest[0] if rest else loc, rest[1] if len(rest) > 1 else scale
    if own.name not in table or len(args) < count:
        write.refuse(f"of the distribution {own.name} is not supported", "write the formula with NumPy's functions")
    return table[own.name], args[:count], loc, scale


def _method(name: str, table: dict[str, Any], density: bool, change: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Any, x: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        write = writer_of([x, *args, loc, scale], f"scipy.stats.{self.name}.{name}")
        function, shapes, loc, scale = _standard(write, self, table, args, loc, scale)
        value = function((x - loc) / scale, *shapes)
        return change(value - np.log(scale) if density else value)

    return method


METHODS: dict[str, tuple[str, dict[str, Callable[..., Any]]]] = {
    "scipy.interpolate": ("PPoly", {"__call__": piecewise_polynomial}),
    "scipy.stats": ("rv_continuous", {
        "logpdf": _method("logpdf", LOG_DENSITIES, True, lambda value: value),
        "pdf": _method("pdf", LOG_DENSITIES, True, np.exp),
        "cdf": _method("cdf", DISTRIBUTIONS, False, lambda value: value),
        "logcdf": _method("logcdf", LOG_DISTRIBUTIONS, False, lambda value: value),
    }),
}  # fmt: skip


class _Attributes(dict[str, Any]):
    """The attributes of a class, which are set with it."""

    def __init__(self, kind: type) -> None:
        super().__init__(vars(kind))
        self.kind = kind

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        setattr(self.kind, name, value)


def namespace_of(kind: type) -> dict[str, Any]:
    """The attributes of a class, as a dictionary that can be written."""
    return _Attributes(kind)


def classes() -> list[tuple[type, str, dict[str, Callable[..., Any]]]]:
    """The classes of the modules that are loaded in which these methods are, with the rules for them."""
    found = []
    for module, (name, rules) in METHODS.items():
        kinds = getattr(sys.modules.get(module), name, object).__mro__
        owner = next((kind for kind in kinds if rules.keys() <= vars(kind).keys()), None)
        if owner is not None and kinds[0] is not object:
            found.append((owner, f"{module}.{name}", rules))
    return found
