"""Theorems and the sets that judge them."""

from __future__ import annotations

from ..mutant import Mutant

DIRECTION = ("theorems/test_margins.py", "theorems/test_direction.py")
REGULAR = ("theorems/test_margins.py", "theorems/test_regular.py")
EVEN = ("theorems/test_even_part.py",)
SUPPORTING = ("theorems/test_supporting.py",)
RULES = ("certificates/test_evidence_rules.py",)
SEPARATION = ("theorems/test_margins.py", "theorems/test_separation.py")
MISSES = "theorems/test_near_misses.py"
COMPONENTWISE = (MISSES, "theorems/test_componentwise.py")
LIKQ = ("theorems/test_margins.py", "theorems/test_likq.py")
PRIVATE = (MISSES, "theorems/test_private_directions.py")
PARTS = (MISSES, "theorems/test_independent_subproblems.py")
FALLBACK = (MISSES, "theorems/test_fallback.py")
MEMBERSHIP = ("theorems/test_margins.py", MISSES, "theorems/test_membership.py")

UNDER_REGULAR = ("theorems/test_margins.py", "certificates/test_next_to_program.py", "clarke/test_regular_gradient.py")

MUTANTS = (
    Mutant("clarke/regular_function.py", "+ rounding(sweeps.push_depth) * size + FLOOR", "", UNDER_REGULAR),
    Mutant("clarke/regular_function.py", " + float(np.abs(v) @ self.deviation)", "", UNDER_REGULAR),
    Mutant("clarke/regular_function.py", "directional(self.sign * v).sigma", "directional(v).sigma", UNDER_REGULAR),
    Mutant("clarke/regular_function.py", "return gap if gap > margin else None", "return gap if gap > 0 else None",
           UNDER_REGULAR),
    Mutant("theorems/regular_vectors.py", "or not of_one_sign.small:", "or False:", UNDER_REGULAR),
    Mutant("theorems/regular.py", "return RegularFunction(problem.sweeps, found.proof.evidence.sign, found.effect)",
           "return RegularFunction(problem.sweeps, found.proof.evidence.sign, 0 * found.effect)", UNDER_REGULAR),
    Mutant("certificates/of_regular_functions.py", "or not (np.abs(c) <= 1).all()", "", UNDER_REGULAR),
    Mutant("certificates/of_regular_functions.py", "(lengths(sigma[lane]) > 1 + 8 * UNIT).any()", "False",
           UNDER_REGULAR),
    Mutant("certificates/of_regular_functions.py", "not (weights >= 0).all() or ", "", UNDER_REGULAR),
    Mutant("certificates/of_regular_functions.py", "- along - slack > margin", "- along > 0", UNDER_REGULAR),
    Mutant("certificates/of_regular_functions.py", "along = sign * float(sweeps.directional(sign * v)",
           "along = float(sweeps.directional(v)", UNDER_REGULAR),
    Mutant("clarke/wolfe.py", "trans=side", "trans=\"N\"", UNDER_REGULAR),
    Mutant("theorems/direction.py", "sweeps.in_balls[sweeps.alpha]]) == 1):",
           "sweeps.in_balls[sweeps.alpha]]) >= 0):", DIRECTION),
    Mutant("theorems/direction.py", "if rank([rows[i] for i in free]) < len(free):",
           "if rank([rows[i] for i in free]) < 0:", DIRECTION),
    Mutant("theorems/direction.py", "row = [a + weight * c[j] * b for a, b in zip(row, rows[j], strict=True)]",
           "row = [a + weight * b for a, b in zip(row, rows[j], strict=True)]", DIRECTION),
    Mutant("theorems/direction.py", "if i in free or not (any(rows[i]) or any(couplings[i])):",
           "if i in free or not any(rows[i]):", DIRECTION),
    Mutant("theorems/separation.py", "v if gap > _rounding_along(whole or system, v) else None",
           "v if gap > 0 else None",
           SEPARATION),
    Mutant("theorems/separation.py", "if not gap > slack:", "if not gap > 0:", SEPARATION),
    Mutant("theorems/separation.py", "or any(component.outside for component in components):",
           "or all(component.outside for component in components):", SEPARATION),
    Mutant("theorems/separation.py", "if cells is not None and cells.complete:", "if cells is not None:", SEPARATION),
    Mutant("theorems/regular.py", "((lower >= 0) | (lower > error))", "((lower >= 0) | (lower > -error))", REGULAR),
    Mutant("theorems/regular.py", "negligible = (found.lower >= -found.error) & (found.upper <= found.error)",
           "negligible = (found.lower >= -found.error) | (found.upper <= found.error)", REGULAR),
    Mutant("sweeps/bounds.py", "seeds[0, sweeps.alpha[aside]] = 2 * sizes[aside]",
           "seeds[0, sweeps.alpha[aside]] = 0 * sizes[aside]", REGULAR),
    Mutant("theorems/regular.py", "w[j] += sigma[i] * system.couplings[i][j] * w[i]",
           "w[j] += system.couplings[i][j] * w[i]", REGULAR),
    Mutant("theorems/supporting.py", "(sign * w >= -error)[counted].all()", "(sign * w >= -error)[counted].any()",
           SUPPORTING),
    Mutant("theorems/supporting.py", "problem.maybe_nonzero & (error > 0)",
           "problem.maybe_nonzero & (np.abs(problem.c) < 1) & (error > 0)", SUPPORTING),
    Mutant("theorems/supporting.py", "w = sweeps.pull(problem.sigma,", "w = sweeps.pull(sweeps.signature(0.0),",
           SUPPORTING),
    Mutant("theorems/supporting.py", "aside = counted & ~(sign * w > error)", "aside = counted & (sign * w < -error)",
           SUPPORTING),
    Mutant("theorems/supporting.py", "or (effect <= problem.allowed).all():", "or True:", SUPPORTING),
    Mutant("theorems/supporting.py", "w[j] += c[i] * system.couplings[i][j] * w[i]",
           "w[j] += system.couplings[i][j] * w[i]", SUPPORTING),
    Mutant("theorems/even_part.py", "(c != 0)[first[sweeps.alpha]].any()", "(c != 0)[first[sweeps.alpha]].all()", EVEN),
    Mutant("theorems/even_part.py", "if (before[counted] != 0).any():", "if (before[counted] != 0).all():", EVEN),
    Mutant("theorems/even_part.py", "not any(row) or (not slope and not any(coupling))",
           "not any(row) or not slope", EVEN),
    Mutant("theorems/even_part.py", "not any(row) or (not slope and not any(coupling))",
           "not any(row) or not any(coupling)", EVEN),
    Mutant("certificates/checker/rules.py", "not any(row) or not (c or any(own))",
           "not any(row) or not any(own)", RULES),
    Mutant("certificates/checker/rules.py", "not any(row) or not (c or any(own))", "not any(row) or not c", RULES),
    Mutant("certificates/checker/rules.py", "w[i] * a.slopes[i] * coupling", "w[i] * coupling", RULES),
    Mutant("certificates/checker/rules.py", "or max(w) <= 0", "or max(w) >= 0", RULES),
    Mutant("theorems/componentwise.py", "if component.outside or len(component.members) > _DEFINITE:",
           "if len(component.members) > _DEFINITE:", COMPONENTWISE),
    Mutant("theorems/componentwise.py", "if len(targets) != 1:", "if len(targets) < 1:", COMPONENTWISE),
    Mutant("active/rows.py", "sure = np.abs(rows) > errors + FLOOR", "sure = np.abs(rows) > 0",
           LIKQ),
    Mutant("active/rows.py", "single = possible[left].sum(axis=0) == 1", "single = possible[left].sum(axis=0) >= 1",
           LIKQ),
    Mutant("theorems/likq.py", "if len(chosen) < system.k:", "if len(chosen) < system.k - 1:", LIKQ),
    Mutant("theorems/private_directions.py",
           "return bool((slopes[order][1:] == slopes[order][:-1])[same].all())", "return True", PRIVATE),
    Mutant("theorems/private_directions.py", "if i in blocking and (nonzero is None or", "if i in blocking and (",
           PRIVATE),
    Mutant("theorems/private_directions.py", ".c, dtype=float)) == 1).all():", ".c, dtype=float)) <= 1).all():",
           PRIVATE),
    Mutant("active/private_inputs.py", "if [arg for arg in args if arg in touched] != [inner]:",
           "if inner not in [arg for arg in args if arg in touched]:", PRIVATE),
    Mutant("active/private_inputs.py", "second = sign if node.op == \"add\" else -sign", "second = sign", PRIVATE),
    Mutant("theorems/smooth.py", "or any(any(row) for row in system.full):", "or all(any(row) for row in system.full):",
           ("theorems/test_smooth.py",)),
    Mutant("theorems/membership.py", "if (np.abs(left) <= allowed).all():", "if (np.abs(left) <= allowed).any():",
           MEMBERSHIP),
    Mutant("theorems/membership.py", "        if not proved:\n            continue\n", "",
           MEMBERSHIP),
    Mutant("theorems/independent_subproblems.py", "if cells.complete else (Fraction(0), None)", "", PARTS),
    Mutant("theorems/independent_subproblems.py", "        if not answer[0]:\n",
           "        if not answer[0] and part is found[0]:\n",
           PARTS),
    Mutant("clarke/components.py", "if component.outside and not component.cells.complete:",
           "if not component.cells.complete and False:", COMPONENTWISE),
    Mutant("clarke/cells.py", "if not (signs[: i + 1] * (known[: i + 1] @ result) > 0)[signs[: i + 1] != 0].all():",
           "if not (signs[: i + 1] * (known[: i + 1] @ result) > 0)[signs[: i + 1] != 0].any():",
           ("clarke/test_cells.py",)),
    Mutant("clarke/computed.py", "shut = ~realizes(sweeps, sigma, d)", "shut = ~np.ones(len(sweeps.alpha), bool)",
           MEMBERSHIP),
    Mutant("clarke/pricing.py", "certified &= (rates != 0) | ~rows[:, i].astype(bool).any(axis=1)", "certified &= True",
           COMPONENTWISE),
    Mutant("clarke/fallback.py", "certain = certain | ~sweeps.pattern(sigma)[0][sweeps.alpha]",
           "certain = certain | True",
           FALLBACK),
    Mutant("clarke/fallback.py", "return 1 if rate > 0 else -1", "return 1 if rate >= 1 else -1", FALLBACK),
)
