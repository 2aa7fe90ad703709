"""Constants on the sides of jumps: what torch computed without derivatives from outcomes, computed for others.

A tape has the numbers of one run.  An index, a mask as a number, an entry that was looked up is computed again by
torch's own kernels, from the outcomes that jumps have on other sides of their ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import SIDES, Either, Jump, every
from absnormal.frontends.torch.jumps import VALUELESS, plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.values import array, mapped
from absnormal.program.moves import in_order, numbered

if TYPE_CHECKING:
    from absnormal.frontends.torch.following import Following

#: Operations whose rules look at no numbers of the run; the first ones keep the entries apart and in their order.
ENTRYWISE = frozenset({
    "abs", "add", "addcdiv", "addcmul", "alias", "atan", "clamp", "clamp_max", "clamp_min", "clone", "cos", "cosh",
    "div", "elu", "erf", "exp", "exp2", "expm1", "gelu", "leaky_relu", "lerp", "log", "log10", "log1p", "log2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "bitwise_and", "bitwise_not", "bitwise_or",
    "bitwise_xor", "masked_fill", "maximum", "minimum", "mul", "neg", "pow", "reciprocal", "relu", "rsqrt", "rsub",
    "sigmoid", "silu", "sin", "sinh", "softplus", "sqrt", "square", "sub", "tan", "tanh", "_to_copy", "unsqueeze",
    "squeeze", "view", "_unsafe_view", "where",
})  # fmt: skip
#: Operations with several results, which are parts of an array.
PARTING = frozenset({"chunk", "split", "split_with_sizes", "unbind", "unsafe_chunk", "unsafe_split"})
MOVING = PARTING | {"expand", "flip", "index", "permute", "repeat", "roll", "select", "slice", "t", "transpose"}
OTHERS = frozenset({
    "cat", "cumsum", "dot", "gather", "index_select", "mean", "mm", "mv", "stack", "sum", "take", "tril", "triu",
}) | MOVING  # fmt: skip
#: What puts constants at indices that jump, or makes a tensor of the same numbers.
PUTTING = frozenset({"detach", "scatter", "scatter_add"})

#: The side of each jump that is taken.
Sides = Mapping[Any, str]
#: Where entries of outcomes stand: an outcome, and the numbers of those of its entries that do.
Standing = list[tuple[Either, Array]]


class Lost(Exception):
    """The tape does not tell what a tensor is on another side of a jump."""


class Constants:
    """The constant tensors of a tape, on the sides of those jumps that are being followed."""

    def __init__(self, tape: Tape, following: Following) -> None:
        self.tape, self.following = tape, following
        #: The numbers of the operations that returned a tensor or wrote to it, by its identity, and those that wrote to
        #: a storage.
        self._made: dict[int, list[int]] = {}
        self._written: dict[int, list[int]] = {}
        #: The jumps that are being followed: their outcomes, by the identity of the operations, and their steps.
        self._jumping: Mapping[int, Any] = {}
        self._numbers: frozenset[int] = frozenset()
        #: Where the entries of outcomes stand in constant tensors, by their identity.
        self._standing: dict[int, Standing | None] = {}

    def follow(self, outcomes: Mapping[int, Any], numbers: Iterable[int]) -> None:
        """From now on these are the jumps that constants are on the sides of."""
        self._jumping, self._numbers, self._standing = outcomes, frozenset(numbers), {}

    def record_of(self, tensor: Any) -> Record | None:
        """The operation that made a tensor, or wrote to it as a whole."""
        number = self.number_of(tensor, len(self.tape.records))
        return None if number is None else self.tape.records[number]

    def number_of(self, tensor: Any, when: int) -> int | None:
        """The number of that operation, if it ran before operation number ``when``."""
        if not self._made:
            for number, record in enumerate(self.tape.records):
                for out in record.outs:
                    self._made.setdefault(id(out), []).append(number)
                for target in (*record.overwritten, *record.filled):
                    self._written.setdefault(storage(target), []).append(number)
        return max((number for number in self._made.get(id(tensor), ()) if number < when), default=None)

    def moves(self, tensor: Any) -> bool:
        """Whether an outcome that is being followed lies behind a constant tensor."""
        tainted = self.following.tainted.get(storage(tensor), frozenset())
        return not tainted.isdisjoint(self._numbers)

    def on_sides(self, tensor: Any, when: int, taken: Sides) -> Any:
        """What a constant tensor held before operation number ``when``, on some sides of jumps.

        A mask that was changed in place is what the last operation made of it.
        """
        if not self.moves(tensor):
            return self.tape.value(tensor, when)
        number = self.number_of(tensor, when)
        made = -1 if number is None else number
        if any(made < other < when for other in self._written.get(storage(tensor), ())):
            raise Lost
        if number is None:  # Another part of its memory holds an outcome, or of what was looked up in it.
            return self.tape.value(tensor, when)
        record = self.tape.records[number]
        outcome, taken = self._jumping.get(id(record)), self._as_moved(tensor, taken)
        if not _is_part(record) and (record.outs[-1] is not tensor or (outcome is None and len(record.outs) != 1)):
            raise Lost
        if outcome is not None:  # Of a sort, the indices, which come last.
            part = taken_of(outcome, taken)
            return torch.as_tensor(np.asarray(part)).to(tensor.dtype).reshape(tensor.shape)
        if self.tape.selections.masks(record.arguments):  # Its size may be another one, too.
            raise Lost
        if record.name in VALUELESS or record.name == "eye":
            return self.tape.value(tensor, when)
        handles = [self.following.value(arg) for arg in record.arguments if not self.moves(arg)]
        varies = self.following.inputs([handle for handle in handles if handle is not None])
        if not (varies or any(map(self.moves, record.arguments))):
            return self.tape.value(tensor, when)
        if varies or plain_name(record) not in ENTRYWISE | OTHERS | PUTTING:
            raise Lost
        args, kwargs = mapped((record.args, record.kwargs), lambda item: (
            self.on_sides(item, number, taken) if isinstance(item, torch.Tensor) else item))
        return on_others(record, args, kwargs, _place(record, tensor))

    def marked(self, outcome: Either, tensor: Any) -> list[Either]:
        """An outcome as it stands behind a constant tensor: whether entry by entry, and where its entries went."""
        if not self.moves(tensor):
            return [outcome]
        found = self.standing(tensor) if outcome.aligned else None
        if found is None:
            return [_mixed(outcome)]
        moved = [_moved(outcome, places) for one, places in found if one is outcome]
        return [one for one in moved if one.jump.tied.any()]

    def standing(self, tensor: Any) -> Standing | None:
        """Where the entries of outcomes stand in a constant tensor, by their numbers; None where they are mixed."""
        key = id(tensor)
        if key not in self._standing:
            self._standing[key] = None
            self._standing[key] = self._stands(tensor)
        return self._standing[key]

    def _stands(self, tensor: Any) -> Standing | None:
        """The same of a tensor that is not known yet: it may have been made by one operation and changed by others."""
        if not self.moves(tensor):
            return []
        found = [self._stands_behind(record, tensor) for record in self._made_by(tensor)]
        if not found or any(held is None for held in found):
            return None
        return [one for held in found if held is not None for one in held]

    def _stands_behind(self, record: Record, tensor: Any) -> Standing | None:
        if (outcome := self._jumping.get(id(record))) is not None:
            return [(outcome, numbered(tuple(tensor.shape)))] if isinstance(outcome, Either) else []
        jumping = [arg for arg in record.arguments if arg is not tensor and self.moves(arg)]
        inner = [self.standing(arg) for arg in jumping]
        if plain_name(record) in MOVING and len(jumping) == 1 and record.args[0] is jumping[0]:
            place = _place(record, tensor)
            return None if inner[0] is None else [
                (one, array(on_others(record, [torch.as_tensor(p), *record.args[1:]], record.kwargs, place)))
                for one, p in inner[0]
            ]
        if not (plain_name(record) in ENTRYWISE or self.looks_up(record)):
            return None
        found: Standing = []
        for arg, held in zip(jumping, inner, strict=True):
            if held is None or arg.numel() != tensor.numel():
                return None
            found += [(one, places.reshape(tuple(tensor.shape))) for one, places in held]
        return found

    def _as_moved(self, tensor: Any, taken: Sides) -> Sides:
        """The sides of jumps for a tensor that holds entries of outcomes, from those of its entries."""
        found = self.standing(tensor)
        for outcome, places in found if found is not None and len(found) == 1 else ():
            for jump in behind(outcome):
                moved = jump.moved(places) if _apart(outcome, jump) else jump
                if moved in taken or not moved.tied.any():
                    taken = {**taken, jump: taken.get(moved, "own")}
        return taken

    def _made_by(self, tensor: Any) -> list[Record]:
        """All operations that made a tensor what it became."""
        self.record_of(tensor)
        return [self.tape.records[number] for number in self._made.get(id(tensor), ())]

    def looks_up(self, record: Record) -> bool:
        """Whether an operation takes entries of a constant array, one for every number, or for numbers for all axes."""
        if record.name != "index":
            return False
        table, *keys = record.arguments
        constant = self.following.value(table) is None and not self.moves(table)
        whole = all(not key.dtype.is_floating_point and key.shape == record.outs[0].shape for key in keys)
        return constant and table.dim() == len(keys) and whole


def _is_part(record: Record) -> bool:
    """Whether an operation has several results, which are parts of an array."""
    return plain_name(record) in PARTING


def _place(record: Record, tensor: Any) -> int:
    """Which result of an operation a tensor is."""
    return next(place for place, out in enumerate(record.outs) if out is tensor)


def on_others(record: Record, args: Sequence[Any], kwargs: Mapping[str, Any], place: int = 0) -> Any:
    """What an operation makes of other arguments, which it leaves as they are; of several parts one."""
    if record.overwritten:
        args = [args[0].clone(), *args[1:]]
    with torch.no_grad():
        try:
            made = record.func(*args, **kwargs)
            return made[place] if _is_part(record) else made
        except (IndexError, RuntimeError) as error:  # An index that is not there, on a side that f is not called on.
            raise Lost from error


def taken_of(value: Any, taken: Sides) -> Any:
    """A version of what jumps."""
    while isinstance(value, Either):
        if value.jump not in taken:
            raise Lost
        value = value.version(taken[value.jump])
    return value


def _mixed(outcome: Any) -> Any:
    """An outcome whose entries do not stand apart."""
    if not isinstance(outcome, Either):
        return outcome
    own, up, down = (_mixed(outcome.version(side)) for side in SIDES)
    return Either(outcome.jump, own, up, down, False, outcome.side)


def _moved(outcome: Any, places: Array) -> Any:
    """An outcome whose entries stand at other places."""
    if not isinstance(outcome, Either):
        return np.asarray(outcome).reshape(-1)[places]
    if in_order(places, outcome.size):
        return outcome
    own, up, down = (_moved(outcome.version(side), places) for side in SIDES)
    apart = _apart(outcome, outcome.jump)
    return Either(outcome.jump.moved(places) if apart else outcome.jump, own, up, down, apart, outcome.side)


def _apart(outcome: Either, jump: Jump) -> bool:
    """Whether every entry of an outcome depends on an entry of a jump, that at its place."""
    return outcome.aligned and jump.size == outcome.size and jump.together is None


def behind(value: Any) -> list[Jump]:
    """The jumps of which something has versions."""
    return list(dict.fromkeys(one.jump for one in every(value)))
