"""The support function of the outer set: the largest v . g_sigma over all slopes, kink by kink (THEORY 8).

v . g_sigma is affine in what each active block adds, s_i = sigma_i . t_i with t_i = r_i^sigma . v, and its maximum over
the later blocks is convex in s_i.  So s_i = |t_i| or -|t_i|, and a push that branches at every active block finds it.
A sort whose output no active kink depends on adds most where the entries that
grow fastest stand in the places that count most (Hardy, Littlewood & Polya 1934), and that is convex in their rates.
Where entries of a norm are nowhere negative, its slopes are not negative there, and of t_i only what has the sign of
s_i counts there.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinks.kink import Kink
from absnormal.ops.kinks.order import codes
from absnormal.ops.linear import applied
from absnormal.program.program import Program
from absnormal.sweeps.adjoints import Adjoints
from absnormal.sweeps.at_point import once
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

#: So many active blocks are branched at.
BLOCKS = 8


def blocks(sweeps: Sweeps) -> int:
    """The number of active blocks that are branched at: norms that are 0, and active switches that are in none."""
    together = sum(numbers.size - numbers.shape[1] for numbers in sweeps.balls)
    return int(len(sweeps.alpha) - together - sum(numbers.size for numbers in sweeps.sorts))


class _Kept(Adjoints):
    """Adjoints, some of which are kept."""

    def __init__(self, program: Program, seed: Array, start: int, kept: set[int]) -> None:
        super().__init__(program, seed, start)
        self.found = dict[int, Array]()
        self._kept = kept

    def take(self, index: int) -> Array | None:
        w = super().take(index)
        if w is not None and index in self._kept:
            self.found[index] = w[0].copy()
        return w


@once
def weights_of_sorts(sweeps: Sweeps) -> dict[int, Array] | None:
    """What each place of the active sorts counts in y, (entries, columns), whatever the slopes are; None where an
    active kink depends on a sort."""
    nodes, made = sweeps.program.nodes, list[_Kept]()
    behind: list[bool] = []
    sorts = {nodes.index(sweeps.program.node_of(int(numbers[0, 0]))) for numbers in sweeps.sorts}
    for node in nodes:
        behind.append(any(behind[arg] or arg in sorts for arg in node.args))
        if behind[-1] and sweeps.active[node.own].any():
            return None

    def kept(program: Program, seed: Array, start: int) -> Adjoints:
        made.append(_Kept(program, seed, start, sorts))
        return made[0]

    sweeps.gradient(sweeps.signature(0.0), kept)
    found = {}
    for index in sorts:
        params, columns = nodes[index].params, nodes[index].switches // nodes[index].params["entries"]
        found[index] = np.zeros((nodes[index].params["entries"] + 1, columns))
        if index in made[0].found:
            found[index][list(params["ranks"])] = made[0].found[index].reshape(len(params["ranks"]), columns)
    return found


def outer_support(sweeps: Sweeps, v: Array) -> tuple[float, Array]:
    """A number that no v . g_sigma exceeds, outward rounded, and slopes of all switches (s,) that come nearest."""
    program = sweeps.program
    leaves = program.tree.split(v[None])
    tangents: list[Array | None] = [None] * len(program.nodes)
    slopes = sweeps.signs[None].copy()
    for index, node in enumerate(program.nodes):
        if node.op == "input":
            tangents[index] = leaves[node.params["leaf"]]
            continue
        if not node.varied:
            continue
        inner = [_repeated(tangents[arg], len(slopes)) for arg in node.args]
        kink = TABLE[node.op].kink
        if kink is None:
            tangents[index] = applied(sweeps.maps(index), inner, len(slopes), node.shape)
        elif not sweeps.active[node.own].any():
            tangents[index] = sweeps.derivative_of(index, sweeps.signs).push(inner, len(slopes))
        elif kink.permutes:
            tangents[index] = _in_order(sweeps, index, inner, slopes)
        else:
            tangents[index], slopes = _branched(sweeps, index, kink, inner, slopes)
    found = _repeated(tangents[program.output], len(slopes))
    along = np.zeros(len(slopes)) if found is None else found.reshape(len(slopes))
    best = int(along.argmax())
    size = float(sweeps.magnitude(sweeps.signs, v, interval=True)[1][0])
    return float(along[best]) + rounding(2 * sweeps.push_depth) * size + FLOOR, slopes[best]


def _repeated(tangents: Array | None, count: int) -> Array | None:
    """The tangents of a node in so many branches: those before it branched again, once for each pattern."""
    if tangents is None or len(tangents) == count:
        return tangents
    return np.tile(tangents, (count // len(tangents), *[1] * (tangents.ndim - 1)))


def _branched(sweeps: Sweeps, index: int, kink: Kink, inner: list[Array | None], slopes: Array) -> tuple[Array, Array]:
    """The tangents of an active kink in all branches behind it, and the slopes of these."""
    node, count = sweeps.program.nodes[index], len(slopes)
    if kink.blocks:
        lanes = sweeps.program.lanes(index)
        lanes = lanes[:, sweeps.active[lanes[0]]]
        ahead, behind = (
            np.stack([
                _along(sweeps, index, kink, [None if t is None else t[k : k + 1] for t in inner], sign)
                for k in range(count)
            ])
            for sign in (1.0, -1.0)
        )
    else:
        lanes = sweeps.alpha[node.owns(sweeps.alpha)][None]
        ahead = np.ones((count, node.switches))
        behind = -ahead
    signs = np.array([*product((1.0, -1.0), repeat=lanes.shape[1])])
    slopes, results = np.tile(slopes, (len(signs), 1)), []
    for number, pattern in enumerate(signs):
        mine = slopes[number * count : (number + 1) * count]
        own = lanes - node.switch
        mine[:, lanes] = np.where(pattern > 0, ahead[:, own], behind[:, own])
        if kink.blocks:
            for k, along in enumerate(mine):
                alone = [None if t is None else t[k : k + 1] for t in inner]
                results.append(sweeps.derivative_of(index, along).push(alone, 1))
        else:
            results.append(sweeps.derivative_of(index, mine[0]).push(inner, count))
    return np.concatenate(results), slopes


def _in_order(sweeps: Sweeps, index: int, inner: list[Array | None], slopes: Array) -> Array:
    """The tangents of a sort in all branches, whose slopes get the orders that add most."""
    weights, node, (t,) = weights_of_sorts(sweeps), sweeps.program.nodes[index], inner
    assert weights is not None and t is not None
    own = node.own
    places = np.argsort(weights[index], axis=0, kind="stable")
    results = []
    for number, rates in enumerate(t):
        ranks = np.empty(places.shape)
        grows = np.argsort(rates.reshape(places.shape), axis=0, kind="stable")
        np.put_along_axis(ranks, grows, places, axis=0)
        found = codes(ranks[1:] - ranks[:1]).reshape(-1)
        slopes[number, own] = np.where(sweeps.active[own], found, slopes[number, own])
        results.append(sweeps.derivative_of(index, slopes[number]).push([rates[None]], 1))
    return np.concatenate(results)


def _along(sweeps: Sweeps, index: int, kink: Kink, tangents: list[Array | None], sign: float) -> Array:
    """The slopes of the switches of a kink that are farthest along one tangent of its arguments, or along minus it."""
    node = sweeps.program.nodes[index]
    own = node.own
    chosen, args = sweeps.signs[own].copy(), [sweeps.values[arg] for arg in node.args]
    above = sweeps.upward.get(index, False)
    turned = [None if t is None else np.where(above & (sign * t < 0), 0.0, sign * t) for t in tangents]
    kink.choose(node.params, args, turned, node.shape, sweeps.active[own], chosen)
    return chosen
