"""Does a direction open a cell, beyond the rounding of the sweep and of the values that derivatives come from?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from absnormal.arrays import Array, lengths
from absnormal.ops.kinks.order import gaps
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.rounding import FLOOR, UNIT, rounding
from absnormal.sweeps.table import Sweeps

#: How much farther beyond the rounding of values a direction must open a cell where it is looked for than where it is
#: checked, as other roundings are drawn there.
_CLEARLY = 2.0
#: How far from a multiple of its slopes the rates of a block may be, against their length: the rounding of long sums.
ALONG = 1024 * UNIT


def realizes(
    sweeps: Sweeps, sigma: Array, d: Array, rng: np.random.Generator | None = None, needed: Array | None = None
) -> Array:
    """For each active switch, whether sigma_i r_i^sigma . d > 0 beyond its rounding error, and clearly so without an
    ``rng`` that draws other roundings.

    Where not all that are ``needed`` are beyond that of the sweep, what the rounding of values does is left out.

    For a norm, whether r_i^sigma d is a positive multiple of sigma_i, which has length 1, to rounding; for a sort,
    whether entries come in the order of their codes, which must differ.
    """
    rates, here, slack = _rates(sweeps, sigma, d)
    opened = _opened(sweeps, sigma, here, slack)
    if opened.any() and (needed is None or opened[needed].all()):
        margin = _CLEARLY if rng is None else 1.0
        opened &= _opened(sweeps, sigma, here, slack + margin * beyond_values(sweeps, sigma, here, rates, rng))
    return opened


def _rates(sweeps: Sweeps, sigma: Array, d: Array) -> tuple[Callable[[Sweeps], Array], Array, Array]:
    """What computes r_i^sigma . d for each active switch from sweeps at any values, these here, and how far the sweep
    may be off by its rounding."""
    def rates(near: Sweeps) -> Array:
        return np.asarray(near.push(sigma, d[None])[0][0][sweeps.alpha])

    slack = rounding(sweeps.push_depth) * sweeps.magnitude(sigma, d)[0][sweeps.alpha] + FLOOR
    return rates, rates(sweeps), slack


def _opened(sweeps: Sweeps, sigma: Array, rates: Array, errors: Array) -> Array:
    opened = np.asarray(sigma[sweeps.alpha] * rates > errors)
    for numbers in sweeps.sorts:
        own = np.searchsorted(sweeps.alpha, numbers)
        c = sigma[numbers]
        opened[own] = (gaps(c, c) > 0) & (gaps(rates[own], c) > 2 * errors[own].max(axis=0))
    for numbers in sweeps.balls:
        own = np.searchsorted(sweeps.alpha, numbers)
        t, c, error = rates[own], sigma[numbers], lengths(errors[own])
        along = (c * t).sum(axis=0)
        # For slopes of another length than 1 this leaves the rest of what is along them.
        apart = lengths(t - along * c)
        opened[own] = (along > error) & (apart <= ALONG * along)
    return opened


def rates_beyond(
    sweeps: Sweeps, sigma: Array, d: Array, rng: np.random.Generator | None = None, values: bool = True
) -> Array:
    """r_i^sigma . d for each active switch, 0 where it is not beyond its rounding error.

    Without ``values`` the error is that of the sweep alone.
    """
    rates, here, error = _rates(sweeps, sigma, d)
    if values:
        error = error + beyond_values(sweeps, sigma, here, rates, rng)
    return np.where(np.abs(here) > error, here, 0.0)


def senses(sweeps: Sweeps, d: Array, rng: np.random.Generator | None = None) -> Array:
    """How d moves each active switch, with slope 0 at the others: a sign, for a norm a vector of length 1; 0 where that
    is not beyond rounding."""
    rates = rates_beyond(sweeps, sweeps.signature(0.0), d, rng)
    found = np.sign(rates)
    for numbers in sweeps.balls:
        own = np.searchsorted(sweeps.alpha, numbers)
        size = lengths(rates[own])
        found[own] = rates[own] / np.where(size > 0, size, 1.0)
    return found
