"""How far derivatives move when every value on the way to them moves within its own rounding.

A worst-case bound over all operations of a deep program is larger than the gradient itself.  Here the roundings are
drawn at random, carried forward to first order, and the gradient is computed again from the values that they give
(random rounding, as in the CESTAC method: Vignes, *A stochastic arithmetic for reliable scientific computation*,
Math. Comput. Simul. 1993).  It is an estimate, so it never proves that a difference is rounding; a difference that is
not much larger than it proves nothing: neither that a vector is not the gradient, nor that rows are independent or that
a direction opens a switch.  Piecewise-linear programs have derivatives that depend on no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import ALONG, TABLE
from absnormal.ops.linear import applied
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.program import Program
from absnormal.sweeps.adjoints import Adjoints
from absnormal.sweeps.at_point import once
from absnormal.sweeps.last_steps import LastSteps, largest
from absnormal.sweeps.rounding import UNIT
from absnormal.sweeps.table import Sweeps

_DRAWS = 4
#: How many units a single operation may be off, and how much larger than the drawn differences a real one must be.
_ULPS, MARGIN = 4.0, 8.0
#: What part of a number two draws must stay below, or one its square, for more draws to be of no use.
_FAR = 1e-3
#: How many units of the value of a node must change f by as much as f itself, before rounding can make all of u.
_SENSITIVE = 1024.0
#: The same in half precision, where that would be more than the value.
_SENSITIVE_IN_HALF = 64.0
#: Operations whose slopes tools compute as v (1 - v) from the result v, which is rounded to 1 where it is saturated.
_BY_RESULT = frozenset({"expit"})
#: In precisions from here on kernels compute in a finer one, and round once.
COARSE = 2.0**-12


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


class _Sensitivity(Adjoints):
    """Adjoints, and the largest product of one with the value of its node."""

    def __init__(self, program: Program, seed: Array, start: int, values: Sequence[Array]) -> None:
        super().__init__(program, seed, start)
        self.largest, self._values = 0.0, values

    def take(self, index: int) -> Array | None:
        w = super().take(index)
        if w is not None:
            self.largest = float(np.maximum(self.largest, largest(w) * largest(self._values[index])))
        return w


def terms_have_sizes(sweeps: Sweeps, sigma: Array) -> Array:
    """For every leaf whether the terms that its g_sigma adds up keep their sizes under random roundings of the values.

    They do not where rounding makes all of u in 1 / u.  Then f is far more sensitive to the terms of u than it is
    large; where it is that sensitive to nothing on its way, no roundings are drawn.
    """
    split = sweeps.program.tree.split
    if not is_sensitive(sweeps, sensitivity(sweeps, sigma)):
        return np.ones(len(sweeps.program.tree.shapes), bool)
    here = sweeps.gradient_magnitude()
    moved = beyond_values(sweeps, sigma, here, lambda near: near.gradient_magnitude(), far=here)
    return np.array([
        largest(change) <= MARGIN / 4 * largest(size) for change, size in zip(split(moved), split(here), strict=True)
    ])


def is_sensitive(sweeps: Sweeps, sensitivity: float) -> bool:
    """Whether rounding of one value may change f by as much as f itself, for the change where that value is doubled."""
    return bool(is_lost(sensitivity, float(np.max(sweeps.units)), largest(sweeps.y)))


def is_lost(sensitivity: Array | float, unit: float, size: Array | float) -> Any:
    """The same for values of f of some size, whose values are rounded in units of a precision."""
    margin = _SENSITIVE if unit < COARSE else _SENSITIVE_IN_HALF
    return ~np.asarray(sensitivity * np.float64(margin * unit) <= size)


def sensitivity(sweeps: Sweeps, sigma: Array) -> float:
    """How much f changes, to first order, where the value of one node is doubled, at most."""
    steps: list[_Sensitivity] = []

    def followed(program: Program, seed: Array, start: int) -> Adjoints:
        steps.append(_Sensitivity(program, seed, start, sweeps.values))
        return steps[0]

    g = sweeps.program.tree.split(sweeps.gradient(sigma, followed))
    leaves = sweeps.program.inputs(sweeps.values)
    return max(steps[0].largest, *(largest(one) * largest(leaf) for one, leaf in zip(g, leaves, strict=True)))


def spread(sweeps: Sweeps, sigma: Array, eps: float, here: Array, far: Array) -> Array:
    """A bound, shape (n,), that a difference from g_sigma must exceed where values are rounded in a precision, and one
    from the gradients for other slopes at active switches, whose weights may be all rounding where g_sigma has none.

    ``here`` is g_sigma, and ``far`` what a difference must exceed anyway: where draws are far below it, no more follow.
    0 for piecewise-linear programs in double precision, whose derivatives do not depend on values.
    """
    program = sweeps.program
    linear = program.is_piecewise_linear
    if sweeps.rational or (linear and eps <= 2 * UNIT):
        return np.zeros(program.n)

    def rounded(rng: np.random.Generator) -> Iterator[Array]:
        near = sweeps if linear else _by_result(_moved(sweeps, sigma, eps, rng), eps, rng)
        yield np.abs(near.gradient(sigma, partial(_Rounded, unit=eps, rng=rng)) - here)

    own = _beyond(rounded, far=far)
    if linear or not len(sweeps.alpha):
        return own
    others = between(sweeps)
    there = sweeps.gradient(others)

    def weights(rng: np.random.Generator) -> Iterator[Array]:
        yield np.abs(_moved(sweeps, others, eps, rng).gradient(others) - there)

    return np.maximum(own, _beyond(weights, far=far))


def _by_result(near: Sweeps, eps: float, rng: np.random.Generator) -> Sweeps:
    """The same with slopes as tools compute them that take the rounded result of an operation."""
    for index, node in enumerate(near.program.nodes):
        if node.op in _BY_RESULT and node.varied:
            noise = _ULPS * eps * rng.uniform(-1, 1, node.shape)
            near.change_maps(index, lambda slopes, noise=noise: slopes + noise)  # type: ignore[misc]
    return near


def between(sweeps: Sweeps) -> Array:
    """A signature whose slopes at active switches, drawn between -1 and 1, stop nothing that comes through a kink."""
    return sweeps.signature(np.random.default_rng(0).uniform(-1, 1, len(sweeps.alpha)))


def beyond_values(
    sweeps: Sweeps, sigma: Array, here: Array, derivatives: Callable[[Sweeps], Array],
    rng: np.random.Generator | None = None, far: Array | None = None, steps: LastSteps | None = None,
) -> Array:
    """What derivatives must exceed to be more than the rounding of the values that they are computed from.

    Parameters
    ----------
    here
        the derivatives
    derivatives
        computes them from sweeps at other values
    rng
        draws the roundings; by default they are the same in every call
    far
        what is asked of the result is whether it is larger than this: where draws are far below it, no more follow
    steps
        the last steps of g_sigma, where this is what is computed; bounds may then stand for the products there

    Returns
    -------
    Array
        in the shape of ``here``; 0 for piecewise-linear programs
    """
    if sweeps.rational or sweeps.program.is_piecewise_linear:
        return np.zeros(np.shape(here))

    def apart(draws: np.random.Generator) -> Iterator[Array]:
        near = _moved(sweeps, sigma, sweeps.units, draws)
        if steps is not None and all(map(near.knows, steps.bounded)):
            bounds = np.zeros(sweeps.program.n)
            near.last_steps(sigma, sweeps.program.tree.split(bounds)).write_apart(steps)
            yield bounds
        yield np.abs(derivatives(near) - here)

    return _beyond(apart, rng, far)


def _beyond(
    apart: Callable[[np.random.Generator], Iterator[Array]], rng: np.random.Generator | None = None,
    far: Array | None = None,
) -> Array:
    """How far a few draws lie from what was computed, with a margin; of each there may be bounds, then the numbers."""
    largest: Any = 0.0
    with np.errstate(all="ignore"):
        for seed in range(_DRAWS):
            for found in apart(np.random.default_rng(seed) if rng is None else rng):
                most = np.maximum(largest, found)
                if far is not None and (MARGIN * most <= (_FAR if seed else _FAR * _FAR) * far).all():
                    return np.asarray(MARGIN * most)
            largest = most
    return np.asarray(np.nan_to_num(MARGIN * largest, nan=np.inf, posinf=np.inf))


def _moved(sweeps: Sweeps, sigma: Array, units: Sequence[float] | float, rng: np.random.Generator) -> Sweeps:
    """The program with what random roundings of all operations add to the values of the nodes, to first order."""
    program = sweeps.program
    each = [units] * len(program.nodes) if isinstance(units, float) else units
    sizes = _sizes(sweeps)
    tangents: list[Array | None] = []
    for index, node in enumerate(program.nodes):
        if not node.varied or not node.args:
            # The point is not rounded.
            tangents.append(None)
            continue
        inner = [tangents[arg] for arg in node.args]
        if all(t is None for t in inner):
            total = np.zeros((1, *node.shape))
        elif TABLE[node.op].kink is not None:
            total = sweeps.derivative_of(index, sigma).push(inner, 1)
        else:
            total = applied(sweeps.maps(index), inner, 1, node.shape)
        if TABLE[node.op].family not in ("movement", "kinked") and each[index]:
            unit = each[index] * (_ULPS if each[index] < COARSE else 1.0)
            total = total + unit * sizes[index] * rng.uniform(-1, 1, node.shape)
        tangents.append(np.where(np.isfinite(total), total, 0.0))
    own = None if sweeps.own is sweeps.values else _Near(sweeps.own, tangents)
    near = held(sweeps, _Near(sweeps.values, tangents), own)
    near.share_linear_maps(sweeps)
    return near


def held(sweeps: Sweeps, values: Sequence[Array], own: Sequence[Array] | None = None) -> Sweeps:
    """The program at other values, where what is tied stays so: its slopes are those of a signature."""
    near = Sweeps(sweeps.program, None, values=values, own=own)
    near.active, near.linear = sweeps.active, sweeps.linear
    return near


class _Near(Sequence[Array]):
    """Values with tangents added to them when they are looked at: a large constant may not be asked for at all."""

    def __init__(self, values: Sequence[Array], tangents: list[Array | None]) -> None:
        self._values, self._tangents = values, tangents
        self._known: dict[int, Array] = {}

    def __len__(self) -> int:
        return len(self._tangents)

    def __getitem__(self, index: Any) -> Any:
        t = self._tangents[index]
        if t is None:
            return self._values[index]
        if index not in self._known:
            self._known[index] = self._values[index] + t[0]
        return self._known[index]


@once
def _sizes(sweeps: Sweeps) -> list[Array]:
    """For all nodes that are rounded, the size of the value, or of the terms that are added up in it."""
    nothing = np.zeros(())
    return [
        _size(sweeps, index) if node.varied and node.args and TABLE[node.op].family not in ("movement", "kinked")
        else nothing for index, node in enumerate(sweeps.program.nodes)
    ]


def _in_absolute_values(sweeps: Sweeps, index: int) -> tuple[list[LinearMap | None], list[Array | None]]:
    """The local derivatives of a node and its arguments, where these are varied and not 0 throughout."""
    maps: list[LinearMap | None] = []
    sizes: list[Array | None] = []
    for linear, arg in zip(sweeps.maps(index), sweeps.program.nodes[index].args, strict=True):
        counts = linear is not None and sweeps.values[arg].any()
        maps.append(linear.absolute() if linear is not None and counts else None)
        sizes.append(np.abs(sweeps.values[arg])[None] if counts else None)
    return maps, sizes


def _size(sweeps: Sweeps, index: int) -> Array:
    """The size of a value, or of the terms that are added up in it."""
    node = sweeps.program.nodes[index]
    size: Array = np.abs(np.asarray(sweeps.values[index], dtype=float))
    if TABLE[node.op].family not in ("linear", "bilinear") and node.op not in ALONG:
        return size
    terms = applied(*_in_absolute_values(sweeps, index), 1, node.shape)[0]
    return np.asarray(np.maximum(size, terms))
