"""The report: a verdict with everything that belongs to it, computed when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.fallback import Certified, certified
from absnormal.program.program import Program
from absnormal.report.verdict import Verdict
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.likq import decide as decide_likq
from absnormal.theorems.problem import Problem, Proof


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What `absnormal.verify` found.  True as a bool only when the verdict is CLARKE."""

    verdict: Verdict
    proof: Proof
    flat_gradient: Array
    problem: Problem
    tool: Sweeps
    slope: Any
    given: bool
    tolerance: float
    tried: tuple[str, ...]
    seed: int
    consistent: bool

    def __bool__(self) -> bool:
        return self.verdict is Verdict.CLARKE

    @property
    def program(self) -> Program:
        """The abs-only evaluation form."""
        return self.tool.program

    @property
    def method(self) -> str:
        """The theorem that decided, or "budget", "undecided", "nonfinite"."""
        return self.proof.method

    @property
    def deviation(self) -> float:
        """A bound on the rounding that was set aside, in the units of the gradient."""
        return self.proof.deviation

    @property
    def gradient(self) -> Any:
        """What the tool returned, or would return, in the structure of x."""
        return self.program.tree.unflatten(self.flat_gradient)

    @property
    def clarke_gradient(self) -> Any:
        """A certified Clarke gradient, in the structure of x."""
        if self and not self.given:
            return self.gradient
        return self.program.tree.unflatten(self.fallback.gradient)

    @cached_property
    def fallback(self) -> Certified:
        """A limiting gradient with its direction."""
        return certified(self.problem.sweeps, self.seed, self.problem.system)

    @cached_property
    def likq(self) -> bool | None:
        """LIKQ by its literal definition; None where deciding it would cost more than the verdict."""
        return decide_likq(self.problem)[0]

    @property
    def slopes(self) -> Array:
        """The slopes used at the active switches."""
        return np.asarray(self.problem.c, dtype=float)
