"""Truth values that are the same whichever way the ties behind them fall, or are only checked.

In (a == b) | (|a - b| <= 1e-6), as torch.isclose writes it, the second comparison holds where the first is tied.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.frontends.checks import RAISES
from absnormal.frontends.meanings.jumps import SIDES
from absnormal.frontends.torch.jumps import plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.numbers import Checked
from absnormal.frontends.torch.steps import Read, Step
from absnormal.frontends.torch.tape import Record

if TYPE_CHECKING:
    from absnormal.frontends.torch.lowering import Lowering

#: Operations on truth values, entry by entry.
_LOGICAL = frozenset({
    "logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_not",
    "bitwise_xor",
})  # fmt: skip
#: So many jumps are looked at together.
_MOST = 3


def dominated(lowering: Lowering, read: Read, numbers: Sequence[int]) -> bool:
    """Whether what was read is constant near the point, though these jumps behind it are tied.

    The tape is run again from the jumps onwards, once for each choice of their sides.  Entries stand beside entries all
    along, so that a mask that is the same for every choice is the same however each of its entries falls.
    """
    if lowering.versions.choices.follows(read) or _checked(lowering, read):
        return True
    steps = lowering.following.steps
    records = [steps[number].record for number in numbers]
    # What is read may be a jump itself: how many entries are true, whether tensors are equal.
    if any(record is None or record is read.record or len(record.outs) != 1 for record in records):
        return False
    if len(numbers) > _MOST:
        return False
    known = {number: lowering.versions.outcome(number) for number in numbers}
    outcomes = {number: outcome for number, outcome in known.items() if outcome is not None}
    if len(outcomes) < len(numbers):
        return False
    jumps = list(dict.fromkeys(outcome.jump for outcome in outcomes.values()))
    choices = [dict(zip(jumps, sides, strict=True)) for sides in product(SIDES, repeat=len(jumps))]
    moved = _Moved(lowering.tape)
    for number, record in enumerate(lowering.tape.records[: read.number]):
        found = next((n for n in numbers if steps[n].record is record), None)
        if found is not None:
            moved.begins(steps[found], [outcomes[found].version(choice[outcomes[found].jump]) for choice in choices])
        elif moved.concerns(record):
            moved.run(number, record)
    return not moved.concerns(read.record)


def _checked(lowering: Lowering, read: Read) -> bool:
    """Whether f only raises where what was read comes out otherwise, which a reader is told."""
    if not isinstance(lowering.tape.numbers.get(read.number), Checked):
        return False
    lowering.write.notes.append(RAISES.format(read.record.source))
    return True


class _Moved:
    """The tensors that depend on the sides of jumps, in all their versions; none where these are not known."""

    def __init__(self, tape: Any) -> None:
        self.tape = tape
        self.versions: dict[int, list[Any] | None] = {}
        self.places: dict[int, set[int]] = {}

    def holds(self, tensor: Any) -> bool:
        return storage(tensor) in self.places

    def concerns(self, record: Record) -> bool:
        return any(self.holds(tensor) for tensor in record.arguments)

    def begins(self, step: Step, parts: Sequence[Any]) -> None:
        """The outcome of a jump."""
        record = step.operation
        plain = len(record.outs) == 1 and not record.overwritten and all(isinstance(p, np.ndarray) for p in parts)
        out = record.outs[0]
        self._set(out, [torch.as_tensor(p).to(out.dtype).reshape(out.shape) for p in parts] if plain else None)

    def run(self, number: int, record: Record) -> None:
        """An operation on what depends on jumps."""
        targets = record.overwritten or record.outs
        logical = plain_name(record) in _LOGICAL and len(targets) == 1 and not record.kwargs
        shape = targets[0].shape if targets else None
        known = all(
            t.dtype == torch.bool and (not self.holds(t) or (self.versions.get(id(t)) is not None and t.shape == shape))
            for t in record.arguments)
        if not logical or not known:
            for out in (*targets, *record.filled):
                self._set(out, None)
            return
        count = next(len(held) for t in record.arguments if (held := self.versions.get(id(t))) is not None)
        with torch.no_grad():
            made = [
                record.func(*(self._version(arg, number, choice) for arg in record.args)) for choice in range(count)]
        if all(torch.equal(made[0], one) for one in made[1:]):
            self._settle(targets[0])
        else:
            self._set(targets[0], made)

    def _version(self, arg: Any, number: int, choice: int) -> Any:
        """An argument on one choice of sides, as memory that may be written to."""
        if not isinstance(arg, torch.Tensor):
            return arg
        held = self.versions.get(id(arg))
        return (self.tape.value(arg, number) if held is None else held[choice]).clone()

    def _set(self, tensor: Any, versions: list[Any] | None) -> None:
        self.versions[id(tensor)] = versions
        self.places.setdefault(storage(tensor), set()).add(id(tensor))

    def _settle(self, tensor: Any) -> None:
        """Another tensor in the same memory may hold other entries of it."""
        held = self.places.get(storage(tensor), set()) - {id(tensor)}
        if not held:
            self.places.pop(storage(tensor), None)
            self.versions.pop(id(tensor), None)
        else:
            self._set(tensor, None)
