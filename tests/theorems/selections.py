"""Random programs of minima and maxima over alternatives, many of which are other ones and something worse.

What was made before is used again and again; costs are mostly never negative, and some that may be are told from them
by their structure alone.  Values are small multiples of 1/2, so that floats hold them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..oracle.expressions import (
    Expr,
    Var,
    clip,
    copy,
    leaky_relu,
    lift,
    maximum,
    minimum,
    numpy_callable,
    relu,
    variables,
)
from ..oracle.forms import active
from ..oracle.oracle import Oracle
from ..oracle.strategies import HALF, UNIFORM, times
from .judge import Case

#: Active switches that a program may have.
_MOST = 7
Choose = Callable[[Any, Any], Expr]


class _Dice:
    """Chooses operands among the nodes of a program that grows."""

    def __init__(self, rng: random.Random, n: int) -> None:
        self.rng, self.inputs = rng, variables(n)
        self.known: list[Expr] = [*self.inputs]

    def form(self) -> Expr:
        """A sum of one or two inputs, and sometimes 1."""
        terms = [times(self.rng.choice((1, 1, -1, 2)), u) for u in self.rng.sample(self.inputs, self.rng.randint(1, 2))]
        return reduce(add, terms) + self.rng.choice((0, 0, 0, 0, 1, -1))

    def node(self) -> Expr:
        """A node that there is; what was made last is used most."""
        return self.known[max(0, len(self.known) - 1 - int(self.rng.expovariate(0.5)))]

    def cost(self) -> Expr:
        """What is never negative, mostly."""
        u, pick = self.form() if self.rng.random() < 0.7 else self.node(), self.rng.randrange(26)
        if pick < 18:
            return (abs(u), relu(u), maximum(0, u), relu(u - 1), abs(u - self.node()), 2 * abs(u), abs(u) + relu(-u),
                    lift(self.rng.choice((0, 1))), maximum(u, abs(self.node())))[pick // 2]
        return (u, -abs(u), lift(-1), abs(u) - relu(u), minimum(abs(u), self.node()), leaky_relu(u, HALF),
                clip(u, 0, 1), clip(u, -1, 1))[pick - 18]

    def step(self) -> Expr:
        """A new node of those that there are."""
        rng, u, v, p = self.rng, self.node(), self.node(), self.cost()
        choose: Choose = rng.choice((minimum, minimum, minimum, maximum))
        side = 1 if choose is minimum or rng.random() < 0.2 else -1
        more = rng.choice((u + times(side, p), times(side, p) + u, u - times(-side, p), u + p, u - p, p - u))
        same = choose(u + p, v + p) if rng.random() < 0.7 else choose(u + p, v + p) + p
        return rng.choice((
            choose(u, v), choose(u, v), choose(u, more), choose(more, v), more, more, choose(choose(u, v), more),
            choose(u, choose(v, more)), choose(u, times(side, p) + choose(u, v)), choose(u, -u),
            choose(choose(v, u) + times(side, p), u), same, copy(u), -u, u + v, u + u, 2 * u, relu(choose(u, v)),
            choose(u, (choose(u, v) + times(side, p)) + times(side, self.cost())), choose(self.form(), u),
            choose(u, choose(u, v) + choose(v, self.node())),
        ))  # fmt: skip

    def table(self) -> list[Expr]:
        """A dynamic program: the last cells of a table of costs along steps to the side, down and on the diagonal."""
        rng, (m, n) = self.rng, self.rng.choice(((2, 2), (2, 2), (2, 3), (3, 2), (3, 3)))
        up = rng.random() < 0.2
        choose, sign = (maximum, -1) if up else (minimum, 1)
        kept = [times(sign, self.cost()) for _ in range(rng.choice((1, 2, 4)))]
        gap = rng.choice((None, None, times(sign, lift(rng.choice((0, 1)))), times(sign, abs(self.form()))))
        cells: dict[tuple[int, int], Expr] = {}
        for i in range(m):
            for j in range(n):
                before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
                rng.shuffle(before)
                ways = [
                    cells[at] + gap if gap is not None and at != (i - 1, j - 1) else cells[at]
                    for at in before if at in cells
                ]  # fmt: skip
                cost = rng.choice(kept)
                cells[i, j] = cost + reduce(choose, ways) if ways else cost if rng.random() < 0.7 else self.node()
        return [*cells.values()]

    def chain(self) -> list[Expr]:
        """An extremum of what grows step by step, in some order and some nesting."""
        rng, u = self.rng, self.node()
        choose, sign = (maximum, -1) if rng.random() < 0.3 else (minimum, 1)
        grown = [u]
        for _ in range(rng.choice((2, 3, 4))):
            inner = choose(rng.choice(grown), self.node()) if rng.random() < 0.4 else rng.choice(grown)
            grown.append(inner + times(sign, self.cost()))
        parts = [*grown, *rng.sample(grown, rng.choice((0, 1)))]
        while len(parts) > 1:
            rng.shuffle(parts)
            parts.append(choose(parts.pop(), parts.pop()))
        return parts


@st.composite
def selections(draw: st.DrawFn) -> Case:
    """A program of minima and maxima over alternatives, for one entry or for two at once."""
    rng = random.Random(draw(st.integers(0, 2**40)))
    lanes = rng.choice((1, 1, 1, 2))
    n, most = rng.choice((2, 3, 3, 4)), _MOST // lanes
    dice, at = _Dice(rng, n), tuple(Fraction(rng.choice((0, 0, 0, 1, -1))) for _ in range(n))
    for _ in range(rng.randint(2, 10)):
        pick = rng.random()
        made = dice.table() if pick < 0.15 else dice.chain() if pick < 0.3 else [dice.step()]
        if active([*dice.known, *made], at, {}) <= most:
            dice.known += made
    last = dice.known[-rng.randint(1, 3):]
    expr = reduce(add, [times(rng.choice((1, 1, 1, -1, -1, 2, -HALF)), u) for u in last])
    if rng.random() < 0.5:
        expr = expr + dice.form()
    if lanes == 1:
        count = Oracle.of(expr, at).form.s
        c = [rng.choice(UNIFORM) for _ in range(count)] if rng.random() < 0.5 else [rng.choice(UNIFORM)] * count
        return Case(expr, at, tuple(c), numpy_callable(expr))
    beside = [copy(expr, lambda node, lane=lane: Var(node.index * lanes + lane)) for lane in range(lanes)]
    total = reduce(add, beside)
    count = Oracle.of(total, tuple(a for a in at for _ in range(lanes))).form.s
    rows = numpy_callable(expr)
    return Case(
        total, tuple(a for a in at for _ in range(lanes)), (rng.choice(UNIFORM),) * count,
        lambda x: np.sum(rows(x.reshape(n, lanes)) + np.zeros(lanes)),
    )
