"""NumPy's functions that move entries: shapes, indices, joining and splitting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import eithers, lifted
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, axes_of, axis_of, writer_of
from absnormal.program.moves import numbered


def like(u: Any) -> Array:
    """A plain array of the same shape, without memory of its own."""
    return np.broadcast_to(0.0, np.shape(u))


def constant_key(write: Writer, key: Any) -> tuple[Any, ...]:
    """An index without variables, as a tuple."""
    items = concrete(key if isinstance(key, tuple) else (key,))
    if any(isinstance(item, TracedArray) for item in items):
        write.refuse("a variable is used as an index, a discontinuous selection", "use np.max, np.min or np.sort")
    return tuple(int(item) if isinstance(item, np.integer) else item for item in items)


def getitem(u: TracedArray, key: Any) -> Any:
    """u[key] for constant keys, for comparisons that are not tied, and for indices of what is sorted."""
    write = writer_of(u, "indexing")
    if type(key) is int and u.root.memory is None:
        return write.op("index", u, key=(key,), share=None if u.ndim == 1 else u)
    found = _by_places(u, key)
    if found is not None:
        return found
    if eithers([key]):
        # As np.take does it: of a list, an entry for every index.
        return lifted(lambda own: u[own], [key], u.ndim == 1)
    if isinstance(key, str):
        write.refuse(f"takes the entry {key!r} of an array, which has none", "make the point a dict of arrays")
    items = constant_key(write, key)
    basic = all(_is_basic(item) for item in items)
    is_number = basic and len(items) == u.ndim and all(isinstance(item, int) for item in items)
    memory = u.root.memory
    if memory is not None and (is_number or not basic):
        return TracedArray(u.builder, memory.read(u.where[items]))
    if basic:
        return write.op("index", u, key=items, share=None if is_number else u)
    return write.op("gather", u, index=np.asarray(numbered(u.shape)[items]))


def _by_places(u: TracedArray, key: Any) -> Any:
    """u[key], where one item of the key holds indices that may jump."""
    items = key if isinstance(key, tuple) else (key,)
    held = [at for at, item in enumerate(items) if isinstance(item, Places)]
    masks = any(np.asarray(item).dtype == bool for item in items if isinstance(item, (list, np.ndarray)))
    if len(held) != 1 or masks:
        return None
    at = held[0]
    before, behind = ([item for item in part if item is not None] for part in (items[:at], items[at + 1 :]))
    axis = u.ndim - 1 - len(behind) if any(item is Ellipsis for item in before) else len(before)
    places: Places = items[at]
    return places.look_up(u, axis, lambda table, own: table[(*items[:at], own, *items[at + 1 :])])


def take(u: Any, index: Any, axis: Any = None, mode: str = "raise") -> Any:
    """np.take."""
    return _taken(u, index, axis, functools.partial(np.take, mode=mode))  # type: ignore[call-overload]


def take_along_axis(u: Any, index: Any, axis: Any = -1) -> Any:
    """np.take_along_axis."""
    return _taken(u, index, axis, np.take_along_axis)


def _taken(u: Any, index: Any, axis: Any, apply: Callable[[Any, Any, Any], Any]) -> Any:
    """What a function takes along an axis, which may be of the flat array, by an index."""
    if isinstance(index, Places) and isinstance(u, TracedArray):
        flat, along = (ravel(u), 0) if axis is None else (u, axis)
        return index.look_up(flat, along, lambda table, own: apply(table, own, along))
    return gather(u, lambda numbers: apply(numbers, index, axis))


def _is_basic(item: Any) -> bool:
    if isinstance(item, (bool, np.bool)):
        return False
    return isinstance(item, (int, np.integer, slice)) or item is None or item is Ellipsis


def gather(u: Any, rearrange: Callable[[Array], Any], view: bool = False) -> TracedArray:
    """A rearrangement of entries, given as a function that moves plain arrays."""
    write = writer_of(u, "rearrangement")
    u = write.array(u)
    index = np.asarray(rearrange(numbered(u.shape)))
    return write.op("gather", u, index=index, share=u if view else None)


def reshape(u: Any, *shape: Any, order: str = "C", **named_shape: Any) -> TracedArray:
    """np.reshape and ndarray.reshape."""
    write = writer_of(u, "np.reshape")
    u = write.array(u)
    given = shape[0] if len(shape) == 1 else shape
    if order not in ("C", "F"):
        write.refuse(f"order={order!r} depends on the memory layout", "use order='C' or 'F'")
    target = named_shape.get("shape", named_shape.get("newshape", given))
    if order == "F":
        return transpose(reshape(transpose(u), like(u).reshape(target, order="F").shape[::-1]))
    out = like(u).reshape(target).shape
    return u if out == u.shape else write.op("reshape", u, shape=out, share=u if u.keeps(out) else None)


def ravel(u: Any, order: str = "C") -> TracedArray:
    return reshape(u, -1, order=order)


def copied(a: Any, order: Any = None) -> TracedArray:
    """np.copy; one in Fortran's order lies in memory as the transposed array does."""
    if order == "F":
        return transpose(copied(transpose(a)))
    return TracedArray(a.builder, a.index, scalar=False)


def flattened(u: Any, order: str = "C") -> TracedArray:
    """ndarray.flatten."""
    return copied(ravel(u, order))


def transpose(u: Any, *axes: Any, **named_axes: Any) -> TracedArray:
    write = writer_of(u, "np.transpose")
    u = write.array(u)
    given: Any = named_axes.get("axes", axes[0] if len(axes) == 1 else axes or None)
    order = tuple(range(u.ndim))[::-1] if given is None else tuple(axis_of(axis, u.ndim) for axis in given)
    if sorted(order) != list(range(u.ndim)):
        raise ValueError("axes don't match array")
    return u if order == tuple(range(u.ndim)) else write.op("transpose", u, axes=order, share=u)


def flip(m: Any, axis: Any = None) -> Any:
    """np.flip."""
    turned = axes_of(axis, np.ndim(m))
    return getitem(m, tuple(slice(None, None, -1 if i in turned else None) for i in range(np.ndim(m))))


def swapaxes(u: Any, axis1: int, axis2: int) -> TracedArray:
    order = list(range(np.ndim(u)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(u, order)


def moveaxis(u: Any, source: Any, destination: Any) -> TracedArray:
    # A plain array whose axis i has length i shows where the axes go.
    return transpose(u, np.moveaxis(np.empty(tuple(range(np.ndim(u)))), source, destination).shape)


def squeeze(u: Any, axis: Any = None) -> TracedArray:
    return reshape(u, np.squeeze(like(u), axis).shape)


def expand_dims(u: Any, axis: Any) -> TracedArray:
    return reshape(u, np.expand_dims(like(u), axis).shape)


def shifted(rule: Callable[..., Any]) -> Callable[..., Any]:
    """np.fft.fftshift and its inverse."""
    return lambda x, axes=None: gather(x, lambda index: rule(index, axes))


def atleast(rule: Callable[..., Any]) -> Callable[..., Any]:
    def promoted(*arrays: Any) -> Any:
        results = tuple(reshape(u, rule(like(u)).shape) for u in arrays)
        return results[0] if len(results) == 1 else results

    return promoted


def broadcast_to(u: Any, shape: Any) -> TracedArray:
    full = np.broadcast_to(like(u), shape).shape
    write = writer_of(u, "np.broadcast_to")
    u = write.array(u)
    return u if full == u.shape else write.op("broadcast", u, shape=full, share=u)


def broadcast_arrays(*arrays: Any) -> Any:
    shape = np.broadcast_shapes(*(np.shape(u) for u in arrays))
    return tuple(np.broadcast_to(u, shape) for u in arrays)


def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False) -> Any:
    write = writer_of(arrays, "np.meshgrid")
    plain: Any = [np.arange(np.size(u)) for u in arrays]
    places = np.meshgrid(*plain, indexing="ij" if indexing == "ij" else "xy", sparse=sparse)
    return [write.op("gather", u, index=place) for u, place in zip(arrays, places, strict=True)]


def concatenate(arrays: Sequence[Any], axis: Any = 0) -> TracedArray:
    write = writer_of(arrays, "np.concatenate")
    parts = [write.array(item) for item in arrays]
    if axis is None:
        parts, axis = [ravel(part) for part in parts], 0
    if min(part.ndim for part in parts) == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    return write.op("concatenate", *parts, axis=axis_of(axis, parts[0].ndim))


def stack(arrays: Sequence[Any], axis: int = 0) -> TracedArray:
    write = writer_of(arrays, "np.stack")
    parts = [write.array(item) for item in arrays]
    if len({part.shape for part in parts}) != 1:
        raise ValueError("all input arrays must have the same shape")
    return concatenate([expand_dims(part, axis) for part in parts], axis)


def glued(lift: Callable[..., Any], axis: Callable[[int], int]) -> Callable[..., Any]:
    """np.hstack and its kin: arrays of at least some axes, joined along one."""

    def glue(tup: Sequence[Any]) -> Any:
        write = writer_of(tup, "np.concatenate")
        parts = [atleast(lift)(write.array(item)) for item in tup]
        return concatenate(parts, axis(parts[0].ndim))

    return glue


def column_stack(tup: Sequence[Any]) -> Any:
    write = writer_of(tup, "np.column_stack")
    parts = [write.array(item) for item in tup]
    return concatenate([part[:, None] if part.ndim == 1 else part for part in parts], 1)


def block(arrays: Any) -> Any:
    """np.block: innermost lists are joined along the last axis."""
    write = writer_of(arrays, "np.block")

    def depth_of(item: Any) -> int:
        return 1 + max(depth_of(part) for part in item) if isinstance(item, list) else 0

    def leaves_of(item: Any) -> Any:
        return [leaf for part in item for leaf in leaves_of(part)] if isinstance(item, list) else [item]

    depth = max([depth_of(arrays), *(np.ndim(leaf) for leaf in leaves_of(arrays))])

    def joined(item: Any, axis: int) -> Any:
        if not isinstance(item, list):
            u = write.array(item)
            return reshape(u, (1,) * (depth - u.ndim) + u.shape)
        return concatenate([joined(part, axis + 1) for part in item], axis)

    return joined(arrays, -depth_of(arrays))


def split(ary: Any, indices_or_sections: Any, axis: int = 0, function: Any = np.split) -> list[TracedArray]:
    axis = axis_of(axis, ary.ndim)
    lead = (slice(None),) * axis
    places = function(np.arange(ary.shape[axis]), indices_or_sections)
    return [ary[(*lead, slice(int(p[0]), int(p[-1]) + 1) if len(p) else slice(0, 0))] for p in places]


def repeated_pad(u: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """np.pad."""
    write = writer_of(u, "np.pad")
    if mode in ("mean", "linear_ramp") or (mode in ("reflect", "symmetric") and kwargs.get("reflect_type") == "odd"):
        from absnormal.frontends.numpy.library import affine_map

        return affine_map(write, lambda v: np.pad(v, pad_width, mode, **kwargs), write.array(u))
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        write.refuse(f"mode {mode!r} is not supported", "use one that copies entries, or 'mean' or 'linear_ramp'")
    if mode != "constant":
        return gather(u, lambda index: np.pad(index, pad_width, mode=mode))
    values = kwargs.get("constant_values", 0.0)
    if isinstance(values, TracedArray):
        write.refuse("constant_values is a variable", "use np.concatenate")
    filled = np.pad(np.zeros(u.shape), pad_width, constant_values=values)
    inside = np.pad(numbered(u.shape), pad_width, constant_values=-1)
    return write.op("where", gather(u, lambda index: np.maximum(inside, 0)), filled, mask=inside >= 0)


def diagonal_matrix(v: Any, k: int = 0) -> Any:
    """np.diag."""
    if v.ndim == 2:
        return gather(v, lambda index: np.diag(index, k), view=True)
    places = np.diag(np.arange(1, v.size + 1), k)
    moved = gather(v, lambda index: np.maximum(places - 1, 0))
    return writer_of(v, "np.diag").op("where", moved, np.zeros(places.shape), mask=places > 0)


def triangle(function: Any) -> Callable[..., Any]:
    def cut(m: Any, k: int = 0) -> Any:
        mask = function(np.ones(m.shape, bool), k)
        return writer_of(m, "np.tril").op("where", m, np.zeros(m.shape), mask=mask)

    return cut


def tolist(u: TracedArray) -> Any:
    """Nested lists of numbers, which stay variables."""
    return [tolist(item) for item in u] if u.ndim else u[()]


def item(u: TracedArray, *index: Any) -> Any:
    """One entry as a number, which stays a variable."""
    if not index and u.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return getitem(ravel(u), int(numbered(u.shape).item(*index)))
