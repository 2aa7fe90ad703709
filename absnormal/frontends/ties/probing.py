"""What a probe of an installed framework says about one of its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from absnormal.errors import TraceError


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
    raise TraceError(tie, problem, "report it; judge the vector with gradient=")
