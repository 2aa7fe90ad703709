"""Local derivatives as linear maps: pushed forward, pulled back, and made non-negative.

A tangent or an adjoint carries a leading axis: k of them travel together, shape (k, *shape).  Every map is one of a few
array-level kinds, so a rule of the operation table says only which map it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal.arrays import Array, times

#: Matrices with more entries are changed where they are used, and products with them may be bounded.
LARGE = 1 << 16

Shape = tuple[int, ...]
Change = Callable[[Any], Any]


class LinearMap:
    """A linear map between arrays.

    ``push`` and ``pull`` apply it and its transpose.  ``absolute`` has the absolute values of its coefficients.
    ``parts`` are non-negative maps no smaller than its positive and its negative part (None stands for zero).
    ``push_depth`` and ``pull_depth`` count the roundings that a single term can suffer.
    """

    push_depth = 0
    pull_depth = 0

    def push(self, t: Array) -> Array:
        raise NotImplementedError

    def pull(self, w: Array) -> Array:
        raise NotImplementedError

    def entrywise(self, change: Change) -> LinearMap:
        """The map with ``change`` (which keeps 0 and 1) applied to each coefficient."""
        return self

    def absolute(self) -> LinearMap:
        return self.entrywise(np.abs)

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self, None

    def signed(self, coefficients: Any) -> tuple[LinearMap | None, LinearMap | None]:
        """The parts of a map with these coefficients; NaN is in both."""
        if not np.size(coefficients):
            return None, None
        return (
            None if np.max(coefficients) <= 0 else self.entrywise(lambda a: np.maximum(a, 0)),
            None if np.min(coefficients) >= 0 else self.entrywise(lambda a: np.maximum(-a, 0)),
        )

    def norm(self) -> float:
        """A bound on the largest entry of a push, when no entry of the tangent is larger than 1."""
        return 1.0

    def pull_into(self, w: Array, total: Array) -> None:
        """Add the pull of ``w`` to ``total`` in place."""
        total += self.pull(w)

    def pull_out(self, w: Array, out: Array) -> None:
        """Write the pull of ``w`` to ``out``."""
        out[...] = self.pull(w)

    def pull_like(self, w: Array, like: Array, dtype: Any) -> Array:
        """The pull of ``w`` in an array of its own, which lies as another one does where the map can choose."""
        out = np.empty_like(like, dtype)
        self.pull_out(w, out)
        return out


@dataclass(slots=True, eq=False)
class Scale(LinearMap):
    """Entrywise multiplication by ``p``, with broadcasting from ``shape`` to ``out``."""

    p: Any
    shape: Shape
    out: Shape

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 1

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return 1 if self.shape == self.out else 1 + math.prod(self.out) // max(1, math.prod(self.shape))

    def push(self, t: Array) -> Array:
        lift = len(self.out) - len(self.shape)
        if lift:
            t = t.reshape(t.shape[:1] + (1,) * lift + self.shape)
        return t if _is_one(self.p) else np.asarray(self.p * t)

    def pull(self, w: Array) -> Array:
        return _unbroadcast(w if _is_one(self.p) else self.p * w, self.shape)

    def entrywise(self, change: Change) -> LinearMap:
        # A Python number stays one: a NumPy scalar would decide the precision of what it multiplies.
        keep = type(self.p) if isinstance(self.p, (int, float)) else np.asarray
        return Scale(keep(change(self.p)), self.shape, self.out)

    def norm(self) -> float:
        return float(max(np.max(self.p, initial=0), -np.min(self.p, initial=0)))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        if np.ndim(self.p) == 0:
            scaled = Scale(abs(self.p), self.shape, self.out)
            return (scaled, None) if self.p >= 0 else (None, scaled)
        return self.signed(self.p)


def _is_one(p: Any) -> bool:
    return isinstance(p, (float, int)) and p == 1


@dataclass(slots=True, eq=False)
class Reshape(LinearMap):
    shape: Shape
    out: Shape

    def push(self, t: Array) -> Array:
        return t.reshape(t.shape[:1] + self.out)

    def pull(self, w: Array) -> Array:
        return w.reshape(w.shape[:1] + self.shape)


@dataclass(slots=True, eq=False)
class Transpose(LinearMap):
    axes: tuple[int, ...]

    def push(self, t: Array) -> Array:
        return t.transpose((0, *(axis + 1 for axis in self.axes)))

    def pull(self, w: Array) -> Array:
        inverse = np.argsort(self.axes)
        return w.transpose((0, *(int(axis) + 1 for axis in inverse)))


@dataclass(slots=True, eq=False)
class Index(LinearMap):
    """Basic indexing: integers, slices, None; no entry is taken twice."""

    key: tuple[Any, ...]
    shape: Shape

    def push(self, t: Array) -> Array:
        return np.asarray(t[(slice(None), *self.key)])

    def pull(self, w: Array) -> Array:
        total = np.zeros(w.shape[:1] + self.shape, w.dtype)
        self.pull_into(w, total)
        return total

    def pull_into(self, w: Array, total: Array) -> None:
        total[(slice(None), *self.key)] += w


@dataclass(slots=True, eq=False)
class Gather(LinearMap):
    """Entry i of the result is entry ``index[i]`` of the argument, flat."""

    index: Array
    shape: Shape

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return 1 + self.index.size // max(1, math.prod(self.shape))

    def push(self, t: Array) -> Array:
        return np.asarray(t.reshape(t.shape[0], -1)[:, self.index])

    def pull(self, w: Array) -> Array:
        flat, size = self.index.ravel(), math.prod(self.shape)
        rows = w.reshape(w.shape[0], -1)
        if w.dtype == object:
            out = np.zeros((w.shape[0], size), w.dtype)
            for total, row in zip(out, rows, strict=True):
                np.add.at(total, flat, row)
        else:
            out = np.stack([np.bincount(flat, row, size) for row in rows]).astype(w.dtype, copy=False)
        return out.reshape(w.shape[:1] + self.shape)


@dataclass(slots=True, eq=False)
class Sum(LinearMap):
    axes: tuple[int, ...]
    shape: Shape
    out: Shape

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return math.prod(self.shape[axis] for axis in self.axes)

    def push(self, t: Array) -> Array:
        summed = t.sum(axis=tuple(axis + 1 for axis in self.axes))
        return np.asarray(summed).reshape(t.shape[:1] + self.out)

    def norm(self) -> float:
        return float(self.push_depth)

    def pull(self, w: Array) -> Array:
        kept = tuple(1 if axis in self.axes else size for axis, size in enumerate(self.shape))
        return np.broadcast_to(w.reshape(w.shape[:1] + kept), w.shape[:1] + self.shape)


@dataclass(slots=True, eq=False)
class CumSum(LinearMap):
    axis: int
    size: int

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return self.size

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return self.size

    def push(self, t: Array) -> Array:
        return np.cumsum(t, axis=self.axis + 1)

    def norm(self) -> float:
        return float(self.size)

    def pull(self, w: Array) -> Array:
        return np.flip(np.cumsum(np.flip(w, self.axis + 1), axis=self.axis + 1), self.axis + 1)


@dataclass(slots=True, eq=False)
class MatMul(LinearMap):
    """t -> t @ other, or other @ t; both sides have at least two axes, the leading ones broadcast."""

    other: Array
    left: bool
    shape: Shape
    out: Shape
    #: The lengths of the columns or rows that a pull multiplies with, where they were asked for.
    lengths: Array | None = field(default=None, init=False)

    @property
    def is_large(self) -> bool:
        return self.other.ndim == 2 and self.other.size > LARGE and self.other.dtype != object

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 1 + self.shape[-1 if self.left else -2]

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        inner = int(self.other.shape[-1 if self.left else -2])
        return 1 + inner * max(1, math.prod(self.out[:-2]) // max(1, math.prod(self.shape[:-2])))

    def _aligned(self, t: Array, ndim: int) -> Array:
        return t.reshape(t.shape[:1] + (1,) * (ndim + 1 - t.ndim) + t.shape[1:]) if t.ndim < ndim + 1 else t

    def push(self, t: Array) -> Array:
        t = self._aligned(t, len(self.out))
        return np.asarray(np.matmul(t, self.other)) if self.left else times(self.other, t)

    def pull(self, w: Array) -> Array:
        transposed = np.swapaxes(self.other, -1, -2)
        pulled = np.matmul(w, transposed) if self.left else times(transposed, w)
        return _unbroadcast(pulled, self.shape)

    def pull_out(self, w: Array, out: Array) -> None:
        transposed = np.swapaxes(self.other, -1, -2)
        if w.dtype == object or len(self.shape) < len(self.out) or self.shape[:-2] != self.out[:-2]:
            out[...] = self.pull(w)
        elif self.left:
            np.matmul(w, transposed, out=out)
        else:
            times(transposed, w, out)

    def norm(self) -> float:
        axis, other = -2 if self.left else -1, self.other
        # The absolute values of a large matrix are not written out.
        count = other.shape[-3 - axis]
        step = max(1, LARGE * count // max(1, other.size))
        parts = (np.moveaxis(other, -3 - axis, 0)[at : at + step] for at in range(0, count, step))
        return max((float(np.abs(part).sum(axis=-1).max(initial=0.0)) for part in parts), default=0.0)

    def entrywise(self, change: Change) -> LinearMap:
        if self.is_large:
            from absnormal.ops.large_matrices import LargeMatMul

            return LargeMatMul(self, (change,))
        return MatMul(change(self.other), self.left, self.shape, self.out)

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self.signed(self.other)


@dataclass(slots=True, eq=False)
class Einsum(LinearMap):
    """One varied operand of an einsum; ``others`` are the remaining operands with their letters."""

    letters: str
    others: tuple[tuple[str, Array], ...]
    result: str
    shape: Shape
    out: Shape

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        sizes = dict(zip(self.letters, self.shape, strict=True))
        added = math.prod(size for letter, size in sizes.items() if letter not in self.result)
        return len(self.others) + added

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        sizes = dict(zip(self.result, self.out, strict=True))
        added = math.prod(size for letter, size in sizes.items() if letter not in self.letters)
        return len(self.others) + added

    def push(self, t: Array) -> Array:
        terms = ",".join(["Z" + self.letters, *(letters for letters, _ in self.others)])
        others = (a for _, a in self.others)
        return np.asarray(np.einsum(f"{terms}->Z{self.result}", t, *others, optimize=True))

    def pull(self, w: Array) -> Array:
        known = self.result + "".join(letters for letters, _ in self.others)
        kept = "".join(letter for letter in self.letters if letter in known)
        terms = ",".join(["Z" + self.result, *(letters for letters, _ in self.others)])
        pulled = np.einsum(f"{terms}->Z{kept}", w, *(a for _, a in self.others), optimize=True)
        pairs = zip(self.letters, self.shape, strict=True)
        reshaped = [size if letter in known else 1 for letter, size in pairs]
        return np.broadcast_to(pulled.reshape(w.shape[:1] + tuple(reshaped)), w.shape[:1] + self.shape)

    def norm(self) -> float:
        unit = np.ones((1, *self.shape))
        return float(np.asarray(self.absolute().push(unit)).max(initial=0.0))

    def entrywise(self, change: Change) -> LinearMap:
        others = tuple((letters, change(array)) for letters, array in self.others)
        return Einsum(self.letters, others, self.result, self.shape, self.out)

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        if not self.others:
            return self, None
        if len(self.others) > 1:
            return self.absolute(), self.absolute()
        return self.entrywise(lambda a: np.maximum(a, 0)), self.entrywise(lambda a: np.maximum(-a, 0))


@dataclass(slots=True, eq=False)
class Chain(LinearMap):
    """``second`` after ``first``."""

    first: LinearMap
    second: LinearMap

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return self.first.push_depth + self.second.push_depth

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return self.first.pull_depth + self.second.pull_depth

    def push(self, t: Array) -> Array:
        return self.second.push(self.first.push(t))

    def pull(self, w: Array) -> Array:
        return self.first.pull(self.second.pull(w))

    def pull_out(self, w: Array, out: Array) -> None:
        self.first.pull_out(self.second.pull(w), out)

    def norm(self) -> float:
        return self.first.norm() * self.second.norm()

    def entrywise(self, change: Change) -> LinearMap:
        return Chain(self.first.entrywise(change), self.second.entrywise(change))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        first, second = self.first.parts(), self.second.parts()
        if first[1] is not None and second[1] is not None:
            return self.absolute(), self.absolute()
        pairs = [(p, second[0]) for p in first] if second[1] is None else [(first[0], p) for p in second]
        positive, negative = (None if p is None or q is None else Chain(p, q) for p, q in pairs)
        return positive, negative


def _unbroadcast(w: Array, shape: Shape) -> Array:
    """Sum the axes of ``w`` (after the first) that broadcasting made."""
    if w.shape[1:] == shape:
        return w
    lift = w.ndim - 1 - len(shape)
    axes = [*range(1, lift + 1)]
    axes += [lift + 1 + i for i, size in enumerate(shape) if size == 1 and w.shape[lift + 1 + i] != 1]
    return np.asarray(w.sum(axis=tuple(axes))).reshape(w.shape[:1] + shape)
