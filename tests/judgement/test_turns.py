"""No search spends the time of the next one: each has a little at first, and then more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

import absnormal as an
from absnormal.clarke import budget
from absnormal.judgement import flow, ladder, vector
from absnormal.judgement.flow import concluded, given_vector, modelled_vector
from absnormal.judgement.tolerances import DOUBLE_PRECISION
from absnormal.judgement.turns import in_turns
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import membership
from absnormal.theorems import problem as problems
from absnormal.theorems.problem import Problem, Proof

Rung = Callable[[Problem], Proof | None]


class Time:
    """A clock that goes on when somebody works, and what was asked."""

    def __init__(self) -> None:
        self.now, self.asked = 0.0, list[str]()

    def rung(self, name: str, needs: float = np.inf, found: bool = False) -> Rung:
        """A rung that works for so many seconds, or as long as it may, and then has a proof or none."""

        def rung(problem: Problem) -> Proof | None:
            self.asked.append(name)
            part, left = problem.tracker.part(), needs
            while left > 0:
                if part.late:
                    return None
                self.now, left = self.now + 0.01, left - 0.01
            return Proof(name, True, name, "none") if found else None

        rung.__module__ = name
        return rung


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    own = Time()
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: own.now, thread_time=lambda: own.now))
    return own


@pytest.fixture
def problem(time: Time) -> Problem:
    sweeps = Sweeps(an.trace(lambda v: np.abs(v).sum(), np.zeros(2)), np.zeros(2))
    return Problem(sweeps, np.zeros(2), an.Budget(seconds=20), clock=budget.Clock(0.0, 0.0))


@pytest.fixture(params=["own", "given"])
def judged(
    request: pytest.FixtureRequest, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """The verdict and the method for these rungs, some of which search; nothing else says anything."""
    for module, name in ((flow, "FIRST"), (vector, "AT_ONCE"), (vector, "SMOOTH")):
        monkeypatch.setattr(module, name, ())
    for name in ("by_blocks", "without_effect", "_by_cells", "_by_bounds", "_by_merging", "_under_regular",
                 "_along_directions"):
        monkeypatch.setattr(vector, name, lambda limits: None)

    def judged(*rungs: Rung, searches: tuple[Rung, ...]) -> tuple[str, str]:
        own = request.param == "own"
        monkeypatch.setattr(flow, "FURTHER", rungs if own else ())
        monkeypatch.setattr(vector, "OF_NEAR_VECTORS", () if own else rungs)
        monkeypatch.setattr(ladder, "SEARCHES", frozenset(searches))
        sweeps, g = problem.sweeps, problem.gradient
        turns = (modelled_vector(problem, sweeps, g, True, ()) if own
                 else given_vector(problem, sweeps, g, DOUBLE_PRECISION, [problem.c]))
        verdict, proof = concluded(in_turns(turns, problem.clock))
        return verdict.name, proof.method

    return judged


def test_a_search_that_never_ends_leaves_time_to_those_behind_it(time: Time, judged: Callable[..., object]) -> None:
    rungs = time.rung("endless"), time.rung("endless too"), time.rung("found", 0.2, found=True)
    assert judged(*rungs, searches=rungs) == ("CLARKE", "found")
    assert time.now < 5


def test_a_search_that_needs_much_has_half_of_the_time_in_the_end(time: Time, judged: Callable[..., object]) -> None:
    rungs = time.rung("found", 7.0, found=True), time.rung("endless")
    assert judged(*rungs, searches=rungs) == ("CLARKE", "found")


def test_what_was_not_short_of_time_is_asked_once(time: Time, judged: Callable[..., object]) -> None:
    """And so is what searches nothing, however long it takes."""
    short, endless = searches = time.rung("short", 0.01), time.rung("endless")
    assert judged(time.rung("sweeps", 0.1), short, endless, time.rung("more", 0.1), searches=searches)[0] == "UNDECIDED"
    assert [time.asked.count(name) for name in ("sweeps", "short", "more")] == [1, 1, 1]
    assert 2 <= time.asked.count("endless") <= len(budget.SHARES)
    assert time.now <= 20.5


@pytest.mark.parametrize(("before", "asked"), [(0.1, 1), (2.0, 1), (30.0, 0)])
def test_what_costs_much_waits_for_a_turn_with_time_and_is_asked_once(
    time: Time, judged: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch, before: float, asked: int
) -> None:
    def sweeps(problem: Problem) -> None:
        time.now += before

    costly, endless = time.rung("costly", 0.1), time.rung("endless")
    monkeypatch.setattr(ladder, "_COSTLY", frozenset({costly}))
    assert judged(sweeps, costly, endless, searches=(endless,))[0] == "UNDECIDED"
    assert time.asked.count("costly") == asked and time.now < max(20.5, before + 0.1)


def test_there_is_one_turn_where_time_is_not_short(time: Time, problem: Problem, judged: Callable[..., object]) -> None:
    short = time.rung("short", 0.01)
    assert judged(short, searches=(short,))[0] == "UNDECIDED"
    assert time.asked == ["short"] and time.now < 0.1
    assert problem.ended == "" and problem.clock.share == 1.0


def test_a_search_that_was_short_of_time_is_in_the_reason(time: Time, judged: Callable[..., object]) -> None:
    endless = time.rung("endless")
    assert judged(endless, searches=(endless,)) == ("UNDECIDED", "budget")


def test_a_judge_of_vectors_is_asked_again_where_it_was_short_of_time(
    time: Time, problem: Problem, judged: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds search nothing; what searches is asked in every turn."""
    endless, bounds = time.rung("endless"), time.rung("bounds", 0.1)
    monkeypatch.setattr(vector, "_along_directions", lambda limits: endless(limits.problem))
    monkeypatch.setattr(vector, "_by_bounds", lambda limits: bounds(limits.problem))
    assert judged(searches=()) == ("UNDECIDED", "budget")
    assert (time.asked.count("bounds"), time.asked.count("endless")) == (1, len(budget.SHARES))


def test_what_was_in_vain_for_want_of_time_is_not_in_vain(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directions for one vector, where none was open in the time of the first turn."""
    monkeypatch.setattr(membership, "first_order", lambda sweeps: None)
    sweeps, clock = Sweeps(an.trace(lambda v: np.abs(v).sum(), np.zeros(2)), np.zeros(2)), budget.Clock(0.0, 0.0)
    asked = Problem(sweeps, np.zeros(2), an.Budget(seconds=20), clock=clock)
    turns = clock.turns()
    next(turns)
    time.now = 2.0
    assert membership.nearest_mean(asked, np.zeros(2), np.zeros(2)) is None
    next(turns)
    assert membership.nearest_mean(asked, np.zeros(2), np.zeros(2)) is not None


def test_directions_are_proposed_as_long_as_there_is_time_and_once_where_none_can_be_open(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What proposes them takes time; where many switches stay open along two of them, more time changes nothing."""
    proposed: list[int] = []

    def directions(*args: object) -> Iterator[np.ndarray]:
        for number in range(100):
            proposed.append(number)
            yield np.ones(2)

    def shut(sweeps: Sweeps, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sweeps.signature(1.0), np.zeros(len(sweeps.alpha), bool)

    monkeypatch.setattr(membership, "first_order", lambda sweeps: None)
    monkeypatch.setattr(membership, "in_step", directions)
    monkeypatch.setattr(membership, "chosen_along", shut)
    monkeypatch.setattr(membership, "SAME", 1)
    sweeps, clock = Sweeps(an.trace(lambda v: np.abs(v).sum(), np.zeros(2)), np.zeros(2)), budget.Clock(0.0, 0.0)
    asked = Problem(sweeps, np.zeros(2), an.Budget(seconds=20), clock=clock)
    turns = clock.turns()
    for now, count in ((2.0, 0), (2.1, 2), (3.0, 2)):
        next(turns)
        time.now, clock.hurried = now, True
        assert membership.nearest_mean(asked, np.zeros(2), np.zeros(2)) is None
        assert len(proposed) == count


def test_no_direction_that_was_open_in_time_is_so_for_the_rest_of_the_turn(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks next has less time, for the same directions; another question has its own."""
    asked: list[str] = []

    def directions(*args: object) -> Iterator[np.ndarray]:
        asked.append("directions")
        time.now += 3.0
        yield np.ones(2)

    monkeypatch.setattr(membership, "first_order", lambda sweeps: None)
    monkeypatch.setattr(membership, "in_step", directions)
    monkeypatch.setattr(membership, "chosen_along", lambda sweeps, d: (sweeps.signature(1.0), np.zeros(2, bool)))
    sweeps = Sweeps(an.trace(lambda v: np.abs(v).sum(), np.zeros(2)), np.zeros(2))
    for count in (2, 4):
        clock = budget.Clock(time.now, time.now)
        problem, turns = Problem(sweeps, np.zeros(2), an.Budget(seconds=20), clock=clock), clock.turns()
        next(turns)
        assert membership.nearest_mean(problem, np.zeros(2), np.zeros(2)) is None and len(asked) == count - 1
        assert membership.nearest_mean(problem, np.ones(2), np.zeros(2)) is None and len(asked) == count - 1
        next(turns)
        assert membership.nearest_mean(problem, np.ones(2), np.zeros(2)) is None and len(asked) == count


def test_what_other_processes_do_counts_in_the_last_turn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In all others the whole time of the budget is over, or what this thread may work in them."""
    now = SimpleNamespace(wall=0.0, work=0.0)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now.wall, thread_time=lambda: now.work))
    tracker = budget.BudgetTracker(an.Budget(seconds=16), budget.Clock(0.0, 0.0, share=1 / 4))
    part = tracker.part()
    now.wall, now.work = 15.0, 1.0
    assert not tracker.late and not part.late
    now.work = 2.5
    assert not tracker.late and part.late
    now.wall = 16.5
    assert tracker.late
    last = budget.BudgetTracker(an.Budget(seconds=16), budget.Clock(0.0, 0.0))
    assert last.late and not budget.BudgetTracker(an.Budget(seconds=17), last.clock).late


def test_what_a_search_finds_in_part_is_looked_for_again_in_another_turn(time: Time, problem: Problem) -> None:
    """And what it has found stays as long as the turn."""
    turns = problem.clock.turns()
    next(turns)
    time.now = 2.0
    cut = problem.cells
    assert cut is not None and not cut.complete and problem.cells is cut and problem.clock.hurried
    next(turns)
    whole = problem.cells
    assert whole is not None and whole.complete and len(whole.cells) == 4 and problem.tracker.report == ""
    assert next(turns, "over") == "over"


@pytest.mark.parametrize(("needs", "searches"), [(0.01, 1), (1.0, 2)])
def test_what_is_found_in_time_serves_the_turns_behind_it(
    time: Time, problem: Problem, monkeypatch: pytest.MonkeyPatch, needs: float, searches: int
) -> None:
    """The first turn has 1.25 seconds, a search half of that."""
    asked = list[float]()

    def slow(sweeps: Sweeps, adjoints: object, late: Callable[[], bool]) -> list[object]:
        asked.append(time.now)
        while time.now < asked[-1] + needs:
            if late():
                return []
            time.now += 0.01
        return [(np.ones(2, bool), sweeps)]

    monkeypatch.setattr(problems, "separated", slow)
    found = []
    for _ in problem.clock.turns():
        found.append(len(problem.subproblems))
        assert len(problem.subproblems) == found[-1]
        assert problem.clock.hurried == (not found[-1])
        problem.clock.hurried = True
    assert len(asked) == searches
    assert found == [0] * (searches - 1) + [1] * (len(budget.SHARES) - searches + 1)
