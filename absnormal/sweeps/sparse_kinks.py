"""Sparse rows of kinked nodes: with given slopes a kink is linear in its arguments and in the |z| that are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from absnormal.arrays import Array
from absnormal.ops import kink_of
from absnormal.ops.kinks.entrywise import EntrywiseDerivative
from absnormal.ops.kinks.fold import FoldDerivative
from absnormal.ops.kinks.kink import LocalDerivative
from absnormal.program.nodes import Node
from absnormal.sweeps.sparse_entries import Local, Rows, scaled, unrolled

if TYPE_CHECKING:
    from absnormal.sweeps.sparse import Accumulation


def kinked(run: Accumulation, index: int, node: Node) -> Rows | None:
    """The rows of the result; those of its switching variables are appended."""
    own = node.own
    shapes = [run.shape(arg) for arg in node.args]
    derivative = kink_of(node.op).derivative(node.params, shapes, node.shape, run.sigma[own])
    if isinstance(derivative, EntrywiseDerivative):
        return _compared(run, index, node, derivative)
    return _chained(run, node, derivative) if isinstance(derivative, FoldDerivative) else _dense(run, node, derivative)


def _compared(run: Accumulation, index: int, node: Node, derivative: EntrywiseDerivative) -> Rows | None:
    """z' from its maps; the result from the maps with slope sigma, and |z| with its weight."""
    own = node.own

    def terms(maps: Sequence[Any]) -> list[Local | None]:
        return [None if scale is None else scaled(scale, node.shape) for scale in maps]

    if node.switch >= 0:
        wanted = run.wanted[own].any()
        run.switching.append((run.linear(node, terms(derivative.rates)) if wanted else None, node.switches))
    if not run.uses[index]:
        return None
    new = run.columns(own, derivative.weight, node.shape)
    return run.space.total([run.linear(node, terms(derivative.maps)), new], node.shape)


def _chained(run: Accumulation, node: Node, derivative: FoldDerivative) -> Rows | None:
    """m_j = p_j m_{j-1} + q_j u_j + w |z_j|, unrolled to combinations of the u_i and |z_i| since p was 0."""
    count, lanes = derivative.fold.shape[0], math.prod(node.shape)
    own = node.own
    p, q = (
        np.concatenate([np.full((1, lanes), first), c.reshape(count - 1, lanes)]).T.reshape(-1)
        for first, c in zip((0.0, 1.0), derivative.fold.weights(), strict=True)
    )
    wanted = np.concatenate([run.wanted[own], np.ones(lanes, bool)]).reshape(count, lanes).T.reshape(-1)
    first, second, factor = unrolled(p, q, wanted, count, run.space)
    # From lane by lane to the order of the array.
    position = np.arange(count * lanes).reshape(count, lanes).T.reshape(-1)
    target, origin = position[first], position[second]
    inner, size = run.at[node.args[0]], count * lanes
    u = run.space.csr(Rows(()) if inner is None else inner, size)
    running = run.space.product(run.space.gathered(target, origin, factor * q[second], size, size), u)
    kept = np.concatenate([np.zeros(lanes, bool), run.kept[own]])[origin]
    columns, weights = run.program.n + node.switch + origin[kept] - lanes, derivative.weight * factor[kept]
    running = running + run.space.gathered(target[kept], columns, weights, size)
    if node.switch >= 0:
        run.switching.append((Rows((), running[:-lanes] - u[lanes:]), node.switches))
    return run.space.rows(running[size - lanes :], node.shape)


def _dense(run: Accumulation, node: Node, derivative: LocalDerivative) -> Rows | None:
    """Every entry of an argument may weigh every entry of the result and every z: what small programs can afford."""
    size, switches = math.prod(node.shape), node.switches if node.switch >= 0 else 0
    of_y, of_z = (csr_array((count, run.space.width)) for count in (size, switches))
    for position, arg in enumerate(node.args):
        inner, shape = run.at[arg], run.shape(arg)
        if inner is None:
            continue
        count = math.prod(shape)
        run.space.spend(count * (size + switches))
        units = [None if i != position else np.eye(count).reshape(count, *shape) for i in range(len(node.args))]
        rows, (pushed, rates) = run.space.csr(inner, count), derivative.push_both(units, count)
        of_y = of_y + run.space.product(csr_array(pushed.reshape(count, size).T), rows)
        of_z = of_z + run.space.product(csr_array(rates[:, :switches].T), rows)
    if switches:
        run.space.spend(switches * (size + switches))
        columns = run.program.n + node.switch + np.arange(switches)
        kept = run.kept[node.switch : node.switch + switches]
        seeds, nothing = np.eye(switches), np.zeros((switches, *node.shape))
        identity = np.eye(size).reshape(size, *node.shape)
        of_y = of_y + _placed(run, derivative.pull(identity, None, True)[1], columns, kept)
        of_z = of_z + _placed(run, derivative.pull(nothing, seeds, True)[1], columns, kept)
        run.switching.append((Rows((), of_z), switches))
    return run.space.rows(of_y, node.shape)


def _placed(run: Accumulation, weights: Array | None, columns: Array, kept: Array) -> Any:
    """Weights of |z|, a row each, in the columns that are kept."""
    assert weights is not None
    rows, own = np.nonzero(weights * kept)
    return run.space.gathered(rows, columns[own], weights[rows, own], len(weights))
