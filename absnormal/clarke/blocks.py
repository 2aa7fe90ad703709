"""The blocks of the generalized gradient of a program at a point."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget, Meter
from absnormal.clarke.cells import open_cells
from absnormal.clarke.components import linked
from absnormal.clarke.computed import computed_cells
from absnormal.clarke.fallback import certified
from absnormal.clarke.generalized_gradient import Block
from absnormal.errors import BudgetError
from absnormal.exact.system import MANY, System, parts
from absnormal.sweeps.table import Sweeps

#: Numbers that the points of all blocks may hold together.
_NUMBERS = 30_000_000


def base_gradient(sweeps: Sweeps) -> Array:
    """J~, the gradients with slope 0 at active switches, shape (m, n)."""
    return np.asarray(sweeps.pull(sweeps.signature(0.0), None, np.eye(sweeps.program.m))[0], dtype=float)


def summands(sweeps: Sweeps, system: System | None, budget: Budget) -> tuple[Array, list[Block], bool, bool]:
    """J~ and the blocks, flat; whether all cells were found; whether they are proved to be all of dC f(x).

    Every block has a cell: what was cut short before that is replaced by one certified gradient.

    Raises
    ------
    BudgetError
        where not even one limiting gradient could be certified
    """
    base = base_gradient(sweeps).reshape(-1)
    if not len(sweeps.alpha):
        return base, [], True, True
    meter = budget.start()
    apart = [system] if system is not None else parts(sweeps) or []
    relevant = [part.relevant() for part in apart]
    width = sum(part.k for part in relevant) * len(base)
    if relevant and all(part.explicit and part.k <= MANY for part in relevant) and width <= _NUMBERS:
        found = [proved_blocks(sweeps, part, meter) for part in relevant]
        if all(blocks is not None for blocks, _ in found):
            whole = [block for blocks, _ in found for block in blocks or []]
            return base, whole, all(complete for _, complete in found), True
    blocks = computed_block(sweeps, meter)
    if blocks:
        return base, blocks, False, False
    if sweeps.program.m == 1:
        one = certified(sweeps)
        if one.proved:
            slopes = one.sigma[sweeps.alpha].astype(int)
            point = (np.asarray(one.gradient) - base)[None]
            return base, [Block(tuple(int(i) for i in sweeps.alpha), slopes[None], point)], False, False
    raise BudgetError("the budget ended before one limiting gradient was found")


def proved_blocks(sweeps: Sweeps, system: System, meter: Meter) -> tuple[list[Block] | None, bool]:
    """The blocks of relevant switches whose cells are proved, and whether all cells were found; None where a block has
    no cell yet."""
    found: list[Block] = []
    complete = True
    for members in linked(system):
        part = system.part(members)
        cells = open_cells(part, meter)
        complete = complete and cells.complete
        distinct = {tuple(part.gradient(cell.signature, cell.rows)): cell for cell in cells.cells}
        if not distinct:
            return None, False
        signatures = [cell.signature for cell in distinct.values()]
        points = [_point(sweeps, part, signature) for signature in signatures]
        signs = np.array(part.signs)
        found.append(Block(part.switches, np.where(np.array(signatures) == 0, 1, signatures * signs), np.stack(points)))
    return found, complete


def computed_block(sweeps: Sweeps, meter: Meter) -> list[Block]:
    """One block with the cells of computed rows that could be confirmed."""
    found = computed_cells(sweeps, meter)
    if found is None or not found.cells:
        return []
    base = base_gradient(sweeps).reshape(-1)
    distinct: dict[tuple[Fraction, ...], tuple[Array, Array]] = {}
    for cell, (slopes, _) in zip(found.cells, found.openings, strict=True):
        gradient = sweeps.pull(sweeps.signature(slopes), None, np.eye(sweeps.program.m))[0].reshape(-1)
        distinct[tuple(found.system.gradient(cell.signature, cell.rows))] = slopes, gradient - base
    switches = tuple(int(i) for i in sweeps.alpha)
    signatures = np.array([slopes for slopes, _ in distinct.values()]).astype(int)
    return [Block(switches, signatures, np.stack([point for _, point in distinct.values()]))]


def _point(sweeps: Sweeps, part: System, signature: tuple[int, ...]) -> Array:
    """G_B(tau) in the variables x, all outputs one after the other."""
    m, n = sweeps.program.m, sweeps.program.n
    if part.inputs is not None:
        result = np.zeros((m, n))
        gradient = [float(a) for a in part.gradient_in_leaves(signature)]
        result[:, list(part.inputs)] = np.reshape(gradient, (m, -1))
        return result.reshape(-1)
    with_block = sweeps.pull(part.signature(sweeps, signature, 0.0), None, np.eye(m))[0]
    return np.asarray(with_block - base_gradient(sweeps)).reshape(-1)
