"""GridSample and RoiAlign: samples of an image between its pixels."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.grids import cubic_taps, linear_taps
from absnormal.frontends.meanings.windows import entries
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.rule import Call, Rule, held, reading


def _grid_sample(call: Call, u: Any, grid: Any) -> Any:
    mode = call.get("mode")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode not in ("linear", "cubic", "nearest"):
        call.refuse_attribute("mode", mode, "give one of 'linear', 'cubic', 'nearest'")
    space = np.shape(u)[2:]
    along = []
    for axis, size in enumerate(space):
        # The coordinates come in the order x, y, z; axes in the opposite one.
        coordinate = grid[..., len(space) - 1 - axis]
        along.append(_taps(call, coordinate, size, mode))
    return _interpolated(call, call.write.array(u), along)


def _taps(call: Call, coordinate: Any, size: int, mode: str) -> tuple[list[Array], list[Any]]:
    """Along one axis the entries that a sample takes, -1 for none, and their weights."""
    corners = bool(call.get("align_corners"))
    padding = call.choice("padding_mode", "zeros", "border", "reflection")
    at = (coordinate + 1) * ((size - 1) / 2) if corners else ((coordinate + 1) * size - 1) / 2
    ends = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    at = call.write.constant_piece("rint", at) if mode == "nearest" and isinstance(at, TracedArray) else at
    at = np.rint(at) if mode == "nearest" and not isinstance(at, TracedArray) else at
    at = _inside(call, at, size, ends, padding)
    if mode == "nearest":
        low, taps = np.asarray(at).astype(int), [(0, np.ones(np.shape(at)))]
    else:
        low, taps = linear_taps(call.write, at) if mode == "linear" else cubic_taps(call.write, at, -0.75)
    return [_padded(low + step, size, ends, padding) for step, _ in taps], [weight for _, weight in taps]


def _inside(call: Call, at: Any, size: int, ends: tuple[float, float], padding: str) -> Any:
    """Coordinates beyond the borders, clamped or reflected; on a border both are the same as nothing."""
    low, high = ends
    value = at.value.astype(float) if isinstance(at, TracedArray) else np.asarray(at, dtype=float)
    outside = (value < low) | (value > high)
    if padding == "zeros" or not outside.any():
        return at
    if isinstance(at, TracedArray):
        outside = np.asarray(np.less(at, low)) | np.asarray(np.greater(at, high))
    if padding == "border":
        return np.where(outside, np.clip(value, 0, size - 1), at)
    period = high - low
    beyond = (at - low) / period
    count = call.write.constant_piece("floor", beyond) if isinstance(at, TracedArray) else np.floor(beyond)
    rest = at - low - np.asarray(count) * period
    return np.where(outside, np.where(np.asarray(count) % 2 == 0, low + rest, high - rest), at)


def _padded(index: Array, size: int, ends: tuple[float, float], padding: str) -> Array:
    """The entries that indices name, those beyond the borders included."""
    if padding == "zeros":
        return np.where((index >= 0) & (index < size), index, -1)
    if padding == "border" or size == 1:
        return np.clip(index, 0, size - 1)
    low, period = ends[0], ends[1] - ends[0]
    count, rest = np.divmod(index - low, period)
    reflected = np.where(count % 2 == 0, low + rest, ends[1] - rest)
    return np.where((index < low) | (index > ends[1]), np.trunc(reflected), index).astype(int)


def _interpolated(call: Call, u: Any, along: list[tuple[list[Array], list[Any]]]) -> Any:
    """Sums of products of weights and entries; the weights have the shape (N, *samples)."""
    rows, channels, *space = u.shape
    steps = [math.prod(space[axis + 1 :]) for axis in range(len(space))]
    first = np.arange(rows * channels).reshape(rows, channels) * math.prod(space)
    flat, total = np.reshape(u, -1), None
    for chosen in product(*(range(len(weights)) for _, weights in along)):
        places = [index[place] for (index, _), place in zip(along, chosen, strict=True)]
        inside = np.all([place >= 0 for place in places], axis=0)
        offset = np.asarray(sum(place * step for place, step in zip(places, steps, strict=True)))
        lead = first.reshape(*first.shape, *([1] * (offset.ndim - 1)))
        taken = entries(call.write, flat, np.where(inside[:, None], lead + offset[:, None], -1))
        weight: Any = 1.0
        for (_, weights), place in zip(along, chosen, strict=True):
            weight = weight * weights[place]
        term = taken * np.expand_dims(weight, 1)
        total = term if total is None else total + term
    return total


def _roi_align(call: Call, u: Any, rois: Any, batch: Any) -> Any:
    """Means or maxima over samples in the bins of boxes, which are constant."""
    write, boxes = call.write, np.asarray(held(call, rois, "rois"), dtype=float)
    height, width = int(call.get("output_height")), int(call.get("output_width"))
    half = call.choice("coordinate_transformation_mode", "half_pixel", "output_half_pixel") == "half_pixel"
    half = half and call.schema.since_version >= 16
    mode, ratio = call.choice("mode", "avg", "max"), int(call.get("sampling_ratio"))
    scaled = boxes * float(call.get("spatial_scale")) - (0.5 if half else 0.0)
    flat, channels, space, results = np.reshape(u, -1), np.shape(u)[1], np.shape(u)[2:], []
    for box, image in zip(scaled, np.reshape(np.asarray(batch), -1).astype(int), strict=True):
        index, weight = _bins(box, (height, width), space, ratio, half)
        lead = (image * channels + np.arange(channels)).reshape(1, -1, 1, 1) * math.prod(space)
        samples = entries(write, flat, np.where(index[:, None] < 0, -1, index[:, None] + lead)) * weight[:, None]
        if mode == "max":
            results.append(write.op("fold", samples, tie="max.window", sign=1))
        else:
            results.append(np.sum(samples, 0) * (4 / len(index)))
    return np.stack(results)


def _bins(
    box: Array, out: tuple[int, int], space: tuple[int, ...], ratio: int, half: bool
) -> tuple[Array, Array]:
    """The entries around all samples of each bin and their weights, shape (4 samples, height, width)."""
    lines = []
    for axis, (start, stop) in enumerate(((box[1], box[3]), (box[0], box[2]))):
        length, size = stop - start if half else max(stop - start, 1.0), space[axis]
        step = length / out[axis]
        count = ratio if ratio > 0 else math.ceil(step)
        at = start + np.arange(out[axis])[None] * step + (np.arange(count)[:, None] + 0.5) * step / count
        known = (at >= -1.0) & (at <= size)
        at = np.clip(at, 0, size - 1)
        low = np.minimum(at.astype(int), size - 1)
        apart = at - low
        lines.append([(np.where(known, low, -1), np.where(known, 1 - apart, 0.0)),
                      (np.where(known, np.minimum(low + 1, size - 1), -1), np.where(known, apart, 0.0))])
    index, weight = [], []
    for (row, first), (column, second) in product(*lines):
        inside = (row >= 0)[:, None, :, None] & (column >= 0)[None, :, None, :]
        place = row[:, None, :, None] * space[1] + column[None, :, None, :]
        index.append(np.where(inside, place, -1).reshape(-1, *out))
        weight.append((first[:, None, :, None] * second[None, :, None, :]).reshape(-1, *out))
    return np.concatenate(index), np.concatenate(weight)


SAMPLING: dict[str, Rule] = {
    "GridSample": reading(_grid_sample, "align_corners", "mode", "padding_mode"),
    "RoiAlign": reading(
        _roi_align, "coordinate_transformation_mode", "mode", "output_height", "output_width", "sampling_ratio",
        "spatial_scale"),
}
