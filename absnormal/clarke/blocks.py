"""The blocks of the generalized gradient of a program at a point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from absnormal.active.arithmetic import ended_when
from absnormal.active.subproblems import subproblems
from absnormal.active.system import MANY, System
from absnormal.arrays import Array
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, Cells, gradients, open_cells
from absnormal.clarke.components import linked
from absnormal.clarke.computed import computed_cells
from absnormal.clarke.fallback import certified
from absnormal.clarke.generalized_gradient import Block
from absnormal.clarke.polytope import distinct
from absnormal.clarke.pricing import some_cells
from absnormal.errors import BudgetError
from absnormal.sweeps.table import Sweeps

#: Numbers that the points of a block may hold together.
_NUMBERS = 30_000_000


def base_gradient(sweeps: Sweeps) -> Array:
    """J~, the gradients with slope 0 at active switches, shape (m, n)."""
    return np.asarray(sweeps.pull(sweeps.signature(0.0), None, np.eye(sweeps.program.m))[0], dtype=float)


class Summands(NamedTuple):
    """The set as a sum: J~ and the blocks, flat.

    ``complete`` says whether all cells were found, ``proved`` whether the sum is all of dC f(x), ``reason`` why not.
    """

    base: Array
    blocks: list[Block]
    complete: bool = True
    proved: bool = True
    reason: str = ""


def summands(sweeps: Sweeps, system: System | None, tracker: BudgetTracker) -> Summands:
    """J~ and the blocks; every block has a cell: what was cut short before that is replaced by one certified gradient.

    Raises
    ------
    BudgetError
        where not even one limiting gradient could be certified
    """
    found, doubts = listed_summands(sweeps, system, tracker)
    if found is not None:
        return found
    base = base_gradient(sweeps).reshape(-1)
    many = f"{len(sweeps.alpha)} active switches, more than {MANY} of which share inputs, are too many to be listed"
    if sweeps.lanes:
        many = "a 2-norm is 0, whose limiting gradients are not a finite list"
    if sweeps.sorts:
        many = "as many limiting gradients as orders of many tied entries are too many to be listed"
    reason = doubts[0] if doubts else many
    blocks = computed_block(sweeps, base, tracker)
    if blocks:
        return Summands(base, blocks, False, False, reason)
    if sweeps.program.m == 1:
        one = certified(sweeps)
        if one.proved:
            slopes = one.sigma[sweeps.alpha]
            slopes = slopes if sweeps.lanes else slopes.astype(int)
            point = (np.asarray(one.gradient) - base)[None]
            block = Block(tuple(int(i) for i in sweeps.alpha), slopes[None], np.arange(len(base)), point)
            return Summands(base, [block], False, False, reason)
    raise BudgetError(f"not one limiting gradient could be certified: {reason}")


def listed_summands(sweeps: Sweeps, system: System | None, tracker: BudgetTracker) -> tuple[Summands | None, list[str]]:
    """J~ and the blocks whose cells are proved; or None, and why they are not."""
    base = base_gradient(sweeps).reshape(-1)
    if not len(sweeps.alpha):
        return Summands(base, []), []
    part = tracker.part()
    with ended_when(lambda: part.late):
        apart = [system] if system is not None else subproblems(sweeps) or []
    relevant = [one.relevant() for one in apart]
    doubts = [one.doubt for one in relevant if one.doubt]
    if not relevant or doubts:
        return None, doubts
    blocks, complete = proved_blocks(sweeps, relevant, tracker)
    if blocks is None:
        return None, [tracker.report or "the gradients of all cells take too much memory"]
    return Summands(base, blocks, complete, complete, "" if complete else tracker.report), []


@dataclass(frozen=True, eq=False)
class Enumerated:
    """A system of a block with its cells, and which of them have different gradients."""

    system: System
    cells: Cells
    kept: list[int]

    @cached_property
    def signatures(self) -> list[tuple[int, ...]]:
        """Those of the kept cells."""
        return [self.cells.cells[k].signature for k in self.kept]

    @cached_property
    def positions(self) -> list[int]:
        """The generators that the block depends on."""
        return [j for j in range(len(self.system.full[0])) if any(row[j] for row in self.system.full)]

    @cached_property
    def points(self) -> tuple[Array, int]:
        """G_B(tau) of the kept cells in these generators, output by output, shape (k, m, generators): integers, and
        their unit."""
        scaled = self.system.in_generators.scaled
        whole = scaled.gradients(self.signatures)
        return whole.reshape(len(whole), len(self.system.weights), -1)[:, :, self.positions], scaled.unit

    @cached_property
    def floats(self) -> Array:
        """The points in floating point, shape (k, m, generators)."""
        whole, unit = self.points
        return np.asarray(whole.astype(object) / unit, dtype=float)


@dataclass(frozen=True, eq=False)
class Listed:
    """A block: its positions in a system, its own system, and what is the same in all equal blocks."""

    members: tuple[int, ...]
    system: System
    shared: Enumerated

    @cached_property
    def inputs(self) -> Array:
        """The inputs that the block depends on, where generators are inputs."""
        assert self.system.inputs is not None
        return np.array([self.system.inputs[j] for j in self.shared.positions], dtype=int)


def some_of(system: System, cells: list[Cell]) -> Enumerated:
    """A block of which some cells are known."""
    return Enumerated(system, Cells(cells, ended="some cells"), distinct(gradients(system, cells)) if cells else [])


def listed(apart: list[System], tracker: BudgetTracker, few: float = np.inf) -> Iterator[list[Listed]]:
    """The blocks of each system; equal blocks are enumerated once, and of one that may have more than a few cells some
    are taken."""
    known: dict[Any, Enumerated] = {}
    links: dict[Any, list[tuple[int, ...]]] = {}
    for whole in apart:
        blocks = []
        if whole.key not in links:
            links[whole.key] = linked(whole)
        for members in links[whole.key]:
            own = whole.part(members)
            key = own.key
            if key not in known:
                known[key] = _enumerated(own, tracker) if own.generic_cells <= few else some_of(own, some_cells(own))
            blocks.append(Listed(members, own, known[key]))
        yield blocks


def _enumerated(own: System, tracker: BudgetTracker) -> Enumerated:
    cells = open_cells(own, tracker)
    return Enumerated(own, cells, distinct(gradients(own, cells.cells)) if cells.cells else [])


def proved_blocks(sweeps: Sweeps, apart: list[System], tracker: BudgetTracker) -> tuple[list[Block] | None, bool]:
    """The blocks of relevant switches whose cells are proved, and whether all cells were found; None where a block has
    no cell yet."""
    found: list[Block] = []
    complete, numbers = True, 0
    for own in (block for blocks in listed(apart, tracker) for block in blocks):
        complete = complete and own.shared.cells.complete
        if not own.shared.kept:
            return None, False
        made = _points(sweeps, own, tracker)
        if made is None:
            return None, False
        columns, points = made
        numbers += points.size
        if numbers > _NUMBERS:
            return None, False
        signatures = np.array(own.shared.signatures)
        definite = np.where(signatures == 0, 1, signatures) * np.array(own.system.signs)
        found.append(Block(own.system.switches, definite, columns, points))
    return found, complete


def computed_block(sweeps: Sweeps, base: Array, tracker: BudgetTracker) -> list[Block]:
    """One block with the cells of computed rows that could be confirmed."""
    found = computed_cells(sweeps, tracker)
    if found is None or not found.cells:
        return []
    signatures = np.stack([found.openings[k][0] for k in distinct(gradients(found.system, found.cells))])
    pulled = []
    for slopes in signatures:
        pulled.append(_pulled(sweeps, sweeps.signature(slopes)))
        if tracker.late:
            break
    signatures, points = signatures[: len(pulled)], np.stack(pulled) - base
    return [Block(tuple(int(i) for i in sweeps.alpha), signatures.astype(int), np.arange(len(base)), points)]


def _points(sweeps: Sweeps, block: Listed, tracker: BudgetTracker) -> tuple[Array, Array] | None:
    """G_B(tau) in the variables x, all outputs one after the other: the columns, and the values there; None where the
    time ended before all were computed."""
    m, n = sweeps.program.m, sweeps.program.n
    system = block.system
    if system.inputs is not None:
        values = block.shared.floats
        return (np.arange(m)[:, None] * n + block.inputs).reshape(-1), values.reshape(len(values), -1)
    base = base_gradient(sweeps).reshape(-1)
    with_block = []
    for signature in block.shared.signatures:
        with_block.append(_pulled(sweeps, system.signature(sweeps, signature, 0.0)))
        if tracker.late and len(with_block) < len(block.shared.signatures):
            return None
    return np.arange(m * n), np.stack(with_block) - base


def _pulled(sweeps: Sweeps, sigma: Array) -> Array:
    return np.asarray(sweeps.pull(sigma, None, np.eye(sweeps.program.m))[0], dtype=float).reshape(-1)
