"""Directions along which all units of a first layer move in step (THEORY 7.6).

The units of a layer whose weights are variables have inputs of their own: moved by h_k times one and the same step, the
rate of unit k at image n is h_k times a number t_n that only depends on the image.  What stands behind the layer and
has no bias is positively homogeneous: at an image with t_n > 0 its kinks see the numbers h, and at one with t_n < 0 the
numbers -h.  So signs of deeper layers are the same at all images, and are chosen by h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from absnormal.active.layers import depths
from absnormal.arrays import Array
from absnormal.program.nodes import Node
from absnormal.sweeps.table import Sweeps

#: Units up to which a layer is looked at, and the numbers that their seeds may hold together.
_UNITS, _NUMBERS = 512, 20_000_000
#: The sizes of h are exp(t) with t of this standard deviation: so few units or many decide about a deeper kink.
_SPREAD = 3.0
#: Digits to which demands on h are told apart, and the numbers that they may hold together.
_DIGITS, _DEMANDS = 9, 2_000_000


def in_step(sweeps: Sweeps, c: Array, count: int, seed: int) -> Iterator[Array]:
    """Directions, each followed by its negative; none where no unit has inputs of its own.

    First those along which the kinks of the second layer have the signs of their slopes c, or the opposite ones; then
    ``count`` at random.
    """
    rng = np.random.default_rng(seed)
    depth = depths(sweeps, sweeps.active & sweeps.maybe_nonzero)
    steps = _steps(sweeps, depth, rng)
    if steps is None:
        return
    second = depth[sweeps.alpha] == 2
    rates = _rates(sweeps, steps, sweeps.alpha[second])
    for signs in (np.where(c >= 1, 1.0, -1.0), np.where(c <= -1, 1.0, -1.0)):
        h = _with_signs(rates, signs[second])
        if h is not None:
            yield from _both(h @ steps)
    for _ in range(count):
        yield from _both(np.exp(_SPREAD * rng.standard_normal(len(steps))) @ steps)


def _both(d: Array) -> tuple[Array, Array]:
    d = d / np.abs(d).max()
    return d, -d


def _rates(sweeps: Sweeps, steps: Array, own: Array) -> list[Array]:
    """The rates of the kinks of the second layer along each step and along its negative, shape (units, kinks)."""
    # The signs of the first layer are the same for all h > 0; the rates of the second one are linear in h.
    total = steps.sum(axis=0)
    return [sweeps.push(sweeps.directional(sense * total).sigma, sense * steps)[0][:, own] for sense in (1.0, -1.0)]


def _with_signs(rates: Sequence[Array], signs: Array) -> Array | None:
    """Sizes h > 0 with which the kinks of the second layer move in the sense of these signs, to rounding, both along
    the direction and along its negative; None where there are none."""
    demands = []
    for along in rates:
        sizes = np.abs(along).max(axis=0)
        kept = sizes > 0
        demands.append((signs * along)[:, kept] / sizes[kept])
    rows = np.unique(np.round(np.concatenate(demands, axis=1), _DIGITS), axis=1).T
    if not len(rows) or rows.size > _DEMANDS:
        return None
    from scipy.optimize import linprog

    units = rows.shape[1]
    # The largest margin t with rows . h >= t.
    found = linprog(
        np.r_[np.zeros(units), -1.0], A_ub=np.column_stack([-rows, np.ones(len(rows))]), b_ub=np.zeros(len(rows)),
        bounds=[(0.0, 1.0)] * units + [(None, 1.0)],
    )
    if found.status or not found.x[-1] > 0:
        return None
    # Every unit moves.
    return np.asarray(found.x[:-1] + found.x[-1] / (2 * units))


def _steps(sweeps: Sweeps, depth: Array, rng: np.random.Generator) -> Array | None:
    """A step for each unit, which moves no other one, shape (units, n)."""
    if depth.max(initial=0) < 2:
        return None
    found: list[Array] = []
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        if (depth[node.own] == 1).all() and node.switches:
            own = _of_node(sweeps, node, rng)
            if own is None:
                return None
            found.append(own)
    return np.concatenate(found) if found else None


def _of_node(sweeps: Sweeps, node: Node, rng: np.random.Generator) -> Array | None:
    """The steps of a node's units, which are those along its last axis that leaves them inputs of their own."""
    size, widest = int(np.prod(node.shape, dtype=int)), max(sweeps.program.s, sweeps.program.n)
    # Along which axes units have inputs of their own, as far as it is known.
    known: dict[tuple[int, int], bool] = sweeps.answers.setdefault(in_step, {})
    for axis in reversed(range(len(node.shape))):
        units = node.shape[axis]
        # A unit has several switches: along one step they move with different rates.
        if size != node.switches or not 1 < units <= min(_UNITS, size // 2) or units * widest > _NUMBERS:
            continue
        among = rng.standard_normal([1 if i == axis else length for i, length in enumerate(node.shape)])
        if not known.get((node.switch, axis), True):
            continue
        own = np.moveaxis(np.broadcast_to(among, node.shape), axis, 0).reshape(units, -1)
        numbers = np.moveaxis(np.arange(node.switches).reshape(node.shape), axis, 0).reshape(units, -1)
        seeds = np.zeros((units, sweeps.program.s))
        np.put_along_axis(seeds, node.switch + numbers, own, axis=1)
        # Two of them tell most often that units share inputs.
        steps = None if units > 2 and _alone(sweeps, seeds[:2]) is None else _alone(sweeps, seeds)
        known[node.switch, axis] = steps is not None
        if steps is not None:
            return steps
    return None


def _alone(sweeps: Sweeps, seeds: Array) -> Array | None:
    """The pulls of some seeds, if no two of them meet at an input."""
    steps = np.asarray(sweeps.pull(sweeps.signature(0.0), seeds, None)[0], dtype=float)
    moved = steps != 0
    apart = np.isfinite(steps).all() and moved.any(axis=1).all() and moved.sum(axis=0).max() == 1
    return steps if apart else None
