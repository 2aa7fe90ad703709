"""Complex numbers on the way from real variables to a real result: pairs of real arrays; Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.errors import TraceError
from absnormal.frontends.numpy.sequences import along
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import axis_of, named, writer_of

#: Fourier transforms are matrices, for so many numbers at most.
LARGEST = 4096


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

    def conj(self) -> TracedComplex:
        """The conjugate numbers."""
        return TracedComplex(self.real, -self.imag)

    conjugate = conj

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
        return of_complex(ufunc, method, inputs, kwargs)

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


def parts(value: Any) -> tuple[Any, Any]:
    """The real and the imaginary part of a number, a variable or a constant."""
    if isinstance(value, (TracedComplex, complex, np.ndarray, np.complexfloating)):
        return value.real, value.imag
    return value, 0.0


def is_complex(value: Any) -> bool:
    """Whether a value is complex."""
    array = isinstance(value, np.ndarray) and value.dtype.kind == "c"
    return array or isinstance(value, (complex, np.complexfloating, TracedComplex))


def _multiplied(first: Any, second: Any) -> TracedComplex:
    (a, b), (c, d) = parts(first), parts(second)
    return TracedComplex(a * c - b * d, a * d + b * c)


def _divided(first: Any, second: Any) -> TracedComplex:
    (a, b), (c, d) = parts(first), parts(second)
    size = c * c + d * d
    return TracedComplex((a * c + b * d) / size, (b * c - a * d) / size)


def _product(first: Any, second: Any) -> TracedComplex:
    (a, b), (c, d) = parts(first), parts(second)
    a, b = np.broadcast_arrays(a, b)  # type: ignore[assignment]
    c, d = np.broadcast_arrays(c, d)  # type: ignore[assignment]
    return TracedComplex(a @ c - b @ d, a @ d + b @ c)


def _exponential(z: Any) -> TracedComplex:
    a, b = parts(z)
    return TracedComplex(np.exp(a) * np.cos(b), np.exp(a) * np.sin(b))


def _power(z: Any, exponent: Any) -> TracedComplex:
    if not isinstance(exponent, (int, np.integer)) or exponent < 1:
        refuse("np.power")
    result: TracedComplex = z
    for _ in range(int(exponent) - 1):
        result = _multiplied(result, z)
    return result


def _logarithm(z: Any) -> TracedComplex:
    a, b = parts(z)
    return TracedComplex(np.log(a * a + b * b) / 2, np.arctan2(b, a))


def size_of(z: Any) -> Any:
    """The absolute values, which are 2-norms of pairs."""
    a, b = parts(z)
    return writer_of([a, b], "np.absolute").op("sqrt", a * a + b * b, tie="norm")


def _angle(z: Any, deg: bool = False) -> Any:
    a, b = parts(z)
    angle = np.arctan2(b, a)
    return np.rad2deg(angle) if deg else angle


def _added(sign: int) -> Callable[[Any, Any], TracedComplex]:
    def added(first: Any, second: Any) -> TracedComplex:
        (a, b), (c, d) = parts(first), parts(second)
        return TracedComplex(a + sign * c, b + sign * d)

    return added


UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: _added(1), np.subtract: _added(-1), np.multiply: _multiplied, np.true_divide: _divided,
    np.negative: lambda z: TracedComplex(-z.real, -z.imag), np.positive: lambda z: z,
    np.conjugate: lambda z: z.conj(), np.absolute: size_of, np.exp: _exponential, np.matmul: _product,
    np.power: _power, np.square: lambda z: _multiplied(z, z), np.log: _logarithm,
}  # fmt: skip


# -- Fourier transforms ----------------------------------------------------------------------------------


def transform(name: str) -> Callable[..., Any]:
    """A transform of np.fft along one axis: a complex matrix."""
    function = getattr(np.fft, name)

    def transformed(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        real, imag = parts(a)
        write = writer_of([real, imag], f"np.fft.{name}")
        shape = np.broadcast_shapes(np.shape(real), np.shape(imag))
        place = axis_of(axis, len(shape))
        count = shape[place]
        if count > LARGEST:
            write.refuse(f"is a matrix for {count} numbers here", f"use at most {LARGEST}")
        first = function(np.eye(count), n, 0, norm)
        real = along(first.real, real, place), along(first.imag, real, place)
        if not isinstance(a, TracedComplex):
            return TracedComplex(*real) if np.iscomplexobj(first) else real[0]
        if name == "rfft":
            refuse(f"np.fft.{name}")
        second = function(1j * np.eye(count), n, 0, norm)
        imag = along(second.real, imag, place), along(second.imag, imag, place)
        if not np.iscomplexobj(second):
            return real[0] + imag[0]
        return TracedComplex(real[0] + imag[0], real[1] + imag[1])

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
}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **TRANSFORMS, np.real: lambda z: z.real, np.imag: lambda z: z.imag, np.angle: _angle,
    **{function: _apart(function) for function in (
        np.sum, np.mean, np.reshape, np.ravel, np.transpose, np.roll, np.flip, np.cumsum, np.diff, np.fft.fftshift,
        np.fft.ifftshift, np.expand_dims, np.squeeze, np.repeat, np.tile, np.moveaxis, np.swapaxes,
    )},
    np.concatenate: _joined(np.concatenate), np.stack: _joined(np.stack), np.dot: _product,
    np.vdot: lambda a, b: _product(TracedComplex(*parts(a)).conj(), b),
    np.shape: lambda z: z.shape, np.ndim: lambda z: z.ndim, np.size: lambda z: z.size,
    np.iscomplexobj: lambda z: True, np.isrealobj: lambda z: False, np.copy: lambda z: z.copy(),
}  # fmt: skip
