"""Kinks on one set, as one |.|: the same function with fewer switches.

Every kink that a user writes owns its switches, because a tool may take different slopes at two of them: relu(u) and
|u|, relu(u) and relu(-u), a maximum that is written twice.  The generalized gradient is that of the function, whichever
way it is written.  Here a u + b |u|, max(u, 0) and min(u, 0) share one |u| wherever u is the same up to its sign, and
equal maxima and folds are one (THEORY 7.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import kink_of
from absnormal.ops.kinks import AFFINE
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

    def add(self, node: Node, value: Array) -> int:
        self.nodes.append(node)
        self.values.append(value)
        return len(self.nodes) - 1


def merged(program: Program, values: Sequence[Array]) -> Merged | None:
    """The program with kinks on one set as one; None where every kink has a set of its own."""
    shared = _shared(program)
    if not shared:
        return None
    made = Merged()
    position: list[int] = []
    whole: dict[int, int] = {}
    switch = 0
    for index, node in enumerate(program.nodes):
        node = node._replace(args=tuple(position[arg] for arg in node.args))
        found = shared.get(index)
        if found is None or (found[2] == index and _scaled(program, index) is None):
            own = node.switch >= 0
            position.append(made.add(node._replace(switch=switch if own else -1), values[index]))
            switch += node.switches if own else 0
            continue
        root, sign, first = found
        parts = _scaled(program, index)
        if first != index:
            made.twice.append((index, first, sign * shared[first][1]))
        if parts is None:
            position.append(position[first])
            continue
        if first not in whole:
            kink = node._replace(op=AFFINE.name, args=(position[root],), params={"a": 0.0, "b": 1.0}, switch=switch)
            whole[first] = made.add(kink, np.abs(values[root]))
            switch += node.switches
        a, b, argument, _ = parts
        position.append(_combined(made, node, position[argument], whole[first], a, b, values[index]))
    made.program = Program(tuple(made.nodes), position[program.output], program.tree)
    return made


def _combined(made: Merged, node: Node, u: int, size: int, a: float, b: float, value: Array) -> int:
    """a u + b |u| in smooth operations and the shared |u|."""
    terms = []
    for factor, part in ((a, u), (b, size)):
        number = np.asarray(factor)
        constant = made.add(Node("constant", (), {"value": number}, (), None, "", False), number)
        scaled = node._replace(op="mul", args=(constant, part), params={}, switch=-1, switches=0, tie="")
        terms.append(made.add(scaled, factor * made.values[part]))
    return made.add(node._replace(op="add", args=tuple(terms), params={}, switch=-1, switches=0, tie=""), value)


def _shared(program: Program) -> dict[int, tuple[int, int, int]]:
    """For kinks that share their set: the node of it, their sign, and the first kink on it."""
    keys: dict[int, tuple[Any, int, int]] = {}
    owners: dict[Any, list[int]] = {}
    for index in program.kinked:
        node = program.nodes[index]
        parts = _scaled(program, index)
        if parts is not None:
            root, sign = _signed(program, parts[2])
            keys[index] = (("abs", root), sign * parts[3], root)
        else:
            keys[index] = ((node.op, node.args, tuple(sorted(node.params.items()))), 1, index)
        owners.setdefault(keys[index][0], []).append(index)
    return {
        index: (keys[index][2], keys[index][1], found[0])
        for found in owners.values() if len(found) > 1 for index in found
    }


def _scaled(program: Program, index: int) -> tuple[float, float, int, int] | None:
    """a, b and u of a kink that is a u + b |u|, and the sign of u in its switching variable; None for others."""
    node, kink = program.nodes[index], kink_of(program.nodes[index].op)
    found = kink.around_zero(node.params, [program.is_zero(arg) for arg in node.args])
    if found is None or program.nodes[node.args[found[2]]].shape != node.shape:
        return None
    a, b, position = found
    return a, b, node.args[position], kink.rates[position]


def _signed(program: Program, index: int) -> tuple[int, int]:
    """The node of which this one is plus or minus."""
    sign = 1
    while program.nodes[index].op == "neg":
        index, sign = program.nodes[index].args[0], -sign
    return index, sign

