"""A budget of seconds ends what searches, whatever is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active.additions import TooLarge, ended_when
from absnormal.active.forms import forms
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 14, 5))

#: Functions with more cells than a second suffices for; the second is not piecewise linear.
HARD: dict[str, Callable[[Any], Any]] = {
    "coupled": lambda x: np.abs(A @ x).sum() - np.abs(B @ x + np.abs(A @ x)).sum(),
    "computed": lambda x: (np.exp(x[0]) * np.abs(A @ x)).sum() - np.abs(B @ np.sin(x) + np.abs(A @ x)).sum(),
}
ASKED: dict[str, Callable[[Any, an.Budget], Any]] = {
    "verify": lambda f, budget: an.verify(f, np.zeros(5), budget=budget),
    "a vector": lambda f, budget: an.verify(f, np.zeros(5), gradient=np.arange(5.0), budget=budget),
    "the set": lambda f, budget: an.generalized_gradient(f, np.zeros(5), budget=budget),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("asked", ASKED)
def test_a_second_is_a_second(asked: str, name: str) -> None:
    program = an.trace(HARD[name], np.zeros(5))
    # The clock of the process: other processes take none of it.
    start = time.process_time()
    ASKED[asked](program, an.Budget(seconds=1.0, cells=10**6, programs=10**7))
    assert time.process_time() - start < 2.5


def test_searches_leave_time_to_those_after_them() -> None:
    """Enumeration takes half of the time that is left: the cells that it found are still looked at."""
    tracker = an.Budget(seconds=100.0).start()
    part = tracker.part()
    assert part.budget.seconds == pytest.approx(50, abs=1) and not part.late and not tracker.report
    late = an.Budget(seconds=0.0).start().part()
    assert late.late and late.spent


def test_forms_of_a_long_program_are_interrupted() -> None:
    """A sorting network of 400 ties has thousands of comparisons, whose forms grow."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(400)
    program = an.trace(lambda x: (np.sort(x) * w).sum(), np.ones(400))
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
