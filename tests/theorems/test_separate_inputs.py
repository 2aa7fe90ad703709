"""Separate inputs: sets of switches that are functions of inputs of their own, each judged for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active import separate as separation_of_inputs
from absnormal.active.separate import Separate
from absnormal.frontends.meanings import order
from absnormal.judgement.ladder import in_subproblems
from absnormal.judgement.vector import Limits
from absnormal.judgement.vector_by_subproblems import by_subproblems
from absnormal.sweeps.dependence import Dependence
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

from .judge import FACTOR, Case, cases, caught, fuzz, never_wrong
from .test_independent_subproblems import side_by_side
from .test_sorts import member


def straight(u: Any) -> Any:
    """The sum of u, by kinks that cancel."""
    return np.sum(np.maximum(u, 0.0) - np.maximum(-u, 0.0))


@pytest.mark.slow
@fuzz(12)
@given(cases(source=side_by_side()), st.booleans())
def test_never_wrong(a: Case, soft: bool) -> None:
    proof = never_wrong(in_subproblems, a)
    if proof is not None:
        report = an.verify(a.function, a.point, slope=a.slopes)
        assert report.verdict.name == ("CLARKE" if a.clarke else "NOT_CLARKE")


def kinked(rng: np.random.Generator) -> Callable[[Any], Any]:
    """A piecewise-linear function of two inputs with dependent kinks, one of which may lie behind another."""
    a, w, kind = rng.integers(-2, 3, (3, 2)), rng.integers(-2, 3, 3), rng.integers(0, 3)

    def g(x: Any) -> Any:
        u = x @ a.T
        if kind == 0:
            return (abs(u) * w).sum()
        if kind == 1:
            return abs(u[0] - abs(u[1])) * w[0] + np.maximum(u[2], 0 * u[0]) * w[1]
        return np.maximum(u[0], u[1]) * w[0] - np.maximum(u[2], 0 * u[0]) * w[1] + np.maximum(-u[2], 0 * u[0]) * w[2]

    return g


def sampled(f: Callable[[Any], Any], n: int) -> list[list[Fraction]]:
    """The gradients of f, which is piecewise linear with integers for coefficients, at points far from its kinks."""
    rng, found = np.random.default_rng(0), set()
    for _ in range(300):
        x = np.round(rng.standard_normal(n) * 10.0 ** rng.integers(2, 6, n))
        sides = [tuple(sign * (f(x + sign * unit) - f(x)) for unit in np.eye(n)) for sign in (1, -1)]
        found |= {sides[0]} if sides[0] == sides[1] else set()
    return [[*map(Fraction, g)] for g in found]


@pytest.mark.slow
@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
def test_sorts_beside_other_kinks(slope: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sorted, and what stands beside it, are held against exact gradients of each."""
    monkeypatch.setattr(order, "STABLE", 2)
    kinds = set()
    for seed in range(24 * FACTOR):
        f, g = np.sort, kinked(np.random.default_rng(seed))
        w = np.random.default_rng(seed).integers(-2, 3, 3)
        report = an.verify(lambda x, f=f, g=g, w=w: f(x[:3]) @ w - g(x[3:]), np.zeros(5), slope=slope)
        if report.verdict is not an.Verdict.UNDECIDED:
            kinds.add(report.proof.evidence.kind)
            found = np.asarray(report.gradient)
            first = member(found[:3], sampled(lambda x, w=w: np.sort(x) @ w, 3))
            assert bool(report) == (first and member(-found[3:], sampled(g, 2))), seed
            assert report.certificate.check()
    assert kinds & {"separate inputs", "apart in separate inputs"}


WEIGHTS = np.random.default_rng(0).integers(-4, 5, 200).astype(float)


def sorted_beside(x: Any, xp: Any = np) -> Any:
    """A sort of 200 ties, with kinks of another input whose sum is smooth."""
    ordered = torch.sort(x[:200])[0] if xp is torch else xp.sort(x[:200])
    zero = 0 * x[200]
    return ordered @ xp.asarray(WEIGHTS) - xp.maximum(x[200], zero) + xp.maximum(-x[200], zero)


@pytest.mark.parametrize(("slope", "clarke"), [(-1, False), (0, True), (1, False)])
def test_a_sort_beside_kinks_that_cancel(slope: float, clarke: bool) -> None:
    report = an.verify(sorted_beside, np.zeros(201), slope=slope)
    assert report.verdict is (an.Verdict.CLARKE if clarke else an.Verdict.NOT_CLARKE)
    assert report.certificate.check()
    assert not clarke or report.method == "separate inputs"
    assert clarke or "d[200]" in report.explanation


@pytest.mark.parametrize("n", [40, 3000])
def test_one_maximum_minus_another(n: int) -> None:
    """Kinks of both signs, whose rows are independent: that is seen switch by switch where they are many."""
    report = an.verify(lambda x: x[:n].max() - x[n:].max(), np.zeros(2 * n), slope=0.5)
    assert report.verdict is an.Verdict.CLARKE and report.certificate.check()
    assert n == 40 or report.method == "separate inputs"


def test_frameworks() -> None:
    def kinks(x: Any) -> Any:
        return torch.relu(x[200]) - torch.relu(-x[200]) + torch.sort(x[:200])[0] @ torch.tensor(WEIGHTS)

    wrong = an.verify(kinks, torch.zeros(201, dtype=torch.float64))
    assert wrong.verdict is an.Verdict.NOT_CLARKE and wrong.certificate.check()
    for report in (an.verify(partial(sorted_beside, xp=torch), torch.zeros(201, dtype=torch.float64)),
                   an.verify(partial(sorted_beside, xp=jnp), jnp.zeros(201))):
        assert report.verdict is an.Verdict.CLARKE and report.certificate.check()


def test_given_vectors() -> None:
    right, wrong = (an.verify(sorted_beside, np.zeros(201), slope=slope) for slope in (0, 1))
    for known in (right, wrong):
        report = an.verify(sorted_beside, np.zeros(201), slope=known.slope, gradient=known.gradient)
        assert report.verdict is known.verdict and report.certificate.check()


def test_entries_that_no_kink_depends_on_are_compared() -> None:
    def f(x: Any) -> Any:
        return sorted_beside(x) + 3 * x[201]

    x = np.zeros(202)
    right = an.verify(f, x, slope=0)
    off = np.where(np.arange(202) == 201, 4.0, right.gradient)
    for vector, clarke in ((right.gradient, True), (off, False)):
        limits = Limits(right.problem, vector, right.tool)
        proof = by_subproblems(limits)
        assert (proof is not None and proof.clarke) == clarke
    certificate = an.verify(f, x, gradient=right.gradient).certificate
    assert certificate.kind == "separate inputs" and certificate.check()
    forged = replace(certificate, witness=replace(certificate.witness, vector=off), data={
        **certificate.data, "vector": off.tolist()})
    assert not replace(forged, program=forged.witness.digest).check()


@pytest.mark.slow
def test_what_one_subproblem_leaves_open_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "STABLE", 2)

    def f(x: Any) -> Any:
        return np.sort(x[0] * np.array([1.0, -1.0, 2.0]))[1] + straight(x[1:2])

    # The middle one of x, -x and 2 x is x, and the tool takes -x; what stands beside it is right, and then wrong.
    slopes = np.array([-1 / 3, -2 / 3, 0, 0])
    open_ = an.verify(f, [0.0, 0.0], slope=slopes)
    assert open_.gradient.tolist() == [-1, 1] and open_.verdict is not an.Verdict.CLARKE
    assert an.verify(f, [0.0, 0.0], gradient=[-1.0, 1.0]).verdict is not an.Verdict.CLARKE
    wrong = an.verify(f, [0.0, 0.0], slope=[-1 / 3, -2 / 3, 1, 1])
    assert wrong.verdict is an.Verdict.NOT_CLARKE and wrong.certificate.check()


def many(x: Any) -> Any:
    """A norm, a median and kinks in pairs of inputs, with what stands before and behind them."""
    a, b = x[40:44], x[44:48]
    pairs = np.sum(np.maximum(a + b, 0.0) - np.maximum(a, 0.0) - np.maximum(b, 0.0))
    return np.median(x[:40]) * (1 + x[0]) - np.exp(straight(x[48:50])) + pairs - np.linalg.norm(x[50:53])


@pytest.mark.slow
def test_many_sets_and_one_that_is_wrong() -> None:
    program = an.trace(many, np.zeros(53))
    slopes = np.zeros(program.s)
    sums, first, second = (node.switch for node in program.nodes if node.switches == 4)
    # relu'(0) = 1, 1/2, 1/2 at a + b, a, b is the mean of the cells a > 0 > b and b > 0 > a with a + b > 0.
    slopes[sums : sums + 4] = 1
    right = an.verify(many, np.zeros(53), slope=slopes)
    assert right.verdict is an.Verdict.CLARKE and right.certificate.check()
    slopes[[first + 2, second + 2]] = -1
    wrong = an.verify(many, np.zeros(53), slope=slopes)
    assert wrong.verdict is an.Verdict.NOT_CLARKE and wrong.certificate.check()


def test_sets_are_those_of_the_signs_and_found_once() -> None:
    """With |x_j| counted up and down they are 40 sets, of which 31 are looked at by themselves at a time; with all of
    them up they are one."""
    signs = np.where(np.arange(40) % 2, 1.0, -1.0)
    sweeps = Sweeps(an.trace(lambda x: np.sum(signs * np.abs(np.abs(x) - x)), np.zeros(40)), np.zeros(40))

    def sets(of: Sweeps, adjoints: Any) -> list[int]:
        return [int(inputs.sum()) for inputs, _ in separation_of_inputs.separated(of, adjoints, lambda: False)]

    both = np.ones(80) * np.where(np.arange(80) % 2, 1.0, -1.0)
    both[40:] *= -1
    assert sets(sweeps, np.ones(80)) == [] and sets(sweeps, both) == [1] * 31 + [9]
    *single, rest = separation_of_inputs.separated(sweeps, both, lambda: True)
    assert sets(rest[1], both) == [1] * 9 and all(sets(own, both) == [] for _, own in single)


def test_a_kink_that_no_input_moves_is_in_no_set() -> None:
    """| |x_0| - x_1 | and x_2, beside relu(0)."""

    def f(x: Any) -> Any:
        constant = np.maximum(np.array([0.0, 0.0]) * x[:2], 0).sum()
        return np.abs(np.abs(x[0]) - x[1]) - np.linalg.norm(np.maximum(x[2:], 0)) + constant

    sweeps = Sweeps(an.trace(f, np.zeros(4)), np.zeros(4))
    idle = ~Dependence(sweeps).switches_of(np.ones(4, bool))
    sets = separation_of_inputs.separate(sweeps, (-1.0) ** np.arange(sweeps.program.s), lambda: False)
    assert idle.sum() == 2 and len(sets) > 1 and not any((own.switches & idle).any() for own in sets)
    for g in ([0.0, 0.0, 0.0, 0.0], [0.0, 0.5, -0.5, -0.5], [0.5, 0.5, -0.25, 0.0]):
        report = an.verify(f, np.zeros(4), gradient=g)
        assert report and report.certificate.check()


def test_a_vector_without_a_size_is_a_mean_of_gradients_that_are_rounded() -> None:
    """0 is between the gradients -1 - 8^(1/2) for x > 0 and 13^(1/2) - 2 for x < 0."""

    def f(x: Any) -> Any:
        up, sides = np.maximum(-x[0], 0), 2 * np.abs(x[0])
        return np.linalg.norm(np.stack([up, 0 * x[0]])) - x[0] - np.linalg.norm(
            np.stack([np.maximum(0 * x[0], 0) + sides, up + sides]))

    report = an.verify(f, [0.0], gradient=[0.0])
    assert report and report.certificate.check()


def test_a_row_that_is_zero_is_a_dependence() -> None:
    def f(x: Any) -> Any:
        return abs(x[0] + x[1] * abs(x[1])) - abs(x[0]) + abs(x[2]) - abs(2 * x[2])

    sweeps = Sweeps(an.trace(f, np.zeros(3)), np.zeros(3))
    seen = Dependence(sweeps)
    second = np.array([False, True, False])
    assert seen.switches_of(second).tolist() == [True, True, False, False, False]
    assert sweeps.counts(second[None].astype(float))[0].tolist() == [1, 0, 0, 0, 0]
    assert seen.inputs_of(np.array([False, True, False, False, False])).tolist() == [True, True, False]
    parts = Problem(sweeps, np.zeros(5), an.Budget()).subproblems
    assert sorted(inputs.tolist() for inputs, _ in parts) == [[False, False, True], [True, True, False]]


def test_what_counts_near_x_is_a_dependence() -> None:
    def f(x: Any) -> Any:
        far = np.maximum(x[1], x[0] - 1.0)
        rows = np.linalg.norm((x[5:9] + np.array([1.0, 0.0, 0.0, 0.0])).reshape(2, 2), axis=1)
        return abs(x[0]) - abs(far) + abs(x[2] + x[3] ** 2) + abs(rows[0] - 1 + x[4]) + rows[1]

    sweeps = Sweeps(an.trace(f, np.zeros(9)), np.zeros(9))
    seen, kinks = Dependence(sweeps), sweeps.alpha
    depends = [seen.inputs_of(np.arange(sweeps.program.s) == i).nonzero()[0].tolist() for i in kinks]
    assert sorted(depends) == [[0], [1], [2, 3], [4, 5, 6], [7], [8]]


def test_sets_that_share_inputs_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(sweeps: Any, adjoints: Any, late: Any) -> list[Separate]:
        seen = Dependence(sweeps)
        return [Separate(own, seen.inputs_of(own)) for own in np.eye(sweeps.program.s, dtype=bool)[sweeps.alpha]]

    monkeypatch.setattr(separation_of_inputs, "separate", alone)
    assert caught(in_subproblems, cases())


def test_forged_subproblems_are_refused() -> None:
    right, wrong = (an.verify(sorted_beside, np.zeros(201), slope=slope).certificate for slope in (0, 1))

    def holds(certificate: Any, parts: list[Any]) -> bool:
        forged = replace(certificate, data={**certificate.data, "subproblems": parts})
        try:
            return forged.check()
        except ValueError:
            return False

    parts = [*right.data["subproblems"]]
    assert holds(right, parts) and holds(right, parts[::-1]) and len(parts) == 2
    assert not holds(right, parts[:1]) and not holds(right, parts[1:]) and not holds(right, [])
    assert not holds(right, [parts[0], parts[0]]) and holds(right, [*parts, parts[1]])
    assert not holds(right, [{**parts[0], "evidence": parts[1]["evidence"]}, parts[1]])
    fewer, more = ({**parts[0], "inputs": inputs} for inputs in (parts[0]["inputs"][1:], [*range(201)]))
    assert not holds(right, [fewer, parts[1]]) and not holds(right, [more, parts[1]])
    (apart,) = wrong.data["subproblems"]
    assert holds(wrong, [apart]) and not holds(wrong, [{**apart, "inputs": [0]}])
    assert not holds(wrong, [{**apart, "evidence": parts[0]["evidence"]}]) and not holds(right, [apart])
    assert not replace(right, data={**wrong.data}, kind=wrong.kind).check()


@pytest.mark.parametrize("count", [2, 12, 40])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_norms_beside_many_kinks_have_members(count: int, sign: float) -> None:
    """What is made linear in a subproblem has one slope there, for whoever asks: other slopes separated members."""
    for seed in range({2: 3, 12: 2, 40: 1}[count]):
        rng = np.random.default_rng(seed)
        a, u = rng.standard_normal((3, 3)), rng.standard_normal(3)

        def f(x: Any, a: np.ndarray = a) -> Any:
            return np.linalg.norm(x[:3]) + sign * np.linalg.norm(a @ x[:3]) + np.abs(x[3:]).sum()

        g = u / np.linalg.norm(u) + sign * a.T @ (a @ u) / np.linalg.norm(a @ u)
        rest = rng.uniform(-1, 1, count)
        report = an.verify(f, np.zeros(3 + count), gradient=np.append(g, rest), budget=an.Budget(seconds=0.3))
        assert report.verdict is not an.Verdict.NOT_CLARKE, seed
        if sign > 0:
            report = an.verify(f, np.zeros(3 + count), gradient=np.append(0.5 * g, rest))
            assert report.verdict is an.Verdict.CLARKE, seed
            assert not an.verify(f, np.zeros(3 + count), gradient=np.append(3 * g, rest)), seed


def test_signs_that_are_held_are_those_of_signatures() -> None:
    x = np.zeros(5)
    sweeps = Sweeps(an.trace(lambda x: np.linalg.norm(x[:3]) + np.abs(x[3:]).sum(), x), x)
    kept = sweeps.keeping(sweeps.in_blocks)
    for slopes in (0.0, -1.0, 1.0):
        np.testing.assert_array_equal(kept.signature(slopes)[~kept.active], kept.signs[~kept.active])
        np.testing.assert_array_equal(kept.gradient(kept.signature(slopes))[3:], [1.0, 1.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_ties_of_a_coarser_precision_are_moved_in_float64(dtype: Any) -> None:
    """0.1 x is tied with what the precision makes of it, and not with it in float64."""
    x = torch.zeros(201, dtype=dtype)
    x[200:] = 3.0
    tied, weights = 0.1 * x[200:], torch.tensor(WEIGHTS, dtype=dtype)

    def f(u: Any) -> Any:
        apart = 0.1 * u[200:] - tied
        return weights @ u[:200].sort().values + (torch.relu(apart) + 2 * torch.relu(-apart)).sum()

    report = an.verify(f, x)
    assert report.verdict.name == "CLARKE" and report.method == "separate inputs", report
    assert report.certificate is not None and report.certificate.check()
