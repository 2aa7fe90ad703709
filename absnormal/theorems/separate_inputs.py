"""Separate inputs (THEORY 2.10).

Hypotheses
----------
The active switches that can change f fall into sets P, and those of P are, near x, functions of inputs I_P alone, which
are different for all P.  f_P is f with sigma_j z_j for |z_j| of all other sets, whatever the sigma_j.

Statement
---------
A vector g is in dC f(x) if and only if, for each P, the entries of g in I_P are those of an element of dC f_P(x), and
all entries in no I_P are those of the derivative.  So g_c is a Clarke gradient if and only if it is one of each f_P.

Proof idea
----------
f is a smooth function of x and of the |z_j|.  Where these are differentiable so is f, and its gradients in the I_P tend
to limits that may be chosen one set after the other.

Notes
-----
Neither hypothesis E nor rows count, so that sorts and norms may be among the switches, and any number of them.

Source
------
This package; the statement and its proof are in THEORY 2.10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates.evidence import Evidence, Judged, Separates
from absnormal.theorems.problem import Problem, Proof


@dataclass(frozen=True, eq=False)
class Subproblem:
    """f_P, the inputs I_P as a mask (n,), and what was proved of its gradient, or of a vector."""

    inputs: Array
    problem: Problem
    proof: Proof

    def judged(self, whole: Judged | None) -> Judged | None:
        """The vector that was judged; or, where that was g_c, what was separated together with it, in the inputs of
        others the gradient."""
        if self.proof.judged is not None or whole is None or self.proof.clarke:
            return self.proof.judged
        vector = np.where(self.inputs, whole.vector, self.problem.gradient)
        return Judged(vector, whole.tolerance, self.problem.c)


@dataclass(frozen=True, eq=False)
class SeparateInputs(Evidence):
    """Subproblems of separate inputs, in all of which the gradient is a Clarke gradient."""

    kind = "separate inputs"
    subproblems: Sequence[Subproblem]


@dataclass(frozen=True, eq=False)
class ApartInSubproblem(Separates):
    """A subproblem with inputs of its own, in which the gradient is no Clarke gradient."""

    kind = "apart in separate inputs"
    subproblems: Sequence[Subproblem]

    @property
    def within(self) -> Evidence:
        """What separates in the subproblem."""
        found = self.subproblems[0].proof.evidence
        assert found is not None
        return found

    @property
    def separator(self) -> Sequence[Any]:  # type: ignore[override]
        """In x, where that of the subproblem is known there; otherwise empty."""
        (own,) = self.subproblems
        if not isinstance(self.within, Separates):
            return []
        if not self.within.in_columns:
            return [a if kept else 0 for a, kept in zip(self.within.separator, own.inputs.tolist(), strict=True)]
        system, found = own.problem.relevant, [0] * len(own.inputs)
        if system is None or system.inputs is None:
            return []
        for column, value in zip(system.columns, self.within.separator, strict=True):
            found[system.inputs[column]] = value
        return found

    @property
    def gap(self) -> Any:  # type: ignore[override]
        """As in the subproblem."""
        return self.within.gap if isinstance(self.within, Separates) else 0


def separate_inputs(problem: Problem, judge: Callable[[Problem], Proof | None]) -> Proof | None:
    """Asks another judge about each subproblem."""
    proved = list[Subproblem]()
    for inputs, own in problem.subproblems:
        proof = None if problem.tracker.late else judge(own)
        if proof is not None:
            found = Subproblem(inputs, own, proof)
            if not proof.clarke:
                return in_one(problem, found)
            proved.append(found)
    if not proved or len(proved) < len(problem.subproblems):
        return None
    whole = in_all(problem, proved)
    return whole if problem.allows(whole.deviation) else None


def in_one(problem: Problem, own: Subproblem) -> Proof:
    """What is no Clarke gradient in one subproblem is none."""
    some, count = len(own.problem.sweeps.alpha), len(problem.sweeps.alpha)
    reason = f"{some} of {count} active switches depend on inputs that no other one depends on: {own.proof.reason}"
    return replace(own.proof, reason=reason, evidence=ApartInSubproblem([own]))


def in_all(problem: Problem, proved: Sequence[Subproblem]) -> Proof:
    """What is a Clarke gradient in all subproblems is one."""
    methods = ", ".join(dict.fromkeys(own.proof.method for own in proved))
    reason = (
        f"the {len(problem.sweeps.alpha)} active switches fall into {len(proved)} sets that are functions of separate"
        f" inputs, and each proves the gradient for itself ({methods})"
    )
    deviation = max(own.proof.deviation for own in proved)
    return Proof("separate inputs", True, reason, "float64", SeparateInputs(proved), deviation)
