"""Values that are sent to the entries of an array, and combined there: sums, means, products and extrema."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import sent
from absnormal.frontends.meanings.windows import folds, products, summed_over
from absnormal.frontends.terms import N, Terms, Tie

#: How values are combined; the extrema are folds.
EXTREMA = {"amax": 1, "amin": -1}
KINDS = ("sum", "mean", "prod", *EXTREMA)


def combined(write: Terms[N], u: N, where: Array, values: Any, kind: str, own: bool = True, tie: Tie = "") -> N:
    """u with every entry to which values are sent replaced by the sum, the mean, the product or an extremum of these.

    Value i is sent to the entry with the number ``where[i]``, and nowhere if that is negative.  The entry itself counts
    among the values where that is its ``own``; an entry to which nothing is sent stays.  ``tie`` is that of the folds.
    """
    shape, count = write.shape(u), math.prod(write.shape(u))
    table = sent(where.reshape(-1), count)
    if not len(table):
        return u
    place = where.size + np.arange(count)
    first = place if own else np.where(table[0] < 0, place, -1)
    columns = np.concatenate([first[None], table])
    flat = write.concatenate([write.reshape(values, (where.size,)), write.reshape(u, (count,))], 0)
    return write.reshape(_over(write, flat, columns, kind, tie), shape)


def _over(write: Terms[N], flat: Any, columns: Array, kind: str, tie: Tie) -> N:
    """The entries in every column of numbers, -1 for none, combined."""
    if kind in EXTREMA:
        return folds(write, flat, columns, EXTREMA[kind], tie)
    if kind == "prod":
        return products(write, flat, columns)
    total = summed_over(write, flat, columns)
    return total if kind == "sum" else write.div(total, write.constant((columns >= 0).sum(axis=0).astype(float)))
