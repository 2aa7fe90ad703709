"""What rules are written in, whatever front end they belong to: short names for operations on nodes.

A node is what `Terms.op` returns; a constant may stand wherever a node may.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from absnormal.arrays import Array

Shape = tuple[int, ...]
#: The name of a tie, by which a tool's slope at a kink is found; a front end may take slopes themselves.
Tie = Any
#: What a front end has for a node.
N = TypeVar("N")


class Terms(ABC, Generic[N]):
    """The operations of the table, and what is often written with a few of them."""

    __slots__ = ()

    @abstractmethod
    def op(self, op: str, *args: Any, tie: Tie = "", **params: Any) -> N:
        """Append one operation; ``tie`` names the kink, for the slope that a tool takes there."""

    @abstractmethod
    def constant(self, value: Any) -> Any:
        """Numbers that do not depend on the variables."""

    @abstractmethod
    def shape(self, u: Any) -> Shape:
        """The shape of a node."""

    @abstractmethod
    def refuse(self, problem: str, fix: str) -> NoReturn:
        """Raise an error that names the user's operation and line."""

    # -- movements -------------------------------------------------------------------------------------------

    def reshape(self, u: Any, shape: Sequence[int]) -> N:
        """One entry of the shape may be -1."""
        known = tuple(int(size) for size in shape)
        if -1 in known:
            rest = math.prod(self.shape(u)) // -math.prod(known)
            known = tuple(rest if size == -1 else size for size in known)
        return u if known == self.shape(u) else self.op("reshape", u, shape=known)

    def transpose(self, u: Any, axes: Sequence[int]) -> N:
        order = tuple(int(axis) for axis in axes)
        return u if order == tuple(range(len(order))) else self.op("transpose", u, axes=order)

    def swap(self, u: Any, first: int, second: int) -> N:
        """Two axes interchanged."""
        axes = list(range(len(self.shape(u))))
        axes[first], axes[second] = axes[second], axes[first]
        return self.transpose(u, axes)

    def fronted(self, u: Any, axes: Sequence[int]) -> N:
        """Some axes in front, as one."""
        shape = self.shape(u)
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        moved = self.transpose(u, [*axes, *rest])
        return self.reshape(moved, (math.prod(shape[axis] for axis in axes), *(shape[axis] for axis in rest)))

    def index(self, u: Any, key: tuple[Any, ...]) -> N:
        """u[key], for numbers, slices, None and ... as keys."""
        return self.op("index", u, key=key)

    def gather(self, u: Any, index: Array) -> N:
        """Entry i of the result is entry ``index[i]`` of u, flat."""
        return self.op("gather", u, index=index)

    def broadcast(self, u: Any, shape: Sequence[int]) -> N:
        full = tuple(int(size) for size in shape)
        return u if full == self.shape(u) else self.op("broadcast", u, shape=full)

    def concatenate(self, parts: Sequence[Any], axis: int) -> N:
        return self.op("concatenate", *parts, axis=axis) if len(parts) > 1 else parts[0]

    def stack(self, parts: Sequence[Any], axis: int) -> N:
        """Parts of one shape, along a new axis."""
        shape = self.shape(parts[0])
        return self.concatenate([self.reshape(part, (*shape[:axis], 1, *shape[axis:])) for part in parts], axis)

    # -- arithmetic ------------------------------------------------------------------------------------------

    def add(self, u: Any, v: Any) -> N:
        return self.op("add", u, v)

    def sub(self, u: Any, v: Any) -> N:
        return self.op("sub", u, v)

    def mul(self, u: Any, v: Any) -> N:
        return self.op("mul", u, v)

    def div(self, u: Any, v: Any) -> N:
        return self.op("div", u, v)

    def matmul(self, u: Any, v: Any) -> N:
        return self.op("matmul", u, v)

    def scaled(self, u: Any, factor: float) -> N:
        return u if factor == 1 else self.op("mul", u, self.constant(factor))

    def shifted(self, u: Any, offset: float) -> N:
        return u if offset == 0 else self.op("add", u, self.constant(offset))

    def where(self, mask: Array, u: Any, v: Any) -> N:
        """A selection that is the same near the point."""
        shape = np.broadcast_shapes(mask.shape, self.shape(u), self.shape(v))
        return self.op("where", u, v, mask=np.broadcast_to(mask, shape))

    # -- reductions ------------------------------------------------------------------------------------------

    def sum(self, u: Any, axes: Sequence[int] | None = None, keep: bool = False) -> N:
        """The sum over axes; None: over all."""
        shape = self.shape(u)
        over = tuple(range(len(shape))) if axes is None else tuple(sorted(axis % len(shape) for axis in axes))
        kept = [1 if axis in over else size for axis, size in enumerate(shape)]
        out = tuple(size for axis, size in enumerate(kept) if keep or axis not in over)
        return self.op("sum", u, axes=over, shape=out) if over else u

    def mean(self, u: Any, axes: Sequence[int] | None = None, keep: bool = False) -> N:
        """The mean over axes; None: over all."""
        total = self.sum(u, axes, keep)
        count = math.prod(self.shape(u)) // max(1, math.prod(self.shape(total)))
        return self.div(total, self.constant(float(count)))

    def logsumexp(self, u: Any, axes: Sequence[int], keep: bool = False) -> N:
        """log sum exp(u) over axes."""
        shape = self.shape(u)
        over = tuple(axis % len(shape) for axis in axes)
        result = self.op("logsumexp", u, axes=over)
        return result if keep else self.reshape(result, [s for axis, s in enumerate(shape) if axis not in over])

    # -- kinks -----------------------------------------------------------------------------------------------

    def kink(self, u: Any, a: float, b: float, tie: Tie) -> N:
        """a u + b |u|."""
        return self.op("kink", u, tie=tie, a=a, b=b)

    def relu(self, u: Any, tie: Tie = "relu") -> N:
        """max(u, 0)."""
        return self.kink(u, 0.5, 0.5, tie)

    def extremum(self, u: Any, v: Any, sign: int, tie: Tie) -> N:
        """max(u, v) where the sign is 1, min(u, v) where it is -1."""
        return self.op("max", u, v, tie=tie, sign=sign)

    def fold(self, u: Any, sign: int, tie: Tie) -> N:
        """The largest (sign 1) or smallest (-1) entry along the first axis."""
        if self.shape(u)[0] == 1:
            return self.reshape(u, self.shape(u)[1:])
        return self.op("fold", u, tie=tie, sign=sign)
