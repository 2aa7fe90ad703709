"""Kinks that are written twice, as one: the same function with fewer switches.

Every kink that a user writes owns its switches, because a tool may take different slopes at two writings of one
function.  The generalized gradient is that of the function, whichever way it is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from absnormal.ops import TABLE
from absnormal.program.nodes import Node
from absnormal.program.program import Program


def merged(program: Program) -> tuple[Program, list[int], list[tuple[int, int]]] | None:
    """The program with equal kinks on equal arguments as one, the nodes that stay, and the pairs that were equal.

    None where none were.
    """
    place: list[int] = []
    seen: dict[Any, int] = {}
    nodes: list[Node] = []
    kept: list[int] = []
    pairs: list[tuple[int, int]] = []
    switch = 0
    for index, node in enumerate(program.nodes):
        args = tuple(place[arg] for arg in node.args)
        key = (node.op, args, tuple(sorted(node.params.items()))) if TABLE[node.op].family == "kinked" else None
        known = seen.get(key) if key is not None else None
        if known is not None:
            place.append(known)
            pairs.append((index, kept[known]))
            continue
        own = node.switch >= 0
        nodes.append(replace(node, args=args, switch=switch if own else -1))
        switch += node.switches if own else 0
        place.append(len(nodes) - 1)
        kept.append(index)
        if key is not None:
            seen[key] = len(nodes) - 1
    if len(nodes) == len(program.nodes):
        return None
    guards = tuple(replace(g, left=place[g.left], right=place[g.right]) for g in program.guards)
    return Program(tuple(nodes), place[program.output], program.tree, guards), kept, pairs
