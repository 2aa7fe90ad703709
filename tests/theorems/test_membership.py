"""Membership: convex weights over open cells."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal import Budget
from absnormal.clarke.fallback import direction
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import membership as module
from absnormal.theorems.membership import membership
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import variables
from .judge import case, cases, caught, never_wrong

x, y = variables(2)


def test_the_gradient_is_judged_not_the_slopes() -> None:
    """|x| - |2x|: slopes (1, -1) are no open signature and their gradient 3 is outside; (0, 0) gives 0, inside."""
    assert never_wrong(membership, case(abs(x) - abs(2 * x), [0], [1, -1])) is None
    assert never_wrong(membership, case(abs(x) - abs(2 * x), [0], 0)) is not None


def test_a_wrong_sign_at_a_zero_row_is_immaterial() -> None:
    assert never_wrong(membership, case(abs(x - x) + abs(y), [0, 0], [-1, 1])) is not None


def test_a_spent_budget_claims_nothing_wrong() -> None:
    a = case(abs(x) + abs(y) - abs(x + y), [0, 0], 0)
    problem = a.problem()
    small = Problem(problem.sweeps, problem.c, Budget(cells=1))
    proof = membership(small)
    assert proof is None or a.clarke


def test_all_signatures_in_the_place_of_open_ones_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from itertools import product

    def every(system, cells):  # type: ignore[no-untyped-def]
        return system.scaled.gradients(list(product((1, -1), repeat=system.k)))

    monkeypatch.setattr(module, "gradients", every)
    monkeypatch.setattr(module.ConvexWeights, "of", lambda *_: None)
    assert caught(membership, cases())


def test_weights_that_do_not_sum_to_one_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from absnormal.rational.linear_program import Feasible, solve

    def cone(points, g):  # type: ignore[no-untyped-def]
        answer = solve([[Fraction(a) for a in point] for point in points.tolist()], g)
        return (dict(enumerate(answer.x)), None) if isinstance(answer, Feasible) else (None, [])

    monkeypatch.setattr(module, "mean", cone)
    assert caught(membership, cases())


def test_the_evidence_is_convex_weights() -> None:
    proof = membership(case(abs(x), [0], 0).problem())
    assert isinstance(proof, Proof) and isinstance(proof.evidence, module.ConvexWeights)
    assert sum(proof.evidence.weights) == 1 and len(proof.evidence.cells) == 2


@pytest.mark.parametrize("listed", [True, False])
def test_every_entry_must_be_near(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """2.5 is no slope of |x|, whatever is left of the other entry."""
    if not listed:
        monkeypatch.setattr(module, "first_order", lambda sweeps: None)
    problem, slack = case(abs(x) + y, [0, 0], 0).problem(), np.full(2, 1e-12)
    assert module.nearest_mean(problem, np.array([2.5, 1.0]), slack) is None
    assert module.nearest_mean(problem, np.array([0.5, 1.0]), slack) is not None


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("precision", "found"), [(np.float64, True), (np.float32, False)])
def test_a_cell_is_open_beyond_the_rounding_of_values(
    monkeypatch: pytest.MonkeyPatch, listed: bool, precision: Any, found: bool
) -> None:
    """The row of |(cos x - 1 + 1e-7) y| is what single precision makes of 1 - 1."""
    if not listed:
        monkeypatch.setattr(module, "first_order", lambda sweeps: None)
    program, at = an.trace(lambda v: np.abs((np.cos(v[0]) - 1 + 1e-7) * v[1]), [0.0, 0.0]), np.zeros(2)
    problem = Problem(Sweeps(program, at, units=float(np.finfo(precision).eps)), np.ones(1), Budget(seconds=2))
    assert (module.nearest_mean(problem, np.array([0.0, 1e-7]), np.full(2, 1e-20)) is not None) == found


def test_many_switches_of_few_variables() -> None:
    """The sum of the least of the sizes of 40 residuals in three variables, all 0: orders and signs are very many."""
    rows = np.random.default_rng(0).standard_normal((40, 3))
    report = an.verify(lambda w: np.sort(np.abs(rows @ w))[:21].sum(), np.zeros(3), slope=-1)
    assert report and report.method == "membership"
    assert report.certificate is not None and report.certificate.check()


def test_directions_that_open_nothing_are_not_tried_for_another_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them depends on the vector as long as none is open; for other slopes others are tried."""
    tried: list[np.ndarray] = []

    def shut(sweeps: Sweeps, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tried.append(d)
        return sweeps.signature(1.0), np.zeros(len(sweeps.alpha), bool)

    monkeypatch.setattr(module, "first_order", lambda sweeps: None)
    monkeypatch.setattr(module, "chosen_along", shut)
    problem = case(abs(x) + abs(y), [0, 0], 0).problem()
    assert module.nearest_mean(problem, np.zeros(2), np.zeros(2)) is None
    count = len(tried)
    assert count and module.nearest_mean(problem, np.ones(2), np.zeros(2)) is None and len(tried) == count
    other = Problem(problem.sweeps, np.ones(2), Budget())
    assert module.nearest_mean(other, np.ones(2), np.zeros(2)) is None and len(tried) == 2 * count


def test_a_mean_that_comes_no_nearer_is_given_up_where_variables_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """2.5 in every entry is in no mean of signs, and few variables are looked at as long as there is time."""
    monkeypatch.setattr(module, "first_order", lambda sweeps: None)
    for count in (module._LOW, module._LOW + 1):
        program = an.trace(lambda v: np.abs(v).sum(), np.zeros(count))
        problem = Problem(Sweeps(program, np.zeros(count)), np.zeros(count), Budget(seconds=2))
        assert module.nearest_mean(problem, np.full(count, 2.5), np.zeros(count)) is None
        assert (problem.tracker.programs <= 2 * module._BATCH + 1) == (count > module._LOW)
    # Not again for a vector near by; for one that is far away, and in the set, it is looked for.
    tried = problem.tracker.programs
    assert module.nearest_mean(problem, np.full(count, 2.75), np.zeros(count)) is None
    assert problem.tracker.programs == tried
    assert module.nearest_mean(problem, np.sign(direction(count, 0)), np.zeros(count)) is not None
