"""Is the set the one that brute force finds, and do its questions get true answers?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal.clarke.polytope import Summand, membership
from absnormal.clarke.wolfe import least_norm
from tests.oracle.expressions import Expr, numpy_callable
from tests.oracle.oracle import Oracle
from tests.oracle.strategies import programs

RANDOM = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def made(case: tuple[Expr, Any]) -> tuple[an.GeneralizedGradient, Oracle]:
    expression, x = case
    G = an.generalized_gradient(numpy_callable(expression), [float(a) for a in x])
    return G, Oracle.of(expression, x)


def rows(vectors: Any) -> set[tuple[float, ...]]:
    return {tuple(float(a) + 0.0 for a in vector) for vector in vectors}


@RANDOM
@given(programs())
def test_gradients_vertices_signatures_and_the_element_of_least_norm_are_those_of_brute_force(case: Any) -> None:
    G, oracle = made(case)
    assert G.complete and G.exact
    assert rows(G.limiting_gradients) == rows(oracle.limiting_gradients)
    assert rows(G.vertices) == rows(oracle.vertices)
    for signature, gradient in zip(G.signatures, G.limiting_gradients, strict=True):
        assert rows([oracle.gradient([Fraction(int(s)) for s in signature])]) == rows([gradient])
        assert all(signature[i] in (-1, 1) for i in oracle.active)
    np.testing.assert_allclose(G.min_norm(), [float(a) for a in oracle.min_norm()], atol=1e-7)
    assert G.is_stationary() is oracle.contains([0] * len(G.base))


@pytest.mark.slow
@RANDOM
@given(programs(), st.data())
def test_membership_weights_and_support(case: Any, data: Any) -> None:
    G, oracle = made(case)
    n = len(G.base)
    weights = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(G.limiting_gradients),
                                          max_size=len(G.limiting_gradients))), dtype=float) + 0.25
    inside = weights / weights.sum() @ G.limiting_gradients
    assert G.contains(inside) is True
    found = G.weights(inside)
    assert found is not None and found.min() >= 0 and found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found @ G.limiting_gradients, inside, atol=1e-9)
    g = np.array(data.draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), dtype=float) / 2
    assert G.contains(g) is oracle.contains(g)
    assert (G.weights(g) is not None) is oracle.contains(g)
    v = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), dtype=float)
    assert G.support(v) == pytest.approx(float(oracle.support(v)), abs=1e-12)


@pytest.mark.slow
@RANDOM
@given(programs(), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]))
def test_conditions_and_set_never_contradict_each_other(case: Any, slope: float) -> None:
    expression, x = case
    report = an.verify(numpy_callable(expression), [float(a) for a in x], slope=slope)
    G, _ = made(case)
    assert report.verdict is not an.Verdict.UNDECIDED
    assert G.contains(report.gradient) is (report.verdict is an.Verdict.CLARKE)
    assert G.contains(report.clarke_gradient) is True


def test_coupled_components_are_one_block() -> None:
    # The product of the components' own cells has 4 of the 6 cells, and misses the gradients (-2, +-1).
    G = an.generalized_gradient(lambda x: np.abs(x[0]) - np.abs(x[0] + np.abs(x[1])), [0.0, 0.0])
    assert len(G.blocks) == 1
    assert rows(G.limiting_gradients) == {(0.0, 1.0), (0.0, -1.0), (-2.0, 1.0), (-2.0, -1.0)}


def test_independent_blocks_are_never_multiplied_out() -> None:
    G = an.generalized_gradient(lambda x: np.sum(np.abs(x)) - np.sum(np.maximum(x, 0)), np.zeros(30))
    assert len(G.blocks) == 30 and G.complete and G.exact
    assert G.contains(np.full(30, -0.5)) is True and G.contains(np.full(30, 0.1)) is False
    assert G.support(np.ones(30)) == 0.0 and G.is_stationary()
    with pytest.raises(an.BudgetError, match="30 blocks"):
        _ = G.vertices


def test_the_generalized_jacobian() -> None:
    G = an.generalized_gradient(lambda x: np.stack([np.abs(x[0]), x[1] - np.abs(x[0])]), [0.0, 0.0])
    assert G.limiting_gradients.shape == (2, 2, 2)
    assert G.contains([[0.5, 0.0], [-0.5, 1.0]]) is True
    assert G.contains([[0.5, 0.0], [0.5, 1.0]]) is False
    np.testing.assert_allclose(G.min_norm(), [[0, 0], [0, 1]], atol=1e-12)


def test_structures_of_x_are_kept() -> None:
    G = an.generalized_gradient(lambda p: np.sum(np.abs(p["a"])) + p["b"], {"a": np.zeros(2), "b": 1.0})
    assert G.contains({"a": [0.5, -0.5], "b": 1.0}) is True
    assert G.min_norm()["a"].shape == (2,)


def test_a_smooth_point_has_one_gradient() -> None:
    G = an.generalized_gradient(lambda x: x[0] ** 2, [1.0])
    assert not G.blocks and rows(G.limiting_gradients) == {(2.0,)} and not G.is_stationary()
    assert G.contains([2.0]) is True and G.contains([1.0]) is False and G.contains([np.nan]) is False


def test_nonlinear_leaves_and_what_is_only_inside() -> None:
    exact = an.generalized_gradient(lambda x: np.abs(np.exp(x[0]) - 1) * 2 - np.abs(np.sin(x[0])), [0.0])
    assert (exact.exact and exact.complete is True) or not exact.exact
    inside = an.generalized_gradient(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]), [0.0, 0.0])
    assert not inside.exact and inside.contains([0.0, 0.0]) is True
    assert inside.contains([0.0, 2.0]) is None  # a limiting gradient that the linearization misses


def shifted(x: Any) -> Any:
    """-sum(x), written so that backward mode with slope 0 returns 0."""
    return np.sum(2 * np.abs(x) - np.abs(2 * x + np.abs(x)))


@pytest.mark.parametrize("budget", [an.Budget(cells=0), an.Budget(programs=0), an.Budget(seconds=0)])
def test_a_budget_of_nothing_gives_one_certified_gradient(budget: an.Budget) -> None:
    G = an.generalized_gradient(shifted, np.zeros(1), budget=budget)
    assert not G.complete and "incomplete" in repr(G) and "the budget ended" in G.reason
    assert G.contains([-1.0]) is True
    assert G.contains([0.0]) is None and G.is_stationary() is None


def test_thousands_of_switches_that_share_inputs_say_why_they_are_not_listed() -> None:
    W = np.random.default_rng(0).integers(-3, 4, size=(1000, 20)).astype(float)
    G = an.generalized_gradient(lambda x: np.abs(W @ x).sum() - np.abs(W[:500] @ x).sum(), np.zeros(20))
    assert not G.complete and not G.exact
    assert "1500 active switches, more than 64 of which share inputs" in G.reason and G.reason in repr(G)
    assert an.generalized_gradient(shifted, np.zeros(1)).reason == ""


@pytest.mark.parametrize("n", [2, 100, 500])
def test_many_blocks(n: int) -> None:
    G = an.generalized_gradient(shifted, np.zeros(n))
    assert len(G.blocks) == n and G.complete and G.exact
    assert G.contains(-np.ones(n)) is True and G.contains(np.zeros(n)) is False
    assert G.support(np.ones(n)) == -n
    box = an.generalized_gradient(lambda x: np.sum(np.abs(x)), np.zeros(n))
    assert box.contains(np.full(n, 0.5)) is True and box.contains(np.full(n, 1.5)) is False
    assert "about 10^" in repr(box) or n == 2


def test_too_many_switches_in_one_block_say_so() -> None:
    matrix = np.random.default_rng(0).integers(-2, 3, (30, 4)).astype(float)

    def f(x: Any) -> Any:
        return np.sum(np.abs(matrix @ x)) - np.abs(x[0])

    G = an.generalized_gradient(f, np.zeros(4), budget=an.Budget(cells=50))
    assert not G.complete
    assert G.contains(G.limiting_gradients.mean(axis=0)) is True
    assert G.contains(np.full(4, 1e6)) is None


def test_a_large_program_without_active_switches() -> None:
    G = an.generalized_gradient(lambda x: np.sum(np.maximum(x - 1, 0)) + np.sum(x), np.zeros(30_000))
    assert G.complete and G.exact and not G.blocks


def test_rounding_that_made_up_a_kink() -> None:
    def rounded(x: Any) -> Any:
        return np.abs((x[0] + 1e16) - 1e16)

    assert rows(an.generalized_gradient(rounded, [0.5]).limiting_gradients) == {(-1.0,), (1.0,)}
    assert rows(an.generalized_gradient(rounded, [0.5], exact=True).limiting_gradients) == {(1.0,)}


def cut_short() -> an.GeneralizedGradient:
    """A set with 0 far outside of what is known, which the budget ended."""
    rows = np.random.default_rng(0).integers(-3, 4, (9, 5)).astype(float)

    def f(x: Any) -> Any:
        return np.sum(np.abs(rows @ x)) - 2 * np.sum(np.abs(rows[:4] @ x + np.abs(x[:4]))) + 100 * x[0]

    return an.generalized_gradient(f, np.zeros(5), budget=an.Budget(cells=10))


def missed() -> an.GeneralizedGradient:
    """A set outside of hypothesis E: a cell of f is missed by the linearization, and f(x, 0) = f(0, 0) + 3 x + o(x)."""
    return an.generalized_gradient(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]) + 3 * x[0], [0.0, 0.0])


@pytest.mark.parametrize("made", [cut_short, missed])
def test_what_is_only_inside_says_nothing_about_the_whole(made: Any) -> None:
    """A lower bound is no f°, an upper bound no least norm, and a corner of the inner set no vertex."""
    G = made()
    assert not G.exact and G.reason
    with pytest.raises(an.BudgetError, match="only a lower bound of f°"):
        G.support(np.ones(len(G.base)))
    with pytest.raises(an.BudgetError, match="upper bound on the least norm"):
        G.min_norm()
    with pytest.raises(an.BudgetError, match="need not be those of dC"):
        _ = G.vertices
    middle = G.limiting_gradients.mean(axis=0)
    assert G.contains(middle) is True and G.weights(middle) is not None
    assert G.contains(np.full(len(G.base), 1e6)) is None and G.is_stationary() is None
    assert "known" in G._repr_html_()


def test_the_least_norm_of_an_inner_set_that_holds_0_is_0() -> None:
    G = an.generalized_gradient(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]), [0.0, 0.0])
    assert not G.exact and G.is_stationary() is True and not G.min_norm().any()


def test_nearest_points_of_growing_bodies_are_those_of_the_whole_ones() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.normal(size=(30, 5)) + rng.normal(size=5)
        found: Any = (points[0], 0)
        for count in range(1, 31):
            known = points[:count]

            def lowest(v: Any, known: Any = known) -> tuple[Any, int]:
                k = int(np.argmin(known @ v))
                return known[k], k

            found = least_norm(lowest, found, 1000)
            x = found.point
            assert (known @ x).min() >= x @ x - 1e-10
            np.testing.assert_allclose(found.weights @ points[found.carried], x, atol=1e-12)


def test_points_of_very_different_sizes_are_told_apart_without_a_warning() -> None:
    summand = Summand(np.arange(2), np.array([[1e-310, 1.0], [1e-310, 2.0]]))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert membership(np.zeros(2), [summand], np.zeros(2), np.zeros(2)).separator is not None
