"""Whatever theorem is asked about a random program, it says what the oracle says; and which theorem contains which.

A program is drawn once, and all theorems are asked about it.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from absnormal.judgement.ladder import RUNGS
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.direction import exactly
from absnormal.theorems.likq import decide, likq
from absnormal.theorems.membership import membership
from absnormal.theorems.problem import Proof
from absnormal.theorems.regular import regular, regular_exactly
from absnormal.theorems.separation import separation
from absnormal.theorems.supporting import supporting_exactly

from .generators import nests, network_cases
from .judge import Case, Rung, cases, fuzz, never_wrong

#: All of the ladder, whatever the number of switches.
THEOREMS = {getattr(rung, "__wrapped__", rung) for rung in RUNGS}


def asked(a: Case) -> dict[Rung, Proof | None]:
    return {rung: never_wrong(rung, a) for rung in THEOREMS}


@fuzz(20)
@given(cases())
def test_programs(a: Case) -> None:
    proofs = asked(a)
    assert decide(a.problem())[0] == a.oracle.likq
    assert proofs[likq] is None or (proofs[exactly] and proofs[componentwise])
    # What is listed is decided.
    assert (proofs[membership] is not None) == a.clarke or not a.problem().relevant
    assert a.clarke or proofs[separation] is not None


@fuzz(20)
@given(cases(nests()))
def test_nests(a: Case) -> None:
    proofs = asked(a)
    # Whole kinks keep the interval bounds tight; enumeration of all signatures is at least as sharp.
    assert proofs[regular] is None or len(a.oracle.active) > 10 or proofs[regular_exactly] is not None
    assert proofs[regular_exactly] is None or proofs[supporting_exactly] is not None


@pytest.mark.slow
@fuzz(15)
@given(cases(soft=True))
def test_programs_with_smooth_maps_between(a: Case) -> None:
    asked(a)
    assert decide(a.problem())[0] in (None, a.oracle.likq)


@fuzz(12)
@given(cases(nests(), soft=True))
def test_nests_with_smooth_maps_between(a: Case) -> None:
    asked(a)


@fuzz(20)
@given(network_cases())
def test_networks(a: Case) -> None:
    asked(a)
    assert decide(a.problem())[0] == a.oracle.likq
