"""NumPy's functions that add up, multiply and contract."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from absnormal.frontends.meanings.reductions import variance
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.order import folded
from absnormal.frontends.numpy.shapes import concatenate, gather, ravel, reshape, squeeze, transpose
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, axes_of, axis_of, writer_of

# -- sums and products -----------------------------------------------------------------------------------


def kept(u: TracedArray, where: Any, other: float) -> TracedArray:
    """The entries that a reduction looks at, and in the place of the others a number that changes nothing."""
    if where is True:
        return u
    mask = np.broadcast_to(np.asarray(concrete(where), bool), u.shape)
    return u if mask.all() else writer_of(u, "where=").op("where", u, np.full(u.shape, other), mask=mask)


def total(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True) -> Any:
    """np.sum."""
    write = writer_of(a, "np.sum")
    u = kept(write.array(a), where, 0.0)
    result = write.sum(u, axes_of(axis, u.ndim), keepdims)
    return result if initial is None else result + initial


def count_over(u: Any, axis: Any) -> int:
    """The number of entries that a reduction over ``axis`` puts together."""
    return math.prod(np.shape(u)[i] for i in axes_of(axis, np.ndim(u)))


def mean(a: Any, axis: Any = None, keepdims: Any = False, where: Any = True) -> Any:
    write = writer_of(a, "np.mean")
    u = write.array(a)
    if where is not True:
        mask = np.broadcast_to(np.asarray(concrete(where), bool), u.shape)
        return total(u, axis, keepdims, where=mask) / np.sum(mask, axis, keepdims=bool(keepdims))
    return write.mean(u, axes_of(axis, u.ndim), keepdims)


def average(a: Any, axis: Any = None, weights: Any = None, keepdims: Any = False) -> Any:
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    u = writer_of([a, weights], "np.average").array(a)
    if np.shape(weights) != u.shape:
        if axis is None or np.ndim(weights) != 1 or np.ndim(axis):
            raise TypeError("axis must be one number when the shapes of a and weights differ")
        shape = [1] * u.ndim
        shape[axis_of(axis, u.ndim)] = -1
        weights = np.broadcast_to(np.reshape(weights, shape), u.shape)
    return total(u * weights, axis, keepdims=keepdims) / np.sum(weights, axis=axis, keepdims=keepdims)


def var(
    a: Any,
    axis: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    correction: Any = None,
    where: Any = True,
) -> Any:
    write = writer_of(a, "np.var")
    u = write.array(a)
    if where is not True:
        mask = np.broadcast_to(np.asarray(concrete(where), bool), u.shape)
        apart: Any = u - mean(u, axis, True, mask)
        count = np.sum(mask, axis, keepdims=bool(keepdims)) - (ddof if correction is None else correction)
        return total(apart * apart, axis, keepdims, where=mask) / count
    return variance(write, u, axes_of(axis, u.ndim), ddof if correction is None else correction, keepdims)[0]


def std(
    a: Any, axis: Any = None, ddof: float = 0, keepdims: Any = False, correction: Any = None, where: Any = True
) -> Any:
    found = var(a, axis, ddof, keepdims, correction, where)
    return writer_of(a, "np.std").op("sqrt", found, tie="std")


def prod(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True) -> Any:
    write = writer_of(a, "np.prod")
    u = kept(write.array(a), where, 1.0)
    if count_over(u, axis) == 0:
        return np.prod(np.zeros(u.shape), axis=axis, keepdims=bool(keepdims), initial=initial or 1.0)
    moved, reduced, shape = write.reduced(u, axis, keepdims)
    result = reshape(write.op("prod", moved, axis=0), shape) if reduced else u
    return result if initial is None else result * initial


def cumsum(a: Any, axis: Any = None) -> Any:
    write = writer_of(a, "np.cumsum")
    u = ravel(a) if axis is None else write.array(a)
    return write.op("cumsum", u, axis=axis_of(axis or 0, u.ndim))


def cumprod(a: Any, axis: Any = None) -> Any:
    return np.multiply.accumulate(ravel(a) if axis is None else a, axis=axis or 0)


def cumulative(name: str) -> Callable[..., Any]:
    """np.cumulative_sum and np.cumulative_prod."""
    rule, first = {"cumsum": (cumsum, 0.0), "cumprod": (cumprod, 1.0)}[name]

    def accumulated(x: Any, axis: Any = None, include_initial: bool = False) -> Any:
        u = rule(x, axis)
        if not include_initial:
            return u
        place = axis_of(axis or 0, u.ndim)
        return concatenate([np.full((*u.shape[:place], 1, *u.shape[place + 1 :]), first), u], place)

    return accumulated


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    axis = axis_of(axis, a.ndim)
    shape = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    ends = [np.broadcast_to(end, shape) if end is not None and np.ndim(end) == 0 else end for end in (prepend, append)]
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    u = concatenate(parts, axis) if len(parts) > 1 else a
    lead = (slice(None),) * axis
    for _ in range(n):
        u = u[(*lead, slice(1, None))] - u[(*lead, slice(None, -1))]
    return u


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(y, axis, -1) if np.ndim(y) > 1 else y
    if x is not None and np.ndim(x) > 1:
        x = np.moveaxis(x, axis, -1)
    steps = dx if x is None else np.diff(x)
    return np.sum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return total(gather(a, lambda index: np.diagonal(index, offset, axis1, axis2)), axis=-1)


def polyval(p: Any, x: Any) -> Any:
    y = x * 0.0
    for coefficient in p:
        y = y * x + coefficient
    return y


# -- contractions ----------------------------------------------------------------------------------------


def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return tensordot(a, b, ((-1,), (-2,)))


def inner(a: Any, b: Any) -> Any:
    return a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, ((-1,), (-1,)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    write = writer_of([a, b], "np.tensordot")
    a, b = write.array(a), write.array(b)
    if isinstance(axes, Integral):
        axes = (tuple(range(a.ndim - int(axes), a.ndim)), tuple(range(int(axes))))
    left, right = (tuple(axis_of(i, u.ndim) for i in np.atleast_1d(ax)) for u, ax in zip((a, b), axes, strict=True))
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError("shape-mismatch for sum")
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [i for i in range(b.ndim) if i not in right]
    inner_size = math.prod(a.shape[i] for i in left)
    rows, columns = [a.shape[i] for i in free_a], [b.shape[i] for i in free_b]
    first = reshape(transpose(a, [*free_a, *left]), (math.prod(rows), inner_size))
    second = reshape(transpose(b, [*right, *free_b]), (inner_size, math.prod(columns)))
    return reshape(np.matmul(first, second), (*rows, *columns))


def outer(a: Any, b: Any) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


def kron(a: Any, b: Any) -> Any:
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(u, (1,) * (ndim - np.ndim(u)) + np.shape(u)) for u in (a, b))
    first = np.expand_dims(a, tuple(range(1, 2 * ndim, 2)))
    second = np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(first * second, tuple(p * q for p, q in zip(a.shape, b.shape, strict=True)))


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    if np.shape(a)[axisa] == 2 == np.shape(b)[axisb]:
        a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if np.shape(a)[axisa] != 3 or np.shape(b)[axisb] != 3:
        raise ValueError("incompatible dimensions for cross product (dimension must be 3)")
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    result = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return np.moveaxis(result, -1, axisc)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """np.convolve: a Toeplitz matrix of a, times v."""
    a, v = (v, a) if np.size(v) > np.size(a) else (a, v)
    n, m = np.size(a), np.size(v)
    places = np.arange(n + m - 1)[:, None] - np.arange(m)
    inside = (places >= 0) & (places < n)
    full = np.where(inside, a[np.clip(places, 0, n - 1)], 0.0) @ v
    start, size = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[mode]
    return full[start : start + size]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    if np.size(v) > np.size(a):
        return np.flip(convolve(np.flip(a), v, mode))
    return convolve(a, np.flip(v), mode)


def einsum(*operands: Any, optimize: Any = False) -> Any:
    write = writer_of(operands, "np.einsum")
    if not isinstance(operands[0], str):
        operands = _named(operands)
    arrays = [write.array(item) for item in operands[1:]]
    terms, result = _letters(operands[0].replace(" ", ""), [u.ndim for u in arrays])
    for i, u in enumerate(arrays):
        terms[i], arrays[i] = _distinct(terms[i], u)
    sizes: dict[str, int] = {}
    for term, u in zip(terms, arrays, strict=True):
        for letter, size in zip(term, u.shape, strict=True):
            sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
    for i, (term, u) in enumerate(zip(terms, arrays, strict=True)):
        stretched = tuple(k for k, letter in enumerate(term) if u.shape[k] == 1 != sizes[letter])
        if stretched:
            arrays[i] = squeeze(u, stretched)
            terms[i] = "".join(letter for k, letter in enumerate(term) if k not in stretched)
    return write.op("einsum", *arrays, terms=tuple(terms), result=result, optimize=bool(optimize))


def _named(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The form with lists of numbers as that with letters."""

    def term(axes: Sequence[Any]) -> str:
        return "".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in axes)

    pairs = len(operands) // 2
    text = ",".join(term(operands[2 * i + 1]) for i in range(pairs))
    if len(operands) % 2:
        text += "->" + term(operands[-1])
    return text, *operands[: 2 * pairs : 2]


def _letters(text: str, ndims: list[int]) -> tuple[list[str], str]:
    """One letter an axis: "..." written out, Z left free, and the result named."""
    given, arrow, result = text.partition("->")
    free = [letter for letter in string.ascii_letters if letter not in text and letter != "Z"]
    if "Z" in text:
        other = free.pop()
        given, result = given.replace("Z", other), result.replace("Z", other)
    terms = given.split(",")
    if len(terms) != len(ndims):
        raise ValueError("einsum needs one term of its subscripts for each operand")
    extra = [ndim - len(term.replace("...", "")) for term, ndim in zip(terms, ndims, strict=True)]
    dots = "".join(free[: max(extra, default=0)])
    filled = [term.replace("...", dots[len(dots) - n :]) for term, n in zip(terms, extra, strict=True)]
    if not arrow:
        named = given.replace(",", "").replace("...", "")
        result = dots + "".join(sorted(letter for letter in set(named) if named.count(letter) == 1))
    if any(len(term) != ndim for term, ndim in zip(filled, ndims, strict=True)):
        raise ValueError(f"the subscripts {text!r} do not fit operands with {ndims} axes")
    return filled, result.replace("...", dots)


def _distinct(term: str, u: TracedArray) -> tuple[str, TracedArray]:
    """An axis that is named twice becomes a diagonal."""
    for letter in term:
        while term.count(letter) > 1:
            first, second = [k for k, other in enumerate(term) if other == letter][:2]
            u = gather(u, lambda index, i=first, j=second: np.diagonal(index, 0, i, j))  # type: ignore[misc]
            term = "".join(other for k, other in enumerate(term) if k not in (first, second)) + letter
    return term, u


# -- norms -----------------------------------------------------------------------------------------------


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm."""
    write = writer_of(x, "np.linalg.norm")
    x = write.array(x)
    if axis is None and (ord is None or (ord == 2 and x.ndim == 1) or (ord == "fro" and x.ndim == 2)):
        flat = ravel(x)
        result = write.op("sqrt", flat @ flat, tie="norm")
        return reshape(result, (1,) * x.ndim) if keepdims else result
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(write, x, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError("improper number of dimensions to norm")
    return _matrix_norm(write, x, ord, axes, keepdims)


def _vector_norm(write: Writer, x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return write.op("sqrt", total(x * x, axes, keepdims=keepdims), tie="norm")
    if ord == 1:
        return total(np.abs(x), axes, keepdims=keepdims)
    if ord in (np.inf, -np.inf):
        return folded(write, np.abs(x), axes, keepdims, 1 if ord > 0 else -1)
    if not isinstance(ord, (int, float)) or ord <= 1:
        write.refuse(f"ord={ord!r} is not supported", "use 1, 2, another number above 1, or inf")
    return total(np.abs(x) ** ord, axes, keepdims=keepdims) ** (1 / ord)


def _matrix_norm(write: Writer, x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord in (None, "fro"):
        return write.op("sqrt", total(x * x, axes, keepdims=keepdims), tie="norm")
    if ord in (2, -2, "nuc"):
        from absnormal.frontends.numpy.linear_algebra import svdvals

        values: Any = svdvals(np.moveaxis(x, axes, (-2, -1)))
        found = np.sum(values, axis=-1) if ord == "nuc" else values[..., 0 if ord == 2 else -1]
        return np.expand_dims(found, axes) if keepdims else found
    if ord not in (1, -1, np.inf, -np.inf):
        write.refuse(f"ord={ord!r} of a matrix is not supported", "use 1, 2, inf, 'nuc' or 'fro'")
    within, over = axes if abs(ord) == 1 else axes[::-1]
    sums = total(np.abs(x), within, keepdims=True)
    result = folded(write, sums, over, True, 1 if ord > 0 else -1)
    return result if keepdims else squeeze(result, axes)


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    write = writer_of(x, "np.linalg.vector_norm")
    if axis is None:
        result = _vector_norm(write, ravel(x), ord, (0,), False)
        return reshape(result, (1,) * x.ndim) if keepdims else result
    moved, _, shape = write.reduced(x, axis, keepdims)
    return reshape(_vector_norm(write, moved, ord, (0,), False), shape)


