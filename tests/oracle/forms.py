"""The canonical rewriting of an expression to the literal abs-only form, over the rationals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from .expressions import (
    Abs,
    Add,
    Clip,
    Const,
    Expr,
    Kink,
    Max,
    MaxList,
    Min,
    Neg,
    Relu,
    Scale,
    Sub,
    Var,
    Vector,
    evaluate,
    fold,
)

HALF = Fraction(1, 2)
ONE = "1"


@dataclass(frozen=True)
class AbsForm:
    """z = c + Z x + L|z|, y = b + J x + Y|z| over the rationals, for one output y and n inputs."""

    n: int
    c: Vector
    Z: tuple[Vector, ...]
    L: tuple[Vector, ...]
    b: Fraction
    J: Vector
    Y: Vector

    @property
    def s(self) -> int:
        """The number of switches."""
        return len(self.c)


Affine = dict[str | tuple[str, int], Fraction]


def _sum(*terms: tuple[int | Fraction, Affine]) -> Affine:
    total: Affine = {}
    for factor, term in terms:
        for key, value in term.items():
            part = value if factor == 1 else -value if factor == -1 else factor * value
            total[key] = total[key] + part if key in total else part
    return total


def abs_form(expr: Expr, n: int) -> AbsForm:
    """The canonical rewriting to |.|, switches in evaluation order.

    A kinked node without variables is a constant and has no switch, as in a traced program.
    """
    switches: list[Affine] = []

    def modulus(z: Affine) -> Affine:
        switches.append(z)
        return {("w", len(switches) - 1): Fraction(1)}

    def larger(u: Affine, v: Affine, sign: int = 1) -> Affine:
        return _sum((HALF, u), (HALF, v), (HALF * sign, modulus(_sum((1, u), (-1, v)))))

    def visit(node: Expr, args: list[Affine]) -> Affine:
        if isinstance(node, Kink) and not any(isinstance(key, tuple) for arg in args for key in arg):
            return {ONE: evaluate(node, ())}
        match node:
            case Var():
                return {("x", node.index): Fraction(1)}
            case Const():
                return {ONE: node.value}
            case Add():
                return _sum((1, args[0]), (1, args[1]))
            case Sub():
                return _sum((1, args[0]), (-1, args[1]))
            case Neg():
                return _sum((-1, args[0]))
            case Scale():
                return _sum((node.factor, args[0]))
            case Abs():
                return modulus(args[0])
            case Max():
                return larger(args[0], args[1])
            case Min():
                return larger(args[0], args[1], -1)
            case Relu():
                return larger(args[0], {})
            case Clip():
                return larger(larger(args[0], {ONE: node.lo}), {ONE: node.hi}, -1)
            case MaxList():
                best = args[0]
                for entry in args[1:]:
                    best = larger(best, entry)
                return best
        raise TypeError(type(node).__name__)

    y = fold(expr, visit)
    s = len(switches)

    def part(affine: Affine, kind: str, size: int) -> Vector:
        return tuple(affine.get((kind, i), Fraction(0)) for i in range(size))

    return AbsForm(
        n=n,
        c=tuple(z.get(ONE, Fraction(0)) for z in switches),
        Z=tuple(part(z, "x", n) for z in switches),
        L=tuple(part(z, "w", s) for z in switches),
        b=y.get(ONE, Fraction(0)),
        J=part(y, "x", n),
        Y=part(y, "w", s),
    )


def active(roots: Sequence[Expr], x: Vector, known: dict[Expr, Fraction]) -> int:
    """How many switches of the canonical rewriting of some expressions vanish at x, from values of nodes alone.

    What is ``known`` is not computed again, and more is known afterwards.
    """
    count, done = 0, {}

    def visit(node: Expr, varying: list[bool]) -> bool:
        nonlocal count
        if isinstance(node, Kink) and any(varying):
            count += _switching(node, [evaluate(arg, x, known) for arg in node.args]).count(0)
        return isinstance(node, Var) or any(varying)

    for root in roots:
        fold(root, visit, done)
    return count


def _switching(node: Kink, args: list[Fraction]) -> list[Fraction]:
    match node:
        case Abs() | Relu():
            return args
        case Max() | Min():
            return [args[0] - args[1]]
        case Clip():
            return [args[0] - node.lo, max(args[0], node.lo) - node.hi]
        case MaxList():
            return [best - entry for best, entry in zip(accumulate(args, max), args[1:], strict=False)]
    raise TypeError(type(node).__name__)
