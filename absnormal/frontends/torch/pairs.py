"""Rules for complex numbers, which are pairs of real ones along a last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import numbers, padded
from absnormal.frontends.torch.reductions import norm
from absnormal.frontends.torch.writer import Arg, Writer

Rule = Callable[..., Any]
#: The real and the imaginary part; None is 0.
Parts = tuple[int, int | None]

#: Longer lines are not transformed by a matrix.
_LONGEST = 4096


def turned(w: Writer, tensor: Any, node: int) -> int:
    """What a tensor is that lies where a node does: a view may conjugate or negate what is there."""
    if tensor.is_conj():
        node = w.mul(node, w.constant([1.0, -1.0]))
    return w.op("neg", node) if tensor.is_neg() else node


def _parts(w: Writer, value: Any) -> Parts:
    """Those of an argument: a complex or a real tensor, or a number."""
    if isinstance(value, Arg):
        if not value.here.is_complex():
            return value.node, None
        return w.index(value.node, (..., 0)), w.index(value.node, (..., 1))
    number = complex(value)
    return w.constant(number.real), w.constant(number.imag) if number.imag else None


def _joined(w: Writer, parts: Parts) -> int:
    real, imaginary = parts
    imaginary = w.constant(0.0) if imaginary is None else imaginary
    shape = np.broadcast_shapes(w.shape(real), w.shape(imaginary))
    sides = [w.reshape(w.broadcast(part, shape), (*shape, 1)) for part in (real, imaginary)]
    return w.concatenate(sides, len(shape))


def _plus(w: Writer, u: int | None, v: int | None, sign: int = 1) -> int | None:
    if v is None:
        return u
    if u is None:
        return v if sign > 0 else w.op("neg", v)
    return w.add(u, v) if sign > 0 else w.sub(u, v)


def _times(w: Writer, u: int | None, v: int | None) -> int | None:
    return None if u is None or v is None else w.mul(u, v)


def _sum_of(w: Writer, a: Parts, b: Parts, sign: int = 1) -> Parts:
    real = _plus(w, a[0], b[0], sign)
    assert real is not None
    return real, _plus(w, a[1], b[1], sign)


def _product_of(w: Writer, a: Parts, b: Parts) -> Parts:
    real = _plus(w, _times(w, a[0], b[0]), _times(w, a[1], b[1]), -1)
    assert real is not None
    return real, _plus(w, _times(w, a[0], b[1]), _times(w, a[1], b[0]))


def _quotient_of(w: Writer, a: Parts, b: Parts) -> Parts:
    if b[1] is None:
        return w.div(a[0], b[0]), None if a[1] is None else w.div(a[1], b[0])
    size = w.add(w.op("square", b[0]), w.op("square", b[1]))
    real, imaginary = _product_of(w, a, (b[0], w.op("neg", b[1])))
    assert imaginary is not None
    return w.div(real, size), w.div(imaginary, size)


def _add(w: Writer, a: Any, b: Any, /, alpha: Any = 1) -> int:
    return _joined(w, _sum_of(w, _parts(w, a), _product_of(w, _parts(w, alpha), _parts(w, b))))


def _sub(w: Writer, a: Any, b: Any, /, alpha: Any = 1) -> int:
    return _joined(w, _sum_of(w, _parts(w, a), _product_of(w, _parts(w, alpha), _parts(w, b)), -1))


def _rsub(w: Writer, a: Any, b: Any, /, alpha: Any = 1) -> int:
    return _sub(w, b, a, alpha)


def _mul(w: Writer, a: Any, b: Any, /) -> int:
    return _joined(w, _product_of(w, _parts(w, a), _parts(w, b)))


def _div(w: Writer, a: Any, b: Any, /, rounding_mode: str | None = None) -> int:
    if rounding_mode is not None:
        w.refuse(f"has rounding_mode={rounding_mode!r} for complex numbers", "round the parts")
    return _joined(w, _quotient_of(w, _parts(w, a), _parts(w, b)))


def _neg(w: Writer, x: Arg, /) -> int:
    return w.op("neg", x.node)


def _conjugate(w: Writer, x: Arg, /) -> int:
    return w.mul(x.node, w.constant([1.0, -1.0]))


def _inner(w: Writer, a: Arg, b: Arg, /) -> int:
    """The inner product of two lines, conjugate in the first one."""
    real, imaginary = _parts(w, a)
    total = _product_of(w, (real, None if imaginary is None else w.op("neg", imaginary)), _parts(w, b))
    return _joined(w, (w.sum(total[0]), None if total[1] is None else w.sum(total[1])))


def _exp(w: Writer, x: Arg, /) -> int:
    real, imaginary = _parts(w, x)
    assert imaginary is not None
    size = w.op("exp", real)
    return _joined(w, (w.mul(size, w.op("cos", imaginary)), w.mul(size, w.op("sin", imaginary))))


def _abs(w: Writer, x: Arg, /) -> int:
    return norm(w, x.node, 2.0, [len(x.shape)], False)


def _angle(w: Writer, x: Arg, /) -> int:
    real, imaginary = _parts(w, x)
    assert imaginary is not None
    return w.op("arctan2", imaginary, real)


def _complex(w: Writer, a: Arg, b: Arg, /) -> int:
    return _joined(w, (a.node, b.node))


def _polar(w: Writer, size: Arg, angle: Arg, /) -> int:
    parts = (w.mul(size.node, w.op(name, angle.node)) for name in ("cos", "sin"))
    return _joined(w, (next(parts), next(parts)))


def _cast(w: Writer, x: Arg, /) -> int:
    if not w.record.outs[0].is_complex():
        w.refuse("drops imaginary parts", "use torch.real")
    return x.node if x.here.is_complex() else _joined(w, (x.node, None))


def _same(w: Writer, x: Arg, /) -> int:
    return w.node(x)


def _full(w: Writer, x: Arg) -> int:
    """The pairs of an argument, which may be real."""
    return x.node if x.here.is_complex() else _joined(w, (x.node, None))


def _cat(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    ndim = len(w.record.out.shape)
    kept = [part for part in parts if part.shape != (0,)] or parts[:1]
    return w.concatenate([_full(w, part) for part in kept], dim % ndim)


def _stack(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    axis = dim % len(w.record.out.shape)
    nodes = [_full(w, part) for part in parts]
    return w.concatenate([w.reshape(u, (*w.shape(u)[:axis], 1, *w.shape(u)[axis:])) for u in nodes], axis)


def _by_places(w: Writer, x: Arg, /, *args: Any, **kwargs: Any) -> int:
    """The operation itself moves the numbers of the entries."""
    import torch

    places = w.record.func(torch.from_numpy(numbers(x.shape)), *args, **kwargs).numpy()
    return w.gather(x.node, 2 * places[..., None] + np.arange(2))


def _reciprocal(w: Writer, x: Arg, /) -> int:
    return _joined(w, _quotient_of(w, (w.constant(1.0), None), _parts(w, x)))


def _matmul(w: Writer, a: Arg, b: Arg, /) -> int:
    (real, imaginary), (other, turning) = _parts(w, a), _parts(w, b)
    pairs = ((real, other), (imaginary, turning), (real, turning), (imaginary, other))
    made = [None if u is None or v is None else w.matmul(u, v) for u, v in pairs]
    first = _plus(w, made[0], made[1], -1)
    assert first is not None
    return _joined(w, (first, _plus(w, made[2], made[3])))


def _copied(w: Writer, target: Arg, source: Any, /) -> int:
    return w.broadcast(_joined(w, _parts(w, source)), (*target.shape, 2))


def _sum(w: Writer, x: Arg, /, dim: Any = None, keepdim: bool = False) -> int:
    return w.sum(x.node, _axes(x, dim), keepdim)


def _mean(w: Writer, x: Arg, /, dim: Any = None, keepdim: bool = False) -> int:
    return w.mean(x.node, _axes(x, dim), keepdim)


def _axes(x: Arg, dim: Any) -> list[int]:
    ndim = len(x.shape)
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(ndim))
    return [axis % ndim for axis in (dim if isinstance(dim, (list, tuple)) else [dim])] if ndim else []


def _pad(w: Writer, x: Arg, /, pad: Sequence[int], value: Any = 0) -> int:
    if value:
        w.refuse(f"pads with {value}", "pad with zeros")
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return padded(w, x.node, [*[(0, 0)] * (len(x.shape) - len(widths)), *widths[::-1], (0, 0)])


# -- Fourier transforms -----------------------------------------------------------------------------------------------


def _scale(size: int, normalization: int) -> float:
    """What a transform is multiplied with: 1, over the root of the number of entries, or over that number."""
    return float((1.0, size**-0.5, 1.0 / size)[normalization])


def _along(w: Writer, u: int, matrix: Array, axis: int) -> int:
    """A real matrix (new, old) applied along an axis."""
    last = len(w.shape(u)) - 1
    return w.swap(w.matmul(w.swap(u, axis, last), w.constant(matrix.T.copy())), axis, last)


def _transformed(w: Writer, parts: Parts, matrix: Array, axis: int) -> Parts:
    """A complex matrix applied along an axis."""
    real, imaginary = parts
    first = _along(w, real, matrix.real, axis), _along(w, real, matrix.imag, axis)
    if imaginary is None:
        return first
    second = _along(w, imaginary, -matrix.imag, axis), _along(w, imaginary, matrix.real, axis)
    return _sum_of(w, first, second)


def _matrix(w: Writer, size: int, forward: bool) -> Array:
    if size > _LONGEST:
        w.refuse(f"transforms lines of {size} entries", f"use up to {_LONGEST}")
    return np.asarray(np.fft.fft(np.eye(size)) if forward else np.fft.ifft(np.eye(size)) * size)


def _scaled(w: Writer, parts: Parts, factor: float) -> Parts:
    return w.scaled(parts[0], factor), None if parts[1] is None else w.scaled(parts[1], factor)


def _to_half(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, onesided: bool) -> int:
    axes = [axis % len(x.shape) for axis in dim]
    parts: Parts = (x.node, None)
    for axis in reversed(axes):
        matrix = _matrix(w, x.shape[axis], True)
        rows = x.shape[axis] // 2 + 1 if onesided and axis == axes[-1] else x.shape[axis]
        parts = _transformed(w, parts, matrix[:rows], axis)
    size = int(np.prod([x.shape[axis] for axis in axes]))
    return _joined(w, _scaled(w, parts, _scale(size, normalization)))


def _to_complex(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, forward: bool) -> int:
    axes, parts = [axis % len(x.shape) for axis in dim], _parts(w, x)
    for axis in axes:
        parts = _transformed(w, parts, _matrix(w, x.shape[axis], forward), axis)
    size = int(np.prod([x.shape[axis] for axis in axes]))
    return _joined(w, _scaled(w, parts, _scale(size, normalization)))


def _to_real(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, last_dim_size: int) -> int:
    """What is left out of the last axis is the conjugate of what is given."""
    axes, parts = [axis % len(x.shape) for axis in dim], _parts(w, x)
    for axis in axes[:-1]:
        parts = _transformed(w, parts, _matrix(w, x.shape[axis], False), axis)
    count, own = x.shape[axes[-1]], last_dim_size
    _matrix(w, own, False)
    taken, turned = (np.fft.irfft(unit * np.eye(count), own, axis=0) * own for unit in (1.0, 1.0j))
    assert parts[1] is not None
    real = w.add(_along(w, parts[0], taken, axes[-1]), _along(w, parts[1], turned, axes[-1]))
    size = int(np.prod([x.shape[axis] for axis in axes[:-1]])) * own
    return w.scaled(real, _scale(size, normalization))


_RULES: dict[str, Rule] = {
    "add": _add, "sub": _sub, "rsub": _rsub, "mul": _mul, "div": _div,
    "neg": _neg, "conj_physical": _conjugate, "_conj_physical": _conjugate, "exp": _exp,
    "abs": _abs, "angle": _angle, "complex": _complex, "polar": _polar, "_to_copy": _cast, "clone": _same,
    "contiguous": _same, "cat": _cat, "stack": _stack, "sum": _sum, "mean": _mean, "constant_pad_nd": _pad,
    "roll": _by_places, "flip": _by_places, "reciprocal": _reciprocal, "mm": _matmul, "bmm": _matmul,
    "mv": _matmul, "vdot": _inner, "matmul": _matmul, "copy": _copied, "resolve_conj": _same,
    "_fft_r2c": _to_half, "_fft_c2c": _to_complex, "_fft_c2r": _to_real,
}  # fmt: skip
RULES = {f"complex.{name}": rule for name, rule in _RULES.items()}
