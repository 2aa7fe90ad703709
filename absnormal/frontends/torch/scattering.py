"""Rules for operations that put, add or combine values into the entries of a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import added, along, replaced
from absnormal.frontends.meanings.scattering import EXTREMA, combined
from absnormal.frontends.torch.probe import splits_beside, splits_evenly
from absnormal.frontends.torch.shapes import in_memory, indexed, key, lines, torch_masked
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered

#: What torch calls ways to combine values, in several operations.
_KINDS = {"add": "sum", "multiply": "prod"}


def _put(w: Writer, u: int, where: Array, values: int, accumulate: bool) -> int:
    return (added if accumulate else replaced)(w, u, where, values)


def _combined(w: Writer, x: Arg, where: Array, values: int, kind: str, own: bool, kernel: str) -> int:
    """Values combined into the entries that they are sent to; the ties of extrema are split evenly."""
    if kind in EXTREMA and not splits_evenly(f"{kernel}.{kind}", w.dtype):
        w.refuse("does not split ties evenly on this version", "use max(dim) over rows of equal length")
    if kind in EXTREMA and not own and _beside(w, x, where) and not splits_beside(f"{kernel}.{kind}", w.dtype):
        w.others.append(f"{w.operation} at {w.source}, which gives a share to the entries that include_self=False"
                        " leaves out, as they equal the result")
    return combined(w, w.node(x), where, values, kind, own, "even")


def _beside(w: Writer, x: Arg, where: Array) -> bool:
    """Whether an entry that does not count equals what is combined in its place; torch may count it as a tie."""
    reached = np.unique(where[where >= 0])
    same = array(x.here).reshape(-1)[reached] == array(w.returned[0]).reshape(-1)[reached]
    return bool(same.any())


def _index_put(w: Writer, x: Arg, indices: Sequence[Any], values: Any, /, accumulate: bool = False) -> int:
    where = indexed(numbered(x.shape), indices)
    return _put(w, w.node(x), where, w.broadcast(w.node(values), where.shape), accumulate)


def _sent(w: Writer, x: Arg, dim: int, index: Arg, src: Arg | None, value: float = 0) -> tuple[Array, int]:
    """Where an index along an axis sends values, and these: the entries of ``src`` beside the index, or one number."""
    where = along(x.shape, index.tensor.cpu().numpy(), dim)
    values = w.node(value) if src is None else src.node
    if src is not None and src.shape != where.shape and src.shape:
        values = w.index(values, tuple(slice(0, size) for size in where.shape))
    return where, w.broadcast(values, where.shape)


def _scatter(
    w: Writer, x: Arg, /, dim: int, index: Arg, src: Arg | None = None, value: float = 0, reduce: str | None = None
) -> int:
    where, values = _sent(w, x, dim, index, src, value)
    if reduce is None:
        return replaced(w, w.node(x), where, values)
    return combined(w, w.node(x), where, values, _KINDS[reduce])


def _scatter_reduce(
    w: Writer, x: Arg, /, dim: int, index: Arg, src: Arg, reduce: str, include_self: bool = True
) -> int:
    return _combined(w, x, *_sent(w, x, dim, index, src), reduce, include_self, "scatter_reduce")


def _index_reduce(
    w: Writer, x: Arg, /, dim: int, index: Arg, source: Arg, reduce: str, include_self: bool = True
) -> int:
    return _combined(w, x, lines(x, dim, index), source.node, reduce, include_self, "index_reduce")


def _index_fill(w: Writer, x: Arg, /, dim: int, index: Arg, value: Any) -> int:
    where = lines(x, dim, index)
    return replaced(w, w.node(x), where, w.broadcast(w.node(value), where.shape))


def _put_flat(w: Writer, x: Arg, /, index: Arg, source: Arg, accumulate: bool = False) -> int:
    """Values for the entries with these numbers."""
    where = index.tensor.cpu().numpy() % math.prod(x.shape) if x.shape else np.zeros(index.shape, int)
    return _put(w, w.node(x), where, source.node, accumulate)


def _masked_scatter(w: Writer, x: Arg, mask: Arg, source: Arg, /) -> int:
    """The first entries of the source, one after the other, where a mask holds."""
    shape = tuple(w.record.out.shape)
    where = numbered(shape)[np.broadcast_to(mask.array.astype(bool), shape)]
    values = w.index(w.reshape(source.node, (-1,)), (slice(0, where.size),))
    return replaced(w, w.broadcast(w.node(x), shape), where, values)


def _slice_scatter(
    w: Writer, x: Arg, source: Arg, /, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> int:
    return replaced(w, w.node(x), numbered(x.shape)[key(x, dim, slice(start, end, step))], source.node)


def _as_strided_scatter(
    w: Writer, x: Arg, source: Arg, /, size: Sequence[int], stride: Sequence[int], storage_offset: Any = None
) -> int:
    where = in_memory(x, size, stride, storage_offset)
    if (where < 0).any() or len(np.unique(where)) < where.size:
        w.refuse("writes to memory around the tensor, or twice to an entry", "use index_put or scatter")
    return replaced(w, w.node(x), where, source.node)


def _masked_put(w: Writer, x: Arg, mask: Arg, indices: Sequence[Any], values: Any, /) -> int:
    """Values added to entries, where a mask holds."""
    places = numbered(x.shape)
    where = torch_masked(places, mask, indices)
    kept = np.where(np.broadcast_to(mask.array.astype(bool), where.shape), where, -1)
    return added(w, w.node(x), kept, w.broadcast(w.node(values), where.shape))


def _segment_reduce(
    w: Writer, data: Arg, /, reduce: str, lengths: Arg | None = None, offsets: Arg | None = None, axis: int = 0,
    initial: float | None = None,
) -> int:
    """Runs of entries along an axis, one after the other, combined; ``initial`` counts as one more entry."""
    if axis != 0 and len(data.shape) > 1:
        w.refuse("combines along another axis than the first", "transpose the data")
    if lengths is not None:
        counts = lengths.array.astype(int)
    else:
        assert offsets is not None
        counts = np.diff(offsets.array.astype(int))
    if counts.ndim > 1 or (counts == 0).any() or initial is not None:
        w.refuse("has segments without entries, rows of segments, or an initial value", "use scatter_reduce")
    rest = data.shape[1:]
    run = np.repeat(np.arange(len(counts)), counts)
    where = run.reshape(-1, *([1] * len(rest))) * math.prod(rest) + numbered(rest)
    kept = w.index(data.node, (slice(0, len(run)),))
    start = w.constant(np.zeros((len(counts), *rest)))
    kind = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    tie: Any = "even" if kind not in EXTREMA or splits_evenly(f"segment_reduce.{kind}", w.dtype) else None
    if tie is None:
        w.refuse("does not split ties evenly on this version", "use scatter_reduce")
    return combined(w, start, where, kept, kind, False, tie)


RULES: dict[str, Rule] = {
    "index_put": _index_put, "_index_put_impl": _index_put, "_unsafe_index_put": _index_put, "scatter": _scatter,
    "scatter_reduce": _scatter_reduce, "index_reduce": _index_reduce, "index_fill": _index_fill, "put": _put_flat,
    "masked_scatter": _masked_scatter, "slice_scatter": _slice_scatter, "as_strided_scatter": _as_strided_scatter,
    "_unsafe_masked_index_put_accumulate": _masked_put, "segment_reduce": _segment_reduce,
    "select_scatter": lambda w, x, source, /, dim, index: replaced(
        w, w.node(x), numbered(x.shape)[key(x, dim, index)], source.node),
    "diagonal_scatter": lambda w, x, source, /, offset=0, dim1=0, dim2=1: replaced(
        w, w.node(x), np.diagonal(numbered(x.shape), offset, dim1, dim2), source.node),
    "index_add": lambda w, x, /, dim, index, source, alpha=1: added(
        w, w.node(x), lines(x, dim, index), w.scaled(source.node, alpha)),
    "scatter_add": lambda w, x, /, dim, index, src: added(w, w.node(x), *_sent(w, x, dim, index, src)),
    "index_copy": lambda w, x, /, dim, index, source: replaced(w, w.node(x), lines(x, dim, index), source.node),
}  # fmt: skip
