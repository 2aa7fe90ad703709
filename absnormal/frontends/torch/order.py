"""Rules for order statistics: sort, top-k, k-th value, median, running extrema.

The indices that a kernel returned say which of the tied entries it took.  An entry of rank r among tied ones is a
minimum of maxima; its slopes are those that take the entry which the kernel took.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.torch.guards import ordered
from absnormal.frontends.torch.reductions import lined, taking
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Writer

Rule = Callable[..., Any]

#: Lines up to this long with a tie at the chosen rank are written as a network of minima and maxima.
_NETWORK = 64


#: From a place of the result and the length of the line, the rank in ascending order.
Rank = Callable[[int, int], int]


def _ascending(place: int, count: int) -> int:
    return place


def _descending(place: int, count: int) -> int:
    return count - 1 - place


def ranked(w: Writer, u: int, axis: int, index: Array, rank: Rank | None) -> int:
    """Entries of ``u`` along ``axis`` at the indices that a sorting kernel returned.

    Where no entry of the result is tied an order statistic is a gather.  Entries that are tied are sorted among
    themselves, as minima and maxima whose slopes take the entry that the kernel took; without a ``rank`` their order is
    the kernel's own, and they are refused.
    """
    values, index = np.moveaxis(w.here(u), axis, 0), np.atleast_1d(index)
    if not ordered(w, u, axis, index):
        w.bound = True
    index = np.moveaxis(index, axis, 0)
    taken = np.take_along_axis(values, index, axis=0)
    places = np.moveaxis(np.arange(values.size).reshape(w.shape(u)), axis, 0)
    flat = np.take_along_axis(places, index, axis=0)
    result = w.gather(u, flat)
    numbers, entries = [], []
    for at in np.ndindex(flat.shape):
        line = values[(slice(None), *at[1:])]
        members = np.flatnonzero(line == taken[at])
        if len(members) > 1:
            if len(members) > _NETWORK:
                w.refuse(f"has {len(members)} tied entries", "break the ties, or use amax or amin")
            if rank is None:
                w.refuse("has tied entries in no order", "use sorted=True")
            order = rank(at[0], len(line)) - int((line < taken[at]).sum())
            entry = _statistic(w, u, places[(slice(None), *at[1:])][members], order, int(flat[at]))
            entries.append(w.reshape(entry, (1,)))
            numbers.append(int(np.ravel_multi_index(at, flat.shape)))
    if entries:
        index = np.arange(flat.size)
        index[numbers] = flat.size + np.arange(len(numbers))
        both = w.concatenate([w.reshape(result, (flat.size,)), *entries], 0)
        result = w.gather(both, index.reshape(flat.shape))
    return w.transpose(result, [*range(1, axis + 1), 0, *range(axis + 1, flat.ndim)])


def _statistic(w: Writer, u: int, members: Array, order: int, chosen: int) -> int:
    """The entry of rank ``order`` (0 the smallest) among entries that are all equal at the point; the kernel took
    ``chosen``.

    It is the minimum over all subsets of order + 1 entries of their maxima; for the first or the last rank a fold.
    """
    count = len(members)
    gathered = w.gather(u, members)
    place = np.asarray(int(np.flatnonzero(members == chosen)[0]))
    if order in (0, count - 1):
        sign = -1 if order == 0 else 1
        return w.fold(gathered, sign, lambda: taking(place, count, sign))
    return _bubbled(w, u, members, order, int(place))


def _bubbled(w: Writer, u: int, members: Array, order: int, place: int) -> int:
    """Bubble the largest up again and again, with slopes that keep the chosen entry on the way to its rank."""
    lines = [w.reshape(w.gather(u, members[i : i + 1]), ()) for i in range(len(members))]
    held = list(range(len(members)))
    for last in range(len(lines) - 1, order - 1, -1):
        for i in range(last):
            first, second = lines[i], lines[i + 1]
            swap = _moves(held.index(place), i, order)
            slope = 1.0 if swap else -1.0
            # max(first, second) goes up: slope +1 takes its first argument, min takes its second.
            lines[i], lines[i + 1] = (
                w.extremum(first, second, -1, slope), w.extremum(first, second, 1, slope))
            if swap:
                held[i], held[i + 1] = held[i + 1], held[i]
    return lines[order]


def _moves(at: int, i: int, order: int) -> bool:
    """Whether a comparison of places i and i + 1 swaps, so that the entry at ``at`` ends at ``order``."""
    if at == i:
        return at < order
    return at == i + 1 and at > order


def _sort(w: Writer, x: Arg, /, dim: int = -1, descending: bool = False) -> list[Any]:
    axis = dim % max(1, len(x.shape))
    rank = _descending if descending else _ascending
    return [ranked(w, lined(w, x), axis, w.returned[1].cpu().numpy(), rank)]


def _topk(w: Writer, x: Arg, /, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Any]:
    axis = dim % max(1, len(x.shape))
    rank = None if not sorted else _descending if largest else _ascending
    return [ranked(w, lined(w, x), axis, w.returned[1].cpu().numpy(), rank)]


def _kthvalue(w: Writer, x: Arg, /, k: int, dim: int = -1, keepdim: bool = False) -> list[Any]:
    return _one_ranked(w, x, dim, keepdim, lambda place, count: k - 1)


def _median(w: Writer, x: Arg, /, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        return _full_median(w, x)
    return _one_ranked(w, x, dim, keepdim, lambda place, count: (count - 1) // 2)


def _one_ranked(w: Writer, x: Arg, dim: int, keepdim: bool, rank: Rank) -> list[Any]:
    axis = dim % max(1, len(x.shape))
    index = w.returned[1]
    index = index if keepdim else index.unsqueeze(axis)
    found = ranked(w, lined(w, x), axis, index.cpu().numpy(), rank)
    return [found if keepdim else w.reshape(found, tuple(w.record.out[0].shape))]


def _full_median(w: Writer, x: Arg) -> int:
    values = array(x.here).reshape(-1)
    value = np.sort(values)[(values.size - 1) // 2]
    members = np.flatnonzero(values == value)
    flat = w.reshape(w.node(x), (values.size,))
    if len(members) == 1:
        if not ordered(w, flat, 0, members):
            w.bound = True
        return w.reshape(w.gather(flat, members), ())
    w.refuse(f"has {len(members)} tied entries", "use median(dim), whose index is known")


def _cummax(sign: int) -> Rule:
    """The running maximum along an axis: one fold for every place."""

    def rule(w: Writer, x: Arg, /, dim: int) -> list[Any]:
        axis = dim % max(1, len(x.shape))
        if not x.shape:
            return [w.node(x)]
        index = np.moveaxis(w.returned[1].cpu().numpy(), axis, 0)
        fronted = w.transpose(w.node(x), [axis, *(i for i in range(len(x.shape)) if i != axis)])
        lines = []
        for place in range(x.shape[axis]):
            part = w.index(fronted, (slice(0, place + 1),))
            line = w.fold(part, sign, partial(taking, index[place], place + 1, sign))
            lines.append(w.reshape(line, (1, *w.shape(line))))
        stacked = w.concatenate(lines, 0)
        back = [*list(range(1, axis + 1)), 0, *list(range(axis + 1, len(x.shape)))]
        return [w.transpose(stacked, back)]

    return rule


RULES: dict[str, Rule] = {
    "sort": _sort, "topk": _topk, "kthvalue": _kthvalue, "median": _median, "cummax": _cummax(1),
    "cummin": _cummax(-1),
}  # fmt: skip
