"""A function of JAX's at another point, from what was followed at an earlier one.

Where the jaxpr is that of an earlier call, constant by constant, the program is the same wherever its guards hold, and
the equations that the values of its nodes come from run again (`absnormal.frontends.jax.steps`).  That is done where no
kink is active at either point, every value is finite and every operation is continuously differentiable: there the
result is that of following f anew, bit by bit.  Everywhere else f is followed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.jax.steps import Steps
from absnormal.program.builder import Finished
from absnormal.program.free_signs import decompositions
from absnormal.program.program import Program, compute, outside

if TYPE_CHECKING:
    from absnormal.frontends.jax.point import Point
    from absnormal.frontends.jax.run import Seen


class Recording:
    """The equations that a run has bound, and the nodes whose values are their results."""

    def __init__(self, variables: int) -> None:
        self.steps = Steps(variables)
        self._nodes: dict[int, tuple[int | None, Any]] = {}

    def slots(self, eqn: Any, inputs: Sequence[Seen]) -> Sequence[int | None]:
        """Where the results of an equation are kept; None where it is not known how its arguments were computed."""
        if any(seen.traced is not None and seen.slot is None for seen in inputs):
            return [None] * len(eqn.outvars)
        args = [self.steps.constant(seen.value) if seen.slot is None else seen.slot for seen in inputs]
        first = self.steps.add(eqn, args)
        return range(first, first + len(eqn.outvars))

    def gave(self, node: int, value: Any, slot: int | None) -> None:
        """Note that a slot holds the value of one of the builder's nodes."""
        self._nodes[node] = slot, value

    def again(self, found: Finished, detached: Sequence[int], result: Any, notes: tuple[str, ...]) -> Again | None:
        """What a finished program needs for another point; None where values are from elsewhere, a kink is active, or
        a kernel chooses signs.

        Parameters
        ----------
        detached
            the builder's nodes behind a stop_gradient, on which the result does not depend
        result, notes
            the type of what f returned, and what a reader must know
        """
        program, values, placed = found.program, found.values, found.placed(self._nodes)
        settled = {found.places[index] for index in detached if index in found.places}
        slots: dict[int, int] = {}
        for index in range(len(program.nodes)):
            given = values.given[index]
            if given is not None or index in settled:
                slot, own = placed.get(index, (None, None))
                if slot is None or own is not given:
                    return None
                slots[index] = slot
        if not _clear(program, values) or decompositions(program):
            return None
        self.steps.keep({*slots.values()})
        fixed: dict[int, Array] = {}
        for index, node in enumerate(program.nodes):
            if not node.varied and index not in slots and all(arg in fixed for arg in node.args):
                fixed[index] = values[index]
        return Again(program, fixed, self.steps, slots, found.units, result, notes)


@dataclass(frozen=True, eq=False)
class Again:
    """A program, and the equations that compute it.

    Attributes
    ----------
    fixed
        the values of nodes that are the same at every point
    slots
        for each node whose value JAX computes where the steps keep it
    units, result, notes
        the precisions of the nodes, the type of what f returned, and what a reader must know
    """

    program: Program
    fixed: dict[int, Array]
    steps: Steps
    slots: dict[int, int]
    units: list[float]
    result: Any
    notes: tuple[str, ...]

    def at(self, point: Point) -> tuple[Program, list[Array]] | None:
        """The program and the values of its nodes at a point; None where f is to be followed anew."""
        values: list[Array] = []
        try:
            held = self.steps.run(point.variables)
            for index, node in enumerate(self.program.nodes):
                if node.op == "input":
                    value = np.asarray(point.variables[node.params["leaf"]]).astype(float)
                elif index in self.fixed:
                    value = self.fixed[index]
                elif index in self.slots:
                    value = np.asarray(held[self.slots[index]]).astype(float)
                    if not np.isfinite(value).all() or outside(node, values) is not None:
                        return None
                else:
                    value = compute(node, [values[arg] for arg in node.args])
                values.append(value)
            if not all(self.program.holds(guard, values) for guard in self.program.guards):
                return None
            return (self._with_constants(values), values) if _clear(self.program, values) else None
        except Exception:
            # What is wrong is said where f is followed.
            return None

    def _with_constants(self, values: Sequence[Array]) -> Program:
        """The program with the values that are constants though they are not the same at every point: the largest score
        that log_softmax takes away."""
        nodes = [*self.program.nodes]
        moved = [index for index in self.slots if nodes[index].op == "constant"]
        for index in moved:
            nodes[index] = nodes[index]._replace(params={"value": values[index]})
        return replace(self.program, nodes=tuple(nodes)) if moved else self.program


def _clear(program: Program, values: Sequence[Array]) -> bool:
    """Whether no switching variable is 0."""
    return all(np.all(part) for part in program.switching_parts(values))
