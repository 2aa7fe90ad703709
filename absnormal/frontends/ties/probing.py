"""What a probe of an installed framework says about one of its kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from absnormal.errors import TraceError

_REPORT = "report it; judge the vector with gradient="


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of slopes.

    Attributes
    ----------
    operation
        what a person calls the kernel
    kink
        where it was called
    slope
        the slope of |u - kink| that the installed version uses
    measured
        the slope that was measured when this package was written
    """

    operation: str
    kink: float
    slope: float
    measured: float

    @property
    def agrees(self) -> bool:
        """Whether the installed version does what was measured."""
        return self.slope == self.measured


class Probe(NamedTuple):
    """A kernel with one kink at ``kink``; its derivative is ``left`` before and ``right`` after it.

    ``slope`` is that of |u - kink| that the framework was measured to use, in the version of the tables.
    """

    call: Callable[[Any], Any]
    kink: float
    left: float
    right: float
    slope: float

    def slope_of(self, derivative: float, name: str, within: float) -> float:
        """The slope with which the derivative comes out at the kink, one of -1, 0 and 1 where it is that near.

        Raises
        ------
        TraceError
            where the derivative is none between the one-sided ones
        """
        c = (2 * derivative - self.left - self.right) / (self.right - self.left)
        nearest = min((-1.0, 0.0, 1.0), key=lambda value: abs(value - c))
        c = nearest if abs(c - nearest) < within else c
        if not -1 <= c <= 1:
            problem = f"has the derivative {derivative:g} at {self.kink:g}, between none of its sides"
            raise TraceError(name, problem, _REPORT)
        return c


def of_shares(tie: str, shares: Sequence[float]) -> float | str:
    """The slope of a reduction ("max..." or "min...") that gives three tied entries these shares of its derivative.

    Raises
    ------
    TraceError
        for shares that no slope gives
    """
    sign = 1.0 if tie.startswith("max") else -1.0
    known: tuple[tuple[tuple[float, ...], float | str], ...] = (
        ((1 / 3, 1 / 3, 1 / 3), "even"), ((1, 0, 0), sign), ((0, 0, 1), -sign), ((0.25, 0.25, 0.5), 0.0),
    )
    for weights, slope in known:
        if max(abs(share - weight) for share, weight in zip(shares, weights, strict=True)) < 1e-4:
            return slope
    problem = f"gives three tied entries the weights {list(shares)}"
    raise TraceError(tie, problem, _REPORT)
