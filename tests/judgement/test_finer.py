"""Ties that rounding to a coarse precision makes: what they leave open may be decided in float64 (THEORY 6.1)."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.torch.capture import capture
from absnormal.judgement import flow
from absnormal.judgement.finer import in_float64
from absnormal.judgement.turns import Judgement
from absnormal.theorems.problem import Proof
from tests.verify.test_torch_models import IMAGES, LABELS

nn = torch.nn


def network(batch: int, dtype: Any, autocast: bool = False, seed: int = 0) -> tuple[Any, Any]:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(676, 10)).to(dtype)
    images, labels = IMAGES[:batch].reshape(-1, 1, 28, 28).to(dtype), LABELS[:batch]

    def closure() -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return nn.functional.cross_entropy(net(images), labels)

    return net, closure


@pytest.mark.parametrize("seed", [11, 13])
@pytest.mark.parametrize(("dtype", "autocast"), [(torch.bfloat16, False), (torch.float32, True)], ids=str)
def test_pools_in_half_precision(dtype: Any, autocast: bool, seed: int) -> None:
    """Gradients in bfloat16 that are within 3 % of those in float64, whatever a processor rounds; what takes its time
    is not asked."""
    net, closure = network(16, dtype, autocast, seed)
    report = an.torch.verify(net, closure, budget=(budget := an.Budget(seconds=0.1)))
    assert report.verdict.name == "CLARKE" and report.finer and report.certificate.check()
    text = " ".join(str(report).split())
    assert "decided by the float64 values" in text and "are not in float64, which decides here" in text
    closure().backward()
    given = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    assert an.torch.verify(net, closure, gradient=given, budget=budget).verdict.name == "CLARKE"
    given["0.weight"] = -given["0.weight"]
    assert an.torch.verify(net, closure, gradient=given, budget=an.Budget(seconds=3)).verdict.name != "CLARKE"


def test_the_values_of_float64_refute_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuted(problem: Any, tool: Any, *_: Any) -> Any:
        return repeat(Judgement(Proof("separation", False, "", "float64"), problem, tool))

    monkeypatch.setattr(flow, "given_vector", refuted)
    net, closure = network(8, torch.bfloat16)
    assert an.torch.verify(net, closure, budget=an.Budget(seconds=1)).verdict.name == "UNDECIDED"


def test_a_gradient_that_rounding_made_another_one_is_left_open() -> None:
    """In bfloat16 and a small batch the weights' gradient is 8 % apart from that in float64."""
    net, closure = network(8, torch.bfloat16)
    report = an.torch.verify(net, closure, budget=an.Budget(seconds=2))
    assert report.verdict.name == "UNDECIDED" and not report.finer
    assert "run f in a finer precision" in " ".join(str(report).split())


def tied(x: Any) -> Any:
    """1 + x and 1 are the same in half precision where x is small."""
    return torch.maximum(1 + x, torch.ones_like(x)).sum()


def test_values_of_float64() -> None:
    for dtype, found in ((torch.float16, 0), (torch.float64, None)):
        tool = capture(tied, torch.tensor([1e-4, 1e-4], dtype=dtype)).sweeps()
        fine = in_float64(tool)
        assert (None if fine is None else len(fine.alpha)) == found
        assert len(tool.alpha) == (2 if dtype is torch.float16 else 0)
    # A tie of the function itself stays one, and where all are ties nothing is gained.
    fine = in_float64(capture(tied, torch.tensor([1e-4, 0.0], dtype=torch.float16)).sweeps())
    assert fine is not None and len(fine.alpha) == 1
    assert in_float64(capture(tied, torch.tensor([0.0, 0.0], dtype=torch.float16)).sweeps()) is None


def test_another_branch_and_undefined_values_are_none() -> None:
    def branch(x: Any) -> Any:
        return tied(x) if (1 + x).sum().double() < 2.0001 else x.sum()

    x = torch.tensor([1e-4, 1e-4], dtype=torch.float16)
    tool = capture(branch, x).sweeps()
    assert len(tool.alpha) == 2 and in_float64(tool) is None

    def undefined(x: Any) -> Any:
        return tied(x) + torch.sqrt(2 - (1 + x).sum() + 1e-5).sum()

    tool = capture(undefined, x).sweeps()
    assert len(tool.alpha) == 2 and in_float64(tool) is None


def test_what_the_tools_values_decide_they_decide() -> None:
    x = torch.tensor([1e-4, 1e-4], dtype=torch.float16)
    assert not an.verify(tied, x).finer
    wrong = np.array([2.0, 1.0])
    assert an.verify(tied, x, gradient=wrong).verdict.name == "NOT_CLARKE"
