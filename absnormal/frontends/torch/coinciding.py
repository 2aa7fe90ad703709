"""Numbers that Python code reads where it may do something else next to the point.

Code that gets hold of entries may sort them, assign by them or look for the largest one; where two are equal, or one is
0, it may go another way next to the point, and no operation shows it.  Of what it compares with an equal number itself,
`absnormal.frontends.torch.numbers` tells.  Entries that are equal near the point, too, as those of a symmetric matrix
are, the tape shows when it runs again, at two points that lie opposite each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.torch.replay import CannotReplay, Replay
from absnormal.frontends.torch.steps import Read
from absnormal.frontends.torch.tape import Tape
from absnormal.frontends.torch.values import array

#: How far away the tape runs again, in units of the variables, and what counts as equal there.
_STEP, _EQUAL = 2.0**-10, 2.0**-40

_UNSEEN = " at this point, where code often branches, and what is done with it is not seen"


class Coinciding:
    """What is read on the tape of a function of some variables."""

    def __init__(self, tape: Tape, variables: Sequence[Any], reads: Sequence[Read]) -> None:
        self.tape, self.variables, self.reads = tape, variables, reads
        #: Those of which nothing tells that.
        self.allowed: list[Read] = []

    def problem(self, read: Read) -> str:
        """Why code may do something else next to the point with what was read; empty where nothing tells that."""
        here = array(self.tape.value(read.record.args[0], read.number)).ravel()
        if not here.all():
            return "is 0" + _UNSEEN
        use = self.tape.numbers.get(read.number)
        if use is not None and use.ties and self._part(read, [here], np.arange(here.size)):
            return "is compared with an equal number, or made a whole number where that jumps, at this point"
        _, group, counts = np.unique(here, return_inverse=True, return_counts=True)
        if len(counts) < here.size and self._part(read, [], group):
            return "is equal to another one" + _UNSEEN
        self.allowed.append(read)
        return ""

    def _part(self, read: Read, here: list[Array], group: Array) -> bool:
        """Whether numbers of one group, and those ``here``, differ next to the point."""
        return any(near is None or _differ([near[read.number], *here], group) for near in self._near)

    @cached_property
    def _near(self) -> list[dict[int, Array] | None]:
        """What is read at two points, by the numbers of the operations; None where the tape does not run again."""
        generator = torch.Generator().manual_seed(0)
        moves = [torch.randn(v.shape, generator=generator, dtype=torch.float64) * _STEP for v in self.variables]
        return [self._read([side * move for move in moves]) for side in (1, -1)]

    def _read(self, moves: Sequence[Any]) -> dict[int, Array] | None:
        points = [v.detach().cpu().double() for v in self.variables]
        others = [
            (point + move * point.abs().clamp(min=1.0)).to(v.device).requires_grad_()
            for v, point, move in zip(self.variables, points, moves, strict=True)
        ]
        try:
            found = Replay(self.tape, self.variables, others, torch.float64).read({r.number for r in self.reads})
        except (CannotReplay, RuntimeError):
            return None
        return {number: array(tensor).ravel() for number, tensor in found.items()}


def _differ(values: Sequence[Array], group: Array) -> bool:
    """Whether the entries of one group differ, in one of these arrays or between them."""
    low, high = np.full(group.max() + 1, np.inf), np.full(group.max() + 1, -np.inf)
    for entries in values:
        np.minimum.at(low, group, entries)
        np.maximum.at(high, group, entries)
    return not bool(np.all(high - low <= _EQUAL * np.abs(values[0]).max()))
