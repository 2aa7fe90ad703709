"""Appending operations to the program that a traced array belongs to."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.numpy import TracedArray, TracedMask, caller
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source


class Writer:
    """Appends the operations that one user operation needs, all with its name and line."""

    __slots__ = ("builder", "operation", "source")

    def __init__(self, builder: Builder, operation: str, source: Source | None) -> None:
        self.builder, self.operation, self.source = builder, operation, source

    def refuse(self, problem: str, mend: str) -> NoReturn:
        raise TraceError(self.operation, problem, mend, self.source)

    def node(self, value: Any) -> int:
        """The node of a traced array, or of a constant."""
        if isinstance(value, TracedArray):
            return value.index
        if isinstance(value, TracedMask):
            value = value.concrete()
        try:
            constant = np.asarray(value)
            constant = constant.astype(float) if constant.dtype.kind in "fiub" else constant
        except (TypeError, ValueError):
            constant = np.asarray(None)
        if constant.dtype.kind != "f":
            self.refuse(
                f"an argument of type {type(value).__name__} is not a real array",
                "pass real numbers, and np.stack([...]) in place of a list of variables",
            )
        return self.builder.constant(constant, self.source)

    def array(self, value: Any) -> TracedArray:
        """``value`` as a traced array; a list of variables is stacked."""
        if isinstance(value, TracedArray):
            return value
        if isinstance(value, (list, tuple)) and any(isinstance(item, TracedArray) for item in value):
            return np.stack(value)  # type: ignore[return-value]
        return TracedArray(self.builder, self.node(value))

    def op(self, op: str, *args: Any, tie: str = "", share: TracedArray | None = None, **params: Any) -> Any:
        """Append one operation; ``share`` is the array that the result is a view of."""
        nodes = tuple(self.array(arg).index for arg in args)
        index = self.builder.add(op, nodes, params, self.operation, self.source, tie)
        if share is None:
            return TracedArray(self.builder, index)
        share.shared[0] = True
        return TracedArray(self.builder, index, share.shared)

    def fresh(self, u: TracedArray) -> TracedArray:
        """A copy: the same node, no view."""
        return TracedArray(self.builder, u.index)

    def constant_piece(self, relation: str, u: Any) -> Array:
        """The value of a locally constant operation, with a guard; a jump at this point is an error."""
        traced = self.array(u)
        mask = TracedMask(self.builder, traced.index, relation, traced.index, self.source)
        if np.any(mask.tied):
            self.refuse(
                "jumps at this point",
                "move the point off the jump" if not relation.startswith("arg") else "use np.max, np.min or np.sort",
            )
        outcome = mask.outcome
        self.builder.guard(traced.index, traced.index, relation, outcome, self.operation, self.source)
        return np.asarray(outcome)

    def reduced(self, u: TracedArray, axis: Any, keepdims: Any) -> tuple[TracedArray, bool, tuple[int, ...]]:
        """u with the reduced axes in front as one, whether it has any, and the shape after the reduction."""
        axes = axes_of(axis, u.ndim)
        kept = [i for i in range(u.ndim) if i not in axes]
        count = math.prod(u.shape[i] for i in axes)
        rest = tuple(u.shape[i] for i in kept)
        if count == 0:
            raise ValueError(f"{self.operation} of an empty array")
        order = [*axes, *kept]
        moved = u if order == list(range(u.ndim)) else u.transpose(order)
        shape = tuple(1 if i in axes else size for i, size in enumerate(u.shape)) if keepdims is True else rest
        return moved.reshape((count, *rest)), bool(axes), shape


def writer_of(value: Any, operation: str) -> Writer:
    """A writer for the program of the first traced array in ``value``."""
    found = _first(value)
    if found is None:
        raise TypeError(f"{operation} was called without a variable")
    return Writer(found.builder, operation, caller())


def _first(value: Any) -> Any:
    if isinstance(value, (TracedArray, TracedMask)):
        return value
    if isinstance(value, (list, tuple)):
        for item in value:
            found = _first(item)
            if found is not None:
                return found
    return None


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as non-negative numbers; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for item in axes:
        if not -ndim <= item < ndim:
            raise np.exceptions.AxisError(int(item), ndim)
    return tuple(int(item) % ndim for item in axes)


def kink(write: Writer, u: Any, a: float, b: float, tie: str) -> Any:
    """a u + b |u|."""
    return write.op("kink", u, tie=tie, a=a, b=b)


def fold_over(write: Writer, u: Any, axis: Any, keepdims: Any, sign: int, tie: str) -> Any:
    """The maximum (minimum) over axes, pairwise from left to right."""
    u = write.array(u)
    moved, reduced, shape = write.reduced(u, axis, keepdims)
    if not reduced:
        return u
    if moved.shape[0] == 1:
        return moved.reshape(shape)
    return write.op("fold", moved, tie=tie, sign=sign).reshape(shape)
