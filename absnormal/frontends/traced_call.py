"""What a front end hands over: a function as it ran at a point, with the gradient of the tool where it has one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError
from absnormal.judgement.tolerances import machine_epsilon
from absnormal.program.program import Program
from absnormal.program.tree import join
from absnormal.program.values import OVERFLOWS
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, eq=False)
class TracedCall:
    """A function at a point, as a tool ran it.

    Attributes
    ----------
    program
        the abs-only evaluation form, in float64
    values
        the values of its nodes: where a node is the result of a framework's operation, the value that the framework
        computed, so that activity is decided by it
    tool
        the name of the tool whose gradient is asked about
    wrap
        gives a flat gradient the structure of x, as the framework's own arrays; None: as NumPy arrays
    unwrap
        gives a gradient in the structure of x that of the program's tree, as NumPy arrays; None: they are the same
    slopes
        the slope of |z_i| that the tool's own kernels use at each switch, shape (s,); it matters where z_i = 0.  None:
        what `absnormal.frontends.ties.slopes` has under the name of the tool
    leaves
        the gradient that the tool returned, one array for each leaf of x.  Empty: backward mode with these slopes is
        the tool
    dtype
        the precision in which that gradient was computed
    notes
        what a reader of the verdict must know: scalar reads within rounding of a threshold, arithmetic used
    foreign
        phrases that name, with the user's line where it is known, each piece of user-written derivative code that had a
        part in the gradient: "a backward of its own: Wrong at net.py:12", "a tensor hook".  Empty: the framework's own
        derivative formulas made it, with the slopes of its kernels, from the operations that were followed
    units
        for each node of the program, in order, the machine epsilon of the precision in which the framework computed it
        (its type, or a coarser one inside), 0.0 for exact steps: constants, movements of entries; None: all in
        ``dtype``
    own
        the same values, each in the precision that it is known in: what the framework computed in its own, what is
        written in between in float64; they decide activity and structure; None: ``values``
    working
        the same values in the framework's own precision, for the comparison with its gradient; None: ``values``
    flat
        the jumps at this point that cancel in f, which a tool takes for constants though they are none on either side
    left_out
        the operations that f does not follow near this point, where they have no derivative: a tool computes them all
        the same, and its gradient may be NaN
    here_only
        whether a tool may return NaN at another point that takes the same branches, as it differentiates a choice that
        the program leaves out
    undefined
        the operations or lines at which the gradient that the tool returned became NaN or infinite; empty: it is
        finite, or they are not known
    other_precision
        traces f at x again, in double precision, or in single precision where double is its own; asked when the
        comparison of gradients is not conclusive; None where f does not run in it
    """

    program: Program
    values: Sequence[Array]
    tool: str = "autograd"
    wrap: Callable[[Array], Any] | None = None
    unwrap: Callable[[Any], Any] | None = None
    slopes: Array | None = None
    leaves: Sequence[Array] = ()
    dtype: Any = np.float64
    notes: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    units: Sequence[float] | None = None
    own: Sequence[Array] | None = None
    working: Sequence[Array] | None = None
    flat: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    here_only: bool = False
    undefined: tuple[str, ...] = ()
    other_precision: Callable[[], TracedCall | None] | None = None

    @property
    def gradient(self) -> Array:
        """The gradient that the tool returned, shape (n,)."""
        return join(self.leaves)

    @property
    def is_what_a_tool_runs(self) -> bool:
        """Whether the program has all that a tool differentiates, and nothing else."""
        return not self.flat and not self.left_out

    @property
    def rational(self) -> bool:
        """Whether f ran on rational numbers, as NumPy's functions alone can."""
        return self.own is None and any(value.dtype == object for value in self.values)

    def sweeps(self, atol: float = 0.0) -> Sweeps:
        """The sweeps as the tool does them, in float64 whatever arithmetic the values are in.

        Raises
        ------
        DomainError
            where a number of the point is larger than float64 can hold
        """
        if not self.rational:
            units = machine_epsilon(self.dtype) if self.units is None else self.units
            return Sweeps(self.program, None, atol, self.values, self.own, units)
        try:
            return Sweeps(self.program, [leaf.astype(float) for leaf in self.program.inputs(self.values)], atol)
        except OverflowError as error:
            raise DomainError("x", "the point holds a number that float64 cannot") from error

    def shaped(self, flat: Array) -> Any:
        """A flat gradient in the structure of x."""
        return self.program.tree.unflatten(flat) if self.wrap is None else self.wrap(flat)


def precision_note(kind: Any, tool: str, overflows: bool) -> str:
    """What decides activity where f does not run in float64."""
    return OVERFLOWS if overflows else (
        f"activity is decided by the {kind} values that {tool} computed; linear algebra is in float64")


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
