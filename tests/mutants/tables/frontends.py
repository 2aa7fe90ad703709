"""Front ends: which side of a tie is taken, what is followed, what is read."""

from __future__ import annotations

from ..mutant import Mutant

EDGES = ("frontends/test_numpy_edges.py",)
COMPARISON = ("judgement/test_comparison.py",)
TOLERANCE = ("judgement/test_tolerance_edges.py",)
ONNX = ("frontends/test_onnx_operators.py",)
TORCH = ("frontends/test_torch_arguments.py",)
JAX_EDGES = ("frontends/test_jax_edges.py",)

WRITES = ("frontends/test_numpy_writes.py",)
PLACES = ("frontends/meanings/test_places.py",)
SELECTIONS = ("frontends/meanings/test_selections.py",)

MUTANTS = (
    Mutant("frontends/meanings/places.py", "inner if np.array_equal(steps",
           "inner if steps is steps or np.array_equal(steps", PLACES),
    Mutant("frontends/meanings/places.py", "if varied[1 - place] and not never_negative",
           "if False and not never_negative", PLACES),
    Mutant("frontends/meanings/places.py", "bool(np.all(entries == entries[:1]))", "True", PLACES),
    Mutant("frontends/meanings/places.py", "and np.array_equal(taken, self.wanted)", "", PLACES),
    Mutant("frontends/meanings/places.py", "wanted.tolist(), implied=True", "wanted.tolist(), implied=False", PLACES),
    Mutant("frontends/torch/places.py", "record.args[1] < self.length", "False", PLACES),
    Mutant("frontends/meanings/sides.py", "(owner != _NONE) & (owner != places) & counts", "owner == _SEVERAL",
           SELECTIONS),
    Mutant("frontends/meanings/sides.py", "single or difference.size == 1",
           "single or write.builder.values[start].size == 1", SELECTIONS),
    Mutant("frontends/meanings/selections.py", "np.array_equal(before[places], values)", "True", SELECTIONS),
    Mutant("frontends/torch/steps.py", "replace(self, place=place, numbers=entry[here])", "replace(self, place=place)",
           SELECTIONS),
    Mutant("frontends/numpy/masks.py", "self.moved(lambda u: u[key])", "self", SELECTIONS),
    Mutant("batch/verdicts.py", "if self.f is None and self.whole:", "if self.whole:", ("batch/test_sweep.py",)),
    Mutant("frontends/numpy/memory.py", "self.place[where] = numbered(self.builder.nodes[node].shape)",
           "self.place[where] = 0", WRITES),
    Mutant("frontends/numpy/memory.py", "self.owner[where], self.place[where] = CONSTANT, where", "pass", WRITES),
    Mutant("frontends/numpy/stored.py", "return bool(np.shares_memory(layout.reshape(shape), layout))", "return True",
           WRITES),
    Mutant("frontends/numpy/held.py", "super().__setitem__(key, np.nan)", "super().__setitem__(key, value)", WRITES),
    Mutant("frontends/meanings/halves.py", "below if lower else below.T", "below", ("frontends/test_halves.py",)),
    Mutant("frontends/meanings/complex_numbers.py", "_plus(w, made[0][0], made[1][1], -1)",
           "_plus(w, made[0][0], made[1][1])", ("frontends/test_numpy_complex.py",)),
    Mutant("frontends/meanings/complex_numbers.py", 'return a[0], None if a[1] is None else w.op("neg", a[1])',
           "return a", ("frontends/test_numpy_complex.py",)),
    Mutant("frontends/numpy/linear_algebra.py", '" by the upper half" * (UPLO.upper() != "L")', '" by the upper half"',
           ("frontends/test_numpy_bound.py",)),
    Mutant("frontends/numpy/library.py", "if expected.dtype != np.float64 or not np.allclose(",
           "if False and not np.allclose(", ("frontends/test_numpy_bound.py",)),
    Mutant("frontends/jax/complex_numbers.py", "(getattr(jnp.asarray(seen.value), name), seen.traced) if",
           "(getattr(jnp.asarray(seen.value), name)) if", ("frontends/test_jax_complex.py",)),
    Mutant("frontends/numpy/linear_algebra.py", "_eigenvalues, smoothness.apart, \"symmetric\"",
           "_eigenvalues, smoothness.apart", ("frontends/test_halves.py",)),
    Mutant("frontends/numpy/numbers.py", "np.where(better(item, best), item, best)",
           "np.where(better(best, item), best, item)",
           WRITES),
    Mutant("frontends/numpy/masks.py", 'opposite = {">": "<="', 'opposite = {">": "<"', EDGES),
    Mutant("frontends/numpy/masks.py", '"<=": ">", "==": "!="', '"<=": ">=", "==": "!="', EDGES),
    Mutant("frontends/meanings/selections.py", '_FLIPPED = {"<": ">", "<=": ">="}', '_FLIPPED = {"<": ">=", "<=": ">"}',
           EDGES),
    Mutant("frontends/meanings/selections.py", 'beyond = (">", "<=") if sign > 0 else ("<", ">=")',
           'beyond = (">", "<=")', EDGES),
    Mutant("frontends/ties/slopes.py", "(tied - 2) / tied", "(tied - 1) / tied", EDGES),
    Mutant("program/affine.py", "return k if combined(top, below, -k) == {} else None", "return k", EDGES),
    Mutant("program/program.py", "return not (np.any(tied) or np.any(outcome != guard.outcome))",
           "return not np.any(outcome != guard.outcome)", EDGES),
    Mutant("frontends/torch/layers.py", "scale = scale * weight.array.astype(float)[labels][:, None]",
           "scale = scale * 1.0",
           TORCH),
    Mutant("frontends/torch/windows.py", "stop = np.minimum(start + k, size + p)", "stop = start + k", TORCH),
    Mutant("frontends/torch/windows.py", "np.minimum(stop, size) - np.maximum(start, 0)", "stop - start", TORCH),
    Mutant("frontends/onnx/shapes.py", "step < 0 and stop < -size else", "step < 0 and stop <= -size else",
           ("frontends/test_onnx_edges.py",)),
    Mutant("frontends/onnx/windows.py", "if (count - 1) * stride >= size + low:",
           "if (count - 1) * stride >= size + low + high:",
           ONNX),
    Mutant("judgement/tolerances.py", "return min(LARGEST, ROOT * math.sqrt(eps))",
           "return ROOT * math.sqrt(eps)", TOLERANCE),
    Mutant("judgement/tolerances.py", "max(rtol * largest, terms, self.atol)",
           "max(rtol * max(largest, 1.0), terms, self.atol)", TOLERANCE),
    Mutant("judgement/tolerances.py", "min(rtol, cancelled(eps)) * cancelling", "rtol * cancelling", TOLERANCE),
    Mutant("judgement/comparison.py", "if call.foreign or (beyond", "if (beyond", COMPARISON),
    Mutant("judgement/comparison.py", "{leaf for leaf in open_ if not apart[leaf] <= allowed[leaf]}", "set()",
           COMPARISON),
    Mutant("judgement/comparison.py", "if not found.apart <= found.allowed:", "if False:", COMPARISON),
    Mutant("judgement/comparison.py", "max(allowed, _NOISE * shown) if lost", "np.inf if lost", COMPARISON),
    Mutant("judgement/tolerances.py", "tuple(map(max, own, eps))", "tuple(map(min, own, eps))", TOLERANCE),
    Mutant("theorems/regular.py", "or bool((effect <= problem.allowed).all())", "or True", TOLERANCE),
    Mutant("judgement/vector.py", "if (distance <= limits.accepted).all():\n        judged =",
           "if (distance <= limits.accepted).any():\n        judged =", TOLERANCE),
    Mutant("judgement/vector.py", "not (distance > limits.refuted + known.deviation).any()",
           "not (distance > 4 * limits.refuted + known.deviation).any()", TOLERANCE),
    Mutant("judgement/comparison.py", "return bool((self.apart <= self.allowed).all() and", "return bool(", TOLERANCE),
    Mutant("judgement/comparison.py", "coarsest[arg] = max(coarsest[arg], coarsest[index])",
           "coarsest[arg] = coarsest[arg]",
           ("frontends/test_torch_precision.py", "frontends/test_jax_derivatives.py")),
)
