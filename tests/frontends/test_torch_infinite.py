"""What torch made NaN or infinite is noted, and what a finite result says of its arguments is not looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from absnormal.frontends.torch import lowering
from absnormal.frontends.torch.capture import capture

DATA = torch.randn(40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
INFINITE = torch.tensor([torch.inf, 1.0, 2.0], dtype=torch.float64)
W = torch.ones(30, 3, dtype=torch.float64)


def noted(monkeypatch: pytest.MonkeyPatch, f: Callable[[Any], Any]) -> tuple[list[Any], list[Any]]:
    """The tensors that are looked at, and the values of the nodes that are noted."""
    looked: list[Any] = []
    builders: list[Any] = []
    note = lowering.note_infinite
    monkeypatch.setattr(lowering, "note_infinite", lambda builder, finite, strict: (
        builders.append(builder), note(builder, lambda held: (looked.append(held), finite(held))[1], strict))[1])
    capture(f, W)
    return looked, [builders[0].values[index] for index in builders[0].faults]


@pytest.mark.parametrize("f", [
    lambda w: torch.relu(DATA @ w).sum(),
    lambda w: torch.relu(torch.nn.functional.linear(DATA.T.reshape(40, 30), w.T, w[0])).sum(),
    lambda w: torch.relu((DATA @ w).T * 2 - 1).sum(),
])
def test_factors_of_a_finite_product_are_finite(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, infinite = noted(monkeypatch, f)
    assert looked and not infinite and all(held.numel() < DATA.numel() for held in looked)


@pytest.mark.parametrize("f", [
    lambda w: torch.minimum(w, INFINITE).sum(),
    lambda w: torch.exp(w - INFINITE).sum(),
], ids=["a minimum", "a mask"])
def test_an_infinite_constant_is_noted(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(not torch.tensor(value).isfinite().all() for value in noted(monkeypatch, f)[1])
