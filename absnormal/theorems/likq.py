"""LIKQ, the linear independence kink qualification (THEORY 2.4).

Hypotheses
----------
The base rows R of all active switches are linearly independent.

Statement
---------
Every definite signature is open, so for any slopes in [-1, 1] the gradient that backward mode returns is a Clarke
gradient.

Proof idea
----------
The rows r^sigma = (I - Lt S)^{-1} R are independent, so r^sigma d = sigma has a solution.

Notes
-----
Independence is proved on rationals, or by taking off columns with a single nonzero entry, without the rows where these
are many, or by singular values that exceed all rounding errors.  Dependence is proved by more switches than variables,
by a zero row, or on rationals.  The rows of piecewise-linear programs that float64 computes without rounding are also
tried modulo a prime, where nothing cheaper decided.  The rows of a sort are the differences of its entries to one of
them; every order is opened in the same way (THEORY 7.4).

Source
------
Griewank & Walther, OMS 2016; Baumgärtner & Bethke, arXiv:2407.09639.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.active.rows import base_rows, by_inputs, certainly_independent, certainly_triangular, errors_of_base_rows
from absnormal.active.system import System
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import Evidence, NextToProgram, OnForm
from absnormal.certificates.witness import Witness
from absnormal.clarke.fallback import NoActiveSwitch
from absnormal.rational.linear_algebra import pivots
from absnormal.rational.modular import independent, integers
from absnormal.sweeps.integers import exact_rows
from absnormal.theorems.problem import Problem, Proof

#: Rows up to this many are tested by singular values.
_DENSE = 400
#: Numbers in rows that are computed without rounding.
_NUMBERS = 4_000_000
Answer = tuple[bool | None, str, Evidence | None]


@dataclass(frozen=True, eq=False)
class Independent(NextToProgram):
    """The base rows of all active switches are independent, beyond rounding."""

    kind = "independent"
    switches: Sequence[int]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The rows again, which pushes confirm."""
        return next_to_program.independent_rows(witness, rng)


@dataclass(frozen=True, eq=False)
class IndependentModuloAPrime(NextToProgram):
    """The rows, in integers, are independent modulo a prime."""

    kind = "independent modulo a prime"

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The rows for other slopes, modulo another prime."""
        return next_to_program.independent_modulo_a_prime(witness)


@dataclass(frozen=True, eq=False)
class IndependentByInputs(NextToProgram):
    """Round by round, active switches and an input for each that moves it on one path, and no switch of a later round.

    Attributes
    ----------
    rounds
        pairs of switches and inputs
    """

    kind = "independent by inputs"
    rounds: Sequence[tuple[Sequence[int], Sequence[int]]]

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The inputs are pushed, round by round."""
        return next_to_program.independent_by_inputs(self.rounds, witness, rng)


@dataclass(frozen=True, eq=False)
class Minor(OnForm):
    """Columns in which the base rows of all active switches are independent."""

    kind = "minor"
    columns: Sequence[int]

    def on(self, system: System) -> dict[str, Any]:
        """The columns."""
        return {"kind": self.kind, "minor": self.columns}


def likq(problem: Problem) -> Proof | None:
    """Proves that any slopes give a Clarke gradient."""
    return _proof(problem, _cheaply(problem))


def likq_modulo_a_prime(problem: Problem) -> Proof | None:
    """The same for hundreds of rows, modulo a prime."""
    return _proof(problem, _modulo_a_prime(problem))


def _proof(problem: Problem, found: Answer) -> Proof | None:
    holds, how, evidence = found
    if not holds:
        return None
    count = len(problem.sweeps.alpha)
    rows = "row is" if count == 1 else "rows are"
    reason = f"the {count} active switching {rows} linearly independent, so any slopes give a Clarke gradient"
    return Proof("likq", True, reason, how, evidence)


def decide(problem: Problem) -> Answer:
    """Whether LIKQ holds, None where that is not known; the arithmetic; the evidence."""
    found = _cheaply(problem)
    return _modulo_a_prime(problem) if found[0] is None else found


def _cheaply(problem: Problem) -> Answer:
    sweeps = problem.sweeps
    count = len(sweeps.alpha)
    if count == 0:
        return True, "structure", NoActiveSwitch()
    if count > sweeps.program.n or not problem.maybe_nonzero.all():
        return False, "structure", None
    system = problem.system
    if system is not None and system.proved and system.k == count:
        return _exactly(system)
    found = None if sweeps.sorts else base_rows(sweeps)
    rounds = by_inputs(sweeps) if found is None and not sweeps.rational else None
    if rounds is not None:
        return True, "float64", IndependentByInputs(rounds)
    found = base_rows(sweeps) if found is None else found
    if found is None:
        return None, "float64", None
    errors = errors_of_base_rows(sweeps, found[0])
    holds = certainly_triangular(found[0], errors)
    if not holds and count <= _DENSE:
        holds = certainly_independent(found[0], errors)
    return (True if holds else None), "float64", Independent(sweeps.alpha.tolist())


def _exactly(system: System) -> Answer:
    chosen, columns = pivots(system.rows)
    if len(chosen) < system.k:
        return False, system.arithmetic, None
    positions = [system.columns[j] for j in columns]
    return True, system.arithmetic, Minor(positions)


def _modulo_a_prime(problem: Problem) -> Answer:
    """By the rows for slope 1 at all active switches: they span what the base rows span."""
    sweeps = problem.sweeps
    count, width = len(sweeps.alpha), max(sweeps.program.n, sweeps.program.s)
    rational = sweeps.program.is_piecewise_linear and not sweeps.rational
    if not rational or not 0 < count <= sweeps.program.n or count * width > _NUMBERS:
        return None, "float64", None
    rows = exact_rows(sweeps, sweeps.signature(1.0), sweeps.alpha)
    whole = None if rows is None else integers(rows)
    holds = None if whole is None else independent(whole)[0]
    return holds, "rational", IndependentModuloAPrime() if holds else None
