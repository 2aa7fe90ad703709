"""Does a direction open a cell, beyond rounding?"""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps


def realizes(sweeps: Sweeps, sigma: Array, d: Array) -> Array:
    """For each active switch, whether sigma_i r_i^sigma . d > 0 beyond its rounding error."""
    dz, _ = sweeps.push(sigma, d[None])
    size, _ = sweeps.magnitude(sigma, d)
    alpha = sweeps.alpha
    return np.asarray(sigma[alpha] * dz[0][alpha] > rounding(sweeps.push_depth) * size[alpha] + FLOOR)
