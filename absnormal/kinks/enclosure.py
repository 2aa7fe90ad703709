"""How far the nodes of a piecewise-linear program can move when every input moves by at most a radius.

One forward sweep.  A linear operation takes radii through the absolute values of its coefficients; a kink whose
switching variable keeps its sign is linear too, and another one has its Lipschitz constant.  In float64 the rounding of
values and of radii is added, so that the enclosure holds for the exact values of the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.linear import applied
from absnormal.program.nodes import COMPARED, Node
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, slots=True, eq=False)
class Enclosure:
    """Radii around the values at the point: of the switching variables, shape (s,), and of all nodes.

    ``guarded`` says whether every branch that was followed is followed in the whole ball.
    """

    z: Array
    nodes: list[Array]
    guarded: bool


def enclose(sweeps: Sweeps, radius: Any) -> Enclosure:
    """The enclosure over the ball of the max norm with this radius, a float or a Fraction."""
    program = sweeps.program
    exact = sweeps.rational
    gamma = 0 if exact else rounding(sweeps.push_depth)
    dtype = object if exact else float
    z = np.zeros(program.s, dtype)
    radii: list[Array] = []
    for index, node in enumerate(program.nodes):
        if node.op == "input":
            radii.append(np.full(node.shape, radius, dtype))
            continue
        if not node.varied:
            radii.append(np.zeros(node.shape, dtype))
            continue
        inner = [radii[arg] for arg in node.args]
        if (kink := TABLE[node.op].kink) is not None:
            moved, switching = kink.radius(
                node.params, [sweeps.values[arg] for arg in node.args], inner, partial(_rounded, gamma)
            )
            if node.switch >= 0:
                z[node.own] = np.asarray(switching, dtype).reshape(-1)
        else:
            moved = _linear(sweeps, index, node, inner, gamma)
        radii.append(np.asarray(moved, dtype))
    return Enclosure(z, radii, _guarded(sweeps, radii))


def _linear(sweeps: Sweeps, index: int, node: Node, inner: list[Array], gamma: Any) -> Array:
    maps = [None if m is None else m.absolute() for m in sweeps.maps(index)]
    moved: Array = applied(maps, [r[None] for r in inner], 1, node.shape)[0]
    if not gamma:
        return moved
    sizes = [np.abs(sweeps.values[arg])[None] for arg in node.args]
    size = applied(maps, list(sizes), 1, node.shape)[0] + np.abs(sweeps.values[index])
    return np.asarray(moved * (1 + gamma) + gamma * size + FLOOR)


def _rounded(gamma: Any, radius: Array, size: Array) -> Array:
    return radius * (1 + gamma) + gamma * size + FLOOR if gamma else radius


def _guarded(sweeps: Sweeps, radii: list[Array]) -> bool:
    """Comparisons keep their outcome where their sides stay apart; of other jumps nothing is claimed."""
    for guard in sweeps.program.guards:
        apart = np.abs(sweeps.values[guard.left] - sweeps.values[guard.right])
        if guard.relation not in COMPARED or not np.all(apart > radii[guard.left] + radii[guard.right]):
            return False
    return True
