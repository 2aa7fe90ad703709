"""Where a gradient of torch's became NaN or infinite: the operations whose own derivative is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from absnormal.frontends.torch.replay import CannotReplay, Replay
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.program.nodes import placed


class _Watched(Replay):
    """A replay that keeps what every operation returned, and the gradients that come back to it."""

    def __init__(self, tape: Tape, variables: Sequence[Any], others: Sequence[Any]) -> None:
        super().__init__(tape, variables, others, None)
        self.made_by: list[tuple[Record, Any, Any]] = []
        self.gradients: dict[int, Any] = {}

    def _step(self, number: int, record: Record) -> None:
        super()._step(number, record)
        if len(record.outs) == 1:
            out = self.known[id(record.outs[0])]
            if out.grad_fn is not None:
                out.register_hook(partial(self.gradients.__setitem__, len(self.made_by)))
                self.made_by.append((record, out, out.grad_fn))


def undefined(tape: Tape, loss: Any, variables: Sequence[Any]) -> tuple[str, ...]:
    """The operations, with their lines, that make NaN or infinity of a finite gradient; none where the tape does not
    run again."""
    others = [variable.detach().clone().requires_grad_() for variable in variables]
    replay = _Watched(tape, variables, others)
    names = []
    try:
        torch.autograd.grad(replay.run(loss), others, retain_graph=True, allow_unused=True)
        for key, (record, out, node) in enumerate(replay.made_by):
            gradient = replay.gradients.get(key)
            if out.grad_fn is node and gradient is not None and gradient.isfinite().all():
                back = node(gradient)
                parts = back if isinstance(back, tuple) else (back,)
                if any(part is not None and not part.isfinite().all() for part in parts):
                    names.append(placed(f"torch.{record.name}", record.source))
    except (CannotReplay, RuntimeError, TypeError):
        return ()
    return tuple(dict.fromkeys(names))
