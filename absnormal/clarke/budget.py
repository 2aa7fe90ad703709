"""How much an explicit computation may cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Budget:
    """Limits of an enumeration; the first one reached ends it.

    Attributes
    ----------
    cells
        open cells that are listed
    programs
        feasibility problems that are solved: is a branch open, does a hull hold a point
    seconds
        wall-clock time from the start of the call, after which no search begins or goes on; what was found by then is
        still looked at

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> f = lambda x: np.abs(np.arange(20).reshape(5, 4) % 7 @ x).sum() - np.abs(x).sum()
    >>> an.generalized_gradient(f, np.zeros(4), budget=an.Budget(cells=3)).complete
    False
    """

    cells: int = 20_000
    programs: int = 100_000
    seconds: float = 20.0

    def __post_init__(self) -> None:
        for name in ("cells", "programs", "seconds"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"{name} must be a number >= 0, got {value!r}")

    def start(self, since: float | None = None) -> BudgetTracker:
        """A tracker whose time runs from now, or from a moment of ``time.monotonic``."""
        return BudgetTracker(self) if since is None else BudgetTracker(self, _since=since)


@dataclass
class BudgetTracker:
    """What has been spent of a budget."""

    budget: Budget
    cells: int = 0
    programs: int = 0
    _since: float = field(default_factory=time.monotonic)
    _parts: list[BudgetTracker] = field(default_factory=list)

    @property
    def spent(self) -> str:
        """Which limit is reached; empty while none is."""
        if self.cells >= self.budget.cells:
            return f"{self.budget.cells} open cells"
        if self.programs >= self.budget.programs:
            return f"{self.budget.programs} feasibility problems"
        if self.late:
            return f"{self.budget.seconds:.3g} seconds"
        return ""

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self._since >= self.budget.seconds

    @property
    def report(self) -> str:
        """What was done before the limit was reached; empty while none is."""
        spent = self.spent
        if not spent:
            return next(filter(None, (part.report for part in self._parts)), "")
        return f"the budget ended ({spent}) after {self.cells} open cells and {self.programs} feasibility problems"

    def part(self) -> BudgetTracker:
        """A tracker with half of the time that is left, so that one search leaves some to the next."""
        over = time.monotonic() - self._since
        seconds = max(0.0, over + (self.budget.seconds - over) / 2)
        self._parts.append(BudgetTracker(replace(self.budget, seconds=seconds), _since=self._since))
        return self._parts[-1]
