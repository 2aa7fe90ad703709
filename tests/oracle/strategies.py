"""Hypothesis strategies: programs at a point that lies on many kinks, and slopes at ties.

Degenerate on purpose: nested kinks, duplicate, opposite, scaled and zero rows, cancelling kinks, kinks that vanish in a
cell, ties of three, sharing, structural copies, switches that reach the output with weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from operator import add
from typing import TypeVar

from hypothesis import strategies as st

from .expressions import (
    Expr,
    Number,
    Vector,
    clip,
    copy,
    evaluate,
    leaky_relu,
    max_list,
    maximum,
    minimum,
    relu,
    variables,
)
from .forms import active

Program = tuple[Expr, Vector]
T = TypeVar("T")
Slopes = Fraction | tuple[Fraction, ...]

HALF = Fraction(1, 2)
COORDINATES = tuple(Fraction(p, 4) for p in (0, 4, -4, 2, -3, 9))
COEFFICIENTS: tuple[Number, ...] = (1, -1, 2, -2, HALF)
LEAKS: tuple[Number, ...] = (Fraction(1, 4), -HALF, 2, 1)
WEIGHTS: tuple[Number, ...] = (1, -1, 2, -HALF, 1, -1, 0)
SHIFTS: tuple[Number, ...] = (0, 0, 0, 0, 0, 0, 1, -1, HALF)
UNIFORM = tuple(Fraction(p, 2) for p in (-2, -1, 0, 1, 2))
MIXED = (*UNIFORM, Fraction(1, 4), Fraction(-3, 4))


def times(factor: Number, node: Expr) -> Expr:
    """factor * node as a person writes it."""
    return node if factor == 1 else -node if factor == -1 else factor * node


@dataclass(frozen=True)
class Builder:
    """Draws operands that are combinations of linear forms and of earlier kinks, levelled at the point."""

    draw: st.DrawFn
    point: Vector
    forms: Sequence[Expr]
    kinks: Sequence[Expr]
    #: The values of nodes at the point.
    known: dict[Expr, Fraction] = field(default_factory=dict)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self.draw(st.sampled_from(options))

    def scale(self, node: Expr) -> Expr:
        """The node, or a scaled copy."""
        return times(self.pick(COEFFICIENTS), node)

    def operand(self, level: Number = 0) -> Expr:
        """A combination whose value at the point is the level, so that a kink there ties; sometimes off by a shift."""
        count = self.pick((1, 2, 3))
        node = reduce(add, [self.scale(self.pick([*self.forms, *self.kinks])) for _ in range(count)])
        gap = level + self.pick(SHIFTS) - evaluate(node, self.point, self.known)
        return node + gap if gap > 0 else node - (-gap) if gap < 0 else node

    def earlier(self) -> Expr:
        """A kink drawn before, or a new one."""
        return self.pick(self.kinks) if self.kinks else abs(self.operand())


def _box(draw: Builder) -> Expr:
    lo, width = draw.pick((0, -1, -2)), draw.pick((1, 2, 0))
    return clip(draw.operand(draw.pick((lo, lo + width))), lo, lo + width)


def _cancelling(draw: Builder) -> Expr:
    u, factor = draw.operand(), draw.pick(COEFFICIENTS)
    return abs(u) - abs(factor * u) * abs(1 / Fraction(factor))


def _dead(draw: Builder) -> Expr:
    u = draw.operand()
    return relu(abs(u) - u)


def _zero_row(draw: Builder) -> Expr:
    u = draw.operand()
    return abs(u - u)


def _hidden_cell(draw: Builder) -> Expr:
    u = draw.operand()
    return abs(u) - abs(u + draw.scale(abs(draw.operand())))


def _opposite(draw: Builder) -> Expr:
    u = draw.operand()
    return relu(u) - relu(-u)


def _tie_of_three(draw: Builder) -> Expr:
    level = draw.pick((0, 1))
    return max_list(*(draw.operand(level) for _ in range(3)))


def _tied_pair(operation: Callable[[Expr, Expr], Expr]) -> Callable[[Builder], Expr]:
    def step(draw: Builder) -> Expr:
        level = draw.pick((0, 1))
        return operation(draw.operand(level), draw.operand(level))

    return step


STEPS: tuple[Callable[[Builder], Expr], ...] = (
    lambda draw: abs(draw.operand()),
    lambda draw: relu(draw.operand()),
    _tied_pair(maximum),
    _tied_pair(minimum),
    lambda draw: leaky_relu(draw.operand(), draw.pick(LEAKS)),
    lambda draw: maximum(0, draw.operand()),
    lambda draw: minimum(draw.operand(), 0),
    lambda draw: abs(draw.operand() + draw.scale(abs(draw.operand()))),
    lambda draw: copy(draw.earlier()),
    lambda draw: max_list(draw.operand(), draw.earlier()),
    _box,
    _tie_of_three,
    _cancelling,
    _dead,
    _zero_row,
    _hidden_cell,
    _opposite,
)


@st.composite
def linear_forms(draw: st.DrawFn, x: Sequence[Expr], point: Vector, first: int) -> Expr:
    """An integer linear form a . x + const that vanishes at the point, with a_first != 0."""
    others = draw(st.lists(st.sampled_from((0, 0, 1, -1, 2)), min_size=len(x), max_size=len(x)))
    node = times(draw(st.sampled_from((1, -1, 2))), x[first])
    for i, a in enumerate(others):
        if a and i != first:
            node = node + times(a, x[i])
    value = evaluate(node, point)
    return node - value if value else node


@st.composite
def programs(draw: st.DrawFn, max_vars: int = 4, max_active: int = 6, max_steps: int = 6) -> Program:
    """A scalar piecewise-linear expression and a dyadic point on many of its kinks.

    The expression has at most `max_active` active switches there, and as many inputs as the point has entries.
    """
    n = draw(st.sampled_from([size for size in (1, 2, 2, 3, 3, 4, 5) if size <= max_vars]))
    point = tuple(draw(st.lists(st.sampled_from(COORDINATES), min_size=n, max_size=n)))
    x = variables(n)
    forms = [draw(linear_forms(x, point, i % n)) for i in range(n + draw(st.integers(0, 2)))]
    kinks: list[Expr] = []
    known: dict[Expr, Fraction] = {}
    for _ in range(draw(st.sampled_from([size for size in (1, 2, 3, 3, 4, 4, 5, 6) if size <= max_steps]))):
        node = draw(st.sampled_from(STEPS))(Builder(draw, point, forms, kinks, known))
        if active([*kinks, node], point, known) <= max_active:
            kinks.append(node)
    weights = st.sampled_from(WEIGHTS)
    output = reduce(add, [times(draw(weights), node) for node in kinks] or [forms[0]])
    return (output + draw(st.sampled_from(forms)) if draw(st.booleans()) else output), point


def slopes(k: int) -> st.SearchStrategy[Slopes]:
    """Slopes at ties: one number for all switches, or k numbers, one per switch; all in [-1, 1] and dyadic."""
    return st.one_of(st.sampled_from(UNIFORM), st.tuples(*[st.sampled_from(MIXED)] * k))
