"""Rules for order statistics: sort, top-k, k-th value, median, running extrema.

The indices that a kernel returned say which of the tied entries it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import along
from absnormal.frontends.meanings.order import in_order
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.reductions import chosen_fold, line_of, taking
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer


def ranked(
    w: Writer, u: int, axis: int, order: Array, ranks: Sequence[int] | None = None, descending: bool = False,
    evenly: bool = False,
) -> int:
    """Entries of u along an axis, which a kernel sorts in this order; ``evenly``: its backward gives tied entries equal
    parts."""
    start = len(w.nodes)
    made = in_order(w.entrywise, TracedArray(w.builder, u), order, axis, descending, ranks)
    if evenly:
        w.slopes.update({i: 0.0 for i in range(start, len(w.nodes)) if w.nodes[i].op == "order"})
    return int(made.index)


def _index(w: Writer) -> Array:
    """The indices that the kernel returned."""
    return np.atleast_1d(array(w.returned[1]))


def _sort(w: Writer, x: Arg, /, dim: int = -1, descending: bool = False) -> list[Any]:
    return [ranked(w, *line_of(w, x, dim), _index(w), None, descending)]


def _topk(w: Writer, x: Arg, /, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Any]:
    u, axis = line_of(w, x, dim)
    index = _index(w)
    if index.size and index.shape[axis] == 1 < w.shape(u)[axis]:
        # It is the maximum, whose kinks lie on one set with those of another maximum of the same entries.
        return [chosen_fold(w, u, axis, index.squeeze(axis), 1 if largest else -1, True)]
    values, index = (np.moveaxis(found, axis, -1) for found in (w.here(u), index))
    rising = -values if largest else values
    if not sorted:
        line = np.sort(rising, axis=-1)[..., : index.shape[-1] + 1]
        if np.any(line[..., 1:] == line[..., :-1]):
            w.refuse("has tied entries in no order", "use sorted=True")
    places = np.argsort(np.take_along_axis(rising, index, -1), axis=-1, kind="stable")
    order = completed(rising, np.take_along_axis(index, places, -1))
    found = ranked(w, u, axis, np.moveaxis(order, -1, axis), range(index.shape[-1]), largest)
    back = np.moveaxis(np.argsort(places, axis=-1), -1, axis)
    return [w.gather(found, along(w.shape(found), back, axis))]


def completed(values: Array, index: Array) -> Array:
    """The order along the last axis that begins with some indices; the others follow by their values."""
    rest = np.argsort(values, axis=-1, kind="stable")
    taken = np.zeros(values.shape, bool)
    np.put_along_axis(taken, index, True, -1)
    others = rest[~np.take_along_axis(taken, rest, -1)]
    return np.concatenate([index, others.reshape(*index.shape[:-1], values.shape[-1] - index.shape[-1])], -1)


def _median(w: Writer, x: Arg, /, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        return _full_median(w, x)
    count = x.shape[dim] if x.shape else 1
    return _one_ranked(w, x, dim, keepdim, (count - 1) // 2)


def _nanmedian(w: Writer, x: Arg, /, dim: int | None = None, keepdim: bool = False) -> Any:
    if bool(x.here.isnan().any()):
        w.refuse("holds NaN", "take the median of the other entries")
    return _median(w, x, dim, keepdim)


def _one_ranked(w: Writer, x: Arg, dim: int, keepdim: bool, rank: int) -> list[Any]:
    u, axis = line_of(w, x, dim)
    values, index = w.here(u), array(w.returned[1])
    line = index.reshape([1 if i == axis else size for i, size in enumerate(values.shape)])
    found = ranked(w, u, axis, with_rank(values, axis, line, rank), [rank])
    return [found if keepdim else w.reshape(found, tuple(w.record.out[0].shape))]


def with_rank(values: Array, axis: int, index: Array, rank: int) -> Array:
    """The order in which the entries with these indices, one a line, have a rank."""
    order = np.argsort(values, axis=axis, kind="stable")
    own = np.argmax(order == index, axis=axis, keepdims=True)
    here = np.full_like(own, rank)
    other = np.take_along_axis(order, here, axis)
    np.put_along_axis(order, own, other, axis)
    np.put_along_axis(order, here, index, axis)
    return order


def _full_median(w: Writer, x: Arg) -> int:
    values = array(x.here).reshape(-1)
    rank = (values.size - 1) // 2
    order = np.argsort(values, kind="stable")
    return int(w.reshape(ranked(w, w.reshape(w.node(x), (values.size,)), 0, order, [rank], evenly=True), ()))


def _cummax(sign: int) -> Rule:
    """The running maximum along an axis: one fold for every place."""

    def rule(w: Writer, x: Arg, /, dim: int) -> list[Any]:
        if not x.shape:
            return [w.node(x)]
        axis = dim % len(x.shape)
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
    "sort": _sort, "topk": _topk, "median": _median, "nanmedian": _nanmedian, "cummax": _cummax(1),
    "cummin": _cummax(-1),
    "kthvalue": lambda w, x, /, k, dim=-1, keepdim=False: _one_ranked(w, x, dim, keepdim, k - 1),
}  # fmt: skip
