"""Independent parts: thousands of switches that share no input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active import subproblems, system
from absnormal.certificates.certificate import Certificate
from absnormal.judgement.ladder import decide
from absnormal.theorems.independent_subproblems import independent_subproblems

from ..oracle.expressions import Expr, Var, copy, variables
from ..oracle.strategies import programs
from .judge import Case, case, cases, caught, fuzz, never_wrong

x, y = variables(2)


def relu(u: Any) -> Any:
    return np.maximum(u, 0.0)


@pytest.fixture
def nothing_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No system is small enough, so that all switches are taken part by part."""
    monkeypatch.setattr(system, "_LARGEST", 0)


@st.composite
def side_by_side(draw: st.DrawFn) -> tuple[Expr, Any]:
    """The sum of two programs in variables of their own."""
    (first, a), (second, b) = (draw(programs(max_vars=2, max_active=3)) for _ in range(2))

    def moved(node: Expr) -> Expr:
        return Var(node.index + len(a)) if isinstance(node, Var) else node

    return first + copy(second, moved), (*a, *b)


@pytest.mark.slow
@fuzz(30)
@given(cases(source=side_by_side()))
def test_never_wrong(a: Case) -> None:
    many, system._LARGEST = system._LARGEST, 0
    try:
        proof = never_wrong(independent_subproblems, a)
        full, _ = decide(a.problem())
    finally:
        system._LARGEST = many
    assert full is None or full.clarke == a.clarke
    if proof is not None:
        report = an.verify(a.function, a.point, slope=a.slopes)
        assert report.verdict.name == ("CLARKE" if a.clarke else "NOT_CLARKE")


@fuzz(12)
@given(cases(source=side_by_side()))
def test_certificates_check_and_survive_json(a: Case) -> None:
    many, system._LARGEST = system._LARGEST, 0
    try:
        report = an.verify(a.function, a.point, slope=a.slopes)
        certificate = report.certificate
    finally:
        system._LARGEST = many
    if certificate is not None and certificate.kind == "independent parts":
        assert certificate.check()
        assert Certificate.from_json(certificate.to_json()).check()


@pytest.mark.parametrize(("slope", "clarke"), [(-1, False), (0, True), (0.5, False), (1, False)])
@pytest.mark.parametrize("n", [100, 1000])
def test_pairs_of_opposite_kinks(n: int, slope: float, clarke: bool) -> None:
    report = an.verify(lambda v: np.sum(relu(v) - relu(-v)), np.zeros(n), slope=slope)
    assert report.verdict is (an.Verdict.CLARKE if clarke else an.Verdict.NOT_CLARKE)
    assert report.certificate.check()


def triples(v: Any) -> Any:
    """relu(a + b) - relu(a) - relu(b) for pairs of inputs: three kinks in a plane."""
    a, b = v[::2], v[1::2]
    return np.sum(relu(a + b) - relu(a) - relu(b)) + np.sum(v * v)


#: Of each triple the mean of the cells a > 0 > b and b > 0 > a with a + b > 0.
MEAN = np.repeat([1.0, 0.0, 0.0], 100)


def test_one_wrong_triple_among_many() -> None:
    slopes = np.zeros(300)
    slopes[[7, 107, 207]] = -1, 1, 1
    report = an.verify(triples, np.zeros(200), slope=slopes)
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert "z7" in report.proof.reason
    right = an.verify(triples, np.zeros(200), slope=MEAN)
    assert right.verdict is an.Verdict.CLARKE and right.method == "componentwise"
    assert right.certificate.check()


def test_parts_that_share_an_input_are_one_part(nothing_fits: None) -> None:
    assert never_wrong(independent_subproblems, case(abs(x) - abs(x + abs(y)), [0, 0], 0)) is None


def test_a_forged_part_is_refused() -> None:
    report = an.verify(triples, np.zeros(200), slope=MEAN)
    certificate = report.certificate
    data = dict(certificate.data)
    parts, systems = list(data["parts"]), list(data["systems"])
    assert certificate.check() and len(parts) == len(systems) == 100

    def holds(**changes: Any) -> bool:
        forged = replace(certificate, data={**data, **changes})
        try:
            return forged.check() or replace(forged, witness=None).check()
        except ValueError:
            return False

    assert not holds(parts=parts[1:])
    assert not holds(parts=[None, *parts[1:]])
    assert not holds(systems=[*systems[1:], systems[1]], parts=[*parts[1:], parts[1]])
    other = {**systems[0], "slopes": ["-1", "1", "1"]}
    assert not holds(systems=[other, *systems[1:]])
    # What is left is a true statement about another function, and not about this program.
    assert not replace(certificate, data={**data, "systems": systems[:99], "parts": parts[:99]}).check()


def test_parts_taken_apart_too_far_are_caught(monkeypatch: pytest.MonkeyPatch, nothing_fits: None) -> None:
    monkeypatch.setattr(
        subproblems, "_apart",
        lambda found, switches: [([i], found.generators) for i in switches if not _coupled(found, i)],
    )
    assert caught(independent_subproblems, cases(), 2000)


def _coupled(found: Any, switch: int) -> bool:
    return any(key[0] == "abs" for key in found.z[switch].terms)


def test_cells_along_directions_that_separate_need_no_list() -> None:
    """A layer without biases: each unit has more cells than the budget allows to list."""
    rng = np.random.default_rng(5)
    rows, signs = np.rint(4 * rng.standard_normal((24, 4))), rng.choice([-1.0, 1.0], 24)

    def f(w: Any) -> Any:
        return (relu(w.reshape(3, 4) @ rows.T) * signs).sum(axis=1) @ np.array([1.0, -2.0, 0.5])

    report = an.verify(f, np.zeros(12), slope=1, budget=an.Budget(cells=20))
    assert report and report.method == "componentwise"
    assert report.certificate is not None and report.certificate.check()


def warped(a: Any, b: Any) -> Any:
    """Dynamic time warping of two sequences."""
    cost = np.abs(a[:, None] - b[None])
    best = {(-1, -1): 0.0}
    for i in range(len(a)):
        for j in range(len(b)):
            before = [best[at] for at in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if at in best]
            least = before[0]
            for other in before[1:]:
                least = np.minimum(least, other)
            best[i, j] = cost[i, j] + least
    return best[len(a) - 1, len(b) - 1]


@pytest.mark.parametrize(("beside", "verdict"), [
    (lambda y: np.abs(y[0]) - np.abs(y[0] + np.abs(y[1]) / 2) - np.abs(y[1]), "CLARKE"),
    (lambda y: 2 * np.abs(y[0]) - np.abs(2 * y[0] + np.abs(y[0])) + np.abs(y[1]), "NOT_CLARKE"),
])  # fmt: skip
def test_a_part_with_too_many_cells_is_proved_by_its_even_part(beside: Any, verdict: str) -> None:
    """Nothing holds of both parts: one of them has no even part, and the other has more cells than can be listed."""
    report = an.verify(lambda x: warped(x[:6], x[6:12]) + beside(x[12:]), np.zeros(14), slope=0)
    assert report.verdict.name == verdict and report.certificate is not None
    assert report.certificate.kind == "independent parts" and report.certificate.check()
    assert Certificate.from_json(report.certificate.to_json()).check()


def test_a_part_with_too_many_cells_is_proved_by_its_adjoints() -> None:
    """A maximum of sums of sizes, with slopes between, beside a part that is neither convex nor symmetric."""
    rows = np.rint(4 * np.random.default_rng(3).standard_normal((70, 6)))

    def f(x: Any) -> Any:
        return np.abs(rows @ x[:6]).sum() + 2 * np.abs(x[6]) - np.abs(2 * x[6] + np.abs(x[6]))

    slopes = np.r_[np.linspace(-0.9, 0.9, 70), np.zeros(3)]
    assert an.verify(f, np.zeros(7), slope=slopes).verdict is an.Verdict.NOT_CLARKE
    report = an.verify(f, np.zeros(7), slope=np.r_[slopes[:70], np.ones(3)])
    assert report and report.certificate is not None and report.certificate.check()
