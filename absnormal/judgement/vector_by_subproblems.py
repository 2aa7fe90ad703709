"""A vector judged subproblem by subproblem, where these are functions of separate inputs (THEORY 2.10).

Each is asked about its own entries of the vector, in the place of the others those of its gradient; what may be off is
what may be off in the vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates.evidence import Judged
from absnormal.theorems.problem import Proof
from absnormal.theorems.separate_inputs import Subproblem, in_all, in_one

if TYPE_CHECKING:
    from absnormal.judgement.vector import Limits

#: What says of a vector, turn by turn, what is proved of it; slopes may give it.
Judge = Callable[["Limits", Iterable[Array]], Iterator[Proof | str | None]]


@dataclass(frozen=True, eq=False)
class Part:
    """A subproblem, its inputs (n,), and what each turn says of its part of the vector."""

    inputs: Array
    limits: Limits
    turns: Iterator[Proof | str | None]


def parts_of(limits: Limits, judge: Judge) -> list[Part]:
    """The subproblems of what is judged, if there are some."""
    if limits.problem.sweeps is not limits.tool or limits.refuted is None:
        return []
    found = []
    for inputs, problem in limits.problem.subproblems:
        vector = np.where(inputs, limits.vector, problem.gradient)
        alone = problem if problem.off is None else replace(problem, off=None)
        own = replace(limits, problem=alone, vector=vector, tool=problem.sweeps)
        own.__dict__.update(accepted=limits.accepted, refuted=limits.refuted)
        block = problem.sweeps.in_blocks[problem.sweeps.alpha]
        known = (problem.c, *(np.where(block, 0.0, slope) for slope in (0.0, -1.0, 1.0)))
        found.append(Part(inputs, own, judge(own, known)))
    return found


def by_subproblems(limits: Limits) -> Proof | None:
    """A proof about a vector by one of its subproblems, or by all of them."""
    problem, proved, rest = limits.problem, list[Subproblem](), np.ones(len(limits.vector), bool)
    # What was too late in this turn is tried again in the next one.
    for part in limits.parts if problem.subproblems else ():
        proof, rest = None if problem.tracker.late else next(part.turns), rest & ~part.inputs
        if isinstance(proof, Proof) and proof.evidence is not None:
            own = Subproblem(part.inputs, part.limits.problem, proof)
            if not proof.clarke:
                return replace(in_one(problem, own), judged=Judged(limits.vector, limits.refuted))
            proved.append(own)
    if not proved or len(proved) < len(limits.parts):
        return None
    apart = np.abs(problem.gradient - limits.vector)[rest]
    if not (apart <= limits.accepted[rest]).all():
        return None
    found = in_all(problem, proved)
    deviation = max(found.deviation, float(apart.max(initial=0.0)))
    return replace(found, deviation=deviation, judged=Judged(limits.vector, limits.accepted))
