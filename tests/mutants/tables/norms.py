"""Norms at 0: what is one, blocks of switches, slopes in the ball, directions, powers of what is never negative."""

from __future__ import annotations

from ..mutant import Mutant

KINK = ("frontends/test_norms.py", "sweeps/test_norms.py")
SWEEPS = ("sweeps/test_norms.py", "frontends/test_norms.py")
OUTER = ("sweeps/test_outer.py",)
TABLE = ("ops/test_table.py",)
EQUAL = ("theorems/test_smooth.py", "theorems/test_norms_at_scale.py")

OUTSIDE = ("sweeps/test_just_outside.py",)

MUTANTS = (
    Mutant("sweeps/outer.py", "product((1.0, -1.0), repeat", "product((1.0,), repeat", OUTER),
    Mutant("sweeps/outer.py", "pattern * ahead[:, lanes - node.switch]", "pattern", OUTER),
    Mutant("certificates/interval.py", "sign * dz[0, first] / (length or 1.0)", "sign", OUTER),
    Mutant("certificates/interval.py", "for sign in (1.0, -1.0)", "for sign in (1.0,)", OUTER),
    Mutant("sweeps/conditioning.py", "if linear or not len(sweeps.alpha):", "if True:",
           ("sweeps/test_conditioning.py",)),
    Mutant("program/squares.py", "np.sqrt(1 / value if node.op", "np.sqrt(value if node.op", KINK),
    Mutant("program/squares.py", "fits = size is None or numbers.size == size", "fits = True", OUTSIDE),
    Mutant("program/squares.py", "        if None in inner:\n            return None\n", "", OUTSIDE),
    Mutant("program/signs.py", "() if above[0] >= 0 >= below[0] else None", "()", OUTSIDE),
    Mutant("program/signs.py", "not np.all(values[at] >= 0)", "False", KINK),
    Mutant("program/program.py", "tied[own] = tied[own].all(axis=0)", "tied[own] = tied[own].any(axis=0)", KINK),
    Mutant("sweeps/at_point.py", "np.where(self.active[own], sigma[own], self.signs[own])", "sigma[own]", OUTSIDE),
    Mutant("sweeps/realized.py", "(apart <= _ALONG * along)", "True", SWEEPS),
    Mutant("sweeps/realized.py", "lengths(t - along * c)", "lengths(t - along * c / lengths(c) ** 2)", OUTSIDE),
    Mutant("ops/kinks/norm.py", "np.where(tied, -most, ends.min(axis=0))", "np.where(tied, 0 * most, ends.min(axis=0))",
           SWEEPS),
    Mutant("ops/kinks/norm.py", "np.where(tied, -reach, center - spread), np.where(tied, reach,",
           "np.where(tied, -reach / 2, center - spread), np.where(tied, reach / 2,", SWEEPS),
    Mutant("frontends/ties/slopes.py", "<= 1 + 4 * UNIT", "<= 2", KINK),
    Mutant("judgement/flow.py", "known_slopes = np.where(_undefined(problem.c), 0, problem.c)",
           "known_slopes = problem.c", KINK),
    Mutant("sweeps/equal_rows.py", "if base != other or not self._room", "if not self._room", OUTSIDE),
    Mutant("theorems/direction.py", "needed & ~sweeps.in_blocks[sweeps.alpha]", "needed & False", OUTSIDE),
)
