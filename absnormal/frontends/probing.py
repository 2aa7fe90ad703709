"""What a probe of an installed framework says about one of its kernels."""

from __future__ import annotations

from dataclasses import dataclass


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
