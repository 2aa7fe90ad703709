"""Standardization: differences from a mean over axes, over the root of their mean square plus a constant.

    y = (u - mean(u)) / s   with   s = sqrt(mean((u - mean(u))^2) + eps),   eps > 0

Its derivative takes t to (t - mean(t) - y mean(y t)) / s, and is its own transpose.  The absolute values of its
coefficients are bounded by those of its terms.  Batch, layer, group and instance norms are this, a weight and a bias.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.ops.table import Op, Params

Axes = tuple[int, ...]


def _mean(u: Array, axes: Axes) -> Array:
    total = np.add.reduce(u, axis=axes, keepdims=True)
    return np.asarray(total / (u.size // max(1, total.size)))


def grouped(axes: Axes, shape: tuple[int, ...]) -> Array:
    """For each entry the number of those that it is standardized with."""
    once = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return np.broadcast_to(np.arange(math.prod(once)).reshape(once), shape)


def differences(params: Params, u: Array) -> tuple[Array, Array]:
    """u less its mean, and s."""
    rest = u - _mean(u, params["axes"])
    size = np.sqrt(_mean(np.square(rest), params["axes"]) + params["eps"])
    # Squares that overflow say nothing: y is not 0 there.
    return rest, size if np.isfinite(size).all() else np.where(np.isinf(size), np.nan, size)


#: For what was computed here, by its identity, a reference that ends with it, and 1 / s: its derivative takes both.
_RATES: dict[int, tuple[weakref.ref[Array], Array]] = {}


def _value(params: Params, u: Array) -> Array:
    rest, size = differences(params, u)
    y = np.asarray(np.divide(rest, size, out=rest))
    key = id(y)
    _RATES[key] = weakref.ref(y, lambda _: _RATES.pop(key, None)), np.asarray(1 / size)
    return y


def _largest(u: Array) -> float:
    return float(np.abs(u).max(initial=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Standardized(LinearMap):
    """rate (own t + flat mean(t) + the sum of k v mean(w t)), with means over ``axes``; (k, v, w) are the ``products``.

    These come in pairs, (k, v, w) and (k, w, v), or with v = w, so that the map is its own transpose.
    """

    rate: Array
    axes: Axes
    shape: tuple[int, ...]
    products: tuple[tuple[Any, Array, Array], ...]
    own: Any = 1
    flat: Any = -1

    @property
    def _roundings(self) -> int:
        return 6 + int(np.prod([self.shape[axis] for axis in self.axes], dtype=int))

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return self._roundings

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return self._roundings

    def push(self, t: Array) -> Array:
        over = tuple(axis + 1 for axis in self.axes)
        found: Any = self.flat * self.rate * _mean(t, over) if self.flat else 0
        for k, v, w in self.products:
            product = np.asarray(w * t)
            along = k * self.rate * _mean(product, over)
            product = np.multiply(v, along, out=product)
            product += found
            found = product
        if self.own:
            found += self.own * self.rate * t if self.own != 1 else self.rate * t
        return np.asarray(found)

    def pull(self, w: Array) -> Array:
        return self.push(w)

    def norm(self) -> float:
        size = 2 + sum(_largest(v) * _largest(w) for _, v, w in self.products)
        return _largest(self.rate) * size

    def entrywise(self, change: Change) -> LinearMap:
        products = tuple((change(k), change(v), change(w)) for k, v, w in self.products)
        return replace(self, rate=change(self.rate), products=products, own=change(self.own), flat=change(self.flat))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        above, below = [], []
        for k, v, w in self.products:
            (a, b), (c, d) = ((np.maximum(part, 0), np.maximum(-part, 0)) for part in (v, w))
            alike, apart = [(abs(k), a, c), (abs(k), b, d)], [(abs(k), a, d), (abs(k), b, c)]
            above += alike if k > 0 else apart
            below += apart if k > 0 else alike
        return (
            replace(self, products=(*above,), own=max(self.own, 0), flat=max(self.flat, 0)),
            replace(self, products=(*below,), own=max(-self.own, 0), flat=max(-self.flat, 0)),
        )


def _maps(params: Params, args: list[Array], out: Array, shape: tuple[int, ...]) -> list[LinearMap]:
    known = _RATES.get(id(out))
    if known is not None and known[0]() is out and out.dtype == args[0].dtype:
        y, rate = out, known[1]
    else:
        # y as kernels compute it again for the derivative: their result may have been rounded to another precision.
        rest, size = differences(params, args[0])
        rate = np.asarray(1 / size)
        y = np.asarray(np.multiply(rest, rate, out=rest))
    return [Standardized(rate, params["axes"], shape, ((-1, y, y),))]


STANDARDIZED = Op("standardized", _value, _maps, "smooth", show="standardized({0}, axis={axes})")
