"""The Builder, what front ends share, and the rules and kinds that are looked up by name."""

from __future__ import annotations

from ..mutant import Mutant

BUILDER = ("program/test_builder.py", "program/test_program.py")
MEANINGS = ("frontends/meanings/test_meanings.py",)
OWN = ("frontends/test_own_rules.py",)
ORDER = ("frontends/test_numpy_edges.py", "frontends/test_torch_order.py", "frontends/test_jax_order.py")
NEXT = ("certificates/test_next_to_program.py", "certificates/test_evidence.py")

OUTSIDE = ("sweeps/test_just_outside.py",)

MUTANTS = (
    # Operations that look equal: large parameters are looked up by a sample, kinks and precisions are never shared.
    Mutant("program/builder.py", "if index is not None and _same(params, nodes[index].params):",
           "if index is not None:", BUILDER),
    Mutant("program/builder.py", 'if index is None or not (small or np.array_equal(self.nodes[index].params["value"],'
           " value)):", "if index is None:", BUILDER),
    Mutant("program/builder.py", "_key(params) if params else None) if row.kink is None else None",
           "_key(params) if params else None)", OUTSIDE),
    Mutant("program/builder.py", "key = (op, args, self.precision, _key", "key = (op, args, _key", BUILDER),
    Mutant("program/builder.py", "own = node.switches > 0 and node.varied and old in needed",
           "own = node.switches > 0 and node.varied", BUILDER),
    Mutant("program/builder.py", "if not made and not np.isfinite", "if made and not np.isfinite", BUILDER),
    Mutant("program/builder.py", "if varied and row.domain is not None and not sure:",
           "if varied and row.domain is not None and sure:", BUILDER),
    Mutant("program/builder.py", "for index in infinite if self.nodes[index].varied), default=output)",
           "for index in infinite), default=output)", BUILDER),
    Mutant("frontends/terms.py", "rest = math.prod(self.shape(u)) // -math.prod(known)",
           "rest = math.prod(self.shape(u)) // math.prod(known)", ("frontends/test_torch_operations.py",)),
    Mutant("frontends/terms.py", "tuple(sorted(axis % len(shape) for axis in axes))", "tuple(axes)",
           MEANINGS),
    Mutant("frontends/meanings/activations.py", "write.scaled(below, rate)", "below", MEANINGS),
    Mutant("frontends/meanings/losses.py", "write.div(total, write.sum(share))", "write.mean(losses)", MEANINGS),
    Mutant("frontends/meanings/losses.py", "classes = np.where(kept, labels, 0)", "classes = labels", MEANINGS),
    Mutant("frontends/meanings/movements.py", "np.where(index < 0, index + shape[axis], index)", "index", MEANINGS),
    Mutant("frontends/meanings/movements.py", "(rows == rows[:, :1] + np.arange(wide)).all()", "True",
           ("frontends/meanings/test_movements.py",)),
    Mutant("frontends/meanings/movements.py", "not (rows[:, 0] % wide).any() and ", "",
           ("frontends/meanings/test_movements.py",)),
    Mutant("frontends/meanings/movements.py", "order = order[where[order] >= 0]", "order = order[:]",
           MEANINGS),
    Mutant("frontends/meanings/movements.py", "write.add(u, total) if sign > 0 else write.sub(u, total)",
           "write.add(u, total)", MEANINGS),
    Mutant("frontends/meanings/movements.py", "size - max(0, -high)) for size", "size) for size", MEANINGS),
    Mutant("frontends/meanings/windows.py", " & (place % step == 0)", "", MEANINGS),
    Mutant("frontends/meanings/windows.py", "lines[lines >= 0]", "lines[lines >= 0][::-1]",
           ("frontends/test_torch_operations.py",)),
    Mutant("frontends/meanings/movements.py", "place = np.full(len(counts), len(found))",
           "place = np.zeros(len(counts), int)", ("frontends/test_torch_scattering.py",)),
    Mutant("frontends/meanings/order.py", '">" if descending else "<", np.ones', '"<", np.ones', ORDER),
    Mutant("frontends/meanings/order.py", "lines, sign = (members if rank == 0 else members[:, ::-1]),",
           "lines, sign = members,", ORDER),
    Mutant("frontends/meanings/recurrent.py", "[:: -1 if backward else 1]", "[::1]", MEANINGS),
    Mutant("frontends/meanings/convolutions.py", "more < step for more", "more <= step for more", MEANINGS),
    Mutant("frontends/meanings/convolutions.py", "if any(low != high or low < 0", "if any(low != high", MEANINGS),
    Mutant("frontends/meanings/normalizations.py", "return mean, write.op(\"sqrt\", write.shifted(found, eps))",
           "return write.op(\"sqrt\", write.shifted(found, eps)), mean", MEANINGS),
    Mutant("frontends/own_rules.py", "written = here, self.f(*plain, **named), self.f(*beside, **named)",
           "written = here, self.f(*plain, **named), second", OWN),
    Mutant("frontends/own_rules.py", "written = here,", "written = first,", OWN),
    Mutant("frontends/own_rules.py", "or result.builder is not write.builder", "", OWN),
    Mutant("frontends/own_rules.py", "np.allclose(own, theirs, 0.0, within, equal_nan=True)",
           "np.allclose(own, theirs, 0.0, 1e3 * within, equal_nan=True)", OWN),
    Mutant("certificates/kinds.py", "(evidence.about_the_vector or near(witness))", "near(witness)", NEXT),
    Mutant("certificates/kinds.py", "        checker.claims(kind)\n", "", NEXT),
)
