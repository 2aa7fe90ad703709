"""A vector judged block by block (THEORY 5).

Hypotheses
----------
The blocks are the components of the matroid of the rows, joined wherever a coupling links them; hypothesis E holds, and
the program is piecewise linear.

Statement
---------
dC f(x) = J~ + sum over blocks B of conv{G_B(tau) : tau open in B}.  So convex weights in each block prove that a vector
is a member, and v with v . (g - J~) > sum_B s_B proves that it is none, where s_B = max_tau v . G_B(tau), or is the
largest bound of a tree of sign choices (THEORY 7.6).

Notes
-----
Nothing is multiplied out, and everything is confirmed on rationals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.evidence import InSystems, Judged, Separates
from absnormal.clarke.blocks import Listed, listed, some_of
from absnormal.clarke.branching import BOUND, Branching, Tree, written
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, gradients, opened
from absnormal.clarke.polytope import Answer, Summand, membership
from absnormal.clarke.pricing import AT_ONCE, around, cells_along
from absnormal.rational.linear_algebra import Vector, dot
from absnormal.theorems.branch_and_bound import LISTED
from absnormal.theorems.problem import Proof, reach
from absnormal.theorems.separation import with_rates

if TYPE_CHECKING:
    from absnormal.judgement.vector import Limits

#: The number of a system, and that of a block of it.
Place = tuple[int, int]
#: How often cells that are known are looked at.
_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Weighted:
    """Convex weights on open cells of a block, whose members are positions among the relevant switches."""

    members: Sequence[int]
    weights: Sequence[Fraction]
    cells: Sequence[Cell]

    def on(self, system: System) -> dict[str, Any]:
        """As it is written."""
        return {
            "members": self.members, "weights": self.weights, **opened(system, self.cells),
        }


@dataclass(frozen=True, eq=False)
class WeightsInBlocks(InSystems):
    """Convex weights block by block, for every system."""

    kind = "convex weights in blocks"
    systems: Sequence[tuple[System, Sequence[Weighted]]]

    def on(self, systems: Sequence[System]) -> dict[str, Any]:
        """The blocks of each system."""
        known = {system.switches: blocks for system, blocks in self.systems}
        parts = [{"blocks": [block.on(system) for block in known[system.switches]]} for system in systems]
        return {"kind": self.kind, "parts": parts}


@dataclass(frozen=True, eq=False)
class Treed:
    """A block, and a tree of sign choices that bounds v . G_B(tau) for all tau that are open in it."""

    members: Sequence[int]
    tree: Tree
    most: Fraction


@dataclass(frozen=True, eq=False)
class FromBlocks(InSystems, Separates):
    """Separated, in x, from the sum over all blocks; those of the systems that the separator touches are listed, or
    bounded."""

    kind = "separated from blocks"
    separator: Sequence[Fraction]
    gap: float
    systems: Sequence[tuple[System, Sequence[Listed | Treed]]]

    def on(self, systems: Sequence[System]) -> dict[str, Any]:
        """The blocks of each system, each with the list of its cells, or with its tree."""
        known = {system.switches: blocks for system, blocks in self.systems}
        found = [known.get(system.switches, ()) for system in systems]
        parts = [{"blocks": [{"members": block.members, **_shown(block)} for block in blocks]} for blocks in found]
        return {"kind": self.kind, "separator": self.separator, "gap": self.gap, "parts": parts}


def _shown(block: Listed | Treed) -> dict[str, Any]:
    return {"tree": written(block.tree)} if isinstance(block, Treed) else block.shared.cells.to_dict()


def by_blocks(limits: Limits) -> Proof | None:
    """A proof about a vector, where every switch is in a block whose cells are proved and rational.

    Of a block with many cells some are known at first.  Where they do not hold the vector, cells beyond them are
    searched for, until the vector is held, or trees show that there are none beyond.
    """
    problem = limits.problem
    apart = [problem.system] if problem.system is not None else problem.apart or []
    if not apart or any(not own.explicit or own.base is None or own.inputs is None for own in apart):
        return None
    part = problem.tracker.part()
    whole = list(listed([own.relevant() for own in apart], part, LISTED))
    problem.tracker.cells += part.cells
    base = [Fraction(0)] * len(limits.vector)
    for number, value in (apart[0].base or [{}])[0].items():
        base[number] = value
    for _ in range(_ROUNDS):
        if part.late or not all(block.shared.kept for own in whole for block in own):
            return None
        answer = _nearest(limits, base, whole)
        if answer.weights is not None:
            return _member(limits, base, apart, whole, answer.weights)
        if answer.separator is None:
            return None
        v = [Fraction(a) for a in answer.separator.tolist()]
        left = _gap(base, whole, v, limits.vector)
        refuted = None if limits.refuted is None else left - reach(v, limits.refuted)
        room = max(Fraction(0), refuted or Fraction(0)) / 2
        seen = _beyond(whole, v, room, part)
        if seen is None:
            return None
        if not any(isinstance(block, Listed) for block in seen.values()):
            return _separated(limits, apart, whole, seen, v, left) if room else None
        whole = [
            [found if isinstance(found := seen.get((i, k), block), Listed) else block for k, block in enumerate(own)]
            for i, own in enumerate(whole)
        ]
    return None


def _nearest(limits: Limits, base: Vector, whole: list[list[Listed]]) -> Answer:
    """Convex weights in all blocks, or a vector that separates from the cells that are known."""
    summands = [Summand(block.inputs, block.shared.floats[:, 0]) for own in whole for block in own]
    return membership(np.array(base, dtype=float), summands, limits.vector, limits.accepted)


def _member(
    limits: Limits, base: Vector, apart: list[System], whole: list[list[Listed]], proposed: list[Array]
) -> Proof | None:
    blocks = [block for own in whole for block in own]
    exact = [_normalised(weights) for weights in proposed]
    worst = _distance(base, blocks, exact, limits.vector, limits.accepted)
    if worst is None:
        return None
    weights = iter(exact)
    evidence = WeightsInBlocks([
        (system, [_weighted(block, next(weights)) for block in own]) for system, own in zip(apart, whole, strict=True)
    ])
    reason = f"the vector is, to rounding, a sum of convex combinations in {len(blocks)} independent blocks"
    judged = Judged(limits.vector, limits.accepted)
    return Proof("membership", True, reason, "rational", evidence, worst, judged)


def _separated(
    limits: Limits, apart: list[System], whole: list[list[Listed]], trees: dict[Place, Treed | Listed], v: Vector,
    left: Fraction,
) -> Proof | None:
    """The proof that v separates, where each block that it touches is listed, or has a tree; on others it is 0."""
    assert limits.refuted is not None
    gap, systems = left, []
    for i, own in enumerate(whole):
        if any(_touches(block, v) for block in own):
            shown = [
                block if block.shared.cells.complete else trees.get((i, k), Treed(block.members, [BOUND], Fraction(0)))
                for k, block in enumerate(own)
            ]
            systems.append((apart[i], shown))
            pairs = zip(shown, own, strict=True)
            gap -= sum((tree.most - _most(known, v) for tree, known in pairs if isinstance(tree, Treed)), Fraction(0))
    if not gap > reach(v, limits.refuted):
        return None
    reason = "a direction separates the vector from all limiting gradients"
    if trees:
        reason += ": trees of choices of signs bound these"
    evidence, judged = FromBlocks(v, float(gap), systems), Judged(limits.vector, limits.refuted)
    return Proof("separation", False, reason, "rational", evidence, judged=judged)


def _beyond(
    whole: list[list[Listed]], v: Vector, room: Fraction, tracker: BudgetTracker
) -> dict[Place, Treed | Listed] | None:
    """Of the blocks that v touches and whose cells are not all known: the block with cells that lie farther along v, by
    its part of ``room`` if that is not 0, or a tree; None where some search did not end."""
    open_ = {
        (i, k): block for i, own in enumerate(whole) for k, block in enumerate(own)
        if not block.shared.cells.complete and _touches(block, v)
    }
    found: dict[Place, Treed | Listed] = {}
    for place, block in open_.items():
        one = farther(block, v, room / len(open_), tracker)
        if one is None:
            return None
        found[place] = one
    return found


def farther(block: Listed, v: Vector, more: Fraction, tracker: BudgetTracker) -> Treed | Listed | None:
    """The block with cells that lie farther along v in x than all that are known, by ``more`` if that is not 0; or a
    tree, where there are none; or None, where the search did not end."""
    system, scaled, known = block.system, block.system.scaled, block.shared.cells.cells
    inner = _in_columns(system, v)
    factor = lcm(*(a.denominator for a in inner))
    whole = np.array([int(a * factor) for a in inner], dtype=object)
    unit = scaled.unit * factor
    highest = max((gradients(system, known).astype(object) @ whole).tolist())
    goal = highest + max(Fraction(1), more * unit)
    along, rng = whole / (np.abs(whole).max() or 1), np.random.default_rng(len(known))
    cells, points = cells_along(scaled, around(along.astype(float), rng))
    worth = points.astype(object) @ whole if cells else np.zeros(0)
    if not (worth >= goal).any():
        search = Branching(scaled, whole.tolist(), goal, tracker)
        answer = search.run()
        if answer is None:
            return None
        if not isinstance(answer, np.ndarray):
            return Treed(block.members, answer, Fraction(search.largest, unit))
        cells, points = cells_along(scaled, around(answer, rng))
        worth = points.astype(object) @ whole if cells else np.zeros(0)
    better = [k for k in np.argsort(-worth.astype(float)).tolist() if worth[k] > highest][:AT_ONCE]
    return replace(block, shared=some_of(system, [*known, *(cells[k] for k in better)])) if better else None


def _in_columns(system: System, v: Vector) -> Vector:
    """The vector that gives the rows in the columns of a system the rates that v in x gives them."""
    assert system.inputs is not None
    own = [v[number] for number in system.inputs]
    return with_rates(system, lambda i: dot(system.full[i], own))


def _touches(block: Listed, v: Vector) -> bool:
    return any(v[j] for j in block.inputs.tolist())


def _normalised(weights: Array) -> dict[int, Fraction]:
    exact = {k: Fraction(w) for k, w in enumerate(weights.tolist()) if w}
    total = sum(exact.values(), Fraction(0))
    return {k: w / total for k, w in exact.items()}


def _distance(
    base: Vector, blocks: list[Listed], weights: list[dict[int, Fraction]], g: Array, allowed: Array
) -> float | None:
    """The largest entry of the difference, when all are within the tolerance."""
    total = list(base)
    for block, own in zip(blocks, weights, strict=True):
        points, unit = block.shared.points
        for k, w in own.items():
            for j, a in zip(block.inputs.tolist(), points[k, 0].tolist(), strict=True):
                total[j] += w * a / unit
    return farthest(total, g, allowed)


def farthest(found: Iterable[Fraction], g: Array, allowed: Array) -> float | None:
    """The largest entry of the difference of a vector of rationals and g, when all are within the tolerance."""
    worst = Fraction(0)
    for entry, value, bound in zip(found, g.tolist(), allowed.tolist(), strict=True):
        distance = abs(entry - Fraction(value))
        if distance > Fraction(bound):
            return None
        worst = max(worst, distance)
    return float(worst)


def _gap(base: Vector, whole: list[list[Listed]], v: Vector, g: Array) -> Fraction:
    """v . (g - J~) - sum of max v . G_B over the cells that are known."""
    gap = sum((a * (Fraction(b) - c) for a, b, c in zip(v, g.tolist(), base, strict=True) if a), Fraction(0))
    return gap - sum((_most(block, v) for own in whole for block in own if _touches(block, v)), Fraction(0))


def _most(block: Listed, v: Vector) -> Fraction:
    points, unit = block.shared.points
    own = [v[j] for j in block.inputs.tolist()]
    return Fraction(max(dot(own, point) for point in points[:, 0].tolist())) / unit


def _weighted(block: Listed, weights: dict[int, Fraction]) -> Weighted:
    cells = [block.shared.cells.cells[block.shared.kept[k]] for k in weights]
    return Weighted(block.members, [*weights.values()], cells)
