"""Sets that are known by their support function: are they those of brute force, with and without norms?"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.clarke.regular_gradient import RegularGradient
from absnormal.judgement import whole_set
from absnormal.judgement.options import Options
from absnormal.judgement.vector import Limits
from absnormal.theorems.problem import Problem
from absnormal.theorems.regular_vectors import vector_under_regular
from absnormal.verify import traced_call
from tests.oracle.expressions import Expr, maximum, numpy_callable, relu, source, variables
from tests.oracle.oracle import Oracle

SEEDS = range(60)


def convex(rng: np.random.Generator, n: int) -> Expr:
    """A convex piecewise-linear function with kinks at 0: maxima of convex functions and their sums, nested."""
    x = variables(n)

    def affine() -> Expr:
        found = int(rng.integers(-2, 3)) * x[0]
        for entry in x[1:]:
            found = found + int(rng.integers(-2, 3)) * entry
        return found

    def made(depth: int) -> Expr:
        kind = rng.integers(0, 5) if depth else 4
        if kind == 0:
            return maximum(made(depth - 1), affine())
        if kind == 1:
            return relu(made(depth - 1))
        if kind == 2:
            return abs(affine()) * int(rng.integers(1, 3))
        if kind == 3:
            return made(depth - 1) + made(depth - 1)
        return affine()

    return made(2) + abs(affine()) + maximum(affine(), affine())


def cases() -> Iterator[tuple[str, Any, Oracle, RegularGradient, np.random.Generator]]:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        expr = convex(rng, n)
        if rng.random() < 0.4:
            expr = -expr
        oracle = Oracle.of(expr, [0] * n)
        G = an.generalized_gradient(numpy_callable(expr), [0.0] * n)
        if isinstance(G, RegularGradient) and len(oracle.active) <= 9:
            yield f"{seed}: {source(expr)}", numpy_callable(expr), oracle, G, rng


@pytest.fixture(autouse=True)
def _without_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_set, "_no_list", lambda sweeps: True)


@pytest.mark.slow
def test_the_set_is_that_of_brute_force() -> None:
    count = 0
    for text, _, oracle, G, rng in cases():
        count += 1
        n, limiting = len(oracle.x), oracle.limiting_gradients
        for v in rng.integers(-3, 4, (4, n)).tolist():
            assert G.support(v) == pytest.approx(float(oracle.support(v)), abs=1e-12), text
        chosen = [limiting[k] for k in rng.integers(len(limiting), size=4)]
        mean = [sum(g[j] for g in chosen) / 4 for j in range(n)]
        for g in (mean, *oracle.vertices, [a + Fraction(int(rng.integers(-4, 5)), 2) for a in mean]):
            assert G.contains([float(a) for a in g]) is oracle.contains(g), (text, g)
        least = np.array([float(a) for a in oracle.min_norm()])
        np.testing.assert_allclose(G.min_norm(), least, atol=1e-9, err_msg=text)
        assert G.is_stationary() is not (any(oracle.min_norm()) or None), text
        assert {tuple(v) for v in G.vertices.round(9).tolist()} == {tuple(map(float, v)) for v in oracle.vertices}, text
    assert count > 40


@pytest.mark.slow
def test_verdicts_on_vectors_are_those_of_brute_force() -> None:
    counts = {True: 0, False: 0}
    for text, f, oracle, _, rng in cases():
        call = traced_call(f, [0.0] * len(oracle.x))
        sweeps = call.sweeps(0.0)
        problem = Problem(sweeps, np.zeros(len(sweeps.alpha)), Options().limits)
        for vertex in (*oracle.vertices, *(oracle.gradient(float(c)) for c in rng.choice([-0.5, 0.0, 0.5], 2))):
            g = np.array([float(a) for a in vertex]) + rng.integers(-1, 2, len(oracle.x)) * 0.5
            limits = Limits(problem, g, sweeps)
            proof = vector_under_regular(problem, g, limits.accepted, lambda: limits.refuted)
            inside = oracle.contains([Fraction(a) for a in g.tolist()])
            assert proof is not None and proof.clarke is inside, (text, g)
            counts[inside] += 1
    assert min(counts.values()) > 30
