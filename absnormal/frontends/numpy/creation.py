"""Arrays that are made of variables: np.array of lists, np.full, np.fromiter."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.errors import TraceError
from absnormal.frontends.numpy.shapes import broadcast_to, stack
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import first_traced, writer_of


def arrayed(value: Any, operation: str = "np.array") -> TracedArray:
    """Nested lists of variables and numbers as one array, or an array as it is."""
    write = writer_of(value.tolist() if isinstance(value, np.ndarray) else value, operation)
    if not isinstance(value, (list, tuple, np.ndarray)) or (isinstance(value, np.ndarray) and value.dtype != object):
        return write.array(value)
    try:
        return stack([arrayed_item(write, item) for item in value])
    except ValueError as error:
        raise ValueError("setting an array element with a sequence: the shapes of the parts differ") from error


def of_list(value: Any) -> Any:
    """A list of variables as an array; anything else as it is."""
    return arrayed(value) if type(value) in (list, tuple) and first_traced(value) is not None else value


def arrayed_item(write: Any, item: Any) -> Any:
    """A part of a list."""
    if isinstance(item, (list, tuple)) or (isinstance(item, np.ndarray) and item.dtype == object):
        return stack([arrayed_item(write, part) for part in item])
    return write.array(item)


def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False, ndmin: int = 0,
    like: Any = None,
) -> Any:
    """np.array, np.asarray and their kin of what holds variables."""
    pairs = complex_parts(object)
    if pairs is not None:
        return pairs
    made = arrayed(object)
    if dtype is not None and np.dtype(dtype) == np.complex128:
        return as_complex(array(made, copy=copy, ndmin=ndmin))
    check_dtype(dtype)
    if made is object and copy is True:
        made = TracedArray(made.builder, made.index, scalar=False)
    made = made if made is object else TracedArray(made.builder, made.index, scalar=False)
    missing = ndmin - made.ndim
    return made.reshape((1,) * missing + made.shape) if missing > 0 else made


def as_complex(u: TracedArray) -> Any:
    """Real variables as complex numbers."""
    from absnormal.frontends.numpy.complex_numbers import TracedComplex

    return TracedComplex(u, 0.0)


def complex_parts(value: Any) -> Any:
    """A list with complex variables in it as an array; None where there are none."""
    from absnormal.frontends.numpy.complex_numbers import TracedComplex, parts

    def of(item: Any, place: int) -> Any:
        if isinstance(item, (list, tuple)):
            return arrayed_item(write, [of(part, place) for part in item])
        part = parts(item)[place]
        return 0.0 * parts(item)[0] if part is None else part

    def first(item: Any) -> Any:
        if isinstance(item, (list, tuple)):
            return next((found for part in item if (found := first(part)) is not None), None)
        return item.first if isinstance(item, TracedComplex) else None

    if not isinstance(value, (list, tuple)) or (found := first(value)) is None:
        return None
    write = writer_of(found, "np.array")
    return TracedComplex(of(value, 0), of(value, 1))


def check_dtype(dtype: Any) -> None:
    """Raise where variables are converted to another type of number."""
    if dtype is not None and np.dtype(dtype) not in (np.dtype(float), np.dtype(object)):
        raise TraceError("np.array", f"a variable is converted to {np.dtype(dtype)}", "keep float64", caller())


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **other: Any) -> Any:
    """np.full of a variable."""
    check_dtype(dtype)
    made = broadcast_to(arrayed(fill_value, "np.full"), shape)
    return TracedArray(made.builder, made.index, scalar=False)
