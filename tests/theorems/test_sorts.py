"""Sorts as one kink: verdicts on random functions against exact gradients of the plain function, and at scale.

The oracle knows no program: on rationals it computes f near the point along many directions, whose gradients span the
generalized gradient of a piecewise-linear f.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.meanings import order
from absnormal.rational.linear_program import convex_weights
from absnormal.sweeps.realized import realizes
from absnormal.theorems import direction, likq

from .judge import FACTOR


def functions(seed: int) -> tuple[Callable[[Any], Any], int]:
    """A sum of weights times sorted linear entries, and sizes before and behind them."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 4)), 3
    a, w = rng.integers(-2, 3, (m, n)), rng.integers(-2, 3, m)
    if rng.random() < 0.5:
        # Entries that are inputs can be put in any order.
        n, a = m, np.eye(m, dtype=int)
    b, kinds = rng.integers(-1, 2, n), rng.integers(0, 5)

    def f(x: Any) -> Any:
        u = x @ a.T
        u = abs(u) if kinds == 1 else u
        s = np.sort(u)
        if kinds == 2:
            s = np.sort(s * w + x @ b)
        total = (s * w)[: m - 1].sum() if kinds == 3 else (s * w).sum()
        return total + abs(s[1] - x @ b) if kinds == 4 else total + abs(x @ b)

    return f, n


@cache
def limiting(seed: int) -> list[list[Fraction]]:
    """The gradients of a function at random points around 0, where it is linear nearby."""
    (f, n), rng = functions(seed), np.random.default_rng(seed)
    found: set[tuple[Fraction, ...]] = set()
    step = Fraction(1, 10**9)
    for place in product(range(-4, 5), repeat=n):
        # Near each point of a grid, where narrow cells meet.
        d = [Fraction(int(a) * 10**4 + int(b)) for a, b in zip(place, rng.integers(-999, 1000, n), strict=True)]
        at = f(np.array(d))
        sides = []
        for sign in (1, -1):
            moved = (np.array([d[j] + sign * step * (i == j) for j in range(n)]) for i in range(n))
            sides.append(tuple(sign * (Fraction(f(x)) - at) / step for x in moved))
        if sides[0] == sides[1]:
            found.add(sides[0])
    return [list(g) for g in found]


def member(g: Any, gradients: list[list[Fraction]]) -> bool:
    return convex_weights(gradients, [Fraction(float(a)).limit_denominator(10**6) for a in g])[0] is not None


def judged(seed: int, slope: Any) -> tuple[Any, Any]:
    """The verdict, and whether the gradient is in the generalized gradient, where the verdict says something."""
    f, n = functions(seed)
    report = an.verify(f, np.zeros(n), slope=slope)
    if report.verdict is an.Verdict.UNDECIDED:
        return report, None
    return report, member(report.gradient, limiting(seed))


@pytest.mark.slow
@pytest.mark.parametrize("slope", ["autograd", -1.0, 0.0, 1.0])
def test_verdicts_are_those_of_exact_gradients(slope: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "STABLE", 2)
    seen, sorts = [], 0
    for seed in range(24 * FACTOR):
        report, truth = judged(seed, slope)
        sorts += bool(report.problem.sweeps.sorts)
        if truth is not None:
            assert bool(report) == truth, (seed, report.method)
            assert report.certificate.check()
            seen.append((report.verdict, report.method))
        assert member(report.clarke_gradient, limiting(seed)), seed
    assert sorts >= 16 and {"likq", "direction"} & {method for _, method in seen}
    assert len(seen) > 6 * FACTOR


def test_an_order_that_no_direction_opens_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(sweeps: Any, sigma: Any, d: Any, rng: Any = None, needed: Any = None) -> Any:
        found = realizes(sweeps, sigma, d, rng)
        for numbers in sweeps.sorts:
            found[np.searchsorted(sweeps.alpha, numbers)] = True
        return found

    monkeypatch.setattr(order, "STABLE", 2)
    # The middle one of x, -x and 2 x is x, and the order in which they stand takes -x.
    middle = partial(an.verify, lambda x: np.sort(x * np.array([1.0, -1.0, 2.0]))[1], [0.0], slope=-1)
    assert middle().gradient == [-1.0] and middle().verdict is not an.Verdict.CLARKE
    monkeypatch.setattr(direction, "realizes", careless)
    assert middle().verdict is an.Verdict.CLARKE


def test_dependent_differences_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "STABLE", 2)
    middle = partial(an.verify, lambda x: np.sort(x[0] * np.array([1.0, -1.0, 2.0]))[1] + x[1], [0.0, 0.0], slope=-1)
    assert middle().gradient.tolist() == [-1.0, 1.0] and middle().verdict is not an.Verdict.CLARKE
    evenly = partial(an.verify, lambda x: np.sort(x[0] * np.array([1.0, -1.0, 2.0]))[1] + x[1], [0.0, 0.0], slope=0)
    assert evenly().gradient[0] == pytest.approx(2 / 3) and evenly().verdict is not an.Verdict.CLARKE
    monkeypatch.setattr(likq, "by_inputs", lambda sweeps: [])
    assert middle().verdict is an.Verdict.CLARKE


STATISTICS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "np.sort": (np.zeros, lambda x: np.sort(x) @ np.linspace(-1, 1, len(x))),
    "np.partition": (np.zeros, lambda x: np.partition(x, -2)[-3:].sum()),
    "np.median": (np.zeros, np.median),
    "np.quantile": (np.zeros, partial(np.quantile, q=0.3)),
    "np.percentile": (np.zeros, partial(np.percentile, q=70)),
    "torch.sort": (torch.zeros, lambda x: torch.sort(x)[0] @ torch.linspace(-1, 1, len(x))),
    "torch.sort, down": (torch.zeros, lambda x: torch.sort(x, descending=True)[0] @ torch.linspace(-1, 1, len(x))),
    "torch.topk": (torch.zeros, lambda x: torch.topk(x, 3)[0].sum()),
    "torch.kthvalue": (torch.zeros, lambda x: torch.kthvalue(x, 7)[0]),
    "torch.median": (torch.zeros, torch.median),
    "torch.median, dim": (torch.zeros, lambda x: torch.median(x, 0)[0]),
    "torch.nanmedian": (torch.zeros, torch.nanmedian),
    "torch.quantile": (torch.zeros, lambda x: torch.quantile(x, 0.3)),
    "jnp.sort": (jnp.zeros, lambda x: jnp.sort(x) @ jnp.linspace(-1, 1, len(x))),
    "jnp.median": (jnp.zeros, jnp.median),
    "jnp.quantile": (jnp.zeros, lambda x: jnp.quantile(x, 0.3)),
}


@pytest.mark.parametrize("n", [33, 20_001])
@pytest.mark.parametrize("name", STATISTICS)
def test_many_equal_entries_have_few_switches(name: str, n: int) -> None:
    zeros, f = STATISTICS[name]
    report = an.verify(f, zeros(n))
    assert report and report.method in ("likq", "direction")
    assert len(report.problem.sweeps.alpha) == n - 1
    assert n > 100 or (report.certificate is not None and report.certificate.check())


def test_equal_entries_among_others() -> None:
    x = np.concatenate([np.arange(5.0), np.full(40, 2.0), np.full(50, 7.0), [9.0, 9.0]])
    for f in (np.median, lambda x: np.sort(x) @ np.arange(len(x)), lambda x: np.sort(np.sin(x))[3:60].sum()):
        report = an.verify(f, x)
        assert report and report.certificate is not None and report.certificate.check()
        assert report.gradient == pytest.approx(report.clarke_gradient)


def test_a_median_of_equal_functions_is_smooth() -> None:
    report = an.verify(lambda x: np.median(np.repeat(x[:1] * 2.0, 40)) + x[1], np.zeros(2))
    assert report and report.method == "smooth" and report.gradient.tolist() == [2.0, 1.0]


def test_a_vector_that_no_order_gives_is_refuted() -> None:
    report = an.verify(np.median, np.zeros(101), gradient=np.full(101, 0.5))
    assert report.verdict is an.Verdict.NOT_CLARKE and report.certificate.check()
    assert an.verify(np.median, np.zeros(101), gradient=np.full(101, 1 / 101))
    assert an.verify(np.median, np.zeros(101), gradient=np.eye(101)[50])
