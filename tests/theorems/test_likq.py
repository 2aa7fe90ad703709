"""LIKQ: independent base rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given

import absnormal as an
from absnormal.exact.linear_algebra import rank
from absnormal.theorems.likq import decide, likq
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import relu, variables
from .generators import network_cases
from .judge import Case, case, cases, caught, fuzz, never_wrong

x, y = variables(2)


def test_a_zero_row_fails_likq_by_its_definition() -> None:
    a = case(abs(x - x) + abs(y), [0, 0], 1)
    assert decide(a.problem())[0] is False and not a.oracle.likq


def test_opposite_rows() -> None:
    a = case(relu(x) - relu(-x), [0], -1)
    assert never_wrong(likq, a) is None and not a.clarke


def test_rows_that_are_independent_only_beyond_rounding_count() -> None:
    """(1, 1) and (1, 1 + 2^-52): computed derivatives cannot be told apart."""
    tiny = float(np.finfo(float).eps)
    report = an.verify(lambda v: np.abs(np.sinh(v[0]) + v[1]) - np.abs(np.sinh(v[0]) + (1 + tiny) * v[1]), [0.0, 0.0])
    assert report.likq is not False


def test_independent_rows_of_many_switches_in_floats() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((90, 100))
    report = an.verify(lambda v: np.abs(matrix @ np.tanh(v)) @ np.linspace(-1, 1, 90), np.zeros(100), slope=0.5)
    assert (report.verdict.name, report.method) == ("CLARKE", "likq")
    assert report.certificate is not None and report.certificate.check()


@fuzz(80)
@given(cases())
def test_the_definition(a: Case) -> None:
    assert decide(a.problem())[0] == a.oracle.likq
    never_wrong(likq, a)


@fuzz(50)
@given(cases(soft=True))
def test_the_definition_with_smooth_maps_between(a: Case) -> None:
    assert decide(a.problem())[0] in (None, a.oracle.likq)
    never_wrong(likq, a)


@fuzz(40)
@given(network_cases())
def test_the_definition_on_networks(a: Case) -> None:
    assert decide(a.problem())[0] == a.oracle.likq
    never_wrong(likq, a)


def test_a_rank_that_is_one_short_is_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.system
        if system is None or rank(system.rows) < system.k - 1:
            return None
        return Proof("likq", True, "", "")

    assert caught(broken, cases())
