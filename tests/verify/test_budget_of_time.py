"""A budget of seconds ends what searches, whatever is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active.arithmetic import TooLarge, ended_when
from absnormal.active.forms import forms
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 14, 5))

X = RNG.standard_normal((32, 10))


def network(w: Any) -> Any:
    hidden = np.maximum(X @ w[:100].reshape(10, 10), 0)
    return np.abs(np.maximum(hidden @ w[100:].reshape(10, 6), 0).sum(axis=1)).sum()


def parts(x: Any) -> Any:
    y = x.reshape(20, 5)
    return (np.arange(1, 21) * np.abs(y @ A.T).sum(axis=1)).sum() - np.abs(y @ B.T).sum()


SECONDS = 0.4
#: Functions with more cells than that suffices for, and numbers of variables; the second one is not piecewise
#: linear.
HARD: dict[str, tuple[Callable[[Any], Any], int]] = {
    "coupled": (lambda x: np.abs(A @ x).sum() - np.abs(B @ x + np.abs(A @ x)).sum(), 5),
    "computed": (lambda x: (np.exp(x[0]) * np.abs(A @ x)).sum() - np.abs(B @ np.sin(x) + np.abs(A @ x)).sum(), 5),
    "parts": (parts, 100),
    "network": (network, 160),
    "several numbers": (lambda x: np.abs(A @ x) - np.abs(B @ x + np.abs(A @ x)), 5),
}
ASKED: dict[str, Callable[[Any, Any, an.Budget], Any]] = {
    "verify": lambda f, x, budget: an.verify(f, x, budget=budget),
    "a vector": lambda f, x, budget: an.verify(f, x, gradient=np.arange(1.0 * len(x)), budget=budget),
    "the set": lambda f, x, budget: an.generalized_gradient(f, x, budget=budget),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("asked", ASKED)
def test_what_a_budget_gives_is_what_is_taken(asked: str, name: str) -> None:
    function, n = HARD[name]
    program = an.trace(function, np.zeros(n))
    if asked == "a vector" and name == "several numbers":
        asked = "verify"
    # The clock of the process: other processes take none of it.
    start = time.process_time()
    ASKED[asked](program, np.zeros(n), an.Budget(seconds=SECONDS, cells=10**6, programs=10**7))
    assert time.process_time() - start < 1.2 * SECONDS + 0.5


def test_searches_leave_time_to_those_after_them() -> None:
    """Enumeration takes half of the time that is left: the cells that it found are still looked at."""
    tracker = an.Budget(seconds=100.0).start()
    part = tracker.part()
    assert part.seconds == pytest.approx(50, abs=1) and not part.late and not tracker.report
    late = an.Budget(seconds=0.0).start().part()
    assert late.late and late.spent


def test_forms_of_a_long_program_are_interrupted() -> None:
    """A network that compares neighbours has thousands of comparisons, whose forms grow."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(400)

    def compared(x: Any) -> Any:
        for low in [0, 1] * 20:
            a, b = x[low : 398 + low : 2], x[low + 1 : 399 + low : 2]
            both = np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1).reshape(-1)
            x = np.concatenate([x[:low], both, x[low + len(both) :]])
        return (x * w).sum()

    program = an.trace(compared, np.ones(400))
    sweeps = Sweeps(program, np.ones(400))
    looks: list[int] = []

    def late() -> bool:
        looks.append(1)
        return len(looks) > 2

    with ended_when(late), pytest.raises(TooLarge):
        forms(sweeps, 10_000_000)
    assert len(looks) == 3
    spent = Problem(Sweeps(program, np.ones(400)), np.zeros(len(sweeps.alpha)), an.Budget(seconds=0))
    assert spent.apart is None


def test_forms_of_many_matrices_end_when_time_is_up() -> None:
    weights = np.arange(1.0, 401.0).reshape(20, 20)
    program = an.trace(lambda x: np.abs(np.matmul(x.reshape(8, 20, 20), weights)).sum(), np.zeros(3200))
    with ended_when(lambda: True), pytest.raises(TooLarge):
        forms(Sweeps(program, np.zeros(3200)), 10_000_000)
