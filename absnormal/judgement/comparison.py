"""How far is the gradient that a framework returned from that of the function as it ran?

Both are computed by sweeps of different code from the same values; the modelled one takes the slopes that the kernels
use at ties.  Each leaf is compared by itself: first in the framework's precision, place by place; where that is not
close, in float64; and where the leaf is zero up to cancellation, with the rounding that the precision itself shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.tolerances import DOUBLE, NOTHING, Tolerance, machine_epsilon
from absnormal.sweeps.conditioning import is_sensitive, terms_have_sizes
from absnormal.sweeps.gradients import cancelling, gradient_of, keep_gradient, largest, terms
from absnormal.sweeps.last_steps import LastSteps, length
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

#: How much larger than the difference between two precisions the rounding of a leaf may be.
_NOISE = 16.0
#: How many times the default rtol that rounding may be, in a leaf that has a size of its own.
_SHOWN = 4.0
#: How much smaller a difference in double precision is at least than in single precision, when it is rounding; the
#: ratio of the precisions is 2^-29.
_SHRINKS = 2.0**-16
#: Entries whose differences stay in the caches, and up to which a gradient in double precision is kept.
_BLOCK, _KEPT = 1 << 16, 1 << 20
_UNKNOWN = (
    "f is ill-conditioned here: random roundings of the values change the terms that add up to the gradient by as much"
    " as these terms, and {tool}'s gradient is {apart:.3g} apart from that of the function as it ran in an entry of"
    " {leaf}"
)
_SINGLE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences leaf by leaf.

    Attributes
    ----------
    apart
        the largest entry of the framework's gradient less the modelled one, in every leaf; infinite where one of them
        is not finite
    allowed
        what the tolerance allows
    cancelled
        the leaves that are zero up to cancellation, and so have no scale of their own
    by_terms
        the leaves whose difference is no small part of them, and is allowed for the size of terms that cancel
    sensitivity
        a bound on how much f changes, to first order, where the value of one node but the inputs is doubled; None
        where that is not known
    """

    apart: Array
    allowed: Array
    cancelled: tuple[int, ...] = ()
    by_terms: tuple[int, ...] = ()
    sensitivity: float | None = None

    @property
    def close(self) -> bool:
        """Whether the framework's gradient is the modelled one to rounding."""
        return bool((self.apart <= self.allowed).all() and np.isfinite(self.apart).all())

    @property
    def largest(self) -> float:
        """The largest difference."""
        return float(self.apart.max(initial=0.0))

    def sizes(self, leaves: Sequence[Array]) -> Array:
        """Lower bounds on the largest entry of every leaf of the modelled gradient, for a framework's in float64."""
        return np.maximum(np.array([_largest(leaf) for leaf in leaves]) / 2 - self.apart, 0.0)

    @property
    def worst(self) -> int:
        """The leaf that is farthest beyond its tolerance."""
        return int(np.argmax(self.apart - self.allowed))


def tolerance_of(call: TracedCall, rtol: float | None = None, atol: float = 0.0) -> Tolerance:
    """The tolerance for the framework's gradient: for each leaf the coarsest precision on the way to it."""
    found = Tolerance.of(call.dtype, rtol, atol)
    program = call.program
    if call.units is None:
        return found
    coarsest = [float(unit) for unit in call.units]
    for index in range(len(program.nodes) - 1, -1, -1):
        for arg in program.nodes[index].args:
            coarsest[arg] = max(coarsest[arg], coarsest[index])
    leaves = [0.0] * len(program.tree.shapes)
    for index, node in enumerate(program.nodes):
        if node.op == "input":
            leaves[node.params["leaf"]] = coarsest[index]
    return found.at_least(leaves)


def compared(call: TracedCall, problem: Problem, tolerance: Tolerance | None = None) -> Comparison:
    """The framework's gradient next to the modelled one; the tolerance is that of the problem, or another."""
    tolerance = problem.tolerance if tolerance is None else tolerance
    if call.working is not None:
        quick = _by_last_steps(call, problem, tolerance)
        if quick is not None:
            return quick
    sweeps = problem.sweeps
    modelled = gradient_of(sweeps, problem.sigma)
    tree = call.program.tree
    apart = np.array([
        _largest(given - made.reshape(given.shape))
        for given, made in zip(call.leaves, tree.split(modelled), strict=True)
    ])
    size = largest(sweeps, modelled)
    allowed = tolerance.leaves(size)
    if (apart <= allowed).all():
        return Comparison(apart, allowed)
    sums = terms(sweeps, problem.sigma)
    # What foreign code made of a leaf may be anything, unless there was nothing to make it of.
    free = size <= NOTHING * sums if call.foreign else np.ones(size.shape, bool)
    rounded = np.maximum(np.where(free, sums, 0.0), cancelling(sweeps, problem.sigma, tolerance))
    allowed = tolerance.leaves(size, rounded)
    by_terms = tuple(np.flatnonzero(apart > tolerance.leaves(_SHOWN * size)).tolist())
    if (apart <= allowed).all() or not np.isfinite(apart).all():
        return Comparison(apart, allowed, by_terms=by_terms)
    noise = _noise(call, problem, tolerance, modelled)
    if not call.foreign and tolerance.rtol is None:
        allowed = np.maximum(allowed, np.minimum(_NOISE * noise, tolerance.leaves(_SHOWN * size)))
    lost = free & (noise >= size / 4) & (apart > allowed)
    return Comparison(apart, np.where(lost, np.maximum(allowed, _NOISE * noise), allowed),
                      tuple(np.flatnonzero(lost).tolist()), by_terms)


def _by_last_steps(call: TracedCall, problem: Problem, tolerance: Tolerance) -> Comparison | None:
    """The comparison in the framework's precision, of a few leaves in float64; None unless every leaf is close.

    The largest entry of a leaf is at least that of any part of it, so a part that is close by its own size is close.
    What is not may be zero up to cancellation of what the last steps add up, unless foreign code had a part in it.
    """
    leaves = len(call.leaves)
    # In double precision throughout the sweeps of the problem work as the framework does.
    double = call.dtype == np.dtype(float) and float(np.max(problem.sweeps.units)) <= DOUBLE
    sweeps = problem.sweeps if double else Sweeps(call.program, None, 0.0, call.working)
    sigma = problem.sigma if double else problem.sweeps.signature(problem.c, sweeps.y.dtype)
    steps = sweeps.last_steps(sigma, call.leaves)
    kept = np.zeros(call.program.n if double and call.program.n <= _KEPT else 0)
    rooms = steps.views([leaf[None] for leaf in call.program.tree.split(kept)]) if kept.size else {}
    apart, floor = np.zeros(leaves), tolerance.leaves(np.zeros(leaves))
    allowed = np.full(leaves, np.inf)
    open_: set[int] = set()
    with np.errstate(invalid="ignore", over="ignore"):
        for index, (leaf, made, given) in zip(steps.terms, steps.places_made(), strict=True):
            if kept.size:
                rooms[index][...] = made.reshape(rooms[index].shape)
            difference = _apart(made, given)
            apart[leaf] = max(apart[leaf], difference)
            if not np.isfinite(difference):
                return None
            if difference <= floor[leaf]:
                continue
            for size in _sizes(given):
                limit = tolerance.leaf(leaf, size)
                if difference <= limit:
                    allowed[leaf] = min(allowed[leaf], limit)
                    break
            else:
                open_.add(leaf)
        for leaf, left in steps.unreached():
            difference = _largest(left)
            if not difference <= floor[leaf]:
                return None
            apart[leaf] = max(apart[leaf], difference)
        cancelled: list[int] = []
        by_terms: list[int] = []
        if open_:
            sums = steps.cancelling(open_)
            for leaf in open_:
                size = _largest(call.leaves[leaf])
                allowed[leaf] = tolerance.leaf(leaf, size, sums[leaf])
                if apart[leaf] > tolerance.leaf(leaf, _SHOWN * size):
                    by_terms.append(leaf)
            beyond = {leaf for leaf in open_ if not apart[leaf] <= allowed[leaf]}
            if call.foreign or (beyond and steps.dtype != np.float32):
                return None
            for leaf, found in _in_double_precision(call, problem, tolerance, steps, beyond).items():
                apart[leaf], allowed[leaf] = found.apart, found.allowed
                if not found.apart <= found.allowed:
                    return None
                if found.lost:
                    cancelled.append(leaf)
    if kept.size:
        keep_gradient(sweeps, problem.sigma, kept, steps)
    found_allowed = np.maximum(np.where(np.isfinite(allowed), allowed, floor), apart)
    return Comparison(apart, found_allowed, tuple(cancelled), tuple(by_terms),
                      None if call.program.is_piecewise_linear else steps.sensitivity(sweeps.values))


class _Leaf(NamedTuple):
    """A leaf of the framework's gradient next to the modelled one in double precision."""

    apart: float
    allowed: float
    lost: bool


def _in_double_precision(
    call: TracedCall, problem: Problem, tolerance: Tolerance, rough: LastSteps, only: Set[int]
) -> dict[int, _Leaf]:
    """The same for some leaves, by the last steps of one sweep in float64; ``rough`` are those in float32.

    The rules are those for all leaves at once; the last steps in float32 say what rounding does.
    """
    if not only:
        return {}
    sweeps = Sweeps(call.program, None, 0.0, call.values)
    steps = sweeps.last_steps(problem.sigma.astype(float, copy=False), call.leaves)
    sums = steps.cancelling(only)
    apart, size, noise = (dict.fromkeys(only, 0.0) for _ in range(3))
    pairs = zip(steps.places_made(only), rough.places_made(only), strict=True)
    for (leaf, made, given), (_, less, _) in pairs:
        apart[leaf] = max(apart[leaf], _largest(given - made))
        size[leaf] = max(size[leaf], _largest(made))
        noise[leaf] = max(noise[leaf], _largest(less.astype(float) - made))
    zero = [leaf for leaf in only if size[leaf] <= NOTHING * sums[leaf]]
    sums[zero] = tolerance.rounded(sums, steps.partial_sums(zero))[zero]
    found = {}
    for leaf in only:
        unit = tolerance.eps[leaf] if len(tolerance.eps) > 1 else tolerance.eps[0]
        shown = _in_units(np.asarray(noise[leaf]), unit).item()
        allowed = tolerance.leaf(leaf, size[leaf], sums[leaf])
        if apart[leaf] > allowed and tolerance.rtol is None:
            allowed = max(allowed, min(_NOISE * shown, tolerance.leaf(leaf, _SHOWN * size[leaf])))
        lost = bool(shown >= size[leaf] / 4 and apart[leaf] > allowed)
        found[leaf] = _Leaf(apart[leaf], max(allowed, _NOISE * shown) if lost else allowed, lost)
    return found


def _sizes(given: Array) -> Iterator[float]:
    """Lower bounds on the largest entry of an array, from cheap to exact."""
    if given.ndim:
        yield _largest(given[:1])
    yield _largest(given)


def _apart(made: Array, given: Array) -> float:
    """The largest difference, of which parts are made at a time that stay in the caches."""
    if made.size <= _BLOCK or _steps(made) != _steps(given):
        return _largest(np.subtract(made, given, out=made, casting="same_kind"))
    # Arrays that lie alike are gone through as they lie: the gradient of a matrix that is used turned round is turned.
    flat, other = made.ravel(order="K"), given.ravel(order="K")
    room, most = np.empty(_BLOCK, made.dtype), 0.0
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        difference = np.subtract(part, other[start : start + _BLOCK], out=room[: part.size], casting="same_kind")
        most = max(most, _largest(difference))
    return most


def _steps(array: Array) -> list[int]:
    """How far apart neighbours along each axis lie, in entries."""
    return [stride // array.itemsize for stride in array.strides]


def _largest(array: Array) -> float:
    """The largest absolute value; infinite where one is not finite."""
    if not array.size:
        return 0.0
    found = max(float(array.max()), -float(array.min()))
    return found if np.isfinite(found) else float("inf")


def _noise(call: TracedCall, problem: Problem, tolerance: Tolerance, modelled: Array) -> Array:
    """What rounding does to each leaf: the difference between the modelled gradients in float32 and in float64, in the
    units of the leaf's precision."""
    single = [np.asarray(value).astype(np.float32) for value in call.working or call.values]
    with np.errstate(all="ignore"):
        sweeps = Sweeps(call.program, None, 0.0, single)
        rough = sweeps.gradient(problem.sigma.astype(np.float32)).astype(float)
    found = largest(problem.sweeps, rough - modelled)
    return _in_units(found, np.broadcast_to(np.asarray(tolerance.eps), found.shape))


def _in_units(found: Array, units: Array | float) -> Array:
    """Differences between single and double precision in the units of other precisions."""
    most = machine_epsilon(np.float16) / _SINGLE
    return np.asarray(np.where(np.isfinite(found), found, 0.0) * np.minimum(np.asarray(units) / _SINGLE, most))


def of_terms_without_size(call: TracedCall, problem: Problem, comparison: Comparison) -> str:
    """Why a difference that terms of some size would allow is no rounding of theirs: the values leave them no size."""
    if not comparison.by_terms:
        return ""
    bound = np.inf if comparison.sensitivity is None else comparison.sensitivity
    values = call.values if call.working is None else call.working
    # Lengths bound the largest entries, and are cheaper.
    for size in (length, _largest) if np.isfinite(bound) else ():
        leaves = zip(call.leaves, call.program.inputs(values), strict=True)
        sensitivity = max(bound, *(size(given) * size(leaf) for given, leaf in leaves))
        # By half of what is allowed, as the sweep that tells it was one in the framework's own precision.
        if not is_sensitive(problem.sweeps, 2 * sensitivity):
            return ""
    known = terms_have_sizes(problem.sweeps, problem.sigma)
    leaf = next((leaf for leaf in comparison.by_terms if not known[leaf]), None)
    if leaf is None:
        return ""
    return _UNKNOWN.format(tool=call.tool, apart=comparison.apart[leaf], leaf=call.program.tree.leaf_name(leaf))


def digits_were_lost(call: TracedCall, comparison: Comparison) -> bool:
    """Whether the two gradients are close when f runs in another precision: then rounding is what keeps them apart.

    A kernel may lose digits in a small derivative (1 + expm1(u), 1 - tanh(u)^2); a derivative that is another one stays
    apart in every precision, as long as the same switches are active.
    """
    again = None if call.other_precision is None else call.other_precision()
    if again is None or again.slopes is None or again.program.s != call.program.s:
        return False
    sweeps = Sweeps(again.program, None, 0.0, again.values)
    if not np.array_equal(sweeps.alpha, Sweeps(call.program, None, 0.0, call.values).alpha):
        return False
    modelled = sweeps.gradient(sweeps.signature(again.slopes[sweeps.alpha]))
    other = _largest(modelled - again.gradient)
    finer = machine_epsilon(call.dtype) > machine_epsilon(again.dtype)
    high, low = (other, comparison.largest) if finer else (comparison.largest, other)
    return bool(np.isfinite(low) and high <= _SHRINKS * low)
