"""Separate inputs (THEORY 2.10), looked at again next to the program.

What depends on what is pushed forward here, where the search goes back and forth; and inputs are moved at random, which
may change no switch that is not a function of them.  What each subproblem shows is checked as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates import checker
from absnormal.certificates.next_to_program import DRAWS, allowed
from absnormal.certificates.witness import Witness, numbers_of
from absnormal.errors import AbsNormalError
from absnormal.sweeps.dependence import Dependence
from absnormal.sweeps.rounding import value_errors
from absnormal.sweeps.table import Sweeps, in_double_precision

#: How far from x, against its size, inputs are moved.
_NEAR = 1e-5
#: Whether data prove what they claim next to a program.
Holds = Callable[[str, Mapping[str, Any], Witness], bool]


def in_all(data: Mapping[str, Any], witness: Witness, rng: np.random.Generator, holds: Holds) -> bool:
    """In all subproblems, which have all active switches, the gradient is a Clarke gradient, or the vector."""
    split = _Split(witness, rng)
    bound = np.minimum(witness.deviation, allowed(witness.floats, witness.gradient).min())
    for part in data["subproblems"]:
        own = split.witness_of(part)
        if own is None or (own.tolerance is not None and not (own.tolerance <= split.tolerance).all()):
            return False
        if own.vector is None and not own.deviation <= bound:
            return False
        if not holds("CLARKE", part["evidence"], own):
            return False
    return split.covered() and split.near()


def in_one(data: Mapping[str, Any], witness: Witness, rng: np.random.Generator, holds: Holds) -> bool:
    """In one subproblem the gradient is none, or the vector."""
    split = _Split(witness, rng)
    (part,) = data["subproblems"]
    own = split.witness_of(part)
    if own is None or (own.vector is None) != (witness.vector is None):
        return False
    return (own.tolerance is None or bool((own.tolerance >= split.tolerance).all())) and holds(
        "NOT_CLARKE", part["evidence"], own)


class _Split:
    """The active switches that can change the output, of which those of subproblems are taken off."""

    def __init__(self, witness: Witness, rng: np.random.Generator) -> None:
        self.sweeps, self._witness, self._rng = witness.floats, witness, rng
        self._seen, n = Dependence(self.sweeps), witness.floats.program.n
        self._counted = self.sweeps.with_their_blocks(self.sweeps.active & self._seen.influence())
        self._left, self._judged = self._counted.copy(), np.zeros(n, bool)
        #: What the vector that is judged may be off.
        self.tolerance = np.zeros(n) if witness.tolerance is None else witness.tolerance

    def witness_of(self, part: Mapping[str, Any]) -> Witness | None:
        """What the evidence of a subproblem is checked next to; None where its inputs are not its own."""
        sweeps, evidence = self.sweeps, part["evidence"]
        inputs = np.zeros(sweeps.program.n, bool)
        inputs[checker.positions(part["inputs"], len(inputs))] = True
        own = sweeps.with_their_blocks(self._seen.switches_of(inputs) & self._counted)
        if not own.any() or (self._seen.switches_of(~inputs) & own).any():
            return None
        self._left &= ~own
        if not all(self._untouched(inputs, own) for _ in range(DRAWS)):
            return None
        kept, vector, tolerance = sweeps.keeping(own), None, None
        slopes, given = sweeps.signature(self._witness.c)[kept.alpha], numbers_of(part["slopes"])
        if "vector" in evidence and self._witness.vector is not None:
            slopes = given
            if slopes.shape != kept.alpha.shape:
                return None
            self._judged |= inputs
            vector = np.where(inputs, self._witness.vector, kept.gradient(kept.signature(slopes)))
            tolerance = numbers_of(evidence["tolerance"])
        deviation = float(numbers_of([evidence.get("deviation", 0.0)])[0])
        return Witness(kept, slopes, vector, tolerance, deviation)

    def covered(self) -> bool:
        """Whether no switch that depends on an input is left."""
        return not (self._seen.switches_of(np.ones(len(self._judged), bool)) & self._left).any()

    def near(self) -> bool:
        """Whether the vector, where no subproblem speaks of it, is the gradient."""
        vector = self._witness.vector
        if vector is None:
            return True
        apart = np.abs(vector - self._witness.gradient)
        return bool((apart <= self.tolerance)[~self._judged].all())

    def _untouched(self, inputs: Array, own: Array) -> bool:
        """Whether the inputs move none of the other switches, and other inputs none of these, at a point near x."""
        here = in_double_precision(self.sweeps)
        x = np.concatenate([leaf.reshape(-1) for leaf in here.program.inputs(here.values)])
        step = _NEAR * (1 + np.abs(x)) * self._rng.standard_normal(len(x))
        for moving, still in ((~inputs, own), (inputs, self._counted & ~own)):
            try:
                values = self.sweeps.program.unguarded(np.where(moving, x + step, x))
            except AbsNormalError:
                # Nothing is seen at a point where f is not defined.
                continue
            near = Sweeps(self.sweeps.program, None, values=values)
            noise = value_errors(near) + value_errors(here)
            if (np.abs(near.z - here.z) > noise)[still].any():
                return False
        return True
