"""What a program with norms is to first order at a point: its active switches, in blocks, over the rationals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..expressions import (
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
    Norm,
    Number,
    Relu,
    Scale,
    Sub,
    Var,
    evaluate,
    fold,
    norm,
    root,
    variables,
)
from ..rational import Vector, combine, rank, vector

Slopes = tuple[Vector, ...]
Matrix = tuple[Vector, ...]


@dataclass(frozen=True)
class Block:
    """z = R d + L |z_earlier| in R^k: a norm where k > 1, and |.| where k = 1.

    ``above`` says of its entries, where anything is known of them, whether they are nowhere negative.
    """

    R: Matrix
    L: Matrix
    above: tuple[bool, ...] = ()

    @property
    def size(self) -> int:
        """k."""
        return len(self.R)


@dataclass(frozen=True)
class NormForm:
    """f(x + d) = f(x) + J d + sum_j Y_j |z_j(d)| to first order.

    Attributes
    ----------
    n
        the number of inputs
    blocks
        the active switches in evaluation order
    J, Y
        the gradient with slope 0 at active switches, and the weights of |z_j|
    homogeneous
        whether this is f itself near x, and not only to first order: no norm away from 0 is curved there
    """

    n: int
    blocks: tuple[Block, ...]
    J: Vector
    Y: Vector
    homogeneous: bool = True

    @property
    def sizes(self) -> tuple[int, ...]:
        """The k_i."""
        return tuple(block.size for block in self.blocks)

    def rows(self, slopes: Slopes) -> tuple[Matrix, ...]:
        """The matrices r_i under these slopes."""
        found: list[Matrix] = []
        for block in self.blocks:
            pulled = self._pulled(slopes, found)
            pairs = zip(block.R, block.L, strict=True)
            found.append(tuple(_plus(row, _combined(pulled, part, self.n)) for row, part in pairs))
        return tuple(found)

    def gradient(self, slopes: Slopes) -> Vector:
        """g_c, which is what backward mode gives with slopes c_i at active norms."""
        return _plus(self.J, _combined(self._pulled(slopes, self.rows(slopes)), self.Y, self.n))

    def _pulled(self, slopes: Slopes, rows: Sequence[Matrix]) -> list[Vector]:
        return [combine(c, row) for c, row in zip(slopes, rows, strict=False)]

    @property
    def coupled(self) -> bool:
        """Whether a switch depends on an active one."""
        return any(any(part) for block in self.blocks for part in block.L)

    @property
    def independent(self) -> bool:
        """LIKQ: all base rows together are linearly independent."""
        return rank([row for block in self.blocks for row in block.R]) == sum(self.sizes)

    @property
    def spaces_independent(self) -> bool:
        """Whether the row spaces of the blocks are independent."""
        return rank([row for block in self.blocks for row in block.R]) == sum(rank(block.R) for block in self.blocks)

    @cached_property
    def arrays(self) -> Arrays:
        """The same in floats."""
        return Arrays(
            [np.array(block.R, float).reshape(block.size, self.n) for block in self.blocks],
            [np.array(block.L, float).reshape(block.size, i) for i, block in enumerate(self.blocks)],
            np.array(self.J, float), np.array(self.Y, float),
        )  # fmt: skip


@dataclass(frozen=True)
class Arrays:
    """The matrices of a form in floats."""

    R: list[np.ndarray]
    L: list[np.ndarray]
    J: np.ndarray
    Y: np.ndarray


def _plus(u: Sequence[Fraction], v: Sequence[Fraction]) -> Vector:
    return tuple(a + b for a, b in zip(u, v, strict=True))


def _combined(rows: Sequence[Vector], weights: Sequence[Fraction], n: int) -> Vector:
    """sum_k weights_k rows_k, also of none."""
    return combine(weights, rows) if rows else (Fraction(0),) * n


_FACTORS: dict[type[Expr], tuple[int, ...]] = {Add: (1, 1), Sub: (1, -1), Neg: (-1,)}

#: The derivative of a node by x, and by the active |z_j|.
_Row = tuple[Vector, dict[int, Fraction]]


def _sum(n: int, *terms: tuple[Number, _Row]) -> _Row:
    linear, weights = [Fraction(0)] * n, dict[int, Fraction]()
    for factor, (row, own) in terms:
        linear = [a + Fraction(factor) * b for a, b in zip(linear, row, strict=True)]
        for j, w in own.items():
            weights[j] = weights.get(j, Fraction(0)) + Fraction(factor) * w
    return tuple(linear), weights


def _weights(own: dict[int, Fraction], count: int) -> Vector:
    return tuple(own.get(j, Fraction(0)) for j in range(count))


def nowhere_negative(expr: Expr) -> bool:
    """Whether an operand is built of kinks that are nowhere negative, and positive multiples and sums of such."""
    match expr:
        case Abs() | Norm() | Relu():
            return True
        case Const():
            return expr.value >= 0
        case Scale():
            return expr.factor >= 0 and nowhere_negative(expr.args[0])
        case Add():
            return all(map(nowhere_negative, expr.args))
        case Max():
            return any(isinstance(arg, Const) and arg.value >= 0 for arg in expr.args)
        case _:
            return False


def norm_form(expr: Expr, x: Sequence[Number]) -> NormForm:
    """The form of an expression at a point where the values of its norms are rational.

    A maximum of two is (u + v + |u - v|) / 2, and so on, as in `oracle.forms`.
    """
    point, n = vector(x), len(x)
    blocks: list[list[_Row]] = []
    curved: list[Norm] = []
    above: dict[int, tuple[bool, ...]] = {}
    half = Fraction(1, 2)

    def size(*entries: tuple[Fraction, _Row]) -> tuple[Fraction, _Row]:
        """The norm of some values with their rows."""
        value = root(sum((u * u for u, _ in entries), Fraction(0)))
        if value:
            return value, _sum(n, *((u / value, row) for u, row in entries))
        blocks.append([row for _, row in entries])
        return value, (tuple([Fraction(0)] * n), {len(blocks) - 1: Fraction(1)})

    def larger(u: tuple[Fraction, _Row], v: tuple[Fraction, _Row], sign: int = 1) -> tuple[Fraction, _Row]:
        (a, p), (b, q) = u, v
        value, row = size((a - b, _sum(n, (1, p), (-1, q))))
        return half * (a + b + sign * value), _sum(n, (half, p), (half, q), (half * sign, row))

    def constant(value: Number) -> tuple[Fraction, _Row]:
        return Fraction(value), _sum(n)

    def visit(node: Expr, args: list[tuple[Fraction, _Row, bool]]) -> tuple[Fraction, _Row, bool]:
        varied = isinstance(node, Var) or any(arg[2] for arg in args)
        if isinstance(node, Kink) and not varied:
            return *constant(evaluate(node, ())), False
        return *rule(node, [(value, row) for value, row, _ in args]), varied

    def rule(node: Expr, args: list[tuple[Fraction, _Row]]) -> tuple[Fraction, _Row]:
        match node:
            case Var():
                return point[node.index], (tuple(Fraction(i == node.index) for i in range(n)), {})
            case Const():
                return constant(node.value)
            case Add() | Sub() | Neg() | Scale():
                factors = (node.factor,) if isinstance(node, Scale) else _FACTORS[type(node)]
                value = sum((Fraction(k) * u for k, (u, _) in zip(factors, args, strict=True)), Fraction(0))
                return value, _sum(n, *((k, row) for k, (_, row) in zip(factors, args, strict=True)))
            case Abs():
                return size(args[0])
            case Norm():
                found = size(*args)
                if not found[0]:
                    above[len(blocks) - 1] = tuple(map(nowhere_negative, node.args))
                if found[0] and sum(any(row) or bool(own) for _, (row, own) in args) > 1:
                    curved.append(node)
                return found
            case Max():
                return larger(*args)
            case Min():
                return larger(*args, sign=-1)
            case Relu():
                return larger(args[0], constant(0))
            case Clip():
                return larger(larger(args[0], constant(node.lo)), constant(node.hi), sign=-1)
            case MaxList():
                best = args[0]
                for entry in args[1:]:
                    best = larger(best, entry)
                return best
        raise TypeError(type(node).__name__)

    _, (linear, weights), _ = fold(expr, visit)
    return NormForm(
        n,
        tuple(
            Block(tuple(row for row, _ in entries), tuple(_weights(own, i) for _, own in entries), above.get(i, ()))
            for i, entries in enumerate(blocks)
        ),
        linear,
        _weights(weights, len(blocks)),
        homogeneous=not curved,
    )


def written(form: NormForm) -> Expr:
    """An expression that has this form at 0."""
    x, sizes = variables(form.n), list[Expr]()
    for block in form.blocks:
        entries = [
            sum((a * u for a, u in zip((*row, *link), (*x, *sizes), strict=True) if a), start=0 * x[0])
            for row, link in zip(block.R, block.L, strict=True)
        ]
        sizes.append(norm(*entries) if len(entries) > 1 else abs(entries[0]))
    terms = zip((*form.J, *form.Y), (*x, *sizes), strict=True)
    return sum((a * u for a, u in terms), start=0 * x[0])
