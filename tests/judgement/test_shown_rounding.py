"""A gradient of the framework's own formulas may be off by the rounding that the precision itself shows, up to a part
of the leaf; whatever else had a hand in it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from absnormal.clarke.budget import Budget
from absnormal.frontends.torch.capture import capture
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.comparison import Comparison, compared, tolerance_of
from absnormal.judgement.tolerances import machine_epsilon, relative
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

#: A precision, and a part of its terms that is left of a sum in which rounding shows.
PRECISIONS = pytest.mark.parametrize(
    ("dtype", "part"), [("float32", 3e-5), ("float16", 0.003), ("bfloat16", 0.001)], ids=str
)


def cancelling(name: str, part: float) -> TracedCall:
    """sum 0.3 c relu(w), whose terms are rounded and cancel in part before the last step of the backward sweep."""
    c = torch.randn(64, generator=torch.Generator().manual_seed(0)).double()
    c[0] += part * c.norm() - c.sum()
    dtype: Any = getattr(torch, name)
    c, w = c.to(dtype), torch.tensor([0.7], dtype=dtype)
    return replace(capture(lambda w: (torch.relu(w) * c * 0.3).sum(), w), other_precision=None)


def comparison(call: TracedCall, moved: float, rtol: float | None = None) -> Comparison:
    """The comparison for a gradient that is ``moved`` away from the modelled one, relative to its size."""
    sweeps = Sweeps(call.program, None, values=call.values, own=call.own)
    problem = Problem(sweeps, call.slopes[sweeps.alpha], Budget(), tolerance_of(call, rtol))
    leaves = [sweeps.gradient(problem.sigma) * (1 + moved)]
    return compared(replace(call, leaves=leaves), problem)


@PRECISIONS
@pytest.mark.parametrize("sign", [1, -1])
def test_what_rounding_shows_is_allowed_up_to_four_times_rtol(dtype: str, part: float, sign: int) -> None:
    call, rtol = cancelling(dtype, part), relative(machine_epsilon(dtype))
    assert comparison(call, 3.9 * sign * rtol).close
    found = comparison(call, 4.1 * sign * rtol)
    assert not found.close and not found.cancelled


@PRECISIONS
def test_zeros_and_a_wrong_sign_are_never_rounding(dtype: str, part: float) -> None:
    assert not any(comparison(cancelling(dtype, part), moved).close for moved in (-1.0, -2.0))


@PRECISIONS
def test_foreign_code_and_a_tolerance_of_the_callers_are_held_to_rtol(dtype: str, part: float) -> None:
    call, rtol = cancelling(dtype, part), relative(machine_epsilon(dtype))
    for moved, close in ((0.9, True), (1.5, False)):
        assert comparison(replace(call, foreign=("a hook",)), moved * rtol).close is close
        assert comparison(call, moved * rtol, rtol).close is close


@PRECISIONS
def test_a_sum_that_does_not_cancel_is_held_to_rtol(dtype: str, part: float) -> None:
    call, rtol = cancelling(dtype, 1.0), relative(machine_epsilon(dtype))
    assert comparison(call, 0.9 * rtol).close and not comparison(call, 1.1 * rtol).close
