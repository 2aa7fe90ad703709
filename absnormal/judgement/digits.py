"""Whether any digit of a gradient is left where every value that it is computed from is rounded (THEORY 6.4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat

import numpy as np

from absnormal.arrays import Array
from absnormal.judgement.tolerances import NOTHING, cancelled
from absnormal.judgement.turns import Turns
from absnormal.sweeps.conditioning import between, beyond_values, is_sensitive, terms_have_sizes
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Proof, gradient_of, largest, terms

_ALL_LOST = "f is ill-conditioned here: rounding of the values on the way may have made all digits of its gradient"
#: How much larger than a gradient its changes by rounding are, where no digit of it is left.
_LOST = 8.0


def lost(tool: Sweeps, sigma: Array) -> bool:
    """Whether rounding of values may make all digits of a leaf; of the gradient, or of what active kinks add to it,
    whose weights may be all rounding.  A leaf that is zero up to cancellation needs digits of its terms only."""
    if _exact(tool):
        return False
    true = _derivatives(tool, sigma)(tool)
    sizes = _largest(tool, true)
    decisive = np.where(sizes > NOTHING * terms(tool, sigma), _LOST * sizes, np.inf)
    cancels = np.isinf(decisive[0])
    if np.isinf(decisive[1:]).all():
        true, decisive = true[:1], decisive[:1]
    return _moved(tool, sigma, true, decisive) or bool(
        cancels.any() and not terms_have_sizes(tool, sigma)[cancels].all())


def lost_by_formulas(tool: Sweeps, sigma: Array, known: float | None = None) -> bool:
    """The same of a gradient that formulas like ours made: it may be rounding of the terms that add up to it on all
    ways, up to what a sum of terms of that size loses.

    ``known`` is how much f changes under sigma where the value of one node is doubled, where that is known.
    """
    if _exact(tool) or (known is not None and not is_sensitive(tool, known)):
        return False
    true = _derivatives(tool, sigma)(tool)
    share, added = cancelled(float(np.max(tool.units))), largest(tool, tool.gradient_magnitude())
    # What is 0 because all that it is made of is, as a product of two zeros, has no digits to lose.
    decisive = np.where(added > 0, _LOST * np.maximum(_largest(tool, true), share * added), np.inf)
    return _moved(tool, sigma, true, decisive)


def _exact(tool: Sweeps) -> bool:
    """Whether derivatives depend on no value that is rounded."""
    return tool.rational or tool.program.is_piecewise_linear


def _derivatives(tool: Sweeps, sigma: Array, kinks: bool = True) -> Callable[[Sweeps], Array]:
    """What computes the gradient, and what active kinks add to it, from the values of a table."""
    others = between(tool) if kinks and len(tool.alpha) else None

    def derivatives(near: Sweeps) -> Array:
        own = gradient_of(near, sigma)
        found = [own] if others is None else [own, near.gradient(others) - own]
        return np.stack([np.asarray(one, dtype=float) for one in found])

    return derivatives


def _largest(tool: Sweeps, vectors: Array) -> Array:
    """The largest entry of every leaf of each vector."""
    return np.stack([largest(tool, one) for one in vectors])


def _moved(tool: Sweeps, sigma: Array, true: Array, decisive: Array) -> bool:
    """Whether rounding of the values changes a leaf by more than what is decisive for it."""
    far = np.repeat(decisive, [math.prod(shape) for shape in tool.program.tree.shapes], axis=1)
    moved = beyond_values(tool, sigma, true, _derivatives(tool, sigma, len(true) > 1), far=far)
    return bool((_largest(tool, moved) > decisive).any())


def with_digits(turns: Turns, known: float | None = None) -> Turns:
    """The same, except that nothing proves a g_c of which rounding may have made all digits."""
    for found in turns:
        proof, tool, problem = found.outcome, found.tool, found.problem
        own = isinstance(proof, Proof) and proof.clarke and not found.bare
        if own and lost_by_formulas(tool, problem.sigma, known):
            yield from repeat(replace(found, outcome=_ALL_LOST))
        yield found
