"""What the program knows of a kink: one class for each, in a file of its own, and a row in `absnormal.ops.kinks`.

A kinked operation is a primitive.  Its value is the operation's own, so the rewriting to |.| adds no rounding; its
switching variables z and its derivatives come from the rewriting.  With given slopes sigma of |z| it is a linear map
of its arguments, its `LocalDerivative`.

How to add a kink
-----------------
Write a file with one class, and one line in the table.  Where every entry of the result compares once, the class is an
`Entrywise`, which says five things; everything else follows from them:

======  =====================================================================================
name    the name of the operation in a program, and ``show``, how a listing writes it in |.|
value   the operation itself
rates   the derivative of z with respect to the first arguments, for example (1, -1) for u - v
sides   the coefficients of the arguments where z > 0, and where z < 0
weight  the derivative of the result with respect to |z|
======  =====================================================================================

Where entries mix, as in a running maximum, it is a `Kink` with a `LocalDerivative` and `IntervalSlopes` of its own; its
sparse rows are read off from the derivative.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.ops.table import Params, Shape, broadcast_shape

T = TypeVar("T")
#: The shapes of arguments; None for constants.
Shapes = Sequence[Shape | None]
Tangents = Sequence[Array | None]
Ends = tuple[Array, Array]
#: What a pull gives: the position of an argument, a map, and the adjoint that it pulls to this argument.
Term = tuple[int, LinearMap, Array]


class LocalDerivative(ABC):
    """A kinked operation with given slopes of |z|: a linear map of its arguments.

    Tangents and adjoints carry a leading axis: k of them travel together.
    """

    @property
    def coefficients(self) -> Sequence[Array | None] | None:
        """The derivatives by the arguments, entry by entry (None for constants); None where entries mix."""
        return None

    @property
    def chosen(self) -> Array | None:
        """For definite slopes, the entry along axis 0 of the argument that each running value is; otherwise None."""
        return None

    @abstractmethod
    def push(self, inner: Tangents, count: int) -> Array:
        """The tangents (k, *out) of the result."""

    @abstractmethod
    def push_both(self, inner: Tangents, count: int) -> tuple[Array, Array]:
        """The tangents (k, *out) of the result, and z' (k, switches)."""

    @abstractmethod
    def pull(self, w: Array | None, seeds: Array | None, weigh: bool) -> tuple[list[Term], Array | None]:
        """What the adjoints ``w`` (k, *out) of the result and ``seeds`` (k, switches) of z add to the arguments.

        With ``weigh`` also the adjoints (k, switches) of |z|; None where they are zero.
        """

    @abstractmethod
    def entrywise(self, change: Change, bound: float | None) -> LocalDerivative:
        """The derivative with ``change`` applied to its coefficients, where NaN slopes make them NaN to ``bound``."""


class IntervalSlopes(ABC):
    """A kinked operation whose active slopes may be anything in [-1, 1]."""

    @abstractmethod
    def pull(self, position: int, low: Array, high: Array, size: Array) -> tuple[Array, Array, Array] | None:
        """An adjoint in [low, high] of size at most ``size``, as bounds on what it adds to one argument."""

    @abstractmethod
    def push(self, middle: Tangents, radius: Tangents, size: Tangents) -> tuple[Array, Array, Array]:
        """Tangents middle +- radius, of size at most ``size``, as bounds (low, high, size) on that of the result."""


class Kink(ABC):
    """A kinked operation.

    Attributes
    ----------
    name
        the name of the operation in a program
    show
        how a listing writes it in |.|: a format string over the arguments
    rates
        the derivatives of z with respect to the first arguments, where each entry of the result compares once; empty
        where entries mix
    """

    name: str
    show: str
    rates: tuple[int, ...] = ()
    #: Whether several switching variables are one block, whose slopes lie in a ball together.
    blocks = False
    #: Whether such a block is a sort, whose slopes say an order (THEORY 7.4); otherwise it is a norm (THEORY 8).
    permutes = False

    @abstractmethod
    def value(self, params: Params, *args: Array) -> Array:
        """The operation itself."""

    def shape(self, params: Params, *shapes: Shape) -> Shape:
        """The shape of the result."""
        return broadcast_shape(params, *shapes)

    def count(self, shapes: Sequence[Shape], out: Shape) -> int:
        """How many switching variables it owns."""
        return math.prod(out)

    @abstractmethod
    def switching(self, params: Params, args: Sequence[Array]) -> Array:
        """The switching variables, flat, in evaluation order."""

    def signs(self, params: Params, z: Array) -> Array:
        """The slopes of |z| where z is not 0, and 0 where it is."""
        return np.asarray(np.sign(z))

    def torn(self, params: Params, z: Array, atol: float) -> bool:
        """Whether a block of switching variables is at a kink that its slopes cannot say: a sort, some of whose entries
        tie, but not all."""
        return False

    # -- derivatives -------------------------------------------------------------------------------------------

    @abstractmethod
    def derivative(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> LocalDerivative:
        """The operation with ``slopes`` of its |z|, flat."""

    @abstractmethod
    def intervals(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> IntervalSlopes:
        """The operation with NaN for the slopes that may be anything in [-1, 1]."""

    @abstractmethod
    def choose(
        self, params: Params, args: Sequence[Array], inner: Tangents, out: Shape, tied: Array, slopes: Array
    ) -> Array | None:
        """Write sign z' along one tangent of the arguments (leading axis 1) to ``slopes`` where they are tied.

        Returns z' (1, switches) where it does not depend on the slopes.
        """

    @abstractmethod
    def curvature(self, params: Params) -> float:
        """A number with the sign of the weight of |z|, and no smaller in size."""

    @abstractmethod
    def bound(self, params: Params) -> float:
        """The largest derivative with respect to one argument."""

    @abstractmethod
    def roundings(self, shapes: Sequence[Shape], out: Shape) -> int:
        """How many roundings one term of a push or a pull can suffer."""

    # -- values, near the point --------------------------------------------------------------------------------

    @abstractmethod
    def errors(self, params: Params, inner: Sequence[Array], out: Shape) -> tuple[Array, Array]:
        """Errors of the arguments as errors of the result and of z, without the operation's own rounding."""

    @abstractmethod
    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        """How far the result and z move when the arguments move by at most ``inner``.

        ``rounded`` adds the rounding of terms of a size: (radius, size) -> radius.
        """

    @abstractmethod
    def selected(self, params: Params, inner: Sequence[Ends], out: Shape, slopes: Array) -> Ends:
        """Intervals of the tangents of the arguments, as that of the result; a slope 0 stands for any."""

    # -- in words and symbols ----------------------------------------------------------------------------------

    @abstractmethod
    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        """The result, flat, on anything with the arithmetic of rational numbers.

        ``size(i, z)`` is |z_i| where the slope is 0; None where the operation owns no switches.
        """

    def around_zero(self, params: Params, zero: Sequence[bool]) -> tuple[float, float, int] | None:
        """a, b and the position of u where the result is a u + b |u|; ``zero`` marks the arguments that are 0."""
        return None

    def extremum(self, params: Params) -> int:
        """1 where the result is the largest entry along the first axis, -1 where it is the smallest, 0 for others."""
        return 0

    def shown(self, params: Params) -> str:
        """`show` for given parameters."""
        return self.show


def sole(given: Sequence[T | None]) -> T:
    """What is given of the one argument, which is no constant."""
    (found,) = given
    assert found is not None
    return found


_EXACT = np.dtype(object)


def number_type(like: Any) -> Callable[[Any], Any]:
    """The numbers that go with an array: Fractions with exact ones, floats with others."""
    return Fraction if getattr(like, "dtype", _EXACT) == _EXACT else float


def half(like: Array) -> Any:
    """1/2, as a number that goes with an array."""
    return Fraction(1, 2) if like.dtype == object else 0.5
