"""The blocks of image models, in training on random data, in evaluation on a blank sample: compared and proved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import absnormal as an

from .test_torch_models import agrees
from .torch_blocks import BLOCKS


def _case(name: str, blank: bool) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    block = BLOCKS[name]().train(not blank)
    for module in block.modules():
        if blank and isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    X = torch.randn(4, 4, 8, 8)
    if blank:
        X[1] = 0
    weight = torch.randn(block(X).shape)
    return block, lambda: (block(X) * weight).mean()


@pytest.mark.parametrize("blank", [False, True], ids=["random data", "a blank sample"])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block(name: str, blank: bool) -> None:
    block, closure = _case(name, blank)
    agrees(block, closure)
    report = an.torch.verify(block, closure)
    assert report, report.proof.reason
    if blank:
        assert bool(len(report.problem.sweeps.alpha)) == bool(report.program.s)
