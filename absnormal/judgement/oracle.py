"""A function and its certified gradients at many points."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.clarke.fallback import certified, checked
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.errors import AbsNormalError, BudgetError, DomainError, GuardError, TraceError
from absnormal.form import AbsNormalForm, extract
from absnormal.frontends.frameworks import plain, traced_call
from absnormal.frontends.points import framework, like
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.options import Options
from absnormal.judgement.whole_set import whole_set
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps

#: What the set of all gradients near x may cost.
_NEAR = Budget(cells=4_000, programs=8_000, seconds=5.0)


class Oracle:
    """f and a certified gradient at flat points; a NumPy function is traced again where it takes other branches."""

    def __init__(self, f: Any, x0: Any, seed: int) -> None:
        self._f, self._x0, self._seed = f, x0, seed
        self._tree, leaves = Tree.of(plain(x0))
        self._program = f if isinstance(f, Program) else None
        self._traced_again = not isinstance(f, Program)
        self._numpy = not framework(x0)
        self.start = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves])
        self.evaluations = 0

    def __call__(self, x: Array, strict: bool = False) -> tuple[float, Array]:
        """The value and a certified gradient; infinity where f is not defined or a branch is at a tie, unless
        ``strict``: a line search goes around."""
        sweeps = self._sweeps(x, strict)
        if sweeps is None:
            return float("inf"), np.zeros(len(x))
        return float(sweeps.y[0]), np.asarray(certified(sweeps, self._seed).gradient, dtype=float)

    def proved(self, x: Array, strict: bool = False) -> tuple[float, Array, float] | None:
        """The value, a gradient that is proved to be a Clarke gradient, and a bound on the 2-norm of its rounding; None
        where none was proved or f is not defined."""
        sweeps = self._sweeps(x, strict)
        found = None if sweeps is None else certified(sweeps, self._seed)
        if sweeps is None or found is None or not found.proved:
            return None
        size = sweeps.pull_magnitude(found.sigma, None, np.ones((1, 1)))[0][0]
        own = rounding(sweeps.pull_depth) * float(np.linalg.norm(np.asarray(size, dtype=float)))
        return float(sweeps.y[0]), np.asarray(found.gradient, dtype=float), own

    def refused(self, x: Array) -> Exception:
        """Why no gradient at x is proved."""
        sweeps = self._call(x).sweeps()
        try:
            checked(certified(sweeps, self._seed), sweeps, "absnormal.verify(f, x)")
        except (BudgetError, DomainError) as error:
            return error
        return BudgetError("no gradient at x was certified")

    def _sweeps(self, x: Array, strict: bool) -> Sweeps | None:
        self.evaluations += 1
        try:
            sweeps = self._call(x).sweeps()
        except (DomainError, TraceError, FloatingPointError):
            if strict:
                raise
            return None
        if sweeps.program.m != 1:
            raise ValueError(f"f must return one number, got shape {sweeps.program.shape}")
        return sweeps

    def near(self, x: Array, radii: tuple[float, ...]) -> list[tuple[float, int, GeneralizedGradient]]:
        """The generalized gradient with switches within each radius as ties; radii that add none are left out."""
        call = self._call(x)
        sizes = np.abs(call.sweeps().z)
        found: list[tuple[float, int, GeneralizedGradient]] = []
        for radius in radii:
            active = int((sizes <= radius).sum())
            if not found or active > found[-1][1]:
                try:
                    found.append((radius, active, whole_set(call, Options(atol=radius, budget=_NEAR))))
                except (BudgetError, DomainError):
                    break
        return found

    def form(self, x: Array, limit: int) -> AbsNormalForm | None:
        """The abs-normal form at x, where f has kinks and a form with at most ``limit`` entries in an operation."""
        try:
            program = self._call(x).program
            return extract(program, x, limit=limit) if program.s else None
        except AbsNormalError:
            return None

    def shaped(self, x: Array) -> Any:
        """A flat point in the structure of x0, with memory of its own."""
        return like(self._x0, self._tree, x.copy())

    def _call(self, x: Array) -> TracedCall:
        if self._numpy and self._program is not None:
            try:
                return TracedCall(*self._program.followed(self._program.tree.split(x)))
            except GuardError:
                if not self._traced_again:
                    raise
        call = traced_call(self._f, self.shaped(x))
        self._program = call.program
        return call
