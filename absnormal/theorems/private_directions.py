"""Private directions (THEORY 2.2).

**Theorem.** Partition the active switches into ordered groups G_1, ..., G_p with directions d_1, ..., d_p such that,
for every signature constant on groups, r_i . d_k > 0 for i in G_k and r_i . d_l = 0 for i in G_k, l > k.  Then every
group-uniform definite signature is open (d = sum t_k s_k d_k, t_k growing fast).  If no chain meets a group with |c|
< 1 twice, g_c is a Clarke gradient for every c that is constant on groups: g_c is the mean of g_sigma over
independent signs of the groups. Switches whose row is zero for every sigma join freely.

*Structural test*, without a sweep: an input that is added directly before a kink (a bias, broadcast over a batch),
and reaches that kink in no other way, is the direction of its own group.  The kinks are ordered as in the program; an
input of a later kink must not reach an active switch of an earlier one.  A chain meets the switches of one node at
most once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.structure import Private, private_inputs
from absnormal.theorems.problem import Problem, Proof


def private_directions(problem: Problem) -> Proof | None:
    """Proves that slopes which are constant on the groups of private inputs give a Clarke gradient."""
    return _grouped(problem, zero_rows=False)


def private_directions_and_zero_rows(problem: Problem) -> Proof | None:
    """The same, with one sweep that finds the switches whose row is zero: they join freely."""
    return _grouped(problem, zero_rows=True)


def _grouped(problem: Problem, zero_rows: bool) -> Proof | None:
    sweeps = problem.sweeps
    program, known = sweeps.program, private_inputs(sweeps.program)
    start, groups, certificate = 0, 0, []
    slopes = np.empty(program.s)
    slopes[sweeps.alpha] = np.asarray(problem.c, dtype=float)
    unresolved = {i for i in program.kinked if _own(problem, i).any()}
    blocking = set(unresolved)
    for index in sorted(unresolved):
        own = _own(problem, index)
        node = program.nodes[index]
        c = slopes[node.switch : node.switch + node.switches]
        if zero_rows:
            own = own & _nonzero(problem, index)
            if not own.any():
                continue
        found = next((p for p in known.of(index) if _fits(problem, p, own, c, blocking, zero_rows)), None)
        if found is None:
            return None
        members = np.unique(found.groups[own])
        groups += len(members)
        start += int(own.sum())
        certificate.append({"switch": node.switch, "inputs": members.tolist(), "sign": found.sign})
    inputs = "one input moves" if groups == 1 else f"{groups} inputs move"
    reason = (
        f"{inputs} the {start} active switch{'es' if start > 1 else ''}: each is added directly before a kink, reaches"
        " it in no other way, and the slopes are the same wherever it is added"
    )
    return Proof("private directions", True, reason, "structure", {"kind": "private inputs", "groups": certificate})


def _own(problem: Problem, index: int) -> Array:
    node = problem.sweeps.program.nodes[index]
    return problem.sweeps.active[node.switch : node.switch + node.switches]


def _nonzero(problem: Problem, index: int) -> Array:
    """The switches of a node that are active and may have a nonzero row."""
    node = problem.sweeps.program.nodes[index]
    mask = np.zeros(problem.sweeps.program.s, bool)
    mask[problem.sweeps.alpha] = problem.maybe_nonzero
    return mask[node.switch : node.switch + node.switches]


def _fits(problem: Problem, found: Private, own: Array, c: Array, blocking: Any, zero_rows: bool) -> bool:
    crossed = [i for i in found.crossed if i in blocking]
    if any(not zero_rows or _nonzero(problem, i).any() for i in crossed):
        return False
    groups, slopes = found.groups[own], c[own]
    if (slopes == slopes[0]).all():
        return True
    order = np.argsort(groups, kind="stable")
    same = groups[order][1:] == groups[order][:-1]
    return bool((slopes[order][1:] == slopes[order][:-1])[same].all())
