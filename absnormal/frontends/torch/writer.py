"""Appending nodes while a tape is lowered.  Rules see a `Writer`; arguments of operations are `Arg`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends import writing
from absnormal.frontends.terms import Terms
from absnormal.frontends.ties.names import OWN
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.probe import slope_of
from absnormal.frontends.torch.steps import geometry
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.values import array, finite, mapped
from absnormal.program.at_zero import ROOTS
from absnormal.program.builder import Builder
from absnormal.program.moves import in_order
from absnormal.program.nodes import Source

Shape = tuple[int, ...]
#: From a `Writer` and the arguments of an operation to the nodes of its results.
Rule = Callable[..., Any]
#: Slopes of a kinked node: one number, "even", or its switches' own, made when they are needed.
Slopes = float | str | Callable[[], Array]
#: What tells them: the name of a kernel, or they themselves.
Tie = Slopes


class Arg:
    """A tensor argument: a node, or a constant that becomes one when it is used."""

    __slots__ = ("_given", "_node", "_tensor", "_when", "write")

    def __init__(self, write: Writer, given: Any, when: int, node: int | None) -> None:
        self.write, self._given, self._when, self._node = write, given, when, node
        self._tensor: Any = None

    @property
    def tensor(self) -> Any:
        """The tensor as it was when the operation ran; a rule that asks for one that varies keeps to the point."""
        if self.varied:
            self.write.bound = True
        return self.here

    @property
    def here(self) -> Any:
        """The same, for what matters at the point only: a refusal, or a slope at a tie."""
        if self._tensor is None:
            self._tensor = self.write.tape.value(self._given, self._when)
        return self._tensor

    @property
    def node(self) -> int:
        if self._node is None:
            self._node = self.write.tensor(self.here)
        return self._node

    @property
    def varied(self) -> bool:
        return self._node is not None and self.write.nodes[self._node].varied

    @property
    def shape(self) -> Shape:
        return tuple(self._given.shape)

    @property
    def array(self) -> Array:
        """The values, in the precision in which they were computed."""
        return array(self.tensor)


def here(value: Any) -> Any:
    """Arguments with the tensors that they are when an operation runs."""
    return mapped(value, lambda item: item.here if isinstance(item, Arg) else item)


class Writer(Terms[int]):
    """Appends the operations that one operation of torch needs to the program."""

    def __init__(self, tape: Tape, builder: Builder) -> None:
        self.tape, self.builder = tape, builder
        self.nodes = builder.nodes
        #: Those of kinked nodes.
        self.slopes: dict[int, Slopes] = {}
        self.operation = ""
        self.source: Source | None = None
        #: The operation on the tape that is being lowered.
        self.record: Record
        #: The number of that operation.
        self.number = 0
        #: Whether a rule looked at numbers that vary, so that what it wrote holds at the point only.
        self.bound = False
        #: The places of its results that anything takes; None: all may be.
        self.taken: Collection[int] | None = None
        #: What the operation returns on another side of a jump, where it is lowered for one.
        self.elsewhere: Callable[[], list[Any]] | None = None
        #: What a reader of the verdict must know.
        self.notes: list[str] = []
        #: Kernels whose derivative is not that of what they compute, as phrases.
        self.others: list[str] = []
        self.dtype: Any = torch.float32
        #: The nodes of constant tensors, which keep them, by where these lie.
        self._held: dict[Any, int] = {}

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What lowers another operation in between: that one is put back afterwards."""
        kept, unit, precision = {**vars(self)}, self.builder.unit, self.builder.precision
        self.elsewhere, self.taken = None, None
        try:
            yield
        finally:
            vars(self).update(kept)
            self.builder.unit, self.builder.precision = unit, precision

    @property
    def entrywise(self) -> writing.Writer:
        """The writer that the meanings of all front ends take, with the name and the line of this operation."""
        self.builder.user = self.operation, self.source
        return writing.Writer(self.builder, self.operation, self.source)

    @property
    def results(self) -> list[Any]:
        """What the operation that is being lowered returned, as it was then; a rule that asks for it keeps to the
        point."""
        self.bound = True
        return self.returned

    @property
    def returned(self) -> list[Any]:
        """The same, for what does not move with the variables, or matters at the point only: noise, slopes at ties."""
        if self.elsewhere is not None:
            return self.elsewhere()
        return [self.tape.value(out, self.number + 1) for out in self.record.outs]

    def asked(self, place: int) -> bool:
        """Whether anything takes the result of the operation at a place."""
        return self.taken is None or place in self.taken

    # -- nodes -------------------------------------------------------------------------------------------------

    def tensor(self, tensor: Any) -> int:
        """A constant node that holds a tensor; the same memory is the same node."""
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.layout != torch.strided:
            return self.builder.held(tensor, self.source)
        key = storage(tensor), geometry(tensor), tensor.dtype, tensor.is_conj(), tensor.is_neg()
        if key not in self._held:
            self._held[key] = self.builder.held(tensor, self.source)
        return self._held[key]

    def constant(self, value: Any) -> int:
        """A constant node that holds numbers."""
        return self.builder.constant(np.asarray(value, dtype=float), copy=False)

    def node(self, value: Any) -> int:
        """The node of an argument, or of a number, which kernels round to their precision."""
        if isinstance(value, Arg):
            return value.node
        outs = self.record.outs
        single = bool(outs) and outs[0].dtype == torch.float32
        return self.constant(np.float32(value) if single else value)

    def rounded(self, value: Any, beside: Sequence[Any]) -> int:
        """The node of an argument, or of a number as it is compared with tensors."""
        if isinstance(value, Arg):
            return value.node
        kinds = {arg.here.dtype for arg in beside if isinstance(arg, Arg) and arg.here.is_floating_point()}
        return self.constant(torch.tensor(value, dtype=kinds.pop()).item() if len(kinds) == 1 else value)

    def varied(self, index: int) -> bool:
        return self.nodes[index].varied

    def shape(self, index: int) -> Shape:
        return self.nodes[index].shape

    def op(self, op: str, *args: int, tie: Tie = "", sure: bool = False, **params: Any) -> int:
        """Append one operation on nodes; ``sure`` says that its arguments are known to lie in its domain.

        A tie is the name of a kernel, whose slope is that of the installed version, or says the slopes itself.
        """
        if tie == "" and op in ROOTS:
            tie = ROOTS[op]
        own = OWN if tie != "" else ""
        index = self.builder.add(op, args, params, self.operation, self.source, own, sure=sure)
        if self.nodes[index].tie:
            self.slopes[index] = slope_of(tie, self.dtype) if isinstance(tie, str) and tie != "even" else tie
        return index

    def value(self, index: int) -> Array:
        """The value of a node in double precision; a rule that asks for one that varies keeps to the point."""
        self.bound = self.bound or self.nodes[index].varied
        return self.here(index)

    def here(self, index: int) -> Array:
        """The same, for what matters at the point only: a refusal, or slopes at ties."""
        return self.builder.values[index]

    def refuse(self, problem: str, fix: str) -> NoReturn:
        raise TraceError(self.operation, problem, fix, self.source)

    # -- guards --------------------------------------------------------------------------------------------------

    def guard(self, left: int, right: int, relation: str, outcome: Any = True) -> None:
        """Keep how two nodes compare; see `absnormal.program.program.RELATIONS`."""
        if left != right and (self.varied(left) or self.varied(right)):
            self.builder.guard(left, right, relation, np.asarray(outcome), self.operation, self.source)

    # -- what Terms does otherwise ---------------------------------------------------------------------------

    def gather(self, u: int, index: Array) -> int:
        """Rules that run a kernel on the numbers of the entries may find that it moves none."""
        if index.shape == self.shape(u) and in_order(index, index.size):
            return u
        return super().gather(u, index)

    def logsumexp(self, u: int, axes: Sequence[int], keep: bool = False) -> int:
        """Finite numbers of torch's own are in its domain: they need not be read in double precision for that."""
        held, shape = self.builder.values.given[u], self.shape(u)
        sure = held is not None and held.numel() > 0 and finite(held)
        result = self.op("logsumexp", u, sure=sure, axes=tuple(axis % len(shape) for axis in axes))
        return result if keep else self.reshape(result, [size for i, size in enumerate(shape) if i not in axes])
