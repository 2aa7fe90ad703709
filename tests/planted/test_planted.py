"""A sample of the campaign: shallow models, and deep ones whose rounding bound is larger than their gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.planted.campaign import faults_of, own, wrong
from tests.planted.models import SHALLOW

PRECISIONS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


@PRECISIONS
@pytest.mark.parametrize("name", [*SHALLOW, "deep_mlp", "resnet18"])
def test_a_models_own_gradient_is_right(name: str, dtype: Any) -> None:
    outcome = own(name, dtype, 0)
    assert not faults_of(outcome, dtype), outcome
    assert outcome.verdict == "CLARKE" or dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "dtype"), [
    ("mlp", torch.float32), ("mlp", torch.bfloat16), ("lenet", torch.float32), ("lenet", torch.bfloat16),
    ("deep_mlp", torch.float32),
])  # fmt: skip
def test_a_planted_fault_is_not_called_right(name: str, dtype: Any) -> None:
    outcomes = [*wrong(name, dtype, 1, few=True)]
    assert [(str(outcome), faults_of(outcome, dtype)) for outcome in outcomes if faults_of(outcome, dtype)] == []
    assert sum(outcome.error > 0.05 for outcome in outcomes) > 6
