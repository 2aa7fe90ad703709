"""Merging: kinks on one set are one kink, whatever slopes a tool gives to each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active import multiples
from absnormal.active.one_layer import OneLayer
from absnormal.active.one_set import Classes, one_set
from absnormal.clarke.budget import Budget
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import merging as module
from absnormal.theorems.merging import BeyondMergedKinks, WithinMergedKinks, merged_vector, merging
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import Expr, maximum, minimum, relu, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import Program, times
from .judge import Case, case, cases, fuzz, never_wrong, wrong

x, y, w = variables(3)
HALF = Fraction(1, 2)


@st.composite
def on_shared_sets(draw: st.DrawFn) -> Program:
    """Kinks of multiples of a few forms, written in many ways, added with signs; now and then one behind another."""
    n = draw(st.integers(1, 3))
    inputs, point = variables(n), (Fraction(0),) * n

    def form() -> Expr:
        return reduce(add, [times(draw(st.sampled_from((1, -1, 2))), inputs[draw(st.integers(0, n - 1))])
                            for _ in range(draw(st.integers(1, 2)))])

    forms = [form() for _ in range(draw(st.integers(1, 3)))]

    def kink(u: Expr) -> Expr:
        k = draw(st.sampled_from((1, -1, 2, -HALF, 1, -1)))
        kind = draw(st.sampled_from(("abs", "relu", "max", "min", "leaky", "difference")))
        if kind == "abs":
            return abs(times(k, u))
        if kind == "relu":
            return relu(times(k, u))
        if kind == "leaky":
            return maximum(u, times(k, u)) if k != 1 else abs(u)
        other = draw(st.sampled_from(forms))
        if kind == "difference":
            return maximum(other + times(k, u), other)
        return (maximum if kind == "max" else minimum)(times(k, u), draw(st.sampled_from((0, times(-k, u)))))

    terms = []
    for _ in range(draw(st.integers(2, 6))):
        inner = kink(draw(st.sampled_from(forms)))
        if not draw(st.integers(0, 5)):
            inner = kink(inner + times(draw(st.sampled_from((1, -1))), draw(st.sampled_from(forms))))
        terms.append(times(draw(st.sampled_from((1, -1, HALF, -HALF, 2, 1, -1))), inner))
    while len(Oracle.of(reduce(add, terms), point).active) > 7:
        terms.pop()
    return reduce(add, [*terms, times(draw(st.sampled_from((1, -1))), inputs[0])]), point


# -- the theorem -------------------------------------------------------------------------------------------------------


@fuzz(30)
@given(cases(on_shared_sets()))
def test_never_wrong(a: Case) -> None:
    proof = never_wrong(merging, a)
    if proof is not None and not isinstance(proof.evidence, (WithinMergedKinks, BeyondMergedKinks)):
        raise AssertionError(proof)


@fuzz(12)
@given(cases(on_shared_sets()), st.data())
def test_a_vector_is_judged_as_the_oracle_judges_it(a: Case, data: st.DataObject) -> None:
    """A mean of gradients, or any vector with small entries."""
    found, mean = a.oracle.limiting_gradients, data.draw(st.booleans())
    if mean:
        weights = [Fraction(data.draw(st.integers(0, 4))) for _ in found]
        total = sum(weights, Fraction(0))
        weights = [weight / total for weight in weights] if total else [Fraction(1), *[Fraction(0)] * (len(found) - 1)]
        g = [sum((weight * p[j] for weight, p in zip(weights, found, strict=True)), Fraction(0))
             for j in range(len(a.x))]
    else:
        g = [Fraction(data.draw(st.integers(-6, 6)), 2) for _ in a.x]
    small = np.full(len(g), 1e-9)
    proof = merged_vector(a.problem(), np.array([float(entry) for entry in g]), small, lambda: small)
    assert proof is None or proof.clarke == (mean or a.oracle.contains(g)), (proof, a, g)


@fuzz(12)
@given(cases(on_shared_sets()))
def test_certificates_hold_and_those_on_rationals_hold_alone(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    assert report.verdict is an.Verdict.UNDECIDED or bool(report) == a.clarke
    certificate = report.certificate
    if certificate is not None:
        assert certificate.check()
        assert "system" not in certificate.data or type(certificate).from_json(certificate.to_json()).check()


# -- what is on one set ------------------------------------------------------------------------------------------------


def classes_of(f: Callable[[Any], Any], point: Any, **options: Any) -> tuple[list[int], list[float]] | None:
    values = np.asarray(point, dtype=float)
    found = one_set(Sweeps(an.trace(f, values), values.reshape(-1), **options))
    return None if found is None else (found.labels.tolist(), np.asarray(found.factors, float).tolist())


SETS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "two relus": (lambda v: np.maximum(v[0], 0) - np.maximum(-v[0], 0), [0.0], ([0, 0], [1, -1])),
    "a difference, turned": (
        lambda v: np.maximum(v[0], v[1]) + np.abs(3 * v[1] - 3 * v[0]), [0.0, 0.0], ([0, 0], [1, -3])),
    "a leaky relu": (lambda v: np.maximum(2 * v[0], v[0]) - np.abs(v[0]), [0.0], ([0, 0], [1, 1])),
    "in another order": (
        lambda v: np.sum(np.maximum(v, 0) - np.abs(v[::-1])), np.zeros(3), ([0, 1, 2, 2, 1, 0], [1] * 6)),
    "side by side": (
        lambda v: np.sum(np.maximum(np.concatenate([v, -2 * v]), 0)), np.zeros(2), ([0, 1, 0, 1], [1, 1, -2, -2])),
    "one entry again and again": (
        lambda v: np.sum(np.abs(v[0] * np.ones(3)) * np.array([1.0, -2, 1])), [0.0], ([0] * 3, [1] * 3)),
    "each with a factor of its own": (
        lambda v: np.sum(np.abs(v * np.array([1.0, -2.0])) - np.maximum(v, 0)), np.zeros(2),
        ([0, 1, 0, 1], [1, 1, 1, -0.5])),
    "a side of a maximum with a factor of its own": (
        lambda v: np.sum(np.abs(v) - np.maximum(0, v * np.array([1.0, -2.0]))), np.zeros(2),
        ([0, 1, 0, 1], [1, 1, -1, 2])),
    "the same product": (
        lambda v: np.abs(v[0] * v[1]) - np.maximum(v[0] * v[1], 0), [0.0, 0.0], ([0, 0], [1, 1])),
    "a factor that is not 0": (lambda v: np.abs(v[0] * (v[1] - 2)) - np.abs(v[0]), [0.0, 0.0], ([0, 0], [1, -0.5])),
    "a divisor": (lambda v: np.abs(v[0] / np.exp(v[1])) - np.abs(v[0]), [0.0, 0.0], ([0, 0], [1, 1])),
    "pairs": (
        lambda v: np.sum(np.max(v.reshape(2, 2), axis=1) - np.min(v.reshape(2, 2), axis=1)), np.zeros(4),
        ([0, 1, 0, 1], [1] * 4)),
    "a fold twice": (lambda v: np.max(v) - 3 * np.max(v), np.zeros(3), ([0, 1, 0, 1], [1] * 4)),
    "a product twice": (
        lambda v: np.sum(np.abs(np.ones((2, 3)) @ v) - np.maximum(np.ones((2, 3)) @ v, 0)), np.zeros(3),
        ([0, 1, 0, 1], [1] * 4)),
    "what is shifted": (lambda v: np.abs(v[0] - 1) - np.maximum(2 - 2 * v[0], 0), [1.0], ([0, 0], [1, -2])),
    "behind another kink": (
        lambda v: np.abs(v[1] + np.abs(v[0])) - np.maximum(v[1] + np.abs(v[0]), 0), [0.0, 0.0],
        ([0, 1, 0, 1], [1] * 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_what_is_on_one_set(name: str) -> None:
    f, point, (same, factors) = SETS[name]
    found = classes_of(f, point)
    assert found is not None
    renamed: dict[int, int] = {}
    labels = [renamed.setdefault(label, len(renamed)) for label in found[0]]
    assert (labels, found[1]) == (same, factors)


ONES = np.ones((200, 2))
OTHERS = np.where(np.arange(400).reshape(200, 2) == 1, 2.0, 1.0)

APART: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "rows alone": (lambda v: np.abs(v[0]) - np.abs(v[0] + v[1] ** 2), [0.0, 0.0]),
    "a factor that vanishes": (lambda v: np.abs(v[0]) - np.abs(v[0] * v[1]), [0.0, 0.0]),
    "a factor that is rounding": (
        lambda v: np.abs(v[0] * ((v[1] + 0.1) + 0.2 - 0.3)) - np.abs(v[0]), [0.0, 0.0]),
    "a third that is rounded": (lambda v: np.abs(v[0] + v[1] * (1 / 3)) - np.abs(3 * v[0] + v[1]), [0.0, 0.0]),
    "the constant 0": (lambda v: np.abs(v[0] * np.array([0.0, 0.0])) @ np.ones(2) - np.abs(v[0]), [0.0]),
    "a matrix with another entry": (lambda v: np.sum(np.abs(ONES @ v)[:1] - np.abs(OTHERS @ v)[:1]), [0.0, 0.0]),
    "another power": (lambda v: np.abs(v[0] ** 2 - v[1]) - np.abs(v[0] ** 3 - v[1]), [0.0, 0.0]),
    "another parameter": (lambda v: np.max(v[:2]) - np.max(v[1:]), np.zeros(3)),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_what_is_not_known_to_be_on_one_set(name: str) -> None:
    assert classes_of(*APART[name]) is None


def test_a_factor_that_moves_is_none_within_atol() -> None:
    """At u = 1e-9 the kinks of u (1 + w) - value and of u are two sets."""
    f, point = (lambda v: np.abs(v[0] * (1 + v[1])) - np.abs(v[0])), [1e-9, 0.0]
    assert classes_of(f, point, atol=1e-6) is None
    assert classes_of(f, [0.0, 0.0]) is not None


# -- broken variants ---------------------------------------------------------------------------------------------------


def _with_classes(change: Callable[[Sweeps, Classes], Classes]) -> Callable[[Problem], Proof | None]:
    """The theorem with other classes."""

    def broken(problem: Problem) -> Proof | None:
        found = one_set(problem.sweeps)
        if found is None or not module.is_one_layer(problem.sweeps):
            return None
        layer = OneLayer(problem.sweeps, change(problem.sweeps, found))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "layer_of", lambda sweeps: layer)
            return merging(problem)

    return broken


def test_a_lost_sign_is_caught() -> None:
    """relu(x) - relu(-x) with slopes that fit together."""
    a = case(relu(x) - relu(-x), [0], [1, -1])
    assert never_wrong(merging, a) is not None
    assert wrong(_with_classes(lambda _, c: replace(c, factors=np.abs(c.factors))), a)


def test_a_lost_factor_is_caught() -> None:
    """2 |x| - |2 x| = 0, and slopes (0, 1) give -2."""
    a = case(2 * abs(x) - abs(2 * x), [0], [0, 1])
    assert never_wrong(merging, a) is not None
    assert wrong(_with_classes(lambda _, c: replace(c, factors=np.sign(c.factors))), a)


def test_one_class_for_all_is_caught() -> None:
    """2 |x| - 2 |y|, whose weights would cancel."""

    def together(_: Sweeps, c: Classes) -> Classes:
        return replace(c, labels=np.zeros_like(c.labels), first=c.first[:1])

    a = case(abs(x) + abs(x) - abs(y) - abs(y), [0, 0], [1, 0, 0, 0])
    assert never_wrong(merging, a) is not None
    assert wrong(_with_classes(together), a)


def test_a_layer_behind_another_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """|x + |y|| - |y| has the limiting gradients (1, 0), (-1, 2) and (-1, -2), and slopes (-1, 1, 1) give (1, -2)."""
    a = case(abs(x + abs(y)) - abs(y), [0, 0], [-1, 1, 1])
    assert never_wrong(merging, a) is None and a.gradient == (1, -2) and not a.clarke
    monkeypatch.setattr(module, "is_one_layer", lambda sweeps: True)
    assert wrong(merging, a)


def test_weights_of_both_signs_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """|x| + |y| - |x + y| has no gradient (2, 2)."""
    a = case(2 * abs(x) - abs(x) + abs(y) - abs(x + y), [0, 0], [1, 1, 1, -1])
    assert never_wrong(merging, a) is None and a.gradient == (2, 2) and not a.clarke
    monkeypatch.setattr(OneLayer, "sign", property(lambda layer: 1))
    assert wrong(merging, a)


def test_proportional_rows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """|u| - |u + w^2|, with slopes that give 2: f has the limiting gradients (0, 0) and (-2, 0), so (-1, 0) is right,
    and with one set for both it would be refuted."""
    values = np.zeros(2)
    program = an.trace(APART["rows alone"][0], values)
    problem = Problem(Sweeps(program, values), np.array([0.0, 1.0]), Budget())
    assert merging(problem) is None
    one = Classes(np.zeros(2, int), np.ones(2), np.zeros(1, int))
    monkeypatch.setattr(module, "layer_of", lambda sweeps: OneLayer(sweeps, one))
    proof = merging(problem)
    assert proof is not None and not proof.clarke
    assert isinstance(proof.evidence, BeyondMergedKinks)


def test_a_factor_that_may_vanish_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """|u| - |u w| with slopes (1, 0): near (0, 0) all four signs occur, and (1, 0) is a limiting gradient."""
    values = np.zeros(2)
    program = an.trace(APART["a factor that vanishes"][0], values)
    problem = Problem(Sweeps(program, values), np.array([1.0, 0.0]), Budget())
    assert merging(problem) is None
    monkeypatch.setattr(
        multiples.Combinations, "_factor", lambda self, index: np.ones_like(self.sweeps.values[index]))
    proof = merging(Problem(Sweeps(program, values), problem.c, Budget()))
    assert proof is not None and not proof.clarke


# -- both ways, by hand ------------------------------------------------------------------------------------------------


def test_one_kink_written_twice() -> None:
    """relu(x) - relu(-x) = x: slopes that fit give 1, relu'(0) = 0 gives 0."""
    f = relu(x) - relu(-x)
    for c, right in ((0, True), (-1, False), ([1, -1], True), ([HALF, HALF], False)):
        proof = never_wrong(merging, case(f, [0], c))
        assert proof is not None and proof.clarke == right and proof.arithmetic == "rational"


def test_weights_of_one_sign_make_it_regular() -> None:
    """3 |x| - |x| = 2 |x|: slopes (1, -1) give 4, and (0, -1) gives 1."""
    f = 3 * abs(x) - abs(-x)
    assert not never_wrong(merging, case(f, [0], [1, 1])).clarke  # type: ignore[union-attr]
    assert never_wrong(merging, case(f, [0], [0, 1])).clarke  # type: ignore[union-attr]


def test_weights_of_both_signs_need_independent_rows() -> None:
    f = 3 * abs(x) - abs(x) - 2 * abs(y) + abs(-y)
    for slopes, right in (([1, 1, 0, 0], True), ([0, -1, HALF, 0], True), ([1, -1, 0, 0], False)):
        proof = never_wrong(merging, case(f, [0, 0], slopes))
        assert proof is not None and proof.clarke == right
    tied = f + abs(x + y)
    assert never_wrong(merging, case(tied, [0, 0], [1, 1, 0, 0, 1])) is None
    assert not never_wrong(merging, case(tied, [0, 0], [1, -1, 0, 0, 1])).clarke  # type: ignore[union-attr]


def test_a_layer_of_pairs_with_weights_of_their_own() -> None:
    """Sorted pairs of a linear map with biases, as torch.sort in a MaxMin network: slopes that contradict each other
    are one that is possible."""
    rng = np.random.default_rng(0)
    matrix, head = rng.integers(-3, 4, (120, 5)).astype(float), rng.choice([-1.0, 1.0], 60)

    def f(v: Any) -> Any:
        pairs = (matrix @ v[:5] + v[5:]).reshape(60, 2)
        high, low = np.maximum(pairs[:, 0], pairs[:, 1]), np.minimum(pairs[:, 1], pairs[:, 0])
        return 2 * high @ head - low @ head

    report = an.verify(f, np.zeros(125), slope=0.5)
    assert (report.verdict.name, report.method) == ("CLARKE", "merging")
    assert report.certificate is not None and report.certificate.check()
    assert an.verify(f, np.zeros(125), gradient=report.gradient).method == "merging"
