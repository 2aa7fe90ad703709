"""Orders of tied entries that a vector shows, where what is sorted are inputs (THEORY 7.4).

A tool that takes one of many medians returns a unit vector, one that interpolates two of them has two entries; which
ones says in which order the tool took what ties.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from absnormal.active.orders import compared
from absnormal.arrays import Array
from absnormal.ops.kinks.order import codes, in_turn
from absnormal.sweeps.table import Sweeps


def shown_orders(sweeps: Sweeps, c: Array, g: Array) -> Iterator[Array]:
    """The slopes c with such orders in the place of those of sorts as would make the vector g, if some do."""
    if not sweeps.sorts or sweeps.rational:
        return
    in_order, even = np.array(c, dtype=float), np.array(c, dtype=float)
    sorts = [np.searchsorted(sweeps.alpha, lanes) for lanes in sweeps.sorts]
    for own in sorts:
        entries, columns = own.shape
        in_order[own], even[own] = in_turn(entries, columns, -1.0).reshape(own.shape), 0.0
    base, sigma = sweeps.gradient(sweeps.signature(even)), sweeps.signature(in_order)
    # What each place of an order adds, for entries that stand in it as they come; and what each entry is to get.
    places, asked = sweeps.gradient(sigma) - base, g - base
    later, first = compared(sweeps, sigma)
    found = in_order
    for own in sorts:
        inputs = np.concatenate([first[own[:1]], later[own]]) - 1
        if not ((inputs >= 0) & (inputs < sweeps.program.n)).all():
            return
        ranks = np.empty(inputs.shape)
        least = np.argsort(places[inputs], axis=0, kind="stable")
        np.put_along_axis(ranks, np.argsort(asked[inputs], axis=0, kind="stable"), least, axis=0)
        found[own] = codes(ranks[1:] - ranks[:1])
    yield found
