"""What a framework's front end hands over: a function as it ran at a point, with the framework's own gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError
from absnormal.program.program import Program
from absnormal.program.tree import join


@dataclass(frozen=True, eq=False)
class TracedCall:
    """A function of a framework at a point.

    Attributes
    ----------
    program
        the abs-only evaluation form, in float64
    values
        the values of its nodes: where a node is the result of a framework's operation, the value that the framework
        computed, so that activity is decided by it
    slopes
        the slope of |z_i| that the framework's own kernels use at each switch, shape (s,); it matters where z_i = 0
    leaves
        the gradient that the framework returned, one array for each leaf of x; ``gradient`` is the same, flat
    dtype
        the precision in which it was computed
    tool
        the framework's name
    wrap
        a flat gradient in the structure of x, as the framework's own arrays
    own
        the same values, each in the precision that it is known in: what the framework computed in its own, what is
        written in between in float64; they decide activity and structure; None: ``values``
    working
        the same values in the framework's own precision, for the comparison with its gradient; None: ``values``
    other_precision
        captures f at x again, in double precision, or in single precision where double is its own; asked when the
        comparison of gradients is not conclusive; None where f does not run in it
    notes
        what a reader of the verdict must know: scalar reads within rounding of a threshold, arithmetic used
    units
        for each node of the program, in order, the machine epsilon of the precision in which the framework computed it
        (its type, or a coarser one inside), 0.0 for exact steps: constants, movements of entries; None: all in
        ``dtype``
    foreign
        phrases that name, with the user's line where it is known, each piece of user-written derivative code that had a
        part in the gradient: "a backward of its own: Wrong at net.py:12", "a tensor hook".  Empty: the framework's own
        derivative formulas made it, with the slopes of its kernels, from the operations that were followed
    """

    program: Program
    values: Sequence[Array]
    slopes: Array
    leaves: Sequence[Array]
    dtype: Any
    tool: str
    wrap: Callable[[Array], Any]
    notes: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    units: Sequence[float] | None = None
    own: Sequence[Array] | None = None
    working: Sequence[Array] | None = None
    other_precision: Callable[[], TracedCall | None] | None = None

    @cached_property
    def gradient(self) -> Array:
        """The gradient that the framework returned, shape (n,)."""
        return join(self.leaves)


def held_constant(places: Iterable[Any]) -> tuple[str, ...]:
    """The note on values that are held constant, with their lines."""
    lines = list(dict.fromkeys(str(place) for place in places if place is not None))
    if not lines:
        return ()
    return (f"held constant, as the framework does: what is detached or stopped at {', '.join(lines)}",)


def check_fits(given: Array, finite: bool, dtype: Any) -> None:
    """Raise where numbers became infinite in the precision of x."""
    if not finite and np.isfinite(given).all():
        raise DomainError("f", f"a gradient of up to {np.abs(given).max():.3g} in an entry is too large for {dtype}")
