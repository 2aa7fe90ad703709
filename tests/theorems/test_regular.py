"""Regular: one sign for all adjoints together."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import absnormal as an
from absnormal import trace
from absnormal.sweeps.bounds import curvatures, curvatures_of_one_sign
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import regular as module
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import adjoints, regular, regular_exactly

from ..oracle.expressions import max_list, maximum, minimum, relu, variables
from .generators import nests
from .judge import case, cases, caught, never_wrong, wrong

x, y, w = variables(3)


@pytest.mark.parametrize("rung", [regular, regular_exactly])
def test_one_sign_for_each_kink_is_not_one_sign(rung) -> None:  # type: ignore[no-untyped-def]
    """|x| - |x| = 0, and slopes (1, -1) give 2."""
    a = case(abs(x) - abs(x), [0], [1, -1])
    assert a.gradient == (2,) and not a.clarke
    assert never_wrong(rung, a) is None


@pytest.mark.parametrize("c", [-1, 0, 1])
def test_a_convex_function_of_many_ties_needs_no_likq(c: int) -> None:
    f = max_list(x + y, x - y, y - x, -x - y, 0) + abs(x) + abs(x + y) + relu(y)
    a = case(f, [0, 0], c)
    proof = never_wrong(regular, a)
    assert proof is not None and not a.oracle.likq


def test_a_concave_function() -> None:
    assert never_wrong(regular, case(minimum(x, y) - abs(x + y), [0, 0], 0)) is not None


def test_a_maximum_of_a_concave_kink_is_not_regular() -> None:
    a = case(maximum(-abs(x), y), [0, 0], [1, 0])
    assert never_wrong(regular, a) is None and never_wrong(regular_exactly, a) is None


def test_a_monotone_kink_keeps_the_sign_of_the_outer_one() -> None:
    """relu(relu(x)) is convex: spelled out in |.| the bound on the inner adjoint would change sign."""
    assert never_wrong(regular, case(relu(relu(x)) + relu(relu(x)), [0], 0)) is not None


def test_a_hinge_loss_with_thousands_of_ties() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(-3, 4, (2000, 5)).astype(float)
    report = an.verify(lambda v: np.maximum(1 - data @ v - 1, 0).mean(), np.zeros(5), slope=0.3)
    assert (report.verdict.name, report.method) == ("CLARKE", "regular")
    assert report.certificate is not None and report.certificate.check()


def test_mixed_signs_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def each_its_own(system):  # type: ignore[no-untyped-def]
        seen = [set() for _ in range(system.k)]
        for sigma in product((1, -1), repeat=system.k):
            for j, value in enumerate(adjoints(system, sigma, system.weights[0])):
                seen[j].add(np.sign(float(value)))
        return int(all(len(signs - {0.0}) <= 1 for signs in seen))

    monkeypatch.setattr(module, "definite_sign", each_its_own)
    assert wrong(regular_exactly, case(abs(x) - abs(2 * x), [0], [1, -1]))


def test_adjoints_at_slope_zero_only_are_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.relevant
        if system is None or len({w > 0 for w in system.weights[0] if w}) > 1:
            return None
        return Proof("regular", True, "", "")

    assert caught(broken, cases(nests()))


def test_the_sweep_ends_where_no_sign_is_left_and_only_there() -> None:
    """One adjoint of either sign behind more of the other; where rows that are zero have the one, all are bounded."""

    def mixed(v: np.ndarray) -> np.ndarray:
        return np.abs(np.abs(v[:3])).sum() - np.abs(v[3])

    def zero(v: np.ndarray) -> np.ndarray:
        return np.abs(v[:3]).sum() - np.abs(0 * v[3])

    for f, decided in ((mixed, False), (zero, True)):
        sweeps = Sweeps(trace(f, np.zeros(4)), np.zeros(4))
        found, whole = curvatures_of_one_sign(sweeps), curvatures(sweeps)
        assert (found is not None) == decided
        assert len(whole.lower) == len(sweeps.alpha) and (whole.lower < 0).any() and (whole.upper > 0).any()
