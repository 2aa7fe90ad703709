"""Vectors at sorts of linear entries, against exact gradients of all orders that some direction opens.

The oracle knows no program: it sorts rationals along many directions, and asks a rational linear program whether the
vector is a mean of the gradients there.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates import next_to_program
from absnormal.certificates.interval import highest_by_signs
from absnormal.frontends.meanings import order
from absnormal.judgement import orders as module
from absnormal.judgement.orders import orders, short, together
from absnormal.ops.kinks.order import codes
from absnormal.rational.linear_program import convex_weights
from absnormal.sweeps import outer
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import separation
from tests.theorems.judge import FACTOR

Points = set[tuple[int, ...]]


def opened(a: np.ndarray, w: np.ndarray, rng: np.random.Generator) -> Points:
    """The gradients of w . sort(a x) where entries differ, which are integers; of all orders for independent rows."""
    if np.linalg.matrix_rank(a) == len(a):
        return {tuple((np.array(p) @ a).tolist()) for p in permutations(w.tolist())}
    found: Points = set()
    planes = [one - other for one, other in combinations(a, 2)]
    # Every cell of few dimensions lies beside a ray in which planes meet.
    rays = [np.array([-p[1], p[0]]) for p in planes] if a.shape[1] == 2 else [
        np.cross(*pair) for pair in combinations(planes, 2)] if a.shape[1] == 3 else []
    around = [sign * 10**4 * ray + rng.integers(-99, 100, len(ray)) for ray in rays for sign in 20 * (1, -1)]
    for d in (*rng.integers(-999, 1000, (400, a.shape[1])), *around):
        u = a @ d
        if len(set(u.tolist())) == len(u):
            ranks = np.argsort(np.argsort(u))
            found.add(tuple((w[ranks] @ a).tolist()))
    return found


def case(seed: int) -> tuple[Any, np.ndarray, list[Fraction], Points, int]:
    """f, its smooth part, a vector without that, and the gradients; entries are inputs, or have rows of any kind."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(3, 7))
    n = m if seed % 3 == 0 else int(rng.integers(2, 4)) if seed % 3 == 1 else m + 1
    a = np.eye(n, dtype=int) if seed % 3 == 0 else rng.integers(-2, 3, (m, n))
    w, b = rng.integers(-2, 3, m), rng.integers(-2, 3, n)
    gradients = opened(a, w, rng)
    if len(gradients) < 2:
        return case(seed + 3000)
    chosen = [sorted(gradients)[int(k)] for k in rng.integers(0, len(gradients), 4)]
    weights = [Fraction(int(k), 16) for k in rng.multinomial(16, np.ones(4) / 4)]
    g = [sum((share * one[j] for share, one in zip(weights, chosen, strict=True)), Fraction(0)) for j in range(n)]
    kind = rng.integers(0, 4)
    if kind == 1:
        g = [entry * Fraction(3, 2) for entry in g]
    elif kind == 2:
        g[0] += Fraction(int(rng.integers(-2, 3)), 4)
    elif kind == 3:
        # Outer ones that no direction may open.
        g = [Fraction(int(k)) for k in rng.permutation(w) @ a]
    smooth = rng.random() < 0.3

    def f(x: Any) -> Any:
        u = x @ a.T
        s = np.sort(np.sinh(u) if smooth else u)
        return s @ w + x @ b

    return f, b, g, gradients, n


def member(g: list[Fraction], gradients: Points) -> bool:
    return convex_weights([[Fraction(k) for k in one] for one in sorted(gradients)], g)[0] is not None


def judged(seed: int) -> tuple[an.Report, bool]:
    f, b, g, gradients, n = case(seed)
    report = an.verify(f, np.zeros(n), gradient=np.array([float(k) for k in g]) + b,
                       budget=an.Budget(seconds=0.25))
    return report, member(g, gradients)


@pytest.mark.parametrize("start", range(4))
def test_verdicts_are_those_of_all_orders(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "STABLE", 2)
    seen = []
    for seed in range(start, 40 * FACTOR, 4):
        report, truth = judged(seed)
        if report.verdict is not an.Verdict.UNDECIDED:
            assert bool(report) == truth, (seed, report.method)
            assert report.certificate is not None and report.certificate.check(), seed
            seen.append((report.method, truth))
        assert report.problem.sweeps.sorts
    assert {truth for _, truth in seen} == {False, True} and len(seen) >= 7 * FACTOR


def test_a_walk_gives_convex_weights_on_at_most_as_many_orders_as_entries() -> None:
    rng = np.random.default_rng(0)
    for number in range(600):
        k = int(rng.integers(1, 12))
        places = rng.integers(-3, 4, k).astype(float) if number % 2 else rng.standard_normal(k)
        shares = rng.dirichlet(np.ones(int(rng.integers(1, 6))))
        asked = sum(share * rng.permutation(places) for share in shares)
        found = orders(places, asked, np.zeros(k))
        assert 1 <= len(found) <= k and sum(weight for weight, _ in found) == pytest.approx(1)
        assert all(weight >= 0 and sorted(ranks) == [*range(k)] for weight, ranks in found)
        np.testing.assert_allclose(sum(weight * places[ranks.astype(int)] for weight, ranks in found), asked, atol=1e-9)


def test_what_is_no_mean_of_all_permutations_is_none_of_the_walk() -> None:
    """And the entries that are short show it, for all permutations of few."""
    rng, refuted = np.random.default_rng(1), 0
    for _ in range(400):
        k = int(rng.integers(2, 6))
        places, asked = rng.integers(-2, 3, k).astype(float), rng.integers(-4, 5, k) / 2.0
        every = [[Fraction(one) for one in p] for p in set(permutations(places.tolist()))]
        inside = convex_weights(every, [Fraction(one) for one in asked.tolist()])[0] is not None
        assert bool(orders(places, asked, np.zeros(k))) == inside
        v = short(places, asked)
        if not inside:
            refuted += 1
            assert v @ asked > max(float(v @ np.array(p)) for p in permutations(places))
    assert refuted > 100


def test_columns_are_put_in_order_together() -> None:
    rng = np.random.default_rng(2)
    places = rng.standard_normal((2, 9))
    asked = np.stack([sum(rng.permutation(one) for _ in range(3)) / 3 for one in places])
    columns = [orders(*pair, np.zeros(9)) for pair in zip(places, asked, strict=True)]
    pairs = [np.stack([p[r.astype(int)] for p, r in zip(places, both, strict=True)]) for both in together(columns)]
    assert convex_weights([[Fraction(k) for k in p.reshape(-1)] for p in pairs], [Fraction(0)] * 18)[0] is None
    weights = np.linalg.lstsq(np.stack([p.reshape(-1) for p in pairs], 1), asked.reshape(-1), rcond=None)[0]
    assert weights.min() > -1e-9 and weights.sum() == pytest.approx(1) and len(pairs) <= 17


N = 40


@pytest.mark.parametrize("kind", ["inputs", "turned", "rows", "smooth", "two columns", "mean and |x|"])
def test_means_of_orders_at_scale(kind: str) -> None:
    rng = np.random.default_rng(3)
    w, shares = rng.standard_normal(N), rng.dirichlet(np.ones(5))
    q = sum(share * rng.permutation(w) for share in shares)
    rows, rest = rng.standard_normal((N, 2 * N)), np.zeros(N)
    f, g = {
        "inputs": (lambda x: np.sort(x[:N]) @ w, np.append(q, rest)),
        "turned": (lambda x: 2 * np.sort(-3 * x[:N]) @ w, np.append(-6 * q, rest)),
        "rows": (lambda x: np.sort(rows @ x) @ w + x @ x, rows.T @ q),
        "smooth": (lambda x: np.sort(np.exp(rows @ x)) @ w, rows.T @ q),
        "two columns": (lambda x: (np.sort(x.reshape(2, N), axis=1) @ w) @ np.array([1.0, -2.0]),
                        np.append(q, -2 * rng.permutation(q))),
        "mean and |x|": (lambda x: np.sort(x[:N]) @ w + np.abs(x[N:]).sum(), np.append(q, rng.uniform(-1, 1, N))),
    }[kind]
    report = an.verify(f, np.zeros(2 * N), gradient=g)
    assert report and report.certificate is not None and report.certificate.check()
    apart = an.verify(f, np.zeros(2 * N), gradient=1.5 * g)
    assert apart.verdict is an.Verdict.NOT_CLARKE and apart.certificate.check()


MEDIANS = [lambda x: np.median(-x), lambda x: np.median(2 * x), lambda x: 2 * np.median(x / 2)]


@pytest.mark.parametrize("median", MEDIANS)
@pytest.mark.parametrize("count", [39, 98])
def test_a_median_of_what_is_no_input(median: Any, count: int) -> None:
    x = np.ones(count)
    unit = np.eye(count)[7] * (median(x * 2) - median(x)) / (0.5 if count % 2 == 0 else 1)
    if count % 2 == 0:
        unit = (unit + unit[::-1]) / 4
    assert an.verify(median, x, gradient=unit)
    assert an.verify(median, x, gradient=unit * 1.25).verdict is an.Verdict.NOT_CLARKE


def test_a_bound_below_the_best_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places in the wrong order separate members, which the certificate notices."""
    def wrong(sweeps: Sweeps, v: np.ndarray) -> tuple[float, np.ndarray]:
        right, slopes = outer.outer_support(sweeps, v)
        return min(right, -outer.outer_support(sweeps, -v)[0]), slopes

    w = np.random.default_rng(4).standard_normal(N)
    g = 0.2 * w[::-1] + 0.8 * w
    monkeypatch.setattr(module, "orders", lambda *_: [])
    monkeypatch.setattr(module, "outer_support", wrong)
    monkeypatch.setattr(module, "short", lambda places, asked: asked - asked.mean())
    report = an.verify(lambda x: np.sort(x) @ w, np.zeros(N), gradient=g, budget=an.Budget(seconds=1))
    assert report.verdict is not an.Verdict.CLARKE or report.certificate.check()
    assert report.verdict is not an.Verdict.NOT_CLARKE or not report.certificate.check()


def test_a_sort_before_another_kink_has_no_weights_of_its_own() -> None:
    w = np.arange(N) - 5.0
    for f, known in ((lambda x: np.sort(x) @ w, True), (lambda x: np.abs(np.sort(x) @ w), False),
                     (lambda x: np.sort(np.abs(x)) @ w, True), (lambda x: np.exp(np.sort(x) @ w), True)):
        sweeps = Sweeps(an.trace(f, np.zeros(N)), np.zeros(N))
        found = outer.weights_of_sorts(sweeps)
        assert (found is not None) == known
        if found is not None:
            np.testing.assert_allclose(next(iter(found.values()))[:, 0], w)


def test_no_order_gains_more_than_the_bounds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        w, b = rng.integers(-3, 4, N).astype(float), rng.standard_normal(2 * N)

        def f(x: Any, w: np.ndarray = w, b: np.ndarray = b) -> Any:
            return np.sort(x[:N]) @ w + x @ b + np.abs(x[N : N + 2]).sum()

        sweeps, v = Sweeps(an.trace(f, np.zeros(2 * N)), np.zeros(2 * N)), rng.standard_normal(2 * N)
        most = float(np.sort(v[:N]) @ np.sort(w) + v @ b + np.abs(v[N : N + 2]).sum())
        assert outer.outer_support(sweeps, v)[0] == pytest.approx(most, rel=1e-9)
        assert highest_by_signs(sweeps, v) == pytest.approx(most, rel=1e-9)


def test_entries_that_get_too_little_show_it_where_rows_are_nearly_dependent() -> None:
    rng = np.random.default_rng(0)
    w, rows = rng.standard_normal(N), rng.standard_normal((N, N + 5))
    q = sum(share * rng.permutation(w) for share in rng.dirichlet(np.ones(7)))
    report = an.verify(lambda x: np.sort(rows @ x) @ w, np.zeros(N + 5), gradient=1.3 * rows.T @ q)
    assert report.verdict is an.Verdict.NOT_CLARKE and report.certificate.check()


@pytest.mark.parametrize("count", [600, 3000])
@pytest.mark.parametrize("spelling", [lambda x, w: np.sort(x) @ w, lambda x, w: np.sort(x[::-1])[::-1] @ w])
def test_what_no_order_gives_is_refuted_where_entries_are_too_many_to_walk(spelling: Any, count: int) -> None:
    rng = np.random.default_rng(6)
    w = rng.standard_normal(count)
    q = sum(share * rng.permutation(w) for share in rng.dirichlet(np.ones(5)))
    for g, clarke in ((q, None), (1.5 * q, False), (q + np.eye(count)[0], False)):
        report = an.verify(lambda x: spelling(x, w), np.zeros(count), gradient=g,
                           budget=an.Budget(seconds=0.2 if clarke is None else 1))
        known = None if report.verdict is an.Verdict.UNDECIDED else bool(report)
        assert known == clarke and (known is None or report.certificate.check())


def test_the_support_of_many_tied_entries_is_asked_for_a_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, asked = np.random.default_rng(7), []
    w = rng.standard_normal(600)
    q = sum(share * rng.permutation(w) for share in rng.dirichlet(np.ones(5)))

    def counted(sweeps: Sweeps, v: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(v)
        return outer.outer_support(sweeps, v)

    monkeypatch.setattr(separation, "outer_support", counted)
    an.verify(lambda x: np.sort(x) @ w, np.zeros(600), gradient=q, budget=an.Budget(seconds=0))
    assert len(asked) <= 4


def test_where_a_direction_opens_an_order_no_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, asked = np.random.default_rng(8), []
    w = rng.standard_normal(N)
    monkeypatch.setattr(next_to_program, "zero_under", lambda sweeps, sigma, zero: asked.append(1) or zero)
    report = an.verify(lambda x: np.sort(x) @ w, np.zeros(N), gradient=(w + w[::-1]) / 2)
    assert report and report.certificate.check() and not asked


def test_only_directions_along_which_entries_come_in_their_order_open_it() -> None:
    sweeps = Sweeps(an.trace(lambda x: np.sort(x) @ np.arange(N), np.zeros(N)), np.zeros(N))
    d = np.random.default_rng(9).standard_normal(N)
    slopes = codes(d[1:, None] - d[0])[:, 0]
    level = np.where(d == d.max(), np.sort(d)[-2], d)
    assert next_to_program.opens(sweeps, slopes, d)
    assert not any(next_to_program.opens(sweeps, slopes, other) for other in (-d, d[::-1], level, 0 * d))


def test_a_vector_has_one_walk_in_all_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []

    def walked(places: np.ndarray, *rest: np.ndarray) -> Any:
        asked.append(places)
        return orders(places, *rest)

    monkeypatch.setattr(module, "orders", walked)
    w = np.random.default_rng(10).standard_normal(N)
    program = an.trace(lambda x: np.sort(x) @ w, np.zeros(N))
    for q in (w + w[::-1], w + np.roll(w, 1)):
        an.verify(program, np.zeros(N), gradient=q / 2, budget=an.Budget(seconds=0))
        report = an.verify(program, np.zeros(N), gradient=q / 2)
        assert report and len(asked) <= 2
        asked.clear()
