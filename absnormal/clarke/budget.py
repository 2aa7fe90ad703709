"""How much an explicit computation may cost."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

#: The parts of the time that turns have, one after the other.
SHARES = (1 / 16, 1 / 4, 1.0)


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
        return BudgetTracker(self, Clock() if since is None else Clock(since))


@dataclass
class Clock:
    """The time of a question, which searches have in turns: a little at first, and then more, so that none of them
    spends the time of another.

    Attributes
    ----------
    started
        when the question was asked, by ``time.monotonic``
    began
        what this thread had worked by then, by ``time.thread_time``
    share
        the part of the time of a budget that is over at the end of this turn
    turn
        its number
    hurried
        whether a search was told in this turn that its time is over
    """

    started: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.thread_time)
    share: float = 1.0
    turn: int = 0
    hurried: bool = False

    @property
    def over(self) -> float:
        """Seconds since the start; in all turns but the last those that this thread has worked, so that other processes
        change little in what is found when."""
        return time.monotonic() - self.started if self.share == 1.0 else time.thread_time() - self.began

    def turns(self) -> Iterator[None]:
        """One turn after the other, as long as more time may change an answer."""
        for share in SHARES:
            self.share, self.turn, self.hurried = share, self.turn + 1, False
            yield
            if not self.hurried:
                return


@dataclass
class BudgetTracker:
    """What has been spent of a budget; a part of one has a time of its own, in seconds from the start."""

    budget: Budget
    clock: Clock = field(default_factory=Clock)
    cells: int = 0
    programs: int = 0
    _own: float = math.inf
    _told: bool = False
    _parts: list[BudgetTracker] = field(default_factory=list)

    @property
    def spent(self) -> str:
        """Which limit is reached; empty while none is."""
        return self._counted or (self._in_time if self.late else "")

    @property
    def late(self) -> bool:
        """Whether the time is over; that a search was told so is kept."""
        if self.clock.over >= self.seconds or time.monotonic() - self.clock.started >= self.budget.seconds:
            self._told = self.clock.hurried = True
            return True
        return False

    @property
    def report(self) -> str:
        """What was done before a limit ended a search; empty where none did."""
        spent = self._counted or (self._in_time if self._told else "")
        if not spent:
            return next(filter(None, (part.report for part in self._parts)), "")
        return f"the budget ended ({spent}) after {self.cells} open cells and {self.programs} feasibility problems"

    def part(self) -> BudgetTracker:
        """A tracker with half of the time that is left, so that one search leaves some to the next."""
        over = self.clock.over
        self._parts.append(BudgetTracker(self.budget, self.clock, _own=over + max(0.0, self.seconds - over) / 2))
        return self._parts[-1]

    @property
    def seconds(self) -> float:
        """How long after the start the time is over."""
        return min(self.budget.seconds * self.clock.share, self._own)

    @property
    def _in_time(self) -> str:
        return f"{self.seconds:.3g} seconds"

    @property
    def _counted(self) -> str:
        if self.cells >= self.budget.cells:
            return f"{self.budget.cells} open cells"
        if self.programs >= self.budget.programs:
            return f"{self.budget.programs} feasibility problems"
        return ""
