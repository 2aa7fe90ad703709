"""Checks of the input that are tied: f raises on one side, and is judged by what it computes on the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import absnormal as an

from .checking import BRANCHES

X = torch.tensor([0.0, 1.0], dtype=torch.float64)


def asserted(x: Any) -> Any:
    assert x.min() >= 0, f"got {x.min()}"
    return x.square().sum() + x.abs().sum()


def raised(x: Any) -> Any:
    if (x < 0).any():
        raise ValueError("negative")
    return x.square().sum() + x.abs().sum()


def checked(x: Any) -> None:
    if x.min() < 0:
        raise ValueError("negative")


def called(x: Any) -> Any:
    checked(x)
    return x.square().sum() + x.abs().sum()


class Checking(nn.Module):
    def forward(self, x: Any) -> Any:
        return called(x)


def mended(x: Any) -> Any:
    if x.min() < 0:
        x = x + 1
        raise ValueError("negative")
    return x.sum()


@pytest.mark.parametrize("f", [asserted, raised, called, Checking()], ids=lambda f: getattr(f, "__name__", "module"))
def test_what_a_function_only_checks_is_left_out_and_said(f: Callable[[Any], Any]) -> None:
    report = an.verify(f, X)
    assert report.verdict is an.Verdict.CLARKE and report.method != "smooth"
    assert any("raises next to this point, by its check at test_torch_checks.py" in note for note in report.notes)
    away = an.verify(f, X + 1)
    assert away.method == "smooth" and away.notes == ()


@pytest.mark.parametrize("f", [*BRANCHES, mended], ids=lambda f: f.__name__)
def test_what_is_caught_or_used_otherwise_is_a_branch(f: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match="was branched on"):
        an.verify(f, X)
