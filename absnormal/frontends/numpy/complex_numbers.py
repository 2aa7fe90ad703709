"""Complex numbers on the way from real variables to a real result: pairs of real arrays; Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.errors import TraceError
from absnormal.frontends.meanings import complex_numbers as meaning
from absnormal.frontends.meanings.complex_numbers import Parts
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import axis_of, named, writer_of


class TracedComplex(NDArrayOperatorsMixin):
    """An array of complex numbers: its real and its imaginary part, of one shape, one of them a variable."""

    __array_priority__ = 1003

    def __init__(self, real: Any, imag: Any) -> None:
        shape = np.broadcast_shapes(np.shape(real), np.shape(imag))
        self.real: Any = np.broadcast_to(real, shape)
        self.imag: Any = np.broadcast_to(imag, shape)

    @property
    def first(self) -> TracedArray:
        """A part that is a variable."""
        found: TracedArray = self.real if isinstance(self.real, TracedArray) else self.imag
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.real)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(complex)

    @property
    def T(self) -> TracedComplex:
        return TracedComplex(np.transpose(self.real), np.transpose(self.imag))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedComplex]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, key: Any) -> TracedComplex:
        return TracedComplex(self.real[key], self.imag[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        real, imag = parts(value)
        write = writer_of([self.real, self.imag], "item assignment")
        for name, part in (("real", real), ("imag", 0.0 if imag is None else imag)):
            # What is written into is a copy: a part may be an array of f's own.
            own = write.array(getattr(self, name)).copy()
            own[key] = part
            setattr(self, name, own)

    def conj(self) -> TracedComplex:
        """The conjugate numbers."""
        return TracedComplex(self.real, -self.imag)

    conjugate = conj

    def astype(self, dtype: Any, copy: bool = True) -> TracedComplex:
        """The same numbers."""
        return self if np.dtype(dtype) == np.complex128 else refuse("ndarray.astype")

    def copy(self) -> TracedComplex:
        """The same numbers."""
        return TracedComplex(self.real, self.imag)

    def sum(self, axis: Any = None) -> TracedComplex:
        """The sum over axes."""
        return TracedComplex(np.sum(self.real, axis), np.sum(self.imag, axis))

    def mean(self, axis: Any = None) -> TracedComplex:
        """The mean over axes."""
        return TracedComplex(np.mean(self.real, axis), np.mean(self.imag, axis))

    def reshape(self, *shape: Any) -> TracedComplex:
        """The same numbers in another shape."""
        return TracedComplex(self.real.reshape(*shape), self.imag.reshape(*shape))

    def refuse(self, operation: str) -> NoReturn:
        refuse(operation)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.refuse("np.array")

    def __abs__(self) -> Any:
        return size_of(self)

    def __complex__(self) -> NoReturn:
        self.refuse("complex()")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        target, = kwargs.pop("out", None) or (None,)
        result = of_complex(ufunc, method, inputs, kwargs)
        if not isinstance(target, TracedComplex):
            return result if target is None else refuse(f"np.{ufunc.__name__}")
        target[...] = result
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        rule, name = FUNCTIONS.get(func), f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)
        if rule is None:
            refuse(name)
        return named(self.first.builder, name, rule, args, kwargs)


def refuse(operation: str) -> NoReturn:
    """Raise for what is not followed on complex numbers."""
    raise TraceError(
        operation, "is not supported for complex numbers", "write it with real and imaginary parts", caller()
    )


def of_complex(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: Any) -> Any:
    """A ufunc of complex numbers, one of which is a variable."""
    rule = UFUNCS.get(ufunc)
    if rule is None or method != "__call__" or kwargs:
        refuse(f"np.{ufunc.__name__}")
    found = next(item for item in inputs if isinstance(item, (TracedComplex, TracedArray)))
    builder = found.first.builder if isinstance(found, TracedComplex) else found.builder
    return named(builder, f"np.{ufunc.__name__}", rule, inputs, {})


def parts(value: Any) -> Parts:
    """The real and the imaginary part of a number, a variable or a constant; None is 0."""
    if isinstance(value, TracedComplex):
        return value.real, value.imag
    if isinstance(value, (complex, np.ndarray, np.complexfloating)) and np.iscomplexobj(value):
        return np.asarray(value.real), np.asarray(value.imag) if np.any(value.imag) else None
    return value, None


def _of(operation: str, function: Callable[..., Parts], *values: Any) -> TracedComplex:
    """What a meaning of complex numbers makes of some."""
    given = [parts(value) for value in values]
    real, imag = function(writer_of([list(pair) for pair in given], operation), *given)
    return TracedComplex(real, 0.0 if imag is None else imag)


def _function(operation: str, function: Callable[..., Parts]) -> Callable[..., TracedComplex]:
    return lambda *values: _of(operation, function, *values)


def is_complex(value: Any) -> bool:
    """Whether a value is complex."""
    array = isinstance(value, np.ndarray) and value.dtype.kind == "c"
    return array or isinstance(value, (complex, np.complexfloating, TracedComplex))


def _product(first: Any, second: Any) -> TracedComplex:
    def product(write: Any, a: Parts, b: Parts) -> Parts:
        return meaning.bilinear(write, lambda u, v: write.array(u) @ v, _whole(a), _whole(b))

    return _of("np.matmul", product, first, second)


def _whole(a: Parts) -> Parts:
    """Parts of one shape."""
    if a[1] is None:
        return a
    real, imag = np.broadcast_arrays(*a)
    return real, imag


def _power(z: Any, exponent: Any) -> TracedComplex:
    if isinstance(exponent, (int, np.integer)):
        return _of("np.power", lambda write, a: meaning.whole_power(write, a, int(exponent)), z)
    return _of("np.power", meaning.power, z, exponent)


def size_of(z: Any) -> Any:
    """The absolute values, which are 2-norms of pairs."""
    a = parts(z)
    return meaning.size_of(writer_of(list(a), "np.absolute"), a, "modulus")


def _sign(z: Any) -> TracedComplex:
    if not np.all(size_of(z).value):
        raise TraceError("np.sign", "jumps where a number is 0", "move the point off it", caller())
    return _of("np.sign", lambda write, a: meaning.direction_of(write, a, "modulus"), z)


def _angle(z: Any, deg: bool = False) -> Any:
    a = parts(z)
    angle = meaning.angle_of(writer_of(list(a), "np.angle"), a)
    return np.rad2deg(angle) if deg else angle


_MEANINGS: dict[np.ufunc, Callable[..., Any]] = {
    **{getattr(np, name): function for name, function in meaning.FUNCTIONS.items()},
    np.add: meaning.sum_of, np.subtract: lambda write, a, b: meaning.sum_of(write, a, b, -1),
    np.multiply: meaning.product_of, np.true_divide: meaning.quotient_of, np.negative: meaning.negative,
    np.conjugate: meaning.conjugate, np.square: lambda write, a: meaning.whole_power(write, a, 2),
    np.reciprocal: lambda write, a: meaning.quotient_of(write, (1.0, None), a),
}  # fmt: skip

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    **{ufunc: _function(f"np.{ufunc.__name__}", function) for ufunc, function in _MEANINGS.items()},
    np.positive: lambda z: z, np.absolute: size_of, np.matmul: _product, np.power: _power, np.sign: _sign,
}  # fmt: skip


# -- Fourier transforms ----------------------------------------------------------------------------------


def transform(name: str) -> Callable[..., Any]:
    """A transform of np.fft along one axis: a complex matrix."""
    function = getattr(np.fft, name)

    def transformed(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        real, imag = _whole(parts(a))
        write = writer_of([real, imag], f"np.fft.{name}")
        place = axis_of(axis, np.ndim(real))
        count = np.shape(real)[place]
        if count > meaning.LONGEST:
            write.refuse(f"is a matrix for {count} numbers here", f"use at most {meaning.LONGEST}")
        if imag is not None and name == "rfft":
            refuse(f"np.fft.{name}")
        matrix = function(np.eye(count), n, 0, norm)
        if np.iscomplexobj(matrix):
            return TracedComplex(*meaning.transformed(write, (real, imag), matrix, place))
        found = meaning.along(write, real, matrix, place)
        if imag is None:
            return found
        return found + meaning.along(write, imag, function(1j * np.eye(count), n, 0, norm), place)

    return transformed


def transform_along(many: str, first: str, last: str) -> Callable[..., Any]:
    """A transform of np.fft along several axes: ``last`` along the last of them, ``first`` along the others.

    What makes half of a transform begins with the last axis, what takes half of one ends with it.
    """
    of_last, of_others = transform(last), transform(first)

    def transformed(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
        ndim = np.ndim(parts(a)[0])
        if axes is None:
            count = 2 if many == "2" else ndim if s is None else len(s)
            axes = range(ndim - count, ndim)
        sizes = [None] * len(axes) if s is None else [None if size == -1 else size for size in s]
        pairs = list(zip(sizes, axes, strict=True))
        if last.startswith("r"):
            a = of_last(a, pairs[-1][0], pairs[-1][1], norm)
        for size, axis in pairs[:-1]:
            a = of_others(a, size, axis, norm)
        return a if last.startswith("r") else of_last(a, pairs[-1][0], pairs[-1][1], norm)

    return transformed


def _apart(function: Any) -> Callable[..., Any]:
    """A movement of entries, of both parts."""

    def moved(z: Any, *args: Any, **kwargs: Any) -> TracedComplex:
        return TracedComplex(function(z.real, *args, **kwargs), function(z.imag, *args, **kwargs))

    return moved


def _joined(function: Any) -> Callable[..., Any]:
    def joined(arrays: Sequence[Any], *args: Any, **kwargs: Any) -> TracedComplex:
        pairs = [parts(item) for item in arrays]
        full = [np.broadcast_arrays(*pair) for pair in pairs]
        real, imag = (function([pair[place] for pair in full], *args, **kwargs) for place in (0, 1))
        return TracedComplex(real, imag)

    return joined


#: Transforms of real variables.
TRANSFORMS: dict[Any, Callable[..., Any]] = {
    getattr(np.fft, name): transform(name) for name in ("fft", "ifft", "rfft", "irfft")
} | {
    getattr(np.fft, f"{back}{half}fft{many}"): transform_along(many, f"{back}fft", f"{back}{half}fft")
    for half in ("", "r") for back in ("", "i") for many in ("2", "n")
}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **TRANSFORMS, np.real: lambda z: z.real, np.imag: lambda z: z.imag, np.angle: _angle,
    **{function: _apart(function) for function in (
        np.sum, np.mean, np.reshape, np.ravel, np.transpose, np.roll, np.flip, np.cumsum, np.diff, np.fft.fftshift,
        np.fft.ifftshift, np.expand_dims, np.squeeze, np.repeat, np.tile, np.moveaxis, np.swapaxes,
        np.broadcast_to, np.atleast_1d, np.atleast_2d, np.take, np.pad, np.diagonal, np.trace,
    )},
    np.concatenate: _joined(np.concatenate), np.stack: _joined(np.stack), np.dot: _product,
    np.vdot: lambda a, b: _product(TracedComplex(*parts(a)).conj(), b),
    np.shape: lambda z: z.shape, np.ndim: lambda z: z.ndim, np.size: lambda z: z.size,
    np.iscomplexobj: lambda z: True, np.isrealobj: lambda z: False, np.copy: lambda z: z.copy(),
}  # fmt: skip
