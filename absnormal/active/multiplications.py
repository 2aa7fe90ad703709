"""How much arithmetic a program is, entry by entry."""

from __future__ import annotations

import math

from absnormal.active.additions import TooLarge
from absnormal.ops import TABLE
from absnormal.program.nodes import Node
from absnormal.program.program import Program

#: Multiplications up to which a convolution is written out.
_WRITTEN_OUT = 4000


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
    mixed = node.op in ("sum", "cumsum", "prod", "logsumexp") if kink is None else not kink.rates
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
