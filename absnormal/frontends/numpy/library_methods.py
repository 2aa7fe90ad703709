"""Methods of SciPy's classes: piecewise polynomials at variables, and those of distributions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from absnormal.frontends.numpy.columns import COLUMN_METHODS
from absnormal.frontends.numpy.distributions import CONTINUOUS, DISCRETE
from absnormal.frontends.numpy.interpolation import piecewise_polynomial, spline, table
from absnormal.frontends.numpy.sparse import multiply
from absnormal.frontends.writing import writer_of


def _compiled(self: Any, *args: Any, **kwargs: Any) -> None:
    """What is made by code in C, which would take a variable for an array's memory."""
    writer_of([args, [*kwargs.values()]], f"scipy.spatial.{type(self).__name__}").refuse(
        "takes no variables", "find it from constants, and compute with the entries that it names")


#: The module and the class, with the rules for its methods.
METHODS: tuple[tuple[str, str, dict[str, Callable[..., Any]]], ...] = (
    ("scipy.interpolate", "PPoly", {"__call__": piecewise_polynomial}),
    ("scipy.interpolate", "BSpline", {"__call__": spline}),
    ("scipy.interpolate", "RegularGridInterpolator", {"__call__": table}),
    ("scipy.sparse", "csr_matrix", {"multiply": multiply}),
    ("scipy.sparse", "dia_matrix", {"multiply": multiply}),
    *(("scipy.spatial", name, {"__init__": _compiled})
      for name in ("ConvexHull", "Delaunay", "Voronoi", "HalfspaceIntersection")),
    *COLUMN_METHODS,
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


def attributes(one: Any) -> list[Any]:
    """What an object has."""
    names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    return [one, *getattr(one, "__dict__", {}).values(), *(getattr(one, name, None) for name in names)]


def classes() -> list[tuple[type, str, dict[str, Callable[..., Any]]]]:
    """The classes of the modules that are loaded in which these methods are, with the rules for them."""
    found = []
    for module, name, rules in METHODS:
        kinds = getattr(sys.modules.get(module), name, object).__mro__
        owner = next((kind for kind in kinds if rules.keys() <= vars(kind).keys()), None)
        if owner is not None and kinds[0] is not object:
            found.append((owner, f"{module}.{name}", rules))
    return found
