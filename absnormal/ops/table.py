"""The operation table: one record an operation, and everything the sweeps know of it.

``value`` computes the operation.  ``maps`` gives, for each argument, the local derivative at the point as a
linear map; an exactly zero derivative is one (2 x at x = 0), never an underflow (exp(-800)).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import LinearMap

if TYPE_CHECKING:
    from absnormal.ops.kinks.kink import Kink

TINY = float(np.finfo(np.float64).tiny)
Params = Mapping[str, Any]
Shape = tuple[int, ...]


#: (params, arguments, result, shape) -> one linear map an argument
Maps = Callable[[Params, list[Any], Any, Shape], list[LinearMap]]


@functools.lru_cache(1 << 12)
def broadcast(*shapes: Shape) -> Shape:
    """The shape that arrays of some shapes have together."""
    return np.broadcast_shapes(*shapes)


def broadcast_shape(params: Params, *shapes: Shape) -> Shape:
    """The shape of an operation entry by entry."""
    first, last = shapes[0], shapes[-1]
    if len(shapes) <= 2 and (first == last or not last):
        return first
    return last if len(shapes) == 2 and not first else broadcast(*shapes)


@dataclass(frozen=True, slots=True)
class Op:
    """A row of the table.

    Attributes
    ----------
    name
        the name of the operation in a program
    value
        (params, *arguments) -> result
    maps
        (params, arguments, result, shape) -> one linear map an argument, or None for a kinked operation
    family
        "input", "movement", "linear", "bilinear", "smooth" or "kinked"
    domain
        (params, *arguments) -> a boolean array, True where the operation is continuously differentiable; None
        where it is so wherever its value is finite
    show
        how the listing writes it, a format string over the arguments
    kink
        all that is known of a kinked operation, and None for others
    decisive
        the positions of the arguments that the domain looks at; None: all
    shape
        (params, *shapes of the arguments) -> the shape of the result; None where only the value tells
    contradicted
        (params, arguments, linear maps) -> a derivative along a direction and the difference of values that
        contradicts it, or None; for operations whose derivative is somebody else's
    """

    name: str
    value: Callable[..., Array]
    maps: Maps | None
    family: str
    domain: Callable[..., Any] | None = None
    show: str = ""
    kink: Kink | None = None
    shape: Callable[..., Shape] | None = broadcast_shape
    decisive: tuple[int, ...] | None = None
    contradicted: Callable[[Params, list[Array], Sequence[LinearMap | None]], tuple[float, float] | None] | None = None


class Table(dict[str, Op]):
    """Rows by name; a second row of the same name is an error."""

    def add(self, *rows: Op) -> None:
        for row in rows:
            if row.name in self:
                raise ValueError(f"operation {row.name!r} has two rows")
            self[row.name] = row


def never(p: Array, zero: Any = False) -> Array:
    """``p`` with exact zeros replaced by the smallest normal number, except where ``zero``.

    A partial derivative that underflows although it is not 0 must not be an exact 0, which counts as a proof.
    """
    return np.asarray(p) if np.all(p) else np.where((p == 0) & ~np.asarray(zero), TINY, p)
