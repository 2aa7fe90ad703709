"""What is drawn from a seed: a program, judged in several ways, and the exact oracle of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import absnormal as an

from ..oracle.dice import Dice
from ..oracle.expressions import numpy_callable, source
from ..oracle.oracle import Oracle
from ..oracle.rational import Vector
from ..oracle.strategies import UNIFORM
from ..record.programs import program
from ..theorems.judge import softened
from .judged import faults


@dataclass(frozen=True)
class Drawn:
    """A case of a campaign.

    Attributes
    ----------
    verify
        asks the package
    oracle
        knows the answer
    gradient
        what must be judged; None where a framework makes it
    itemsize
        of the numbers in which the front end computes
    text
        what is needed to see the case again
    """

    verify: Callable[[], an.Report]
    oracle: Oracle
    gradient: Vector | None
    text: str
    itemsize: int = 8

    def faults(self, report: an.Report) -> Iterator[str]:
        """What the oracle says against a report, and the checker against its certificates."""
        return faults(report, self.oracle, self.gradient, self.itemsize)


def of_numpy(seed: int) -> Iterator[Drawn]:
    """With slopes, of one tool and drawn; on rationals; with smooth operations in between; with a given vector."""
    expr, point, c, dice = program(seed)
    oracle, x, f = Oracle.of(expr, point), [float(a) for a in point], numpy_callable(expr)
    traced, soft = an.trace(f, x), softened(expr, point, seed)
    uniform, given = float(dice.pick(UNIFORM)), _given(oracle, dice)
    vector = [float(a) for a in given]
    drawn, one = oracle.gradient(c if isinstance(c, float) else c.tolist()), oracle.gradient(uniform)
    text = f"{source(expr)} at {x}"
    yield Drawn(lambda: an.verify(f, x, slope=c), oracle, drawn, f"{text}, slopes {c}")
    yield Drawn(lambda: an.verify(traced, x, slope=uniform), oracle, one, f"{text}, slopes {uniform}")
    yield Drawn(lambda: an.verify(traced, x, slope=c, exact=True), oracle, drawn, f"{text}, slopes {c}, exact")
    yield Drawn(lambda: an.verify(soft, x, slope=c), oracle, drawn, f"softened({seed}): {text}, slopes {c}")
    yield Drawn(lambda: an.verify(traced, x, gradient=vector), oracle, given, f"{vector} for {text}")


def _given(oracle: Oracle, dice: Dice) -> Vector:
    """A gradient under other slopes, sometimes off in its first entry."""
    first, *others = oracle.gradient(dice.pick(UNIFORM))
    return (first + dice.pick((0, 0, 0, 1, -2)) / Fraction(2), *others)
