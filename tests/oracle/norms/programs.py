"""Random programs with norms, |.|, maxima and relus at a point on many of their kinks, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from random import Random

from ..dice import Dice, linear_form
from ..expressions import Expr, Number, Vector, evaluate, maximum, minimum, norm, relu, variables
from ..strategies import COORDINATES, STEPS, WEIGHTS, Builder, times
from .form import norm_form

#: Lengths of operands whose norm is rational and not 0.
_AWAY = ((3, 4), (0, 2), (-4, 3), (1, 2, 2), (0, 0, -1), (2, -3, 6), (-2,))

Step = Callable[[Builder], Expr]


def tied(draw: Builder, level: Number = 0) -> Expr:
    """An operand whose value at the point is the level, always."""
    node = draw.operand(level)
    gap = level - evaluate(node, draw.point)
    return node + gap if gap else node


def entries(draw: Builder) -> list[Expr]:
    """One to three operands that vanish at the point."""
    return [tied(draw) for _ in range(draw.pick((1, 2, 2, 2, 3)))]


def _norm(draw: Builder) -> Expr:
    return norm(*entries(draw))


def _away(draw: Builder) -> Expr:
    return norm(*(tied(draw, level) for level in draw.pick(_AWAY)))


def _of_relus(draw: Builder) -> Expr:
    return norm(*(draw.pick((relu, relu, abs, lambda u: relu(-u)))(u) for u in entries(draw)))


def _relu_of(draw: Builder) -> Expr:
    return relu(draw.scale(norm(*entries(draw))) + draw.pick((0, 1, -1)) * tied(draw))


def _against(draw: Builder) -> Expr:
    """A norm compared with an operand, or with another norm."""
    other = tied(draw) if draw.pick((True, False)) else norm(*entries(draw))
    return draw.pick((maximum, minimum, lambda u, v: abs(u - v)))(norm(*entries(draw)), other)


def _nested(draw: Builder) -> Expr:
    return norm(norm(*entries(draw)) + draw.pick((0, 1, -1)) * tied(draw), tied(draw))


def _cancelling(draw: Builder) -> Expr:
    """The same norm twice: its entries in another order, scaled, or with other signs."""
    u, factor = entries(draw), draw.pick((1, -1, 2))
    return norm(*u) - norm(*(times(factor, v) for v in reversed(u))) / abs(factor)


def _turned(draw: Builder) -> Expr:
    """|(u, v)| against |(u + v, u - v)|, which is larger by a factor of the root of 2."""
    u, v = tied(draw), tied(draw)
    return norm(u + v, u - v) - draw.pick((1, 2)) * norm(u, v)


def _shared(draw: Builder) -> Expr:
    """Norms with an entry in common."""
    u = tied(draw)
    return norm(u, *entries(draw)[:2]) + draw.pick((1, -1)) * norm(draw.scale(u), tied(draw))


def _dependent(draw: Builder) -> Expr:
    u = tied(draw)
    return norm(u, draw.scale(u), draw.pick((tied(draw), u - u)))


def _zero_rows(draw: Builder) -> Expr:
    u = tied(draw)
    return norm(u - u, draw.pick((u - u, 2 * u - u - u)))


def _dead(draw: Builder) -> Expr:
    """|u_1| - |(u_1, u_2)| is never positive."""
    u = entries(draw)
    return relu(abs(u[0]) - norm(*u)) + norm(relu(u[0]), relu(-u[0]))


NORM_STEPS: tuple[Step, ...] = (
    _norm, _norm, _norm, _away, _of_relus, _relu_of, _against, _against, _nested, _cancelling, _turned, _shared,
    _dependent, _zero_rows, _dead,
)  # fmt: skip


def program(seed: int, most: int = 6) -> tuple[Expr, Vector, Dice]:
    """An expression with at most ``most`` active blocks, a point, and the dice for more."""
    random = Random(seed)
    forms: list[Expr] = []
    kinks: list[Expr] = []
    first = Dice(None, (), forms, kinks, random=random)  # type: ignore[arg-type]
    n = first.pick((1, 2, 2, 3, 3, 4))
    point = tuple(first.pick(COORDINATES) if first.pick((True, False)) else COORDINATES[0] for _ in range(n))
    dice = Dice(first.draw, point, forms, kinks, random=random)
    x = variables(n)
    forms.extend(linear_form(dice, x, i % n) for i in range(n + dice.pick((0, 1, 2))))
    for _ in range(dice.pick((1, 2, 2, 3, 3, 4))):
        node = dice.pick((*NORM_STEPS, *NORM_STEPS, *STEPS))(dice)
        if len(norm_form(reduce(add, [*kinks, node]), point).blocks) <= most:
            kinks.append(node)
    output = reduce(add, [times(dice.pick(WEIGHTS), node) for node in kinks] or [forms[0]])
    return (output + dice.pick(forms) if dice.pick((True, False)) else output), point, dice
