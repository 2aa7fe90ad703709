"""Rules for operations that move entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import along, moved, padded, replaced
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered


def _view(w: Writer, x: Arg, /) -> int:
    """The shape is that of the result."""
    return w.reshape(w.node(x), tuple(w.record.out.shape))


def _transpose(w: Writer, x: Arg, /, dim0: int, dim1: int) -> int:
    return w.swap(w.node(x), dim0 % len(x.shape), dim1 % len(x.shape)) if x.shape else w.node(x)


def key(x: Arg, dim: int, item: Any) -> tuple[Any, ...]:
    return (*((slice(None),) * (dim % len(x.shape))), item)


def _select(w: Writer, x: Arg, /, dim: int, index: Any) -> int:
    # The index is a tensor where an entry was looked up by one number.
    return w.index(w.node(x), key(x, dim, int(index.here) if isinstance(index, Arg) else index))


def _slice(w: Writer, x: Arg, /, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> int:
    return w.index(w.node(x), key(x, dim, slice(start, end, step)))


def _narrow(w: Writer, x: Arg, /, dim: int, start: int, length: int) -> int:
    first = start + x.shape[dim] if start < 0 else start
    return w.index(w.node(x), key(x, dim, slice(first, first + length)))


def _split(w: Writer, x: Arg, /, dim: int = 0) -> list[int]:
    """The sizes are those of the results."""
    found, start = [], 0
    for out in w.record.out:
        stop = start + out.shape[dim]
        found.append(w.index(w.node(x), key(x, dim, slice(start, stop))))
        start = stop
    return found


def _cat(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    parts = [part for part in parts if part.shape != (0,)] or parts[:1]
    return w.concatenate([part.node for part in parts], dim % len(parts[0].shape))


def _stack(w: Writer, parts: Sequence[Arg], /, dim: int = 0) -> int:
    return w.stack([part.node for part in parts], dim % (len(parts[0].shape) + 1))


def _expand(w: Writer, x: Arg, /) -> int:
    """The shape is that of the result."""
    return w.broadcast(w.node(x), tuple(w.record.out.shape))


def _by_places(w: Writer, x: Arg, /, *args: Any, **kwargs: Any) -> int:
    """The operation itself moves the numbers of the entries."""
    plain = [arg.tensor if isinstance(arg, Arg) else arg for arg in args]

    def move(places: Array) -> Array:
        return np.asarray(w.record.func(torch.from_numpy(places), *plain, **kwargs).numpy())

    return moved(w, w.node(x), move)


def _in_memory(w: Writer, x: Arg, /, size: Sequence[int], stride: Sequence[int], storage_offset: Any = None) -> int:
    """Entries by where they lie in memory, of which the tensor must be the whole."""
    found = in_memory(x, size, stride, storage_offset)
    if (found < 0).any():
        w.refuse("reads memory around the tensor", "use reshape, index or gather")
    return w.gather(w.node(x), found)


def in_memory(x: Arg, size: Sequence[int], stride: Sequence[int], offset: Any) -> Array:
    """The numbers of the entries of a tensor that lie at these places of its memory, -1 for none."""
    given = x.here
    places = torch.full((given.untyped_storage().nbytes() // given.element_size(),), -1)
    mine = places.as_strided(given.shape, given.stride(), given.storage_offset())
    mine.copy_(torch.arange(given.numel()).reshape(given.shape))
    found = places.as_strided(size, stride, given.storage_offset() if offset is None else offset)
    return np.asarray(found.numpy())


def _block_diagonal(w: Writer, parts: Sequence[Arg], /) -> int:
    """Matrices, rows and numbers, each below and to the right of those before it."""
    nodes = [w.reshape(part.node, (1,) * (2 - len(part.shape)) + part.shape) for part in parts]
    width, start, rows = sum(w.shape(u)[1] for u in nodes), 0, []
    for u in nodes:
        count, own = w.shape(u)
        rows.append(padded(w, u, [(0, 0), (start, width - start - own)]))
        start += own
        assert count == w.shape(rows[-1])[0]
    return w.concatenate(rows, 0)


def _index(w: Writer, x: Arg, indices: Sequence[Any], /) -> int:
    return moved(w, w.node(x), lambda places: indexed(places, indices))


def indexed(places: Array, indices: Sequence[Any]) -> Array:
    """What torch's own indexing takes of an array."""
    keys = [None if item is None else item.tensor.cpu() for item in indices]
    return np.asarray(torch.ops.aten.index.Tensor(torch.from_numpy(places), keys).numpy())


def _masked_index(w: Writer, x: Arg, mask: Arg, indices: Sequence[Any], fill: float, /) -> int:
    """Entries where a mask holds, and a number elsewhere."""
    found = moved(w, w.node(x), lambda places: torch_masked(places, mask, indices))
    return w.where(np.broadcast_to(mask.array.astype(bool), w.shape(found)), found, w.constant(fill))


def torch_masked(places: Array, mask: Arg, indices: Sequence[Any]) -> Array:
    """The entries that are read, and any where the mask does not hold."""
    keys = [None if item is None else item.tensor for item in indices]
    return np.asarray(torch.ops.aten._unsafe_masked_index(torch.from_numpy(places), mask.tensor, keys, 0).numpy())


def lines(x: Arg, dim: int, index: Arg) -> Array:
    """The flat places of the lines of ``x`` with these numbers."""
    return np.asarray(np.take(np.atleast_1d(numbered(x.shape)), index.tensor.cpu().numpy(), axis=dim))


def _masked_select(w: Writer, x: Arg, mask: Arg, /) -> int:
    def move(places: Array) -> Array:
        both = np.broadcast_arrays(places, mask.tensor.cpu().numpy())
        return np.asarray(both[0][both[1]])

    return moved(w, w.node(x), move)


def _pad(w: Writer, x: Arg, /, pad: Sequence[int], value: float = 0) -> int:
    """The widths are those of the last axis, then those of the one before, and so on."""
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return padded(w, w.node(x), [*[(0, 0)] * (len(x.shape) - len(widths)), *widths[::-1]], value)


def _where(w: Writer, mask: Arg, a: Any, b: Any, /) -> int:
    return w.where(mask.array.astype(bool), w.node(a), w.node(b))


def _tri(keep: Callable[..., Array]) -> Rule:
    def rule(w: Writer, x: Arg, /, diagonal: int = 0) -> int:
        mask = keep(np.ones(x.shape[-2:], bool), diagonal)
        return w.where(np.broadcast_to(mask, x.shape), w.node(x), w.constant(0.0))

    return rule


def _diag_embed(w: Writer, x: Arg, /, offset: int = 0, dim1: int = -2, dim2: int = -1) -> int:
    shape = tuple(w.record.out.shape)
    where = np.diagonal(numbered(shape), offset, dim1 % len(shape), dim2 % len(shape))
    return replaced(w, w.constant(np.zeros(shape)), where, w.node(x))


def _embedding(w: Writer, weight: Arg, index: Arg, /, padding_idx: int = -1) -> int:
    """Rows of a table; where the row of padding_idx is looked up, it is a constant, as it is for torch."""
    rows = index.tensor.cpu().numpy()
    found = moved(w, w.node(weight), lambda places: places[rows])
    padded = rows == padding_idx
    if padding_idx < 0 or not padded.any() or not w.varied(found):
        return found
    w.notes.append(f"{w.operation} at {w.source}: the row of padding_idx is held constant, as torch holds it")
    return w.where(padded[..., None], w.tensor(w.results[0]), found)


def _packed(w: Writer, x: Arg, lengths: Arg, /, batch_first: bool) -> list[Any]:
    """Rows of padded sequences, step by step, without the padding."""
    def move(places: Array) -> Array:
        packed = torch.ops.aten._pack_padded_sequence(torch.from_numpy(places), lengths.tensor, batch_first)
        return np.asarray(packed[0].numpy())

    return [moved(w, w.node(x), move), None]


RULES: dict[str, Rule] = {
    "view": _view, "_unsafe_view": _view, "reshape": _view, "_reshape_alias": _view, "squeeze": _view,
    "unsqueeze": _view, "flatten": _view, "unflatten": _view, "_reshape_copy": _view, "view_as": _view,
    "transpose": _transpose, "select": _select, "slice": _slice, "narrow": _narrow, "split": _split,
    "split_with_sizes": _split, "unsafe_split": _split, "unsafe_split_with_sizes": _split, "chunk": _split,
    "unsafe_chunk": _split, "cat": _cat, "stack": _stack, "expand": _expand, "repeat": _by_places,
    "flip": _by_places, "roll": _by_places, "unfold": _by_places, "pixel_shuffle": _by_places,
    "pixel_unshuffle": _by_places, "channel_shuffle": _by_places, "rot90": _by_places, "as_strided": _by_places,
    "take": _by_places, "native_channel_shuffle": _by_places, "replication_pad1d": _by_places,
    "replication_pad2d": _by_places, "replication_pad3d": _by_places, "reflection_pad1d": _by_places,
    "reflection_pad2d": _by_places, "reflection_pad3d": _by_places, "index": _index, "_unsafe_index": _index,
    "masked_select": _masked_select, "constant_pad_nd": _pad, "where": _where, "diagonal": _by_places,
    "tril": _tri(np.tril), "triu": _tri(np.triu), "embedding": _embedding, "diag_embed": _diag_embed,
    "block_diag": _block_diagonal, "_unsafe_masked_index": _masked_index,
    "_pack_padded_sequence": _packed,
    "gather": lambda w, x, /, dim, index: w.gather(w.node(x), along(x.shape, index.tensor.cpu().numpy(), dim)),
    "permute": lambda w, x, /, dims: w.transpose(w.node(x), [dim % len(x.shape) for dim in dims]),
    "t": lambda w, x, /: w.swap(w.node(x), 0, 1) if len(x.shape) == 2 else w.node(x),
    "unbind": lambda w, x, /, dim=0: [_select(w, x, dim, i) for i in range(x.shape[dim])],
    "index_select": lambda w, x, /, dim, index: w.gather(w.node(x), lines(x, dim, index)),
    "masked_fill": lambda w, x, mask, value, /: w.where(mask.array.astype(bool), w.node(value), w.node(x)),
}  # fmt: skip

#: Views, and the same as copies.
VIEWS = (
    "view", "expand", "permute", "t", "transpose", "squeeze", "unsqueeze", "narrow", "unbind", "split",
    "split_with_sizes", "select", "slice", "diagonal", "unfold",
)  # fmt: skip
RULES |= {f"{name}_copy": RULES[name] for name in VIEWS}
RULES |= {"as_strided_copy": _in_memory, "alias_copy": lambda w, x, /: w.node(x)}
