"""What an open verdict says all the same."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.report.left_open import known, what_would_settle

X, Y = np.random.default_rng(0).standard_normal((6, 3)), np.random.default_rng(1).standard_normal(6)


def two_layers(w: Any) -> Any:
    h = np.maximum(X @ w[:12].reshape(3, 4), 0)
    h = np.maximum(h @ w[12:28].reshape(4, 4), 0)
    return ((h @ w[28:32] - Y) ** 2).sum()


def at() -> Any:
    return np.r_[np.zeros(12), np.random.default_rng(2).standard_normal(20)]


def test_an_open_verdict_names_what_fails_and_what_would_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock takes 0.05 s, so that no machine is fast enough to decide it.
    looks = itertools.count(1)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 0.05 * next(looks), thread_time=time.thread_time)
    monkeypatch.setattr("absnormal.clarke.budget.time", clock)
    report = an.verify(two_layers, at(), slope=0.2, budget=an.Budget(seconds=0.5))
    assert report.verdict is an.Verdict.UNDECIDED
    (signs,) = known(report)
    assert "regular, the closest theorem, fails for" in signs and "np.maximum at test_left_open.py:" in signs
    more, fewer = what_would_settle(report)
    assert "Budget(seconds=5)" in more and "smaller batch" in fewer
    assert "to settle it: a larger budget" in str(report) and "known: regular" in str(report)
    assert "to settle it" in report._repr_html_()


def test_the_distance_to_known_gradients_bounds_that_to_the_set() -> None:
    rng = np.random.default_rng(3)
    A, s = rng.standard_normal((9, 4)), np.where(np.arange(9) % 2, 1, -1)

    def f(x: Any) -> Any:
        return (s * np.abs(A @ x)).sum()

    vector = 0.9 * an.gradient(f, 1e-3 * rng.standard_normal(4)) + 0.1 * an.gradient(f, 1e-3 * rng.standard_normal(4))
    report = an.verify(f, np.zeros(4), gradient=vector, budget=an.Budget(cells=8, programs=100))
    assert report.verdict is an.Verdict.UNDECIDED
    (said,) = (line for line in known(report) if line.startswith("the vector is "))
    assert what_would_settle(report)[0] == "a larger budget: budget=absnormal.Budget(cells=80)"
    whole = an.generalized_gradient(f, np.zeros(4))
    assert whole.complete
    assert float(said.split()[3]) >= np.linalg.norm(whole.nearest(vector) - vector) - 1e-6


def test_what_is_decided_says_none_of_it() -> None:
    for point in ([0.0], [1.0]):
        report = an.verify(lambda x: np.maximum(x[0], 0) - np.maximum(-x[0], 0), point, slope=-1)
        text = str(report)
        assert report.verdict is not an.Verdict.UNDECIDED and "to settle it" not in text and "known:" not in text
