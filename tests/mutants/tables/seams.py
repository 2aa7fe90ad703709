"""The seams: what torch fills in and what a run leaves behind, guards, evidence next to its program, tolerances."""

from __future__ import annotations

from ..mutant import Mutant

ELSEWHERE = ("frontends/test_torch_guards.py",)
FILLING = ("verify/test_torch_filling.py",)
GRAPH = ("frontends/test_torch_graph.py", "frontends/test_torch_unseen.py")
JUMPS = ("frontends/test_torch_numbers.py",)
RESTORING = ("frontends/test_torch_restoring.py",)
WRITES = ("frontends/test_torch_writes.py",)
NEXT = ("certificates/test_next_to_program.py", "certificates/test_forgeries.py")
FORM = ("certificates/test_checker.py",)
PLAIN = ("frontends/test_numpy_refusals.py",)
COMPUTED = ("theorems/test_computed_rows.py",)
PARTIAL = ("sweeps/test_conditioning.py", "judgement/test_partial_cancellation.py")

DIGITS = ("judgement/test_digits.py",)
TRUE = ("judgement/test_true_gradient.py",)
DIFFERENCES = ("ops/test_differences.py",)
OVERFLOW = ("verify/test_overflow.py",)

MUTANTS = (
    # What overflows in the precision of a framework: values in float64, and no trace that is used again.
    Mutant("frontends/torch/capture.py", "again = lowering.overflows and not double", "again = False", OVERFLOW),
    Mutant("frontends/torch/capture.py", "if not own or found.overflows or any(node", "if not own or any(node",
           OVERFLOW),
    Mutant("frontends/torch/capture.py", "if found.overflows and not infinite and", "if False and", OVERFLOW),
    Mutant("frontends/jax/capture.py", "    if builder.overflows:\n", "    if False:\n", OVERFLOW),
    Mutant("sweeps/last_steps.py", "product = length(np.where(w == 0, 0.0, w * values[index].astype(float)))",
           "product = 0.0", ("judgement/test_ill_conditioned.py",)),
    Mutant("sweeps/last_steps.py", "return found if found > _TINY else", "return found if True else",
           ("judgement/test_ill_conditioned.py",)),
    Mutant("ops/standardized.py", " and out.dtype == args[0].dtype:", ":", ("sweeps/test_standardized.py",)),
    Mutant("program/slicing.py", "inside = True if domain is None else domain(node.params, *args)", "inside = False",
           OVERFLOW),
    Mutant("frontends/torch/guards.py", '    w.guard(u, w.constant(high), "<")\n', "", ELSEWHERE),
    Mutant("frontends/torch/guards.py", "np.rint(values) - 0.5, np.rint(values) + 0.5",
           "np.rint(values) - 0.75, np.rint(values) + 0.75", ELSEWHERE),
    Mutant("frontends/torch/guards.py", "np.ceil(values) - 1, np.ceil(values)", "np.ceil(values) - 2, np.ceil(values)",
           ELSEWHERE),
    Mutant("frontends/torch/guards.py", "np.where(whole > 0, whole, whole - 1)", "whole - 1", ELSEWHERE),
    Mutant("frontends/torch/guards.py", '(index > 0, index - 1, ">"), (index < count, index, "<")',
           '(index > 0, index - 1, ">"),', ELSEWHERE),
    Mutant("frontends/torch/guards.py", "w.constant(threshold / beta)", "w.constant(threshold * beta)", ELSEWHERE),
    Mutant("frontends/torch/graph.py", "if made is None or not _is_sparse(node):", "if made is None:", FILLING),
    Mutant("frontends/torch/graph.py", "(leaf._backward_hooks, leaf._post_accumulate_grad_hooks)",
           "(leaf._backward_hooks,)", GRAPH),
    Mutant("frontends/torch/graph.py", "(node.register_hook, node.register_prehook)", "(node.register_hook,)", GRAPH),
    Mutant("frontends/torch/graph.py", " or any(when > number for when, _ in tape.saved.get(storage(tensor), ()))", "",
           GRAPH),
    Mutant("frontends/torch/numbers.py", "(not before or (is_number and len(outs) > 1))", "not before", JUMPS),
    Mutant("frontends/torch/numbers.py", "use is None or use.decides", "use is None", JUMPS),
    Mutant("frontends/torch/restoring.py", "if failed or always:", "if failed:", RESTORING),
    Mutant("frontends/torch/restoring.py", "        np.random.set_state(numpy)  # noqa: NPY002\n", "", RESTORING),
    Mutant("frontends/torch/restoring.py", "variable.grad = held", "pass", RESTORING),
    Mutant("frontends/torch/writes.py", "found[own] = number + 1", "found[own] = number", WRITES),
    Mutant("frontends/torch/writes.py", "if own in moved:", "if False:", WRITES),
    Mutant("frontends/torch/writes.py", " or any(a is not b for a, b in zip(current, variables, strict=True))", "",
           WRITES),
    Mutant("certificates/witness.py",
           '        if data.get("deviation", 0.0 if alone else self.deviation) != self.deviation:\n'
           "            return False\n", "", NEXT),
    Mutant("certificates/kinds.py", "(evidence.about_the_vector or near(witness))", "True", NEXT),
    Mutant("certificates/checker/__init__.py", "        raise UnknownKind(kind)\n    return KINDS[kind]",
           '        return ("CLARKE",)\n    return KINDS[kind]', ("certificates/test_evidence.py",)),
    Mutant("certificates/witness.py",
           "self.sweeps.active, self.c, self.vector", "self.sweeps.active, self.vector", NEXT),
    Mutant("certificates/next_to_program.py", "return bool(apart < 1)", "return bool(apart < 2)", NEXT),
    Mutant("ops/differences.py", "2 * less + rounding", "rounding", DIFFERENCES),
    Mutant("ops/differences.py", "less <= _SHRUNK * bent + rounding", "less <= np.inf", DIFFERENCES),
    Mutant("ops/differences.py", "against &= ~tells | ", "against &= ", DIFFERENCES),
    Mutant("ops/differences.py", "telling >= 2", "telling >= 0", DIFFERENCES),
    Mutant("ops/differences.py", "_RELATIVE * sizes", "0 * sizes", DIFFERENCES),
    Mutant("sweeps/at_point.py", "            _hold(node, args, found)\n", "", DIFFERENCES),
    Mutant("certificates/next_to_program.py", "known = np.linalg.norm(errors / sizes[:, None]) + 8 * rows.size * UNIT",
           "known = 0.0", NEXT),
    Mutant("certificates/next_to_program.py", "float(min(bounds_above)) > margin", "float(min(bounds_above)) > 0",
           NEXT),
    Mutant("certificates/next_to_program.py", "        if paths[covered].any():\n            return None\n", "", NEXT),
    Mutant("certificates/next_to_program.py",
           "return bool((deviation <= allowed(witness.floats, witness.gradient)).all())",
           "return True", NEXT),
    Mutant("certificates/agreement.py",
           "in checker.OF_EVERY_SWITCH and sorted(form.switches) != witness.sweeps.alpha.tolist()", "in ()", NEXT),
    Mutant("certificates/agreement.py", "        if dy[0, 0] - level != change:\n            return False\n", "", NEXT),
    Mutant("certificates/agreement.py", "        made.proved\n        and ", "        ", NEXT),
    Mutant("certificates/agreement.py", "<= witness.tolerance).all()", "<= witness.tolerance).any()", NEXT),
    Mutant("certificates/checker/form.py", "least <= stated <= LARGEST", "least <= stated", FORM),
    Mutant("certificates/checker/form.py", "rtol = max(rtol, beyond / largest)", "rtol = beyond / largest", FORM),
    Mutant("frontends/plain_call.py", "for sign in (1.0, -1.0):", "for sign in (1.0,):", PLAIN),
    Mutant("frontends/plain_call.py", "    if plain.shape != traced.shape:\n        return False\n", "", PLAIN),
    Mutant("sweeps/conditioning.py", "w * (1 + self._unit * self._rng", "w * (1 + 0 * self._rng", PARTIAL),
    Mutant("sweeps/conditioning.py", "_ULPS, MARGIN = 4.0, 8.0", "_ULPS, MARGIN = 0.0, 8.0",
           ("sweeps/test_conditioning.py", "frontends/test_torch_precision.py")),
    Mutant("sweeps/conditioning.py", "terms = applied(*_in", "terms = 0 * applied(*_in", COMPUTED),
    Mutant("sweeps/realized.py",
           "slack + margin * beyond_values(sweeps, sigma, here, rates, rng))", "slack)", COMPUTED),
    Mutant("active/rows.py", "own + beyond_values(", "own + 0 * beyond_values(", COMPUTED),
    Mutant("active/system.py", "rows, errors + beyond_values(sweeps, sigma, rows, rows_at)", "rows, errors", COMPUTED),
    Mutant("judgement/flow.py", "(proof.clarke or given is None)", "True",
           ("judgement/test_tolerance_edges.py", "frontends/test_torch_graph.py")),
    Mutant("judgement/comparison.py", "size <= NOTHING * sums if call.foreign else np", "np", PARTIAL),
    Mutant("judgement/vector.py", "sums = cancelling(tool, sigma, self.problem.tolerance, self._size.most)",
           "sums = self._terms", ("judgement/test_tolerance_edges.py",)),
    Mutant("judgement/vector.py", " and limits.lost(found):", " and False:", ("judgement/test_tolerance_edges.py",)),
    Mutant("judgement/vector.py", "(branch := decided_by_rounding(limits.tool))", "(branch := \"\")",
           ("judgement/test_branches.py",)),
    Mutant("sweeps/conditioning.py", "lambda slopes, noise=noise: slopes + noise", "lambda slopes: slopes",
           ("judgement/test_saturated.py",)),
    Mutant("judgement/branches.py", "_ROUNDING = 2.0**-40", "_ROUNDING = 2.0**-20", ("judgement/test_branches.py",)),
    Mutant("judgement/digits.py", "not little and (why := why_far(", "False and (why := why_far(", TRUE),
    Mutant("judgement/digits.py", "nan_to_num(np.abs(here - true), nan=np.inf)", "abs(0 * true)", TRUE),
    Mutant("judgement/digits.py", "_MOST, _MOST_IN_HALF = 64.0,", "_MOST, _MOST_IN_HALF = 2.0**40,", TRUE),
    Mutant("judgement/digits.py", "np.vdot(np.abs(g), np.abs(leaf))", "np.abs(g).max() * np.abs(leaf).max()", TRUE),
    Mutant("judgement/digits.py", "np.where(sums > 0, inherent, np.inf)", "np.where(sums > 0, 0, np.inf)", TRUE),
    Mutant("judgement/digits.py", "np.minimum(_UNITS * eps / _STEP * changed, tolerance.leaves(elsewhere))",
           "_UNITS * eps / _STEP * changed", DIGITS),
    Mutant("judgement/digits.py", "np.minimum(share * sums, np.maximum.reduce([share * elsewhere, of_f, nothing]))",
           "share * sums", TRUE),
    Mutant("judgement/digits.py", "vanishing & (f <= cancelled(DOUBLE) * sums * scales)", "vanishing", TRUE),
    Mutant("judgement/digits.py", "symmetric.any() and _is_zero(near)", "symmetric.any()", TRUE),
    Mutant("judgement/digits.py", "_SIZES = (2.0**-10, 1.0, 2.0**10)", "_SIZES = ()", TRUE),
    Mutant("judgement/digits.py", "vanishing & known", "vanishing", TRUE),
    Mutant("judgement/digits.py", "np.minimum(_OF_F * eps, LARGEST)", "_OF_F * eps", TRUE),
    Mutant("sweeps/adjoints.py", "        if seed is not None and self.start in self.buffers:", "        if False:",
           ("sweeps/test_from_inputs.py",)),
    Mutant("sweeps/gradients.py", "<= NOTHING * sizes", "<= sizes", PARTIAL),
)
