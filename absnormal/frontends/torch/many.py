"""A function of torch's at many points: one trace, and the gradients of backward() at all points without a tape.

The program is that of the function at one point.  At another one it is the function's where its guards hold; where no
kink is active there, whatever the precision, the value of the function and the gradient of the tool are the only things
that differ from point to point.  The function runs plainly, and once, at each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.many import ManyCalls
from absnormal.frontends.torch.capture import as_closure, capture, run_on_tape
from absnormal.frontends.torch.restoring import restored
from absnormal.frontends.torch.tape import Tape
from absnormal.frontends.torch.values import array
from absnormal.frontends.traced_call import TracedCall
from absnormal.program.tree import taken_apart


class TorchCalls(ManyCalls):
    """f as it was traced at x, for points of the same structure, shapes and types.

    Raises
    ------
    TraceError
        where only single calls say what f does: for derivative code that is not torch's own, and for a function that
        overwrites memory which is not its own, or draws from a generator that it holds, so that a run would be seen in
        the next one
    """

    def __init__(self, f: Callable[[Any], Any], x: Any) -> None:
        closure, variables, self._tree = as_closure(f, x)
        tape = Tape()
        with restored(tape, variables):
            run_on_tape(tape, closure)
        self._first = capture(f, x)
        if tape.has_restored or self._first.foreign or self._first.undefined or self._first.flat:
            raise TraceError("f", "is followed at every point by itself", "sweep it as it is")
        self._f, self._like = f, taken_apart(x)

    @property
    def first(self) -> TracedCall:
        return self._first

    def same(self, x: Any) -> bool:
        structure, leaves = taken_apart(x)
        return bool(structure == self._like[0]) and all(
            type(leaf) is type(own) and (leaf.shape, leaf.dtype, leaf.device) == (own.shape, own.dtype, own.device)
            for leaf, own in zip(leaves, self._like[1], strict=True)
        )

    def inputs(self, points: Sequence[Any]) -> list[Array]:
        leaves = zip(*[taken_apart(x)[1] for x in points], strict=True)
        return [np.stack([array(leaf.detach()).astype(float) for leaf in own]) for own in leaves]

    def results(self, points: Sequence[Any], wanted: Array) -> tuple[Array | None, list[Array]]:
        values = np.full(len(points), np.nan)
        gradients = [np.full((len(points), *shape), np.nan) for shape in self._tree.shapes]
        with restored(Tape(), []), torch.enable_grad():
            for number in np.flatnonzero(wanted).tolist():
                closure, variables, _ = as_closure(self._f, points[number])
                with suppress(Exception):
                    loss = closure()
                    found = torch.autograd.grad(loss, variables, allow_unused=True)
                    for leaf, gradient in zip(gradients, found, strict=True):
                        leaf[number] = 0.0 if gradient is None else array(gradient)
                    values[number] = loss.item()
        return values, gradients


def many_calls(f: Callable[[Any], Any], x: Any) -> ManyCalls:
    """What a sweep asks for points together."""
    return TorchCalls(f, x)
