"""NumPy's functions that write into an array: for arrays that f made, and for variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.errors import TraceError
from absnormal.frontends.numpy.creation import of_list
from absnormal.frontends.numpy.kept import keeps
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.running import running
from absnormal.frontends.user_line import caller


def check(target: Any, operation: str) -> None:
    """Raise where a variable would be written into an array that f did not make."""
    if type(target) is np.ndarray:
        raise TraceError(
            operation, "writes a variable into an array that was made before f was called",
            "make a copy of it in f, with np.array(a)", caller(),
        )


def is_given(target: Any) -> bool:
    """Whether an array is one of f's module, or one that f keeps."""
    run = running()
    return run is not None and keeps(run.f, target)


def change_at(ufunc: np.ufunc, target: Any, index: Any, *values: Any) -> None:
    """ufunc.at: entry by entry, so that one that is named twice is changed twice."""
    check(target, f"np.{ufunc.__name__}.at")
    shape = np.shape(target)
    places = np.arange(np.size(target)).reshape(shape)[concrete(index)]
    given = [np.copy(np.broadcast_to(value, places.shape)).reshape(-1) for value in values]
    for number, place in enumerate(places.reshape(-1)):
        at = np.unravel_index(place, shape)
        target[at] = ufunc(target[at], *(value[number] for value in given))


def write_where(ufunc: np.ufunc, inputs: Sequence[Any], target: Any, kwargs: Mapping[str, Any]) -> Any:
    """A ufunc with ``where`` and ``out``: what it is not asked for stays, and need not have a value."""
    check(target, f"np.{ufunc.__name__}")
    others = {key: item for key, item in kwargs.items() if key != "where"}
    target[...] = np.where(kwargs["where"], ufunc(*inputs, **others), target)
    return target


def copy_to(dst: Any, src: Any, where: Any = True) -> None:
    """np.copyto."""
    check(dst, "np.copyto")
    dst[...] = src if where is True else np.where(where, src, dst)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal."""
    check(a, "np.fill_diagonal")
    mark = np.zeros(np.shape(a), bool)
    np.fill_diagonal(mark, True, wrap)
    a[mark] = val if not np.ndim(val) else np.ravel(val)[np.arange(int(mark.sum())) % np.size(val)]


def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """np.put."""
    check(a, "np.put")
    values, places = np.copy(np.ravel(of_list(v))), np.take(np.arange(np.size(a)), concrete(ind), mode=mode)
    for number, place in enumerate(np.ravel(places)):
        a[np.unravel_index(place, np.shape(a))] = values[number % np.size(values)]


def put_mask(a: Any, mask: Any, values: Any) -> None:
    """np.putmask: entry by entry."""
    check(a, "np.putmask")
    a[...] = np.where(mask, values if not np.ndim(values) else np.resize(values, np.shape(a)), a)


def place(arr: Any, mask: Any, vals: Any) -> None:
    """np.place: one after the other."""
    check(arr, "np.place")
    mask = np.asarray(concrete(mask), bool)
    arr[mask] = np.ravel(vals)[np.arange(int(mask.sum())) % np.size(vals)]


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """np.put_along_axis."""
    check(arr, "np.put_along_axis")
    places = np.take_along_axis(np.arange(np.size(arr)).reshape(np.shape(arr)), concrete(indices), axis)
    arr[np.unravel_index(places, np.shape(arr))] = values


def fill(a: Any, value: Any) -> None:
    """ndarray.fill."""
    a[...] = value


def sort(a: Any, axis: Any = -1) -> None:
    """ndarray.sort."""
    a[...] = np.sort(a, axis)


def partition(a: Any, kth: Any, axis: Any = -1) -> None:
    """ndarray.partition."""
    a[...] = np.partition(a, kth, axis)


#: Methods of arrays that change them.
WRITING_METHODS: dict[str, Callable[..., None]] = {"fill": fill, "partition": partition, "put": put, "sort": sort}

#: NumPy's functions that write into their first argument.
WRITING: dict[Any, Callable[..., None]] = {
    np.copyto: copy_to, np.fill_diagonal: fill_diagonal, np.put: put, np.putmask: put_mask, np.place: place,
    np.put_along_axis: put_along_axis,
}  # fmt: skip
