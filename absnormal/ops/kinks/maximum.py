"""max(u, v) and min(u, v): z = u - v, and the result is (u + v +- |z|) / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.entrywise import Entrywise, Side
from absnormal.ops.table import Params


class Maximum(Entrywise):
    """A maximum where the sign is 1, a minimum where it is -1."""

    name = "max"
    show = "({0} + {1} {pm} |{0} - {1}|) / 2"
    rates = (1, -1)
    selects = True

    def value(self, params: Params, *args: Array) -> Array:
        return np.asarray(np.maximum(*args) if params["sign"] > 0 else np.minimum(*args))

    def sides(self, params: Params, number: Callable[[Any], Any]) -> tuple[Side, Side]:
        return ((1, 0), (0, 1)) if params["sign"] > 0 else ((0, 1), (1, 0))

    def weight(self, params: Params, number: Callable[[Any], Any]) -> Any:
        return number(params["sign"]) / 2

    def curvature(self, params: Params) -> float:
        return float(params["sign"])
