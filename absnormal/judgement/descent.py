"""What to do at the point of a report: along which direction f falls, or that 0 is a Clarke gradient.

The element of dC f(x) of least norm, g*, gives both: g* = 0 says that x is stationary, and otherwise f falls along -g*,
where f°(x; -g*) = -|g*|^2 (Clarke 1983, section 2.3).  Where the set is not known in whole, a direction is still one of
descent if a sweep along it gives a slope below 0 beyond rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.errors import AbsNormalError
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.options import Options
from absnormal.judgement.whole_set import whole_set
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps

if TYPE_CHECKING:
    from absnormal.report.report import Report


@dataclass(frozen=True, eq=False)
class Descent:
    """What is known of descent at a point.

    Attributes
    ----------
    stationary
        True where 0 is proved to be a Clarke gradient, False where f falls along ``direction``, None where neither is
        known
    direction
        shape (n,), of length 1; None unless f falls along it
    rate
        f'(x; direction), below 0; 0.0 unless f falls along it
    """

    stationary: bool | None
    direction: Array | None = None
    rate: float = 0.0


@np.errstate(all="ignore")
def descent(report: Report, budget: Budget | None = None) -> Descent:
    """A direction of descent at the point of a report, or that there is none of first order."""
    found = _least(report, budget or report.problem.budget)
    if found is not None and not found.any():
        return Descent(True)
    return _falling(report, [] if found is None else [found])


def _least(report: Report, budget: Budget) -> Array | None:
    """The element of least norm, 0 where the point is stationary; None where the set cannot be had."""
    sweeps = report.tool
    call = TracedCall(sweeps.program, sweeps.values)
    try:
        found = whole_set(call, Options(atol=sweeps.atol, budget=budget, exact=report.problem.sweeps.rational))
        return np.zeros(sweeps.program.n) if found.is_stationary() else found.least
    except AbsNormalError:
        return None


def _falling(report: Report, vectors: list[Array]) -> Descent:
    """The first of some vectors, of the certified gradient and of the tool's, against which f falls."""
    sweeps = report.tool
    known = (report.flat_clarke_gradient, report.flat_gradient)
    vectors = [*vectors, *(np.asarray(vector, dtype=float) for vector in known)]
    for vector in vectors:
        length = float(np.linalg.norm(vector))
        if length and np.isfinite(length):
            direction = 0.0 - vector / length
            rate, error = slope_along(sweeps, direction)
            if rate < -error:
                return Descent(False, direction, rate)
    return Descent(None)


@np.errstate(all="ignore")
def slope_along(sweeps: Sweeps, direction: Array) -> tuple[float, float]:
    """f'(x; d) of a function with one result, and a bound on its rounding."""
    chosen = sweeps.directional(direction)
    size = sweeps.magnitude(sweeps.signature(1.0), direction, interval=True)[1]
    return float(chosen.dy[0]), float(rounding(sweeps.push_depth) * size[0])


#: What the set may cost where it is made for a sentence only, and it is not made where a search has ended in vain.
_FOR_A_SENTENCE = Budget(cells=200, programs=200, seconds=1.0)


@np.errstate(all="ignore")
def in_words(report: Report) -> str:
    """The next question of a reader: is the point stationary, and where does the tool's step lead?"""
    from absnormal.report.explanation import along
    from absnormal.report.plain import number

    g = np.asarray(report.flat_gradient, dtype=float)
    length = float(np.linalg.norm(g))
    if not np.isfinite(length):
        return ""
    found = _falling(report, []) if report.problem.tracker.report else descent(report, _FOR_A_SENTENCE)
    if found.stationary is None:
        return ""
    rate = slope_along(report.tool, -g / length)[0] if length else 0.0
    way = "rises" if rate > 0 else "falls"
    rises = f"f {way} along it at the rate {number(abs(rate))}" if rate else "f is flat along it"
    if found.stationary:
        step = "the tool stays" if not length else f"the tool steps away along -gradient, and {rises}"
        return f"0 is in dC f(x), so that x is stationary; {step}"
    assert found.direction is not None
    largest = np.abs(found.direction).max()
    scaled = found.direction / largest
    step = "the tool, whose gradient is 0, stays" if not length else f"the tool steps along -gradient, and {rises}"
    unit = "" if largest == 1 else " per unit of length"
    return f"f falls along {along(scaled)} at the rate {number(-found.rate)}{unit}; {step}"
