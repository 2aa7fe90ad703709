"""Front ends: which side of a tie is taken, what is followed, what is read."""

from __future__ import annotations

from ..mutant import Mutant

EDGES = ("frontends/test_numpy_edges.py",)
ONNX = ("frontends/test_onnx_operators.py",)
TORCH = ("frontends/test_torch_arguments.py",)
JAX_EDGES = ("frontends/test_jax_edges.py",)

MUTANTS = (
    Mutant("frontends/numpy_masks.py", 'opposite = {">": "<="', 'opposite = {">": "<"', EDGES),
    Mutant("frontends/numpy_masks.py", '"<=": ">", "==": "!="', '"<=": ">=", "==": "!="', EDGES),
    Mutant("frontends/numpy_select.py", 'tie = "where>" if mask.relation in (">", "<") else "where>="',
           'tie = "where>" if mask.relation in (">", "<=") else "where>="', EDGES),
    Mutant("frontends/numpy_select.py", "end = 1.0 if outcome else -1.0", "end = -1.0 if outcome else 1.0", JAX_EDGES),
    Mutant("frontends/numpy_select.py", 'other if name == "and" else ~other', "other", JAX_EDGES),
    Mutant("frontends/sides.py", "and bool(np.all(a.value == b.value))",
           "and bool(np.allclose(a.value, b.value))", EDGES),
    Mutant("frontends/slopes.py", "(tied - 2) / tied", "(tied - 1) / tied", EDGES),
    Mutant("program/builder.py", "return k if _combine(top, below, -k) == {} else None", "return k", EDGES),
    Mutant("program/program.py", "if np.any(tied) or np.any(outcome != guard.outcome):",
           "if np.any(outcome != guard.outcome):", EDGES),
    Mutant("frontends/torch/layers.py", "scale = scale * weight.array.astype(float)[labels][:, None]",
           "scale = scale * 1.0",
           TORCH),
    Mutant("frontends/torch/windows.py", "stop = np.minimum(start + k, size + p)", "stop = start + k", TORCH),
    Mutant("frontends/torch/windows.py", "np.minimum(stop, size) - np.maximum(start, 0)", "stop - start", TORCH),
    Mutant("frontends/onnx/shapes.py", "None if step < 0 and stop < -size else stop", "stop",
           ("frontends/test_onnx_models.py::test_an_operator",)),
    Mutant("frontends/onnx/windows.py", "if (count - 1) * stride >= size + low:",
           "if (count - 1) * stride >= size + low + high:",
           ONNX),
)
