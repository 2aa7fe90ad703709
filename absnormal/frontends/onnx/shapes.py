"""Operators that move entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import added, along, moved, padded, replaced
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.meanings.scattering import combined
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.rule import Call, Rule, reading
from absnormal.program.moves import numbered


def _ints(value: Any) -> tuple[int, ...]:
    return tuple(int(item) for item in np.reshape(value, -1))


def _reshape(call: Call, u: Any, shape: Any) -> Any:
    sizes = list(_ints(shape))
    if not call.get("allowzero"):
        sizes = [np.shape(u)[i] if size == 0 else size for i, size in enumerate(sizes)]
    return np.reshape(u, tuple(sizes))


def _flatten(call: Call, u: Any) -> Any:
    shape, axis = np.shape(u), call.get("axis")
    axis = axis + len(shape) if axis < 0 else axis
    return np.reshape(u, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _squeeze(call: Call, u: Any, axes: Any = None) -> Any:
    given = call.get("axes") if axes is None else axes
    return np.squeeze(u, None if given is None else _ints(given))


def _slice(call: Call, u: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    first, last = _ints(starts), _ints(ends)
    along = range(len(first)) if axes is None else _ints(axes)
    stride = (1,) * len(first) if steps is None else _ints(steps)
    key = [slice(None)] * np.ndim(u)
    for axis, start, stop, step in zip(along, first, last, stride, strict=True):
        size = np.shape(u)[axis]
        # A negative step runs down to the first entry when the end lies before it.
        key[axis] = slice(start, None if step < 0 and stop < -size else stop, step)
    return u[tuple(key)]


def _split(call: Call, u: Any, sizes: Any = None) -> Any:
    axis = call.get("axis")
    length = np.shape(u)[axis]
    sizes = call.get("split") if sizes is None else sizes
    if sizes is None:
        count = call.get("num_outputs") or call.outputs
        chunk = -(-length // count)
        parts = [min(chunk, length - chunk * i) for i in range(count)]
    else:
        parts = list(_ints(sizes))
    return list(np.split(u, np.cumsum(parts)[:-1].tolist(), axis))


def _gather(call: Call, u: Any, indices: Any) -> Any:
    if isinstance(indices, Places):
        return np.take(u, indices, axis=call.get("axis"))  # type: ignore[call-overload]
    return np.take(u, np.asarray(concrete(indices)).astype(int), axis=call.get("axis"))


def _named(u: Any, indices: Any, axis: int) -> Array:
    """The numbers of the entries that indices along an axis name; they may count from the end."""
    return along(np.shape(u), np.asarray(indices).astype(int) % np.shape(u)[axis], axis)


def _gather_elements(call: Call, u: Any, indices: Any) -> Any:
    if isinstance(indices, Places):
        return np.take_along_axis(u, indices, call.get("axis"))  # type: ignore[arg-type]
    return call.write.gather(u, _named(u, indices, call.get("axis")))


def _gather_nd(call: Call, u: Any, indices: Any) -> Any:
    index = np.asarray(indices).astype(int)
    count = call.get("batch_dims")
    own = np.indices(index.shape[:count]).reshape(count, *index.shape[:count], *([1] * (index.ndim - 1 - count)))
    return moved(call.write, u, lambda places: places[(*own, *np.moveaxis(index, -1, 0))])


def _expand(call: Call, u: Any, shape: Any) -> Any:
    return np.broadcast_to(u, np.broadcast_shapes(np.shape(u), _ints(shape)))


def _pad(call: Call, u: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    amounts = _ints(pads)
    along = range(np.ndim(u)) if axes is None else _ints(axes)
    widths = [(0, 0)] * np.ndim(u)
    half = len(amounts) // 2
    for place, axis in enumerate(along):
        widths[axis] = (amounts[place], amounts[half + place])
    mode = call.choice("mode", "constant", "reflect", "edge", "wrap")
    if mode == "constant":
        filling = 0.0 if value is None or np.size(value) == 0 else float(np.reshape(value, -1)[0])
        return padded(call.write, u, widths, filling)
    inside = padded(call.write, u, [(min(0, low), min(0, high)) for low, high in widths])
    return np.pad(inside, [(max(0, low), max(0, high)) for low, high in widths], mode=mode)


#: Reductions by ONNX's names: how values are combined, and the tie.
_COMBINED = {"mul": ("prod", ""), "max": ("amax", "max.window"), "min": ("amin", "min.window")}


def _replaced(call: Call, u: Any, where: Array, updates: Any) -> Any:
    kind = call.choice("reduction", "none", "add", "mul", "max", "min") if "reduction" in call.rule.reads else "none"
    write = call.write
    if kind == "none":
        return replaced(write, u, where, updates)
    if kind == "add":
        return added(write, write.array(u), where, write.array(updates))
    name, tie = _COMBINED[kind]
    return combined(write, write.array(u), where, write.array(updates), name, tie=tie)


def _scatter_nd(call: Call, u: Any, indices: Any, updates: Any) -> Any:
    index = np.asarray(indices).astype(int)
    return _replaced(call, u, numbered(np.shape(u))[tuple(np.moveaxis(index, -1, 0))], updates)


def _scatter_elements(call: Call, u: Any, indices: Any, updates: Any) -> Any:
    return _replaced(call, u, _named(u, indices, call.get("axis")), updates)


def _reverse_sequence(call: Call, u: Any, lengths: Any) -> Any:
    """The first entries of each sequence of a batch the other way round."""
    batch, time = call.get("batch_axis"), call.get("time_axis")
    places = np.moveaxis(numbered(np.shape(u)), (batch, time), (0, 1)).copy()
    for row, length in zip(places, _ints(lengths), strict=True):
        row[:length] = row[:length][::-1]
    return call.write.gather(u, np.ascontiguousarray(np.moveaxis(places, (0, 1), (batch, time))))


def _one_hot(call: Call, indices: Any, depth: Any, values: Any) -> Any:
    count, axis = _ints(depth)[0], call.get("axis")
    index = np.asarray(_whole(call, indices))
    hit = np.expand_dims(np.where(index < 0, index + count, index), axis % (index.ndim + 1))
    line = [-1 if place == axis % (index.ndim + 1) else 1 for place in range(index.ndim + 1)]
    off, on = (call.write.index(call.write.array(values), (place,)) for place in (0, 1))
    return np.where(hit == np.arange(count).reshape(line), on, off)


def _whole(call: Call, indices: Any) -> Any:
    """Indices, which may be real numbers that stand for integers."""
    if not isinstance(indices, TracedArray):
        return np.asarray(concrete(indices)).astype(int)
    return call.write.constant_piece("trunc", indices).astype(int)


def _tensor_scatter(call: Call, past: Any, update: Any, starts: Any = None) -> Any:
    """Updates at an offset along an axis, one for each entry of the batch."""
    axis, shape = call.get("axis") % np.ndim(past), np.shape(past)
    first = np.zeros(shape[0], int) if starts is None else np.asarray(starts).astype(int)
    steps = np.arange(np.shape(update)[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    rows = first.reshape([-1] + [1] * (len(shape) - 1)) + steps
    rows = rows % shape[axis] if call.choice("mode", "linear", "circular") == "circular" else rows
    where = along(shape, np.broadcast_to(rows, np.shape(update)), axis)
    return replaced(call.write, call.write.array(past), where, call.write.array(update))


def _cumprod(call: Call, u: Any, axis: Any) -> Any:
    place = int(np.reshape(axis, -1)[0]) % np.ndim(u)
    flipped = np.flip(u, place) if call.get("reverse") else u
    if call.get("exclusive"):
        first = np.ones([1 if i == place else size for i, size in enumerate(np.shape(u))])
        key = (slice(None),) * place + (slice(-1),)
        flipped = np.concatenate([first, flipped[key]], place)
    total = np.cumprod(flipped, place)
    return np.flip(total, place) if call.get("reverse") else total


def _triangle(call: Call, u: Any, k: Any = 0) -> Any:
    number = 0 if k is None else int(np.reshape(k, -1)[0])
    return np.triu(u, number) if call.get("upper") else np.tril(u, number)


def _cumsum(call: Call, u: Any, axis: Any) -> Any:
    along = int(np.reshape(axis, -1)[0])
    flipped = np.flip(u, along) if call.get("reverse") else u
    total = np.cumsum(flipped, along)
    total = total - flipped if call.get("exclusive") else total
    return np.flip(total, along) if call.get("reverse") else total


def _depth_to_space(call: Call, u: Any) -> Any:
    n, c, h, w = u.shape
    b = call.get("blocksize")
    if call.choice("mode", "DCR", "CRD") == "DCR":
        split, order = (n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3)
    return np.reshape(np.transpose(np.reshape(u, split), order), (n, c // (b * b), h * b, w * b))


def _space_to_depth(call: Call, u: Any) -> Any:
    n, c, h, w = u.shape
    b = call.get("blocksize")
    split = np.reshape(u, (n, c, h // b, b, w // b, b))
    order = (0, 3, 5, 1, 2, 4) if call.choice("mode", "DCR", "CRD") == "DCR" else (0, 1, 3, 5, 2, 4)
    return np.reshape(np.transpose(split, order), (n, c * b * b, h // b, w // b))


def _concatenated(call: Call, *parts: Any) -> Any:
    return np.concatenate([part if isinstance(part, TracedArray) else np.asarray(concrete(part), dtype=float)
                           for part in parts], call.get("axis"))


SHAPES: dict[str, Rule] = {
    "Reshape": reading(_reshape, "allowzero"),
    "Flatten": reading(_flatten, "axis"),
    # Axes and sizes are inputs since opset 13, attributes before.
    "Squeeze": reading(_squeeze, "axes"),
    "Unsqueeze": reading(
        lambda call, u, axes=None: np.expand_dims(u, _ints(call.get("axes") if axes is None else axes)), "axes"),
    "Transpose": reading(lambda call, u: np.transpose(u, call.get("perm")), "perm"),
    "Concat": reading(_concatenated, "axis"),
    "Split": reading(_split, "axis", "num_outputs", "split", outputs=None),
    "Slice": Rule(_slice),
    "Gather": reading(_gather, "axis"),
    "GatherElements": reading(_gather_elements, "axis"),
    "GatherND": reading(_gather_nd, "batch_dims"),
    "Expand": Rule(_expand),
    "Tile": Rule(lambda call, u, repeats: np.tile(u, _ints(repeats))),
    "Pad": reading(_pad, "mode"),
    "Scatter": reading(_scatter_elements, "axis"),
    "ScatterND": reading(_scatter_nd, "reduction"),
    "ScatterElements": reading(_scatter_elements, "axis", "reduction"),
    "Trilu": reading(_triangle, "upper"),
    "CumSum": reading(_cumsum, "exclusive", "reverse"),
    "CumProd": reading(_cumprod, "exclusive", "reverse"),
    "Compress": reading(lambda call, u, condition: np.compress(
        np.asarray(concrete(condition)).astype(bool), u, axis=call.get("axis")), "axis"),
    "ReverseSequence": reading(_reverse_sequence, "batch_axis", "time_axis"),
    "OneHot": reading(_one_hot, "axis"),
    "TensorScatter": reading(_tensor_scatter, "axis", "mode"),
    # Constant while no entry is 0 near the point.
    "NonZero": Rule(lambda call, u: np.stack(np.nonzero(np.asarray(concrete(np.not_equal(u, 0)))))),
    "DepthToSpace": reading(_depth_to_space, "blocksize", "mode"),
    "SpaceToDepth": reading(_space_to_depth, "blocksize", "mode"),
    "Size": Rule(lambda call, u: np.array(math.prod(np.shape(u)), dtype=np.int64)),
}
