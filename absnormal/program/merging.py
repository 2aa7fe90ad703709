"""Kinks on one set, as one |.|: the same function with fewer switches.

Every kink that a user writes owns its switches, because a tool may take different slopes at two of them: relu(u) and
|u|, relu(u) and relu(-u), a maximum that is written twice.  The generalized gradient is that of the function, whichever
way it is written.  Here a u + b |u|, max(u, 0) and min(u, 0) share one |u| wherever u is the same up to its sign,
max(u, v), min(u, v) and what is written with u - v share one |u - v|, and equal folds are one (THEORY 7.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import kink_of
from absnormal.ops.kinks import AFFINE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.nodes import Node
from absnormal.program.program import Program


@dataclass(eq=False)
class Merged:
    """A program with fewer switches.

    Attributes
    ----------
    program, values
        its nodes, and their values
    twice
        for every node whose switches another one owns now: the old numbers of both, and -1 where their signs differ
    """

    nodes: list[Node] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    twice: list[tuple[int, int, int]] = field(default_factory=list)
    program: Program | None = None
    switches: int = 0

    def add(self, node: Node, value: Array) -> int:
        """Append a node, whose switches come after those of the others."""
        if node.switch >= 0:
            node = node._replace(switch=self.switches)
            self.switches += node.switches
        self.nodes.append(node)
        self.values.append(value)
        return len(self.nodes) - 1


def merged(program: Program, values: Sequence[Array]) -> Merged | None:
    """The program with kinks on one set as one; None where every kink has a set of its own."""
    shared = _shared(program, values)
    if not shared:
        return None
    made = Merged()
    position: list[int] = []
    whole: dict[int, int] = {}
    for index, node in enumerate(program.nodes):
        node = node._replace(args=tuple(position[arg] for arg in node.args))
        found = shared.get(index)
        if found is None or (found.first == index and found.parts is None):
            position.append(made.add(node, values[index]))
            continue
        first = found.first
        if first != index:
            made.twice.append((index, first, found.sign * shared[first].sign))
        if found.parts is None:
            position.append(position[first])
            continue
        if first not in whole:
            smooth = node._replace(params={}, switch=-1, switches=0, tie="")
            args, z = tuple(position[arg] for arg in found.of), values[found.of[0]]
            if len(args) == 2:
                z = z - values[found.of[1]]
                args = (made.add(smooth._replace(op="sub", args=args), z),)
            kink = node._replace(op=AFFINE.name, args=args, params={"a": 0.0, "b": 1.0})
            whole[first] = made.add(kink, np.abs(z))
        terms = [(factor, position[arg]) for arg, factor in found.parts.terms]
        position.append(_combined(made, node, [*terms, (found.parts.size, whole[first])], values[index]))
    made.program = Program(tuple(made.nodes), position[program.output], program.tree)
    return made


def _combined(made: Merged, node: Node, terms: Sequence[tuple[float, int]], value: Array) -> int:
    """The sum of multiples of nodes."""
    smooth, total = node._replace(params={}, switch=-1, switches=0, tie=""), -1
    for place, (factor, part) in enumerate(terms, 1):
        number = np.asarray(factor)
        constant = made.add(Node("constant", (), {"value": number}, (), None, "", False), number)
        scaled = made.add(smooth._replace(op="mul", args=(constant, part)), factor * made.values[part])
        if place > 1:
            so_far = value if place == len(terms) else made.values[total] + made.values[scaled]
            scaled = made.add(smooth._replace(op="add", args=(total, scaled)), so_far)
        total = scaled
    return total


class _Parts(NamedTuple):
    """A kink that is a sum of multiples of nodes and of the size of its switching variable.

    Attributes
    ----------
    terms
        nodes with their factors
    size
        the factor of |z|
    z, rate
        z is ``rate`` times a node, or the difference of two
    """

    terms: tuple[tuple[int, float], ...]
    size: float
    z: tuple[int, ...]
    rate: int


def _parts(program: Program, values: Sequence[Array], index: int) -> _Parts | None:
    """a u + b |u|, and what has the size of a difference of two nodes; None for others."""
    node, found = program.nodes[index], _scaled(program, index)
    if found is not None:
        a, b, argument, rate = found
        return _Parts(((argument, a),), b, (argument,), rate)
    kink = kink_of(node.op)
    if not isinstance(kink, Entrywise) or kink.rates != (1, -1):
        return None
    if any(program.nodes[arg].shape != node.shape or not np.isfinite(values[arg]).all() for arg in node.args):
        return None
    halves = [(p + q) / 2 for p, q in zip(*kink.sides(node.params, float), strict=True)]
    return _Parts(tuple(zip(node.args, halves, strict=True)), float(kink.weight(node.params, float)), node.args, 1)


class _Set(NamedTuple):
    """What a kink shares with others.

    Attributes
    ----------
    of, sign
        the node, or the two whose difference, is 0 there, and the sign that the switching variable has of that
    first
        the first kink on the set
    parts
        how the kink is written with the size of it; None where all kinks on the set are the same one
    """

    of: tuple[int, ...]
    sign: int
    first: int
    parts: _Parts | None


def _shared(program: Program, values: Sequence[Array]) -> dict[int, _Set]:
    """For kinks that share their set: what vanishes there."""
    owners: dict[Any, list[tuple[int, int, _Parts | None]]] = {}
    for index in program.kinked:
        parts = _parts(program, values, index)
        of, sign = (_same(program, index), 1) if parts is None else _signed(program, parts.z)
        owners.setdefault(of, []).append((index, sign if parts is None else sign * parts.rate, parts))
    found = {}
    for of, kinks in owners.items():
        alike = len({_same(program, index) for index, _, _ in kinks}) == 1
        for index, sign, parts in kinks if len(kinks) > 1 else ():
            found[index] = _Set(of, sign, kinks[0][0], None if alike else parts)
    return found


def _same(program: Program, index: int) -> tuple[Any, ...]:
    """What two kinks have in common that are one."""
    node = program.nodes[index]
    return node.op, node.args, tuple(sorted(node.params.items()))


def _scaled(program: Program, index: int) -> tuple[float, float, int, int] | None:
    """a, b and u of a kink that is a u + b |u|, and the sign of u in its switching variable; None for others."""
    node, kink = program.nodes[index], kink_of(program.nodes[index].op)
    found = kink.around_zero(node.params, [program.is_zero(arg) for arg in node.args])
    if found is None or program.nodes[node.args[found[2]]].shape != node.shape:
        return None
    a, b, position = found
    return a, b, node.args[position], kink.rates[position]


def _signed(program: Program, z: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """A node, or two of one shape in their order, of which or of whose difference this is plus or minus."""
    sign = 1
    while len(z) == 1 and program.nodes[z[0]].op == "neg":
        z, sign = program.nodes[z[0]].args, -sign
    if len(z) == 1 and program.nodes[z[0]].op == "sub":
        node = program.nodes[z[0]]
        if all(program.nodes[arg].shape == node.shape for arg in node.args):
            z = node.args
    return (z, sign) if z == tuple(sorted(z)) else (z[::-1], -sign)

