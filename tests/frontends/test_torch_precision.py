"""Is rounding inside kernels told from another derivative, by the tape that runs again in another precision?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import absnormal as an
from absnormal.clarke.budget import Budget
from absnormal.frontends.torch.capture import capture
from absnormal.judgement.comparison import compared, tolerance_of
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.torch import _traced


def in_double(f: Any, x: Any) -> Any:
    return capture(f, x).other_precision()


#: Differences of large numbers: float32 keeps a digit or two of the derivative.
CANCELLING = {
    "batch norm": lambda x: F.batch_norm(1e4 + 1e-2 * x, None, None, training=True),
    "layer norm": lambda x: F.layer_norm(1e4 + 1e-2 * x, (4,)), "variance": lambda x: (1e5 + x).var(0),
    "sigmoid at 16": lambda x: torch.sigmoid(16 + x),
}  # fmt: skip


@pytest.mark.parametrize("name", CANCELLING)
def test_rounding_inside_a_kernel_is_no_other_derivative(name: str) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(64, 4), torch.randn(64, 4)
    report = an.verify(lambda x: (CANCELLING[name](x) * weight).sum(), x)
    if report:
        assert report.method == "smooth" and report.deviation > 0 and not report.given
    else:
        assert report.verdict is an.Verdict.UNDECIDED
        assert "digits were lost" in report.explanation or "ill-conditioned" in report.explanation
    exact = an.verify(lambda x: (CANCELLING[name](x) * weight).sum(), x.double())
    assert exact.verdict is an.Verdict.CLARKE and exact.deviation > 0


def test_double_precision_is_replayed_in_single() -> None:
    captured = capture(lambda x: torch.sigmoid(36 + x).sum(), torch.linspace(-0.5, 0.5, 5, dtype=torch.float64))
    again = captured.other_precision()
    assert again.dtype == np.float32
    np.testing.assert_allclose(again.gradient, captured.gradient, atol=1e-7)


def test_writes_views_random_numbers_and_casts_run_again() -> None:
    def f(x: Any) -> Any:
        b = x.clone()
        b[1:].add_(b[:-1].clone())
        b.unsqueeze_(0)
        y = F.dropout(b.relu_(), 0.5).view(3, 1).t()
        with torch.no_grad():
            scale = y.norm()
        return (y / (1 + scale)).to(torch.float16).to(torch.float32).pow(2).sum() + x.std() + x.detach().sum()

    torch.manual_seed(0)
    captured = capture(f, torch.tensor([0.5, 1.5, -2.0]))
    again = captured.other_precision()
    assert again.dtype == np.float64 and again.gradient.dtype == np.float64
    np.testing.assert_allclose(again.gradient, captured.gradient, rtol=1e-3)


def test_a_module_and_its_buffers_stay_as_they_are() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(18, 3))  # fmt: skip
    x = torch.randn(4, 1, 8, 8)
    captured = _traced(model, lambda: F.cross_entropy(model(x), torch.tensor([0, 1, 2, 0])))
    held = {name: value.clone() for name, value in model.state_dict().items()}
    again = captured.other_precision()
    np.testing.assert_allclose(again.gradient, captured.gradient, atol=1e-5)
    assert all(torch.equal(value, held[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in model.parameters())


class Biased(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return F.layer_norm(1e4 + 1e-2 * x, (4,))

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


def hooked(x: Any) -> Any:
    y = F.layer_norm(1e4 + 1e-2 * x, (4,))
    y.register_hook(lambda g: 1.5 * g)
    return y


@pytest.mark.parametrize("function", [hooked, Biased.apply])
def test_a_hook_or_a_custom_backward_is_not_taken_for_rounding(function: Any) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(64, 4), torch.randn(64, 4)
    assert in_double(lambda x: (function(x) * weight).sum(), x) is None
    report = an.verify(lambda x: (function(x) * weight).sum(), x)
    assert report.given and report.verdict is not an.Verdict.CLARKE and "digits were lost" not in str(report)


def test_what_does_not_run_in_double_is_left_open() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 4, batch_first=True)
    assert in_double(lambda x: layer(x)[0].pow(2).sum(), torch.randn(2, 5, 3)) is None


def test_ties_that_go_away_settle_nothing() -> None:
    # In float32 the sum is 1 and the relu is tied; in float64 it is not.
    f = lambda x: torch.relu(x[0] + x[1] - 1)  # noqa: E731
    captured = capture(f, torch.tensor([1.0, 1e-9]))
    sweeps = Sweeps(captured.program, None, 0.0, captured.values, captured.own)
    assert in_double(f, torch.tensor([1.0, 1e-9])).gradient.tolist() == [1.0, 1.0]
    # Slopes that are not the kernel's: their gradient is another one, and float64 has nothing to say about it.
    for slopes, apart in ((captured.slopes[sweeps.alpha], 0.0), (np.ones(1), 1.0)):
        found = compared(captured, Problem(sweeps, slopes, Budget(), tolerance_of(captured)))
        assert found.largest == apart and found.close is (apart == 0)


COARSE = pytest.mark.parametrize("coarse", [torch.float32, torch.float16, torch.bfloat16], ids=str)


@COARSE
def test_a_leaf_has_the_precision_of_the_coarsest_step_behind_it(coarse: Any) -> None:
    """Both leaves and the result are in double precision; one leaf goes through a coarser one on its way."""

    def f(p: Any) -> Any:
        middle = ((p["a"] * 1.5).to(coarse) * 2).double() * 3
        return torch.relu(middle).sum() + p["b"].sum()

    x = {name: torch.linspace(0.1, 0.9, 5, dtype=torch.float64) for name in "ab"}
    assert tolerance_of(capture(f, x)).eps == (torch.finfo(coarse).eps, torch.finfo(torch.float64).eps)


@COARSE
def test_a_gradient_that_was_rounded_on_the_way_is_right(coarse: Any) -> None:
    """The adjoint 0.3 is rounded where the values are, between a leaf and a result in double precision."""

    def f(x: Any) -> Any:
        return (torch.relu(x.to(coarse) * 1.5).double() * 0.3).sum()

    report = an.verify(f, torch.linspace(-0.9, 0.9, 6, dtype=torch.float64))
    assert report.verdict is an.Verdict.CLARKE and report.deviation > 1e-9
