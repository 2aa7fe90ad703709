"""Whether any digit of a gradient is left where every value that it is computed from is rounded (THEORY 6.4)."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import repeat

import numpy as np

from absnormal.arrays import Array
from absnormal.judgement.tolerances import NOTHING, cancelled
from absnormal.judgement.turns import Turns
from absnormal.sweeps.conditioning import between, beyond_values, is_sensitive, terms_have_sizes
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Proof, largest, terms

_ALL_LOST = "f is ill-conditioned here: rounding of the values on the way may have made all digits of its gradient"
#: How much larger than a gradient its changes by rounding are, where no digit of it is left.
_LOST = 8.0


def lost(tool: Sweeps, sigma: Array, made: bool = False, known: float | None = None) -> bool:
    """Whether rounding of values may make all digits of a leaf; of the gradient, or of what active kinks add to it,
    whose weights may be all rounding.  A leaf that is zero up to cancellation needs digits of its terms only.

    A gradient that formulas like ours ``made`` may be rounding of the terms that add up to it on all ways, up to what a
    sum of terms of that size loses.  ``known`` is how much f changes under sigma where the value of one node is
    doubled, where that is known.
    """
    if tool.rational or tool.program.is_piecewise_linear:
        return False
    if made and known is not None and not is_sensitive(tool, known):
        return False
    others = between(tool) if len(tool.alpha) else None

    def derivatives(near: Sweeps) -> Array:
        own = near.gradient(sigma)
        return np.stack([own] if others is None else [own, near.gradient(others) - own])

    true = np.asarray(derivatives(tool), dtype=float)
    count = [math.prod(shape) for shape in tool.program.tree.shapes]
    sizes = np.stack([largest(tool, one) for one in true])
    if made:
        share, added = cancelled(float(np.max(tool.units))), largest(tool, tool.gradient_magnitude())
        # What is 0 because all that it is made of is, as a product of two zeros, has no digits to lose.
        decisive = np.where(added > 0, _LOST * np.maximum(sizes, share * added), np.inf)
    else:
        decisive = np.where(sizes > NOTHING * terms(tool, sigma), _LOST * sizes, np.inf)
    moved = beyond_values(tool, sigma, true, derivatives, far=np.repeat(decisive, count, axis=1))
    beyond = bool((np.stack([largest(tool, one) for one in moved]) > decisive).any())
    if made or beyond:
        return beyond
    return bool(np.isinf(decisive[0]).any() and not terms_have_sizes(tool, sigma)[np.isinf(decisive[0])].all())


def with_digits(turns: Turns, known: float | None = None) -> Turns:
    """The same, except that nothing proves a g_c of which rounding may have made all digits."""
    for found in turns:
        proof, tool, problem = found.outcome, found.tool, found.problem
        if isinstance(proof, Proof) and proof.clarke and not found.bare and lost(tool, problem.sigma, True, known):
            yield from repeat(replace(found, outcome=_ALL_LOST))
        yield found
