"""Components of the active switches and their internal cells (THEORY 2.6).

A partition is admissible when the row spaces of its components are independent, the couplings between components have
no cycle, and in every internally open cell a switch whose internal row vanishes has no accumulated coupling to the
outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from absnormal.active.system import System
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.cells import Cell, Cells, open_cells
from absnormal.rational.linear_algebra import Vector, circuits


@dataclass(frozen=True, eq=False)
class Component:
    """Switches that go together: their positions in the system, their own system, the outside switches that enter."""

    members: tuple[int, ...]
    system: System
    outside: tuple[int, ...]
    tracker: BudgetTracker

    @cached_property
    def cells(self) -> Cells:
        """The internally open cells."""
        return open_cells(self.system, self.tracker)

    def transfer(self, whole: System) -> System:
        """The members with what enters as columns and what leaves (to later switches, to the output) as weights: the
        gradients of this system are the transfer matrices M_C."""
        rows = [[*whole.rows[i], *(whole.couplings[i][j] for j in self.outside)] for i in self.members]
        columns = tuple(range(whole.width + len(self.outside)))
        return replace(self.system, rows=rows, weights=self._outgoing(whole), columns=columns)

    def _outgoing(self, whole: System) -> list[Vector]:
        outside = (i for i in range(whole.k) if i not in self.members)
        rows = [[whole.couplings[i][j] for j in self.members] for i in outside]
        return [row for row in rows if any(row)] + [[weights[j] for j in self.members] for weights in whole.weights]

    def targets(self, whole: System) -> list[Vector]:
        """The rows of weights that leave C and are not all 0: to single later switches, to single outputs."""
        return [row for row in self._outgoing(whole) if any(row)]


def admissible(system: System, tracker: BudgetTracker) -> list[Component] | None:
    """The finest admissible partition that joining reaches; None when the budget ends."""
    partition = _joined_by_cycles(system, matroid_components(system))
    while True:
        components = []
        join: tuple[int, int] | None = None
        for members in partition:
            component = _component(system, members, tracker)
            if component.outside and not component.cells.complete:
                return None
            components.append(component)
            join = _violation(system, component)
            if join:
                break
        if join is None:
            return components
        partition = _joined_by_cycles(system, _merge(partition, *join))


def linked(system: System) -> list[tuple[int, ...]]:
    """The components of the matroid of the rows, joined wherever a coupling links them."""
    partition = matroid_components(system)
    for i in range(system.k):
        for j in range(i):
            if system.couplings[i][j] and not any(i in members and j in members for members in partition):
                partition = _merge(partition, i, j)
    return partition


def _component(system: System, members: tuple[int, ...], tracker: BudgetTracker) -> Component:
    inside = set(members)
    outside = [j for j in range(system.k) if j not in inside and any(system.couplings[i][j] for i in members)]
    return Component(members, system.part(members), tuple(outside), tracker)


def _violation(system: System, component: Component) -> tuple[int, int] | None:
    """A member whose internal row vanishes in an internally open cell, and an outside switch that decides its sign."""
    if not component.outside:
        return None
    entering = component.transfer(system)
    for cell in component.cells.cells:
        for number, row in enumerate(entering.all_rows(cell.signature)):
            if not any(row[: system.width]):
                for position, j in enumerate(component.outside):
                    if row[system.width + position]:
                        return component.members[number], j
    return None


def matroid_components(system: System) -> list[tuple[int, ...]]:
    """The connected components of the linear matroid of the rows; a zero row goes with what it depends on."""
    owner = list(range(system.k))

    def find(i: int) -> int:
        while owner[i] != i:
            i = owner[i]
        return i

    for weights in circuits(system.rows):
        *others, i = (j for j, weight in enumerate(weights) if weight)
        for j in others or (j for j in range(i) if system.couplings[i][j]):
            owner[find(j)] = find(i)
    return _groups([find(i) for i in range(system.k)])


def _groups(labels: Sequence[int]) -> list[tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for i, label in enumerate(labels):
        found.setdefault(label, []).append(i)
    return [tuple(members) for members in found.values()]


def _merge(partition: list[tuple[int, ...]], i: int, j: int) -> list[tuple[int, ...]]:
    joined = tuple(sorted({a for members in partition if i in members or j in members for a in members}))
    return [members for members in partition if i not in members and j not in members] + [joined]


def _joined_by_cycles(system: System, partition: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Join components that lie on a cycle of couplings."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    label = {i: number for number, members in enumerate(partition) for i in members}
    graph = np.zeros((len(partition), len(partition)))
    for i in range(system.k):
        for j in range(i):
            if system.couplings[i][j]:
                graph[label[j], label[i]] = 1
    _, groups = connected_components(csr_array(graph), connection="strong")
    return [tuple(sorted(a for number in members for a in partition[number])) for members in _groups(groups.tolist())]


def immaterial(cell: Cell, c: Vector) -> list[Fraction | int]:
    """The signature of a cell with the slopes c written where the sign is immaterial."""
    return [sign if sign else slope for sign, slope in zip(cell.signature, c, strict=True)]
