"""Programs in which some derivatives are 1 and come out as rounding, which a verdict about a vector must not trust.

The factor 2 (1 - cos t) / t^2 is 1 to first order at t = 0; at t = 1e-8 it comes out as 0, and a little further away it
has some digits.  The vector that is judged has the entry 0 for t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import absnormal as an

from ..oracle.expressions import source
from ..oracle.oracle import Oracle
from ..oracle.rational import Vector
from ..oracle.strategies import UNIFORM
from ..record.programs import program
from . import in_numpy
from .spelled import spelled

#: Where the factor is 0, wrong in the first digit, and nearly right.
_T = (1e-8, 1.2e-8, 2e-8, 5e-8, 1e-7, 1e-5)


@dataclass(frozen=True)
class WeightCase:
    """A question about a given vector, as `drawn.Drawn`."""

    verify: Callable[[], an.Report]
    oracle: Oracle
    vector: Vector
    text: str

    def faults(self, report: an.Report) -> Iterator[str]:
        """Whether a proof contradicts the oracle."""
        if report.verdict is not an.Verdict.UNDECIDED and self.oracle.contains(self.vector) != bool(report):
            yield f"{report.verdict.name} by {report.method} is wrong"


def of_weights(seed: int) -> Iterator[WeightCase]:
    """A gradient under other slopes, sometimes off in its first entry."""
    expr, point, _, dice = program(seed)
    factor: list[Any] = [1.0]
    inner = spelled(expr, in_numpy.SPELLINGS, dice, point, in_numpy.LEAKY, (lambda u: u * factor[0],))

    def f(x: Any) -> Any:
        factor[0] = 2 * (1 - np.cos(x[-1])) / x[-1] ** 2
        return inner(x[:-1])

    oracle, x = Oracle.of(expr, point), [*map(float, point), dice.pick(_T)]
    first, *others = oracle.gradient(dice.pick(UNIFORM))
    vector = (first + dice.pick((Fraction(0), Fraction(0), Fraction(1, 8), Fraction(-1))), *others)
    given = np.array([*map(float, vector), 0.0])
    yield WeightCase(lambda: an.verify(f, x, gradient=given), oracle, vector, f"{given} for {source(expr)} at {x}")
