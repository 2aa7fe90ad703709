"""Checks of the input that are tied: f raises on one side, and is judged by what it computes on the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

from .checking import BRANCHES


def loss(x: Any) -> Any:
    return (x * x).sum() + np.abs(x).sum()


def asserted(x: Any) -> Any:
    assert x.min() >= 0, "negative"
    return loss(x)


def raised(x: Any) -> Any:
    if (x < 0).any():
        raise ValueError("negative")
    return loss(x)


def all_of_them(x: Any) -> Any:
    assert np.all(x >= 0) and x[0] <= 1.0
    return loss(x)


def one_by_one(x: Any) -> Any:
    assert all(entry >= 0 for entry in x)
    return loss(x)


def kept(x: Any) -> Any:
    negative = x < 0
    if negative.any():
        raise ValueError("negative")
    return loss(x)


def checked(x: Any) -> None:
    if not (np.isfinite(x).all() and x[0] >= 0 and x[1] >= 0):
        raise ValueError("negative")


def called(x: Any) -> Any:
    checked(x)
    return loss(x)


def helped(x: Any) -> Any:
    parts = []
    assert not parts.append(x * helper(x))  # type: ignore[func-returns-value]
    return parts[0].sum()


def helper(x: Any) -> Any:
    return 1.0 if x[0] >= 0 else -1.0


@pytest.mark.parametrize("x", [[0.0, 1.0], [0.0, 0.0]], ids=["one tie", "two ties"])
@pytest.mark.parametrize("f", [asserted, raised, all_of_them, one_by_one, kept, called], ids=lambda f: f.__name__)
def test_what_a_function_only_checks_is_left_out_and_said(f: Callable[[Any], Any], x: list[float]) -> None:
    report = an.verify(f, x)
    plain = an.verify(loss, x)
    assert (report.verdict, report.method) == (plain.verdict, plain.method) == (an.Verdict.CLARKE, "private directions")
    assert report.gradient.tolist() == plain.gradient.tolist()
    assert any("raises next to this point, by its check at test_numpy_checks.py" in note for note in report.notes)
    away = an.verify(f, np.add(x, 0.5))
    assert away.method == "smooth" and away.notes == ()
    with pytest.raises(an.GuardError):
        an.trace(f, np.add(x, 0.5))([-1.0, -1.0])


@pytest.mark.parametrize("f", [*BRANCHES, helped], ids=lambda f: f.__name__)
def test_what_is_caught_or_used_otherwise_is_a_branch(f: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match="not constant near it"):
        an.verify(f, [0.0, 1.0])
