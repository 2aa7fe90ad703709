"""The form that a certificate carries, and evidence about it for what was proved without one.

What was proved by structure or in floating point is proved again on rationals where the program is piecewise linear
and its active switches are few: `rational` proposes evidence, and the checker verifies it.  None of it lies on the way
to a verdict; it is made when a certificate is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

from absnormal.active.arithmetic import TooLarge
from absnormal.active.forms import forms
from absnormal.active.system import MANY, System, dense_system
from absnormal.active.system import base_of as jacobian_of
from absnormal.active.weights import weights_of
from absnormal.certificates import checker
from absnormal.certificates.evidence import Judged, NextToProgram, OnForm
from absnormal.clarke.budget import Budget, Clock
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.direction import exactly
from absnormal.theorems.likq import likq
from absnormal.theorems.membership import membership
from absnormal.theorems.problem import Problem

#: What may be spent on rational evidence for a proof that has none.
_BUDGET = Budget(cells=500, programs=1000, seconds=5.0)
#: Active switches up to which a system is written out whose cells are too many to be listed.
_SWITCHES = 200
#: Inputs up to which J~ goes into a certificate.
_INPUTS = 4096
Written = dict[str, Any]


def rational(evidence: NextToProgram, problem: Problem, judged: Judged | None, claim: str) -> Written | None:
    """What the checker takes as a proof of the claim, without its system; None where nothing was found.

    ``problem`` holds the slopes that are judged, ``evidence`` is what proved the claim.
    """
    own, negative = evidence.on_rationals(problem, judged), claim == "NOT_CLARKE"
    if own is None and negative:
        return None
    system = problem.system
    if system is None or system.arithmetic != "rational":
        return None
    about = {} if judged is None else {
        name: [Fraction(a) for a in np.asarray(values).tolist()] for name, values in judged.to_dict().items()
    }
    # What lists cells is asked where they can be listed.
    again = () if negative or len(system.switches) > MANY else _proved_again(problem)
    for found in chain(() if own is None else (own,), again):
        written = {**found.on(system), **about}
        try:
            if checker.check({**written, "system": snapshot(system, problem)}):
                return written
        except ValueError:
            continue
    return None


def with_slopes(problem: Problem, c: Any, budget: Budget | None = None) -> Problem:
    """The problem with other slopes, asked now; what is known of its switches is kept."""
    result = replace(problem, c=np.asarray(c), budget=budget or problem.budget, clock=Clock())
    known = {name: value for name, value in problem.__dict__.items() if name in ("system", "relevant", "maybe_nonzero")}
    result.__dict__.update(known)
    return result


def with_system(problem: Problem) -> Problem:
    """The problem, with its system where cells are too many to be listed, too."""
    known = problem.system is not None or len(problem.sweeps.alpha) > _SWITCHES
    system = None if known else _every_switch(problem.sweeps)
    if system is None:
        return problem
    result = replace(problem)
    result.__dict__["system"] = system
    return result


def _every_switch(sweeps: Sweeps) -> System | None:
    """The system on rationals, whose cells may be too many to be listed; None where there is none."""
    try:
        found = forms(sweeps)
    except TooLarge:
        return None
    switches = tuple(int(i) for i in sweeps.alpha)
    if not all(i in found.z for i in switches):
        return None
    system = dense_system(found, switches, found.generators, weights_of(sweeps, found))
    return replace(system, base=jacobian_of(found)) if system.arithmetic == "rational" else None


def _proved_again(problem: Problem) -> Iterator[OnForm]:
    """The evidence of theorems that prove g_c on rationals."""
    limited = with_slopes(problem, problem.c, _BUDGET)
    for rung in (likq, exactly, componentwise, membership):
        proof = rung(limited)
        if proof is not None and proof.arithmetic == "rational" and isinstance(proof.evidence, OnForm):
            yield proof.evidence


def snapshot(system: System, problem: Problem) -> dict[str, Any]:
    """The active switches as plain numbers, with the slopes of the problem, and J~ where everything is rational."""
    result: dict[str, Any] = {
        "switches": list(system.switches), "rows": system.full, "couplings": system.couplings,
        "weights": system.weights[0], "signs": list(system.signs), "slopes": problem.slopes_in(system),
    }
    if system.inputs is not None:
        result["columns"] = list(system.inputs)
    if system.base is not None and problem.sweeps.program.n <= _INPUTS:
        result["base"] = base_of(system, problem)
    if system.hidden:
        result["hidden"] = True
    return result


def base_of(system: System, problem: Problem) -> list[Fraction]:
    """J~ of the whole program, by input, from a system that has it."""
    assert system.base is not None
    return [system.base[0].get(number, Fraction(0)) for number in range(problem.sweeps.program.n)]
