"""Products with a large matrix whose coefficients are changed.

The weights of a layer fill hundreds of megabytes, and so would each change of them, which is used once.  So they are
changed some rows at a time, or some columns, whichever lie together in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array, filled, times
from absnormal.ops.linear_maps import Chain, Change, LinearMap, MatMul

#: Entries that are changed together, which stay in the caches.
_BLOCK = 1 << 16
#: What a sum of squares may have lost to underflow for each of them, and a length to rounding.
_TINY, _ROOM = float(np.finfo(float).tiny), 1 + 2.0**-20


@dataclass(slots=True, eq=False)
class Reached(LinearMap):
    """A product with a matrix, of which it is asked where it may be nonzero: the push of a pattern, which is 0 or 1, is
    some number > 0 there."""

    plain: MatMul
    change: Change

    def push(self, t: Array) -> Array:
        plain = self.plain
        if not (t == 1).all():
            return plain.entrywise(self.change).push(t)
        found = filled(plain.other, -2 if plain.left else -1).astype(float)
        return np.broadcast_to(found[..., None, :] if plain.left else found[..., None], (len(t), *plain.out))


@dataclass(slots=True, eq=False)
class LargeMatMul(LinearMap):
    """A product with a matrix, each coefficient of which has gone through ``changes``."""

    plain: MatMul
    changes: tuple[Change, ...]

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return self.plain.push_depth

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return self.plain.pull_depth

    def push(self, t: Array) -> Array:
        return self._product(t, self.plain.other)

    def pull(self, w: Array) -> Array:
        return self._product(w, self.plain.other.T)

    def entrywise(self, change: Change) -> LinearMap:
        return LargeMatMul(self.plain, (*self.changes, change))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self.entrywise(lambda a: np.maximum(a, 0)), self.entrywise(lambda a: np.maximum(-a, 0))

    def norm(self) -> float:
        matrix, shape = self.plain.other, self.plain.shape[-2:]
        ones = np.ones((1, *((1, shape[1]) if self.plain.left else (shape[0], 1))), matrix.dtype)
        return float(self.entrywise(np.abs).push(ones).max(initial=0.0))

    def _product(self, t: Array, matrix: Array) -> Array:
        """t @ the changed matrix, or the changed matrix @ t."""
        left = self.plain.left
        summed = (matrix if left else matrix.T).flags.c_contiguous
        along, made = -1 if left else -2, []
        total: Array | None = None
        for part, block in self._blocks(matrix, 0 if summed == left else 1):
            if not summed:
                made.append(np.matmul(t, block) if left else times(block, t))
                continue
            own = t[..., part] if left else t[..., part, :]
            term = np.matmul(own, block) if left else times(block, own)
            total = term if total is None else np.add(total, term, out=total)
        return np.concatenate(made, along) if total is None else total

    def _blocks(self, matrix: Array, axis: int) -> Iterator[tuple[slice, Array]]:
        """The changed matrix by rows or by columns."""
        step = max(1, _BLOCK // matrix.shape[1 - axis])
        room: Array | None = None
        for start in range(0, matrix.shape[axis], step):
            part = slice(start, start + step)
            block = matrix[part] if axis == 0 else matrix[:, part]
            # New memory for each block would take as long as what is done with it.
            room = np.empty_like(block) if room is None else room[tuple(map(slice, block.shape))]
            for change in self.changes:
                block = change(block, out=room) if isinstance(change, np.ufunc) else change(block)
            yield part, block


def is_bounded(linear: LinearMap) -> bool:
    """Whether bounds on its pulls cost less than these: those of a large matrix, whose entries may be made positive."""
    if isinstance(linear, Chain):
        return is_bounded(linear.first) or is_bounded(linear.second)
    plain = linear.plain if isinstance(linear, LargeMatMul) and linear.changes == (np.abs,) else linear
    return isinstance(plain, MatMul) and plain.is_large and plain.other.dtype == np.float64


def pulled_at_most(linear: LinearMap, w: Array, each: bool = True) -> Array:
    """Bounds on the absolute values of the entries of a pull: for a large matrix those of Cauchy and Schwarz, from the
    lengths of its columns, or rows, and of those of ``w``.  Without ``each`` the largest one need alone be there."""
    if isinstance(linear, Chain):
        first, second = linear.first, linear.second
        if first.pull_depth:
            return pulled_at_most(first, second.pull(w), each)
        # What adds nothing moves entries.
        return first.pull(pulled_at_most(second, w)) if each else pulled_at_most(second, w, each)
    if w.dtype != np.float64 or not is_bounded(linear):
        return np.asarray(np.abs(linear.pull(w)))
    plain = linear.plain if isinstance(linear, LargeMatMul) else linear
    assert isinstance(plain, MatMul)
    axis = -1 if plain.left else -2
    if plain.lengths is None:
        plain.lengths = _lengths(plain.other, axis)
    ours = plain.lengths if plain.left else plain.lengths[:, None]
    theirs = np.expand_dims(_lengths(w, axis), axis)
    return np.asarray(ours * theirs if each else ours.max() * theirs.max())


def _lengths(a: Array, axis: int) -> Array:
    """The lengths along an axis, or a little more: squares may underflow."""
    squares = np.einsum("...ij,...ij->...i" if axis == -1 else "...ij,...ij->...j", a, a)
    return np.asarray(_ROOM * np.sqrt(squares + _TINY * a.shape[axis]))
