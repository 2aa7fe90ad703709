"""Appending operations to the program that a traced array belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.terms import Shape, Terms
from absnormal.frontends.ties.names import known
from absnormal.frontends.user_line import caller
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source
from absnormal.program.program import RELATIONS


def without_rules(
    tool: str, what: str, missing: Mapping[Any, Source | None], refused: Mapping[Any, tuple[str, str]],
    name: Callable[[Any], str], called: Callable[[Any], str], fix: str,
) -> TraceError:
    """The error for operations of a framework without a rule, each with the line of its first use, and why it has none.

    ``name`` is what the framework names one, ``called`` what a person calls it.
    """
    first, source = next(iter(missing.items()))
    if len(missing) == 1 and first in refused:
        return TraceError(called(first), *refused[first], source)
    where = ", ".join(sorted(
        f"{name(one)} at {line}" + (f" ({refused[one][0]})" if one in refused else "")
        for one, line in missing.items()))
    return TraceError(tool, f"no rule for {len(missing)} {what}(s): {where}", fix, source)


class Writer(Terms[Any]):
    """Appends the operations that one user operation needs, all with its name and line."""

    __slots__ = ("builder", "operation", "source")

    def __init__(self, builder: Builder, operation: str, source: Source | None) -> None:
        self.builder, self.operation, self.source = builder, operation, source

    def refuse(self, problem: str, fix: str) -> NoReturn:
        raise TraceError(self.operation, problem, fix, self.source)

    def node(self, value: Any) -> int:
        """The node of a traced array, or of a constant."""
        if getattr(type(value), "holds_variables", False):
            from absnormal.frontends.numpy.held import taken

            value = taken(value)
        if isinstance(value, TracedMask):
            value = value.concrete()
        if isinstance(value, Either):
            value.refuse()
        if isinstance(value, TracedArray):
            if value.builder is not self.builder:
                self.refuse("a variable of another trace is used", "use the argument of f, not one kept from before")
            return value.index
        # As it is: the builder knows large arrays by their identity.
        constant = value if type(value) is np.ndarray and value.dtype == np.float64 else self.constant(value)
        index = self.builder.constant(constant, self.source)
        if index in self.builder.faults and np.isnan(constant).any():
            self.builder.faults[index] = DomainError(self.operation, "a constant holds NaN", self.source)
        return index

    def constant(self, value: Any) -> Array:
        """``value`` as a plain real array."""
        if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
            from absnormal.frontends.numpy.held import Held, taken

            value = taken(value) if isinstance(value, Held) else value
        if isinstance(value, TracedArray):
            self.refuse("an array holds variables", "pass numbers")
        if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
            self.refuse(f"{type(value).__name__} has operators of its own", "convert it first with np.asarray(a)")
        if hasattr(value, "toarray"):
            self.refuse("a sparse matrix is not supported", "use A.toarray() @ x")
        if first_traced(value) is not None:
            self.refuse("a list holds variables", "make it an array with np.stack([...])")
        try:
            constant = np.asarray(value)
        except ValueError:
            constant = np.asarray(None)
        if constant.dtype.kind not in "fiub":
            self.refuse(f"an argument of type {type(value).__name__} is not a real array", "pass real numbers")
        constant = constant.astype(float)
        return constant

    def array(self, value: Any) -> TracedArray:
        """``value`` as a traced array; a list of variables is stacked."""
        if isinstance(value, TracedArray) and value.builder is self.builder:
            return value
        if isinstance(value, (list, tuple)) and first_traced(value) is not None:
            return np.stack([self.array(item) for item in value])  # type: ignore[return-value]
        return TracedArray(self.builder, self.node(value))

    def op(
        self, op: str, *args: Any, tie: str = "", share: TracedArray | None = None, given: Any = None, **params: Any
    ) -> TracedArray:
        """Append one operation; ``share`` is the array that the result is a view of, ``given`` its value where a
        framework computed it."""
        assert known(tie), f"{tie!r} is in no table of slopes; see absnormal.frontends.ties.names"
        nodes = tuple(self.array(arg).index for arg in args)
        index = self.builder.add(op, nodes, params, self.operation, self.source, tie, given)
        return TracedArray(self.builder, index, share, share is None, None if share is None else (op, params))

    def shape(self, u: Any) -> Shape:
        return np.shape(u)

    def reshape(self, u: Any, shape: Sequence[int]) -> Any:
        """A constant stays one."""
        return super().reshape(u, shape) if isinstance(u, TracedArray) else np.reshape(u, shape)

    def extremum(self, u: Any, v: Any, sign: int, tie: str) -> Any:
        """A constant that is no bound at all (-inf for a max) becomes u - sign."""
        if not isinstance(v, TracedArray):
            v = self._bound(u, v, sign)
        elif not isinstance(u, TracedArray):
            u = self._bound(v, u, sign)
        return super().extremum(u, v, sign, tie)

    def _bound(self, u: Any, bound: Any, sign: int) -> Any:
        values = self.constant(bound)
        open_ended = sign * values == -np.inf
        return np.where(open_ended, u - sign, np.where(open_ended, 0.0, values)) if open_ended.any() else bound

    def constant_piece(self, relation: str, u: Any) -> Any:
        """The value of a locally constant operation, with a guard; where it jumps at this point, both sides."""
        traced = self.array(u)
        outcome = RELATIONS[relation][0](traced.value, traced.value)
        if self.builder.as_tool:
            return np.asarray(outcome, dtype=None if relation.startswith("arg") else float)
        if self.builder.tied(traced.index, traced.index, relation).any():
            if relation.startswith("arg"):
                from absnormal.frontends.meanings.places import along_last

                return along_last(self, traced, relation, np.asarray(outcome))
            from absnormal.frontends.meanings.steps import stepped

            return stepped(self, traced, relation)
        self.builder.keep(traced.index, traced.index, relation, outcome, self.operation, self.source)
        # Integers also where the entries are Fractions.
        return np.asarray(outcome, dtype=float) if traced.value.dtype == object else np.asarray(outcome)

    def reduced(self, u: TracedArray, axis: Any, keepdims: Any) -> tuple[TracedArray, bool, tuple[int, ...]]:
        """u with the reduced axes in front as one, whether it has any, and the shape after the reduction."""
        axes = axes_of(axis, u.ndim)
        if any(u.shape[i] == 0 for i in axes):
            raise ValueError(f"{self.operation} of an empty array")
        kept = [1 if i in axes else size for i, size in enumerate(u.shape)]
        shape = tuple(size for i, size in enumerate(kept) if keepdims or i not in axes)
        return self.fronted(u, axes), bool(axes), shape


def writer_of(value: Any, operation: str) -> Writer:
    """A writer for the program of the first traced array in ``value``.

    What one of NumPy's functions is written in keeps the name of that function, and its line.

    Raises
    ------
    TraceError
        where there is none: the variables are in other arguments
    """
    found = first_traced(value)
    if found is None:
        raise TraceError(
            operation, "has variables in an argument that it takes as a constant", "keep that argument constant",
            caller(),
        )
    return Writer(found.builder, *(found.builder.user or (operation, caller())))


def named(builder: Builder, operation: str, rule: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
    """``rule(*args, **kwargs)``, with all that it writes under one name and line."""
    if builder.user is not None:
        return rule(*args, **kwargs)
    builder.user = operation, caller()
    try:
        return rule(*args, **kwargs)
    finally:
        builder.user = None


def first_traced(value: Any) -> Any:
    """A variable in nested lists; None where there is none."""
    if isinstance(value, (TracedArray, TracedMask, Either)):
        return value
    if isinstance(value, (list, tuple)):
        for item in value:
            found = first_traced(item)
            if found is not None:
                return found
    return None


def in_words(error: TraceError, named: Callable[[str], str]) -> TraceError:
    """An error whose advice is in NumPy's functions, as the meanings are, in those of another library."""
    fix = re.sub(r"\bnp\.(\w+)", lambda found: named(found[1]), error.fix)
    return type(error)(error.operation, error.problem, fix, error.source)


def axis_of(axis: Any, ndim: int) -> int:
    """One axis as a non-negative number."""
    number = int(axis)
    if not -ndim <= number < ndim:
        raise np.exceptions.AxisError(number, ndim)
    return number % ndim


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as non-negative numbers; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(item, ndim) for item in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(set(axes)) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes
