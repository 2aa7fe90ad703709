"""A random expression in the functions of a framework, each node spelled in one of several ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..oracle import expressions as ex
from ..oracle.dice import Dice
from ..oracle.expressions import Expr, Vector, evaluate, fold

#: How a framework writes a node: functions of its operands (and bounds), the first of them the plain one.
Spellings = dict[type[Expr], Sequence[Callable[..., Any]]]


def spelled(
    expr: Expr, ways: Spellings, dice: Dice, point: Vector,
    leaky: Sequence[Callable[[Any, float], Any]], soft: Sequence[Callable[[Any], Any]],
) -> Callable[[Any], Any]:
    """The expression as f(x).

    ``leaky`` are spellings of max(u, k u) for k < 1; ``soft`` are smooth functions that are 0 at 0 with the derivative
    1 there: in every other program some nodes u become u0 + soft(u - u0), with the same linearization.
    """
    softened = dice.pick((True, False))
    chosen: dict[Expr, Callable[..., Any]] = {}
    smooth: dict[Expr, tuple[Callable[[Any], Any], float]] = {}

    def choose(node: Expr, _: list[None]) -> None:
        if isinstance(node, ex.Max) and _is_leaky(node):
            chosen[node] = dice.pick([lambda u, v, k=k, f=f: f(u, k) for k in [_factor(node)] for f in leaky])
        elif type(node) in ways:
            chosen[node] = dice.pick(ways[type(node)])
        if softened and isinstance(node, ex.Add | ex.Kink) and dice.pick((True, False, False)):
            smooth[node] = dice.pick(soft), float(evaluate(node, point))

    fold(expr, choose)

    def f(x: Any) -> Any:
        def visit(node: Expr, args: list[Any]) -> Any:
            u = value(node, args)
            if node in smooth:
                function, level = smooth[node]
                return function(u - level) + level
            return u

        def value(node: Expr, args: list[Any]) -> Any:
            match node:
                case ex.Var():
                    return x[node.index]
                case ex.Const():
                    return 0 * x[0] + float(node.value)
                case ex.Neg():
                    return -args[0]
                case ex.Scale():
                    return chosen[node](args[0], float(node.factor))
                case ex.Clip():
                    return chosen[node](args[0], float(node.lo), float(node.hi))
            return chosen[node](*args)

        return fold(expr, visit) + 0 * x[0]

    return f


def _is_leaky(node: Expr) -> bool:
    """Whether a maximum is max(u, k u) with k < 1."""
    u, v = node.args
    return isinstance(v, ex.Scale) and v.args[0] is u and v.factor < 1


def _factor(node: Expr) -> float:
    scaled = node.args[1]
    assert isinstance(scaled, ex.Scale)
    return float(scaled.factor)
