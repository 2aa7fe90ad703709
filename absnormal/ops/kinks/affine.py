"""a u + b |u|: z = u, and the result is a u + b |z|."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.entrywise import Entrywise, Side
from absnormal.ops.kinks.kink import number_type
from absnormal.ops.table import Params, Shape


class Affine(Entrywise):
    """|u| where a = 0 and b = 1, relu where both are 1/2, and the leaky ones between."""

    name = "kink"
    show = "{a} * {0} + {b} * |{0}|"
    rates = (1,)

    def value(self, params: Params, *args: Array) -> Array:
        (u,) = args
        number = number_type(u)
        a, b = number(params["a"]), number(params["b"])
        if a == 0 and b == 1:
            return np.asarray(np.abs(u))
        # A side that is 0 is so where u is infinite, too, and NaN remains.
        above, below = (c * u if c else np.where(u != u, u, 0) for c in (a + b, a - b))
        return np.asarray(np.where(u > 0, above, below))

    def sides(self, params: Params, number: Callable[[Any], Any]) -> tuple[Side, Side]:
        a, b = number(params["a"]), number(params["b"])
        return (a + b,), (a - b,)

    def bound(self, params: Params) -> float:
        return float(abs(params["a"]) + abs(params["b"]))

    def weight(self, params: Params, number: Callable[[Any], Any]) -> Any:
        return number(params["b"])

    def slopes(self, params: Params, slope: Array, number: Callable[[Any], Any]) -> list[Array | None]:
        a, b = number(params["a"]), number(params["b"])
        return [slope if (a, b) == (0, 1) else a + b * slope]

    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        a, b = Fraction(params["a"]), Fraction(params["b"])
        flat = np.empty(math.prod(out), dtype=object)
        for i, (u, slope) in enumerate(zip(args[0].reshape(-1), slopes, strict=True)):
            # What has no form has none times 0 either.
            flat[i] = a * u + b * (int(slope) * u if size is None or slope != 0 else size(i, u))
        return flat

    def around_zero(self, params: Params, zero: Sequence[bool]) -> tuple[float, float, int] | None:
        return float(params["a"]), float(params["b"]), 0

    def shown(self, params: Params) -> str:
        return "|{0}|" if params["a"] == 0 and params["b"] == 1 else self.show
