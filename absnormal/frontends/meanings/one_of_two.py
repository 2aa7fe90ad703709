"""Indices of which two change places where two entries tie: they jump from one order to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import Jump
from absnormal.frontends.meanings.order import keep_order
from absnormal.frontends.meanings.outcomes import jump_of, looked_up
from absnormal.frontends.numpy.traced import TracedArray

if TYPE_CHECKING:
    from absnormal.frontends.meanings.places import Ordering


def one_of_two(ordering: Ordering, own: Array, ranks: Array) -> Any:
    """The places of the entries of some ranks, one or two of which are tied, as a jump of the difference of the two.

    None where more entries tie.  That no third one comes between is kept by a guard.
    """
    lines, wanted = np.divmod(ranks, ordering.members.shape[1])
    values, write = ordering.values, ordering.write
    entries = values[lines, wanted]
    among = (values[lines] == entries[..., None]).sum(axis=-1)
    asked = ranks >= 0
    tied = asked & (among > 1)
    line, run = (int(lines[tied][0]) if tied.any() else -1), np.zeros(0, int)
    if tied.any():
        run = np.flatnonzero(values[line] == entries[tied][0])
        if len(run) != 2 or not ((lines == line) & np.isin(wanted, run))[tied].all():
            return None
    base, rows = TracedArray(write.builder, ordering.base), np.take_along_axis(ordering.members, ordering.order, 1)
    for number in np.unique(lines[asked]):
        kept = np.union1d(wanted[asked & (lines == number)], run if number == line else run[:0])
        equal = values[[number], 1:] == values[[number], :-1]
        keep_order(write, base, rows[[number]], equal, kept, ordering.descending)
    if not tied.any():
        return own
    places = np.sort(ordering.order[line][run])
    # As f itself would write one number of the array.
    numbers = (np.unravel_index(ordering.members[line, place], base.shape) for place in places)
    left, right = (write.index(base, tuple(map(int, number))) for number in numbers)
    up, down = np.array(own), np.array(own)
    for rank in run:
        first = ordering.descending == (rank == run[0])
        up[tied & (wanted == rank)], down[tied & (wanted == rank)] = places if first else places[::-1]
    jump = Jump(
        write.builder, left.index, right.index, np.ones((), bool), write.operation, write.source,
        "jumps at this point", ordering.fix)
    taken = np.asarray(1 if np.array_equal(own, up) else 2)
    return looked_up(np.stack([own, up, down]), jump_of(jump, taken, np.asarray(1), np.asarray(2)))
