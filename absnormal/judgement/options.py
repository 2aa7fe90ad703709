"""What a caller asks for with a verdict, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.clarke.budget import Budget
from absnormal.judgement.tolerances import Tolerance, checked


@dataclass(frozen=True, eq=False)
class Options:
    """The options of `absnormal.verify`, which describes them.

    Raises
    ------
    ValueError
        for a value that an option cannot have
    """

    gradient: Any = None
    slope: Any = None
    exact: bool = False
    atol: float = 0.0
    rtol: float | None = None
    atol_gradient: float = 0.0
    stopped: str = "constant"
    budget: Budget | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, (int, np.integer)) or self.seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {self.seed!r}")
        if isinstance(self.atol, bool) or not (isinstance(self.atol, (int, float)) and self.atol >= 0):
            raise ValueError(f"atol must be a number >= 0, got {self.atol!r}")
        if not isinstance(self.budget, Budget | None):
            raise ValueError(
                f"budget must be an absnormal.Budget, such as Budget(seconds=5), got {type(self.budget).__name__}"
            )
        if self.stopped not in ("constant", "followed"):
            raise ValueError(f'stopped must be "constant" or "followed", got {self.stopped!r}')
        checked(self.rtol, "rtol")
        checked(self.atol_gradient, "atol_gradient")

    @property
    def limits(self) -> Budget:
        """The limits of explicit enumeration."""
        return Budget() if self.budget is None else self.budget

    @property
    def tolerance(self) -> Tolerance:
        """How far what float64 computes may lie from what is proved."""
        return Tolerance.of(np.float64, self.rtol, self.atol_gradient)
