"""The program of a result: the nodes that it needs, and those that guards need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from absnormal.frontends.torch.writer import Writer
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.program.tree import Tree


def pruned(write: Writer, output: int, tree: Tree) -> Program:
    """The program; the writer keeps the tensors, the precisions and the slopes of its nodes."""
    nodes = write.nodes
    used = needed(nodes, [output])
    guarded = needed(nodes, [side for guard in write.guards for side in (guard.left, guard.right)])
    kept = [index for index, node in enumerate(nodes) if used[index] or guarded[index] or node.op == "input"]
    owned = [used[index] for index in kept]
    guards = write.guards
    if len(kept) < len(nodes):
        place = {old: new for new, old in enumerate(kept)}
        nodes = [nodes[old]._replace(args=tuple([place[arg] for arg in nodes[old].args])) for old in kept]
        write.tensors = [write.tensors[old] for old in kept]
        write.units = [write.units[old] for old in kept]
        write.slopes = {place[old]: slope for old, slope in write.slopes.items() if old in place}
        guards = [replace(guard, left=place[guard.left], right=place[guard.right]) for guard in guards]
        output = place[output]
    switch = 0
    for index, node in enumerate(nodes):
        if node.switches and node.varied and owned[index]:
            nodes[index] = node._replace(switch=switch)
            switch += node.switches
    return Program(tuple(nodes), output, tree, tuple(guards))


def needed(nodes: Sequence[Node], ends: Sequence[int]) -> list[bool]:
    """Which nodes some of them need."""
    used = [False] * len(nodes)
    for end in ends:
        used[end] = True
    for index in range(max(ends, default=-1), -1, -1):
        if used[index]:
            for arg in nodes[index].args:
                used[arg] = True
    return used
