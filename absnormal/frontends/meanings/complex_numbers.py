"""Complex numbers as pairs of real ones: arithmetic, functions, products of matrices, Fourier transforms.

Every function takes and returns the real and the imaginary part of an array.  None stands for an imaginary part that
is 0, so that nothing is computed with it.  Derivatives of real results by real variables are then those of real
operations, whatever convention a framework has for the derivatives by complex numbers in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.terms import N, Terms, Tie

#: The real and the imaginary part; None is 0.
Parts = tuple[Any, Any]

#: Longer lines are not transformed by a matrix.
LONGEST = 4096


def imaginary_of(w: Terms[N], a: Parts) -> Any:
    """The imaginary part as a node, also where it is 0."""
    return w.scaled(a[0], 0.0) if a[1] is None else a[1]


def _plus(w: Terms[N], u: Any, v: Any, sign: int = 1) -> Any:
    if v is None:
        return u
    if u is None:
        return v if sign > 0 else w.op("neg", v)
    return w.add(u, v) if sign > 0 else w.sub(u, v)


def sum_of(w: Terms[N], a: Parts, b: Parts, sign: int = 1) -> Parts:
    """a + b, or a - b with the sign -1."""
    return _plus(w, a[0], b[0], sign), _plus(w, a[1], b[1], sign)


def negative(w: Terms[N], a: Parts) -> Parts:
    """-a."""
    return w.op("neg", a[0]), None if a[1] is None else w.op("neg", a[1])


def conjugate(w: Terms[N], a: Parts) -> Parts:
    """The conjugate of a."""
    return a[0], None if a[1] is None else w.op("neg", a[1])


def scaled(w: Terms[N], a: Parts, factor: float) -> Parts:
    """a times a real number."""
    return w.scaled(a[0], factor), None if a[1] is None else w.scaled(a[1], factor)


def bilinear(w: Terms[N], product: Callable[[Any, Any], Any], a: Parts, b: Parts) -> Parts:
    """A product that is bilinear over the real numbers: of entries, of matrices, a convolution."""
    made = [[None if u is None or v is None else product(u, v) for v in b] for u in a]
    return _plus(w, made[0][0], made[1][1], -1), _plus(w, made[0][1], made[1][0])


def product_of(w: Terms[N], a: Parts, b: Parts) -> Parts:
    """a b, entry by entry."""
    return bilinear(w, w.mul, a, b)


def squared_size(w: Terms[N], a: Parts) -> Any:
    """|a|^2."""
    square = w.op("square", a[0])
    return square if a[1] is None else w.add(square, w.op("square", a[1]))


def quotient_of(w: Terms[N], a: Parts, b: Parts) -> Parts:
    """a / b, entry by entry."""
    if b[1] is None:
        return w.div(a[0], b[0]), None if a[1] is None else w.div(a[1], b[0])
    size = squared_size(w, b)
    real, imaginary = product_of(w, a, conjugate(w, b))
    return w.div(real, size), w.div(imaginary, size)


def size_of(w: Terms[N], a: Parts, tie: Tie) -> Any:
    """|a|, which is the 2-norm of a pair."""
    return w.op("sqrt", squared_size(w, a), tie=tie)


def direction_of(w: Terms[N], a: Parts, tie: Tie) -> Parts:
    """a / |a|, which jumps at 0."""
    return quotient_of(w, a, (size_of(w, a, tie), None))


def angle_of(w: Terms[N], a: Parts) -> Any:
    """The argument of a, which is smooth off the numbers that are 0 or negative."""
    return w.op("arctan2", imaginary_of(w, a), a[0])


def polar(w: Terms[N], size: Any, angle: Any) -> Parts:
    """The numbers of given sizes and angles."""
    return w.mul(size, w.op("cos", angle)), w.mul(size, w.op("sin", angle))


def exponential(w: Terms[N], a: Parts) -> Parts:
    """exp(a)."""
    return (w.op("exp", a[0]), None) if a[1] is None else polar(w, w.op("exp", a[0]), a[1])


def logarithm(w: Terms[N], a: Parts) -> Parts:
    """The principal logarithm, which is smooth off the numbers that are 0 or negative."""
    return w.scaled(w.op("log", squared_size(w, a)), 0.5), angle_of(w, a)


def whole_power(w: Terms[N], a: Parts, exponent: int) -> Parts:
    """a to a whole power, by products."""
    if exponent == 0:
        one = w.shifted(w.scaled(a[0], 0.0), 1.0)
        return one, None
    result, square, left = None, a, abs(exponent)
    while left:
        if left & 1:
            result = square if result is None else product_of(w, result, square)
        left >>= 1
        square = product_of(w, square, square) if left else square
    assert result is not None
    return result if exponent > 0 else quotient_of(w, (w.constant(1.0), None), result)


def product_along(w: Terms[N], a: Parts, axes: Sequence[int]) -> Parts:
    """The product of the numbers along axes."""
    first, second = (None if u is None else w.fronted(u, axes) for u in a)
    result: Parts = (w.constant(np.ones(w.shape(first)[1:])), None)
    for row in range(w.shape(first)[0]):
        factor: Parts = w.index(first, (row, ...)), None if second is None else w.index(second, (row, ...))
        result = factor if row == 0 else product_of(w, result, factor)
    return result


def power(w: Terms[N], a: Parts, exponent: Parts) -> Parts:
    """a ** exponent as exp(exponent log(a)), off the numbers that are 0 or negative."""
    return exponential(w, product_of(w, exponent, logarithm(w, a)))


def root(w: Terms[N], a: Parts) -> Parts:
    """The principal square root, off the numbers that are 0 or negative."""
    return exponential(w, scaled(w, logarithm(w, a), 0.5))


def _crossed(first: str, other: str, level: str, rise: str, sign: int) -> Callable[[Terms[Any], Parts], Parts]:
    """first(x) level(y) + i sign other(x) rise(y)."""

    def function(w: Terms[Any], a: Parts) -> Parts:
        x, y = a[0], imaginary_of(w, a)
        imaginary = w.mul(w.op(other, x), w.op(rise, y))
        return w.mul(w.op(first, x), w.op(level, y)), imaginary if sign > 0 else w.op("neg", imaginary)

    return function


sine = _crossed("sin", "cos", "cosh", "sinh", 1)
cosine = _crossed("cos", "sin", "cosh", "sinh", -1)
hyperbolic_sine = _crossed("sinh", "cosh", "cos", "sin", 1)
hyperbolic_cosine = _crossed("cosh", "sinh", "cos", "sin", 1)


def tangent(w: Terms[N], a: Parts) -> Parts:
    """tan(a)."""
    return quotient_of(w, sine(w, a), cosine(w, a))


def hyperbolic_tangent(w: Terms[N], a: Parts) -> Parts:
    """tanh(a)."""
    return quotient_of(w, hyperbolic_sine(w, a), hyperbolic_cosine(w, a))


def logistic(w: Terms[N], a: Parts) -> Parts:
    """1 / (1 + exp(-a))."""
    real, imaginary = exponential(w, negative(w, a))
    return quotient_of(w, (w.constant(1.0), None), (w.shifted(real, 1.0), imaginary))


#: Functions of one number, by the name that they have in NumPy, torch and JAX.
FUNCTIONS: dict[str, Callable[[Terms[Any], Parts], Parts]] = {
    "exp": exponential, "log": logarithm, "sqrt": root, "sin": sine, "cos": cosine, "tan": tangent,
    "sinh": hyperbolic_sine, "cosh": hyperbolic_cosine, "tanh": hyperbolic_tangent,
}


def numbers(pairs: Any) -> Any:
    """The complex numbers, in an array of NumPy's or a framework's, whose parts lie along the last axis."""
    return pairs[..., 0] + 1j * pairs[..., 1]


def joined(w: Terms[N], a: Parts) -> Any:
    """Both parts along a last axis, as kernels take complex numbers."""
    shape = np.broadcast_shapes(*(w.shape(u) for u in a if u is not None))
    return w.stack([w.broadcast(u, shape) for u in (a[0], imaginary_of(w, a))], len(shape))


def parted(w: Terms[N], u: Any) -> Parts:
    """The parts of what is `joined`."""
    return w.index(u, (..., 0)), w.index(u, (..., 1))


def block_matrix(w: Terms[N], a: Parts) -> Any:
    """The real matrix that does to the parts of a vector, one below the other, what a does to the vector."""
    x, y = a[0], imaginary_of(w, a)
    last = len(w.shape(x)) - 1
    return w.concatenate([w.concatenate([x, w.op("neg", y)], last), w.concatenate([y, x], last)], last - 1)


def stacked_parts(w: Terms[N], a: Parts) -> Any:
    """The parts of vectors, or of the columns of matrices, one below the other."""
    return w.concatenate([a[0], imaginary_of(w, a)], len(w.shape(a[0])) - 2)


def unstacked_parts(w: Terms[N], u: Any) -> Parts:
    """The parts of what is one below the other."""
    half = w.shape(u)[-2] // 2
    whole = slice(None)
    return w.index(u, (..., slice(0, half), whole)), w.index(u, (..., slice(half, None), whole))


# -- Fourier transforms -----------------------------------------------------------------------------------------------


def along(w: Terms[N], u: Any, matrix: Array, axis: int) -> Any:
    """A real matrix (new, old) applied along an axis."""
    last = len(w.shape(u)) - 1
    return w.swap(w.matmul(w.swap(u, axis, last), w.constant(matrix.T.copy())), axis, last)


def transformed(w: Terms[N], a: Parts, matrix: Array, axis: int) -> Parts:
    """A complex matrix (new, old) applied along an axis."""
    first = along(w, a[0], matrix.real, axis), along(w, a[0], matrix.imag, axis)
    if a[1] is None:
        return first
    second = along(w, a[1], -matrix.imag, axis), along(w, a[1], matrix.real, axis)
    return sum_of(w, first, second)


def _refuse_long(w: Terms[N], size: int) -> None:
    if size > LONGEST:
        w.refuse(f"transforms lines of {size} entries", f"use up to {LONGEST}")


def fourier(w: Terms[N], size: int, forward: bool) -> Array:
    """The matrix of the transform of so many numbers, without a factor before the sums."""
    _refuse_long(w, size)
    return np.asarray(np.fft.fft(np.eye(size)) if forward else np.fft.ifft(np.eye(size)) * size)


def to_half(w: Terms[N], u: Any, axes: Sequence[int], onesided: bool = True) -> Parts:
    """The transform of real numbers along axes, the last of them first, of which one half is kept."""
    a: Parts = (u, None)
    for axis in reversed(axes):
        size = w.shape(u)[axis]
        rows = size // 2 + 1 if onesided and axis == axes[-1] else size
        a = transformed(w, a, fourier(w, size, True)[:rows], axis)
    return a


def to_complex(w: Terms[N], a: Parts, axes: Sequence[int], forward: bool) -> Parts:
    """The transform of complex numbers along axes."""
    for axis in axes:
        a = transformed(w, a, fourier(w, w.shape(a[0])[axis], forward), axis)
    return a


def to_real(w: Terms[N], a: Parts, axes: Sequence[int], size: int) -> Any:
    """The inverse of `to_half`: what is left out of the last axis is the conjugate of what is given."""
    a, last = to_complex(w, a, axes[:-1], False), axes[-1]
    count = w.shape(a[0])[last]
    _refuse_long(w, size)
    taken, turned = (np.fft.irfft(unit * np.eye(count), size, axis=0) * size for unit in (1.0, 1.0j))
    real = along(w, a[0], taken, last)
    return real if a[1] is None else w.add(real, along(w, a[1], turned, last))
