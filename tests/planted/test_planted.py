"""A sample of the campaign: shallow models, and deep ones whose rounding bound is larger than their gradient."""

from __future__ import annotations

import pytest

from tests.planted.campaign import faults_of, own, wrong
from tests.planted.models import SHALLOW
from tests.planted.subjects import subject

PRECISIONS = pytest.mark.parametrize("precision", ["float32", "bfloat16"])


@pytest.mark.slow
@PRECISIONS
@pytest.mark.parametrize("name", [*SHALLOW, "deep_mlp", "resnet18", "flax_mlp"])
def test_a_models_own_gradient_is_right(name: str, precision: str) -> None:
    outcome = own(subject(name, precision, 0))
    assert not faults_of(outcome), outcome


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), [
    ("mlp", "float32"), ("mlp", "bfloat16"), ("lenet", "float32"), ("lenet", "bfloat16"), ("deep_mlp", "float32"),
    ("flax_mlp", "float32"), ("flax_mlp", "bfloat16"), ("equinox_norm", "float64"),
])  # fmt: skip
def test_a_planted_fault_is_not_called_right(name: str, precision: str) -> None:
    outcomes = [*wrong(subject(name, precision, 1), few=True)]
    assert [(str(outcome), faults_of(outcome)) for outcome in outcomes if faults_of(outcome)] == []
    assert sum(outcome.error > 0.05 for outcome in outcomes) > 6
