"""A vector judged block by block (THEORY 5).

Hypotheses
----------
The blocks are the components of the matroid of the rows, joined wherever a coupling links them; hypothesis E holds, and
the program is piecewise linear.

Statement
---------
dC f(x) = J~ + sum over blocks B of conv{G_B(tau) : tau open in B}.  So convex weights in each block prove that a vector
is a member, and v with v . (g - J~) > sum_B max_tau v . G_B(tau) proves that it is none.

Notes
-----
Nothing is multiplied out, and everything is confirmed on rationals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.evidence import InSystems, Judged, Separates, wide
from absnormal.clarke.blocks import Listed, listed
from absnormal.clarke.cells import Cell
from absnormal.clarke.polytope import Summand, membership
from absnormal.rational.linear_algebra import dot
from absnormal.theorems.problem import Proof

if TYPE_CHECKING:
    from absnormal.judgement.vector import Limits


@dataclass(frozen=True, eq=False)
class Weighted:
    """Convex weights on open cells of a block, whose members are positions among the relevant switches."""

    members: Sequence[int]
    weights: Sequence[Fraction]
    cells: Sequence[Cell]

    def on(self, system: System) -> dict[str, Any]:
        """As it is written."""
        return {
            "members": self.members, "weights": self.weights,
            "signatures": [list(cell.signature) for cell in self.cells],
            "directions": [wide(system, cell.direction) for cell in self.cells],
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
class FromBlocks(InSystems, Separates):
    """Separated, in x, from the sum over all blocks; those of the systems that the separator touches are listed."""

    kind = "separated from blocks"
    separator: Sequence[Fraction]
    gap: float
    systems: Sequence[tuple[System, Sequence[Listed]]]

    def on(self, systems: Sequence[System]) -> dict[str, Any]:
        """The blocks of each system, each with the list of its cells."""
        known = {system.switches: blocks for system, blocks in self.systems}
        found = [known.get(system.switches, ()) for system in systems]
        parts = [
            {"blocks": [{"members": block.members, **block.shared.cells.to_dict()} for block in blocks]}
            for blocks in found
        ]
        return {"kind": self.kind, "separator": self.separator, "gap": self.gap, "parts": parts}


def by_blocks(limits: Limits) -> Proof | None:
    """A proof about a vector, where every switch is in a block whose cells are proved and rational."""
    problem, g, allowed = limits.problem, limits.vector, limits.accepted
    apart = [problem.system] if problem.system is not None else problem.apart or []
    if not apart or any(not own.explicit or own.base is None or own.inputs is None for own in apart):
        return None
    kept = [own.relevant() for own in apart]
    part = problem.tracker.part()
    whole = list(listed(kept, part))
    problem.tracker.cells += part.cells
    blocks = [block for own in whole for block in own]
    if not all(block.shared.kept for block in blocks):
        return None
    base = [Fraction(0)] * len(g)
    for number, value in (apart[0].base or [{}])[0].items():
        base[number] = value
    floats = np.array(base, dtype=float)
    summands = [Summand(block.inputs, block.shared.floats[:, 0]) for block in blocks]
    answer = membership(floats, summands, g, allowed)
    if answer.weights is not None:
        exact = [_normalised(weights) for weights in answer.weights]
        worst = _distance(base, blocks, exact, g, allowed)
        if worst is None:
            return None
        weights = iter(exact)
        evidence = WeightsInBlocks([
            (system, [_weighted(block, next(weights)) for block in own])
            for system, own in zip(apart, whole, strict=True)
        ])
        reason = f"the vector is, to rounding, a sum of convex combinations in {len(blocks)} independent blocks"
        return Proof("membership", True, reason, "rational", evidence, worst, Judged(g, allowed))
    if answer.separator is None or limits.refuted is None:
        return None
    allowed = limits.refuted
    v = [Fraction(a) for a in answer.separator.tolist()]
    wrong = [number for number, own in enumerate(whole) if any(_touches(block, answer.separator) for block in own)]
    if not all(block.shared.cells.complete for number in wrong for block in whole[number]):
        return None
    gap = _gap(base, [block for number in wrong for block in whole[number]], v, g)
    if not gap > sum((abs(a) * Fraction(b) for a, b in zip(v, allowed.tolist(), strict=True) if a), Fraction(0)):
        return None
    refuted = FromBlocks(v, float(gap), [(apart[number], whole[number]) for number in wrong])
    reason = "a direction separates the vector from all limiting gradients"
    return Proof("separation", False, reason, "rational", refuted, judged=Judged(g, allowed))


def _touches(block: Listed, v: Array) -> bool:
    return bool(v[block.inputs].any())


def _normalised(weights: Array) -> dict[int, Fraction]:
    exact = {k: Fraction(w) for k, w in enumerate(weights.tolist()) if w}
    total = sum(exact.values(), Fraction(0))
    return {k: w / total for k, w in exact.items()}


def _distance(
    base: list[Fraction], blocks: list[Listed], weights: list[dict[int, Fraction]], g: Array, allowed: Array
) -> float | None:
    """The largest entry of the difference, when all are within the tolerance."""
    total = list(base)
    for block, own in zip(blocks, weights, strict=True):
        points, unit = block.shared.points
        for k, w in own.items():
            for j, a in zip(block.inputs.tolist(), points[k, 0].tolist(), strict=True):
                total[j] += w * a / unit
    worst = Fraction(0)
    for entry, value, bound in zip(total, g.tolist(), allowed.tolist(), strict=True):
        distance = abs(entry - Fraction(value))
        if distance > Fraction(bound):
            return None
        worst = max(worst, distance)
    return float(worst)


def _gap(base: list[Fraction], blocks: list[Listed], v: list[Fraction], g: Array) -> Fraction:
    """v . (g - J~) - sum of max v . G_B."""
    gap = sum((a * (Fraction(b) - c) for a, b, c in zip(v, g.tolist(), base, strict=True) if a), Fraction(0))
    for block in blocks:
        points, unit = block.shared.points
        own = [v[j] for j in block.inputs.tolist()]
        gap -= max(dot(own, point) for point in points[:, 0].tolist()) / unit
    return gap


def _weighted(block: Listed, weights: dict[int, Fraction]) -> Weighted:
    cells = [block.shared.cells.cells[block.shared.kept[k]] for k in weights]
    return Weighted(block.members, [*weights.values()], cells)
