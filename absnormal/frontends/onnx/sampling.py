"""GridSample and RoiAlign: samples of an image between its pixels."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.grids import sampled
from absnormal.frontends.meanings.windows import entries
from absnormal.frontends.onnx.rule import Call, Rule, held, reading


def _grid_sample(call: Call, u: Any, grid: Any) -> Any:
    mode = call.get("mode")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode not in ("linear", "cubic", "nearest"):
        call.refuse_attribute("mode", mode, "give one of 'linear', 'cubic', 'nearest'")
    padding = call.choice("padding_mode", "zeros", "border", "reflection")
    return sampled(call.write, call.write.array(u), grid, mode, padding, bool(call.get("align_corners")))


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


def _bins(box: Array, out: tuple[int, int], space: tuple[int, ...], ratio: int, half: bool) -> tuple[Array, Array]:
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
