"""Open cells of computed rows, each with a direction in x whose signs are beyond rounding.

Where hypothesis E fails these cells need not be all, but each of them gives a limiting gradient of f (THEORY 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from absnormal.active.system import System, from_rows
from absnormal.arrays import Array
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, open_cells
from absnormal.sweeps.integers import zero_rows
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, eq=False)
class ComputedCells:
    """Cells of a system of computed rows; for each the slopes at all active switches, and its direction in x.

    ``needed`` are the active switches that can change the output.
    """

    system: System
    needed: list[int]
    cells: list[Cell]
    openings: list[tuple[Array, Array]]


def computed_cells(sweeps: Sweeps, tracker: BudgetTracker) -> ComputedCells | None:
    """The cells whose directions could be confirmed; None when the rows are too many to be collected."""
    whole = from_rows(sweeps)
    if whole is None:
        return None
    needed = [int(switch) for switch in sweeps.alpha[sweeps.influence()[sweeps.alpha]]]
    system = whole.relevant()
    confirmed, part = [], tracker.part()
    for cell in open_cells(system, part.part()).cells:
        opening = _realized(sweeps, system, cell, needed)
        if opening is not None:
            confirmed.append((cell, opening))
        if part.late:
            break
    return ComputedCells(system, needed, [cell for cell, _ in confirmed], [opening for _, opening in confirmed])


def _realized(sweeps: Sweeps, system: System, cell: Cell, needed: list[int]) -> tuple[Array, Array] | None:
    """The slopes of a cell and its direction in x, if that realizes the switches ``needed`` beyond rounding.

    A row that is 0 must be so by structure.
    """
    assert system.inputs is not None
    d = np.zeros(sweeps.program.n)
    largest = max((abs(a) for a in cell.direction), default=Fraction(1)) or Fraction(1)
    for position, a in zip(system.columns, cell.direction, strict=True):
        d[system.inputs[position]] = float(a / largest)
    sigma = system.signature(sweeps, cell.signature, 1.0)
    # Switches that are left out of the system, as those of weight 0, have the signs that the direction gives them.
    apart = np.setdiff1d(sweeps.alpha, system.switches)
    along = sweeps.directional(d).sigma[apart]
    sigma[apart] = np.where(along == 0, sigma[apart], along)
    shut = ~realizes(sweeps, sigma, d)
    shut &= sweeps.pattern(sigma)[0][sweeps.alpha]
    shut[shut] = ~zero_rows(sweeps, sigma, sweeps.alpha[shut])
    return None if shut[np.searchsorted(sweeps.alpha, needed)].any() else (sigma[sweeps.alpha], d)
