"""Does a direction open a cell, beyond the rounding of the sweep and of the values that derivatives come from?"""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps


def realizes(sweeps: Sweeps, sigma: Array, d: Array, rng: np.random.Generator | None = None) -> Array:
    """For each active switch, whether sigma_i r_i^sigma . d > 0 beyond its rounding error; ``rng`` draws roundings."""
    alpha = sweeps.alpha

    def rates(near: Sweeps) -> Array:
        return np.asarray(near.push(sigma, d[None])[0][0][alpha])

    here = rates(sweeps)
    along = sigma[alpha] * here
    slack = rounding(sweeps.push_depth) * sweeps.magnitude(sigma, d)[0][alpha] + FLOOR
    opened = np.asarray(along > slack)
    if opened.any():
        opened &= along > slack + beyond_values(sweeps, sigma, here, rates, rng)
    return opened
