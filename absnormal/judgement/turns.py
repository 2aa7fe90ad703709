"""A vector is judged in turns: every search has a little time at first, and then more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from absnormal.clarke.budget import Clock
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found about a vector.

    Attributes
    ----------
    outcome
        a proof; or why there is none, or None where the problem knows why
    problem, tool
        what it is about: the program at the point, and as the tool ran it
    bare
        whether the vector was judged as it is, and not as g_c
    tolerance
        the largest deviation that was allowed in an entry of a bare vector
    tried
        the theorems that were tried in vain
    finer
        whether the values are those of float64 where the tool's are coarser
    """

    outcome: Proof | str | None
    problem: Problem
    tool: Sweeps
    bare: bool = False
    tolerance: float = 0.0
    tried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    finer: bool = False

    @property
    def proved(self) -> bool:
        """Whether there is a proof."""
        return isinstance(self.outcome, Proof)


#: What each turn of the clock finds about a vector.
Turns = Iterator[Judgement]


def in_turns(turns: Turns, clock: Clock) -> Judgement:
    """The first proof, or what was found when more time makes no difference, or is over."""
    for _ in clock.turns():
        found = next(turns)
        if found.proved:
            break
    clock.share = 1.0
    return found
