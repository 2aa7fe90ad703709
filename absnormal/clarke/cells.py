"""Open cells, listed by depth-first search over the active switches in evaluation order (THEORY 5).

The search keeps the rows chosen so far and a direction d inside the current cell.  The sign of r_i . d is feasible for
free, and so are both signs where r_i . d = 0 and r_i != 0; for the other sign Gordan's alternative gives a direction,
or weights that refute the branch.  Where r_i = 0 the sign is immaterial and is written 0: it changes no row and not
g_sigma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal.active.scaled import Scaled
from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.evidence import wide
from absnormal.clarke.arrangement import Arrangement, TooLong, arrangement
from absnormal.clarke.budget import BudgetTracker
from absnormal.rational.alternative import BITS, gordan

#: Bits of an entry of a direction past which it is shortened, where integers are Python's.
_LONG = 1000
#: Switches without couplings from which branches are looked at many at a time.
_TOGETHER = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """An open cell: its signature (0 where immaterial) and an integer direction inside."""

    signature: tuple[int, ...]
    direction: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A branch that is not open: the signs chosen, the last being the one refused, and Gordan weights >= 0 for their
    rows, by switch, 0 where nothing is said."""

    signature: tuple[int, ...]
    by_switch: dict[int, int]

    @property
    def weights(self) -> list[int]:
        """Gordan weights of the rows whose sign is not immaterial, in their order."""
        return [self.by_switch.get(i, 0) for i, sign in enumerate(self.signature) if sign]


@dataclass
class Cells:
    """What a search found; ``ended`` says which limit stopped it, empty when it is complete."""

    cells: list[Cell] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    ended: str = ""

    @property
    def complete(self) -> bool:
        return not self.ended

    def to_dict(self) -> dict[str, Any]:
        """A complete list as certificates have it: the signatures of the cells, and the branches that are refuted."""
        return {
            "signatures": [list(cell.signature) for cell in self.cells],
            "cuts": [{"signature": list(cut.signature), "weights": cut.weights} for cut in self.cuts],
        }


def opened(system: System, cells: Sequence[Cell]) -> dict[str, Any]:
    """Open cells, each by its signature and a direction in all columns."""
    return {
        "signatures": [list(cell.signature) for cell in cells],
        "directions": [wide(system, cell.direction) for cell in cells],
    }


def open_cells(system: System, tracker: BudgetTracker) -> Cells:
    """All open cells of a system, and a certificate for every branch that was cut off."""
    scaled, before = system.scaled, tracker.cells
    if scaled.k >= _TOGETHER and scaled.rows.dtype == np.int64 and not scaled.couplings.any():
        try:
            return _of_arrangement(arrangement(scaled, tracker))
        except TooLong:
            tracker.cells = before
    return one_by_one(scaled, tracker)


def _of_arrangement(found: Arrangement) -> Cells:
    return Cells(
        [*map(Cell, found.signatures, found.directions)], [Cut(*refused) for refused in found.refused], found.ended
    )


def one_by_one(scaled: Scaled, tracker: BudgetTracker) -> Cells:
    """The same, one branch after the other: the rows may depend on the signs before them."""
    found = Cells()
    k, width = scaled.rows.shape
    known = np.zeros((k, width), scaled.rows.dtype)
    signs = np.zeros(k, scaled.rows.dtype)
    # A branch is looked at after everything below its elder sibling: rows and signs above it are still its own.
    stack: list[tuple[int, int, Array]] = [(0, 0, np.zeros(width, np.int64))]
    while stack:
        i, last, d = stack.pop()
        found.ended = tracker.spent
        if found.ended:
            return found
        if i:
            signs[i - 1] = last
        if i == k:
            tracker.cells += 1
            found.cells.append(Cell(tuple(signs.tolist()), tuple(d.tolist())))
            continue
        row = known[i] = scaled.row(i, signs, known)
        if not row.any():
            stack.append((i + 1, 0, d))
            continue
        rate = row @ d
        branches = []
        for sign in (1, -1):
            if rate * sign > 0:
                branches.append((i + 1, sign, d))
                continue
            signs[i] = sign
            inside = _nudged(known, signs, i, d) if rate == 0 else None
            if inside is None:
                tracker.programs += 1
                positions = np.flatnonzero(signs[: i + 1])
                inside, weights = gordan(signs[positions, None] * known[positions])
                if inside is None:
                    assert weights is not None
                    own = {int(positions[j]): w * scaled.factors[positions[j]] for j, w in weights.items()}
                    found.cuts.append(Cut(tuple(signs[: i + 1].tolist()), own))
                    continue
            branches.append((i + 1, sign, inside))
        stack += reversed(branches)
    return found


def _nudged(known: Array, signs: Array, i: int, d: Array) -> Array | None:
    """A direction near d that gives row i its sign and changes no other; None when it does not fit into few bits."""
    step = signs[i] * known[i]
    rates, changes = (signs[:i] * (known[:i] @ vector) for vector in (d, step))
    falling = changes < 0
    factor = int((-changes[falling] // rates[falling]).max(initial=0)) + 1
    machine = known.dtype == np.int64
    if machine and factor.bit_length() + BITS >= 62:
        return None
    result = factor * d.astype(known.dtype) + step
    excess = int(np.abs(result).max()).bit_length() - (BITS if machine else _LONG)
    if excess > 0:
        result = result >> excess
        if not (signs[: i + 1] * (known[: i + 1] @ result) > 0)[signs[: i + 1] != 0].all():
            return None
    return np.asarray(result)


def gradients(system: System, cells: list[Cell]) -> Array:
    """g_sigma - J~ for each cell, in the basis of columns, as integers in units of 1 / system.scaled.unit."""
    return system.scaled.gradients([cell.signature for cell in cells])
