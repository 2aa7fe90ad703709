"""Random piecewise-linear programs on dyadic numbers, drawn from a seed by arithmetic that is the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from random import Random
from typing import Any

import numpy as np

import absnormal as an

from ..oracle.dice import Dice, linear_form
from ..oracle.expressions import Expr, Vector, numpy_callable, source, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import COORDINATES, MIXED, STEPS, UNIFORM, WEIGHTS, times
from .case import Case

#: Every so many programs is also judged in rational arithmetic, and with a vector that another tool might return.
ALSO = 20


def program(seed: int) -> tuple[Expr, Vector, Any, Dice]:
    """An expression, a point on many of its kinks, slopes there, and the dice for more."""
    random = Random(seed)
    forms: list[Expr] = []
    kinks: list[Expr] = []
    first = Dice(None, (), forms, kinks, random=random)  # type: ignore[arg-type]
    n = first.pick((1, 2, 2, 3, 3, 4))
    point = tuple(first.pick(COORDINATES) for _ in range(n))
    dice = Dice(first.draw, point, forms, kinks, random=random)
    x = variables(n)
    forms.extend(linear_form(dice, x, i % n) for i in range(n + dice.pick((0, 1, 2))))
    for _ in range(dice.pick((1, 2, 3, 3, 4, 4, 5, 6))):
        node = dice.pick(STEPS)(dice)
        if len(Oracle.of(reduce(add, [*kinks, node]), point).active) <= 6:
            kinks.append(node)
    output = reduce(add, [times(dice.pick(WEIGHTS), node) for node in kinks] or [forms[0]])
    expr = output + dice.pick(forms) if dice.pick((True, False)) else output
    return expr, point, slopes(dice, expr, point), dice


def slopes(dice: Dice, expr: Expr, point: Vector) -> Any:
    """One slope for all switches, or one each."""
    if dice.pick((True, False)):
        return float(dice.pick(UNIFORM))
    return np.array([float(dice.pick(MIXED)) for _ in range(Oracle.of(expr, point).form.s)])


def cases(seeds: Iterable[int]) -> Iterator[Case]:
    """Programs, each with its slopes; of every `ALSO`-th in rational arithmetic too, and with a given vector."""
    for seed in seeds:
        yield from _cases(seed)


def _cases(seed: int) -> Iterator[Case]:
    expr, point, c, dice = program(seed)
    f, x = numpy_callable(expr), [float(a) for a in point]
    given = f"{source(expr)} at {point} {c}"
    yield Case(f"{seed}", lambda: an.verify(f, x, slope=c), given)
    if seed % ALSO == 0:
        yield Case(f"{seed} exact", lambda: an.verify(f, x, slope=c, exact=True), given)
        vector = an.gradient(f, x, slope=float(dice.pick(UNIFORM)))
        vector[0] += dice.pick((0, 0, 0.25, -1))
        yield Case(f"{seed} given", lambda: an.verify(f, x, gradient=vector), f"{given} {vector}")
