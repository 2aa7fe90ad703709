"""Results that jump at the point: they may be computed, but nothing that f returns may need them.

The index of a tied entry is one value on one side of the tie and another on the other.  It is no constant, and what is
computed from it jumps in general, so it is carried along and refused where f uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.jax.steps import bound
from absnormal.frontends.meanings.jumps import Either, Movement
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.program.nodes import Source

if TYPE_CHECKING:
    from absnormal.frontends.jax.run import Call, Run, Seen


@dataclass(frozen=True, slots=True)
class Jump:
    """What is not constant near the point, with the operation it comes from."""

    operation: str
    source: Source | None
    problem: str
    fix: str

    @classmethod
    def of(cls, error: TraceError) -> Jump:
        """What an error would say, if f used the result."""
        return Jump(error.operation, error.source, error.problem, error.fix)

    def refuse(self) -> NoReturn:
        raise TraceError(self.operation, self.problem, self.fix, self.source)


@dataclass(frozen=True, slots=True)
class Beside(Jump):
    """Comparisons side by side along a new axis, some of them tied; what is decided among them is a plain array."""

    parts: tuple[TracedMask | Array, ...]
    axis: int


@dataclass(frozen=True, slots=True)
class Columns(Jump):
    """Numbers that jump, side by side, as an equation puts them there: each of them may be an index of its own."""

    equation: Any
    parts: tuple[Seen, ...]


class Versions(Either):
    """The same where the versions of all of them together are told apart."""

    def __init__(self, made: Either, equation: Any, parts: tuple[Seen, ...]) -> None:
        super().__init__(made.jump, made.own, made.up, made.down, made.aligned, made.side)
        self.equation, self.parts = equation, parts


class Rows(TracedMask):
    """Comparisons on top of each other, as one; ``parts`` are they, each of one row."""

    __slots__ = ("parts",)

    def __init__(self, whole: TracedMask, parts: Sequence[TracedMask | Array]) -> None:
        super().__init__(whole.builder, whole.left, whole.relation, whole.right, whole.source)
        self.parts = parts


@dataclass(frozen=True, slots=True)
class First(Jump):
    """The number of the first comparison that holds, 0 where none does: what jnp.select selects by."""

    parts: tuple[TracedMask | Array, ...]

    def among(self, cases: Sequence[Any]) -> Any:
        """The case of that number: the last comparison is asked first, so that the first one wins."""
        result = cases[0]
        for part, case in reversed(list(zip(self.parts, cases, strict=True))):
            result = np.where(part, case, result)  # type: ignore[call-overload]
        return result


#: Primitives that compute entry by entry, or keep the entries in their order.
ENTRYWISE = frozenset({
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh", "broadcast_in_dim",
    "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos", "cosh", "div", "eq", "eq_to", "erf",
    "erfc", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "le_to", "log", "log1p",
    "logistic", "lt", "lt_to", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "reduce_precision", "rem",
    "reshape", "round", "rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square", "squeeze", "stop_gradient",
    "sub", "tan", "tanh", "xor",
})  # fmt: skip

#: Primitives that move the entries of their first argument, and keep some of them.
MOVING = frozenset({"broadcast_in_dim", "dynamic_slice", "gather", "reshape", "rev", "slice", "transpose"})

#: What may follow a comparison on the way through jnp.select.
CHOICES: dict[str, type[Jump]] = {"argmax": Beside, "select_n": First}


def keeps_order(eqn: Any) -> bool:
    """Whether an equation computes entry by entry, in their order."""
    name = eqn.primitive.name
    return name in ENTRYWISE and not (name == "reshape" and eqn.params["dimensions"] is not None)


def looks_up(eqn: Any, inputs: Sequence[Seen]) -> bool:
    """Whether an equation takes entries of a constant array, one for every number, or for numbers for all axes."""
    if eqn.primitive.name != "gather" or not np.ndim(inputs[0].value) or inputs[0].traced is not None:
        return False
    size = np.prod(eqn.outvars[0].aval.shape, dtype=int) * np.ndim(inputs[0].value)
    return bool(np.size(inputs[1].value) == size and set(eqn.params["slice_sizes"]) == {1})


def side_by_side(eqn: Any, inputs: Sequence[Seen], results: list[Seen]) -> list[Seen]:
    """Results of an equation on what jumps; numbers that are put side by side are kept apart, too."""
    from absnormal.frontends.jax.run import Seen

    made = results[0].traced
    if eqn.primitive.name != "concatenate" or not isinstance(made, Jump | Either):
        return results
    which = (eqn, tuple(inputs))
    apart = Versions(made, *which) if isinstance(made, Either) else Columns(
        made.operation, made.source, made.problem, made.fix, *which)
    return [Seen(results[0].value, apart)]


def by_columns(run: Run, eqn: Any, inputs: Sequence[Seen]) -> list[Seen]:
    """What is looked up by numbers that stand side by side, for each version of each of them."""
    columns = inputs[1].traced
    assert isinstance(columns, Columns | Versions)
    jumping = [seen.traced for seen in columns.parts if isinstance(seen.traced, Either)]

    def on(side: str) -> list[Seen]:
        parts = [version_of(seen, jumping[0].jump, side) for seen in columns.parts]
        return run.equation(eqn, [inputs[0], *run.equation(columns.equation, parts), *inputs[2:]])

    return run.on_all_sides(jumping, on, looks_up(eqn, inputs))


def version_of(seen: Seen, jump: Any, side: str) -> Seen:
    """A value on one side of a jump."""
    from absnormal.frontends.jax.run import Seen

    if not isinstance(seen.traced, Either):
        return seen
    part, jnp = seen.traced.on(jump, side), require("jax.numpy", "jax")
    if isinstance(part, TracedArray):
        return Seen(jnp.asarray(part.value.astype(float)).astype(seen.value.dtype), part)
    if isinstance(part, Either):
        return Seen(seen.value, part)
    return Seen(jnp.asarray(part).astype(seen.value.dtype))


def movement(eqn: Any, inputs: Sequence[Seen]) -> Movement:
    """What an equation does to the numbers of entries, if it moves those of its first argument, which alone jumps."""
    jumping = [isinstance(seen.traced, Either) for seen in inputs]
    if eqn.primitive.name not in MOVING or not jumping[0] or any(jumping[1:]):
        return None
    return lambda numbers: bound(eqn, [numbers, *(seen.value for seen in inputs[1:])])[0]


def tied_index(call: Call, values: Array, axis: int, fix: str) -> Jump | None:
    """The jump of an index into ordered values, where neighbours are tied; None where they are not."""
    if not (np.diff(values, axis=axis) == 0).any():
        return None
    return Jump(
        call.write.operation, call.write.source,
        "entries are tied at this point, so what it indexes or carries along jumps, and f uses that", fix,
    )
