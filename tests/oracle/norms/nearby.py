"""The gradient of an expression at a point next to x, by its own operations in high precision: no form, no cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np

from ..expressions import Abs, Add, Clip, Const, Expr, Max, MaxList, Min, Neg, Norm, Relu, Scale, Sub, Var, fold

#: Digits; how far the point is from x; and below which size a number is 0, as that of an entry that cancels.
_DIGITS, _STEP, _ZERO = 80, 30, 60

Dual = tuple[Any, Any]


def gradient_near(expr: Expr, x: Sequence[Any], d: Sequence[float]) -> np.ndarray:
    """The gradient at x + 10^-30 d, where no two tied arguments are equal unless their derivatives are."""
    with mpmath.workdps(_DIGITS):
        step = mpmath.mpf(10) ** -_STEP
        near = [mpmath.mpf(a.numerator) / a.denominator + step * mpmath.mpf(b) for a, b in zip(x, d, strict=True)]
        n = len(near)
        _, found = fold(expr, lambda node, args: _dual(node, args, near, n))
        return np.array([float(a) for a in found])


def _dual(node: Expr, args: list[Dual], x: list[Any], n: int) -> Dual:
    match node:
        case Var():
            return x[node.index], [mpmath.mpf(i == node.index) for i in range(n)]
        case Const():
            return _number(node.value, n)
        case Add():
            return _combined((1, args[0]), (1, args[1]))
        case Sub():
            return _combined((1, args[0]), (-1, args[1]))
        case Neg():
            return _combined((-1, args[0]))
        case Scale():
            return _combined((_number(node.factor, n)[0], args[0]))
        case Abs() | Norm():
            return _length(args, n)
        case Max() | MaxList():
            return max(args, key=lambda arg: arg[0])
        case Min():
            return min(args, key=lambda arg: arg[0])
        case Relu():
            return max(args[0], _number(0, n), key=lambda arg: arg[0])
        case Clip():
            low, high = _number(node.lo, n), _number(node.hi, n)
            return min(max(args[0], low, key=lambda arg: arg[0]), high, key=lambda arg: arg[0])
    raise TypeError(type(node).__name__)


def _number(value: Any, n: int) -> Dual:
    return mpmath.mpf(getattr(value, "numerator", value)) / getattr(value, "denominator", 1), [mpmath.mpf(0)] * n


def _combined(*terms: tuple[Any, Dual]) -> Dual:
    columns = zip(*(g for _, (_, g) in terms), strict=True)
    rates = [sum(k * a for (k, _), a in zip(terms, column, strict=True)) for column in columns]
    return sum(k * u for k, (u, _) in terms), rates


def _length(entries: list[Dual], n: int) -> Dual:
    value = mpmath.sqrt(sum(u * u for u, _ in entries))
    if value < mpmath.mpf(10) ** -_ZERO:
        return mpmath.mpf(0), [mpmath.mpf(0)] * n
    return _combined(*((u / value, (u, g)) for u, g in entries))
