"""NumPy's functions that call a function of the user's: its operations keep their own names and lines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.frontends.numpy.creation import arrayed
from absnormal.frontends.numpy.masks import TracedMask, concrete
from absnormal.frontends.numpy.select import where
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import axis_of


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """np.piecewise: the last condition that holds counts, also at ties."""
    several = isinstance(condlist, (list, tuple)) and bool(condlist) and np.shape(condlist[0]) == x.shape
    masks: list[Any] = list(condlist) if several or np.ndim(condlist) > x.ndim else [condlist]
    functions: list[Any] = list(funclist)
    if len(functions) == len(masks) + 1:
        masks, functions = [np.ones(x.shape, bool), *masks], [functions[-1], *functions[:-1]]
    elif len(masks) > 1 and _are_opposite(*masks[:2]):
        masks[0] = np.ones(x.shape, bool)

    def called(function: Any, u: Any) -> Any:
        return function(u, *args, **kw) if callable(function) else function

    if any(isinstance(mask, TracedMask) and mask.touches for mask in masks):
        result: Any = np.zeros(x.shape)
        for mask, function in zip(masks, functions, strict=True):
            result = where(mask, called(function, x), result)
        return result
    result, outcomes = np.zeros(x.shape), [np.broadcast_to(np.asarray(concrete(mask), bool), x.shape) for mask in masks]
    for number, (inside, function) in enumerate(zip(outcomes, functions, strict=True)):
        last = inside & ~np.any([np.zeros(x.shape, bool), *outcomes[number + 1 :]], axis=0)
        if last.any():
            result = _put(x, result, last, called(function, x[last]))
    return result


def _are_opposite(first: Any, second: Any) -> bool:
    """Whether one comparison holds where the other one does not, at every point."""
    if not isinstance(first, TracedMask) or not isinstance(second, TracedMask) or first.fixed is not None:
        return False
    other = ~first
    return second.fixed is None and (other.left, other.relation, other.right) == (
        second.left, second.relation, second.right
    )


def _put(x: Any, result: Any, inside: Any, chosen: Any) -> Any:
    """A result with some entries replaced."""
    start = result if isinstance(result, TracedArray) else x * 0.0 + result
    made = TracedArray(start.builder, start.index, scalar=False) if isinstance(start, TracedArray) else np.array(start)
    made[inside] = chosen
    return made


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """np.apply_along_axis."""
    moved = np.moveaxis(arr, axis, -1)
    lead = moved.shape[:-1]
    rows: Any = moved.reshape(-1, moved.shape[-1])
    found = [func1d(row, *args, **kwargs) for row in rows]
    result: Any = arrayed(found) if any(isinstance(item, TracedArray) for item in found) else np.asarray(found)
    extra = result.ndim - 1
    result = np.reshape(result, (*lead, *result.shape[1:]))
    place = axis_of(axis, np.ndim(arr))
    return np.moveaxis(result, range(len(lead), len(lead) + extra), range(place, place + extra))


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """np.apply_over_axes."""
    for axis in np.atleast_1d(axes):
        result = func(a, axis_of(axis, np.ndim(a)))
        a = result if np.ndim(result) == np.ndim(a) else np.expand_dims(result, axis_of(axis, np.ndim(a)))
    return a


@functools.cache
def is_of_objects(ufunc: np.ufunc) -> bool:
    """Whether a ufunc was made of a function of Python's, by np.frompyfunc or np.vectorize."""
    return ufunc.ntypes == 1 and set("".join(ufunc.types)) <= set("O->")


def entry_by_entry(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """The function that a ufunc was made of, on every entry."""
    shape = np.broadcast_shapes(*map(np.shape, inputs))
    arrays = [np.broadcast_to(item, shape) for item in inputs]
    entries = [np.empty(shape, object) for _ in arrays]
    for place in np.ndindex(*shape):
        for own, given in zip(entries, arrays, strict=True):
            own[place] = given[place]
    result: Any = ufunc(*entries)
    parts = result if isinstance(result, tuple) else (result,)
    made = tuple(
        arrayed(part) if isinstance(part, np.ndarray) and any(isinstance(item, TracedArray) for item in part.flat)
        else part
        for part in parts
    )
    return made if isinstance(result, tuple) else made[0]


CALLBACKS: dict[Any, Callable[..., Any]] = {
    np.piecewise: piecewise, np.apply_along_axis: apply_along_axis, np.apply_over_axes: apply_over_axes,
}  # fmt: skip
