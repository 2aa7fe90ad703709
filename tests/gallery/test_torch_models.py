"""Are the torch examples of the gallery wrong where they say so, and does clarke_backward fix them?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import absnormal as an
from absnormal.gallery import torch_models


@pytest.mark.parametrize("build", [torch_models.zero_initialised_head, torch_models.crelu_readout])
def test_backward_is_wrong_at_the_start_and_the_cure_is_not(build: Any) -> None:
    example = build()
    report = an.torch.verify(example.model, example.loss)
    assert report.verdict is an.Verdict.NOT_CLARKE
    an.torch.clarke_backward(example.model, example.loss)
    cured = {name: p.grad.clone() for name, p in example.model.named_parameters()}
    assert an.torch.verify(example.model, example.loss, gradient=cured)


def test_the_first_step_is_larger_with_the_cure() -> None:
    losses = []
    for cure in (False, True):
        example = torch_models.crelu_readout()
        optimizer = torch.optim.SGD(example.model.parameters(), lr=0.02)
        for _ in range(5):
            optimizer.zero_grad()
            an.torch.clarke_backward(example.model, example.loss) if cure else example.loss().backward()
            optimizer.step()
        losses.append(float(example.loss().detach()))
    assert losses[1] < losses[0]


def test_the_head_learns_from_both_classes() -> None:
    example = torch_models.zero_initialised_head()
    example.loss().backward()
    wrong = example.model.bias.grad.item()
    example.model.zero_grad()
    an.torch.clarke_backward(example.model, example.loss)
    assert abs(example.model.bias.grad.item()) < 0.1 < abs(wrong)
