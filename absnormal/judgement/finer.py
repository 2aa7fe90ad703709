"""The values of float64 in place of a tool's coarser ones: what rounding tied is none there (THEORY 6.1)."""

from __future__ import annotations

import numpy as np

from absnormal.errors import DomainError, TraceError
from absnormal.judgement.tolerances import DOUBLE
from absnormal.sweeps.table import Sweeps, in_double_precision

_FEWER = "{ties} of the switches that are tied in the values that {tool} computed are not in float64"
#: What follows where the values of float64 decide, and where they do not.
DECIDES, OPEN = ", which decides here", ": run f in a finer precision to see what they do"


def in_float64(tool: Sweeps) -> Sweeps | None:
    """The program at the values of float64; None where f is not defined there, takes another branch, or has no fewer
    ties than at a tool's coarser values."""
    if float(np.max(tool.units)) <= DOUBLE or not len(tool.alpha):
        return None
    try:
        found = in_double_precision(tool)
    except (DomainError, TraceError):
        return None
    along = all(tool.program.holds(guard, found.values) for guard in tool.program.guards)
    return found if along and len(found.alpha) < len(tool.alpha) else None


def fewer(tool: Sweeps, found: Sweeps, name: str) -> str:
    """What a reader must know of it."""
    return _FEWER.format(ties=f"{len(tool.alpha) - len(found.alpha):,}", tool=name)
