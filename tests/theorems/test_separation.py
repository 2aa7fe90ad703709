"""Separation: negative verdicts, and where none may be given."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active import system as systems
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.components import admissible
from absnormal.rational.linear_program import convex_weights
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import by_component, from_all_slopes, separation

from ..oracle.expressions import relu, variables
from .judge import case, cases, caught, never_wrong, wrong

x, y = variables(2)
RUNGS = (separation, by_component, from_all_slopes)


def test_relu_minus_relu() -> None:
    a = case(relu(x) - relu(-x), [0], -1)
    proof = never_wrong(separation, a)
    assert proof is not None


def _factor_of_a_kink(v: Any) -> Any:
    """z1 = (1 + x) x, z2 = x, z3 = y, z4 = |z3| + |z1| - |z2|: |z1| - |z2| = x |x| near 0, and z4 < 0 is missed."""
    return np.abs(np.abs(v[1]) + np.abs((1 + v[0]) * v[0]) - np.abs(v[0]))


def _parabola(v: Any) -> Any:
    """z1 = y, z2 = |y| - x^2: z2 < 0 near 0 is missed by the linearization."""
    return np.abs(np.abs(v[1]) - v[0] ** 2)


@pytest.mark.parametrize("f", [_factor_of_a_kink, _parabola])
def test_cells_outside_hypothesis_e_prove_nothing_negative(f: Any) -> None:
    """Slopes of the missed cell give limiting gradients of f: NOT_CLARKE would be wrong."""
    count = an.trace(f, [0.0, 0.0]).s
    for signs in product((-1.0, 1.0), repeat=count):
        report = an.verify(f, [0.0, 0.0], slope=np.array(signs))
        missed = an.gradient(f, [0.0, 0.0], np.array(signs))
        if abs(missed[1]) <= 1 and missed[0] == 0:
            assert report.verdict.name != "NOT_CLARKE", (signs, report.proof)
    for g in ([0.0, -1.0], [0.0, 1.0], [0.0, 0.0]):
        assert an.verify(f, [0.0, 0.0], gradient=g).verdict.name != "NOT_CLARKE"


def test_a_leaf_behind_a_kink_carries_couplings() -> None:
    """|exp(|x| - |x| + y) + w - 1|: the kinks of x reach the outer switch through exp only."""

    def f(v: Any) -> Any:
        return np.abs(np.exp(np.abs(v[0]) - np.abs(v[0]) + v[1]) + v[2] - 1)

    for signs in product((-1.0, 0.0, 1.0), repeat=3):
        report = an.verify(f, [0.0, 0.0, 0.0], slope=np.array(signs))
        inside = report.gradient[0] == 0
        assert report.verdict.name != ("NOT_CLARKE" if inside else "CLARKE"), (signs, report.proof)


def test_smooth_outer_functions_change_nothing() -> None:
    def f(v: Any) -> Any:
        return np.exp(np.maximum(v[0], 0) - np.maximum(-v[0], 0)) * 3

    report = an.verify(f, [0.0], slope=-1)
    assert report.verdict.name == "NOT_CLARKE"
    assert report.certificate is not None and report.certificate.check()


def test_product_cells_across_coupled_components_are_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.relevant
        found = None if system is None else admissible(system, BudgetTracker(problem.budget))
        if system is None or found is None:
            return None
        points = []
        for choice in product(*(part.cells.cells for part in found)):
            sigma = [0] * system.k
            for part, cell in zip(found, choice, strict=True):
                for i, s in zip(part.members, cell.signature, strict=True):
                    sigma[i] = s
            points.append(system.gradient(sigma))
        _, v = convex_weights(points, system.gradient(problem.slopes_in(system)))
        return None if v is None else Proof("separation", False, "", "")

    a = case(abs(x) - abs(x - abs(y)) - abs(x) / 2, [0, 0], [Fraction(-1, 2), -1, -1, -1])
    assert wrong(broken, a)


def test_leaves_behind_kinks_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "_any_depends_on_a_kink", lambda sweeps, leaves: False)
    with pytest.raises(AssertionError):
        test_a_leaf_behind_a_kink_carries_couplings()


def test_an_incomplete_list_is_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system, cells = problem.relevant, problem.cells
        if system is None or cells is None:
            return None
        points = [system.gradient(cell.signature) for cell in cells.cells[:2]]
        _, v = convex_weights(points, system.gradient(problem.slopes_in(system)))
        return None if v is None else Proof("separation", False, "", "")

    assert caught(broken, cases())
