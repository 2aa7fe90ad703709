"""Linear systems of lineax: the solution by the matrix and the right side, whatever the algorithm.

What lineax computes of the matrix beforehand lies behind a stop_gradient, and its derivative rule is that of the exact
solution, by the pseudo-inverse of a matrix that is not square.  So this is what is followed, at full rank and where the
algorithm has come to that solution.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.jax.run import Run, Seen
from absnormal.frontends.numpy.linear_algebra import pinv, solve
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer


def solved(run: Run, eqn: Any, inputs: list[Seen]) -> list[Seen] | None:
    """The results of lineax.linear_solve, vectorized or not; None of another primitive."""
    system = _system(eqn.primitive, eqn.params)
    if system is None:
        return None
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    assert run.builder.user is not None
    run.builder.user = ("lineax.linear_solve", run.builder.user[1])
    write, values = Writer(run.builder, *run.builder.user), [seen.value for seen in inputs]
    matrix, right = run.closed(jax.make_jaxpr(system)(*values), inputs)
    if jnp.iscomplexobj(right.value) or jnp.iscomplexobj(matrix.value):
        write.refuse("solves a complex system", "write it as the real system of twice as many unknowns")
    results, start = eqn.primitive.bind(*values, **eqn.params), len(run.builder.nodes)
    solution = _solution(run.operand(matrix), run.operand(right)[..., None])[..., 0]
    # It comes first, leaf by leaf; the rest tells how it was found.
    lead = right.value.ndim - 1
    ends = np.cumsum([int(np.prod(out.shape[lead:])) for out in results]).tolist()
    leaves = results[: ends.index(solution.shape[-1]) + 1]
    found = jnp.concatenate([leaf.reshape(*leaf.shape[:lead], -1) for leaf in leaves], -1)
    _hold_near(write, solution, np.asarray(found), epsilon(found.dtype))
    parts = np.split(solution, ends[: len(leaves) - 1], axis=-1)
    return [*(run.seen(leaf, np.reshape(part, leaf.shape), start) for leaf, part in zip(leaves, parts, strict=True)),
            *(Seen(out) for out in results[len(leaves) :])]


def _solution(matrix: Any, right: Any) -> Any:
    """By the inverse, or the pseudo-inverse."""
    rows, columns = matrix.shape[-2:]
    if rows == columns:
        return solve(matrix, right)
    return np.matmul(pinv(matrix) if isinstance(matrix, TracedArray) else np.linalg.pinv(matrix), right)


def _hold_near(write: Writer, solution: Any, found: Array, eps: float) -> None:
    """Refuse what an iterative algorithm found at a distance from the solution."""
    value = np.asarray(solution.value if isinstance(solution, TracedArray) else solution)
    if not np.allclose(found, value, rtol=0.0, atol=np.sqrt(eps) * np.abs(value).max(initial=0.0)):
        write.refuse("stops at a distance from the solution", "ask for smaller tolerances, or use a direct solver")


def _system(primitive: Any, params: Any) -> Callable[..., Any] | None:
    """The matrix and the right side, from the arguments of the primitive; None of another primitive."""
    if "lineax" not in sys.modules:
        return None
    jax, internal = require("jax", "jax"), require("equinox.internal", "jax")
    if primitive is require("lineax._solve", "jax").linear_solve_p:
        rule = internal.filter_primitive_def(lambda operator, state, vector, *rest: (
            operator.as_matrix(), jax.flatten_util.ravel_pytree(vector)[0]))
        return lambda *args: rule(*args, **{**params, "flatten": jax.tree.leaves})
    if primitive.name != "vprim":
        return None
    inner = _system(params["prim"], dict(params["params"]))
    return None if inner is None else jax.vmap(
        inner, in_axes=params["__batch_axes"], axis_size=params["__axis_size"], axis_name=params["__axis_name"])
