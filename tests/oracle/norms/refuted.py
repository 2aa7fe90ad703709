"""Is a claim about g_c refuted?  Coarse first, thorough where something is wrong."""

from __future__ import annotations

import numpy as np

from .form import NormForm, Slopes
from .truth import answer, within

#: A distance that small counterexamples exceed, in units of the size of the weights.
_COARSE = 0.03


def refuted(form: NormForm, c: Slopes, seed: int = 0) -> bool:
    """Whether g_c is found to lie away from the hull of limiting gradients, after a thorough search."""
    g = np.array([float(a) for a in form.gradient(c)])
    size = max(1.0, float(np.abs(form.arrays.Y).sum()))
    if within(form, g, np.random.default_rng(seed), _COARSE * size, rounds=12)[0] <= _COARSE * size:
        return False
    return answer(form, g, seed, rounds=100).distance > _COARSE * size
