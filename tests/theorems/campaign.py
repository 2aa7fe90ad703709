"""Every theorem on its own, asked about random exact cases; the oracle judges what each of them says.

Separation from the gradients for all slopes says nothing of a gradient g_c of slopes, which is one of them: it is asked
about vectors near to limiting gradients.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from absnormal.active import system
from absnormal.judgement.ladder import RUNGS
from absnormal.theorems import branch_and_bound
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import beyond_bounds, from_all_slopes, middle_of

from ..oracle.expressions import Vector
from .generators import nests, network_cases
from .judge import Case, Rung, cases
from .selections import selections
from .test_dominated import dominated_alternatives
from .test_even_part import middles
from .test_independent_subproblems import side_by_side
from .test_layered_blocks import stacks
from .test_merging import on_shared_sets
from .test_private_directions import pooled
from .test_variable_coefficients import weighted

#: Active switches up to which the oracle is quick.
_FEW = 8
#: Where the tests of single theorems have their cases from.
OWN: Mapping[str, st.SearchStrategy[Case]] = {
    "merging": cases(on_shared_sets()), "independent subproblems": cases(side_by_side()), "layered blocks": stacks(),
    "even part": middles(), "private directions": pooled(), "variable coefficients": weighted(),
    "dominated alternatives": selections(),
}
#: Theorems about another program for the same function: whether they are right about a case, or say nothing of it.
REWRITINGS: Mapping[str, Callable[[Case], bool | None]] = {"dominated alternatives": dominated_alternatives}
#: Where all theorems have their cases from.
SOURCES: st.SearchStrategy[Case] = st.one_of(
    cases(), cases(soft=True), cases(nests()), cases(nests(), soft=True), network_cases(), *OWN.values()
)
#: Cases that are drawn from one seed.
_CHUNK = 500


@dataclass
class Tally:
    """What a theorem said."""

    cases: int = 0
    decided: int = 0
    seconds: float = 0.0
    wrong: list[Case] = field(default_factory=list)


@contextmanager
def _sized(largest: int) -> Iterator[None]:
    """No block of a system is small enough that its cells are listed, and none with more switches is a system."""
    before = system._LARGEST, branch_and_bound.LISTED
    system._LARGEST, branch_and_bound.LISTED = largest, 0
    try:
        yield
    finally:
        system._LARGEST, branch_and_bound.LISTED = before


def named(rung: Rung) -> str:
    """As it is printed."""
    return rung.__name__.replace("_", " ")


def campaign(
    count: int, first: int, rungs: Iterable[Rung] = RUNGS, source: st.SearchStrategy[Case] = SOURCES
) -> dict[str, Tally]:
    """Asks about so many cases, drawn from a seed: each as it is, and as if it were one of many switches."""
    # Whatever the number of switches.
    known = {named(rung): getattr(rung, "__wrapped__", rung) for rung in rungs}
    tallies = {name: Tally() for name in known}
    for start in range(0, count, _CHUNK):
        for a in drawn(min(_CHUNK, count - start), first + start // _CHUNK, source):
            said = [_asked(a, known, tallies, largest) for largest in (_FEW, 0)]
            for name, tally in tallies.items():
                tally.cases += 1
                tally.decided += any(name in right for right in said)
                tally.wrong += [a] * any(not right.get(name, True) for right in said)
    return tallies


def rewritten(name: str, count: int, first: int) -> Tally:
    """Asks one of `REWRITINGS` about so many cases of its own, drawn from a seed."""
    tally, right = Tally(), REWRITINGS[name]
    for start in range(0, count, _CHUNK):
        for a in drawn(min(_CHUNK, count - start), first + start // _CHUNK, OWN[name]):
            before = time.process_time()
            said = right(a)
            tally.seconds += time.process_time() - before
            tally.cases += 1
            tally.decided += said is not None
            tally.wrong += [a] * (said is False)
    return tally


def _asked(a: Case, rungs: Mapping[str, Rung], tallies: Mapping[str, Tally], largest: int) -> dict[str, bool]:
    """Whether the theorems are right about a case, those that decide it."""
    problem, right = a.problem(), dict[str, bool]()
    for name, rung in rungs.items():
        vector = _next_to(a) if rung is from_all_slopes else None
        start = time.process_time()
        with _sized(largest):
            proof = rung(problem) if vector is None else _beyond_bounds(problem, vector)
        tallies[name].seconds += time.process_time() - start
        if proof is not None:
            right[name] = proof.clarke == (a.clarke if vector is None else a.oracle.contains(vector))
    return right


def _beyond_bounds(problem: Problem, vector: Vector) -> Proof | None:
    g = np.array([float(v) for v in vector])
    return beyond_bounds(problem, g, middle_of(problem), np.zeros(len(g)))


def _next_to(a: Case) -> Vector:
    """A vector next to a limiting gradient, another one for each case."""
    rng = random.Random(repr(a))
    size = rng.choice((1, 8))
    return tuple(v + Fraction(rng.randint(-1, 1), size) for v in rng.choice(a.oracle.limiting_gradients))


def drawn(count: int, first: int, source: st.SearchStrategy[Case] = SOURCES) -> list[Case]:
    """Cases that a seed draws."""
    found: list[Case] = []

    @seed(first)
    @settings(max_examples=count, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(source.filter(lambda a: len(a.oracle.active) <= _FEW))
    def draw(a: Case) -> None:
        found.append(a)

    draw()
    return found
