"""The same function with fewer kinks, about which the theorems are asked where they leave the program open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from absnormal.active.equal_norms import with_fewer_norms
from absnormal.active.one_set import one_set
from absnormal.arrays import Array
from absnormal.program.dominated import undominated
from absnormal.program.merging import Merged, merged
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.merging import layer_of

_MERGED = "kinks on one set, whatever slopes they are given, are one kink of f"
_UNDOMINATED = "where one alternative of a minimum or a maximum is another one and something worse, f never chooses it"


class FewerKinks(NamedTuple):
    """A program with fewer kinks at the point, how it was made, and why it is the same function."""

    sweeps: Sweeps
    made: Merged
    why: str


def fewer_kinks(tool: Sweeps) -> FewerKinks | None:
    """The program with kinks on one set merged, and norms that are multiples of each other; where there are none, that
    without dominated alternatives.  None where there are none either, or where the theorem about one layer says all
    there is."""
    if tool.sorts:
        return None
    if tool.lanes or one_set(tool) is not None:
        layer = layer_of(tool)
        if layer is not None and layer.whole:
            return None
        norms = with_fewer_norms(tool)
        fewer = tool if norms is None else _at_the_point(norms, tool)
        found = merged(fewer.program, fewer.values) or norms
        if found is not None:
            return FewerKinks(_at_the_point(found, tool), found, _MERGED)
    found = None if tool.atol else undominated(tool.program, tool.values)
    return None if found is None else FewerKinks(_at_the_point(found, tool), found, _UNDOMINATED)


def _at_the_point(found: Merged, tool: Sweeps) -> Sweeps:
    assert found.program is not None
    return Sweeps(found.program, None, tool.atol, found.values, units=float(np.max(tool.units)))


def contradicted(tool: Sweeps, c: Array, found: FewerKinks) -> bool:
    """Whether the slopes of some kinks on one set contradict each other."""
    if tool.lanes:
        return False
    used = tool.signature(np.asarray(c, dtype=float))
    return any(
        not np.array_equal(tool.slopes_of(i, used), sign * tool.slopes_of(j, used)) for i, j, sign in found.made.twice
    )
