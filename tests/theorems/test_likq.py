"""LIKQ: independent base rows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates.witness import Witness
from absnormal.rational.linear_algebra import dot, rank
from absnormal.rational.modular import independent, integers
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.likq import decide, likq
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import relu, variables
from .judge import case, cases, caught, fuzz, never_wrong

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


def at_the_origin(matrix: np.ndarray) -> Problem:
    """|.| of the rows, added with both signs."""
    weights, origin = np.where(np.arange(len(matrix)) % 2, 1.0, -1.0), np.zeros(matrix.shape[1])
    program = an.trace(lambda v: np.abs(matrix @ v) @ weights, origin)
    return Problem(Sweeps(program, origin), np.full(len(matrix), 0.5), an.Budget())


@pytest.mark.parametrize("count", [80, 300])
def test_hundreds_of_rows_modulo_a_prime(count: int) -> None:
    """Integer rows that no singular value tells from dependent ones: the last pair differs by 1 in 2^48."""
    rng = np.random.default_rng(count)
    matrix = rng.integers(-4, 5, (count, count + 40)).astype(float)
    matrix[-1] = 2.0**48 * matrix[0]
    matrix[-1, -1] += 1.0
    problem = at_the_origin(matrix)
    assert problem.system is None and likq(problem) is None
    report = an.verify(problem.sweeps.program, np.zeros(count + 40), slope=0.5)
    assert (report.verdict.name, report.method, report.likq) == ("CLARKE", "likq", True)
    assert report.proof.arithmetic == "rational"
    assert report.certificate is not None and report.certificate.check()
    short = Witness(at_the_origin(np.vstack([matrix[:-1], matrix[0]])).sweeps, np.full(count, 0.5))
    assert not replace(report.certificate, witness=short, program=short.digest).check()


@pytest.mark.slow
@pytest.mark.parametrize("count", [80, 300])
def test_hundreds_of_dependent_rows(count: int) -> None:
    rng = np.random.default_rng(count)
    matrix = rng.integers(-4, 5, (count, count + 40)).astype(float)
    matrix[-1] = 3 * matrix[0] - 5 * matrix[count // 2] + matrix[7] / 2
    assert decide(at_the_origin(matrix))[0] is False


def test_rows_that_rounding_touches_are_left_alone() -> None:
    matrix = np.random.default_rng(0).standard_normal((80, 90))
    matrix[-1] = matrix[0] * 3 + matrix[1]
    assert decide(at_the_origin(matrix))[0] is None


# Columns that collide in the first sketch.
@example([[1, 0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 1]], False)
@fuzz(75)
@given(
    st.lists(st.lists(st.sampled_from((0, 0, 1, -1, 2, -3)), min_size=7, max_size=7), min_size=1, max_size=7),
    st.booleans(),
)
def test_rank_modulo_a_prime_against_rationals(rows: list[list[int]], wide: bool) -> None:
    matrix = np.array(rows) if not wide else np.array(rows) @ np.arange(-70, 70).reshape(7, 20)[:, ::-1]
    held, weights = independent(matrix)
    exact = [[Fraction(int(v)) for v in row] for row in matrix]
    assert held == (rank(exact) == len(exact))
    if held is False:
        assert any(weights) and not any(dot(weights, list(column)) for column in zip(*exact, strict=True))


def test_floats_as_integers() -> None:
    rows = np.array([[0.5, -1.5, 0.0], [2.0**60, 2.0**61, 0.0], [0.0, 0.0, 0.0]])
    assert integers(rows).tolist() == [[1, -3, 0], [1, 2, 0], [0, 0, 0]]
    assert integers(np.array([[1.0, 2.0**-60]])) is None
    assert integers(np.array([[np.inf]])) is None


def test_a_rank_that_is_one_short_is_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.system
        if system is None or rank(system.rows) < system.k - 1:
            return None
        return Proof("likq", True, "", "")

    assert caught(broken, cases())
