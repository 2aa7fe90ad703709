"""The ties of all front ends: what a kink is called in the tables of slopes.

A node of a program carries one of these names.  Every table has an entry for each of them, and no other; that is
checked when the tables load and when a node is written, so that no tie falls back to the slope of another.
"""

from __future__ import annotations

import math

from absnormal.program.nodes import Node

#: Tie -> the kink, with the function of the front ends that has it.
TIES: dict[str, str] = {
    "abs": "|u|",
    "maximum": "max(u, v), and max(u, v) at |u - v|", "minimum": "min(u, v)",
    "fmax": "np.fmax, torch.fmax", "fmin": "np.fmin, torch.fmin",
    "clip.low": "the lower bound of np.clip, jnp.clip, torch.clamp, ONNX's Clip", "clip.high": "the upper one",
    "max.fold": "the largest entry along an axis", "min.fold": "the smallest one",
    "sort": "a comparison in a network that sorts",
    "relu": "relu", "leaky_relu": "leaky_relu, prelu", "elu": "elu, selu, celu",
    "hard.low": "the lower bound of hardsigmoid, hardswish", "hard.high": "the upper one",
    "shrink.low": "the lower knot of softshrink, ONNX's Shrink", "shrink.high": "the upper one",
    "max.window": "max pooling, and the largest of tied entries that were sorted",
    "min.window": "the same for the smallest entry",
    "clamp.low": "the lower bound of jax.lax.clamp", "clamp.high": "the upper one",
    "norm": "np.linalg.norm, torch.linalg.vector_norm, ONNX's ReduceL2", "hypot": "np.hypot, torch.hypot",
    "root": "the root of a sum of squares", "std": "np.std, torch.std",
    "modulus": "the absolute value of a complex number",
}  # fmt: skip

#: The slope that the user's own comparison implies, whatever the tool.
IMPLIED = {"where>": -1.0, "where>=": 1.0, "jump": 0.0}

#: A kink of torch's own kernels: its slope was measured when the function ran, and is kept beside the program.
OWN = "torch"

#: 2-norms at 0, where a slope is a vector of the unit ball: its entries in a table are at most this, or NaN where the
#: tool returns that.
OF_NORMS = {"norm": 0.0, "hypot": math.sqrt(0.5), "root": 0.0, "std": 0.0, "modulus": 0.0}

#: What a tool that has no operation of that name writes it with.
WRITTEN_WITH = {
    "relu": "maximum", "leaky_relu": "maximum", "elu": "maximum", "hard.low": "maximum", "hard.high": "minimum",
    "shrink.low": "minimum", "shrink.high": "maximum",
    "norm": "root", "hypot": "root", "std": "root", "modulus": "root",
    "max.window": "max.fold", "min.window": "min.fold", "clamp.low": "clip.low", "clamp.high": "clip.high",
}  # fmt: skip

#: The ties of NumPy's own functions.
OF_NUMPY = tuple(tie for tie in TIES if tie not in WRITTEN_WITH)

#: A kernel of torch, the operation and the sign of its node -> the tie of functions of the same meaning elsewhere.
ELSEWHERE: dict[tuple[str, str, int], str] = {
    ("relu", "kink", 0): "relu", ("threshold", "max", 1): "relu", ("leaky_relu", "kink", 0): "leaky_relu",
    ("_prelu_kernel", "kink", 0): "leaky_relu", ("elu", "kink", 0): "elu", ("abs", "kink", 0): "abs",
    ("maximum", "max", 1): "maximum", ("minimum", "max", -1): "minimum", ("fmax", "max", 1): "fmax",
    ("fmin", "max", -1): "fmin", ("clamp", "max", 1): "clip.low", ("clamp", "max", -1): "clip.high",
    ("max", "fold", 1): "max.fold", ("amax", "fold", 1): "max.fold", ("min", "fold", -1): "min.fold",
    ("amin", "fold", -1): "min.fold", ("linalg_vector_norm", "kink", 0): "abs",
    ("linalg_vector_norm", "norm", 0): "norm", ("std", "norm", 0): "std", ("hypot", "norm", 0): "hypot",
    ("sqrt", "norm", 0): "root", ("max_pool2d_with_indices", "fold", 1): "max.window",
}  # fmt: skip

Slopes = dict[str, float | str]


def tie_elsewhere(node: Node) -> str:
    """The tie of a node; for one of torch's own kernels that of functions of the same meaning, or its own."""
    if node.tie != OWN:
        return node.tie
    kernel = node.operation.removeprefix("torch.")
    return ELSEWHERE.get((kernel, node.op, node.params.get("sign", 0)), OWN)


def written_out(table: Slopes) -> Slopes:
    """A table for all ties, of one for those of NumPy's functions."""
    return {tie: table[tie] if tie in table else table[WRITTEN_WITH[tie]] for tie in TIES}


def checked(tables: dict[str, Slopes]) -> dict[str, Slopes]:
    """The tables, with an entry for every tie and for nothing else.

    Raises
    ------
    ValueError
        which names the ties that a table lacks, those that no front end has, and slopes outside [-1, 1]
    """
    for tool, table in tables.items():
        missing, unknown = set(TIES) - set(table), set(table) - set(TIES)
        if missing or unknown:
            raise ValueError(
                f"the table of slopes of {tool} lacks {sorted(missing)}, and no front end has {sorted(unknown)}"
            )
        for tie, slope in table.items():
            most = OF_NORMS.get(tie, 1.0)
            fits = isinstance(slope, float) and (-most <= slope <= most or (math.isnan(slope) and tie in OF_NORMS))
            if slope != "even" and not fits:
                raise ValueError(
                    f"the slope of {tie} in the table of {tool} must lie in [{-most:g}, {most:g}], got {slope!r}"
                )
    return tables


def known(tie: str) -> bool:
    """Whether a node may carry a tie."""
    return tie in TIES or tie in IMPLIED or tie in ("", OWN)
