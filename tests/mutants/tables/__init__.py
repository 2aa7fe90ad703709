"""All mutants."""

from __future__ import annotations

from ..mutant import Mutant
from . import arithmetic, frontends, meanings, merging, norms, seams, sweeps, theorems, together

MUTANTS: tuple[Mutant, ...] = (
    *theorems.MUTANTS, *sweeps.MUTANTS, *arithmetic.MUTANTS, *frontends.MUTANTS, *meanings.MUTANTS, *seams.MUTANTS,
    *norms.MUTANTS, *merging.MUTANTS, *together.MUTANTS,
)  # fmt: skip
