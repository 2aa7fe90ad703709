"""A list in the order that a framework found: entries that differ are moved, entries that tie are compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.order import sorted_along
from absnormal.frontends.writing import Writer


def in_order(
    write: Writer, u: Any, order: Array, axis: int, descending: bool = False, count: int | None = None
) -> Any:
    """u sorted along an axis; ``order`` are the indices that the framework's sort returned, in the shape of u.

    Only entries that tie at the point are compared, each run of them by a network of max and min with slope -1, which
    takes the entries of a tie as they come; that runs do not meet is kept as a guard.  With ``count`` only the first
    entries are kept.
    """
    place = np.take_along_axis(np.arange(u.size).reshape(u.shape), order, axis)
    moved = np.moveaxis(place, axis, -1)
    shape = moved.shape
    rows = moved.reshape(-1, shape[-1])
    values = u.value.reshape(-1)[rows]
    size = shape[-1]
    kept = size if count is None else count
    tied = values[:, 1:] == values[:, :-1]
    _keep_apart(write, u, rows, tied, kept, descending)
    flat = np.reshape(u, -1)
    ordered = write.op("gather", flat, index=rows)
    for length, starts in _runs(tied, kept):
        inside = starts[:, None] + np.arange(length)
        flipped = inside[:, ::-1] if descending else inside
        network = sorted_along(write, np.transpose(np.reshape(ordered, -1)[flipped]))
        result = np.transpose(network)
        result = result[:, ::-1] if descending else result
        index = np.arange(rows.size)
        index[inside.reshape(-1)] = rows.size + np.arange(inside.size)
        joined = np.concatenate([np.reshape(ordered, -1), np.reshape(result, -1)])
        ordered = write.op("gather", joined, index=index.reshape(rows.shape))
    ordered = ordered[:, :kept] if kept < size else ordered
    return np.moveaxis(np.reshape(ordered, (*shape[:-1], kept)), -1, axis)


def _runs(tied: Array, kept: int) -> list[tuple[int, Array]]:
    """Runs of tied entries that begin among the kept ones: for each length, the flat places where they start."""
    count, size = len(tied), tied.shape[1] + 1
    edges = np.zeros((count, size + 1), bool)
    edges[:, 1:-1] = tied
    begin = ~edges[:, :-1] & edges[:, 1:]
    begin[:, kept:] = False
    found: dict[int, list[int]] = {}
    for row, start in np.argwhere(begin):
        stop = start + 1
        while stop < size and tied[row, stop - 1]:
            stop += 1
        found.setdefault(int(stop - start), []).append(int(row * size + start))
    return [(length, np.array(starts)) for length, starts in sorted(found.items())]


def _keep_apart(write: Writer, u: Any, rows: Array, tied: Array, kept: int, descending: bool) -> None:
    """Entries of one run stay before those of the next, and the last run that is kept before all that is left out."""
    if not kept:
        return
    loose = tied.any(axis=1)
    single = rows[~loose]
    pairs = [(single[:, :-1][:, :kept], single[:, 1:][:, :kept])]
    rest = single[:, kept + 1 :]
    pairs.append((np.broadcast_to(single[:, kept - 1 : kept], rest.shape), rest))
    for row, ties in zip(rows[loose], tied[loose], strict=True):
        run = np.concatenate([[0], np.cumsum(~ties)])
        last = run[kept - 1]
        for number in range(last + 1):
            after = row[run == number + 1] if number < last else row[run > number]
            before, behind = np.broadcast_arrays(row[run == number][:, None], after)
            pairs.append((before, behind))
    first, second = (np.concatenate([pair[side].reshape(-1) for pair in pairs]) for side in (0, 1))
    if not first.size:
        return
    flat = np.reshape(u, -1)
    left, right = write.op("gather", flat, index=first), write.op("gather", flat, index=second)
    relation = ">" if descending else "<"
    write.builder.guard(left.index, right.index, relation, np.ones(first.size, bool), write.operation, write.source)
