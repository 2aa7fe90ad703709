"""The evidence of a proof as the checker reads it: in the columns of the rows, with positions of switches for numbers.

What was proved by structure or in floating point is proved again on rationals where the program is piecewise linear
and its active switches are few: `rational` proposes evidence, the checker disposes.  None of it lies on the way to a
verdict; it is made when a certificate is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.clarke.budget import Budget
from absnormal.exact import checker
from absnormal.exact.system import System
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.direction import exactly
from absnormal.theorems.likq import likq
from absnormal.theorems.membership import membership
from absnormal.theorems.problem import Problem

#: What may be spent on rational evidence for a proof that has none.
_BUDGET = Budget(cells=500, programs=1000, seconds=5.0)
#: Inputs up to which J~ goes into a certificate.
_INPUTS = 4096
Evidence = dict[str, Any]


def rational(data: Mapping[str, Any], problem: Problem) -> Evidence | None:
    """Evidence that the checker takes; None where none was found.

    ``problem`` holds the slopes that are judged, ``data`` what proved it.
    """
    system = problem.system
    if system is None or system.arithmetic != "rational":
        return None
    assert problem.relevant is not None
    judged = {
        name: [Fraction(a) for a in np.asarray(data[name]).tolist()] for name in ("vector", "tolerance") if name in data
    }
    limited = with_slopes(problem, problem.c, _BUDGET)
    for found in _proposed(data, limited, system, problem.relevant):
        evidence = {**found, **judged}
        try:
            if checker.check({**evidence, "system": snapshot(system, problem)}):
                return evidence
        except ValueError:
            continue
    return None


def with_slopes(problem: Problem, c: Any, budget: Budget | None = None) -> Problem:
    """The problem with other slopes; what is known of its switches is kept."""
    result = replace(problem, c=np.asarray(c), budget=budget or problem.budget)
    known = {name: value for name, value in problem.__dict__.items() if name in ("system", "relevant", "maybe_nonzero")}
    result.__dict__.update(known)
    return result


def _proposed(data: Mapping[str, Any], problem: Problem, system: System, relevant: System) -> Iterator[Evidence]:
    kind = data["kind"]
    if kind == "zero rows":
        yield {"kind": kind}
    elif kind == "private inputs":
        yield _private(data, problem, relevant)
    elif kind == "direction" and system.inputs is not None:
        d = data["direction"]
        direction = [Fraction(d[j]) for j in system.inputs]
        yield {"kind": kind, "free": [], "direction": direction}
    elif kind == "sign-definite adjoints":
        yield {"kind": kind}
    elif kind == "not the gradient":
        separator = np.asarray(data["separator"], dtype=float)
        farthest = int(np.argmax(np.abs(separator) - np.asarray(data["tolerance"], dtype=float)))
        unit = [Fraction(0)] * len(separator)
        unit[farthest] = Fraction(1 if separator[farthest] > 0 else -1)
        yield {"kind": "separated from all definite signatures", "separator": unit}
        return
    for rung in (likq, exactly, componentwise, membership):
        proof = rung(problem)
        if proof is not None and proof.arithmetic == "rational":
            yield of(proof.data, system)


def _private(data: Mapping[str, Any], problem: Problem, system: System) -> Evidence:
    """One group for every private input."""
    inputs = system.inputs or ()
    place = {number: column for column, number in enumerate(inputs)}
    groups = []
    for group in data["groups"]:
        node = problem.sweeps.program.node_of(group["switch"])
        own = [i for i, switch in enumerate(system.switches) if 0 <= switch - node.switch < node.switches]
        for number in group["inputs"]:
            column = place.get(number)
            members = [] if column is None else [i for i in own if system.full[i][column]]
            if members:
                groups.append({"members": members, "column": column})
    return {"kind": "private columns", "groups": groups}


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


def of(data: Mapping[str, Any], system: System) -> Evidence:
    """The data of a proof on rationals as evidence: switches by their places among those in play, or among all."""
    width = len(system.full[0]) if system.full else 0
    kept = system if data["kind"] in checker.ABOUT_ALL else system.relevant()
    at = {switch: number for number, switch in enumerate(kept.switches)}

    def wide(vector: Any) -> Any:
        full = [Fraction(0)] * width
        for column, value in zip(kept.columns, vector, strict=True):
            full[column] = value
        return full

    def positions(switches: Any) -> list[int]:
        return [at[switch] for switch in switches]

    left_out = ("switches", "columns", "slopes", "gap", "sign", "points")
    result = {name: value for name, value in data.items() if name not in left_out}
    if data["kind"] == "minor":
        result["minor"] = data["columns"]
    if "free" in data:
        result["free"] = positions(data["free"])
    if "component" in data:
        result["members"] = positions(result.pop("component"))
    if "direction" in data:
        result["direction"] = wide(data["direction"])
    if "directions" in data:
        result["directions"] = [wide(d) for d in data["directions"]]
    if "separator" in data and "vector" not in data:
        result["separator"] = wide(data["separator"])
    if "components" in data:
        result["components"] = [
            {**{name: value for name, value in part.items() if name != "switches"},
             "members": positions(part["switches"]), "directions": [wide(d) for d in part.get("directions", [])]}
            for part in data["components"]
        ]
    return result
