"""Merging: kinks on one set are one kink (THEORY 7.1).

Hypotheses
----------
Active switches of one class C vanish together near x: z_j = k_j z_i with k_j of one sign.  No active switch acts on
another one.  W_C = sum |k_j| w_j is what the switches of a class weigh together, rho_C the row of its first switch.

Statement
---------
dC f(x) is contained in J~ + sum_C [-1, 1] W_C rho_C, and is all of it where the W_C that are not 0 have one sign, or
their rho_C are independent.  A gradient that slopes c make is J~ + sum_C T_C rho_C with T_C = sum c_j k_j w_j, whether
the slopes fit together or not.

Proof idea
----------
|z_j| = |k_j| |z_i|, so f is a function with one switch a class.  The inclusion is the outer bound for that function
(THEORY 1.3), the equality is Regular (THEORY 2.3), or LIKQ (THEORY 2.4).

Notes
-----
Proportional rows do not suffice: |u| - |u + w^2|.  Whether a vector is in the set is a linear program with one number
for each class; its answer, numbers t_C in [-1, 1] or a direction that separates, is confirmed by sweeps.

Source
------
Clarke 1983; Walther & Griewank, SIAM J. Optim. 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.active.one_layer import OneLayer, is_one_layer
from absnormal.active.one_set import one_set
from absnormal.active.system import MANY, System
from absnormal.arrays import Array, exactly
from absnormal.certificates import merged_kinks
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm, Separates
from absnormal.certificates.witness import Witness
from absnormal.judgement.tolerances import DOUBLE, relative
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Nodes, Sweeps
from absnormal.theorems.problem import Problem, Proof

#: Numbers that a linear program may have, and numbers that are computed on the way to it.
_LARGEST, _WORK = 2_000_000, 100_000_000


@dataclass(frozen=True, eq=False)
class WithinMergedKinks(NextToProgram):
    """Merged kinks whose weights have one sign, or whose rows are independent, and slopes for them.

    Attributes
    ----------
    sign
        +1 or -1; 0 where the rows are independent
    slopes
        t for each class, in the order of their first switches
    """

    kind = "slopes of merged kinks"
    about_the_vector = True
    sign: int
    slopes: Sequence[float]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The classes, the signs and the sum again."""
        return merged_kinks.within(self.sign, self.slopes, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm:
        """The weights of proportional forms."""
        return MergedOnForm()


@dataclass(frozen=True, eq=False)
class MergedOnForm(OnForm):
    """The forms of the switches say which are one, what they weigh, and what the slopes make of them."""

    kind = "merged kinks"


@dataclass(frozen=True, eq=False)
class BeyondMergedKinks(NextToProgram, Separates):
    """Separated, in x, from the gradients for all slopes of the merged kinks."""

    kind = "separated from merged kinks"
    about_the_vector = True
    separator: Sequence[Any]
    gap: Fraction | float

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """By the signature that a push along the separator shows to be the worst."""
        return merged_kinks.beyond(self.separator, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """The same separator, in the columns of the form, or in x."""
        system = problem.relevant
        if system is None or system.inputs is None:
            return None
        v = [Fraction(a) for a in self.separator]
        return BeyondMergedOnForm(v if judged is not None else [v[j] for j in system.inputs], self.gap)


@dataclass(frozen=True, eq=False)
class BeyondMergedOnForm(OnForm, Separates):
    """The same from the forms alone."""

    kind = "separated from merged forms"
    separator: Sequence[Fraction]
    gap: Fraction | float

    def on(self, system: System) -> dict[str, Any]:
        """The separator."""
        return {"kind": self.kind, "separator": self.separator}


def layer_of(sweeps: Sweeps) -> OneLayer | None:
    """The classes of the active switches; None where no two are on one set, or where one acts on another."""
    classes = one_set(sweeps)
    return OneLayer(sweeps, classes) if classes is not None and is_one_layer(sweeps) else None


def merging(problem: Problem) -> Proof | None:
    """Proves that g_c is a Clarke gradient, or that it is none, where kinks are on one set."""
    layer = layer_of(problem.sweeps)
    if layer is None:
        return None
    layer = _on_rationals(problem, layer)
    taken, reach = layer.taken(_numbers(layer, problem.c)), np.abs(layer.sure)
    excess = taken - np.clip(taken, -reach, reach)
    if (np.abs(excess) > layer.errors).any():
        return _misfit(problem, layer, taken, excess)
    if not layer.whole:
        return None
    aside = layer.set_aside() + layer.reach(excess)
    if not problem.allows(aside):
        return None
    return _within(layer, (taken - excess) / np.where(reach > 0, layer.sure, 1), float(aside.max(initial=0)))


def _misfit(problem: Problem, layer: OneLayer, taken: Array, excess: Array) -> Proof | None:
    """The verdict where slopes give to some class more than slopes in [-1, 1] can."""
    # One input alone often shows it, at the cost of the sweeps between it and the kinks.
    near = layer.nearest()
    v = _scaled(layer.combined(excess, near))
    if v is not None:
        gap, slack = _gap(layer, v, taken, near)
        if gap > slack:
            return _beyond(layer, v, gap)
    left = layer.combined(taken)
    for v in _separators(layer, layer.combined(excess), left, 0 * layer.base):
        gap, slack = _gap(layer, v, taken)
        if gap > slack:
            return _beyond(layer, v, gap)
    if layer.sweeps.rational:
        return None
    depth = layer.sweeps.pull_depth + layer.classes.count
    return _near(layer, left, np.minimum(problem.allowed, rounding(depth) * layer.reach(layer.sizes)))


def merged_vector(problem: Problem, g: Array, accepted: Array, beyond: Callable[[], Array | None]) -> Proof | None:
    """Judges a vector: it is near to a Clarke gradient within ``accepted``, or farther from all than what ``beyond``
    makes when it is needed."""
    layer = layer_of(problem.sweeps)
    if layer is None:
        return None
    left = _numbers(layer, g) - layer.base
    near = _near(layer, left, accepted, Judged(g, accepted))
    if near is not None:
        return near
    refuted = beyond()
    if refuted is None:
        return None
    for v in _separators(layer, left, left, accepted):
        rates, size = layer.rates(v), layer.rate_errors(v)
        gap = v @ left - np.abs(layer.weights * rates).sum()
        slack = np.abs(v) @ _numbers(layer, refuted) + (layer.errors * np.abs(rates) + layer.sizes * size).sum()
        if gap > slack:
            return _beyond(layer, v, gap, Judged(g, refuted))
    return None


def _near(layer: OneLayer, left: Array, accepted: Array, judged: Judged | None = None) -> Proof | None:
    """Slopes of the merged kinks that give what is left of a vector, within what is accepted."""
    if layer.whole:
        for t in _slopes(layer, left, accepted):
            distance = np.abs(layer.combined(t * layer.sure) - left)
            if (distance <= accepted).all():
                distance = distance + layer.set_aside()
                if (distance <= accepted).all():
                    return _within(layer, t, float(distance.max(initial=0)), judged)
    return None


def _on_rationals(problem: Problem, layer: OneLayer) -> OneLayer:
    """The layer in exact arithmetic, where the active switches of a piecewise-linear program are few."""
    few = len(problem.sweeps.alpha) <= MANY and problem.sweeps.program.is_piecewise_linear
    system = problem.system if few and not problem.sweeps.rational else None
    if system is None or system.arithmetic != "rational":
        return layer
    exact = Witness(problem.sweeps, problem.c).exact
    return layer_of(exact) or layer


def _numbers(layer: OneLayer, values: Any) -> Array:
    values = np.asarray(values)
    return exactly(values) if layer.sweeps.rational else values.astype(float)


def _within(layer: OneLayer, slopes: Array, deviation: float, judged: Judged | None = None) -> Proof:
    given = "and the gradient is one of those that slopes in [-1, 1] give"
    reason = (
        f"{_counted(layer)}, where their weights add up to 0, so f is differentiable at x"
        if layer.negligible.all()
        else f"{_counted(layer)}, where their weights add up to numbers of one sign, {given}"
        if layer.sign
        else f"{_counted(layer)}, whose rows are independent where their weights do not add up to 0, {given}"
    )
    t = slopes.astype(float).tolist()
    return Proof("merging", True, reason, _arithmetic(layer), WithinMergedKinks(layer.sign, t), deviation, judged)


def _beyond(layer: OneLayer, v: Array, gap: Any, judged: Judged | None = None) -> Proof:
    reason = (
        f"{_counted(layer)}; a direction separates the gradient from the gradients for all slopes that fit together"
    )
    return Proof("separation", False, reason, _arithmetic(layer), BeyondMergedKinks(v.tolist(), gap), judged=judged)


def _counted(layer: OneLayer) -> str:
    sets = f"{layer.classes.count} sets" if layer.classes.count > 1 else "one set"
    return f"the {len(layer.sweeps.alpha)} active switches kink on {sets}"


def _arithmetic(layer: OneLayer) -> str:
    return "rational" if layer.sweeps.rational else "float64"


def _gap(layer: OneLayer, v: Array, taken: Array, only: Nodes = None) -> tuple[Any, Any]:
    """v . g_c minus the largest v . g for slopes that fit together, and what of it may be rounding."""
    rates = layer.rates(v, only)
    gap = (taken * rates - np.abs(layer.weights * rates)).sum()
    if layer.sweeps.rational or not gap > 0:
        return gap, 0
    lost = relative(DOUBLE)
    slack = (layer.errors + lost * layer.sizes) * np.abs(rates) + layer.sizes * layer.noise(v, only)
    return gap, 2 * slack.sum()


def _separators(layer: OneLayer, first: Array, left: Array, allowed: Array) -> Iterator[Array]:
    """Directions that may separate: one that is given, the entry that is farthest, and that of a linear program."""
    yield from (v for v in map(_scaled, (first, _farthest(left, allowed))) if v is not None)
    found = _program(layer, left, allowed)
    v = None if found is None else _scaled(found[1])
    if v is not None:
        yield _numbers(layer, v)


def _farthest(left: Array, allowed: Array) -> Array:
    beyond = np.abs(left) - allowed
    result = 0 * left
    if beyond.size:
        most = int(np.argmax(beyond.astype(float)))
        result[most] = left[most]
    return np.asarray(result)


def _scaled(v: Array) -> Array | None:
    largest = np.abs(v).max(initial=0)
    return v / largest if largest > 0 else None


def _slopes(layer: OneLayer, left: Array, allowed: Array) -> Iterator[Array]:
    """Slopes of the classes that may give what is left of a vector."""
    if layer.negligible.all():
        yield 0 * layer.weights
        return
    found = _program(layer, left, allowed)
    if found is not None:
        yield _numbers(layer, np.clip(found[0], -1.0, 1.0))


def _program(layer: OneLayer, left: Array, allowed: Array) -> tuple[Array, Array] | None:
    """The t in [-1, 1] for which sum t_C W_C rho_C is nearest to a vector, in units of what is allowed, and the
    direction in which it is not reached; None where that is too large to be asked, or the solver fails.

        minimise sum (p + q)   subject to   sum_C t_C W_C rho_C + D (p - q) = left,   p, q >= 0
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, diags_array, hstack

    n, used = layer.sweeps.program.n, np.flatnonzero(layer.sure != 0)
    entries = sum(int(np.prod(node.shape, dtype=int)) for node in layer.sweeps.program.nodes)
    if n * len(used) > _LARGEST or n * entries > _WORK:
        return None
    columns = (layer.rows()[used] * layer.sure[used, None].astype(float)).T
    goal, units = left.astype(float), np.asarray(allowed, dtype=float)
    size = np.abs(goal) + np.abs(columns).sum(axis=1)
    units = np.maximum(units, np.finfo(float).eps * np.where(size > 0, size, 1.0))
    matrix = hstack([csr_array(columns / units[:, None]), diags_array(np.ones(n)), diags_array(-np.ones(n))])
    found = linprog(
        np.concatenate([np.zeros(len(used)), np.ones(2 * n)]), A_eq=matrix, b_eq=goal / units,
        bounds=[(-1, 1)] * len(used) + [(0, None)] * (2 * n), method="highs",
    )
    if found.status != 0:
        return None
    slopes = np.zeros(layer.classes.count)
    slopes[used] = found.x[: len(used)]
    return slopes, np.asarray(found.eqlin.marginals) / units
