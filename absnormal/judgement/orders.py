"""Orders of tied entries that a vector shows, where what is sorted are inputs (THEORY 7.4).

A tool that takes one of many medians returns a unit vector, one that interpolates two of them has two entries; which
ones says in which order the tool took what ties.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.order import codes, in_turn
from absnormal.program.moves import origins
from absnormal.sweeps.table import Sweeps


def shown_orders(sweeps: Sweeps, c: Array, g: Array) -> Iterator[Array]:
    """The slopes c with such orders in the place of those of sorts as would make the vector g, if some do."""
    if not sweeps.sorts or sweeps.rational:
        return
    in_order, even = np.array(c, dtype=float), np.array(c, dtype=float)
    known = [(np.searchsorted(sweeps.alpha, lanes), _inputs(sweeps, lanes)) for lanes in sweeps.sorts]
    for own, _ in known:
        entries, columns = own.shape
        in_order[own], even[own] = in_turn(entries, columns, -1.0).reshape(own.shape), 0.0
    base = sweeps.gradient(sweeps.signature(even))
    # What each place of an order adds, for entries that stand in it as they come; and what each entry is to get.
    places, asked = sweeps.gradient(sweeps.signature(in_order)) - base, g - base
    found = in_order
    for own, inputs in known:
        if inputs is None:
            return
        ranks = np.empty(inputs.shape)
        least = np.argsort(places[inputs], axis=0, kind="stable")
        np.put_along_axis(ranks, np.argsort(asked[inputs], axis=0, kind="stable"), least, axis=0)
        found[own] = codes(ranks[1:] - ranks[:1])
    yield found


def _inputs(sweeps: Sweeps, lanes: Array) -> Array | None:
    """The inputs (entries, columns) that are the entries of active sorts of one node; None where others are sorted."""
    program, start = sweeps.program, int(lanes[0, 0])
    node = next(program.nodes[index] for index in program.sorts if start in program.lanes(index)[0])
    columns = lanes[0] - node.switch
    of, numbers = (part.reshape(len(lanes) + 1, -1)[:, columns] for part in origins(program.nodes, node.args[0]))
    before = np.cumsum([0, *map(math.prod, program.tree.shapes)])
    starts = np.array([before[own.params["leaf"]] if own.op == "input" else -1 for own in program.nodes])
    return numbers + starts[of] if (starts[of] >= 0).all() else None
