"""When the memory of a variable holds the point: writes under no_grad move it, as a projection of the weights does.

Torch differentiates by a leaf as it is where it is used, and knows nothing of what was written there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from absnormal.errors import TraceError
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.tape import Record, Tape


def beginnings(tape: Tape, variables: Iterable[Any]) -> dict[int, int]:
    """For the memory of every variable the number of the operation from which on it holds the point.

    Raises
    ------
    TraceError
        for a variable that is used, overwritten unseen by autograd, and used again: it has two values
    """
    found = {storage(variable): 0 for variable in variables}
    if found.keys().isdisjoint(tape.saved):
        return found
    used: set[int] = set()
    moved: dict[int, Record] = {}
    for number, record in enumerate(tape.records):
        targets = [t for t in (*record.overwritten, *record.filled) if t.layout == torch.strided]
        written = {storage(t) for t in targets if not (record.enabled and record.needs[id(t)])} & found.keys()
        for own in written:
            if own in used:
                moved[own] = record
            else:
                found[own] = number + 1
        if record.enabled and any(out.requires_grad for out in record.outs):
            needed = (t for t in record.arguments if t.layout == torch.strided and record.needs[id(t)])
            for own in {storage(t) for t in needed} & found.keys() - written:
                if own in moved:
                    raise _two_values(moved[own])
                used.add(own)
    return found


def moved(tape: Tape, variables: Sequence[Any]) -> bool:
    """Whether the function overwrote variables before it used them, so that its point is another one."""
    current = [tape.current(variable) for variable in variables]
    return any(beginnings(tape, current).values()) or any(a is not b for a, b in zip(current, variables, strict=True))


def _two_values(record: Record) -> TraceError:
    return TraceError(
        f"torch.{record.name}", "overwrites a variable between two uses, so that it has two values",
        "overwrite it before it is used", record.source,
    )
