"""Sweeps, their bounds, operations and programs, kinks nearby."""

from __future__ import annotations

from ..mutant import Mutant

BOUNDS = (
    "sweeps/test_rounding.py", "theorems/test_margins.py", "theorems/test_regular.py", "theorems/test_never_wrong.py",
)
KINKED = ("ops/test_table.py",)
DOMINATED = ("program/test_dominated.py", "theorems/test_dominated.py")
MERGING = ("program/test_merging.py", "frontends/test_torch_operations.py")

EQUAL = ("sweeps/test_equal_rows.py",)
KEPT = ("judgement/test_kept_gradients.py",)
INFINITE = ("frontends/test_torch_infinite.py",)
LARGE = ("ops/test_large_matrices.py",)
OUTSIDE = ("sweeps/test_just_outside.py",)
STANDARDIZED = ("sweeps/test_standardized.py",)

MUTANTS = (
    # What is known already is that of the same slopes, and a bound is one.
    Mutant("sweeps/gradients.py", "told is not None and np.array_equal(told.sigma, sigma) else", "told else", KEPT),
    Mutant("ops/large_matrices.py", "np.sqrt(squares + _TINY * a.shape[axis])", "np.sqrt(squares)", LARGE),
    Mutant("ops/large_matrices.py", "axis = -1 if plain.left else -2", "axis = -2 if plain.left else -1", LARGE),
    Mutant("sweeps/last_steps.py", "if linear is other else", "if True else", KEPT),
    Mutant("program/slicing.py", "if node.op in _SPREADING and", "if node.op and", INFINITE),
    Mutant("sweeps/at_point.py", "[Scale(1.0, shape, node.shape) for", "[Scale(1.0, shape, shape) for", KINKED),
    Mutant("sweeps/bounds.py", "if enough(effect):", "if True:", KEPT),
    Mutant("judgement/digits.py", "not (idle and near is tool)", "False", ("judgement/test_digits.py",)),
    Mutant("judgement/vector.py", "np.array_equal(leaves(sizes, most), leaves(sizes))", "True", KEPT),
    # What is standardized: a mean rounds as a sum does, and groups have means and roots of their own.
    Mutant("sweeps/rounding.py", 'family in ("linear", "bilinear") or node.op in ALONG:',
           'family in ("linear", "bilinear"):', STANDARDIZED),
    Mutant("sweeps/equal_rows.py", "(group[first] == group[second]) & self", "self", STANDARDIZED),
    Mutant("active/forms.py", '("root", index, group), -1, size)', '("root", index, 0), -1, size)', STANDARDIZED),
    Mutant("ops/standardized.py", "((-1, y, y),)", "((-1, out, out),)", STANDARDIZED),
    Mutant("ops/standardized.py", "flat: Any = -1", "flat: Any = 1", KINKED),
    Mutant("ops/standardized.py", "above += alike if k > 0 else apart", "above += apart if k > 0 else alike", KINKED),
    Mutant("sweeps/sparse.py", "weights = (same - (1 + y", "weights = (same - (y", ("sweeps/test_sparse.py",)),
    Mutant("sweeps/realized.py", "slack = rounding(sweeps.push_depth) * sweeps", "slack = 0 * sweeps",
           ("sweeps/test_rounding.py", "theorems/test_direction.py", "theorems/test_never_wrong.py")),
    Mutant("sweeps/table.py", "rates > gamma * size + FLOOR)", "rates > FLOOR)",
           ("sweeps/test_rounding.py", "theorems/test_fallback.py")),
    Mutant("sweeps/table.py", "and rates.min() > gamma * largest(self, direction) + FLOOR:", "and rates.min() > FLOOR:",
           ("sweeps/test_rounding.py", "theorems/test_fallback.py")),
    Mutant("sweeps/rounding.py", "own = depth[index] + uses[index] + (", "own = depth[index] + (",
           ("sweeps/test_rounding.py",)),
    Mutant("ops/kinks/fold.py", "return 4 * shapes[0][0]", "return 4", ("sweeps/test_rounding.py",)),
    Mutant("sweeps/rounding.py", "result = max(result, 2 * inner)", "result = max(result, inner)",
           ("sweeps/test_rounding.py",)),
    Mutant("ops/kinks/entrywise.py", "np.broadcast_to(_size(self.rates, inner), out)",
           "np.broadcast_to(np.maximum(inner[0], inner[-1]), out)", ("sweeps/test_rounding.py",)),
    Mutant("sweeps/bounds.py", "slack = wide[0] + gamma * (wide[0] + wide[1])", "slack = wide[0]", BOUNDS),
    Mutant("sweeps/bounds.py", "slack = wide[0] + gamma * (wide[1] + wide[0])", "slack = wide[0]", BOUNDS),
    Mutant("sweeps/bounds.py", "_on_switches(error[own], 3 * gamma * abs(weight) * wide[1])",
           "_on_switches(error[own], 0 * gamma * abs(weight) * wide[1])", BOUNDS),
    Mutant("sweeps/bounds.py", "signed.add(arg, negative, both[::-1])", "signed.add(arg, negative, both)", BOUNDS),
    Mutant("ops/kinks/fold.py", "highs = most.pull(up)[0] - least.pull(below)[0]",
           "highs = most.pull(up)[0] - most.pull(below)[0]",
           BOUNDS),
    Mutant("sweeps/integers.py", " or math.frexp(largest)[1] + grains.bits > 53:", ":", ("sweeps/test_rounding.py",)),
    Mutant("sweeps/integers.py", "                raise _TooFine\n", "                pass\n",
           ("sweeps/test_rounding.py",)),
    Mutant("arrays.py", "(*np.divmod(unique, max(1, size)), back)", "(*np.divmod(unique, size + 1), back)", EQUAL),
    Mutant("arrays.py", "low + steps[which] - (size - 1)", "low + steps[which] - size", EQUAL),
    Mutant("sweeps/equal_rows.py", "np.logical_and.reduce(zero)", "np.logical_or.reduce(zero)",
           ("theorems/test_private_directions.py", "theorems/test_fallback.py", "theorems/test_never_wrong.py")),
    Mutant("sweeps/equal_rows.py", "            hopeful &= values[first] == values[second]\n", "", OUTSIDE),
    Mutant("sweeps/equal_rows.py", "(bases == base) & (others == base)", "bases == base", EQUAL),
    Mutant("sweeps/equal_rows.py", "last * chosen[-1].size + numbers)", "numbers)", EQUAL),
    Mutant("sweeps/equal_rows.py", "np.where(lines[j] == j, zeros[j], before)", "zeros[j]", EQUAL),
    Mutant("sweeps/equal_rows.py", "able = column == same", "able = column >= 0",
           ("theorems/test_near_misses.py", "theorems/test_private_directions.py", "theorems/test_never_wrong.py")),
    Mutant("ops/kinks/fold_map.py", "step = self.slopes * (self.sign * half(self.slopes))",
           "step = self.slopes * half(self.slopes)", KINKED),
    Mutant("ops/kinks/fold_map.py", "second = self.slopes == -self.sign", "second = self.slopes == -1", KINKED),
    Mutant("ops/kinks/running.py", "np.where(tied, better(leading, t[j]), other)", "np.where(tied, leading, other)",
           ("ops/test_running.py",)),
    Mutant("ops/kinks/running.py", "running(sign, flat_u[:, columns])", "running(1, flat_u[:, columns])",
           ("ops/test_table.py", "theorems/test_fallback.py")),
    Mutant("program/merging.py", "sign if parts is None else sign * parts.rate", "sign", MERGING),
    Mutant("program/merging.py", " or program.nodes[node.args[found[2]]].shape != node.shape:", ":", MERGING),
    Mutant("program/merging.py", "(z[::-1], -sign)", "(z[::-1], sign)", MERGING),
    Mutant("program/dominated.py", "down == (side > 0) and never_negative(self.nodes, self.values, other)",
           "down == (side > 0)", DOMINATED),
    Mutant("program/dominated.py", "return down == (side > 0) and never", "return never", DOMINATED),
    Mutant("program/dominated.py", "if node.op == \"sub\" and position:", "if False:", DOMINATED),
    Mutant("program/dominated.py", "excluded if side == self.sides[number] else frozenset[int]()", "excluded",
           DOMINATED),
    Mutant("program/dominated.py", "frozenset(own) - {arg})", "frozenset(own))", DOMINATED),
    Mutant("program/dominated.py", "if self.sides.get(arg) == self.sides[number]:", "if arg in self.sides:", DOMINATED),
    Mutant("program/dominated.py", "self.nodes[other].args, not down", "self.nodes[other].args, down", DOMINATED),
    Mutant("program/dominated.py", "None if excluded else self.values[number]", "self.values[number]", DOMINATED),
    Mutant("program/dominated.py", "value if place == len(kept) else None", "value", DOMINATED),
    Mutant("program/dominated.py", "((0, 1), (1, 0)): -1}", "((0, 1), (1, 0)): 1}", DOMINATED),
    Mutant("program/dominated.py", "return None if None in parts else self._add(", "return self._add(", DOMINATED),
    Mutant("ops/kinks/entrywise.py", "np.minimum(first, second), np.maximum(up, above), total",
           "first, up, total", BOUNDS),
    Mutant("program/at_zero.py", " or [*params[\"axes\"]] != [len(node.shape) - 1]:", ":",
           ("frontends/test_equal_singular_values.py",)),
    Mutant("program/merging.py", " or not np.isfinite(values[arg]).all()", "", MERGING),
    Mutant("ops/kinks/entrywise.py", "if not self.selects:", "if False:",
           ("kinks/test_near.py", "kinks/test_margins.py")),
    Mutant("ops/kinks/fold.py", "leading = sign * u + radius >= lead", "leading = sign * u >= lead",
           ("kinks/test_near.py", "kinks/test_margins.py")),
    Mutant("kinks/enclosure.py", "not np.all(apart > radii[guard.left] + radii[guard.right])",
           "not np.all(apart > radii[guard.left])", ("kinks/test_near.py", "kinks/test_margins.py")),
    Mutant("kinks/near.py", "clear = z if exact else np.maximum(z - error, 0.0)", "clear = z",
           ("kinks/test_near.py", "kinks/test_margins.py")),
    Mutant("kinks/near.py", "return found if found <= distance else float(np.nextafter(found, -math.inf))",
           "return found", ("kinks/test_near.py", "kinks/test_margins.py")),
    Mutant("kinks/segment.py", "if self.evaluations > _EVALUATIONS:\n                whole = False",
           "if self.evaluations > _EVALUATIONS:\n                whole = whole", ("kinks/test_segment.py",)),
    Mutant("sweeps/sparse.py", "return csr_array(xbar), csr_array(np.where(self.kept, wbar, 0.0))",
           "return csr_array(xbar), csr_array(wbar)", ("sweeps/test_sparse.py", "forms/test_abs_normal_form.py")),
)
