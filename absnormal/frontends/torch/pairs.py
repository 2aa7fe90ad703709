"""Rules for complex numbers, which are pairs of real ones along a last axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.frontends.meanings import complex_numbers as meaning
from absnormal.frontends.meanings import halves, smoothness
from absnormal.frontends.meanings.complex_numbers import Parts, product_of, quotient_of, sum_of
from absnormal.frontends.meanings.movements import padded
from absnormal.frontends.torch.algebra import as_columns, single, together
from absnormal.frontends.torch.opaque import Slot, opaque
from absnormal.frontends.torch.reductions import axes_of, norm
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered


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
        return meaning.parted(w, value.node)
    number = complex(value)
    return w.constant(number.real), w.constant(number.imag) if number.imag else None


def _joined(w: Writer, parts: Parts) -> int:
    made: int = meaning.joined(w, parts)
    return made


def _sum(sign: int) -> Rule:
    def rule(w: Writer, a: Any, b: Any, /, alpha: Any = 1) -> int:
        return _joined(w, sum_of(w, _parts(w, a), product_of(w, _parts(w, alpha), _parts(w, b)), sign))

    return rule


def _div(w: Writer, a: Any, b: Any, /, rounding_mode: str | None = None) -> int:
    if rounding_mode is not None:
        w.refuse(f"has rounding_mode={rounding_mode!r} for complex numbers", "round the parts")
    return _joined(w, quotient_of(w, _parts(w, a), _parts(w, b)))


def _conjugate(w: Writer, x: Arg, /) -> int:
    return w.mul(x.node, w.constant([1.0, -1.0]))


def _inner(w: Writer, a: Arg, b: Arg, /) -> int:
    """The inner product of two lines, conjugate in the first one."""
    real, imaginary = _parts(w, a)
    total = product_of(w, meaning.conjugate(w, (real, imaginary)), _parts(w, b))
    return _joined(w, (w.sum(total[0]), None if total[1] is None else w.sum(total[1])))


def _of(function: Callable[..., Parts]) -> Rule:
    """A function of complex numbers, entry by entry."""
    return lambda w, x, /: _joined(w, function(w, _parts(w, x)))


def _pow(w: Writer, base: Any, exponent: Any, /) -> int:
    if not isinstance(exponent, Arg) and complex(exponent) == round(complex(exponent).real):
        return _joined(w, meaning.whole_power(w, _parts(w, base), round(complex(exponent).real)))
    return _joined(w, meaning.power(w, _parts(w, base), _parts(w, exponent)))


def _angle(w: Writer, x: Arg, /) -> int:
    angle: int = meaning.angle_of(w, _parts(w, x))
    return angle


def _cast(w: Writer, x: Arg, /) -> int:
    if not w.record.outs[0].is_complex():
        w.refuse("drops imaginary parts", "use torch.real")
    return _full(w, x)


def _full(w: Writer, x: Arg) -> int:
    """The pairs of an argument, which may be real."""
    return x.node if x.here.is_complex() else _joined(w, (x.node, None))


def _cat(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    ndim = len(w.record.out.shape)
    kept = [part for part in parts if part.shape != (0,)] or parts[:1]
    return w.concatenate([_full(w, part) for part in kept], dim % ndim)


def _stack(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    return w.stack([_full(w, part) for part in parts], dim % len(w.record.out.shape))


def _by_places(w: Writer, x: Arg, /, *args: Any, **kwargs: Any) -> int:
    """The operation itself moves the numbers of the entries."""
    places = w.record.func(torch.from_numpy(numbered(x.shape)), *args, **kwargs).numpy()
    return w.gather(x.node, 2 * places[..., None] + np.arange(2))


def _matmul(w: Writer, a: Arg, b: Arg, /) -> int:
    return _joined(w, meaning.bilinear(w, w.matmul, _parts(w, a), _parts(w, b)))


def _pad(w: Writer, x: Arg, /, pad: Sequence[int], value: Any = 0) -> int:
    if value:
        w.refuse(f"pads with {value}", "pad with zeros")
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return padded(w, x.node, [*[(0, 0)] * (len(x.shape) - len(widths)), *widths[::-1], (0, 0)])


def _prod(w: Writer, x: Arg, /, dim: int | None = None, keepdim: bool = False) -> int:
    axes = axes_of(x, dim)
    made = _joined(w, meaning.product_along(w, _parts(w, x), axes)) if axes else x.node
    kept = [1 if axis in axes else size for axis, size in enumerate(x.here.shape) if keepdim or axis not in axes]
    return w.reshape(made, (*kept, 2))


def _direction(w: Writer, x: Arg, /) -> int:
    if not x.here.abs().all():
        w.refuse("jumps where a number is 0", "move the point off it")
    return _joined(w, meaning.direction_of(w, _parts(w, x), "norm"))


# -- linear algebra ----------------------------------------------------------------------------------------------------


def _hermitian(w: Writer, a: Arg, lower: bool) -> int:
    return _joined(w, halves.hermitian(w, *meaning.parted(w, a.node), lower))


def _cholesky(w: Writer, a: Arg, /, upper: bool = False) -> list[int]:
    u = _hermitian(w, a, not upper)
    return [opaque(w, [u], [Slot(0)], smoothness.positive_definite, 0, len(a.shape) - 2, kept="hermitian",
                   paired=True, upper=upper)]


def _eigenvalues(w: Writer, a: Arg, /, UPLO: str = "L", compute_v: bool = True) -> list[Any]:
    """Without the vectors, whose phases are not unique."""
    u = _hermitian(w, a, UPLO.upper() == "L")
    args, batch = [Slot(0), UPLO, compute_v], len(a.shape) - 2
    return [opaque(w, [u], args, smoothness.apart, 0, batch, kept="hermitian", paired=True), None]


def _singular_values(w: Writer, a: Arg, /, full_matrices: bool = False, compute_uv: bool = True) -> list[Any]:
    """Without the vectors, whose phases are not unique."""
    args = [Slot(0), full_matrices, compute_uv]
    return [None, opaque(w, [a.node], args, smoothness.singular_apart, 1, len(a.shape) - 2, paired=True), None]


def _solve(w: Writer, a: Arg, b: Arg, /, left: bool = True) -> list[int]:
    """As the real system of twice as many unknowns."""
    if not left:
        w.refuse("solves from the right for complex numbers", "transpose the system")
    known = as_columns(w, _full(w, b), a, b)
    first = meaning.block_matrix(w, _parts(w, a))
    first, second, batch = together(w, first, meaning.stacked_parts(w, meaning.parted(w, known)))
    found = opaque(w, [first, second], [Slot(0), Slot(1)], smoothness.invertible, 0, batch)
    return [w.reshape(_joined(w, meaning.unstacked_parts(w, found)), (*w.record.outs[0].shape, 2))]


# -- Fourier transforms -----------------------------------------------------------------------------------------------


def _scale(size: int, normalization: int) -> float:
    """What a transform is multiplied with: 1, over the root of the number of entries, or over that number."""
    return float((1.0, size**-0.5, 1.0 / size)[normalization])


def _of_all(x: Arg, axes: Sequence[int]) -> int:
    return math.prod(x.shape[axis] for axis in axes)


def _to_half(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, onesided: bool) -> int:
    axes = [axis % len(x.shape) for axis in dim]
    made = meaning.to_half(w, x.node, axes, onesided)
    return _joined(w, meaning.scaled(w, made, _scale(_of_all(x, axes), normalization)))


def _to_complex(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, forward: bool) -> int:
    axes = [axis % len(x.shape) for axis in dim]
    made = meaning.to_complex(w, _parts(w, x), axes, forward)
    return _joined(w, meaning.scaled(w, made, _scale(_of_all(x, axes), normalization)))


def _to_real(w: Writer, x: Arg, /, dim: Sequence[int], normalization: int, last_dim_size: int) -> int:
    axes = [axis % len(x.shape) for axis in dim]
    made = meaning.to_real(w, _parts(w, x), axes, last_dim_size)
    return w.scaled(made, _scale(_of_all(x, axes[:-1]) * last_dim_size, normalization))


_RULES: dict[str, Rule] = {
    "add": _sum(1), "sub": _sum(-1), "div": _div, "conj_physical": _conjugate, "_conj_physical": _conjugate,
    "pow": _pow,
    **{name: _of(function) for name, function in meaning.FUNCTIONS.items()}, "sigmoid": _of(meaning.logistic),
    "prod": _prod, "sgn": _direction, "angle": _angle, "_to_copy": _cast,
    **dict.fromkeys(("clone", "contiguous", "resolve_conj"), lambda w, x, /: w.node(x)),
    "cat": _cat, "stack": _stack, "constant_pad_nd": _pad, "roll": _by_places, "flip": _by_places, "mm": _matmul,
    "bmm": _matmul, "mv": _matmul, "vdot": _inner, "matmul": _matmul,
    **dict.fromkeys(("linalg_inv_ex", "_linalg_det"), single(smoothness.invertible, 1, True)),
    "_linalg_slogdet": single(smoothness.invertible, 2, True),
    "linalg_matrix_exp": single(smoothness.everywhere, 1, True),
    "linalg_cholesky_ex": _cholesky, "_linalg_eigh": _eigenvalues, "_linalg_svd": _singular_values,
    "_linalg_solve_ex": _solve, "_fft_r2c": _to_half, "_fft_c2c": _to_complex, "_fft_c2r": _to_real,
    "abs": lambda w, x, /: norm(w, x.node, 2.0, [len(x.shape)], False),
    "sum": lambda w, x, /, dim=None, keepdim=False: w.sum(x.node, axes_of(x, dim), keepdim),
    "rsub": lambda w, a, b, /, alpha=1: _sum(-1)(w, b, a, alpha),
    "mul": lambda w, a, b, /: _joined(w, product_of(w, _parts(w, a), _parts(w, b))),
    "neg": lambda w, x, /: w.op("neg", x.node),
    "complex": lambda w, a, b, /: _joined(w, (a.node, b.node)),
    "polar": lambda w, size, angle, /: _joined(w, meaning.polar(w, size.node, angle.node)),
    "mean": lambda w, x, /, dim=None, keepdim=False: w.mean(x.node, axes_of(x, dim), keepdim),
    "reciprocal": lambda w, x, /: _joined(w, quotient_of(w, (w.constant(1.0), None), _parts(w, x))),
    "copy": lambda w, target, source, /: w.broadcast(_joined(w, _parts(w, source)), (*target.shape, 2)),
    "square": lambda w, x, /: _joined(w, meaning.whole_power(w, _parts(w, x), 2)),
}  # fmt: skip
RULES = {f"complex.{name}": rule for name, rule in _RULES.items()}
