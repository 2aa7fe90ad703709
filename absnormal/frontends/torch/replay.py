"""A tape that runs again, in its own precision or in another one.

The operations are those that own derivative formulas, so autograd differentiates them as it did before.  Hooks and
custom backwards are not on the tape: a gradient of theirs does not come out again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch

from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.tape import Record, Tape, tensors
from absnormal.frontends.torch.values import mapped


class CannotReplay(Exception):
    """Something on the tape does not run a second time."""


class Replay:
    """Runs a tape on other variables; floating-point numbers are of type ``dtype``, or keep theirs."""

    def __init__(self, tape: Tape, variables: Sequence[Any], others: Sequence[Any], dtype: Any) -> None:
        self.tape, self.dtype = tape, dtype
        self.known: dict[int, Any] = {id(old): new for old, new in zip(variables, others, strict=True)}
        #: Memory that the tape itself made: a part of it must be known.
        self.made: set[int] = set()

    def run(self, loss: Any) -> Any:
        """What was computed as ``loss``, again."""
        for number, record in enumerate(self.tape.records):
            self._step(number, record)
        if id(loss) not in self.known:
            raise CannotReplay("a result that Python code made of one")
        return self.known[id(loss)]

    def read(self, numbers: Collection[int]) -> dict[int, Any]:
        """What some operations take first, again."""
        found = {}
        for number, record in enumerate(self.tape.records):
            if number in numbers:
                found[number] = self._again(record.args[0], number).detach().clone()
            self._step(number, record)
        return found

    def _step(self, number: int, record: Record) -> None:
        args, kwargs = mapped((record.args, record.kwargs), lambda item: self._again(item, number))
        if torch.Tag.nondeterministic_seeded in record.func.tags:
            self._drawn(number, record)
            return
        with torch.set_grad_enabled(record.enabled):
            out = record.func(*args, **kwargs)
        for old, new in zip(record.outs, tensors((out,)), strict=True):
            if new.requires_grad and not old.requires_grad:
                new = new.detach()
            elif old.requires_grad and not new.requires_grad:
                raise CannotReplay(record.name)
            self._keep(old, new)

    def _drawn(self, number: int, record: Record) -> None:
        """Random numbers are those that were drawn."""
        if any(record.needs.values()):
            raise CannotReplay(record.name)
        for old in record.outs:
            drawn = self._cast(self.tape.value(old, number + 1))
            if id(old) in self.known:
                self.known[id(old)].copy_(drawn)
            else:
                self._keep(old, drawn.clone())

    def _keep(self, old: Any, new: Any) -> None:
        self.known[id(old)] = new
        self.made.add(storage(old))

    def _again(self, value: Any, number: int) -> Any:
        """An argument, or what stands for it where it is a tensor or a type of numbers."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.known:
                if storage(value) in self.made:
                    raise CannotReplay("a view")
                self.known[id(value)] = self._cast(self.tape.value(value, number)).clone()
            return self.known[id(value)]
        if isinstance(value, torch.dtype):
            return self.dtype if self.dtype is not None and value.is_floating_point else value
        return value

    def _cast(self, tensor: Any) -> Any:
        return tensor.to(self.dtype) if self.dtype is not None and tensor.is_floating_point() else tensor
