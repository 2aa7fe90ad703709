"""How much arithmetic a program is, entry by entry, and how many terms forms may add up, and until when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from absnormal.ops import ALONG, TABLE
from absnormal.program.nodes import Node
from absnormal.program.program import Program

#: Additions between two looks at the clock.
_LOOK = 20_000
#: Multiplications up to which a convolution is written out.
_WRITTEN_OUT = 4000
#: How many additions are left, and at how many the next look at the clock is due.
_left: ContextVar[list[int]] = ContextVar("_left")
_late: ContextVar[Callable[[], bool] | None] = ContextVar("_late", default=None)


class TooLarge(Exception):
    """The program is too large for arithmetic entry by entry, or for the time that there is."""


@contextmanager
def ended_when(late: Callable[[], bool]) -> Iterator[None]:
    """In its block forms end with `TooLarge` once ``late`` says so."""
    token = _late.set(late)
    try:
        yield
    finally:
        _late.reset(token)


def begin(additions: int) -> None:
    """Allow so many additions."""
    _left.set([additions, additions])


def spend(additions: int) -> None:
    """Count additions that are about to be made; raises `TooLarge` where they may not."""
    left = _left.get()
    left[0] -= additions
    if left[0] < left[1]:
        left[1] = max(0, left[0] - _LOOK)
        late = _late.get()
        if left[0] < 0 or (late is not None and late()):
            raise TooLarge


def measure(program: Program, limit: int) -> int:
    """The operations of arithmetic entry by entry; raises `TooLarge` past ``limit``."""
    work = program.n + sum(_entries(program, node) + _products(program, node) for node in program.nodes)
    if work > limit:
        raise TooLarge
    return work


def multiplications(program: Program) -> int:
    """About the number of multiplications in products of matrices and of tensors, and in convolutions."""
    convolved = (math.prod(node.shape) for node in program.nodes if node.op.startswith("convolve"))
    return sum(_products(program, node) for node in program.nodes) + 10 * sum(convolved)


def _entries(program: Program, node: Node) -> int:
    kink = TABLE[node.op].kink
    mixed = node.op in ("sum", "cumsum", *ALONG) if kink is None else not kink.rates
    taken = node.args if mixed else ()
    return sum(math.prod(shape) for shape in (node.shape, *(program.nodes[arg].shape for arg in taken)))


def _products(program: Program, node: Node) -> int:
    if node.op == "matmul":
        return math.prod(node.shape) * program.nodes[node.args[0]].shape[-1]
    if node.op.startswith("convolve"):
        return _convolved(program, node) if written_out(program, node) else 0
    return 10 * sum(math.prod(program.nodes[arg].shape) for arg in node.args) if node.op == "einsum" else 0


def written_out(program: Program, node: Node) -> bool:
    """Whether a convolution is small enough for that; entries of others are generators."""
    return _convolved(program, node) <= _WRITTEN_OUT


def _convolved(program: Program, node: Node) -> int:
    """The multiplications of a convolution, or of a transposed one."""
    x, weight = (program.nodes[arg].shape for arg in node.args)
    return math.prod(node.shape if node.op == "convolve" else x) * math.prod(weight[1:])
