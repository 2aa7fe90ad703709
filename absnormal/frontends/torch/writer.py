"""Appending nodes while a tape is lowered.  Rules see a `Writer`; arguments of operations are `Arg`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.torch.probe import slope_of
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.values import Constant, array
from absnormal.ops import TABLE
from absnormal.program.nodes import Guard, Node, Source

Shape = tuple[int, ...]
#: Slopes of a kinked node: one number, or its switches' own, made when they are needed.
Slopes = float | Callable[[], Array]


@functools.cache
def _broadcast(shapes: frozenset[Shape]) -> Shape:
    return np.broadcast_shapes(*shapes)


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


class Writer:
    """The nodes so far."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.nodes: list[Node] = []
        self.tensors: list[Any] = []
        #: For every node the machine epsilon of the precision in which its operation ran.
        self.units: list[float] = []
        #: That of the operation that is being lowered.
        self.unit = 0.0
        self.slopes: dict[int, Slopes] = {}
        self.operation = ""
        self.source: Source | None = None
        #: The operation on the tape that is being lowered.
        self.record: Record
        #: The number of that operation.
        self.number = 0
        #: Whether a rule looked at numbers that vary, so that what it wrote holds at the point only.
        self.bound = False
        self.guards: list[Guard] = []
        self._guarded: set[tuple[int, int, str]] = set()
        #: What a reader of the verdict must know.
        self.notes: list[str] = []
        self._small: dict[Any, int] = {}
        self.dtype: Any = torch.float32

    @property
    def results(self) -> list[Any]:
        """What the operation that is being lowered returned, as it was then; a rule that asks for it keeps to the
        point."""
        self.bound = True
        return self.returned

    @property
    def returned(self) -> list[Any]:
        """The same, for what does not move with the variables, or matters at the point only: noise, slopes at ties."""
        return [self.tape.value(out, self.number + 1) for out in self.record.outs]

    # -- nodes -------------------------------------------------------------------------------------------------

    def append(self, node: Node, tensor: Any = None) -> int:
        self.nodes.append(node)
        self.tensors.append(tensor)
        self.units.append(self.unit)
        return len(self.nodes) - 1

    def tensor(self, tensor: Any) -> int:
        """A constant node that holds a tensor."""
        return self.append(Node("constant", (), Constant(tensor), tuple(tensor.shape), self.source, "", False), tensor)

    def constant(self, value: Any) -> int:
        """A constant node that holds numbers."""
        held = np.asarray(value, dtype=float)
        key = held.item() if held.ndim == 0 else None
        found = self._small.get(key) if key is not None else None
        if found is None:
            found = self.append(Node("constant", (), {"value": held}, held.shape, None, "", False))
            if key is not None:
                self._small[key] = found
        return found

    def node(self, value: Any) -> int:
        """The node of an argument, or of a number, which kernels round to their precision."""
        if isinstance(value, Arg):
            return value.node
        outs = self.record.outs
        single = bool(outs) and outs[0].dtype == torch.float32
        return self.constant(np.float32(value) if single else value)

    def rounded(self, value: Any, beside: Sequence[Any]) -> int:
        """The node of an argument, or of a number as it is compared with tensors."""
        single = any(isinstance(arg, Arg) and arg.here.dtype == torch.float32 for arg in beside)
        return value.node if isinstance(value, Arg) else self.constant(np.float32(value) if single else value)

    def varied(self, index: int) -> bool:
        return self.nodes[index].varied

    def shape(self, index: int) -> Shape:
        return self.nodes[index].shape

    def op(
        self, op: str, *args: int, shape: Shape | None = None, tie: str = "", sure: bool = False, **params: Any
    ) -> int:
        """Append one operation on nodes; the shape is that of broadcasting where none is given.

        ``sure`` says that its arguments are known to lie in its domain.
        """
        given = [self.nodes[arg] for arg in args]
        varied = any(node.varied for node in given)
        if shape is None:
            shapes = {node.shape for node in given if node.shape}
            shape = shapes.pop() if len(shapes) == 1 else _broadcast(frozenset(shapes))
        row = TABLE[op]
        count = 0
        if varied and row.kink is not None:
            count = row.kink.count([node.shape for node in given], shape)
        elif varied and row.domain is not None and not sure:
            self._check(op, params, args)
        return self.append(Node(op, args, params, shape, self.source, self.operation, varied, -1, count, tie))

    def value(self, index: int) -> Array:
        """The value of a node in double precision; a rule that asks for one that varies keeps to the point."""
        self.bound = self.bound or self.nodes[index].varied
        return self.here(index)

    def here(self, index: int) -> Array:
        """The same, for what matters at the point only: a refusal, or slopes at ties."""
        tensor, node = self.tensors[index], self.nodes[index]
        if tensor is not None:
            return array(tensor).astype(float)
        if node.op == "constant":
            return np.asarray(node.params["value"])
        with np.errstate(all="ignore"):
            return np.asarray(TABLE[node.op].value(node.params, *(self.here(arg) for arg in node.args)))

    def _check(self, op: str, params: Any, args: tuple[int, ...]) -> None:
        values = [self.here(arg) for arg in args]
        domain = TABLE[op].domain
        assert domain is not None
        if np.all(domain(params, *values)):
            return
        with np.errstate(all="ignore"):
            finite = np.isfinite(TABLE[op].value(params, *values)).all()
        if not finite:
            raise DomainError(self.operation, "is NaN or infinite at this point", self.source)
        self.refuse("is not continuously differentiable at this point, and it is not a kink that |.| can express",
                    "move the point off it, for example with + eps under a root")

    def refuse(self, problem: str, fix: str) -> NoReturn:
        raise TraceError(self.operation, problem, fix, self.source)

    # -- guards --------------------------------------------------------------------------------------------------

    def guard(self, left: int, right: int, relation: str, outcome: Any = True) -> None:
        """Keep how two nodes compare; see `absnormal.program.program.RELATIONS`."""
        key = (left, right, relation)
        if key not in self._guarded and left != right and (self.varied(left) or self.varied(right)):
            self._guarded.add(key)
            self.guards.append(Guard(left, right, relation, np.asarray(outcome), self.source, self.operation))

    # -- movements ---------------------------------------------------------------------------------------------

    def reshape(self, a: int, shape: Sequence[int]) -> int:
        size = math.prod(self.shape(a))
        if -1 in shape:
            known = -math.prod(shape)
            shape = [size // known if item == -1 else item for item in shape]
        shape = tuple(int(item) for item in shape)
        if shape == self.shape(a):
            return a
        node = self.nodes[a]
        return self.append(Node("reshape", (a,), {"shape": shape}, shape, self.source, self.operation, node.varied))

    def transpose(self, a: int, axes: Sequence[int]) -> int:
        node, axes = self.nodes[a], tuple([int(axis) for axis in axes])
        if axes == tuple(range(len(axes))):
            return a
        shape = tuple([node.shape[axis] for axis in axes])
        return self.append(Node("transpose", (a,), {"axes": axes}, shape, self.source, self.operation, node.varied))

    def index(self, a: int, key: tuple[Any, ...]) -> int:
        shape = np.broadcast_to(0.0, self.shape(a))[key].shape
        return self.op("index", a, shape=shape, key=key)

    def gather(self, a: int, index: Array) -> int:
        """Entry i of the result is entry ``index[i]`` of ``a``, flat."""
        if index.shape == self.shape(a) and np.array_equal(index.reshape(-1), np.arange(index.size)):
            return a
        return self.op("gather", a, shape=index.shape, index=index)

    def broadcast(self, a: int, shape: Sequence[int]) -> int:
        held = tuple(int(item) for item in shape)
        if held == self.shape(a):
            return a
        node = self.nodes[a]
        return self.append(Node("broadcast", (a,), {"shape": held}, held, self.source, self.operation, node.varied))

    def concatenate(self, parts: Sequence[int], axis: int) -> int:
        first = list(self.shape(parts[0]))
        first[axis] = sum(self.shape(part)[axis] for part in parts)
        return self.op("concatenate", *parts, shape=tuple(first), axis=axis) if len(parts) > 1 else parts[0]

    def swap(self, a: int, first: int, second: int) -> int:
        axes = list(range(len(self.shape(a))))
        axes[first], axes[second] = axes[second], axes[first]
        return self.transpose(a, axes)

    # -- arithmetic --------------------------------------------------------------------------------------------

    def add(self, a: int, b: int) -> int:
        return self.op("add", a, b)

    def sub(self, a: int, b: int) -> int:
        return self.op("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        return self.op("mul", a, b)

    def div(self, a: int, b: int) -> int:
        return self.op("div", a, b)

    def scaled(self, a: int, factor: float) -> int:
        return a if factor == 1 else self.op("mul", a, self.constant(factor))

    def shifted(self, a: int, offset: float) -> int:
        return a if offset == 0 else self.op("add", a, self.constant(offset))

    def sum(self, a: int, axes: Sequence[int] | None = None, keep: bool = False) -> int:
        shape = self.shape(a)
        chosen = tuple(range(len(shape))) if axes is None else tuple(sorted(axis % len(shape) for axis in axes))
        if not chosen:
            return a
        kept = tuple(1 if i in chosen else size for i, size in enumerate(shape))
        out = kept if keep else tuple(size for i, size in enumerate(shape) if i not in chosen)
        node = self.nodes[a]
        params = {"axes": chosen, "shape": out}
        return self.append(Node("sum", (a,), params, out, self.source, self.operation, node.varied))

    def mean(self, a: int, axes: Sequence[int] | None = None, keep: bool = False) -> int:
        total = self.sum(a, axes, keep)
        count = math.prod(self.shape(a)) // max(1, math.prod(self.shape(total)))
        return self.scaled(total, 1.0 / count if count else math.nan)

    def matmul(self, a: int, b: int) -> int:
        left, right = self.shape(a), self.shape(b)
        if len(left) == 1 and len(right) == 1:
            return self.op("matmul", a, b, shape=())
        if len(left) == 1:
            return self.op("matmul", a, b, shape=(*right[:-2], right[-1]))
        if len(right) == 1:
            return self.op("matmul", a, b, shape=left[:-1])
        shape = (*_broadcast(frozenset((left[:-2], right[:-2]))), left[-2], right[-1])
        return self.op("matmul", a, b, shape=shape)

    def where(self, mask: Array, a: int, b: int) -> int:
        shape = np.broadcast_shapes(mask.shape, self.shape(a), self.shape(b))
        return self.op("where", a, b, shape=shape, mask=np.broadcast_to(mask, shape))

    # -- kinks -------------------------------------------------------------------------------------------------

    def kink(self, u: int, a: float, b: float, slope: Slopes) -> int:
        """a u + b |u|."""
        return self.kinked("kink", (u,), self.shape(u), slope, a=a, b=b)

    def relu(self, u: int, kernel: str = "relu") -> int:
        """(u + |u|) / 2 with the slope of a kernel."""
        return self.kink(u, 0.5, 0.5, self.slope(kernel))

    def extremum(self, u: int, v: int, sign: int, slope: Slopes) -> int:
        shape = np.broadcast_shapes(self.shape(u), self.shape(v))
        return self.kinked("max", (u, v), shape, slope, sign=sign)

    def fold(self, u: int, sign: int, slope: Slopes) -> int:
        """The maximum (sign 1) or minimum over axis 0."""
        if self.shape(u)[0] == 1:
            return self.reshape(u, self.shape(u)[1:])
        return self.kinked("fold", (u,), self.shape(u)[1:], slope, sign=sign)

    def kinked(self, op: str, args: tuple[int, ...], shape: Shape, slope: Slopes, **params: Any) -> int:
        index = self.op(op, *args, shape=shape, tie="torch", **params)
        self.slopes[index] = slope
        return index

    def slope(self, kernel: str) -> float:
        """The slope of |u| at 0 that a kernel of the installed version uses, probed."""
        return slope_of(kernel, self.dtype)
