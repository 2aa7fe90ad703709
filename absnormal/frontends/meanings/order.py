"""Sorted lists: as networks of max and min, or in the order that a framework found, where entries that differ are moved
and entries that tie are compared.

Up to `STABLE` entries a network compares neighbours, which sorts stably when ties keep their order; longer lists use
Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M), where ties come out in some
order.  More than `STABLE` tied entries are one kink (THEORY 7.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.writing import Writer
from absnormal.program.moves import numbered

#: Up to so many tied entries a network sees the kinks one by one.
STABLE = 32

#: The ties of the largest and the smallest of tied entries, and of a comparison in a network: as each tool has them,
#: and those that take the entries as they come.
_NAMED, _IMPLIED = ("max.window", "min.window", "sort"), ("where>=", "where>", "where>")


def in_order(
    write: Writer, u: Any, order: Array, axis: int, descending: bool = False, ranks: Sequence[int] | None = None,
    folds: bool = True, implied: bool = False,
) -> Any:
    """u sorted along an axis; ``order`` are the indices that the framework's sort returned, in the shape of u.

    Only entries that tie at the point are compared, with slopes that take them as they come: the first and the last of
    a run by a maximum and a minimum over it, the others by a network of max and min, or of a long run by one kink.
    That runs do not meet is kept as a guard.  With ``ranks``, which ascend, only these entries are kept.  Without
    ``folds`` the first and the last of a run come out of the network too.  Where the order is ``implied`` by indices of
    the user's own every tool takes the entries as they come.
    """
    moved = np.moveaxis(np.take_along_axis(numbered(u.shape), order, axis), axis, -1)
    *lead, size = moved.shape
    rows = moved.reshape(math.prod(lead), size)
    values = u.value.reshape(-1)[rows]
    tied = values[:, 1:] == values[:, :-1]
    wanted = np.arange(size) if ranks is None else np.array(ranks, int)
    keep_order(write, u, rows, tied, wanted, descending)
    flat = write.reshape(u, (u.size,))
    result = write.gather(flat, rows[:, wanted])
    index = np.arange(rows.shape[0] * len(wanted))
    parts, count = [write.reshape(result, (index.size,))], index.size
    for members, inside, cells in _runs(rows, tied, wanted):
        parts.append(_sorted_run(write, flat, members, inside, descending, folds, implied))
        index[cells.T.reshape(-1)] = count + np.arange(cells.size)
        count += cells.size
    if len(parts) > 1:
        result = write.gather(write.concatenate(parts, 0), index)
    at = axis % u.ndim
    return write.transpose(write.reshape(result, (*lead, len(wanted))), [*range(at), len(lead), *range(at, len(lead))])


def _runs(rows: Array, tied: Array, wanted: Array) -> Iterator[tuple[Array, tuple[int, ...], Array]]:
    """Runs of tied entries among which some are wanted, those together that are alike.

    Each comes with the numbers of the entries (runs, length), the ranks inside of the run, and the places (runs, ranks)
    in the wanted entries of all rows, flat.
    """
    edges = np.zeros((len(rows), rows.shape[1] + 1), bool)
    edges[:, 1:-1] = tied
    found: dict[tuple[int, tuple[int, ...]], list[tuple[Array, Array]]] = {}
    for row, start in np.argwhere(~edges[:, :-1] & edges[:, 1:]):
        stop = start + 1 + int(np.argmin(edges[row, start + 1 :]))
        taken = np.flatnonzero((wanted >= start) & (wanted < stop))
        if taken.size:
            key = stop - start, tuple((wanted[taken] - start).tolist())
            found.setdefault(key, []).append((rows[row, start:stop], row * len(wanted) + taken))
    for (_, inside), runs in sorted(found.items(), key=lambda item: item[0]):
        yield np.stack([members for members, _ in runs]), inside, np.stack([cells for _, cells in runs])


def _sorted_run(
    write: Writer, flat: Any, members: Array, ranks: Sequence[int], descending: bool, folds: bool, implied: bool
) -> Any:
    """The entries of some ranks among tied ones, rank by rank, flat."""
    largest, smallest, compared = _IMPLIED if implied else _NAMED
    last = members.shape[1] - 1
    if last >= STABLE and not (folds and {*ranks} <= {0, last}):
        flipped, places = (members[:, ::-1], [last - rank for rank in ranks]) if descending else (members, [*ranks])
        taken = write.op(
            "order", write.gather(flat, flipped.T), tie=compared, entries=last, ranks=tuple(sorted(places)))
        found = write.index(taken, (slice(None, None, -1 if descending else 1),))
        return write.reshape(found, (found.shape[0] * found.shape[1],))
    found, network = [], None
    for rank in ranks:
        if folds and rank in (0, last):
            # The entry that is taken comes first.
            lines, sign = (members if rank == 0 else members[:, ::-1]), 1 if (rank == 0) == descending else -1
            found.append(write.fold(write.gather(flat, lines.T), sign, largest if sign > 0 else smallest))
            continue
        if network is None:
            flipped = members[:, ::-1] if descending else members
            network = _by_network(write, write.gather(flat, flipped.T), compared)
        found.append(write.index(network, (last - rank if descending else rank,)))
    return write.concatenate(found, 0)


def keep_order(write: Writer, u: Any, rows: Array, tied: Array, wanted: Array, descending: bool) -> None:
    """Keep as a guard that the wanted ranks of every row of numbers stay; tied entries may change places."""
    loose = tied.any(axis=1)
    low, high = _neighbours(np.unique(wanted), rows.shape[1])
    pairs = [(rows[~loose][:, low], rows[~loose][:, high])]
    for row, ties in zip(rows[loose], tied[loose], strict=True):
        run = np.concatenate([[0], np.cumsum(~ties)])
        for first, second in zip(*_neighbours(np.unique(run[wanted]), run[-1] + 1), strict=True):
            before, behind = np.broadcast_arrays(row[run == first][:, None], row[run == second])
            pairs.append((before, behind))
    left, right = (np.concatenate([pair[side].reshape(-1) for pair in pairs]) for side in (0, 1))
    if left.size:
        flat = write.reshape(u, (u.size,))
        nodes = [write.gather(flat, index).index for index in (left, right)]
        write.builder.guard(nodes[0], nodes[1], ">" if descending else "<", np.ones(left.size, bool), write.operation,
                            write.source)


def _neighbours(taken: Array, count: int) -> tuple[Array, Array]:
    """The pairs of ranks that must stay in order for the ranks that are taken to stay."""
    pairs: set[tuple[int, int]] = set()
    ends = [-1, *taken.tolist(), count]
    for below, above in pairwise(ends):
        inside = range(below + 1, above)
        pairs |= {(below, i) for i in inside if below >= 0} | {(i, above) for i in inside if above < count}
        if not inside and below >= 0 and above < count:
            pairs.add((below, above))
    found = np.array(sorted(pairs), int).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def sorted_along(write: Writer, u: Any) -> Any:
    """u sorted along axis 0; of a tie the first entry counts as the smaller one."""
    if u.shape[0] > STABLE:
        order = np.argsort(u.value, axis=0, kind="stable")
        line = np.take_along_axis(u.value, order, 0)
        if (line[STABLE:] == line[:-STABLE]).any():
            return in_order(write, u, order, 0, folds=False)
    return _by_network(write, u)


def _by_network(write: Writer, u: Any, tie: str = "sort") -> Any:
    count = u.shape[0]
    for low, high in _odd_even(count) if count <= STABLE else _merge_exchange(count):
        a, b = u[low], u[high]
        smaller = write.op("max", a, b, tie=tie, sign=-1)
        larger = write.op("max", a, b, tie=tie, sign=1)
        rest = np.setdiff1d(np.arange(count), np.concatenate([low, high]))
        order = np.argsort(np.concatenate([low, high, rest]))
        u = np.concatenate([smaller, larger, u[rest]])[order]
    return u


def _odd_even(count: int) -> Iterator[tuple[Any, Any]]:
    for stage in range(count):
        low = np.arange(stage % 2, count - 1, 2)
        if len(low):
            yield low, low + 1


def _merge_exchange(count: int) -> Iterator[tuple[Any, Any]]:
    top = 1 << (count - 1).bit_length() - 1
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while d > 0:
            low = np.arange(count - d)
            low = low[(low & p) == r]
            if len(low):
                yield low, low + d
            d, q, r = q - p, q >> 1, p
        p >>= 1
