"""Whether a gradient has the digits that its tolerance promises where values on the way are rounded (THEORY 6.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import repeat

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError
from absnormal.judgement.tolerances import DOUBLE, LARGEST, NOTHING, Tolerance, cancelled
from absnormal.judgement.turns import Turns
from absnormal.program.tree import join
from absnormal.sweeps.conditioning import COARSE, MARGIN, between, beyond_values, held, sensitivity, terms_have_sizes
from absnormal.sweeps.gradients import cancels, gradient_of, largest, steps_of, terms
from absnormal.sweeps.table import Sweeps, in_double_precision
from absnormal.theorems.problem import Proof
from absnormal.theorems.regular import is_idle

_ILL = "f is ill-conditioned here:"
_FAR = (
    _ILL + " rounding of the values on the way moves its gradient by {moved:.3g} in an entry of"
    " {leaf}, where {allowed:.3g} is allowed"
)
#: How much more than on its inputs f may depend on a value on the way before its rounding is looked at.
_MOST, _MOST_IN_HALF = 64.0, 16.0
#: What part of that which random roundings are said to exceed is the rounding of an operation.
_DRAWN = 8 * MARGIN
#: How many units x may be off, and by what part of itself it is moved to see what that does.
_UNITS, _STEP = 16.0, 2.0**-20
#: How many times a bound on the size of terms by the size of their sum must be larger before it is taken for one.
_TIMES = 16.0
#: Sizes of x at which a function that is zero by symmetry is zero.
_SIZES = (2.0**-10, 1.0, 2.0**10)
#: By how many units of f a change of x by as much as x may be off where a leaf vanishes: in general, and, within the
#: largest tolerance, where it is far smaller than what rounding makes of it.
_ROUNDED, _OF_F = 4.0, 1024.0


def lost(
    tool: Sweeps, sigma: Array, tolerance: Tolerance, most: Array | float = math.inf, idle: bool = False
) -> bool:
    """Whether a vector that agrees with g_sigma may be no gradient of f; a leaf that is zero up to cancellation needs
    digits of its terms, too, which are no larger than ``most``.  ``idle`` is as in `why_far`."""
    if _exact(tool):
        return False
    g = gradient_of(tool, sigma)
    if why_far(tool, sigma, tool.program.tree.split(g), tolerance, idle):
        return True
    zero = cancels(tool, sigma, most)
    return bool(zero.any()) and not terms_have_sizes(tool, sigma)[zero].all()


def why_far(
    tool: Sweeps, sigma: Array, leaves: Sequence[Array], tolerance: Tolerance, idle: bool = False
) -> str:
    """Why a vector that is g_sigma from the values as they were rounded may be no gradient of f within the tolerance;
    empty where it is.  ``idle`` says that no active kink changes f beyond rounding.

    It is held against the gradient from values in float64, of which random roundings show what that is worth.  Where
    more than the tolerance is apart it may still be rounding that any formula has (`_inherent`).
    """
    if _exact(tool):
        return ""
    try:
        near = _finer(tool)
    except DomainError as error:
        return f"{_ILL} in float64 {error}"
    derivatives = _derivatives(near, sigma, not (idle and near is tool))
    true = derivatives(near)
    kinks = len(true) > 1 and _count(near, sigma, true)
    if not kinks:
        derivatives, true = _derivatives(near, sigma, False), true[:1]
    steps = None if kinks else steps_of(near, sigma)
    here = true.copy() if near is tool else _derivatives(tool, sigma, kinks)(tool)
    here[0] = join(leaves)
    with np.errstate(invalid="ignore"):
        apart = np.nan_to_num(np.abs(here - true), nan=np.inf)
    sizes = _largest(tool, true)
    # The weights of active kinks need not be known that well, and more surely.
    allowed = np.stack([tolerance.leaves(sizes[0]), *sizes[1:]])
    drawn = np.array([_DRAWN, MARGIN])[: len(true), None]
    far = drawn * _by_entry(tool, allowed)
    moved = _largest(tool, apart + beyond_values(near, sigma, true, derivatives, far=far, steps=steps) / drawn)
    if (moved > allowed).any():
        sums = largest(near, near.gradient_magnitude())
        roundings = sums * [cancelled(float(unit)) for unit in np.broadcast_to(tolerance.eps, sums.shape)]
        inherent = _inherent(tool, near, sigma, true[0], sums, moved[0], tolerance)
        # What is 0 because all that it is made of is, as a product of two zeros, has no digits to lose.
        allowed = np.maximum(allowed, np.where(sums > 0, inherent, np.inf))
        allowed[1:] = np.maximum(allowed[1:], roundings)
    if not (moved > allowed).any():
        return ""
    worst = np.unravel_index(np.argmax(moved - allowed), moved.shape)
    leaf = tool.program.tree.leaf_name(int(worst[1]))
    return _FAR.format(moved=moved[worst], leaf=leaf, allowed=allowed[worst])


def _sensitivity(tool: Sweeps, sigma: Array) -> float:
    """How much f changes, at most, where the value of one node is doubled: what bounds may tell asks for no sweep."""
    steps = steps_of(tool, sigma)
    return sensitivity(tool, sigma) if steps is None else steps.sensitivity(tool.values)


def _depends_little(tool: Sweeps, leaves: Sequence[Array], sensitive: float) -> bool:
    """Whether f depends on no value on its way much more than on its inputs, so that the rounding of that value cannot
    be much of the gradient."""
    enough, found = sensitive / (_MOST if float(np.max(tool.units)) < COARSE else _MOST_IN_HALF), 0.0
    inputs = [index for index, node in enumerate(tool.program.nodes) if node.op == "input"]
    # Large leaves are not asked for where small ones say enough.
    for index in sorted(inputs, key=lambda index: math.prod(tool.program.nodes[index].shape)):
        g, leaf = leaves[tool.program.nodes[index].params["leaf"]], tool.own[index]
        found += float(np.vdot(np.abs(g), np.abs(leaf)))
        if enough < found < math.inf:
            return True
    return False


def _finer(tool: Sweeps) -> Sweeps:
    """The program with values in float64, where what is tied in the tool's stays so."""
    if float(np.max(tool.units)) <= DOUBLE:
        return tool
    return held(tool, in_double_precision(tool).values)


def _inherent(
    tool: Sweeps, near: Sweeps, sigma: Array, here: Array, sums: Array, moved: Array, tolerance: Tolerance
) -> Array:
    """What of a leaf of g_sigma ``here`` is rounding in any formula, and is little: next to gradients at other points
    of the size of x, or in a leaf that vanishes next to the rounding of f (a bias before a batch normalization).

    It is what a few units of x change (at a minimizer), and what roundings of terms on all ways make of a sum that
    cancels (in a saturated classifier).
    """
    sizes, eps = largest(near, here), np.broadcast_to(np.asarray(tolerance.eps), sums.shape)
    changed, elsewhere, f = _at_other_points(near, sigma, here)
    # In double precision nothing finer tells what rounding makes of a leaf that is 0.
    vanishing = np.where(eps > DOUBLE, sizes <= eps / 4 * sums, sizes <= NOTHING * sums)
    # A thousand units of half precision are several times f.
    most = np.minimum(_OF_F * eps, LARGEST)
    units = np.where((sizes <= moved / 16) | (eps <= DOUBLE), most, _ROUNDED * eps)
    known = np.abs(tool.y - near.y).max() <= most * f
    scales = _scales(near.program.inputs(near.values))
    of_f = np.where(vanishing & known, units * f / scales, 0.0)
    share = np.array([cancelled(float(unit)) for unit in eps])
    by_x = np.minimum(_UNITS * eps / _STEP * changed, tolerance.leaves(elsewhere))
    # Where f vanishes everywhere nothing has another size than that of the terms which cancel.
    symmetric = vanishing & (f <= cancelled(DOUBLE) * sums * scales)
    nothing = np.where(symmetric & (symmetric.any() and _is_zero(near)), np.inf, 0.0)
    return np.asarray(np.maximum(by_x, np.minimum(share * sums, np.maximum.reduce([share * elsewhere, of_f, nothing]))))


@np.errstate(all="ignore")
def _at_other_points(near: Sweeps, sigma: Array, here: Array) -> tuple[Array, Array, float]:
    """For every leaf, what small steps change in g_sigma ``here``, and the largest gradients at points of the size of
    x; and the largest |f| there; of the piece of f that the slopes tell."""
    program, rng = near.program, np.random.default_rng(0)
    leaves = [np.asarray(leaf, dtype=float) for leaf in program.inputs(near.values)]
    pairs = [*zip(leaves, _scales(leaves), strict=True)]
    changed, elsewhere, f = np.zeros(len(leaves)), np.zeros(len(leaves)), float(np.abs(near.y).max())

    def beside(step: float) -> list[Array]:
        """A point at a part of x, and of its size where x is 0."""
        return [leaf + step * rng.uniform(-1, 1, leaf.shape) * np.where(leaf, leaf, scale) for leaf, scale in pairs]

    def apart(signs: Sequence[float]) -> list[Array]:
        return [
            np.where(leaf, leaf, scale) * 4.0 ** rng.uniform(-1, 1, leaf.shape) * rng.choice(signs, leaf.shape)
            for leaf, scale in pairs
        ]

    for _ in range(3):
        with suppress(DomainError):
            found = held(near, program.unguarded(beside(_STEP))).gradient(sigma) - here
            changed = np.maximum(changed, largest(near, _finite(found)))
    for point in (beside(1 / 16), apart((-1.0,)), apart((1.0,)), apart((-1.0, 1.0))):
        with suppress(DomainError):
            there = held(near, program.unguarded(point))
            f = max(f, float(_finite(np.abs(there.y)).max()))
            elsewhere = np.maximum(elsewhere, largest(near, _finite(there.gradient(sigma))))
    return changed, elsewhere, f


@np.errstate(all="ignore")
def _is_zero(near: Sweeps) -> bool:
    """Whether f is zero up to rounding where x has other sizes, too: near 0 all of (sinh x - x) / x^3 is rounding."""
    rng, asked = np.random.default_rng(0), False
    for size in _SIZES:
        point = [size * np.where(leaf < 0, -1.0, 1.0) * 2.0 ** rng.uniform(-1, 1, np.shape(leaf))
                 for leaf in near.program.inputs(near.values)]
        with suppress(DomainError):
            there = held(near, near.program.unguarded(point))
            sums = largest(near, there.gradient_magnitude()) * _scales(point)
            most = max(float(np.abs(value).max(initial=0.0)) for value in there.values)
            if not np.abs(there.y).max() <= max(NOTHING * sums.max(), cancelled(DOUBLE) * most):
                return False
            asked = True
    return asked


def _scales(leaves: Sequence[Array]) -> Array:
    """The largest entry of every leaf; of all where that is 0."""
    found = np.array([np.abs(leaf).max(initial=0.0) for leaf in leaves])
    return np.where(found > 0, found, found.max(initial=0.0) or 1.0)


def _finite(array: Array) -> Array:
    """The same with 0 for what is no number."""
    return np.where(np.isfinite(array), array, 0.0)


def _exact(tool: Sweeps) -> bool:
    """Whether derivatives depend on no value that is rounded."""
    return tool.rational or tool.program.is_piecewise_linear


def _derivatives(tool: Sweeps, sigma: Array, kinks: bool = True) -> Callable[[Sweeps], Array]:
    """What computes the gradient, and what active kinks add to it, from the values of a table."""
    others = between(tool) if kinks and len(tool.alpha) else None

    def derivatives(near: Sweeps) -> Array:
        own = gradient_of(near, sigma) if near is tool else near.gradient(sigma)
        found = [own] if others is None else [own, near.gradient(others) - own]
        return np.stack([np.asarray(one, dtype=float) for one in found])

    return derivatives


def _count(near: Sweeps, sigma: Array, true: Array) -> bool:
    """Whether what active kinks add to a gradient is more than what is left of terms that cancel.

    No entry is larger than the root of the number of its terms times the root of the sum of their squares, so that
    terms are asked for only where what the kinks add is next to that.
    """
    own, *added = _largest(near, true)
    entries = sum(math.prod(node.shape) * len(node.args) for node in near.program.nodes if node.varied)
    if (np.array(added) <= NOTHING / (_TIMES * math.sqrt(entries)) * own).all():
        return False
    return bool((np.array(added) > NOTHING * terms(near, sigma)).any())


def _largest(tool: Sweeps, vectors: Array) -> Array:
    """The largest entry of every leaf of each vector."""
    return np.stack([largest(tool, one) for one in vectors])


def _by_entry(tool: Sweeps, leaves: Array) -> Array:
    """What holds for a leaf, for each of its entries."""
    return np.repeat(leaves, [math.prod(shape) for shape in tool.program.tree.shapes], axis=-1)


def with_digits(
    turns: Turns, leaves: Sequence[Array], tolerance: Tolerance, known: float | None = None
) -> Turns:
    """The same, except that nothing proves a g_c that is no gradient of f because values were rounded.

    ``known`` is how much f changes under the slopes c where the value of one node is doubled, where that is known.
    """
    for found in turns:
        proof, tool, problem = found.outcome, found.tool, found.problem
        if isinstance(proof, Proof) and proof.clarke and not found.bare and not _exact(tool):
            bound = _sensitivity(tool, problem.sigma) if known is None else known
            little = _depends_little(tool, leaves, bound)
            if not little and (why := why_far(tool, problem.sigma, leaves, tolerance, is_idle(proof))):
                yield from repeat(replace(found, outcome=why))
        yield found
