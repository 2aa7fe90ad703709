"""Exactness at full speed: float64 arithmetic on data that are integers after scaling by powers of two.

If all coefficients of a pull are multiples of 2^-q and the sums of absolute values, in units of the product of these
grains, stay below 2^53, no operation rounds: the computed row is the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from absnormal.arrays import Array, unit_vectors
from absnormal.sweeps.table import Sweeps

_LARGEST_GRAIN = 12
_ENTRIES = 64_000_000
_CHUNK = 1_000_000
#: Coefficients that are looked at before all are.
_FEW = 256


class _TooFine(Exception):
    """Coefficients that are no multiples of any grain."""


class _Grains:
    """Takes absolute values and notes how fine the coefficients are."""

    def __init__(self) -> None:
        self.bits = 0

    def __call__(self, a: Any) -> Any:
        size = np.abs(a)
        # A few of them say mostly that there is no grain.
        for part in (size.flat[:_FEW] if isinstance(size, np.ndarray) else size, size):
            for bits in range(_LARGEST_GRAIN + 1):
                scaled = part * 2.0**bits
                if (scaled == np.floor(scaled)).all():
                    break
            else:
                raise _TooFine
        self.bits += bits
        return size


def zero_rows(sweeps: Sweeps, sigma: Array, switches: Array) -> Array:
    """For each of ``switches``, whether its row r^sigma is zero for sure; False also where that is too much work.

    ``sigma`` must be definite: a fold then has coefficients 0 and 1 only.
    """
    result, done = np.zeros(len(switches), bool), 0
    for rows in _in_chunks(sweeps, sigma, switches):
        if rows is None:
            break
        result[done : done + len(rows)] = ~rows.any(axis=1)
        done += len(rows)
    return result


def all_zero_rows(sweeps: Sweeps, sigma: Array, switches: Array) -> bool:
    """Whether the rows r^sigma of all ``switches`` are zero for sure; the first that is not ends it."""
    # One by itself first: in most programs it is enough.
    parts = (switches[:1], switches[1:])
    return all(
        rows is not None and not rows.any() for part in parts if len(part) for rows in _in_chunks(sweeps, sigma, part)
    )


def _in_chunks(sweeps: Sweeps, sigma: Array, switches: Array) -> Iterator[Array | None]:
    """The rows, some at a time; None where they are too much work, or round."""
    width = max(sweeps.program.n, sweeps.program.s, 1)
    if len(switches) * width > _ENTRIES or sweeps.rational:
        yield None
        return
    chunk = max(1, _CHUNK // width)
    for start in range(0, len(switches), chunk):
        yield exact_rows(sweeps, sigma, switches[start : start + chunk])


def exact_rows(sweeps: Sweeps, sigma: Array, switches: Array) -> Array | None:
    """The rows r^sigma of ``switches``, shape (k, n), if no operation rounds; ``sigma`` must be definite."""
    seeds = unit_vectors(switches, sweeps.program.s)
    grains = _Grains()
    try:
        sizes, _ = sweeps.pull_magnitude(sigma, seeds, None, grains)
    except _TooFine:
        return None
    largest = float(sizes.max(initial=0.0))
    # The size in grains, which may be too large for a float, is below 2^53.
    if not np.isfinite(largest) or math.frexp(largest)[1] + grains.bits > 53:
        return None
    return sweeps.pull(sigma, seeds, None)[0]
