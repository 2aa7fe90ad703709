"""Branch and bound: verdicts without a list of cells, and trees that prove them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates import checker
from absnormal.certificates.certificate import Certificate, certificate_of
from absnormal.clarke import branching
from absnormal.clarke.branching import Branching
from absnormal.clarke.budget import Budget
from absnormal.clarke.cells import gradients, open_cells
from absnormal.rational.alternative import mean
from absnormal.rational.linear_algebra import dot
from absnormal.theorems import branch_and_bound as module
from absnormal.theorems.branch_and_bound import ByBranching, branch_and_bound
from absnormal.theorems.problem import Problem

from .generators import nests
from .judge import Case, cases, fuzz, never_wrong, problem


@pytest.fixture(autouse=True)
def nothing_is_listed() -> Iterator[None]:
    """However few cells there are."""
    before, module.LISTED = module.LISTED, 0
    yield
    module.LISTED = before


@fuzz(12)
@given(st.one_of(cases(), cases(soft=True), cases(source=nests())))
def test_it_decides_whatever_is_explicit(a: Case) -> None:
    proof = never_wrong(branch_and_bound, a)
    system = a.problem().relevant
    assert proof is not None or system is None or not system.explicit or not system.k


@fuzz(12)
@given(st.one_of(cases(), cases(source=nests())))
def test_certificates_check_and_survive_json(a: Case) -> None:
    proof = branch_and_bound(a.problem())
    if proof is not None:
        certificate = _certificate(a.problem(), proof)
        assert certificate.check()
        assert Certificate.from_json(certificate.to_json()).check()


def _certificate(problem: Problem, proof: Any) -> Certificate:
    class Reported:
        verdict = an.Verdict.CLARKE if proof.clarke else an.Verdict.NOT_CLARKE
        fallback = None

    Reported.proof, Reported.problem = proof, problem  # type: ignore[attr-defined]
    found = certificate_of(Reported())  # type: ignore[arg-type]
    assert found is not None
    return found


def layer(k: int, width: int, seed: int, whole: bool = False) -> tuple[Any, Any]:
    """sum_i b_i |r_i . x|, with weights of both signs, at 0."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-3, 4, (k, width)).astype(float) if whole else rng.standard_normal((k, width))
    weights = rng.integers(-2, 3, k).astype(float)
    return lambda x: weights @ np.abs(rows @ x), np.zeros(width)


def deep(first: int, second: int, width: int, seed: int) -> tuple[Any, Any]:
    """Two layers of |.|, at 0."""
    rng = np.random.default_rng(seed)
    rows, between = rng.integers(-2, 3, (first, width)), rng.integers(-1, 2, (second, first))
    across, weights = rng.integers(-1, 2, (second, width)), rng.integers(-2, 3, second)
    return lambda x: weights @ np.abs(between @ np.abs(rows @ x) + across @ x), np.zeros(width)


FUNCTIONS = [
    *(layer(14, 3, seed) for seed in range(4)), *(layer(12, 4, seed, True) for seed in range(4)),
    *(deep(4, 3, 3, seed) for seed in range(8)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
@pytest.mark.parametrize("slope", [-1.0, 0.5])
def test_it_says_what_the_list_of_all_cells_says(number: int, slope: float) -> None:
    asked = problem(*FUNCTIONS[number], slope)
    system = asked.relevant
    assert system is not None
    listed = open_cells(system, Budget().start())
    assert listed.complete
    goal = system.scaled.target(system.gradient(asked.slopes_in(system)))
    weights, _ = mean(gradients(system, listed.cells), goal)
    proof = branch_and_bound(asked)
    assert proof is not None and proof.clarke == (weights is not None)


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
@pytest.mark.parametrize("slope", [-1.0, 1.0, 0.5])
def test_cones_that_are_larger_than_they_should_be_prove_the_same(
    number: int, slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cones that are not cut once they have three rays: what is left of them is seen by Gordan's alternative."""
    asked = problem(*FUNCTIONS[number], slope)
    expected = branch_and_bound(asked)
    monkeypatch.setattr(branching, "_RAYS", 3)
    proof = branch_and_bound(asked)
    assert proof is not None and expected is not None and proof.clarke == expected.clarke
    assert _certificate(asked, proof).check()


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
@pytest.mark.parametrize("rays", [1500, 3])
def test_a_search_finds_the_largest_value_or_shows_that_there_is_none(
    number: int, rays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branching, "_RAYS", rays)
    system = problem(*FUNCTIONS[number], 0.0).relevant
    assert system is not None
    points = gradients(system, open_cells(system, Budget().start()).cells)
    for seed in range(2):
        v = np.random.default_rng(seed).integers(-9, 10, system.width).tolist()
        most = max(dot([Fraction(a) for a in v], point) for point in points.tolist())
        found = Branching(system.scaled, v, most, Budget().start()).run()
        assert isinstance(found, np.ndarray)
        search = Branching(system.scaled, v, most + 1, Budget().start())
        assert isinstance(search.run(), list)
        assert search.largest <= most


@given(st.integers(0, 10**6))
def test_the_bound_of_a_node_is_one_of_all_its_leaves(seed: int) -> None:
    """Kinks inside of kinks, some signs of which are chosen: against all choices of the others."""
    random, count = np.random.default_rng(seed), 5
    couplings = np.tril(random.integers(-2, 3, (count, count)), -1)
    scaled: Any = SimpleNamespace(
        rows=random.integers(-3, 4, (count, 3)), couplings=couplings, weights=random.integers(-2, 3, (1, count)))
    search = Branching(scaled, random.integers(-3, 4, 3).tolist(), Fraction(0), Budget().start())

    def value(signs: tuple[int, ...]) -> int:
        along = [int(a) for a in search._along]
        for i in range(count):
            along[i] += sum(int(couplings[i, j]) * signs[j] * along[j] for j in range(i))
        return sum(int(w) * s * a for w, s, a in zip(scaled.weights[0], signs, along, strict=True))

    chosen = random.integers(-1, 2, count)
    leaves = [signs for signs in product((-1, 1), repeat=count)
              if all(own in (0, sign) for own, sign in zip(chosen.tolist(), signs, strict=True))]
    assert search.bound(chosen)[0] >= max(map(value, leaves))
    assert search.bound(np.array(leaves[0]))[0] == value(leaves[0])


def test_a_tree_that_is_changed_proves_nothing() -> None:
    for number in (0, 4, 9):
        f, x = FUNCTIONS[number]
        for slope in (-1.0, 1.0, 0.5):
            asked = problem(f, x, slope)
            proof = branch_and_bound(asked)
            assert proof is not None
            if isinstance(proof.evidence, ByBranching):
                data = _certificate(asked, proof).data
                assert checker.check(data)
                for changed in _changed(data):
                    assert not _holds(changed)


def _changed(data: Any) -> Iterator[Any]:
    tree = data["tree"]
    yield {**data, "separator": [f"-{a}".replace("--", "") for a in data["separator"]]}
    yield {**data, "separator": ["0" for _ in data["separator"]]}
    yield {**data, "tree": tree[:-1]}
    yield {**data, "tree": [*tree, -1]}
    yield {**data, "tree": [-1]}
    yield {**data, "tree": []}
    for i, item in enumerate(tree):
        if isinstance(item, list):
            for other in ([], [[j, 0] for j, _ in item], item[1:], [[j, -w] for j, w in item],
                          [[j, w + (place == 0)] for place, (j, w) in enumerate(item)]):  # fmt: skip
                yield {**data, "tree": [*tree[:i], other, *tree[i + 1 :]]}
        elif item >= 0:
            # The switch is chosen twice on a way, or the sides are exchanged.
            yield {**data, "tree": [*tree[:i], item, item, -1, *tree[i + 1 :]]}


def _holds(data: Any) -> bool:
    try:
        return checker.check(data)
    except ValueError:
        return False


def test_blocks_are_decided_one_by_one() -> None:
    """Two layers in variables of their own, one of which is wrong."""
    (f, x), (g, y) = layer(12, 3, 5), layer(12, 3, 6)
    alone = [branch_and_bound(problem(*one, -1.0)) for one in ((f, x), (g, y))]
    both = branch_and_bound(problem(lambda v: f(v[:3]) + g(v[3:]), np.zeros(6), -1.0))
    assert both is not None and all(proof is not None for proof in alone)
    assert both.clarke == all(proof.clarke for proof in alone if proof is not None)
    assert _certificate(problem(lambda v: f(v[:3]) + g(v[3:]), np.zeros(6), -1.0), both).check()


@pytest.mark.parametrize("first", [1, 5])
def test_a_direction_of_one_block_moves_no_other(first: int) -> None:
    """Two layers whose rows are independent, though they share their variables."""
    (f, _), (g, _) = layer(12, 3, first), layer(12, 3, first + 1)
    shared = problem(lambda v: f(v[:3] + v[3:]) + g(v[3:]), np.zeros(6), -1.0)
    proof = branch_and_bound(shared)
    assert proof is not None and proof.clarke is (first == 5)
    assert _certificate(shared, proof).check()


@pytest.mark.parametrize("slope", [-1.0, 1.0])
def test_a_hidden_layer_without_biases_on_a_batch(slope: float) -> None:
    """128 kinks, 32 in each unit's five weights: 73,000 cells each."""
    rng = np.random.default_rng(0)
    data, y, head = rng.standard_normal((32, 5)), rng.standard_normal(32), rng.standard_normal(4)

    def loss(w: Any) -> Any:
        return np.abs(np.maximum(data @ w.reshape(5, 4), 0) @ head - y).mean()

    report = an.verify(loss, np.zeros(20), slope=slope)
    assert report.verdict is not an.Verdict.UNDECIDED
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    assert json.loads(certificate.to_json())["claim"] == report.verdict.name


@pytest.mark.slow
@pytest.mark.parametrize("slope", [-1.0, 1.0])
def test_pairs_that_are_sorted_are_one_kink(slope: float) -> None:
    """MaxMin on a batch: a maximum and a minimum of each pair kink on one set, with weights of both signs."""
    rng = np.random.default_rng(1)
    data, y, head = rng.standard_normal((36, 4)), rng.standard_normal(36), rng.standard_normal(4)

    def loss(w: Any) -> Any:
        h = data @ w.reshape(4, 4)
        a, b = h[:, ::2], h[:, 1::2]
        return np.abs(np.concatenate([np.maximum(a, b), np.minimum(a, b)], axis=1) @ head - y).mean()

    report = an.verify(loss, np.zeros(16), slope=slope, budget=an.Budget(seconds=60))
    assert report.verdict is not an.Verdict.UNDECIDED
    assert report.certificate is not None and report.certificate.check()


def test_the_budget_is_kept() -> None:
    f, x = layer(60, 12, 0)
    before = time.process_time()
    report = an.verify(f, x, slope=-1.0, budget=an.Budget(seconds=0.3))
    assert time.process_time() - before < 1.2 * 0.3 + 0.5
    assert report.verdict is an.Verdict.CLARKE or "budget" in report.proof.reason


def test_a_gap_within_rounding_separates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [(f, x, slope) for f, x in FUNCTIONS[:4] for slope in (1.0, -1.0)]
    refuted = [one for one in asked if (proof := branch_and_bound(problem(*one))) is not None and not proof.clarke]
    assert refuted
    monkeypatch.setattr(module, "margin", lambda problem, system, v, whole: Fraction(10**30))
    assert not any(branch_and_bound(problem(*one)) for one in refuted)
