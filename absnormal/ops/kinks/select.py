"""a where u > 0, otherwise b, with a - b = k u: z = u, and the result is (a + b + k |z|) / 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.entrywise import Entrywise, Side
from absnormal.ops.kinks.kink import number_type
from absnormal.ops.table import Params


class Select(Entrywise):
    """A selection whose two sides meet where the condition is tied."""

    name = "select"
    show = "({1} + {2} + {k} * |{0}|) / 2"
    rates = (1,)

    def value(self, params: Params, *args: Array) -> Array:
        u, a, b = args
        return np.where(u > 0, a, b)

    def sides(self, params: Params, number: Callable[[Any], Any]) -> tuple[Side, Side]:
        return (0, 1, 0), (0, 0, 1)

    def weight(self, params: Params, number: Callable[[Any], Any]) -> Any:
        return number(params["k"]) / 2

    def curvature(self, params: Params) -> float:
        return float(params["k"])

    def errors(self, params: Params, inner: Sequence[Array], out: tuple[int, ...]) -> tuple[Array, Array]:
        # Where rounding takes the other side, the result is off by k u.
        own, switching = super().errors(params, inner, out)
        return np.broadcast_to(own + abs(params["k"]) * inner[0], out), switching

    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        u, a, b = args
        slack = abs(number_type(inner[0])(params["k"])) * inner[0]
        either = (inner[1] + inner[2] + slack) / 2
        taken = np.where(u > inner[0], inner[1], np.where(u < -inner[0], inner[2], either))
        return rounded(taken, np.abs(a) + np.abs(b)), inner[0]
