"""Resize: along one axis after the other, which is a linear map of the entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.grids import keys_inner, keys_outer
from absnormal.frontends.onnx.rule import Call, Rule, held, reading


def _resize(call: Call, u: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    shape, given = np.shape(u), call.get("axes")
    axes = [axis % len(shape) for axis in (range(len(shape)) if given is None else given)]
    regions = np.tile([[0.0], [1.0]], len(axes))
    if np.size(roi if roi is not None else ()):
        regions = np.reshape(np.asarray(held(call, roi, "roi"), dtype=float), (2, -1))
    factors, lengths = _factors(call, [shape[axis] for axis in axes], scales, sizes)
    for place, axis in enumerate(axes):
        size, factor, length = shape[axis], factors[place], lengths[place]
        whole = np.allclose(regions[:, place], (0, 1), 1e-9, 0)
        if math.isclose(factor, 1.0) and length == size and whole:
            continue
        at, outside = _coordinates(call, size, factor, length, regions[:, place])
        u = _applied(u, _weights(call, at, size, factor), axis)
        if outside.any():
            mask = outside.reshape([-1 if i == axis else 1 for i in range(len(shape))])
            u = np.where(mask, float(call.get("extrapolation_value")), u)
    return u


def _factors(call: Call, shape: list[int], scales: Any, sizes: Any) -> tuple[list[float], list[int]]:
    """The scale and the new length of each axis that is resized."""
    if scales is not None and np.size(scales):
        # A scale is a number of type float, and a length below an integer by its rounding is not that integer.
        factors = [float(value) for value in np.reshape(held(call, scales, "scales"), -1)]
        lengths = [int(np.float32(factor) * np.float32(size)) for factor, size in zip(factors, shape, strict=True)]
        return factors, lengths
    lengths = [int(value) for value in np.reshape(held(call, sizes, "sizes"), -1)]
    factors = [length / size for length, size in zip(lengths, shape, strict=True)]
    policy = call.choice("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller")
    if policy == "stretch":
        return factors, lengths
    one = min(factors) if policy == "not_larger" else max(factors)
    return [one] * len(shape), [int(one * size + 0.5) for size in shape]


def _coordinates(call: Call, size: int, factor: float, length: int, region: Array) -> tuple[Array, Array]:
    """Where each new entry lies among the old ones, and which of them lie outside of a cropped region."""
    place, full = np.arange(length, dtype=float), factor * size
    mode = call.choice(
        "coordinate_transformation_mode", "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel",
        "half_pixel_symmetric", "tf_crop_and_resize")
    nothing = np.zeros(length, bool)
    half = (place + 0.5) / factor - 0.5
    if mode == "align_corners":
        return (np.zeros(length) if full == 1 else place * (size - 1) / (full - 1)), nothing
    if mode == "asymmetric":
        return place / factor, nothing
    if mode == "pytorch_half_pixel":
        return (np.full(length, -0.5) if full == 1 else half), nothing
    if mode == "half_pixel_symmetric":
        return size / 2 * (1 - length / full) + half, nothing
    if mode == "tf_crop_and_resize":
        start, stop = (float(end) * (size - 1) for end in region)
        at = np.full(length, (stop - start) / 2) if full == 1 else place * (stop - start) / (full - 1)
        at = at + start
        return at, (at < 0) | (at > size - 1)
    return half, nothing


def _cubic(x: Array, a: float) -> Array:
    x = np.abs(x)
    return np.where(x <= 1, keys_inner(x, a), np.where(x < 2, keys_outer(x, a), 0.0))


def _weights(call: Call, at: Array, size: int, factor: float) -> Array:
    """What each old entry counts in each new one, shape (new, old)."""
    mode = call.choice("mode", "nearest", "linear", "cubic")
    if mode == "nearest":
        return _nearest(call, at, size)
    # The entries are counted from the last one that lies before the coordinate.
    base = np.ceil(at).astype(int) - 1
    shrunk = min(factor, 1.0) if call.get("antialias") else 1.0
    reach = 1 if mode == "linear" else 2
    start = math.floor(-reach / shrunk) + 1
    taps = base[:, None] + np.arange(start, 2 - start if mode == "cubic" else start + 2 - 2 * start)
    distance = (taps - at[:, None]) * shrunk
    weights = np.clip(1 - np.abs(distance), 0, 1) if mode == "linear" else _cubic(distance, call.get("cubic_coeff_a"))
    weights = weights / weights.sum(axis=1, keepdims=True) if call.get("antialias") else weights
    if call.get("exclude_outside"):
        weights = np.where((taps < 0) | (taps >= size), 0.0, weights)
        weights = weights / weights.sum(axis=1, keepdims=True)
    full = np.zeros((len(at), size))
    np.add.at(full, (np.arange(len(at))[:, None], np.clip(taps, 0, size - 1)), weights)
    return full


def _nearest(call: Call, at: Array, size: int) -> Array:
    if call.get("antialias"):
        call.refuse_attribute("antialias", 1, "leave it out: the nearest entry is not smoothed")
    kind = call.choice("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    low = np.floor(at)
    up = {"round_prefer_floor": at - low > 0.5, "round_prefer_ceil": at - low >= 0.5, "floor": at < low,
          "ceil": at > low}[kind]
    return np.asarray(np.eye(size)[np.clip(low + up, 0, size - 1).astype(int)])


def _applied(u: Any, weights: Array, axis: int) -> Any:
    """A linear map along an axis; one that only takes entries is a movement."""
    if np.array_equal(weights, weights.astype(bool)) and (weights.sum(axis=1) == 1).all():
        return np.take(u, weights.argmax(axis=1), axis)
    return np.moveaxis(np.matmul(np.moveaxis(u, axis, -1), weights.T), -1, axis)


RESIZING: dict[str, Rule] = {
    "Resize": reading(
        _resize, "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
        "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode"),
}
