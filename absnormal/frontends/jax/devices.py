"""What is spread over devices, on one device: parts are wholes, and what is collected from all parts is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.errors import TraceError
from absnormal.frontends.jax.run import Run, Seen
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray

#: What a part takes from all parts.
COLLECTIVES = frozenset({
    "psum", "psum_invariant", "pmax", "pmin", "pvary", "pbroadcast", "ppermute", "preduced", "unreduced_psum",
    "all_gather", "all_gather_invariant", "all_gather_reduced", "all_to_all", "reduce_scatter",
    "unreduced_reduce_scatter", "reduced_vary_cast_p", "vary_unreduced_cast_p",
})  # fmt: skip


def sharded(
    run: Run, eqn: Any, inputs: list[Seen], *, jaxpr: Any, mesh: Any, in_specs: Any, out_specs: Any,
    check_vma: Any = None, newly_manual_axes: Any = None,
) -> list[Seen]:
    """shard_map and pmap."""
    if mesh.size != 1:
        assert run.builder.user is not None
        raise TraceError(
            run.builder.user[0], f"spreads the function over {mesh.size} devices",
            "judge it on a mesh of one device: sums and means over parts are those of the whole", run.builder.user[1],
        )
    outer, run.alone = run.alone, True
    try:
        return run.open(jaxpr, [], inputs)
    finally:
        run.alone = outer


def collected(eqn: Any, inputs: list[Seen]) -> list[Seen]:
    """A collective of one part: its entries, in the shape of the result."""
    shapes = [out.aval.shape for out in eqn.outvars]
    if not inputs:
        return [Seen(require("jax.numpy", "jax").zeros(shape, eqn.outvars[0].aval.dtype)) for shape in shapes]
    return [_in_shape(seen, shape) for seen, shape in zip(inputs, shapes, strict=True)]


def _in_shape(seen: Seen, shape: tuple[int, ...]) -> Seen:
    if np.shape(seen.value) == shape:
        return seen
    traced: Any = seen.traced
    if isinstance(traced, TracedMask):
        traced = traced.moved(lambda u: np.reshape(u, shape))
    elif isinstance(traced, TracedArray):
        traced = np.reshape(traced, shape)
    elif traced is not None:
        traced.refuse()
    return Seen(seen.value.reshape(shape), traced)
