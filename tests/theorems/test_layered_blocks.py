"""Layered blocks: directions of their own for each layer of kinks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active.layers import depths
from absnormal.certificates.certificate import Certificate
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import layered_blocks as module
from absnormal.theorems.layered_blocks import layered_blocks
from absnormal.theorems.problem import Problem

from ..oracle.expressions import Expr, maximum, minimum, numpy_callable, relu, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import times
from .generators import SMALL
from .judge import Case, case, caught, fuzz, never_wrong, problem, wrong

x, y, w = variables(3)
SLOPES = tuple(map(Fraction, (0, 0, -1, 1, Fraction(1, 2), Fraction(-3, 4))))
KINKS: dict[str, Callable[[Expr], Expr]] = {
    "abs": abs, "relu": relu, "leaky": lambda z: maximum(z, Fraction(1, 4) * z), "neg": lambda z: -relu(-z),
}  # fmt: skip


@st.composite
def stacks(draw: st.DrawFn) -> Case:
    """Kinks of forms in the first inputs, and kinks of those and of the others; slopes of one value a layer, mostly.

    The second layer may hold the inputs of the first too, and some kinks stand beside it.
    """
    sizes = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    n = sum(sizes)
    inputs = variables(n)

    def form(places: range) -> Expr:
        return reduce(add, [times(draw(st.sampled_from(SMALL)), inputs[place]) for place in places])

    def kinked(z: Expr) -> Expr:
        return KINKS[draw(st.sampled_from(list(KINKS)))](z)

    first = [kinked(form(range(sizes[0]))) for _ in range(draw(st.integers(1, 3)))]
    second = []
    for _ in range(draw(st.integers(1, 3))):
        before = [times(draw(st.sampled_from(SMALL)), u) for u in first]
        own = form(range(n) if draw(st.booleans()) else range(sizes[0], n))
        second.append(kinked(reduce(add, [own, *before])))
    nodes = [*first, *second] if draw(st.booleans()) else second
    expr = reduce(add, [times(draw(st.sampled_from(SMALL[:-1])), node) for node in nodes])
    oracle = Oracle.of(expr, (0,) * n)
    rows = oracle.form.L
    layer = [draw(st.sampled_from(SLOPES)) for _ in range(2)]
    c = [layer[int(any(row))] for row in rows]
    if draw(st.booleans()):
        c = [draw(st.sampled_from(SLOPES)) if draw(st.booleans()) else slope for slope in c]
    return Case(expr, (Fraction(0),) * n, tuple(c), numpy_callable(expr))


def proved(f: Any, at: Any, slope: Any = 0.0) -> Any:
    """A verdict CLARKE by layers, with its certificate."""
    report = an.verify(f, at, slope=slope)
    assert (report.verdict.name, report.method) == ("CLARKE", "layered blocks"), report.proof
    assert report.certificate is not None and report.certificate.check()
    return report


@pytest.mark.parametrize(("c", "found"), [
    ((0, 0), True), ((0, 1), True), ((Fraction(1, 2), -1), True), ((Fraction(1, 2), Fraction(1, 4)), True),
])  # fmt: skip
def test_a_layer_behind_a_layer(c: tuple[int, int], found: bool) -> None:
    """-|y + |x|| + |x| / 2: y moves the outer kink alone."""
    u = abs(x)
    a = case(u * Fraction(1, 2) - abs(y + u), [0, 0], c)
    assert (never_wrong(layered_blocks, a) is not None) == found


def test_a_block_may_not_reach_an_earlier_layer() -> None:
    """2 |x| - |2 x + |x|| = -x: slopes 0 give 0."""
    u = abs(x)
    assert never_wrong(layered_blocks, case(2 * u - abs(2 * x + u), [0], [0, 0])) is None


def test_a_uniform_slope_needs_one_sense() -> None:
    """|x| - |-x| with slope 1/2 is 1/2 - (-1/2); with slope 0 it is 0."""
    assert never_wrong(layered_blocks, case(abs(x) - abs(-x), [0], Fraction(1, 2))) is None
    assert never_wrong(layered_blocks, case(abs(x) - abs(-x), [0], 0)) is not None


def test_slopes_of_several_values_need_a_direction_for_each_threshold() -> None:
    """relu(x) - |x + y|, slopes -1 and 0; with the row of the first twice there is no such direction."""
    assert never_wrong(layered_blocks, case(relu(x) - abs(x + y), [0, 0], [-1, 0])) is not None
    assert never_wrong(layered_blocks, case(relu(x) - abs(x), [0, 0], [-1, 0])) is None


def test_a_layer_moves_whole() -> None:
    """2 |x| - |2 x + |x|| + |y + |x|| / 8, with y in the second kink by terms that cancel."""
    u = abs(x)
    a = case(2 * u - abs(2 * x + u + (3 * y - y - 2 * y)) + abs(y + u) * Fraction(1, 8), [0, 0], 0)
    assert not a.clarke and never_wrong(layered_blocks, a) is None


@pytest.mark.parametrize("slope", [0.0, 0.5, -1.0])
def test_a_rate_within_the_rounding_of_values_moves_nothing(slope: float) -> None:
    """|w x| with w = 0.1 + 0.2 - 0.3, which is 0 or not by rounding."""

    def f(v: Any) -> Any:
        return np.abs((v[1] + v[2] - v[3]) * v[0]) - 2 * np.abs(v[4])

    at = np.array([0.0, 0.1, 0.2, 0.3, 0.0])
    sweeps = Sweeps(an.trace(f, at), at)
    assert len(sweeps.alpha) == 2
    assert layered_blocks(Problem(sweeps, np.full(2, slope), an.Budget())) is None


def test_depths_grow_from_comparison_to_comparison() -> None:
    """A maximum of four compares three times, one after the other."""
    sweeps = Sweeps(an.trace(lambda t: np.max(t[:4]) + np.abs(np.max(t[:4]) - t[4]), np.zeros(5)), np.zeros(5))
    assert sorted(depths(sweeps, sweeps.active).tolist()) in ([1, 2, 3, 4], [1, 1, 2, 2, 3, 3, 4])
    assert not depths(sweeps, ~sweeps.active).any()


def test_weights_are_as_private_as_biases() -> None:
    """Two layers of |.| without biases, their weights the variables, both with tied pre-activations."""
    rng = np.random.default_rng(0)
    data = np.abs(rng.standard_normal((6, 3)))

    def f(v: Any) -> Any:
        h = np.abs(data @ v[:12].reshape(3, 4)) + 1.0
        out = np.abs(h @ v[12:].reshape(4, 2))
        return (out @ np.array([1.0, -2.0])).sum() - h.sum()

    proved(f, np.zeros(20), 0.5)


def test_a_shared_bias_before_relus() -> None:
    rng = np.random.default_rng(1)
    data = rng.standard_normal((40, 3))

    def f(v: Any) -> Any:
        h = np.maximum(data @ v[:3] + v[3], 0.0)
        return (h * np.where(np.arange(40) % 3, 1.0, -2.0)).sum() - np.abs(v[4] + h).sum() + np.abs(2 * v[4] - h).sum()

    proved(f, np.zeros(5), 0.25)


def test_a_hundred_thousand_kinks_in_three_layers() -> None:
    rng = np.random.default_rng(2)
    signs = rng.choice([-1.0, 1.0], 40_000)

    def f(v: Any) -> Any:
        u = np.abs(v[:40_000])
        h = np.maximum(v[40_000:80_000] - u, 0.5 * (v[40_000:80_000] - u))
        return (signs * np.abs(v[80_000:] + h)).sum() - u.sum()

    report = an.verify(f, np.zeros(120_000), slope=0.0)
    assert report.verdict.name == "CLARKE"
    proof = layered_blocks(problem(f, np.zeros(120_000)))
    assert proof is not None and len(proof.evidence.layers) == 3  # type: ignore[union-attr]


def test_the_certificate_is_checked_on_rationals() -> None:
    f = lambda t: 0.5 * np.abs(t[0]) - np.abs(t[1] + np.abs(t[0])) + np.maximum(t[0], 0.0)  # noqa: E731
    assert layered_blocks(problem(f, [0.0, 0.0])) is not None
    found = an.verify(f, [0.0, 0.0], slope=0.0).certificate
    assert found is not None and found.check() and Certificate.from_json(found.to_json()).check()


@fuzz(20)
@given(stacks())
def test_never_wrong_on_stacks(a: Case) -> None:
    never_wrong(layered_blocks, a)


def _reaching_back(monkeypatch: pytest.MonkeyPatch) -> None:
    by_layer = module._by_layer
    monkeypatch.setattr(module, "_by_layer", lambda sweeps, counted: (
        (own, np.ones(sweeps.program.n, bool)) for own, _ in by_layer(sweeps, counted)))


def _one_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "depths", lambda sweeps, counted: counted.astype(int))


def _signs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def single(sweeps: Sweeps, own: Any, free: Any, c: Any) -> Any:
        yield Fraction(1), module._searched(sweeps, own, free, np.where(c >= 0, 1.0, -1.0))

    monkeypatch.setattr(module, "_by_thresholds", single)


def _any_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    signs = module._signs

    def filled(*args: Any, **options: Any) -> Any:
        found = signs(*args, **options)
        return np.where(found == 0, 1.0, found) if found.any() else found

    monkeypatch.setattr(module, "_signs", filled)
    monkeypatch.setattr(module, "_reached", lambda sweeps, own, free: True)


#: 2 |x| - |2 x + |x|| = -x under slopes 0, and |x| - |2 x| under slopes 1/4 and 1: both gradients are none.
BEHIND = case(2 * (u := abs(x)) - abs(2 * x + u), [0], [0, 0])
DEPENDENT = case(abs(x) - abs(2 * x), [0], [Fraction(1, 4), 1])


@pytest.mark.parametrize(("broken", "a"), [(_reaching_back, BEHIND), (_one_layer, BEHIND), (_signs_alone, DEPENDENT)])
def test_a_broken_variant_is_wrong(broken: Any, a: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert never_wrong(layered_blocks, a) is None
    broken(monkeypatch)
    assert wrong(layered_blocks, a)


@pytest.mark.slow
def test_a_layer_that_does_not_move_whole_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    _any_moves(monkeypatch)
    assert caught(layered_blocks, stacks(), 2000)


def test_a_minimum_behind_a_maximum() -> None:
    """Trees that read each input once are layers of comparisons, each with an input of its own."""
    a = case(minimum(maximum(x, y), w) - abs(w), [0, 0, 0], 0)
    never_wrong(layered_blocks, a)
