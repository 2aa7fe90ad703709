"""Draws from a seed by arithmetic that is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from .expressions import Expr, evaluate
from .strategies import Builder, times

T = TypeVar("T")


@dataclass(frozen=True)
class Dice(Builder):
    """Draws as the strategies do, from a seed.  Of `random` only `Random.random` is the same in every version."""

    random: Random = field(kw_only=True)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.random.random() * len(options))]


def linear_form(dice: Dice, x: Sequence[Expr], first: int) -> Expr:
    """An integer linear form that vanishes at the point, with the variable ``first`` in it."""
    node = times(dice.pick((1, -1, 2)), x[first])
    for i, variable in enumerate(x):
        a = dice.pick((0, 0, 1, -1, 2))
        if a and i != first:
            node = node + times(a, variable)
    value = evaluate(node, dice.point)
    return node - value if value else node
