"""Comparisons of traced arrays: decided and kept as guards if not tied, otherwise left to np.where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.checks import RAISES, only_checked
from absnormal.frontends.user_line import caller, is_user
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source
from absnormal.program.program import RELATIONS

#: The functions that only move entries of their first argument.
_MOVING = {
    np.reshape, np.ravel, np.squeeze, np.expand_dims, np.transpose, np.swapaxes, np.moveaxis, np.broadcast_to,
    np.repeat, np.tile, np.flip, np.roll,
}
#: The methods that only move entries.
_MOVES = frozenset({"reshape", "ravel", "flatten", "squeeze", "transpose", "swapaxes"})


def is_check(builder: Builder) -> bool:
    """Whether the user's line only checks a condition, which the reader is told."""
    if not only_checked(sys._getframe(1), is_user, "run_followed"):
        return False
    builder.checks.setdefault(RAISES.format(caller()), None)
    return True


class TracedMask(NDArrayOperatorsMixin):
    """A comparison of traced arrays, not yet decided where tied; ``fixed`` once it was changed in place."""

    __slots__ = ("builder", "fixed", "left", "relation", "right", "source")
    __array_priority__ = 1001

    def __init__(self, builder: Builder, left: int, relation: str, right: int, source: Source | None) -> None:
        self.builder, self.left, self.relation, self.right, self.source = (builder, left, relation, right, source)
        self.fixed: Array | None = None

    @property
    def tied(self) -> Any:
        """Where the sides are equal and the outcome jumps; nowhere in a line that only checks it."""
        tied = self.builder.tied(self.left, self.right, self.relation) if self._may_tie else False
        return tied if not np.any(tied) or not is_check(self.builder) else np.zeros_like(tied)

    @property
    def _may_tie(self) -> bool:
        nodes = self.builder.nodes
        moves = nodes[self.left].varied or nodes[self.right].varied
        return self.fixed is None and self.left != self.right and moves and not self.builder.as_tool

    def _rule(self, which: int) -> Any:
        return RELATIONS[self.relation][which](self.builder.values[self.left], self.builder.values[self.right])

    @property
    def touches(self) -> bool:
        """Whether the sides are equal anywhere, be it that the outcome is constant near the point all the same."""
        return self._may_tie and bool(np.any(self._rule(1)))

    @property
    def outcome(self) -> Any:
        return self._rule(0) if self.fixed is None else self.fixed

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.outcome)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.size(self.outcome))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(bool)

    def refuse(self, problem: str, fix: str) -> NoReturn:
        name, source = self.builder.user or (f"comparison {self.relation}", caller())
        raise TraceError(name, problem, fix, source)

    def same(self, other: TracedMask) -> bool:
        """Whether another mask is this comparison, made once more."""
        if self is other:
            return True
        affine = self.builder.affine
        alike = self.relation == other.relation and self.shape == other.shape and self.fixed is other.fixed is None
        return alike and affine.difference(self.left, self.right) == affine.difference(other.left, other.right)

    def concrete(self) -> Any:
        """The outcome as a constant; kept as a guard.  A tie is an error."""
        if self.fixed is not None:
            return self.fixed
        if self.builder.as_tool:
            return self.outcome
        self.builder.decides(self.left, self.right)
        if np.any(self.tied):
            self.refuse(
                "the two sides are equal at this point, so the branch is not constant near it",
                "write the kink with np.maximum, np.minimum, np.abs or np.where(u > 0, a, b)",
            )
        outcome = self.outcome
        if self.left != self.right:
            operation = f"comparison {self.relation}"
            self.builder.keep(self.left, self.right, self.relation, outcome, operation, self.source)
        return outcome

    def outside(self, tied: Array) -> Any:
        """The outcome, kept as a guard where it is not ``tied``."""
        if not tied.any():
            return self.concrete()
        rest = np.flatnonzero(~tied)
        left, right = (_entries(self, side, rest) for side in (self.left, self.right))
        TracedMask(self.builder, left.index, self.relation, right.index, self.source).concrete()
        return self.outcome

    def moved(self, move: Callable[[Any], Any]) -> TracedMask:
        """The comparison of both sides after the same movement of their entries."""
        from absnormal.frontends.numpy.traced import TracedArray

        sides = (TracedArray(self.builder, side) for side in (self.left, self.right))
        left, right = (move(np.broadcast_to(side, self.shape)) for side in sides)
        return TracedMask(self.builder, left.index, self.relation, right.index, self.source)

    def __bool__(self) -> bool:
        return bool(self.concrete())

    def __int__(self) -> int:
        return int(self.concrete())

    def __float__(self) -> float:
        return float(self.concrete())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.asarray(self.concrete(), dtype=dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter(self.concrete())

    def __getitem__(self, key: Any) -> Any:
        return self.moved(lambda u: u[key]) if np.any(self.tied) else self.concrete()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.fixed = np.array(self.concrete())
        self.fixed[key] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _MOVES and np.any(self.tied):
            return lambda *args, **kwargs: self.moved(lambda u: getattr(u, name)(*args, **kwargs))
        if name in ("all", "any") and np.any(self.tied):
            return lambda *args, **kwargs: _over_entries(self, name, *args, **kwargs)
        return getattr(numbers(self), name)

    @property
    def T(self) -> Any:
        return self.moved(lambda u: u.T) if np.any(self.tied) else self.concrete().T

    def __invert__(self) -> Any:
        if self.fixed is not None:
            return ~self.fixed
        opposite = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}[self.relation]
        return TracedMask(self.builder, self.left, opposite, self.right, self.source)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        from absnormal.frontends.numpy.held import taken

        inputs = taken(inputs)
        if ufunc is np.multiply and method == "__call__":
            return multiplied(*inputs)
        if ufunc in (np.logical_not, np.invert) and method == "__call__":
            return ~self
        if out is None and any(isinstance(item, TracedMask) and np.any(item.tied) for item in inputs):
            return getattr(ufunc, method)(*numbers(inputs), **concrete(kwargs))
        if out is not None and not isinstance(out[0], TracedMask):
            return getattr(ufunc, method)(*concrete(inputs), out=out, **concrete(kwargs))
        result = getattr(ufunc, method)(*concrete(inputs), **concrete(kwargs))
        if out is None:
            return result
        if out[0].ndim:
            out[0].fixed = np.asarray(result)
        return out[0] if out[0].ndim else result

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from absnormal.frontends.numpy.functions import KINKS_OF_MASKS, apply_function
        from absnormal.frontends.numpy.held import held, taken

        args, kwargs = taken(args), {key: taken(item) for key, item in kwargs.items()}
        if func in KINKS_OF_MASKS:
            return held(apply_function(self, func, args, kwargs), args)
        if func in _MOVING and args and args[0] is self and np.any(self.tied):
            return self.moved(lambda u: func(u, *args[1:], **kwargs))
        if func in (np.all, np.any) and args and args[0] is self and np.any(self.tied):
            return _over_entries(self, func.__name__, *args[1:], **kwargs)
        return func(*numbers(args), **concrete(kwargs))


def _over_entries(mask: TracedMask, kind: str, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    from absnormal.frontends.meanings.steps import over_entries

    return over_entries(mask, kind, axis, keepdims)


def _entries(mask: TracedMask, side: int, numbers: Array) -> Any:
    """Some entries of a side of a comparison, flat."""
    from absnormal.frontends.numpy.traced import TracedArray

    return np.reshape(np.broadcast_to(TracedArray(mask.builder, side), mask.shape), -1)[numbers]  # type: ignore


def concrete(value: Any) -> Any:
    """``value`` with the comparisons in it decided."""
    if isinstance(value, TracedMask):
        return value.concrete()
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(concrete(item) for item in value)
    if type(value) is dict:
        return {key: concrete(item) for key, item in value.items()}
    return value


def numbers(value: Any) -> Any:
    """``value`` with the comparisons in it decided, those that are tied as what jumps at the point."""
    if isinstance(value, TracedMask) and np.any(value.tied):
        from absnormal.frontends.meanings.steps import as_number

        return as_number(value)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(numbers(item) for item in value)
    return concrete(value)


def multiplied(first: Any, second: Any) -> Any:
    """A comparison times a number, which is a selection: x * (x > 0)."""
    if isinstance(first, TracedMask) and isinstance(second, TracedMask):
        return numbers(first) & numbers(second)
    mask, other = (first, second) if isinstance(first, TracedMask) else (second, first)
    return np.where(mask, other, 0.0)
