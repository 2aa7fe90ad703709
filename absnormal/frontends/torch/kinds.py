"""Which numbers an operation on the tape is about: their precision, real or complex, one or many, detached or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from absnormal.frontends.torch.following import Following
from absnormal.frontends.torch.steps import Step
from absnormal.frontends.torch.tape import Record

#: The machine epsilon of every floating type.
EPSILON = {dtype: torch.finfo(dtype).eps for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex128, torch.complex64, torch.complex32,
)}  # fmt: skip


def unit_of(record: Record) -> float:
    """The coarsest machine epsilon among what an operation was given and returned."""
    return max([EPSILON.get(tensor.dtype, 0.0) for tensor in (*record.arguments, *record.outs)], default=0.0)


def is_number(step: Step) -> bool:
    """Whether a step gives one number that requires a gradient."""
    assert step.record is not None
    return any(out.numel() == 1 and out.requires_grad for out in step.record.outs)


def stopped_at(following: Following, steps: Sequence[int]) -> Iterator[Record]:
    """The operations that detached what some steps use; where these are not known, those that use it."""
    for number in steps:
        step = following.steps[number]
        if step.stopped and step.record is not None:
            known = [following.detaching[id(arg)] for arg in step.record.arguments if id(arg) in following.detaching]
            yield from known or [step.record]
