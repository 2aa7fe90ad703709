"""Layered blocks: directions of their own for each layer of kinks (THEORY 7.2).

Hypotheses
----------
The active switches fall into layers G_1, ..., G_p, such that a switch depends on active |.| of earlier layers only.
Each layer has directions d along which no switch of an earlier layer moves (R_j . d = 0) and all of its own do
(R_i . d != 0), with the base rows R.  On each layer the slopes c are a convex combination of the sign vectors
(sign R_i . d) of these directions.  Switches whose row is zero for every sigma, and those that cannot change the
output, are left out.

Statement
---------
Every choice of these sign vectors, one for each layer, is open, and g_c is a Clarke gradient.

Proof idea
----------
d = sum_l t_l d_l, with t_l growing fast, realizes the choice: r_i^sigma . d_l = R_i . d_l on G_l and 0 before it.  A
chain meets each layer once at most, so g_c is the mean of g_sigma over independent choices.

Notes
-----
In particular c = 0 on a layer needs one direction that moves all of it (of a norm one entry at least), a uniform c one
that moves all of it in one sense, and c of -1 and 1 one that moves each switch in the sense of its slope.  The sign
vector of a norm is R_i d / |R_i d|, and other slopes than 0 need two directions, for c + a and c - a with a orthogonal
to c (THEORY 8).  Slopes of several values need a direction for every threshold between them.  Directions lie in inputs
that reach no earlier layer, by patterns: the weights of a layer as well as its biases.  A sign counts only beyond its
rounding error.

Source
------
This package; the statement and its proof are in THEORY 7.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Self

import numpy as np

from absnormal.active.layers import depths
from absnormal.active.private_inputs import private_inputs
from absnormal.active.system import System
from absnormal.arrays import Array, lengths
from absnormal.certificates import of_slopes
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm, wide
from absnormal.certificates.witness import Witness
from absnormal.rational.linear_algebra import simplest
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.realized import ALONG, rates_beyond, senses
from absnormal.sweeps.rounding import UNIT
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof

#: Different slopes in one layer, layers, and numbers in sweeps over all of them, up to which directions are looked for.
_VALUES, _LAYERS, _NUMBERS = 4, 64, 200_000_000
_UPDATES = 10
#: How often a direction is solved for, each time for what is left, and in how many steps.
_REFINED, _ITERATIONS = 3, 50


@dataclass(frozen=True, eq=False)
class Layer:
    """The switches of a layer, and convex weights on the sign vectors of directions (pairs of inputs and numbers)."""

    switches: Sequence[int]
    weights: Sequence[Any]
    directions: Sequence[tuple[Sequence[int], Sequence[float]]]


@dataclass(frozen=True, eq=False)
class LayeredBlocks(NextToProgram):
    """Layers of switches, in their order, with directions of their own."""

    kind = "layered blocks"
    layers: Sequence[Layer]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """What each layer depends on, by patterns; what its directions move, by pushes."""
        return of_slopes.layered(self.layers, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """The same switches and directions, where the columns of the system are inputs."""
        system = problem.relevant
        if system is None or system.inputs is None:
            return None
        column = {system.inputs[j]: position for position, j in enumerate(system.columns)}
        at = {switch: i for i, switch in enumerate(system.switches)}
        found: list[tuple[list[int], Sequence[Fraction], list[list[Fraction]]]] = []
        for layer in self.layers:
            directions = []
            for inputs, numbers in layer.directions:
                d = [Fraction(0)] * system.width
                for number, value in zip(inputs, numbers, strict=True):
                    if number in column:
                        d[column[number]] = Fraction(value)
                directions.append(d)
            found.append(([at[i] for i in layer.switches if i in at], list(map(Fraction, layer.weights)), directions))
        return LayersOnForm([layer for layer in found if layer[0]])

    def to_dict(self) -> dict[str, Any]:
        """Each layer by its names."""
        return {"kind": self.kind, "layers": [
            {"switches": layer.switches, "weights": layer.weights,
             "directions": [{"inputs": inputs, "numbers": numbers} for inputs, numbers in layer.directions]}
            for layer in self.layers
        ]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls([
            Layer(own["switches"], own["weights"], [(d["inputs"], d["numbers"]) for d in own["directions"]])
            for own in data["layers"]
        ])


@dataclass(frozen=True, eq=False)
class LayersOnForm(OnForm):
    """Positions of the relevant switches, weights, and directions in their columns, layer by layer."""

    kind = "layered blocks"
    layers: Sequence[tuple[Sequence[int], Sequence[Fraction], Sequence[Sequence[Fraction]]]]

    def on(self, system: System) -> dict[str, Any]:
        """The directions in all columns."""
        return {"kind": self.kind, "layers": [
            {"members": members, "weights": weights, "directions": [wide(system, d) for d in directions]}
            for members, weights, directions in self.layers
        ]}


def layered_blocks(problem: Problem) -> Proof | None:
    """Proves by directions that each layer of active switches has for itself."""
    sweeps, c = problem.sweeps, np.asarray(problem.c, dtype=float)
    if sweeps.rational or not len(c) or sweeps.sorts:
        return None
    counted = np.zeros(sweeps.program.s, bool)
    counted[sweeps.alpha] = problem.maybe_nonzero & sweeps.influence()[sweeps.alpha]
    counted = sweeps.with_their_blocks(counted)
    layers: list[Layer] = []
    for own, free in _by_layer(sweeps, counted):
        found = _proposed(sweeps, own, free, c[own[sweeps.alpha]])
        if found is None:
            return None
        layers.append(found)
    count = len(layers)
    if not count:
        return None
    inputs = "the layer of active kinks has" if count == 1 else f"each of the {count} layers of active kinks has"
    reason = f"{inputs} inputs of its own that move all of it, whatever the kinks before it do"
    return Proof("layered blocks", True, reason, "float64, signs beyond rounding", LayeredBlocks(layers))


def _by_layer(sweeps: Sweeps, counted: Array) -> Iterator[tuple[Array, Array]]:
    """The switches (s,) of each layer, and the inputs (n,) that reach no earlier one; nothing where that is much."""
    depth, sigma = depths(sweeps, counted), sweeps.signature(0.0)
    count = int(depth.max(initial=0))
    free = np.ones(sweeps.program.n, bool)
    if count > _LAYERS or count * sum(math.prod(node.shape) for node in sweeps.program.nodes) > _NUMBERS:
        free[:] = False
    for level in np.unique(depth[counted]).tolist():
        own = depth == level
        yield own, free
        reached = sweeps.pull_magnitude(sigma, own[None].astype(float), None, change=nonzero)[0][0]
        free = free & (reached == 0)


def _proposed(sweeps: Sweeps, own: Array, free: Array, c: Array) -> Layer | None:
    """Directions in the free inputs, whose sign vectors have the mean c; None where none are found."""
    if not free.any() or not _reached(sweeps, own, free):
        return None
    if not c.any():
        d = np.where(free, np.random.default_rng(0).standard_normal(len(free)), 0.0)
        steps = [(Fraction(1, 2), d), (Fraction(1, 2), -d)] if _moved(sweeps, own, d).all() else []
    elif (own & sweeps.in_blocks).any():
        steps = list(_on_spheres(sweeps, own, free, c))
        if len(steps) < 2:
            return None
    else:
        steps = list(_by_thresholds(sweeps, own, free, c))
        if not all(d.any() for _, d in steps):
            return None
    if not steps:
        return None
    directions = [(np.flatnonzero(d).tolist(), d[d != 0].tolist()) for _, d in steps]
    return Layer(np.flatnonzero(own).tolist(), [weight for weight, _ in steps], directions)


def _on_spheres(sweeps: Sweeps, own: Array, free: Array, c: Array) -> Iterator[tuple[Fraction, Array]]:
    """Two directions whose sign vectors, of length 1 in every block, have the mean c: they are c + a and c - a, with a
    across c.

    Nothing, or one, where that is not found.  A block of one entry is left where its slope is -1, 0 or 1.
    """
    slopes, across = np.zeros(sweeps.program.s), np.zeros(sweeps.program.s)
    slopes[own] = c
    for numbers in (*sweeps.lanes, np.flatnonzero(own & ~sweeps.in_blocks)[None]):
        across[numbers] = _across(slopes[numbers])
    for sign in (1, -1):
        signs = (slopes + sign * across)[own]
        d = _solved(sweeps, own, free, signs)
        if d is not None and (np.abs(senses(sweeps, d)[own[sweeps.alpha]] - signs) <= ALONG).all():
            yield Fraction(1, 2), d


def _across(c: Array) -> Array:
    """A vector across each column c of length 1 at most that leads from it to the sphere; 0 where there is none."""
    size, blocks = lengths(c), np.arange(c.shape[1])
    along = c / np.where(size > 0, size, 1.0)
    least = np.abs(along).argmin(axis=0)
    found = -along * along[least, blocks]
    found[least, blocks] += 1.0
    length = lengths(found)
    return np.asarray(found * np.sqrt(np.maximum(1 - size**2, 0)) / np.where(length > 0, length, 1.0))


def _solved(sweeps: Sweeps, own: Array, free: Array, rates: Array) -> Array | None:
    """A direction in the free inputs along which the switches of a layer move at these rates, if there is one."""
    from scipy.sparse.linalg import LinearOperator, lsqr

    sigma, d, left = sweeps.signature(0.0), np.zeros(len(free)), rates

    def pushed(step: Array) -> Array:
        return np.asarray(sweeps.push(sigma, np.where(free, step.ravel(), 0.0)[None])[0][0][own])

    def pulled(weights: Array) -> Array:
        seeds = np.zeros((1, sweeps.program.s))
        seeds[0, own] = weights.ravel()
        return np.where(free, sweeps.pull(sigma, seeds, None)[0][0], 0.0)

    rows = LinearOperator((len(rates), len(free)), matvec=pushed, rmatvec=pulled, dtype=float)
    for _ in range(_REFINED):
        d = d + lsqr(rows, left, atol=UNIT, btol=UNIT, iter_lim=_ITERATIONS)[0]
        left = rates - pushed(d)
    return d if np.isfinite(d).all() else None


def _by_thresholds(sweeps: Sweeps, own: Array, free: Array, c: Array) -> Iterator[tuple[Fraction, Array]]:
    """For a threshold that is drawn from [-1, 1], the signs of c minus it have the mean c: a direction for each.

    It is 0 where none is found.
    """
    values = np.unique(c)
    if len(values) > _VALUES:
        return
    ends = [Fraction(-1), *map(simplest, values.tolist()), Fraction(1)]
    known: dict[bytes, Array] = {}
    for place, (low, high) in enumerate(pairwise(ends)):
        if low == high:
            continue
        signs = np.where(c >= (values[place] if place < len(values) else 2.0), 1.0, -1.0)
        opposite = known.get((-signs).tobytes())
        d = known[signs.tobytes()] = _searched(sweeps, own, free, signs) if opposite is None else -opposite
        yield (high - low) / 2, d
        if not d.any():
            return


def _searched(sweeps: Sweeps, own: Array, free: Array, signs: Array) -> Array:
    """A direction in the free inputs that moves every switch of a layer in the sense of its sign; 0 if none is found.

    Private inputs first, then the sum of the rows with these signs, and a few perceptron steps.
    """
    d, nothing = _private(sweeps, own, free, signs), np.zeros(len(free))
    for _ in range(_UPDATES):
        wrong = signs if not d.any() else np.where(_signs(sweeps, own, d, values=False) == signs, 0.0, signs)
        if not wrong.any():
            return d if (_signs(sweeps, own, d) == signs).all() else nothing
        seeds = np.zeros((1, sweeps.program.s))
        seeds[0, own] = wrong
        step = np.where(free, sweeps.pull(sweeps.signature(0.0), seeds, None)[0][0], 0.0)
        largest = np.abs(step).max(initial=0.0)
        if not np.isfinite(largest) or largest == 0:
            return nothing
        d = d + step / largest
    return nothing


def _private(sweeps: Sweeps, own: Array, free: Array, signs: Array) -> Array:
    """A step along the private inputs of the kinks in a layer."""
    d, sense = np.zeros(len(free)), np.zeros(sweeps.program.s)
    sense[own] = signs
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        mine = sense[node.own]
        found = private_inputs(sweeps.program).of(index) if mine.any() else []
        if found:
            d[found[0].groups[mine != 0]] = found[0].sign * mine[mine != 0]
    return np.where(free, d, 0.0)


def _reached(sweeps: Sweeps, own: Array, free: Array) -> bool:
    """Whether the free inputs may move all of a layer, by pattern."""
    return bool((sweeps.counts(free[None].astype(float), sweeps.signature(0.0))[0][own] != 0).all())


def _moved(sweeps: Sweeps, own: Array, d: Array) -> Array:
    """Which switches of a layer d moves, beyond rounding; all of a norm where it moves one of its entries."""
    moved = np.zeros(sweeps.program.s, bool)
    moved[sweeps.alpha] = rates_beyond(sweeps, sweeps.signature(0.0), d) != 0
    return sweeps.with_their_blocks(moved)[own]


def _signs(sweeps: Sweeps, own: Array, d: Array, values: bool = True) -> Array:
    """The signs of R_i . d on a layer, 0 where they are not beyond rounding (of sweeps alone, without ``values``)."""
    return np.sign(rates_beyond(sweeps, sweeps.signature(0.0), d, values=values))[own[sweeps.alpha]]
