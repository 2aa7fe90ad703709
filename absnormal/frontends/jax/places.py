"""Indices of sorted entries that are tied at the point, on their way to what is looked up by them.

See `absnormal.frontends.meanings.places`.  JAX makes an index from the end of a negative one, and puts those of several
axes side by side, before it gathers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.jax.jumps import Jump
from absnormal.frontends.jax.steps import bound
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.meanings.lookups import looked_up
from absnormal.frontends.meanings.places import Places, alike
from absnormal.frontends.numpy.traced import TracedArray

if TYPE_CHECKING:
    from absnormal.frontends.jax.run import Run, Seen

#: Primitives that keep the entries and move them.
_MOVING = frozenset({
    "broadcast_in_dim", "convert_element_type", "copy", "copy_p", "expand_dims", "reshape", "rev", "slice", "split",
    "squeeze", "stop_gradient", "transpose", "unstack", "tile",
})  # fmt: skip
_LOOKING = frozenset({"gather", "dynamic_slice"})


def by_places(run: Run, eqn: Any, inputs: Sequence[Seen], start: int) -> list[Seen] | None:
    """The results of an equation on such indices; None where these are constants, kept by a guard."""
    from absnormal.frontends.jax.run import Seen

    name, results = eqn.primitive.name, bound(eqn, [seen.value for seen in inputs])
    held = [seen.traced for seen in inputs if isinstance(seen.traced, Places)]
    single = len({id(one.ordering) for one in held}) == 1 and all(
        seen.traced is None or isinstance(seen.traced, Places) for seen in inputs)
    whole = all(np.issubdtype(value.dtype, np.integer) for value in results)
    if single and whole and name in _MOVING | {"concatenate"}:
        moved = bound(eqn, [_ranks(seen) for seen in inputs])
        return [Seen(value, Places(held[0].ordering, np.asarray(value), np.asarray(ranks)))
                for value, ranks in zip(results, moved, strict=True)]
    if name == "select_n" and (chosen := _chosen(inputs)) is not None:
        return [Seen(results[0], chosen)]
    one_number = name in _LOOKING and inputs[0].traced is None and alike(np.asarray(inputs[0].value))
    if single and (one_number or _decided(name, inputs)):
        return [Seen(results[0])]
    if name in _LOOKING and len(held) == 1:
        looked = _looked_up(eqn, inputs, held[0])
        if looked is not None:
            return [run.seen(results[0], looked, start)]
    plain = as_numbers(inputs)
    jump = next((seen.traced for seen in plain if isinstance(seen.traced, Jump)), None)
    if jump is not None:
        return [Seen(value, jump) for value in results]
    return run.equation(eqn, plain) if any(isinstance(seen.traced, Either) for seen in plain) else None


def as_numbers(inputs: Sequence[Seen]) -> list[Seen]:
    """Such indices as what they are in computations: constants, one of two, or what nothing may need."""
    from absnormal.frontends.jax.run import Seen

    def as_number(seen: Seen) -> Seen:
        if not isinstance(seen.traced, Places):
            return seen
        try:
            outcome = seen.traced.constant()
        except TraceError as error:
            return Seen(seen.value, Jump.of(error))
        return Seen(seen.value, outcome if isinstance(outcome, Either) else None)

    return [as_number(seen) for seen in inputs]


def _ranks(seen: Seen) -> Any:
    """What moves with the indices; a constant among them has no rank."""
    jnp = require("jax.numpy", "jax")
    if isinstance(seen.traced, Places):
        return jnp.asarray(seen.traced.ranks.astype(np.asarray(seen.value).dtype))
    return jnp.full(np.shape(seen.value), -1, np.asarray(seen.value).dtype)


def _chosen(inputs: Sequence[Seen]) -> Places | None:
    """The indices that a constant chooses."""
    numbers = np.unique(np.asarray(inputs[0].value)) if inputs[0].traced is None else np.zeros(0)
    found = inputs[1 + int(numbers[0])].traced if numbers.size == 1 else None
    return found if isinstance(found, Places) else None


def _decided(name: str, inputs: Sequence[Seen]) -> bool:
    """Whether a comparison with a constant has one outcome: an index is not negative, and less than the length."""
    places, other = inputs[0].traced, np.asarray(inputs[-1].value)
    if len(inputs) != 2 or not isinstance(places, Places) or inputs[1].traced is not None or (places.ranks < 0).any():
        return False
    length = places.ordering.members.shape[1]
    return (name in ("lt", "ge") and bool((other <= 0).all())) or (
        name in ("gt", "le") and bool((other >= length).all()))


def _looked_up(eqn: Any, inputs: Sequence[Seen], places: Places) -> TracedArray | None:
    """A gather, or a slice of length 1, by such indices along one axis."""
    jnp, at = require("jax.numpy", "jax"), next(i for i, seen in enumerate(inputs) if seen.traced is places)
    table = inputs[0].traced
    if not isinstance(table, TracedArray) or any(
        seen.traced is not None for i, seen in enumerate(inputs) if i not in (0, at)
    ):
        return None
    sizes = eqn.params["slice_sizes"]
    if eqn.primitive.name == "dynamic_slice":
        axis = at - 1
    else:
        columns = np.flatnonzero((places.ranks >= 0).reshape(-1, places.shape[-1]).any(axis=0))
        if len(columns) != 1:
            return None
        axis = eqn.params["dimension_numbers"].start_index_map[columns[0]]
    if sizes[axis] != 1:
        return None

    def apply(numbers: Array, own: Array) -> Any:
        values = [seen.value for seen in inputs]
        kind = np.asarray(values[at]).dtype
        values[0], values[at] = jnp.asarray(numbers.astype(np.int32)), jnp.asarray(own.astype(kind))
        return np.asarray(_taking(eqn)(*values))

    return looked_up(places, table, axis, apply)


def _taking(eqn: Any) -> Callable[..., Any]:
    """The primitive, which fills what is outside with -1."""
    changed = {"fill_value": -1} if "fill_value" in eqn.params else {}
    return lambda *values: eqn.primitive.bind(*values, **{**eqn.params, **changed})

