"""Methods of SciPy's classes: piecewise polynomials at variables, and those of distributions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from absnormal.frontends.meanings.outcomes import looked_up
from absnormal.frontends.meanings.steps import searched
from absnormal.frontends.numpy.distributions import CONTINUOUS, DISCRETE
from absnormal.frontends.writing import writer_of


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


#: The module and the class, with the rules for its methods.
METHODS: tuple[tuple[str, str, dict[str, Callable[..., Any]]], ...] = (
    ("scipy.interpolate", "PPoly", {"__call__": piecewise_polynomial}),
    ("scipy.stats", "rv_continuous", CONTINUOUS),
    ("scipy.stats", "rv_discrete", DISCRETE),
)


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
    for module, name, rules in METHODS:
        kinds = getattr(sys.modules.get(module), name, object).__mro__
        owner = next((kind for kind in kinds if rules.keys() <= vars(kind).keys()), None)
        if owner is not None and kinds[0] is not object:
            found.append((owner, f"{module}.{name}", rules))
    return found
