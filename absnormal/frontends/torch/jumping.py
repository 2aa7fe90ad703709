"""Does a function jump at the point by numbers that Python code read?

No operation shows what becomes of ``float(u)``, or of an array of NumPy.  A function that read one is called again as
near to the point as its precision allows, on opposite sides of it; where its value changes there by more than it can if
it is continuous, it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from absnormal.errors import TraceError
from absnormal.frontends.torch.restoring import restored
from absnormal.frontends.torch.steps import Read
from absnormal.frontends.torch.tape import Tape

#: How far away it is called, in units of the variables, and how much steeper than its gradient it may be there.
_STEPS, _STEEPER, _FURTHER, _LINES = {torch.float64: 2.0**-40, torch.float32: 2.0**-18}, 2.0**10, 16.0, 2


def refuse_jumps(
    run: Callable[[Tape], Any], loss: float, variables: Sequence[Any], modules: Sequence[Any],
    gradients: Sequence[Any], reads: Sequence[Read],
) -> None:
    """Raise where what ``run`` returns on a tape, the loss at the point, jumps there, if numbers were read that may
    decide about it.

    It is not told where it returns something else at the point now, as on the next batch, or not in full precision.
    """
    if not reads or not {variable.dtype for variable in variables} <= _STEPS.keys():
        return
    step = max(_STEPS[variable.dtype] for variable in variables)
    units = [step * variable.detach().abs().clamp(min=1.0) for variable in variables]
    if _value(run, variables, modules, [0.0 * unit for unit in units]) != loss:
        return
    slopes = [float((g.abs() * unit).sum()) for g, unit in zip(gradients, units, strict=True) if g is not None]
    most = _STEEPER * (sum(slopes) + step * max(abs(loss), 1.0))
    generator = torch.Generator().manual_seed(0)
    for _ in range(_LINES):
        signs = [torch.randn(unit.shape, generator=generator).sign().to(unit) for unit in units]
        for side in (1.0, -1.0):
            there, further = (
                _value(run, variables, modules, [side * far * a * b for a, b in zip(signs, units, strict=True)])
                for far in (1.0, _FURTHER))
            # A steep function changes more, further away; at a kink its gradient does not say how steep it is.
            if abs(there - loss) > max(most, 4.0 * abs(further - loss) / _FURTHER):
                raise TraceError(
                    "a number that was read", f"decides what f is: it is {loss!r} at this point, and {there!r} next to"
                    " it", "compare tensors instead of numbers, or move the point", reads[0].record.source,
                )


def _value(run: Callable[[Tape], Any], variables: Sequence[Any], modules: Sequence[Any], moves: Sequence[Any]) -> float:
    """The function next to the point; NaN where it does not run there."""
    tape, held = Tape(), [variable.detach().clone() for variable in variables]
    with restored(tape, variables, modules):
        try:
            for variable, move in zip(variables, moves, strict=True):
                # Not seen by derivatives that others have yet to take.
                variable.data.add_(move)
            return float(run(tape).item())
        except Exception:
            return math.nan
        finally:
            for variable, before in zip(variables, held, strict=True):
                variable.data.copy_(before)
