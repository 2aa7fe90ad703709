"""Open cells of hyperplanes that do not depend on signs, many branches at a time (THEORY 5).

The search is that of `absnormal.clarke.cells`, in the same order, a block of branches of one depth at a time.  Three
things are done for the whole block:

* a branch that weights found for another branch refute is refuted by them: they name a few rows and their signs;
* from the direction that is known, Newton's direction for the barrier of the cell leads to the next hyperplane, and
  across it where the cell is cut; what floating point proposes there is confirmed in integers;
* opposite signatures are open together, and refuted by the same weights, so that half of them are searched.

What is left is asked for one by one, by Gordan's alternative.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from absnormal.active.scaled import Scaled
from absnormal.arrays import Array
from absnormal.clarke.budget import BudgetTracker
from absnormal.rational.alternative import BITS, gordan

#: Branches that are looked at together.
_BLOCK = 512
#: Steps of the barrier method for one block.
_STEPS = 6
#: The part of the way to the boundary of a cell that a step goes.
_PART = 0.9
#: How far a step goes in a cell that has no boundary that way.
_FAR = 1e6

Weights = dict[int, int]


@dataclass
class Arrangement:
    """What a search found: cells, with a direction in each, and branches that are not open, with weights by switch."""

    signatures: list[tuple[int, ...]] = field(default_factory=list)
    directions: list[tuple[int, ...]] = field(default_factory=list)
    refused: list[tuple[tuple[int, ...], Weights]] = field(default_factory=list)
    ended: str = ""


@dataclass
class _Refuted:
    """Weights that refute branches at one depth: the signs of the rows that they name, 0 for others, and these."""

    patterns: Array
    counts: Array
    weights: list[Weights] = field(default_factory=list)

    def first(self, signs: Array) -> Array:
        """For each branch, by its signs, the number of weights that refute it; -1 where none do."""
        if not self.weights or not len(signs):
            return np.full(len(signs), -1)
        fit = signs @ self.patterns.T == self.counts
        return np.where(fit.any(axis=1), fit.argmax(axis=1), -1)

    def add(self, pattern: Array, weights: Weights) -> None:
        self.patterns = np.concatenate([self.patterns, pattern[None]])
        self.counts = np.append(self.counts, np.abs(pattern).sum())
        self.weights.append(weights)


class TooLong(Exception):
    """A direction has more bits than fit into the products of machine integers."""


def arrangement(scaled: Scaled, tracker: BudgetTracker) -> Arrangement:
    """All open cells of rows of machine integers without couplings, in the order of a depth-first search.

    Raises
    ------
    TooLong
        where machine integers do not hold a direction
    """
    search = _Search(scaled, tracker)
    half = search.run()
    found = Arrangement(ended=half.ended)
    room = int(tracker.budget.cells) - tracker.cells
    mirrored = [tuple([-sign for sign in signature]) for signature in reversed(half.signatures)]
    if half.ended or not scaled.rows.any():
        mirrored = []
    elif len(mirrored) > room:
        mirrored, found.ended = mirrored[:room], f"{tracker.budget.cells} open cells"
    tracker.cells += len(mirrored)
    found.signatures = half.signatures + mirrored
    found.directions = half.directions + [
        tuple([-a for a in direction]) for direction in half.directions[::-1][: len(mirrored)]
    ]
    refused = half.refused + [(tuple([-sign for sign in signs]), weights) for signs, weights in half.refused]
    # A branch is refused where the one above it is looked at, + before -.
    found.refused = sorted(refused, key=lambda item: tuple([-sign for sign in item[0][:-1]]))
    return found


class _Search:
    """The search among the signatures whose first sign is +."""

    def __init__(self, scaled: Scaled, tracker: BudgetTracker) -> None:
        self.rows, self.factors, self.tracker = scaled.rows, scaled.factors, tracker
        k, self.width = self.rows.shape
        self.refuted = [_Refuted(np.zeros((0, i + 1)), np.zeros(0)) for i in range(k)]
        self.found = Arrangement()

    def run(self) -> Arrangement:
        """The cells and what is refused."""
        found, k = self.found, len(self.rows)
        blocks = [(np.zeros((1, 0), np.int64), np.zeros((1, self.width), np.int64))]
        while blocks:
            signs, directions = blocks.pop()
            found.ended = self.tracker.spent
            if found.ended:
                break
            if signs.shape[1] == k:
                count = min(len(signs), int(self.tracker.budget.cells) - self.tracker.cells)
                self.tracker.cells += count
                found.signatures += map(tuple, signs[:count].tolist())
                found.directions += map(tuple, directions[:count].tolist())
                if count < len(signs):
                    found.ended = self.tracker.spent
                    break
                continue
            signs, directions = self.step(signs, directions)
            starts = range(0, len(signs), _BLOCK)
            blocks += [(signs[a : a + _BLOCK], directions[a : a + _BLOCK]) for a in reversed(starts)]
        return found

    def step(self, signs: Array, directions: Array) -> tuple[Array, Array]:
        """The branches below those of a block, in their order."""
        count, i = signs.shape
        row = self.rows[i]
        if not row.any():
            return np.column_stack([signs, np.zeros(count, np.int64)]), directions
        if not signs.any():
            # The first row: the other side is the mirror of this one.
            excess = max(int(np.abs(row).max()).bit_length() - BITS, 0)
            return np.column_stack([signs, np.ones(count, np.int64)]), np.repeat((row >> excess)[None], count, axis=0)
        rates = directions @ row
        inside = np.stack([directions, directions], axis=1)
        opened = np.stack([rates > 0, rates < 0], axis=1)
        branches, sides = np.nonzero(~opened)
        chosen = 1 - 2 * sides
        whole = np.column_stack([signs[branches], chosen])
        known = self.refuted[i].first(whole)
        for number in np.flatnonzero(known >= 0).tolist():
            self.refuse(whole[number], self.refuted[i].weights[known[number]])
        left = np.flatnonzero(known < 0)
        across, made = self.crossed(whole[left], directions[branches[left]])
        done = left[across]
        inside[branches[done], sides[done]], opened[branches[done], sides[done]] = made, True
        left = left[~across]
        while len(left):
            number, left = left[0], left[1:]
            if self.tracker.spent:
                break
            direction = self.asked(whole[number])
            if direction is not None:
                inside[branches[number], sides[number]] = direction
                opened[branches[number], sides[number]] = True
                continue
            refuted = self.refuted[i]
            again = whole[left] @ refuted.patterns[-1] == refuted.counts[-1]
            for other in left[again].tolist():
                self.refuse(whole[other], refuted.weights[-1])
            left = left[~again]
        branches, sides = np.nonzero(opened)
        return np.column_stack([signs[branches], 1 - 2 * sides]), inside[branches, sides]

    def refuse(self, signs: Array, weights: Weights) -> None:
        self.found.refused.append((tuple(signs.tolist()), weights))

    def asked(self, signs: Array) -> Array | None:
        """A direction in one branch; where there is none, it is refused."""
        self.tracker.programs += 1
        positions = np.flatnonzero(signs)
        direction, weights = gordan(signs[positions, None] * self.rows[positions])
        if direction is not None:
            if max(map(abs, direction.tolist())) > 1 << BITS:
                raise TooLong
            return direction.astype(np.int64)
        assert weights is not None
        own = {int(positions[j]): w * self.factors[positions[j]] for j, w in weights.items()}
        pattern = np.zeros(len(signs))
        pattern[[*own]] = signs[[*own]]
        self.refuted[len(signs) - 1].add(pattern, own)
        self.refuse(signs, own)
        return None

    def crossed(self, signs: Array, directions: Array) -> tuple[Array, Array]:
        """Which branches are open by steps from directions on the other side of the last row, and directions there."""
        own = signs[:, :-1, None] * self.rows[None, : signs.shape[1] - 1]
        real, last = own.astype(float), signs[:, -1, None] * self.rows[signs.shape[1] - 1].astype(float)
        used = signs[:, :-1] != 0
        d = directions / np.maximum(np.abs(directions).max(axis=1, initial=1), 1)[:, None]
        open_, result = np.zeros(len(signs), bool), np.array(directions)
        for _ in range(_STEPS):
            rest = np.flatnonzero(~open_)
            if not len(rest):
                break
            with np.errstate(all="ignore"):
                moved, over = _moved(real[rest], used[rest], d[rest], last[rest])
            fine = np.isfinite(moved).all(axis=1)
            d[rest[fine]] = moved[fine]
            tried = rest[over & fine]
            whole = np.rint(d[tried] * 2.0**BITS).astype(np.int64)
            holds = ((np.einsum("nij,nj->ni", own[tried], whole) > 0) | ~used[tried]).all(axis=1)
            holds &= signs[tried, -1] * (whole @ self.rows[signs.shape[1] - 1]) > 0
            open_[tried[holds]], result[tried[holds]] = True, whole[holds]
            if not fine.all():
                break
        return open_, result[open_]


def _moved(rows: Array, used: Array, d: Array, goal: Array) -> tuple[Array, Array]:
    """Directions in cells, by the rows (n, i, width) that are positive there and ``used``, moved towards larger values
    of the row ``goal`` (n, width), and which of them reach positive ones; NaN where there is no such step."""
    slack = np.where(used, np.einsum("nij,nj->ni", rows, d), 1.0)
    barrier = rows / slack[:, :, None]
    hessian = np.einsum("nij,nik->njk", barrier, barrier) + 1e-12 * np.eye(rows.shape[2])
    try:
        step = np.linalg.solve(hessian, goal[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return np.full(d.shape, np.nan), np.zeros(len(d), bool)
    falling = -np.einsum("nij,nj->ni", rows, step)
    reach = np.where(falling > 0, slack / falling, np.inf).min(axis=1, initial=np.inf)
    gain = np.einsum("nj,nj->n", goal, step)
    needed = -np.einsum("nj,nj->n", goal, d) / gain
    over = (needed < reach) & (gain > 0)
    # A step of length 1 in the norm of the barrier stays inside.
    beyond = np.minimum((reach - needed) / 2, np.maximum(needed, 1 / np.sqrt(np.where(over, gain, 1.0))))
    length = np.where(over, needed + beyond, _PART * np.minimum(reach, _FAR))
    moved = d + length[:, None] * step
    return moved / np.abs(moved).max(axis=1)[:, None], over
