"""A problem of the grid, and what became of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import absnormal as an

#: Seconds that a verdict may take, and what may come on top.
SECONDS = 4.0
OVER = 1.2 * SECONDS + 0.5


@dataclass(frozen=True, eq=False)
class Problem:
    """A function at a degenerate point.

    Attributes
    ----------
    family, name
        for the table, and to find it again
    function, x
        what is judged, and where
    options
        of `absnormal.verify`
    truth
        whether the gradient is a Clarke gradient, where theory says so; otherwise None
    """

    family: str
    name: str
    function: Callable[[Any], Any]
    x: Any
    options: dict[str, Any]
    truth: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """The name of a verdict, of its theorem, the seconds that it took, and whether it contradicts the truth."""

    problem: Problem
    verdict: str
    method: str
    seconds: float

    @property
    def wrong(self) -> bool:
        """Whether theory says otherwise."""
        return self.problem.truth is not None and self.verdict == ("NOT_CLARKE" if self.problem.truth else "CLARKE")

    @property
    def over(self) -> bool:
        """Whether it took longer than it may."""
        return self.seconds > OVER


def outcome(problem: Problem) -> Outcome:
    """A verdict; what is refused counts as refused."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            budget = an.Budget(seconds=SECONDS)
            report = an.verify(problem.function, problem.x, budget=budget, **problem.options)
            verdict, method = report.verdict.name, report.method
        except an.AbsNormalError as error:
            verdict, method = "refused", type(error).__name__
    return Outcome(problem, verdict, method, time.process_time() - start)
