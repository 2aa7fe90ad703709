"""How far a gradient moves when every value and every adjoint on the way to it moves within its own rounding.

A worst-case bound over all operations of a deep program is larger than the gradient itself.  Here the roundings are
drawn at random, carried forward to first order, and the gradient is computed again from the values that they give
(random rounding, as in the CESTAC method: Vignes, *A stochastic arithmetic for reliable scientific computation*,
Math. Comput. Simul. 1993).  It is an estimate, so it never proves that a difference is rounding; a difference that is
not much larger than it proves nothing.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.linear import applied
from absnormal.program.program import Program
from absnormal.sweeps.adjoints import Adjoints
from absnormal.sweeps.rounding import UNIT
from absnormal.sweeps.table import Sweeps

_DRAWS = 4
#: How many units a single operation may be off, and how much larger than the drawn differences a real one must be.
_ULPS, _MARGIN = 4.0, 8.0


class _Rounded(Adjoints):
    """Adjoints that are rounded at random in units of a precision, unless they are numbers of it."""

    def __init__(self, program: Program, seed: Array, start: int, unit: float, rng: np.random.Generator) -> None:
        super().__init__(program, seed, start)
        self._unit, self._rng = unit, rng

    def take(self, index: int) -> Array | None:
        w = super().take(index)
        if w is None:
            return None
        digits = np.frexp(w)[0] * (2 / self._unit)
        return np.where(digits == np.rint(digits), w, w * (1 + self._unit * self._rng.uniform(-1, 1, w.shape)))


def spread(sweeps: Sweeps, sigma: Array, eps: float) -> Array:
    """A bound, shape (n,), that a difference from g_sigma must exceed where values are rounded in a precision.

    0 for piecewise-linear programs in double precision, whose derivatives do not depend on values.
    """
    program = sweeps.program
    linear = program.is_piecewise_linear
    if sweeps.rational or (linear and eps <= 2 * UNIT):
        return np.zeros(program.n)
    gradient = sweeps.gradient(sigma)
    largest = np.zeros(program.n)
    for seed in range(_DRAWS):
        rng = np.random.default_rng(seed)
        with np.errstate(all="ignore"):
            values = sweeps.values if linear else _moved(sweeps, _drawn(sweeps, sigma, _ULPS * eps, rng))
            moved = Sweeps(program, None, values=values).gradient(sigma, partial(_Rounded, unit=eps, rng=rng))
            largest = np.maximum(largest, np.abs(moved - gradient))
    return np.nan_to_num(_MARGIN * largest, nan=np.inf, posinf=np.inf)


def _moved(sweeps: Sweeps, tangents: list[Array | None]) -> list[Array]:
    return [value if t is None else value + t[0] for value, t in zip(sweeps.values, tangents, strict=True)]


def _drawn(sweeps: Sweeps, sigma: Array, unit: float, rng: np.random.Generator) -> list[Array | None]:
    """What random roundings of all operations add to the values of the nodes, to first order."""
    program = sweeps.program
    tangents: list[Array | None] = []
    for index, node in enumerate(program.nodes):
        if not node.varied or not node.args:
            tangents.append(None)
            continue
        inner = [tangents[arg] for arg in node.args]
        if TABLE[node.op].kink is not None:
            total = sweeps.derivative_of(index, sigma).push(inner, 1)
        else:
            total = applied(sweeps.maps(index), inner, 1, node.shape)
        if TABLE[node.op].family not in ("movement", "kinked"):
            value = np.asarray(sweeps.values[index], dtype=float)
            total = total + unit * np.abs(value) * rng.uniform(-1, 1, node.shape)
        tangents.append(np.where(np.isfinite(total), total, 0.0))
    return tangents
