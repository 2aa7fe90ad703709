"""Entries that a tied comparison chooses, as they are read, computed with, added up and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from tests.frontends.test_several_masks import slopes


def two_pieces(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x > 0] = x[x > 0] ** 2
    y[x <= 0] = 3 * x[x <= 0]
    return y.sum()


def one_mask(x: Any) -> Any:
    positive, y = x > 0, np.empty(x.shape)
    y[positive] = np.exp(x[positive]) - 1
    y[~positive] = 0.5 * x[~positive]
    return y.sum()


def in_place(x: Any) -> Any:
    y = 2 * x
    y[y < 0] *= 0.1
    y[y > 0] += y[y > 0]
    return y.sum()


def between(x: Any) -> Any:
    return (x[x > 0] * np.sqrt(x[x > 0] + 1)).sum() - np.sum(-x[x < 0])


def pieces(x: Any) -> Any:
    y = abs(x) - 0.5
    inside = abs(x) <= 1
    y[inside] = 0.5 * x[inside] ** 2
    return y.sum()


def a_root(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x > 1] = np.log(x[x > 1])
    return y.sum()


def two_sides(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x <= 0] = 1 + x[x <= 0]
    y[x > 0] = np.exp(x[x > 0])
    return y.sum()


def two_sides_of_a_copy(x: Any) -> Any:
    y, inside = x.copy(), abs(x) <= 1
    y[inside] = 0.5 * x[inside] ** 2 + 2
    y[~inside] = abs(x[~inside]) + 1.5
    return y.sum()


def two_sides_of_a_row(x: Any) -> Any:
    y, positive = np.zeros((2, 3)), x > 0
    y[0][positive] = 1.0
    y[0][~positive] = 1.0 + x[~positive]
    return (y * x).sum()


def over_what_is_written(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x > 0] = 1.0
    y[:] = x
    return (y * x).sum()


def rows(x: Any) -> Any:
    y, square, made = x[:, None] * np.array([1.0, 2.0]), x[:, None] * np.ones(3), np.ones((3, 2))
    y[x > 0] = 0.0
    square[x <= 0] = 0.0
    made[x > 0] = np.array([1.0, 2.0])
    made[x <= 0] = np.array([1.0, 2.0])
    return y.sum() + square.sum() + (made * x[:, None]).sum()


def one_side(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x <= 0] = 1 + x[x <= 0]
    return y.sum()


def read_between(x: Any) -> Any:
    y, positive = np.zeros_like(x), x > 0
    y[positive] = 1.0
    total = y.sum()
    y[~positive] = 1.0 + x[~positive]
    return (y * x).sum() + total


def another_mask(x: Any) -> Any:
    y = np.zeros_like(x)
    y[x > 0] = 1.0
    y[x <= 1] = 1.0 + x[x <= 1]
    return (y * x).sum()


FOLLOWED = [
    two_pieces, one_mask, in_place, between, pieces, a_root, two_sides, two_sides_of_a_copy, two_sides_of_a_row,
    over_what_is_written, rows,
]  # fmt: skip
#: What needs the number of the entries, or other entries, or jumps.
REFUSED: dict[str, Callable[[Any], Any]] = {
    "mean": lambda x: x[x > 0].mean(), "length": lambda x: x.sum() * len(x[x > 0]),
    "size": lambda x: x.sum() * x[x > 0].size, "other entries": lambda x: (x[x > 0] * x[x < 0]).sum(),
    "product": lambda x: x[x > 0].prod(), "an entry": lambda x: x[x > 0][0],
    "a loop": lambda x: sum(v for v in x[x > 0]),
    "a jump": lambda x: (x[x > 0] + 1).sum(), "stored beside it": lambda x: np.append(x[x > 0], x).sum(),
    "dot": lambda x: x[x > 0] @ x[x > 0],
    "one side": one_side, "one side, read": read_between, "no other side": another_mask,
}  # fmt: skip


@pytest.mark.parametrize("f", FOLLOWED)
@pytest.mark.parametrize("x", [[0.0, 1.0, -1.0], [0.0, 0.0, 2.0], [0.5, -0.5, 3.0], [1.0, 1.0, 0.0]])
def test_entries_that_are_chosen_at_a_tie(f: Callable[[Any], Any], x: list[float]) -> None:
    point = np.array(x)
    report = an.verify(f, point)
    continuous, found = slopes(f, point)
    gradient = np.asarray(report.gradient)
    between = ((found.min(1) - 1e-4 <= gradient) & (gradient <= found.max(1) + 1e-4)).all()
    assert continuous and report.verdict is (an.Verdict.CLARKE if between else an.Verdict.NOT_CLARKE), report


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_number_of_entries_is_refused(name: str) -> None:
    with pytest.raises(an.TraceError, match=r"test_numpy_chosen\.py:\d+.*Fix: "):
        an.verify(REFUSED[name], np.array([0.0, 1.0, 2.0]))
    assert an.verify(lambda x: x[x > 0].mean(), np.array([0.5, 1.0, -2.0])).verdict is an.Verdict.CLARKE
