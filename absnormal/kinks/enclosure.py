"""How far the nodes of a piecewise-linear program can move when every input moves by at most a radius.

One forward sweep.  A linear operation takes radii through the absolute values of its coefficients; a kink whose
switching variable keeps its sign is linear too, and another one has its Lipschitz constant.  In float64 the rounding of
values and of radii is added, so that the enclosure holds for the exact values of the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinked import running
from absnormal.program.nodes import Node
from absnormal.program.program import exactly
from absnormal.sweeps.carriers import applied
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

#: Guards whose two sides tell how far the branch reaches.
COMPARED = (">", ">=", "<", "<=", "==", "!=")


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
        if TABLE[node.op].family == "kinked":
            moved, switching = _kink(sweeps, node, inner, gamma)
            if node.switch >= 0:
                z[node.switch : node.switch + node.switches] = np.asarray(switching, dtype).reshape(-1)
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


def _kink(sweeps: Sweeps, node: Node, inner: list[Array], gamma: Any) -> tuple[Array, Array]:
    """The radius of the result, and of the switching variables."""
    args = [sweeps.values[arg] for arg in node.args]
    if node.op == "kink":
        a, b = (abs(node.params["a"] + side * node.params["b"]) for side in (1, -1))
        switching, z = inner[0], args[0]
        factor = np.where(z > switching, a, np.where(z < -switching, b, max(a, b)))
        moved = _times(factor, switching)
        return _rounded(moved, gamma, _times(factor, np.abs(z))), switching
    if node.op == "max":
        z, switching = args[0] - args[1], inner[0] + inner[1]
        switching = _rounded(switching, gamma, np.abs(args[0]) + np.abs(args[1]))
        first, second = np.broadcast_arrays(inner[0] + 0 * z, inner[1] + 0 * z)
        ahead = node.params["sign"] * z
        either = np.where(first > second, first, second)
        return np.where(ahead > switching, first, np.where(-ahead > switching, second, either)), switching
    if node.op == "select":
        slack = _times(abs(node.params["k"]), inner[0])
        half = (inner[1] + inner[2] + slack) / 2
        taken = np.where(args[0] > inner[0], inner[1], np.where(args[0] < -inner[0], inner[2], half))
        return _rounded(taken, gamma, np.abs(args[1]) + np.abs(args[2])), inner[0]
    return _fold(node, args[0], inner[0], gamma)


def _fold(node: Node, u: Array, radius: Array, gamma: Any) -> tuple[Array, Array]:
    """Any entry that may lead gives its radius."""
    sign = node.params["sign"]
    reach = np.maximum.accumulate(radius, axis=0)
    switching = _rounded(reach[:-1] + radius[1:], gamma, np.abs(running(node.params, u)[:-1]) + np.abs(u[1:]))
    lead = (sign * u - radius).max(axis=0)
    leading = sign * u + radius >= lead
    return np.where(leading, radius, 0 * radius).max(axis=0), switching


def _times(factor: Any, radius: Any) -> Array:
    """An exact product beside exact radii: the parameters of kinks are floats."""
    sizes = np.asarray(radius)
    coefficients = np.asarray(factor, dtype=float)
    return np.asarray((exactly(coefficients) if sizes.dtype == object else coefficients) * sizes)


def _rounded(radius: Array, gamma: Any, size: Array) -> Array:
    return radius * (1 + gamma) + gamma * size + FLOOR if gamma else radius


def _guarded(sweeps: Sweeps, radii: list[Array]) -> bool:
    """Comparisons keep their outcome where their sides stay apart; of other jumps nothing is claimed."""
    for guard in sweeps.program.guards:
        apart = np.abs(sweeps.values[guard.left] - sweeps.values[guard.right])
        if guard.relation not in COMPARED or not np.all(apart > radii[guard.left] + radii[guard.right]):
            return False
    return True
