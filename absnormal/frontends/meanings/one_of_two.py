"""An index that is one of two where two entries tie: it jumps from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import Jump
from absnormal.frontends.meanings.order import keep_order
from absnormal.frontends.meanings.outcomes import jump_of
from absnormal.frontends.numpy.traced import TracedArray

if TYPE_CHECKING:
    from absnormal.frontends.meanings.places import Ordering


def one_of_two(ordering: Ordering, own: Array, ranks: Array) -> Any:
    """The place of the entry of a rank, which is tied with another one, as a jump of their difference.

    None where more entries tie.  That no third one comes between is kept by a guard.
    """
    line, rank = divmod(int(ranks.reshape(-1)[0]), ordering.members.shape[1])
    values, write = ordering.values[line], ordering.write
    run = np.flatnonzero(values == values[rank])
    if len(run) != 2:
        return None
    base = TracedArray(write.builder, ordering.base)
    rows = np.take_along_axis(ordering.members, ordering.order, 1)[[line]]
    keep_order(write, base, rows, (values[1:] == values[:-1])[None], run, ordering.descending)
    places = np.sort(ordering.order[line][run])
    # As f itself would write one number of the array.
    numbers = (np.unravel_index(ordering.members[line, place], base.shape) for place in places)
    left, right = (write.index(base, tuple(map(int, number))) for number in numbers)
    up, down = places if ordering.descending == (rank == run[0]) else places[::-1]
    first, second = (write.reshape(side, own.shape).index for side in (left, right))
    jump = Jump(
        write.builder, first, second, np.ones(own.shape, bool), write.operation, write.source, "jumps at this point",
        ordering.fix)
    return jump_of(jump, own, *(np.full(own.shape, side, own.dtype) for side in (up, down)))
