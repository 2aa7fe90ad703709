"""All mutants."""

from __future__ import annotations

from ..mutant import Mutant
from . import arithmetic, frontends, meanings, seams, sweeps, theorems

MUTANTS: tuple[Mutant, ...] = (
    *theorems.MUTANTS, *sweeps.MUTANTS, *arithmetic.MUTANTS, *frontends.MUTANTS, *meanings.MUTANTS, *seams.MUTANTS,
)  # fmt: skip
