"""Scalar piecewise-linear expressions: a NumPy callable, exact values, and source text.

Nodes are shared by identity: a kinked node that is used twice is evaluated once and has one switch. Constants are
dyadic, so that float64 evaluation of small expressions is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import isqrt
from typing import Any, TypeVar

import numpy as np

Number = int | float | Fraction
Vector = tuple[Fraction, ...]
T = TypeVar("T")


def dyadic(value: Number) -> Fraction:
    """The exact value of a constant; an error if a float cannot hold it."""
    exact = Fraction(value)
    if Fraction(float(exact)) != exact:
        raise ValueError(f"constant {exact} is not a float64 number; use a dyadic rational")
    return exact


def lift(value: Expr | Number) -> Expr:
    """A number as a constant node; an expression as it is."""
    return value if isinstance(value, Expr) else Const(dyadic(value))


@dataclass(frozen=True, eq=False, repr=False)
class Expr:
    """A node; equality and hash are identity, `args` are the operands in evaluation order."""

    args: tuple[Expr, ...] = field(default=(), kw_only=True)

    def __add__(self, other: Expr | Number) -> Expr:
        return Add(args=(self, lift(other)))

    def __radd__(self, other: Number) -> Expr:
        return Add(args=(lift(other), self))

    def __sub__(self, other: Expr | Number) -> Expr:
        return Sub(args=(self, lift(other)))

    def __rsub__(self, other: Number) -> Expr:
        return Sub(args=(lift(other), self))

    def __mul__(self, factor: Number) -> Expr:
        return Scale(dyadic(factor), args=(self,))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Number) -> Expr:
        return Scale(dyadic(1 / Fraction(divisor)), args=(self,))

    def __neg__(self) -> Expr:
        return Neg(args=(self,))

    def __abs__(self) -> Expr:
        return Abs(args=(self,))

    def __repr__(self) -> str:
        return source(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The same text in Hypothesis reports, which would otherwise write a shared node once for every use."""
        printer.text(repr(self))


@dataclass(frozen=True, eq=False, repr=False)
class Var(Expr):
    """x[index]."""

    index: int


@dataclass(frozen=True, eq=False, repr=False)
class Const(Expr):
    """A dyadic constant."""

    value: Fraction


class Add(Expr):
    """u + v."""


class Sub(Expr):
    """u - v."""


class Neg(Expr):
    """-u."""


@dataclass(frozen=True, eq=False, repr=False)
class Scale(Expr):
    """factor * u with a dyadic factor."""

    factor: Fraction


class Kink(Expr):
    """A node that the canonical rewriting turns into one or more switches."""


class Abs(Kink):
    """|u|."""


class Max(Kink):
    """max(u, v) = (u + v + |u - v|)/2."""


class Min(Kink):
    """min(u, v) = (u + v - |u - v|)/2."""


class Relu(Kink):
    """max(u, 0) = (u + |u|)/2."""


@dataclass(frozen=True, eq=False, repr=False)
class Clip(Kink):
    """min(max(u, lo), hi): two switches."""

    lo: Fraction
    hi: Fraction


class MaxList(Kink):
    """The maximum of a list, pairwise from left to right: len - 1 switches."""


class Norm(Kink):
    """The 2-norm of the operands: one vector-valued switch."""


def variables(n: int) -> tuple[Expr, ...]:
    """The inputs x[0], ..., x[n-1]."""
    return tuple(Var(i) for i in range(n))


def maximum(u: Expr | Number, v: Expr | Number) -> Expr:
    """np.maximum(u, v)."""
    return Max(args=(lift(u), lift(v)))


def minimum(u: Expr | Number, v: Expr | Number) -> Expr:
    """np.minimum(u, v)."""
    return Min(args=(lift(u), lift(v)))


def relu(u: Expr) -> Expr:
    """np.maximum(u, 0)."""
    return Relu(args=(u,))


def leaky_relu(u: Expr, k: Number) -> Expr:
    """np.maximum(u, k * u): the switch is (1 - k) u."""
    return maximum(u, k * u)


def clip(u: Expr, lo: Number, hi: Number) -> Expr:
    """np.clip(u, lo, hi)."""
    return Clip(dyadic(lo), dyadic(hi), args=(u,))


def max_list(*entries: Expr | Number) -> Expr:
    """np.max(np.stack(entries))."""
    return MaxList(args=tuple(map(lift, entries)))


def norm(*entries: Expr | Number) -> Expr:
    """np.linalg.norm(np.stack(entries))."""
    return Norm(args=tuple(map(lift, entries)))


def root(square: Fraction) -> Fraction:
    """The square root of a rational number that has a rational one."""
    found = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    if found * found != square:
        raise ValueError(f"{square} has no rational square root")
    return found


def fold(expr: Expr, visit: Callable[[Expr, list[T]], T], done: dict[Expr, T] | None = None) -> T:
    """Visit every node once, operands first and from left to right; return the visit of the root.

    Nodes that are ``done`` are not visited again.
    """
    done = {} if done is None else done

    def walk(node: Expr) -> T:
        if node not in done:
            done[node] = visit(node, [walk(arg) for arg in node.args])
        return done[node]

    return walk(expr)


def copy(expr: Expr, leaf: Callable[[Var], Expr] = lambda node: Var(node.index)) -> Expr:
    """A structural copy: no node shared with the original, sharing inside kept; `leaf` replaces the inputs."""

    def visit(node: Expr, args: list[Expr]) -> Expr:
        return leaf(node) if isinstance(node, Var) else replace(node, args=tuple(args))

    return fold(expr, visit)


def numpy_callable(
    expr: Expr, after: Callable[[Expr, Any, Any], Any] = lambda node, value, x: value,
    norm: Callable[[Any], Any] = np.linalg.norm,
) -> Callable[[Any], Any]:
    """The expression as f(x) in NumPy functions on an indexable x, every shared node evaluated once.

    ``after`` replaces the value of a node; it sees the node, the value and x.  ``norm`` takes the norm of a vector.
    """

    rules: dict[type[Expr], Callable[[Any, list[Any], Any], Any]] = {
        Var: lambda node, args, x: x[node.index],
        Const: lambda node, args, x: float(node.value),
        Add: lambda node, args, x: args[0] + args[1],
        Sub: lambda node, args, x: args[0] - args[1],
        Neg: lambda node, args, x: -args[0],
        Scale: lambda node, args, x: float(node.factor) * args[0],
        Abs: lambda node, args, x: np.abs(args[0]),
        Max: lambda node, args, x: np.maximum(args[0], args[1]),
        Min: lambda node, args, x: np.minimum(args[0], args[1]),
        Relu: lambda node, args, x: np.maximum(args[0], 0),
        Clip: lambda node, args, x: np.clip(args[0], float(node.lo), float(node.hi)),
        MaxList: lambda node, args, x: np.max(np.stack(args)),
        Norm: lambda node, args, x: norm(np.stack(args)),
    }

    def f(x: Any) -> Any:
        return fold(expr, lambda node, args: after(node, rules[type(node)](node, args, x), x))

    return f


#: The exact values of operations, from their own definitions (not from the rewriting).
VALUES: dict[type[Expr], Callable[[Any, list[Fraction], Vector], Fraction]] = {
    Var: lambda node, args, x: Fraction(x[node.index]),
    Const: lambda node, args, x: node.value,
    Add: lambda node, args, x: args[0] + args[1],
    Sub: lambda node, args, x: args[0] - args[1],
    Neg: lambda node, args, x: -args[0],
    Scale: lambda node, args, x: node.factor * args[0],
    Abs: lambda node, args, x: abs(args[0]),
    Max: lambda node, args, x: max(args),
    MaxList: lambda node, args, x: max(args),
    Min: lambda node, args, x: min(args),
    Relu: lambda node, args, x: max(args[0], Fraction(0)),
    Clip: lambda node, args, x: min(max(args[0], node.lo), node.hi),
    Norm: lambda node, args, x: root(sum((u * u for u in args), Fraction(0))),
}


def evaluate(expr: Expr, x: Vector, done: dict[Expr, Fraction] | None = None) -> Fraction:
    """The exact value at x; nodes that are ``done`` have theirs."""
    return fold(expr, lambda node, args: VALUES[type(node)](node, args, x), done)


def source(expr: Expr) -> str:
    """Python text of the expression; nodes that are used more than once get a name."""
    uses: dict[Expr, int] = {}

    def count(node: Expr, _: list[None]) -> None:
        for arg in node.args:
            uses[arg] = uses.get(arg, 0) + 1

    fold(expr, count)
    lines: list[str] = []

    def text(node: Expr, args: list[str]) -> str:
        match node:
            case Var():
                return f"x[{node.index}]"
            case Const():
                return f"({node.value})" if node.value < 0 or node.value.denominator > 1 else str(node.value)
            case Add():
                return f"({args[0]} + {args[1]})"
            case Sub():
                return f"({args[0]} - {args[1]})"
            case Neg():
                return f"(-{args[0]})"
            case Scale():
                return f"({node.factor}) * {args[0]}"
            case Relu():
                return f"np.maximum({args[0]}, 0)"
            case Clip():
                return f"np.clip({args[0]}, {node.lo}, {node.hi})"
            case MaxList():
                return f"np.max(np.stack([{', '.join(args)}]))"
            case Norm():
                return f"np.linalg.norm(np.stack([{', '.join(args)}]))"
        name = {"Abs": "abs", "Max": "maximum", "Min": "minimum"}[type(node).__name__]
        return f"np.{name}({', '.join(args)})"

    def visit(node: Expr, args: list[str]) -> str:
        line = text(node, args)
        if uses.get(node, 0) < 2 or not node.args:
            return line
        name = f"u{len(lines)}"
        lines.append(f"{name} = {line}; ")
        return name

    result = fold(expr, visit)
    return "".join(lines) + result
