"""Membership (THEORY 2.7).

Hypotheses
----------
g = sum_k w_k g_{sigma_k} with convex weights w_k and open signatures sigma_k.

Statement
---------
g is a Clarke gradient.

Proof idea
----------
Every g_{sigma_k} is a limiting gradient of f (THEORY 1.3).

Notes
-----
The cells are enumerated and the weights are found on rationals: A w = g, w >= 0 and sum w = 1 hold exactly.  Where that
cannot be had, the cells of computed rows, or limiting gradients along directions, are used, and the rounding is stated.
A vector that a tool returned is rounded: it is a member when some member lies within its tolerance (THEORY 6.4).

Source
------
Clarke 1983, theorem 2.5.1; Kubota, OMS 2018, for the enumeration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple, Self

import numpy as np

from absnormal.active.in_step import in_step
from absnormal.active.system import MANY, System
from absnormal.arrays import Array
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.clarke.budget import Clock
from absnormal.clarke.cells import Cell, Cells, gradients, opened
from absnormal.clarke.computed import computed_cells
from absnormal.clarke.explored import FirstOrder, directions_to, first_order
from absnormal.clarke.fallback import SAME, chosen_along, direction
from absnormal.rational.alternative import mean, nearest_combination
from absnormal.sweeps.rounding import UNIT, rounding
from absnormal.theorems.problem import Problem, Proof

#: Weight, slopes at the active switches, direction in the variables x.
Sampled = tuple[float, Array, Array]
#: How much noise is added to what is left, relative to its largest entry, round by round.
_ROUNDS = (0.0, *(20 * (0.0, 0.1, 0.5, 2.0)))
#: How many means are tried that the first-order form of f proposes.
_PROPOSALS = 4
#: What so many rounds must leave at most of what was left, where variables are more than below.
_STUCK, _BATCH = 0.9, 4
#: Variables up to which directions are drawn as long as there is time, and how many at once.
_LOW, _AROUND = 64, 64
#: How many pairs of directions, of units in step, are taken together.
_IN_STEP = (16, 48, 128)
#: Numbers that the limiting gradients, and the sizes of their terms, may hold together.
_NUMBERS = 60_000_000


@dataclass(frozen=True, eq=False)
class ConvexWeights(OnForm):
    """Convex weights on open cells of the relevant switches."""

    kind = "convex weights"
    weights: Sequence[Fraction]
    cells: Sequence[Cell]

    @classmethod
    def of(cls, weights: dict[int, Fraction], cells: Cells) -> Self:
        """Of the cells that are used."""
        return cls([*weights.values()], [cells.cells[k] for k in weights])

    def on(self, system: System) -> dict[str, Any]:
        """Each cell by its signature and a direction in all columns."""
        return {"kind": self.kind, "weights": self.weights, **opened(system, self.cells)}


@dataclass(frozen=True, eq=False)
class LimitingGradients(NextToProgram):
    """Convex weights on limiting gradients, each with its slopes at the active switches and a direction in x."""

    kind = "limiting gradients"
    about_the_vector = True
    weights: Sequence[float]
    signatures: Sequence[Sequence[float]]
    directions: Sequence[Sequence[float]]

    @classmethod
    def of(cls, used: list[Sampled]) -> Self:
        """Of what was sampled."""
        return cls(
            [w for w, _, _ in used], [slopes.tolist() for _, slopes, _ in used], [d.tolist() for _, _, d in used]
        )

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """Every direction is pushed, and the mean compared."""
        return next_to_program.mean_of_limiting(self.weights, self.signatures, self.directions, witness, rng)


def membership(problem: Problem) -> Proof | None:
    """Proves g_c by convex weights on limiting gradients."""
    system, cells = problem.relevant, problem.cells
    if system is None or cells is None or not system.explicit or not cells.cells:
        return None
    found = _weights(problem, system, cells.cells)
    if found is None:
        return None
    return Proof("membership", True, found[1], system.arithmetic, ConvexWeights.of(found[0], cells))


def membership_in_computed_rows(problem: Problem) -> Proof | None:
    """Proves g_c by limiting gradients where hypothesis E fails or is hidden: each cell that is used has a direction
    whose signs are beyond rounding."""
    if problem.relevant is None or problem.relevant.explicit:
        return None
    found = computed_cells(problem.sweeps, problem.tracker)
    if found is None or not found.cells:
        return None
    made = _weights(problem, found.system, found.cells)
    if made is None:
        return None
    used = [(float(w), *found.openings[k]) for k, w in made[0].items()]
    return Proof("membership", True, made[1], "float64", LimitingGradients.of(used))


def _weights(problem: Problem, system: System, cells: list[Cell]) -> tuple[dict[int, Fraction], str] | None:
    """Convex weights on the limiting gradients of some cells whose mean is g_c, and that in words."""
    target = system.scaled.target(system.gradient(problem.slopes_in(system)))
    weights, _ = mean(gradients(system, cells), target)
    if weights is None:
        return None
    used = len(weights)
    return weights, f"the gradient is a convex combination of {used} limiting gradient{'s' if used > 1 else ''}"


def membership_along_directions(problem: Problem) -> Proof | None:
    """Proves, up to rounding, that g_c is a convex combination of limiting gradients along directions, where switches
    are many."""
    if _needless(problem):
        return None
    g = problem.gradient
    found = nearest_mean(problem, g, _rounded(problem))
    if found is None:
        return None
    return of_mean(*found) if (found[1] <= problem.allowed).all() else None


def vector_along_directions(problem: Problem, g: Array, allowed: Array) -> Proof | None:
    """Proves that a vector is a convex combination of limiting gradients, where switches are many."""
    if _needless(problem):
        return None
    found = nearest_mean(problem, g, allowed)
    return None if found is None else of_mean(*found, Judged(g, allowed))


def _needless(problem: Problem) -> bool:
    """Whether all open cells are known, or each of several subproblems is asked for itself."""
    listed = problem.cells is not None and problem.cells.complete
    return listed or problem.sweeps.rational or (len(problem.sweeps.alpha) > MANY and bool(problem.subproblems))


def _rounded(problem: Problem) -> Array:
    """What rounding makes of g_c."""
    size = problem.sweeps.pull_magnitude(problem.sigma, None, np.ones((1, 1)))[0][0]
    return np.asarray(2 * rounding(problem.sweeps.pull_depth) * size)


def of_mean(used: list[Sampled], off: Array, judged: Judged | None = None) -> Proof:
    """The proof by a mean of what was sampled, whose entries are off by at most these numbers."""
    many = f"a convex combination of {len(used)} limiting gradients" if len(used) > 1 else "the limiting gradient"
    reason = f"the gradient is, to rounding, {many} along {'directions' if len(used) > 1 else 'a direction'}"
    deviation = float(off.max(initial=0.0))
    return Proof("membership", True, reason, "float64", LimitingGradients.of(used), deviation, judged)


def nearest_mean(problem: Problem, g: Array, slack: Array) -> tuple[list[Sampled], Array] | None:
    """Limiting gradients whose mean is g within ``slack`` and the rounding of these sweeps, and how far it may be;
    None where none was found.

    Where active switches are few, the first-order form proposes directions (`absnormal.clarke.explored`).  Otherwise
    those of units in step come first (`absnormal.active.in_step`), and then column generation (see
    `absnormal.clarke.pricing`) with directional sweeps: what is left of g is the next direction.
    """
    form = first_order(problem.sweeps)
    if form is not None:
        return _explored(problem, form, g, slack)
    in_vain: list[_InVain] = problem.sweeps.answers.setdefault(nearest_mean, [])
    if any(one.says(problem, g) for one in in_vain):
        return None
    along, found = Limiting(problem, g, slack), Limiting(problem, g, slack)
    mean_of = _of_units_in_step(problem, along) or _of_what_is_left(problem, found)
    if mean_of is not None:
        return mean_of
    late = along.late or found.late
    if not (along.count or found.count):
        in_vain.append(_InVain(problem.c, g, np.inf, (problem.clock, problem.clock.turn) if late else None))
    elif found.stuck and not late:
        in_vain.append(_InVain(problem.c, g, found.stuck))
    return None


class _InVain(NamedTuple):
    """A vector for which no mean was found, for some slopes, and how much was left of it: infinity where no direction
    was open; and where time was short the clock and its turn."""

    c: Array
    vector: Array
    left: float
    turn: tuple[Clock, int] | None = None

    def says(self, problem: Problem, g: Array) -> bool:
        """Whether another search is in vain, too: for a vector near by, and for any where no direction was open."""
        clock, number = self.turn or (problem.clock, problem.clock.turn)
        now = clock is problem.clock and number == clock.turn
        return now and np.array_equal(problem.c, self.c) and bool(np.abs(g - self.vector).max() <= self.left / 4)


def _of_what_is_left(problem: Problem, found: Limiting) -> tuple[list[Sampled], Array] | None:
    """The mean by column generation."""
    g = found.vector
    left, seed, before = direction(len(g), 0), 0, np.inf
    for number, scale in enumerate(_ROUNDS):
        if number % _BATCH == 0 and found.count and len(g) > _LOW:
            size = float(np.abs(left).max())
            if size > _STUCK * before:
                found.stuck = size
                return None
            before = size
        d = left
        if scale:
            seed += 1
            noise = direction(len(g), seed)
            d = left + scale * noise * (np.abs(left).max(initial=0.0) / np.abs(noise).max(initial=1.0))
        if found.full(1):
            return None
        if not found.taken(d):
            continue
        left = found.left()
        if found.near(left):
            return found.used()
        if found.count == 1:
            before = float(np.abs(left).max())
            left = -d
    return _around(found, seed) if len(g) <= _LOW else None


def _explored(problem: Problem, form: FirstOrder, g: Array, slack: Array) -> tuple[list[Sampled], Array] | None:
    """The same where active switches are few: among very many directions, by the first-order form of f."""
    found = Limiting(problem, g, slack)
    # A mean of gradients that are rounded need not be nearer.
    near = np.maximum(0.95 * slack, _rounded(problem))
    proposed = directions_to(form, g, near, np.random.default_rng(0), lambda: found.full(1))
    for chosen in islice(proposed, _PROPOSALS):
        for d in chosen:
            if not found.full(1):
                found.taken(d)
        if found.count and found.near(found.left()):
            return found.used()
        if found.full(1):
            break
    return None


def _around(found: Limiting, seed: int) -> tuple[list[Sampled], Array] | None:
    """The mean where variables are few: directions at random, and around what is left, as long as there is time."""
    while found.count and not found.full(_AROUND):
        left, known = found.left(), found.count
        if found.near(left):
            return found.used()
        left = left / (np.abs(left).max(initial=0.0) or 1.0)
        for k in range(_AROUND):
            seed += 1
            noise = direction(len(left), seed)
            found.taken(noise if k % 2 else left + 2.0 ** (k % 9 - 6) * noise)
            if found.full(1):
                break
        if found.count == known:
            return None
    return found.used() if found.count and found.near(found.left()) else None


def _of_units_in_step(problem: Problem, found: Limiting) -> tuple[list[Sampled], Array] | None:
    """The mean for directions of units in step, as long as each batch leaves less than half of what was left."""
    before = np.inf
    along = in_step(problem.sweeps, np.asarray(problem.c, dtype=float), sum(_IN_STEP), 0)
    for count in _IN_STEP:
        known = found.count
        # What proposes directions takes time, too.
        for _ in range(2 * count):
            d = None if found.full(1) else next(along, None)
            if d is None:
                break
            found.taken(d)
        if found.count == known:
            return None
        left = found.left()
        if found.near(left):
            return found.used()
        if not np.abs(left).max() < before / 2:
            return None
        before = np.abs(left).max()
    return None


class Limiting:
    """Limiting gradients along directions, and the mean of them that is nearest to a vector."""

    def __init__(self, problem: Problem, g: Array, slack: Array) -> None:
        self._problem, self.vector, self._slack = problem, g, slack
        self._part = problem.tracker.part()
        self._cells: list[tuple[Array, Array]] = []
        self._columns: list[Array] = []
        self._known: set[bytes] = set()
        self._sure: set[bytes] = set()
        self._sizes: list[Array] = []
        self._weights, self._off = np.zeros(0), slack
        #: How much is left where more directions bring the mean no nearer, and whether the time was over.
        self.stuck, self.late = 0.0, False
        self._open, self._hopeless = np.zeros(len(problem.sweeps.alpha), bool), False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._columns)

    def full(self, more: int) -> bool:
        """Whether half of the time, or memory, is over before ``more`` have come, or none can come."""
        if self._hopeless:
            return True
        self.late = self._part.late or self._problem.tracker.late
        return self.late or bool(self._problem.tracker.spent) or 2 * (self.count + more) * len(self.vector) > _NUMBERS

    def taken(self, d: Array) -> bool:
        """Adds the limiting gradient along a direction, if it is one for sure and is new."""
        sweeps = self._problem.sweeps
        self._problem.tracker.programs += 1
        chosen, certain = chosen_along(sweeps, d)
        self._hopeless = (self._open & ~certain).sum() > SAME
        self._open = ~certain
        if not certain.all():
            return False
        gradient = sweeps.gradient(chosen)
        if gradient.tobytes() in self._known:
            return False
        self._known.add(gradient.tobytes())
        self._columns.append(gradient)
        self._cells.append((chosen[sweeps.alpha], d))
        self._sizes.append(sweeps.pull_magnitude(chosen, None, np.ones((1, 1)))[0][0])
        return True

    def left(self) -> Array:
        """What the nearest mean leaves of the vector."""
        self._weights, left = nearest_combination(np.stack(self._columns, axis=1), self.vector)
        return left

    def near(self, left: Array) -> bool:
        """Whether that is no more than rounding, for gradients of cells that are open clearly beyond that of values;
        others are taken out.

        What has no weight in the mean has no part in its rounding, either.
        """
        while (np.abs(left) <= self._allowed()).all():
            shut = [k for k, w in enumerate(self._weights) if w and not self._clearly_open(*self._cells[k])]
            if not shut:
                return True
            for k in reversed(shut):
                self._known.discard(self._columns.pop(k).tobytes())
                self._cells.pop(k)
                self._sizes.pop(k)
            if not self._columns:
                return False
            left = self.left()
        return False

    def _allowed(self) -> Array:
        """How far the mean may be from the vector by rounding, and by what was said."""
        sizes = [w * size for w, size in zip(self._weights, self._sizes, strict=True) if w]
        unit = rounding(self._problem.sweeps.pull_depth) + self.count * UNIT
        self._off = self._slack + 2 * unit * np.sum(sizes, axis=0)
        return self._off

    def _clearly_open(self, slopes: Array, d: Array) -> bool:
        sweeps, key = self._problem.sweeps, d.tobytes()
        if sweeps.program.is_piecewise_linear or key in self._sure:
            return True
        if next_to_program.opens(sweeps, slopes, d):
            self._sure.add(key)
        return key in self._sure

    def used(self) -> tuple[list[Sampled], Array]:
        """The gradients that the mean is of, and how far from the vector it may be."""
        weighted = zip(self._weights, self._cells, strict=True)
        return [(float(w), *cell) for w, cell in weighted if w], self._off
