"""Private directions (THEORY 2.2).

Hypotheses
----------
The active switches are partitioned into ordered groups G_1, ..., G_p with directions d_1, ..., d_p such that, for every
signature that is constant on groups, r_i . d_k > 0 for i in G_k and r_i . d_l = 0 for i in G_k and l > k.  The slopes c
are constant on groups, and no chain meets a group with |c| < 1 twice.  Switches whose row is zero for every such
signature are left out.

Statement
---------
Every definite signature that is constant on groups is open, and g_c is a Clarke gradient.

Proof idea
----------
d = sum_k t_k s_k d_k, with t_k growing fast, realizes the signs s; g_c is the mean of g_sigma over independent signs of
the groups with means c_k.

Notes
-----
*The structural test* needs no sweep.  An input that is added directly before a kink (a bias, broadcast over a batch),
and that reaches the kink in no other way, is the direction of its own group.  The groups stand in the order of the
program; an input of a later kink must not reach an active switch of an earlier one.  The switches of one node are on no
common chain.

*For definite slopes*, |c| = 1, the rows of what is left out need to be zero under c only: d = sum_k t_k d_k, with the
directions taken so that c_i r_i^c . d_k > 0, realizes c, so that g_c is a limiting gradient (THEORY 2.5).  Ties
between equal windows of a pool are left out in this way.

Source
------
This package; the statement and its proof are in THEORY 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from absnormal.active.private_inputs import Private, private_inputs
from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import AtPoint, Judged, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.ops import kink_of
from absnormal.theorems.problem import Problem, Proof


@dataclass(frozen=True)
class Group:
    """The inputs that are added directly before one kink: its first switch, and the way in which they move it."""

    switch: int
    inputs: Sequence[int]
    sign: int


@dataclass(frozen=True, eq=False)
class PrivateInputs(NextToProgram):
    """Inputs that move all active switches, in the order of the kinks; the rows of what they leave out are zero."""

    kind = "private inputs"
    groups: Sequence[Group]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """Each input is followed to what it moves, for all slopes."""
        return next_to_program.private_inputs(self._moved, witness)

    @property
    def _moved(self) -> list[tuple[int, Sequence[int]]]:
        return [(group.switch, group.inputs) for group in self.groups]

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """The columns of these inputs, where the columns of the system are inputs."""
        system = problem.relevant
        if system is None:
            return None
        position = {number: column for column, number in enumerate(system.inputs or ())}
        groups = []
        for group in self.groups:
            node = problem.sweeps.program.node_of(group.switch)
            own = [i for i, switch in enumerate(system.switches) if 0 <= switch - node.switch < node.switches]
            for number in group.inputs:
                column = position.get(number)
                members = [] if column is None else [i for i in own if system.full[i][column]]
                if column is not None and members:
                    groups.append((members, column))
        return PrivateColumns(groups)

    def to_dict(self) -> dict[str, Any]:
        """Each group by its names."""
        return {"kind": self.kind, "groups": [asdict(group) for group in self.groups]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls([Group(**group) for group in data["groups"]])


@dataclass(frozen=True, eq=False)
class PrivateInputsForTheseSlopes(PrivateInputs):
    """The same for the definite slopes that are judged: the rows of what is left out are zero under them."""

    kind = "private inputs for these slopes"

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """Each input is followed to what it moves, for these slopes."""
        return next_to_program.private_inputs_for_these_slopes(self._moved, witness)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """Columns move switches for all slopes only."""
        return None


@dataclass(frozen=True, eq=False)
class PrivateColumns(OnForm):
    """Columns of a system, each with the relevant switches that it alone moves directly."""

    kind = "private columns"
    groups: Sequence[tuple[Sequence[int], int]]

    def on(self, system: System) -> dict[str, Any]:
        """A group for every column."""
        groups = [{"members": members, "column": column} for members, column in self.groups]
        return {"kind": self.kind, "groups": groups}


def private_directions(problem: Problem) -> Proof | None:
    """Proves that slopes which are constant on the groups of private inputs give a Clarke gradient."""
    return _grouped(problem, None)


def private_directions_and_zero_rows(problem: Problem) -> Proof | None:
    """The same, with one sweep that finds the switches whose row is zero: they join freely."""
    nonzero = np.zeros(problem.sweeps.program.s, bool)
    nonzero[problem.sweeps.alpha] = problem.maybe_nonzero
    return _grouped(problem, nonzero)


def private_directions_for_definite_slopes(problem: Problem) -> Proof | None:
    """For slopes -1 and 1 alone; ties whose rows are zero under these, structurally or by equal windows, join."""
    sweeps = problem.sweeps
    if sweeps.rational or not (np.abs(np.asarray(problem.c, dtype=float)) == 1).all():
        return None
    if not _hopeful(problem):
        return None
    nonzero = np.zeros(sweeps.program.s, bool)
    nonzero[sweeps.alpha] = ~problem.equal_rows.zero_rows()
    proof = _grouped(problem, nonzero, PrivateInputsForTheseSlopes)
    if proof is None:
        return None
    idle = int(len(sweeps.alpha) - nonzero.sum())
    if idle == len(sweeps.alpha):
        return replace(proof, reason="the rows of all active switches are zero for these slopes")
    reason = f"{proof.reason}; the rows of {idle} more are zero for these slopes" if idle else proof.reason
    return replace(proof, reason=reason)


def _hopeful(problem: Problem) -> bool:
    """Whether every active kink has private inputs at all, or may have rows that are zero: those of differences, of
    which one is looked at."""
    sweeps = problem.sweeps
    known, nodes = private_inputs(sweeps.program), sweeps.program.nodes
    without = [i for i in sweeps.program.kinked if _own(problem, i).any() and not known.of(i)]
    if any(len(kink_of(nodes[i].op).rates) == 1 for i in without):
        return False
    first = [nodes[i].switch + int(np.argmax(_own(problem, i))) for i in without]
    among = np.zeros(len(sweeps.alpha), bool)
    among[np.searchsorted(sweeps.alpha, first)] = True
    return bool(problem.equal_rows.zero_rows(among)[among].all()) if first else True


def _grouped(problem: Problem, nonzero: Array | None, evidence: type[PrivateInputs] = PrivateInputs) -> Proof | None:
    """``nonzero`` (s,) says which active switches may have a nonzero row; None: all."""
    sweeps = problem.sweeps
    program, known = sweeps.program, private_inputs(sweeps.program)
    start, count = 0, 0
    groups: list[Group] = []
    unresolved = {i for i in program.kinked if _own(problem, i).any()}
    if nonzero is None and not all(known.of(i) for i in unresolved):
        return None
    blocking = set(unresolved)
    for index in sorted(unresolved):
        own = _own(problem, index)
        node = program.nodes[index]
        c = problem.sigma[node.own]
        if nonzero is not None:
            own = own & nonzero[node.own]
            if not own.any():
                continue
        found = next((p for p in known.of(index) if _fits(problem, p, own, c, blocking, nonzero)), None)
        if found is None:
            return None
        members = found.moving(own)
        count += len(members)
        start += int(own.sum())
        groups.append(Group(node.switch, members.tolist(), found.sign))
    inputs = "one input moves" if count == 1 else f"{count} inputs move"
    reason = (
        f"{inputs} the {start} active switch{'es' if start > 1 else ''}: each is added directly before a kink, reaches"
        " it in no other way, and the slopes are the same wherever it is added"
    )
    return Proof("private directions", True, reason, "structure", evidence(groups))


def _own(problem: Problem, index: int) -> Array:
    node = problem.sweeps.program.nodes[index]
    return problem.sweeps.active[node.own]


def _fits(problem: Problem, found: Private, own: Array, c: Array, blocking: Any, nonzero: Array | None) -> bool:
    for i in found.crossed:
        node = problem.sweeps.program.nodes[i]
        if i in blocking and (nonzero is None or nonzero[node.own].any()):
            return False
    slopes = c[own]
    if (slopes == slopes[0]).all():
        return True
    groups = found.groups[own]
    order = np.argsort(groups, kind="stable")
    same = groups[order][1:] == groups[order][:-1]
    return bool((slopes[order][1:] == slopes[order][:-1])[same].all())
