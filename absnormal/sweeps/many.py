"""Many points at once: at which of them certainly no kink is active.

The values of all nodes are computed for all points together, each with one number that bounds, to first order, how far
an entry may lie from the value that an evaluation at that point alone gives: what comes in goes through the largest
local derivative, and every operation adds its own roundings (Higham, Accuracy and Stability of Numerical Algorithms,
ch. 3).  A point is clear where all values are finite, every operation is continuously differentiable, every guard holds
and every switching variable is inactive, each by more than that bound, and where no derivative on the way can overflow.
All else, and operations without a rule here, is left to an evaluation at the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.program.program import Program
from absnormal.sweeps.points import NoRule, Points

__all__ = ["Looked", "NoRule", "clear", "looked_at"]

#: What rounding makes of a value of f at most, in units of the largest value on the way.
_LOST = 64.0


def clear(program: Program, leaves: Sequence[Array], atol: float = 0.0) -> Array:
    """Whether a point is clear, for each of many.

    Parameters
    ----------
    program
        of one result
    leaves
        for each leaf of x its values at all points, float64, shape (count, *shape)
    atol
        switches with |z| <= atol are active

    Returns
    -------
    array
        shape (count,); at a point without True nothing is known

    Raises
    ------
    NoRule
        for a program with an operation or a guard that has no rule here

    Examples
    --------
    >>> import absnormal as an
    >>> program = an.trace(lambda x: np.abs(x[0] - x[1]), [1.0, 2.0])
    >>> clear(program, [np.array([[1.0, 2.0], [0.1 + 0.2, 0.3], [2.0, 2.0]])]).tolist()
    [True, False, False]
    """
    return looked_at(program, leaves, atol).clear


@dataclass(frozen=True)
class Looked:
    """What is known of many points.

    Attributes
    ----------
    clear
        as `clear` says
    values, errors
        at clear points the value of f, and how far that of a single evaluation may lie from it
    """

    clear: Array
    values: Array
    errors: Array
    _points: Points

    @np.errstate(all="ignore")
    def gradients(self) -> tuple[list[Array], Array]:
        """At clear points, for each leaf, the gradients of f, shape (count, *shape), and a bound, shape (count,), on
        how much f changes, to first order, where the value of one node but the inputs is doubled."""
        return self._points.adjoints()


def looked_at(
    program: Program, leaves: Sequence[Array], atol: float = 0.0, units: Sequence[float] | None = None
) -> Looked:
    """The same, with the values; ``units`` are the machine epsilons of the precisions in which the nodes are computed
    at one point, float64's where there are none."""
    count = len(leaves[0])
    with np.errstate(all="ignore"):
        found = Points(program, leaves, count, atol, units)
        for index in range(len(program.nodes)):
            found.add(index)
        for guard in program.guards:
            found.keep(guard)
        found.bound_adjoints()
    output, largest = found.nodes[program.output], np.zeros(count)
    for made in found.nodes:
        largest = np.maximum(largest, made.size)
    values = np.broadcast_to(output.value.reshape(-1), (count,)) if program.m == 1 else np.zeros(count)
    return Looked(found.fine, values, np.minimum(output.error + np.zeros(count), _LOST * found.unit * largest), found)
