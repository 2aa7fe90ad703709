"""Norms at 0: what is one, blocks of switches, slopes in the ball, directions, powers of what is never negative."""

from __future__ import annotations

from ..mutant import Mutant

KINK = ("frontends/test_norms.py", "sweeps/test_norms.py")
SWEEPS = ("sweeps/test_norms.py", "frontends/test_norms.py")
OUTER = ("sweeps/test_outer.py",)
TABLE = ("ops/test_table.py",)
EQUAL = ("theorems/test_smooth.py", "theorems/test_norms_at_scale.py")

OUTSIDE = ("sweeps/test_just_outside.py",)
#: Entries that are nowhere negative; norms that are multiples of each other; layers of norms; factors written twice.
ABOVE = ("theorems/test_norms_of_kinks.py",)
ONE = ("theorems/test_equal_norms.py",)
LAYERED = ("theorems/test_layers_of_norms.py",)
ALIKE = ("frontends/test_norms.py",)

MUTANTS = (
    Mutant("sweeps/at_point.py", ' = self.__dict__["_signs"] = signs', " = signs",
           ("theorems/test_separate_inputs.py",)),
    Mutant("sweeps/outer.py", "product((1.0, -1.0), repeat", "product((1.0,), repeat", OUTER),
    Mutant("sweeps/outer.py", "np.where(pattern > 0, ahead[:, own], behind[:, own])", "pattern", OUTER),
    Mutant("sweeps/outer.py", "above & (sign * t < 0)", "above & (t < 0)", OUTER),
    Mutant("certificates/interval.py", "else t / (float(np.sqrt(t @ t)) or 1.0)", "else sign", OUTER),
    Mutant("certificates/interval.py", "t[above & (t < 0)] = 0.0", "t[above] = 0.0", OUTER),
    Mutant("certificates/interval.py", "for sign in (1.0, -1.0)", "for sign in (1.0,)", OUTER),
    Mutant("sweeps/conditioning.py", "if linear or not len(sweeps.alpha):", "if True:",
           ("sweeps/test_conditioning.py",)),
    Mutant("program/squares.py", "np.sqrt(1 / value if node.op", "np.sqrt(value if node.op", KINK),
    Mutant("program/squares.py", "fits = size is None or numbers.size == size", "fits = True", OUTSIDE),
    Mutant("program/squares.py", "        if None in inner:\n            return None\n", "", OUTSIDE),
    Mutant("program/signs.py", "() if sign * above[0] >= 0 >= sign * below[0] else None", "()", OUTSIDE),
    Mutant("program/signs.py", "not np.all(sign * values[at] >= 0)", "False", KINK),
    Mutant("program/program.py", "tied[own] = tied[own].all(axis=0)", "tied[own] = tied[own].any(axis=0)", KINK),
    Mutant("sweeps/at_point.py", "np.where(given, sigma[own], self.signs[own])", "sigma[own]", OUTSIDE),
    Mutant("sweeps/realized.py", "(apart <= ALONG * along)", "True", SWEEPS),
    Mutant("sweeps/realized.py", "lengths(t - along * c)", "lengths(t - along * c / lengths(c) ** 2)", OUTSIDE),
    Mutant("ops/kinks/norm.py", "np.where(tied, least, ends.min(axis=0)), np.where(tied, most, ends.max(axis=0)),",
           "np.where(tied, 0 * least, ends.min(axis=0)), np.where(tied, most, ends.max(axis=0)),", SWEEPS),
    Mutant("ops/kinks/norm.py", "np.where(tied, least, center - spread), np.where(tied, most,",
           "np.where(tied, least / 2, center - spread), np.where(tied, most / 2,", SWEEPS),
    Mutant("ops/kinks/norm.py", "np.where(self.upward, np.minimum(low, 0), -most)", "np.minimum(low, 0)", SWEEPS),
    Mutant("ops/kinks/norm.py", "lengths(np.where(upward, up, either))", "lengths(up)", SWEEPS),
    Mutant("program/signs.py", "bool(np.all(values[constants[0]] > 0))", "bool(np.any(values[constants[0]] > 0))",
           ("program/test_signs.py",)),
    Mutant("sweeps/realized.py", "or opened[needed].all()", "or opened[needed].any()", ("sweeps/test_rounding.py",)),
    Mutant("theorems/membership.py", "np.array_equal(problem.c, self.c) and bool(np.abs", "bool(np.abs",
           ("theorems/test_membership.py",)),
    Mutant("program/signs.py", "return np.full(node.shape, never_negative(nodes, values, index))",
           "return np.full(node.shape, True)", ABOVE),
    Mutant("program/signs.py", "np.broadcast_to(np.asarray(values[index]) >= 0, node.shape)",
           "np.full(node.shape, True)", ABOVE),
    Mutant("sweeps/at_point.py", "self.norms if self.balls and not self.atol else ()",
           "self.norms if self.balls else ()", ABOVE),
    Mutant("theorems/regular.py", "not problem.sweeps.not_negative.any() or not", "True or not", ABOVE),
    Mutant("certificates/of_slopes.py", "(sigma[sweeps.not_negative] < 0).any()", "False", ABOVE),
    Mutant("certificates/next_to_program.py", "one_sign(witness.floats, sign, rng) if covered else None",
           "one_sign(witness.floats, sign, rng)", ABOVE),
    Mutant("active/equal_norms.py", "Multiple(root, math.sqrt(unit / its))", "Multiple(root, unit / its)", ONE),
    Mutant("active/equal_norms.py", "key = frozenset((pair, a / unit) for pair, a in form.items())",
           "key = frozenset((pair, a / unit) for pair, a in form.items() if pair[0] == pair[1])", ONE),
    Mutant("active/equal_norms.py", "found.entry[root], its = entry, own[_first_square(own)]",
           "found.entry[root] = entry", ONE),
    Mutant("active/quadratic.py", 'sign = -1 if node.op == "sub" else 1', "sign = 1", ONE),
    Mutant("active/quadratic.py", '1 / factor if node.op == "div" else factor', "factor", ONE),
    Mutant("active/quadratic.py", "any(a * lead[one] != entry[one] * lead[k] for k, a in entry.items())", "False", ONE),
    Mutant("program/numbering.py", "not (a.params is b.params or _key(a.params) == _key(b.params))", "False", ALIKE),
    Mutant("theorems/layered_blocks.py", "elif (own & sweeps.in_blocks).any():", "elif False:", LAYERED),
    Mutant("theorems/layered_blocks.py", "return sweeps.with_their_blocks(moved)[own]", "return moved[own] | True",
           LAYERED),
    Mutant("theorems/layered_blocks.py", "(slopes + sign * across)[own]", "(slopes + across)[own]", LAYERED),
    Mutant("theorems/layered_blocks.py", "np.maximum(1 - size**2, 0)", "np.maximum(1 - size, 0)", LAYERED),
    Mutant("theorems/layered_blocks.py", "(np.abs(senses(sweeps, d)[own[sweeps.alpha]] - signs) <= ALONG).all()",
           "True", LAYERED),
    Mutant("certificates/of_slopes.py", "np.where(sweeps.in_blocks[own], ALONG, exact)", "1.0", LAYERED),
    Mutant("certificates/of_slopes.py", "(d[reached] != 0).any() or still.any()", "(d[reached] != 0).any()", LAYERED),
    Mutant("sweeps/realized.py", "found[own] = rates[own] / np.where(size > 0, size, 1.0)", "pass", LAYERED),
    Mutant("frontends/ties/slopes.py", "<= 1 + 4 * UNIT", "<= 2", KINK),
    Mutant("judgement/flow.py", "known_slopes = np.where(_undefined(problem.c), 0, problem.c)",
           "known_slopes = problem.c", KINK),
    Mutant("sweeps/equal_rows.py", "if base != other or not self._room", "if not self._room", OUTSIDE),
    Mutant("theorems/direction.py", "needed & ~sweeps.in_blocks[sweeps.alpha]", "needed & False", OUTSIDE),
)
