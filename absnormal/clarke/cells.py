"""Open cells, listed by depth-first search over the active switches in evaluation order (THEORY 5).

Keep the rows chosen so far and a direction d inside the cell.  The sign of r_i . d is open for free, both are where
r_i . d = 0 and r_i != 0; the other one takes one linear program, whose answer is a direction or Gordan weights.  Where
r_i = 0 the sign is immaterial and is written 0: it changes no row and not g_sigma.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from absnormal.clarke.budget import Meter
from absnormal.exact.linear_algebra import Matrix, Vector, dot
from absnormal.exact.linear_program import open_direction
from absnormal.exact.system import System


@dataclass(frozen=True, slots=True)
class Cell:
    """An open cell: its signature (0 where immaterial), a direction inside, its rows."""

    signature: tuple[int, ...]
    direction: Vector
    rows: Matrix


@dataclass(frozen=True, slots=True)
class Cut:
    """A branch that is not open: the signs chosen, the last being the one refused, and Gordan weights for their
    rows."""

    signature: tuple[int, ...]
    weights: Vector


@dataclass
class Cells:
    """What a search found; ``ended`` says which limit stopped it, empty when it is complete."""

    cells: list[Cell] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    ended: str = ""

    @property
    def complete(self) -> bool:
        return not self.ended


def open_cells(system: System, meter: Meter) -> Cells:
    """All open cells of a system, and a certificate for every branch that was cut off."""
    found = Cells()
    start: Vector = [Fraction(0)] * system.width
    stack: list[tuple[tuple[int, ...], Vector, Matrix]] = [((), start, [])]
    while stack:
        signature, d, rows = stack.pop()
        found.ended = meter.spent
        if found.ended:
            return found
        i = len(signature)
        if i == system.k:
            meter.cells += 1
            found.cells.append(Cell(signature, d, rows))
            continue
        row = system.row(i, signature, rows)
        known = [*rows, row]
        if not any(row):
            stack.append(((*signature, 0), d, known))
            continue
        rate = dot(row, d)
        branches: list[tuple[tuple[int, ...], Vector, Matrix]] = []
        for sign in (1, -1):
            chosen = (*signature, sign)
            if rate * sign > 0:
                branches.append((chosen, d, known))
            elif rate == 0:
                branches.append((chosen, _nudged(d, row, sign, signature, rows), known))
            else:
                meter.programs += 1
                signed = [[s * a for a in r] for s, r in zip(chosen, known, strict=True) if s]
                direction, weights = open_direction(signed)
                if direction is not None:
                    branches.append((chosen, direction, known))
                else:
                    assert weights is not None
                    found.cuts.append(Cut(chosen, weights))
        stack += reversed(branches)
    return found


def _nudged(d: Vector, row: Vector, sign: int, signature: tuple[int, ...], rows: Matrix) -> Vector:
    """d + t sign row, with t > 0 small enough to stay inside the cell."""
    step = [sign * a for a in row]
    t = Fraction(1)
    for s, known in zip(signature, rows, strict=True):
        if s:
            rate, change = s * dot(known, d), s * dot(known, step)
            if change < 0:
                t = min(t, -rate / (2 * change))
    return [a + t * b for a, b in zip(d, step, strict=True)]


def gradients(system: System, cells: list[Cell]) -> list[Vector]:
    """g_sigma - J~ for each cell, in the basis of columns."""
    return [system.gradient(cell.signature, cell.rows) for cell in cells]
